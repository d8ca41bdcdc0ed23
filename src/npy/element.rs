//! Bytes of a file in, elements out, and back: one implementation for each Rust type.

use std::fmt;

use num_complex::Complex;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unalign};

use super::NpyError;
use crate::{
    DatetimeD, DatetimeH, DatetimeM, DatetimeMin, DatetimeMs, DatetimeNs, DatetimeS, DatetimeUs,
    DatetimeW, DatetimeY, Dtype, TimeUnit, f16,
};

/// A type that elements of an NPY file can be loaded as and saved from: those of
/// [`Element`](crate::Element), [`Complex<f32>`](super::Complex), `Complex<f64>` and durations such
/// as [`TimedeltaNs`]. Sealed, because numpy's data types are a closed set.
pub trait NpyElement: Copy + fmt::Debug + PartialEq + Send + Sync + Cast + 'static {
    /// The data type it is saved as.
    fn npy_dtype() -> Dtype;

    /// Whether elements of `dtype` can be loaded as this type. Besides its own, `i64` takes all
    /// `datetime64` and `timedelta64`, as their count of units.
    #[must_use]
    fn loads(dtype: Dtype) -> bool {
        dtype == Self::npy_dtype()
    }
}

/// The casts behind [`NpyElement`]. Lengths of bytes are multiples of the element's size.
pub trait Cast: Sized {
    /// The bytes as elements in native byte order.
    fn cast(bytes: &[u8]) -> Result<&[Self], NpyError>;

    /// The bytes as elements in native byte order, at any address.
    fn cast_unaligned(bytes: &[u8]) -> Result<&[Unalign<Self>], NpyError>;

    /// The bytes as elements in native byte order, to be changed.
    fn cast_mut(bytes: &mut [u8]) -> Result<&mut [Self], NpyError>;

    /// Copies the elements to the end of `out`; `swapped` if the bytes have the other byte order.
    fn append(bytes: &[u8], swapped: bool, out: &mut Vec<Self>) -> Result<(), NpyError>;

