//! Converts blocks of elements to text, compiled for each level of instructions.

use std::{any::TypeId, cell::RefCell, thread::LocalKey};

use super::{
    Level, Options,
    fmt::{cursor::Cursor, digits},
    rows::Rows,
};

/// The number of elements that are formatted together.
pub(crate) const BLOCK: usize = 64;

/// The number of bytes that may be written beyond the text.
pub(crate) const SLACK: usize = 64;

/// Converts blocks of elements to text.
pub trait Kernel: Copy + 'static {
    /// The maximum length of an element with its comma, in bytes.
    const MAX_LEN: usize;

    /// Intermediate results of a block of `N` elements.
    type Scratch<const N: usize>: Default;

    /// Passes a scratch buffer to `borrow`. It is new, or was last used for this type.
    fn with_scratch<R>(borrow: impl FnOnce(&mut Self::Scratch<BLOCK>) -> R) -> R;

    /// Writes at most `N` elements, each followed by a comma, and the brackets at the ends of rows.
    ///
    /// # Errors
    /// The count of a datetime that can't be represented; the text is incomplete then.
    ///
    /// # Safety
    /// The processor must support `I`. `cursor` must have room for [`MAX_LEN`](Self::MAX_LEN) bytes per
    /// element, for the brackets, and for [`SLACK`] bytes more.
    #[expect(unsafe_code, reason = "see `Cursor`")]
    unsafe fn write<I: digits::Digits, const N: usize>(
        elements: &[Self],
        scratch: &mut Self::Scratch<N>,
        rows: &mut Rows,
        options: &Options,
        cursor: Cursor,
    ) -> Result<Cursor, i64>;
}

/// A scratch buffer kept per thread, because initializing several KiB takes longer than a short array.
#[derive(Default)]
pub(crate) struct Kept<S> {
    /// The element type of the last block. Its values are read as padding of the next block, so they
    /// must be valid for the same type.
    of: Option<TypeId>,
    scratch: S,
}

/// Passes the scratch buffer of this thread to `borrow`. Resets it if it was last used for another type.
pub(crate) fn lend<T: 'static, S: Default, R>(
    kept: &'static LocalKey<RefCell<Kept<S>>>,
    borrow: impl FnOnce(&mut S) -> R,
) -> R {
    let of = Some(TypeId::of::<T>());
    // `borrow` never calls this function, so the `RefCell` isn't borrowed twice.
    kept.with_borrow_mut(|kept| {
        if kept.of != of {
            let scratch = S::default();
            *kept = Kept { of, scratch };
        }
        borrow(&mut kept.scratch)
    })
}

/// [`Kernel::write`], compiled for one level.
pub(crate) type WriteBlock<T> = unsafe fn(
    &[T],
    &mut <T as Kernel>::Scratch<BLOCK>,
    &mut Rows,
    &Options,
    Cursor,
) -> Result<Cursor, i64>;

/// The function for `level`. To call it, the level must be available.
pub(crate) fn write_block<T: Kernel>(level: Level) -> WriteBlock<T> {
    match level {
        #[cfg(target_arch = "x86_64")]
        Level::Avx2 => write_avx2::<T>,
        #[cfg(target_arch = "x86_64")]
        Level::Avx512 => write_avx512::<T>,
        _ => write_baseline::<T>,
    }
}

macro_rules! level {
    ($name:ident, $digits:ty, $(#[$attribute:meta])*) => {
        /// # Safety
        /// See [`Kernel::write`]; the processor must also support the enabled target features.
        #[expect(unsafe_code, reason = "see `Cursor`")]
        $(#[$attribute])*
        unsafe fn $name<T: Kernel>(
            elements: &[T],
            scratch: &mut T::Scratch<BLOCK>,
            rows: &mut Rows,
            options: &Options,
            cursor: Cursor,
        ) -> Result<Cursor, i64> {
            // SAFETY: the caller's contract.
            unsafe { T::write::<$digits, BLOCK>(elements, scratch, rows, options, cursor) }
        }
    };
}

level!(write_baseline, digits::Baseline,);
level!(
    write_avx2,
    digits::Avx2,
    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "avx2,bmi1,bmi2,fma,lzcnt,popcnt")]
);
level!(
    write_avx512,
    digits::Avx512,
    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "avx2,bmi1,bmi2,fma,lzcnt,popcnt")]
    #[target_feature(enable = "avx512f,avx512bw,avx512cd,avx512dq,avx512vl")]
    #[target_feature(enable = "avx512ifma,avx512vbmi,avx512vbmi2")]
);

/// An empty array `[]`, treated as an element of an array with the axes before the one of length 0.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Empty;

#[expect(unsafe_code, reason = "see `Cursor`")]
impl Kernel for Empty {
    const MAX_LEN: usize = 3;
    type Scratch<const N: usize> = ();

    fn with_scratch<R>(borrow: impl FnOnce(&mut ()) -> R) -> R {
        borrow(&mut ())
    }

    unsafe fn write<I: digits::Digits, const N: usize>(
        elements: &[Self],
        (): &mut (),
        rows: &mut Rows,
        _: &Options,
        mut cursor: Cursor,
    ) -> Result<Cursor, i64> {
        for _ in elements {
            rows.take(1);
            // SAFETY: the caller reserved `MAX_LEN` bytes, the brackets and `SLACK` bytes.
            unsafe {
                cursor.put(0, *b"[],");
                cursor.advance(3);
                cursor = rows.close(cursor);
            }
        }
        Ok(cursor)
    }
}
