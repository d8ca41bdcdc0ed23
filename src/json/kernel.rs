//! What turns blocks of elements into text, compiled for each set of instructions.

use std::{any::TypeId, cell::RefCell, thread::LocalKey};

use super::{
    Level, Options,
    fmt::{cursor::Cursor, digits},
    rows::Rows,
};

/// How many elements are formatted together.
pub(crate) const BLOCK: usize = 64;

/// Bytes that may be written beyond the text.
pub(crate) const SLACK: usize = 64;

/// How blocks of elements become text.
pub trait Kernel: Copy + 'static {
    /// The most bytes of an element and its comma.
    const MAX_LEN: usize;

    /// What a block of `N` elements needs between its steps.
    type Scratch<const N: usize>: Default;

    /// Lends a scratch that holds nothing, or what an earlier block of this type left.
    fn with_scratch<R>(borrow: impl FnOnce(&mut Self::Scratch<BLOCK>) -> R) -> R;

    /// Writes at most `N` elements with a comma after each, and the brackets where rows end.
    ///
    /// # Errors
    /// The count of a moment without a text; then what has been written is of no use.
    ///
    /// # Safety
    /// The processor has `I`. `cursor` has room for [`MAX_LEN`](Self::MAX_LEN) bytes for each, for the brackets, and for
    /// [`SLACK`] bytes more.
    #[expect(unsafe_code, reason = "see `Cursor`")]
    unsafe fn write<I: digits::Digits, const N: usize>(
        elements: &[Self],
        scratch: &mut Self::Scratch<N>,
        rows: &mut Rows,
        options: &Options,
        cursor: Cursor,
    ) -> Result<Cursor, i64>;
}

/// A scratch that a thread keeps: several KiB, whose making takes longer than a short array.
#[derive(Default)]
pub(crate) struct Kept<S> {
    /// The type of the last block. What a block leaves is read as padding of the next, so it must not
    /// be of another type.
    of: Option<TypeId>,
    scratch: S,
}

/// Lends what the thread keeps to elements of `T`.
pub(crate) fn lend<T: 'static, S: Default, R>(
    kept: &'static LocalKey<RefCell<Kept<S>>>,
    borrow: impl FnOnce(&mut S) -> R,
) -> R {
    let of = Some(TypeId::of::<T>());
    // Nothing that is called with it comes back here.
    kept.with_borrow_mut(|kept| {
        if kept.of != of {
            let scratch = S::default();
            *kept = Kept { of, scratch };
        }
        borrow(&mut kept.scratch)
    })
}

/// [`Kernel::write`] for blocks, of one level.
pub(crate) type WriteBlock<T> = unsafe fn(
    &[T],
    &mut <T as Kernel>::Scratch<BLOCK>,
    &mut Rows,
    &Options,
    Cursor,
) -> Result<Cursor, i64>;

/// The function for `level`, which must be available where it is called.
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
        /// As [`Kernel::write`]; and the processor has the instructions.
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
    digits::Avx2,
    #[cfg(target_arch = "x86_64")]
    #[target_feature(
        enable = "avx2,bmi1,bmi2,fma,lzcnt,popcnt,avx512f,avx512bw,avx512cd,avx512dq,avx512vl"
    )]
);

/// An array without elements, as an element of the axes before the empty one.
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
            // SAFETY: the caller has room for `MAX_LEN` bytes, the brackets and `SLACK` bytes.
            unsafe {
                cursor.put(0, *b"[],");
                cursor.advance(3);
                cursor = rows.close(cursor);
            }
        }
        Ok(cursor)
    }
}
