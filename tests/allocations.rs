//! Tests what is allocated: memory in proportion to the input for a malicious message, and the expected
//! number of bytes for each representation of an array in the `boundary` suite.

use std::{
    alloc::{GlobalAlloc, Layout, System},
    cell::Cell,
};

use ndarray::{Array, Array1, IxDyn, array};
use serbench::concat::{pack, unpack};

#[path = "../benches/boundary/steps.rs"]
#[expect(dead_code, reason = "most steps don't allocate")]
mod steps;

thread_local! {
    static LARGEST: Cell<usize> = const { Cell::new(0) };
    static TOTAL: Cell<usize> = const { Cell::new(0) };
}

fn count(size: usize, before: usize) {
    LARGEST.set(LARGEST.get().max(size));
    TOTAL.set(TOTAL.get() + size.saturating_sub(before));
}

/// Counts allocations per thread, so that parallel tests don't interfere.
struct Counting;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

#[expect(
    unsafe_code,
    reason = "the trait is unsafe; calls are forwarded to `System`"
)]
// SAFETY: each method forwards its arguments to `System` unchanged and returns the result. The counters
// are cells without destructors, and never allocate.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size(), 0);
        // SAFETY: the caller's contract.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: the caller's contract.
        unsafe { System.dealloc(block, layout) }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count(size, layout.size());
        // SAFETY: the caller's contract.
        unsafe { System.realloc(block, layout, size) }
    }
}

/// The largest allocation when unpacking a message and copying its arrays.
fn largest_block(message: &[u8]) -> usize {
    LARGEST.set(0);
    for array in unpack(message).unwrap_or_default() {
        let _ = (array.to_owned::<f64>(), array.to_owned::<u8>());
    }
    LARGEST.get()
}

#[test]
fn allocations_stay_in_proportion_to_the_message() {
    let mut message = Vec::new();
    let (floats, bytes) = (array![1.0, 2.0, 3.0], Array::<u8, _>::zeros(IxDyn(&[1; 9])));
    pack(&[(&floats).into(), (&bytes).into()], &mut message);
    // In memory, an entry may be a few times as large as its 32 bytes in the header.
    let bound = 4 * message.len();
    let honest = largest_block(&message);
    assert!(honest > 0 && honest <= bound, "{honest}");

    let large = [1, 7, 1 << 16, 1 << 31, 1 << 40, 1 << 59, 1 << 62, u64::MAX];
    for at in (0..message.len() - 8).step_by(4) {
        for value in large {
            let mut hostile = message.clone();
            hostile[at..at + 4].copy_from_slice(&value.to_le_bytes()[..4]);
            let small = largest_block(&hostile);
            hostile[at..at + 8].copy_from_slice(&value.to_le_bytes());
            let block = small.max(largest_block(&hostile));
            assert!(block <= bound, "{block} bytes for {value} at {at}");
        }
    }
}

/// The number of bytes that `make` allocates.
fn requested<R>(make: impl FnOnce() -> R) -> usize {
    TOTAL.set(0);
    let made = make();
    let total = TOTAL.get();
    drop(made);
    total
}

/// The number of requested bytes per element for each representation. Allocators add overhead to small
/// blocks: glibc uses 32 bytes for a boxed float of 8 bytes.
#[test]
fn representations_allocate_the_expected_bytes() {
    let len = 10_000;
    let array = Array1::from_shape_fn(len, |index| index as f64);
    let check = |bytes: usize, per_element: usize| assert_eq!(bytes, per_element * len);
    check(requested(|| steps::view_slice(array.view())), 0);
    check(requested(|| steps::copy(array.view())), 8);
    check(requested(|| steps::list_boxed(array.view())), 8 + 8);
    let tree = requested(|| steps::list_value_tree(array.view()));
    check(tree, size_of::<serde_json::Value>());
}
