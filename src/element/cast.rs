//! Converts between elements and bytes: one implementation for each Rust type.

use half::f16;
use num_complex::Complex;
use zerocopy::{FromBytes, IntoBytes, Unalign};

use super::Element;
use crate::{Dtype, TimeUnit, datetime, npy::NpyError, pages};

/// The casts behind [`Element`]. Byte lengths must be multiples of the element's size.
pub trait Cast: Sized {
    /// Whether elements of `dtype` can be loaded as this type. Besides its own type, `i64` accepts all
    /// `datetime64` and `timedelta64`, as their counts of units.
    fn loads(dtype: Dtype) -> bool;

    /// The bytes as elements in native byte order.
    fn cast(bytes: &[u8]) -> Result<&[Self], NpyError>;

    /// The bytes as elements in native byte order, at any address.
    fn cast_unaligned(bytes: &[u8]) -> Result<&[Unalign<Self>], NpyError>;

    /// The bytes as mutable elements in native byte order.
    fn cast_mut(bytes: &mut [u8]) -> Result<&mut [Self], NpyError>;

    /// Appends the elements to `out`; `swapped` if the bytes don't have the native byte order.
    fn append(bytes: &[u8], swapped: bool, out: &mut Vec<Self>) -> Result<(), NpyError>;

    /// A copy of the elements; `swapped` if the bytes don't have the native byte order.
    fn decode(bytes: &[u8], swapped: bool) -> Result<Vec<Self>, NpyError> {
        let mut elements = pages::with_capacity(bytes.len() / size_of::<Self>());
        Self::append(bytes, swapped, &mut elements)?;
        Ok(elements)
    }

    /// The bytes of the elements in native byte order.
    fn bytes(elements: &[Self]) -> &[u8];
}

const WHOLE: &str = "the length is a multiple of the element's size";

fn misaligned<T, E>(_: E) -> NpyError {
    NpyError::Misaligned {
        alignment: align_of::<T>(),
    }
}

/// Appends elements of `N` bytes each from anywhere in memory.
///
/// The compiler turns the loop into a `memcpy`; see [`chunk_len`].
#[inline]
fn convert<const N: usize, T>(bytes: &[u8], element: impl Fn([u8; N]) -> T, out: &mut Vec<T>) {
    let (elements, rest) = bytes.as_chunks::<N>();
    debug_assert!(rest.is_empty());
    out.reserve(elements.len());
    for chunk in elements.chunks(chunk_len(bytes) / N) {
        out.extend(chunk.iter().map(|bytes| element(*bytes)));
    }
}

/// From this size on, copy everything at once. Chunks are slower if the system maps
/// each such block anew: 1.5 times at some misaligned addresses of 10 MiB.
pub(crate) const LARGE: usize = 2 << 20;

/// How many of `bytes` to copy at once; a multiple of every element's size.
///
/// glibc copies blocks of more than 2 KiB with `rep movsb`, which takes up to 15 times as long at
/// some misaligned addresses, except for blocks larger than the cache.
const fn chunk_len(bytes: &[u8]) -> usize {
    if bytes.len() < LARGE {
        2048
    } else {
        bytes.len()
    }
}

// Types for which every bit pattern is valid: zerocopy casts them.
macro_rules! cast {
    ($type:ty, $loads:pat, $native:expr, $swapped:expr) => {
        impl Cast for $type {
            fn loads(dtype: Dtype) -> bool {
                matches!(dtype, $loads)
            }

            #[inline]
            fn cast(bytes: &[u8]) -> Result<&[Self], NpyError> {
                <[Self]>::ref_from_bytes(bytes).map_err(misaligned::<Self, _>)
            }

            #[inline]
            fn cast_unaligned(bytes: &[u8]) -> Result<&[Unalign<Self>], NpyError> {
                Ok(<[Unalign<Self>]>::ref_from_bytes(bytes).expect(WHOLE))
            }

            #[inline]
            fn cast_mut(bytes: &mut [u8]) -> Result<&mut [Self], NpyError> {
                <[Self]>::mut_from_bytes(bytes).map_err(misaligned::<Self, _>)
            }

            fn append(bytes: &[u8], swapped: bool, out: &mut Vec<Self>) -> Result<(), NpyError> {
                if swapped {
                    convert(bytes, $swapped, out);
                } else {
                    convert(bytes, $native, out);
                }
                Ok(())
            }

            fn bytes(elements: &[Self]) -> &[u8] {
                elements.as_bytes()
            }
        }
    };
}

macro_rules! number {
    ($($type:ty, $dtype:ident, $loads:pat,)*) => { $(
        impl Element for $type {
            const DTYPE: Dtype = Dtype::$dtype;
        }

        cast!(
            $type,
            $loads,
            <$type>::from_ne_bytes,
            if cfg!(target_endian = "little") {
                <$type>::from_be_bytes
            } else {
                <$type>::from_le_bytes
            }
        );
    )* };
}

