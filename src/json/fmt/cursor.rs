//! Where the next bytes of text go: a pointer into room that the caller has made.

/// A position in memory that can be written up to some end.
///
/// Kernels store whole words and advance by the bytes that count, so they write beyond the text;
/// the room must have space for that. In debug builds each store is checked against the end.
/// It is passed by value: through a reference it would be stored for each element.
#[derive(Clone, Copy)]
pub struct Cursor {
    at: *mut u8,
    #[cfg(debug_assertions)]
    end: *mut u8,
}

#[expect(
    unsafe_code,
    reason = "a check of the capacity for each element takes longer than writing an integer"
)]
impl Cursor {
    /// # Safety
    /// The `len` bytes from `at` on can be written as long as the cursor is used.
    pub(crate) unsafe fn new(at: *mut u8, len: usize) -> Self {
        #[cfg(not(debug_assertions))]
        let _ = len;
        Self {
            at,
            // SAFETY: still in the same room.
            #[cfg(debug_assertions)]
            end: unsafe { at.add(len) },
        }
    }

    /// Writes `bytes` at `offset` from the position, which stays.
    ///
    /// # Safety
    /// There is room for the bytes.
    #[inline(always)]
    pub(crate) unsafe fn put<const N: usize>(self, offset: usize, bytes: [u8; N]) {
        #[cfg(debug_assertions)]
        assert!(offset + N <= self.room(), "{} bytes of room", self.room());
        // SAFETY: the caller says that there is room; any bytes may be written to it.
        unsafe {
            self.at.add(offset).cast::<[u8; N]>().write_unaligned(bytes);
        }
    }

    /// Writes the `N` bytes from `from` on at `offset` from the position, which stays.
    ///
    /// # Safety
    /// The bytes can be read, and there is room for them.
    #[inline(always)]
    pub(crate) unsafe fn copy<const N: usize>(self, offset: usize, from: *const u8) {
        // SAFETY: the caller's contract; any alignment will do.
        unsafe { self.put(offset, from.cast::<[u8; N]>().read_unaligned()) };
    }

    /// Moves on by `len` bytes.
    ///
    /// # Safety
    /// They lie in the room and have been written.
    #[inline(always)]
    pub(crate) unsafe fn advance(&mut self, len: usize) {
        #[cfg(debug_assertions)]
        assert!(len <= self.room(), "{} bytes of room", self.room());
        // SAFETY: the caller says that they lie in the room.
        self.at = unsafe { self.at.add(len) };
    }

    /// Moves back by one byte.
    ///
    /// # Safety
    /// The cursor has been advanced before.
    #[inline(always)]
    pub(crate) unsafe fn back(&mut self) {
        // SAFETY: the byte before the position lies in the room.
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
