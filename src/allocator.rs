//! Counts what one operation allocates, exactly and on all threads.

use std::{
    alloc::{GlobalAlloc, Layout, System},
    sync::{
        LazyLock, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering::Relaxed},
    },
    time::Instant,
};

static COUNTING: AtomicBool = AtomicBool::new(false);
static LIVE: AtomicI64 = AtomicI64::new(0);
static PEAK: AtomicI64 = AtomicI64::new(0);
static BYTES: AtomicU64 = AtomicU64::new(0);
static ALLOCATIONS: AtomicU64 = AtomicU64::new(0);

/// Number of points in a timeline.
const POINTS: usize = 64;

/// Nanoseconds per point of the timeline; 0 while none is recorded.
static STRIDE: AtomicU64 = AtomicU64::new(0);
/// When the operation started.
static BEGAN: AtomicU64 = AtomicU64::new(0);
/// The most live bytes in each point, and when that was; unset where the heap did not change.
static LIVES: [AtomicI64; POINTS] = [const { AtomicI64::new(0) }; POINTS];
static TIMES: [AtomicU64; POINTS] = [const { AtomicU64::new(0) }; POINTS];
static CLOCK: LazyLock<Instant> = LazyLock::new(Instant::now);

/// What one operation did with the heap. Sizes are the requested ones, in bytes, so that they are
/// the same on every run and machine.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Memory {
    /// The most bytes live at once, in addition to those live before the operation. A reallocation
    /// counts as a change of size, because whether the allocator moves the block is random.
    pub peak: u64,
    /// All bytes allocated; a growing reallocation counts by its growth.
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
/// While nothing is counted, a call costs one load and one branch more than with the system allocator.
#[derive(Clone, Copy, Debug, Default)]
pub struct CountingAllocator;

impl CountingAllocator {
    /// Counts what `operation` does with the heap, on all threads; `None` unless this is the
    /// program's global allocator.
    ///
    /// Operations are counted one at a time: concurrent calls wait.
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
    reason = "the trait is unsafe; every call is passed on to `System` unchanged"
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
            let freed = signed(layout.size());
            event(LIVE.fetch_sub(freed, Relaxed) - freed);
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
    event(live);
}

#[cold]
fn event(live: i64) {
    let stride = STRIDE.load(Relaxed);
    if stride == 0 {
        return;
    }
    let nanos = now().saturating_sub(BEGAN.load(Relaxed));
    // The second run may take longer than the first.
    let point = ((nanos / stride) as usize).min(POINTS - 1);
    if LIVES[point].fetch_max(live, Relaxed) < live {
        TIMES[point].store(nanos, Relaxed);
    }
}

fn now() -> u64 {
    CLOCK.elapsed().as_nanos() as u64
}

/// Locks counting: one operation at a time.
fn turn() -> MutexGuard<'static, ()> {
    static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
    // A panic of an earlier operation leaves nothing that isn't reset.
    ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner)
}

fn measure(operation: impl FnOnce()) -> Option<Memory> {
    let _turn = turn();
    count_of(operation)
}

/// The live bytes while `operation` runs for the second time, by nanoseconds since its start: at most
/// [`POINTS`], each the highest in an equal part of the time. `None` unless this is the program's
/// global allocator.
#[cfg(feature = "harness")]
pub(crate) fn timeline(mut operation: impl FnMut()) -> Option<Vec<(u64, u64)>> {
    let _turn = turn();
    let before = now();
    count_of(&mut operation)?;
    let nanos = now() - before;
    for live in &LIVES {
        live.store(i64::MIN, Relaxed);
    }
    start();
    BEGAN.store(now(), Relaxed);
    STRIDE.store(nanos.div_ceil(POINTS as u64).max(1), Relaxed);
    operation();
    COUNTING.store(false, Relaxed);
    STRIDE.store(0, Relaxed);
    let point = |(live, time): (&AtomicI64, &AtomicU64)| {
        let live = live.load(Relaxed);
        let bytes = u64::try_from(live).unwrap_or(0);
        (live > i64::MIN).then(|| (time.load(Relaxed), bytes))
    };
    Some(LIVES.iter().zip(&TIMES).filter_map(point).collect())
}

fn count_of(operation: impl FnOnce()) -> Option<Memory> {
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

#[cfg(all(test, feature = "harness"))]
mod tests {
    use super::{CountingAllocator, POINTS, timeline};

    #[global_allocator]
    static ALLOCATOR: CountingAllocator = CountingAllocator;

    /// Other tests allocate at the same time, so only much larger values are checked.
    const LARGE: u64 = 1 << 30;

    #[test]
    fn a_timeline_shows_growth_and_the_end() {
        let mut buffers = Vec::new();
        let points = timeline(|| {
            buffers.clear();
            for _ in 0..4 {
                buffers.push(Vec::<u8>::with_capacity(LARGE as usize));
            }
            buffers.clear();
        })
        .unwrap();
        assert!(points.len() <= POINTS, "{points:?}");
        // Rounded, because memory freed by other tests lowers it slightly.
        let most = points.iter().map(|(_, bytes)| *bytes).max();
        let most = most.map(|bytes| (bytes + LARGE / 2) / LARGE);
        assert_eq!(most, Some(4), "{points:?}");
    }
}
