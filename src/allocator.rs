//! Counts what one operation allocates, exactly and on all threads.

use std::{
    alloc::{GlobalAlloc, Layout, System},
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering::Relaxed},
    },
};

static COUNTING: AtomicBool = AtomicBool::new(false);
static LIVE: AtomicI64 = AtomicI64::new(0);
static PEAK: AtomicI64 = AtomicI64::new(0);
static BYTES: AtomicU64 = AtomicU64::new(0);
static ALLOCATIONS: AtomicU64 = AtomicU64::new(0);

/// What one operation did with the heap. Sizes are what was asked for, in bytes, so that the
/// figures are the same on every run and machine.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Memory {
    /// The most bytes that were live at once beyond those live before the operation. A
    /// reallocation counts as a change of size: whether the allocator moved it is chance.
    pub peak: u64,
    /// All bytes allocated, a growing reallocation by its growth.
    pub bytes: u64,
    /// Number of allocations and reallocations.
    pub allocations: u64,
}

/// The system allocator, counting while [`cargo serbench`](crate) measures memory.
///
/// Install it in a bench to have its memory measured:
///
/// ```
/// #[global_allocator]
/// static ALLOCATOR: serbench::CountingAllocator = serbench::CountingAllocator;
/// ```
///
/// While nothing is counted, a call costs one load and one branch more than the system allocator.
#[derive(Clone, Copy, Debug, Default)]
pub struct CountingAllocator;

impl CountingAllocator {
    /// Counts what `operation` does with the heap, on all threads; `None` unless this is the
    /// program's global allocator.
    ///
    /// One operation is counted at a time: others wait.
    ///
    /// ```
    /// use serbench::CountingAllocator;
    ///
    /// #[global_allocator]
    /// static ALLOCATOR: CountingAllocator = CountingAllocator;
    ///
    /// let memory = CountingAllocator::measure(|| drop(vec![0_u8; 1000])).unwrap();
    /// assert_eq!((memory.peak, memory.bytes, memory.allocations), (1000, 1000, 1));
    /// ```
    #[must_use]
    pub fn measure(operation: impl FnOnce()) -> Option<Memory> {
        measure(operation)
    }
}

#[expect(
    unsafe_code,
    reason = "the trait is unsafe; every call is passed on to `System` as it came"
)]
// SAFETY: each method hands its arguments unchanged to `System`, whose contract is the caller's,
// and returns what it returned. Counting touches only atomics and never allocates.
unsafe impl GlobalAlloc for CountingAllocator {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size(), 0);
        // SAFETY: the caller's contract.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        count(layout.size(), 0);
        // SAFETY: the caller's contract.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        if COUNTING.load(Relaxed) {
            LIVE.fetch_sub(signed(layout.size()), Relaxed);
        }
        // SAFETY: the caller's contract.
        unsafe { System.dealloc(block, layout) }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count(size, layout.size());
        // SAFETY: the caller's contract.
        unsafe { System.realloc(block, layout, size) }
    }
}

fn signed(size: usize) -> i64 {
    i64::try_from(size).unwrap_or(i64::MAX)
}

#[inline]
fn count(size: usize, before: usize) {
    if COUNTING.load(Relaxed) {
        add(size, before);
    }
}

#[cold]
fn add(size: usize, before: usize) {
    ALLOCATIONS.fetch_add(1, Relaxed);
    BYTES.fetch_add(size.saturating_sub(before) as u64, Relaxed);
    let grown = signed(size) - signed(before);
    let live = LIVE.fetch_add(grown, Relaxed) + grown;
    PEAK.fetch_max(live, Relaxed);
}

fn measure(operation: impl FnOnce()) -> Option<Memory> {
    static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
    // A panic of an earlier operation leaves nothing behind that isn't set below.
    let _guard = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    start();
    drop(std::hint::black_box(Box::new(0_u8)));
    COUNTING.store(false, Relaxed);
    if ALLOCATIONS.load(Relaxed) == 0 {
        return None;
    }
    start();
    operation();
    COUNTING.store(false, Relaxed);
    Some(Memory {
        peak: u64::try_from(PEAK.load(Relaxed)).unwrap_or(0),
        bytes: BYTES.load(Relaxed),
        allocations: ALLOCATIONS.load(Relaxed),
    })
}

fn start() {
    LIVE.store(0, Relaxed);
    PEAK.store(0, Relaxed);
    BYTES.store(0, Relaxed);
    ALLOCATIONS.store(0, Relaxed);
    COUNTING.store(true, Relaxed);
}
