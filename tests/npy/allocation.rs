//! What loading a hostile file allocates: never more than the file itself justifies.

use std::{
    alloc::{GlobalAlloc, Layout, System},
    cell::Cell,
};

use serbench::npy;

use crate::corpus::npy_cases;

/// Counts what the calling thread has live, so that tests running beside do not show.
struct PeakAllocator;

#[global_allocator]
static ALLOCATOR: PeakAllocator = PeakAllocator;

thread_local! {
    static LIVE: Cell<isize> = const { Cell::new(0) };
    static PEAK: Cell<isize> = const { Cell::new(0) };
}

fn count(change: isize) {
    let live = LIVE.get() + change;
    LIVE.set(live);
    PEAK.set(PEAK.get().max(live));
}

#[expect(
    unsafe_code,
    reason = "the trait is unsafe; every call is passed on to `System` as it came"
)]
// SAFETY: each method hands its arguments unchanged to `System` and returns what it returned;
// the thread's cells need no allocation and no destructor.
unsafe impl GlobalAlloc for PeakAllocator {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size() as isize);
        // SAFETY: the caller's contract.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        count(layout.size() as isize);
        // SAFETY: the caller's contract.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        count(-(layout.size() as isize));
        // SAFETY: the caller's contract.
        unsafe { System.dealloc(block, layout) }
    }
}

/// The most bytes that `operation` had live at once.
fn peak<O>(operation: impl FnOnce() -> O) -> usize {
    let before = LIVE.get();
    PEAK.set(before);
    drop(operation());
    usize::try_from(PEAK.get() - before).unwrap()
}

#[test]
fn the_allocator_sees_everything() {
    assert_eq!(peak(|| vec![0_u8; 1000]), 1000);
    assert_eq!(peak(|| (Vec::<u8>::with_capacity(1000), 5)), 1000);
    assert!(peak(|| (0..100_u64).map(|i| vec![i; 10]).collect::<Vec<_>>()) >= 8000);
}

#[test]
fn loading_npy_allocates_a_few_times_the_header_at_most() {
    for case in npy_cases() {
        let limit = 4 * case.bytes.len().min(10_000) + 256;
        let peak = peak(|| drop(npy::load(&case.bytes)));
        assert!(peak <= limit, "{}: {peak} bytes", case.name);
    }
}

#[test]
fn copying_elements_allocates_what_the_file_holds() {
    for case in npy_cases() {
        // Shape and strides of up to 64 axes come on top.
        let limit = case.bytes.len() + 3000;
        let peak = peak(|| drop(npy::load(&case.bytes).map(|npy| npy.to_owned::<f64>())));
        assert!(peak <= limit, "{}: {peak} bytes", case.name);
    }
}

#[test]
fn plain_files_are_viewed_without_any_allocation() {
    let file = npy::to_vec(&ndarray::Array4::<u8>::zeros((2, 3, 4, 5)));
    assert_eq!(
        peak(|| npy::load(&file).unwrap().view::<u8>().unwrap().len()),
        0
    );
}

#[cfg(feature = "npz")]
#[test]
fn loading_npz_allocates_in_proportion_to_the_archive() {
    use serbench::npz;

    for case in crate::archives::npz_cases() {
        // DEFLATE members may grow to 1032 times their size; the decompressor has its own state.
        let limit = 2 * case.bytes.len() + case.inflated + 80 * 1024;
        let peak = peak(|| {
            if let Ok(npz) = npz::load(&case.bytes) {
                for (_, member) in &npz {
                    drop(member);
                }
            }
        });
        assert!(peak <= limit, "{}: {peak} bytes", case.name);
    }
}