number! {
    i8, Int8, Dtype::Int8,
    i16, Int16, Dtype::Int16,
    i32, Int32, Dtype::Int32,
    i64, Int64, Dtype::Int64
        | Dtype::Datetime64(_) | Dtype::Timedelta64(_)
        | Dtype::DatetimeStep(_) | Dtype::TimedeltaStep(_),
    u8, Uint8, Dtype::Uint8,
    u16, Uint16, Dtype::Uint16,
    u32, Uint32, Dtype::Uint32,
    u64, Uint64, Dtype::Uint64,
    f16, Float16, Dtype::Float16,
    f32, Float32, Dtype::Float32,
    f64, Float64, Dtype::Float64,
}

macro_rules! time {
    ($($datetime:ident, $timedelta:ident, $unit:ident;)*) => {
        $(time!(datetime::$datetime, Dtype::Datetime64(TimeUnit::$unit));)*
        $(time!(datetime::$timedelta, Dtype::Timedelta64(TimeUnit::$unit));)*
    };
    ($type:ty, Dtype::$dtype:ident(TimeUnit::$unit:ident)) => {
        impl Element for $type {
            const DTYPE: Dtype = Dtype::$dtype(TimeUnit::$unit);
        }

        cast!(
            $type,
            Dtype::$dtype(TimeUnit::$unit),
            |chunk| Self(i64::from_ne_bytes(chunk)),
            |chunk| Self(i64::from_ne_bytes(chunk).swap_bytes())
        );
    };
}

time! {
    DatetimeY, TimedeltaY, Year;
    DatetimeM, TimedeltaM, Month;
    DatetimeW, TimedeltaW, Week;
    DatetimeD, TimedeltaD, Day;
    DatetimeH, TimedeltaH, Hour;
    DatetimeMin, TimedeltaMin, Minute;
    DatetimeS, TimedeltaS, Second;
    DatetimeMs, TimedeltaMs, Millisecond;
    DatetimeUs, TimedeltaUs, Microsecond;
    DatetimeNs, TimedeltaNs, Nanosecond;
}

impl Element for bool {
    const DTYPE: Dtype = Dtype::Bool;
}

impl Cast for bool {
    fn loads(dtype: Dtype) -> bool {
        dtype == Dtype::Bool
    }

    fn cast(bytes: &[u8]) -> Result<&[Self], NpyError> {
        check_bools(bytes)?;
        Ok(as_bools(bytes))
    }

    fn cast_unaligned(bytes: &[u8]) -> Result<&[Unalign<Self>], NpyError> {
        Self::cast(bytes).map(as_unaligned)
    }

    fn cast_mut(bytes: &mut [u8]) -> Result<&mut [Self], NpyError> {
        check_bools(bytes)?;
        Ok(as_bools_mut(bytes))
    }

    fn append(bytes: &[u8], _swapped: bool, out: &mut Vec<Self>) -> Result<(), NpyError> {
        // Check in the loop that copies. It has no early exit, so that it is as fast as only
        // copying.
        let before = out.len();
        let mut all = 0;
        out.extend(bytes.iter().map(|&byte| {
            all |= byte;
            byte & 1 == 1
        }));
        if all <= 1 {
            return Ok(());
        }
        Err(invalid_bool(bytes, before))
    }

    fn bytes(elements: &[Self]) -> &[u8] {
        elements.as_bytes()
    }
}

/// Whether every byte is 0 or 1. The reduction has no early exit and sixty-four independent parts,
/// so it runs at memory speed.
fn are_bools(bytes: &[u8]) -> bool {
    let (chunks, rest) = bytes.as_chunks::<64>();
    let mut parts = [0; 64];
    for chunk in chunks {
        for (part, byte) in parts.iter_mut().zip(chunk) {
            *part |= byte;
        }
    }
    parts.iter().chain(rest).fold(0, |all, byte| all | byte) <= 1
}

fn check_bools(bytes: &[u8]) -> Result<(), NpyError> {
    if are_bools(bytes) {
        return Ok(());
    }
    Err(invalid_bool(bytes, 0))
}

/// The error for `bytes`, which are preceded by `before` others.
#[cold]
fn invalid_bool(bytes: &[u8], before: usize) -> NpyError {
    let index = bytes.iter().position(|&byte| byte > 1).unwrap_or_default();
    NpyError::InvalidBool {
        index: before + index,
    }
}

// Only after `check_bools`. zerocopy's own cast checks each byte again, one by one, which takes
// about 25 times as long as the reduction above.
#[expect(unsafe_code, reason = "zerocopy's checked cast is slower")]
fn as_bools(bytes: &[u8]) -> &[bool] {
    debug_assert!(are_bools(bytes));
    // SAFETY: every byte is 0 or 1, the two values of `bool`, which has the size and alignment of
    // a byte; lifetime and length stay.
    unsafe { std::slice::from_raw_parts(bytes.as_ptr().cast(), bytes.len()) }
}

