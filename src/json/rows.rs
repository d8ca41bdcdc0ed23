//! Where rows end, and the brackets that go there.

use ndarray::{Dimension, IxDyn};

use super::fmt::cursor::Cursor;

/// The place in an array, in elements and rows from its start in C order.
#[derive(Clone, Debug)]
pub struct Rows {
    /// The lengths of all axes but the last.
    outer: IxDyn,
    /// The length of the last axis.
    row: usize,
    /// The elements left in this row.
    left: usize,
    /// The rows left on the last of the outer axes.
    rows_left: usize,
    /// How often that axis has ended.
    ended: usize,
}

impl Rows {
    /// The start of an array of these axis lengths, none of which is 0; no axes are one element
    /// without brackets.
    pub(crate) fn new(shape: &[usize]) -> Self {
        let (row, outer) = match shape.split_last() {
            Some((&row, outer)) => (row, outer),
            // Never ends, so that there are no brackets.
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

    /// One element after another without an end.
    pub(crate) fn none() -> Self {
        Self::new(&[])
    }

    /// The most bytes that the brackets after `len` more elements take.
    pub(crate) fn brackets_len(&self, len: usize) -> usize {
        let rows = if len < self.left {
            0
        } else {
            1 + (len - self.left) / self.row
        };
        rows * self.longest()
    }

    /// Brackets on both sides of a comma, of all axes.
    fn longest(&self) -> usize {
        2 * self.outer.ndim() + 3
    }

    /// How many of the next `len` elements are in this row; they are counted as written.
    #[inline(always)]
    pub(crate) fn take(&mut self, len: usize) -> usize {
        let taken = len.min(self.left);
        self.left -= taken;
        taken
    }

    /// If the row has ended, replaces the comma after its last element by what follows the row.
    ///
    /// # Safety
    /// The comma has been written, and there is room for the brackets.
    #[expect(unsafe_code, reason = "see `Cursor`")]
    #[inline(always)]
    pub(crate) unsafe fn close(&mut self, mut cursor: Cursor) -> Cursor {
        if self.left != 0 {
            return cursor;
        }
        self.left = self.row;
        self.rows_left -= 1;
        // SAFETY: the caller's contract; the comma is behind the cursor.
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
    /// There is room for the brackets of all axes.
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
/// There is room for as many bytes.
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
