//! A pointer to where the next bytes of text are written.

/// A position in a buffer that the caller reserved.
///
/// Kernels store whole words and advance only by the length of the text, so they write beyond the
/// end of the text; the buffer must have room for that. Debug builds check each store against the
/// end of the buffer. A cursor is passed by value, because a reference would force a store of the
/// position for each element.
#[derive(Clone, Copy)]
pub struct Cursor {
    at: *mut u8,
    #[cfg(debug_assertions)]
    end: *mut u8,
}

#[expect(
    unsafe_code,
    reason = "checking the capacity for each element takes longer than writing an integer"
)]
impl Cursor {
    /// # Safety
    /// The `len` bytes starting at `at` must be writable as long as the cursor is used.
    pub(crate) unsafe fn new(at: *mut u8, len: usize) -> Self {
        #[cfg(not(debug_assertions))]
        let _ = len;
        Self {
            at,
            // SAFETY: the caller's contract: `len` bytes belong to the buffer.
            #[cfg(debug_assertions)]
            end: unsafe { at.add(len) },
        }
    }

    /// Writes `bytes` at `offset` from the position, without advancing.
    ///
    /// # Safety
    /// The buffer must have room for the bytes.
    #[inline(always)]
    pub(crate) unsafe fn put<const N: usize>(self, offset: usize, bytes: [u8; N]) {
        #[cfg(debug_assertions)]
        assert!(offset + N <= self.room(), "{} bytes of room", self.room());
        // SAFETY: the caller guarantees room; any bytes are valid there.
        unsafe {
            self.at.add(offset).cast::<[u8; N]>().write_unaligned(bytes);
        }
    }

    /// Copies `N` bytes from `from` to `offset` from the position, without advancing.
    ///
    /// # Safety
    /// The bytes must be readable, and the buffer must have room for them.
    #[inline(always)]
    pub(crate) unsafe fn copy<const N: usize>(self, offset: usize, from: *const u8) {
        // SAFETY: the caller's contract; the read is unaligned.
        unsafe { self.put(offset, from.cast::<[u8; N]>().read_unaligned()) };
    }

    /// Advances by `len` bytes.
    ///
    /// # Safety
    /// These bytes must be within the buffer and must have been written.
    #[inline(always)]
    pub(crate) unsafe fn advance(&mut self, len: usize) {
        #[cfg(debug_assertions)]
        assert!(len <= self.room(), "{} bytes of room", self.room());
        // SAFETY: the caller guarantees that they are within the buffer.
        self.at = unsafe { self.at.add(len) };
    }

    /// Moves back by one byte.
    ///
    /// # Safety
    /// The cursor must have been advanced before.
    #[inline(always)]
    pub(crate) unsafe fn back(&mut self) {
        // SAFETY: the byte before the position is within the buffer.
        self.at = unsafe { self.at.sub(1) };
    }

    pub(crate) fn position(self) -> *mut u8 {
        self.at
    }

    #[cfg(debug_assertions)]
    fn room(self) -> usize {
        self.end as usize - self.at as usize
    }
}
