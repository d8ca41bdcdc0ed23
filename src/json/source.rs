//! Iterates over the elements of an array in C order, in blocks, without copying the array.

use std::mem::MaybeUninit;

use ndarray::{ArrayView, Dimension, IxDyn};

use super::kernel::BLOCK;

/// The remaining elements.
pub(crate) enum Source<'a, T> {
    /// Contiguous in memory, in C order.
    Slice(&'a [T]),
    /// Copied into a block at a time.
    Strided(Strided<'a, T>),
}

impl<'a, T: Copy> Source<'a, T> {
    pub(crate) fn new<D: Dimension>(array: ArrayView<'a, T, D>) -> Self {
        match array.to_slice() {
            Some(elements) => Self::Slice(elements),
            None => Self::Strided(Strided::new(array.into_dyn())),
        }
    }

    pub(crate) fn len(&self) -> usize {
        match self {
            Self::Slice(elements) => elements.len(),
            Self::Strided(strided) => strided.left,
        }
    }

    /// The element at `index` in C order. Call it only before [`next`](Self::next).
    pub(crate) fn at(&self, index: usize) -> T {
        match self {
            Self::Slice(elements) => elements[index],
            Self::Strided(strided) => strided.at(index),
        }
    }

    /// The next [`BLOCK`] elements, or all that are left.
    #[inline]
    pub(crate) fn next(&mut self) -> &[T] {
        match self {
            Self::Slice(elements) => {
                let (block, rest) = elements.split_at(elements.len().min(BLOCK));
                *elements = rest;
                block
            }
            Self::Strided(strided) => strided.next(),
        }
    }
}

/// The remaining elements of an array with any strides.
pub(crate) struct Strided<'a, T> {
    array: ArrayView<'a, T, IxDyn>,
    /// The index of the next element.
    index: IxDyn,
    left: usize,
    block: [MaybeUninit<T>; BLOCK],
}

impl<'a, T: Copy> Strided<'a, T> {
    fn new(array: ArrayView<'a, T, IxDyn>) -> Self {
        Self {
            index: IxDyn::zeros(array.ndim()),
            left: array.len(),
            array,
            block: [MaybeUninit::uninit(); BLOCK],
        }
    }

    fn at(&self, mut index: usize) -> T {
        let mut place = IxDyn::zeros(self.array.ndim());
        for (axis, &len) in self.array.shape().iter().enumerate().rev() {
            place[axis] = index % len;
            index /= len;
        }
        self.array[place]
    }

    #[expect(unsafe_code, reason = "ndarray's iterators take several times as long")]
    fn next(&mut self) -> &[T] {
        let len = self.left.min(BLOCK);
        let last = self.array.ndim() - 1;
        let stride = self.array.strides()[last];
        let mut filled = 0;
        while filled < len {
            let index = self.index.slice();
            let run = (len - filled).min(self.array.shape()[last] - index[last]);
            // SAFETY: each index is below the length of its axis.
            let first = unsafe { self.array.as_ptr().offset(self.offset()) };
            for (step, element) in self.block[filled..filled + run].iter_mut().enumerate() {
                // SAFETY: the last axis has `run` elements from here on.
                element.write(unsafe { *first.offset(step as isize * stride) });
            }
            filled += run;
            self.advance(run);
        }
        self.left -= len;
        // SAFETY: the first `len` elements have just been written.
        unsafe { std::slice::from_raw_parts(self.block.as_ptr().cast(), len) }
    }

    /// The offset of the next element from the first, in elements.
    fn offset(&self) -> isize {
        let strides = self.array.strides().iter();
        self.index
            .slice()
            .iter()
            .zip(strides)
            .map(|(&index, stride)| index as isize * stride)
            .sum()
    }

    /// Advances by `run` elements, at most to the end of the last axis.
    fn advance(&mut self, run: usize) {
        let index = self.index.slice_mut();
        let mut step = run;
        for (axis, &len) in self.array.shape().iter().enumerate().rev() {
            index[axis] += step;
            if index[axis] < len {
                return;
            }
            index[axis] = 0;
            step = 1;
        }
    }
}
