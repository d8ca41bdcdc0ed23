//! Tests that loading a malicious file allocates only in proportion to its size.

use std::{
    alloc::{GlobalAlloc, Layout, System},
    cell::Cell,
};

use serbench::npy;

use crate::corpus::npy_cases;

/// Tracks live memory per thread, so that parallel tests don't interfere.
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
    reason = "the trait is unsafe; calls are forwarded to `System` unchanged"
)]
// SAFETY: each method forwards its arguments to `System` unchanged and returns the result. The
// thread-local cells need no allocation and no destructor.
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

/// The peak number of live bytes during `operation`.
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
        // Plus shape and strides for up to 64 axes.
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
        // Decompression can expand a member up to 1032 times, and needs memory for its own state.
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