#[expect(unsafe_code, reason = "zerocopy's checked cast is slower")]
fn as_bools_mut(bytes: &mut [u8]) -> &mut [bool] {
    debug_assert!(are_bools(bytes));
    // SAFETY: as for `as_bools`; and every `bool` that is written is a valid byte.
    unsafe { std::slice::from_raw_parts_mut(bytes.as_mut_ptr().cast(), bytes.len()) }
}

#[expect(unsafe_code, reason = "zerocopy's checked cast is slower")]
fn as_unaligned(elements: &[bool]) -> &[Unalign<bool>] {
    // SAFETY: `Unalign<bool>` is "guaranteed to have the same size and bit validity" as `bool`, and
    // an alignment of 1; lifetime and length stay.
    unsafe { std::slice::from_raw_parts(elements.as_ptr().cast(), elements.len()) }
}

macro_rules! complex {
    ($($part:ty => $dtype:ident, $size:literal;)*) => { $(
        impl Element for Complex<$part> {
            const DTYPE: Dtype = Dtype::$dtype;
        }

        impl Cast for Complex<$part> {
            fn loads(dtype: Dtype) -> bool {
                dtype == Dtype::$dtype
            }

            #[inline]
            fn cast(bytes: &[u8]) -> Result<&[Self], NpyError> {
                <[[$part; 2]]>::ref_from_bytes(bytes)
                    .map(as_complex)
                    .map_err(misaligned::<Self, _>)
            }

            #[inline]
            fn cast_unaligned(bytes: &[u8]) -> Result<&[Unalign<Self>], NpyError> {
                let pairs = <[Unalign<[$part; 2]>]>::ref_from_bytes(bytes);
                Ok(as_unaligned_complex(pairs.expect(WHOLE)))
            }

            #[inline]
            fn cast_mut(bytes: &mut [u8]) -> Result<&mut [Self], NpyError> {
                <[[$part; 2]]>::mut_from_bytes(bytes)
                    .map(as_complex_mut)
                    .map_err(misaligned::<Self, _>)
            }

            fn append(bytes: &[u8], swapped: bool, out: &mut Vec<Self>) -> Result<(), NpyError> {
                let part = |part: &[u8; $size]| {
                    let bits = <$part>::from_ne_bytes(*part).to_bits();
                    <$part>::from_bits(if swapped { bits.swap_bytes() } else { bits })
                };
                let element = |pair: [u8; 2 * $size]| {
                    let (parts, _) = pair.as_chunks::<$size>();
                    Self::new(part(&parts[0]), part(&parts[1]))
                };
                convert(bytes, element, out);
                Ok(())
            }

            fn bytes(elements: &[Self]) -> &[u8] {
                as_parts(elements).as_bytes()
            }
        }
    )* };
}

complex! {
    f32 => Complex64, 4;
    f64 => Complex128, 8;
}

// `Complex` has no zerocopy traits, and its documentation says that it "is memory layout
// compatible with an array [T; 2]".
#[expect(
    unsafe_code,
    reason = "no safe cast exists without one more dependency"
)]
fn as_complex<T>(parts: &[[T; 2]]) -> &[Complex<T>] {
    const { assert!(size_of::<Complex<T>>() == size_of::<[T; 2]>()) };
    // SAFETY: `Complex<T>` is `repr(C)` with two fields of `T`: layout and validity are those of
    // `[T; 2]`; lifetime and length stay.
    unsafe { std::slice::from_raw_parts(parts.as_ptr().cast(), parts.len()) }
}

#[expect(
    unsafe_code,
    reason = "no safe cast exists without one more dependency"
)]
fn as_unaligned_complex<T>(parts: &[Unalign<[T; 2]>]) -> &[Unalign<Complex<T>>] {
    const { assert!(size_of::<Complex<T>>() == size_of::<[T; 2]>()) };
    // SAFETY: as for `as_complex`; `Unalign` has the size and validity of what it wraps.
    unsafe { std::slice::from_raw_parts(parts.as_ptr().cast(), parts.len()) }
}

#[expect(
    unsafe_code,
    reason = "no safe cast exists without one more dependency"
)]
fn as_complex_mut<T>(parts: &mut [[T; 2]]) -> &mut [Complex<T>] {
    const { assert!(size_of::<Complex<T>>() == size_of::<[T; 2]>()) };
    // SAFETY: as for `as_complex`, in both directions.
    unsafe { std::slice::from_raw_parts_mut(parts.as_mut_ptr().cast(), parts.len()) }
}

#[expect(
    unsafe_code,
    reason = "no safe cast exists without one more dependency"
)]
fn as_parts<T>(elements: &[Complex<T>]) -> &[[T; 2]] {
    const { assert!(size_of::<Complex<T>>() == size_of::<[T; 2]>()) };
    // SAFETY: as for `as_complex`, the other way.
    unsafe { std::slice::from_raw_parts(elements.as_ptr().cast(), elements.len()) }
}
