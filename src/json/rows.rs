//! Writes the brackets at the ends of rows.

use ndarray::{Dimension, IxDyn};

use super::fmt::cursor::Cursor;

/// The position in an array, in C order.
#[derive(Clone, Debug)]
pub struct Rows {
    /// The lengths of all axes but the last.
    outer: IxDyn,
    /// The length of the last axis.
    row: usize,
    /// The number of elements left in this row.
    left: usize,
    /// The number of rows left on the last outer axis.
    rows_left: usize,
    /// How many times that axis has ended.
    ended: usize,
}

impl Rows {
    /// The start of an array of this shape; no axis may have length 0. A 0-d array has no brackets.
    pub(crate) fn new(shape: &[usize]) -> Self {
        let (row, outer) = match shape.split_last() {
            Some((&row, outer)) => (row, outer),
            // A row that never ends, so no brackets are written.
            None => (usize::MAX, shape),
        };
        Self {
            outer: IxDyn(outer),
            row,
            left: row,
            rows_left: outer.last().copied().unwrap_or(1),
            ended: 0,
        }
    }

    /// Elements without any brackets.
    pub(crate) fn none() -> Self {
        Self::new(&[])
    }

    /// The maximum number of bytes of the brackets within the next `len` elements.
    pub(crate) fn brackets_len(&self, len: usize) -> usize {
        let rows = if len < self.left {
            0
        } else {
            1 + (len - self.left) / self.row
        };
        rows * self.longest()
    }

    /// The closing and opening brackets of all axes and a comma.
    fn longest(&self) -> usize {
        2 * self.outer.ndim() + 3
    }

    /// The number of elements left in this row.
    #[cfg(all(target_arch = "x86_64", not(miri)))]
    #[inline(always)]
    pub(crate) fn left(&self) -> usize {
        self.left
    }

    /// How many of the next `len` elements are in this row. Advances by that number.
    #[inline(always)]
    pub(crate) fn take(&mut self, len: usize) -> usize {
        let taken = len.min(self.left);
        self.left -= taken;
        taken
    }

    /// At the end of a row, replaces the comma after its last element with the brackets.
    ///
    /// # Safety
    /// The comma must have been written, and the buffer must have room for the brackets.
    #[expect(unsafe_code, reason = "see `Cursor`")]
    #[inline(always)]
    pub(crate) unsafe fn close(&mut self, mut cursor: Cursor) -> Cursor {
        if self.left != 0 {
            return cursor;
        }
        self.left = self.row;
        self.rows_left -= 1;
        // SAFETY: the caller's contract; the comma is just before the cursor.
        unsafe {
            cursor.back();
            if self.rows_left == 0 {
                return self.close_axes(cursor);
            }
            cursor.put(0, *b"],[");
            cursor.advance(3);
            cursor
        }
    }

    /// # Safety
    /// The buffer must have room for the brackets of all axes.
    #[expect(unsafe_code, reason = "see `Cursor`")]
    #[cold]
    unsafe fn close_axes(&mut self, mut cursor: Cursor) -> Cursor {
        self.ended += 1;
        let mut depth = 1;
        let mut ended = self.ended;
        if let Some((&rows, further)) = self.outer.slice().split_last() {
            self.rows_left = rows;
            depth += 1;
            for &len in further.iter().rev() {
                if !ended.is_multiple_of(len) {
                    break;
                }
                ended /= len;
                depth += 1;
            }
        }
        // SAFETY: the caller's contract.
        unsafe {
            cursor = repeat(b']', depth, cursor);
            if depth <= self.outer.ndim() {
                cursor = repeat(b',', 1, cursor);
                cursor = repeat(b'[', depth, cursor);
            }
        }
        cursor
    }
}

/// # Safety
/// The buffer must have room for `times` bytes.
#[expect(unsafe_code, reason = "see `Cursor`")]
unsafe fn repeat(byte: u8, times: usize, mut cursor: Cursor) -> Cursor {
    for _ in 0..times {
        // SAFETY: the caller's contract.
        unsafe {
            cursor.put(0, [byte]);
            cursor.advance(1);
        }
    }
    cursor
}