    /// A copy of the elements; `swapped` if the bytes have the other byte order.
    fn decode(bytes: &[u8], swapped: bool) -> Result<Vec<Self>, NpyError> {
        let mut elements = Vec::with_capacity(bytes.len() / size_of::<Self>());
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

// Durations as numpy's `timedelta64` stores them: a count of units; the least is NaT.
macro_rules! timedelta {
    ($($(#[$doc:meta])* $name:ident, $unit:ident;)*) => { $(
        $(#[$doc])*
        ///
        /// A count of units; `i64::MIN` is NaT, "not a time".
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, IntoBytes, FromBytes, Immutable, KnownLayout)]
        #[repr(transparent)]
        pub struct $name(pub i64);

        impl NpyElement for $name {
            fn npy_dtype() -> Dtype {
                Dtype::Timedelta64(TimeUnit::$unit)
            }
        }

        cast!($name, 8, |chunk| Self(i64::from_ne_bytes(chunk)), |chunk| Self(swapped_i64(chunk)));
    )* };
}

/// Appends elements of `N` bytes each from anywhere in memory.
///
/// The compiler makes the loop a `memcpy`; see [`piece_len`].
#[inline]
fn convert<const N: usize, T>(bytes: &[u8], element: impl Fn([u8; N]) -> T, out: &mut Vec<T>) {
    let (chunks, rest) = bytes.as_chunks::<N>();
    debug_assert!(rest.is_empty());
    out.reserve(chunks.len());
    for piece in chunks.chunks(piece_len(bytes) / N) {
        out.extend(piece.iter().map(|chunk| element(*chunk)));
    }
}

/// From how many bytes on a copy is best made in one go. Pieces are slower where the system maps
/// each such block anew: 1.5 times at some misaligned addresses of 10 MiB.
pub(super) const LARGE: usize = 2 << 20;

/// How many of `bytes` are best copied at once; a multiple of every element's size.
///
/// glibc copies blocks of more than 2 KiB with `rep movsb`, which takes up to 15 times as long at
/// some misaligned addresses, and those that the cache can't hold without it.
const fn piece_len(bytes: &[u8]) -> usize {
    if bytes.len() < LARGE {
        2048
    } else {
        bytes.len()
    }
}

// Types whose every bit pattern is a value: zerocopy casts them.
macro_rules! cast {
    ($type:ty, $size:literal, $native:expr, $swapped:expr) => {
        impl Cast for $type {
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
    ($($type:ty => $dtype:ident, $size:literal;)*) => { $(
        impl NpyElement for $type {
            fn npy_dtype() -> Dtype {
                Dtype::$dtype
            }
        }

        number!(cast $type, $size);
    )* };
    (cast $type:ty, $size:literal) => {
        cast!(
            $type,
            $size,
            <$type>::from_ne_bytes,
            if cfg!(target_endian = "little") {
                <$type>::from_be_bytes
            } else {
                <$type>::from_le_bytes
            }
        );
    };
}

number! {
    i8 => Int8, 1; i16 => Int16, 2; i32 => Int32, 4;
    u8 => Uint8, 1; u16 => Uint16, 2; u32 => Uint32, 4; u64 => Uint64, 8;
    f16 => Float16, 2; f32 => Float32, 4; f64 => Float64, 8;
}

impl NpyElement for i64 {
    fn npy_dtype() -> Dtype {
        Dtype::Int64
    }

    fn loads(dtype: Dtype) -> bool {
        matches!(
            dtype,
            Dtype::Int64 | Dtype::Datetime64(_) | Dtype::Timedelta64(_)
        )
    }
}

number!(cast i64, 8);

fn swapped_i64(chunk: [u8; 8]) -> i64 {
    i64::from_ne_bytes(chunk).swap_bytes()
}

macro_rules! moment {
    ($($name:ident),*) => { $(
        impl NpyElement for $name {
            fn npy_dtype() -> Dtype {
                <Self as crate::Element>::DTYPE
            }
        }

        cast!($name, 8, |chunk| Self(i64::from_ne_bytes(chunk)), |chunk| Self(swapped_i64(chunk)));
    )* };
}

moment! {
    DatetimeY, DatetimeM, DatetimeW, DatetimeD, DatetimeH, DatetimeMin, DatetimeS, DatetimeMs,
    DatetimeUs, DatetimeNs
}

timedelta! {
    /// `timedelta64[Y]`.
    TimedeltaY, Year;
    /// `timedelta64[M]`.
    TimedeltaM, Month;
    /// `timedelta64[W]`.
    TimedeltaW, Week;
    /// `timedelta64[D]`.
    TimedeltaD, Day;
    /// `timedelta64[h]`.
    TimedeltaH, Hour;
    /// `timedelta64[m]`.
    TimedeltaMin, Minute;
    /// `timedelta64[s]`.
    TimedeltaS, Second;
    /// `timedelta64[ms]`.
    TimedeltaMs, Millisecond;
    /// `timedelta64[us]`.
    TimedeltaUs, Microsecond;
    /// `timedelta64[ns]`.
    TimedeltaNs, Nanosecond;
}

impl NpyElement for bool {
    fn npy_dtype() -> Dtype {
        Dtype::Bool
    }
}

impl Cast for bool {
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
        // Checked in the loop that copies, which has no early exit, so that it is as fast as a
        // copy alone.
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
/// so that it runs at memory speed.
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

/// The error for `bytes`, before which there are `before` others.
#[cold]
fn invalid_bool(bytes: &[u8], before: usize) -> NpyError {
    let index = bytes.iter().position(|&byte| byte > 1).unwrap_or_default();
    NpyError::InvalidBool {
        index: before + index,
    }
}

// Only after `check_bools`. zerocopy's own cast looks at each byte again and alone, which takes
// some 25 times as long as the reduction above.
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
        impl NpyElement for Complex<$part> {
            fn npy_dtype() -> Dtype {
                Dtype::$dtype
            }
        }

        impl Cast for Complex<$part> {
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
