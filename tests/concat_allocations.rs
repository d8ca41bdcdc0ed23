//! A hostile message can't make the reader ask for more memory than the message's own length
//! justifies. Alone in its file, because the allocator sees every thread.

use std::{
    alloc::{GlobalAlloc, Layout, System},
    sync::atomic::{AtomicUsize, Ordering::Relaxed},
};

use ndarray::{Array, IxDyn, array};
use serbench::concat::{pack, unpack};

static LARGEST: AtomicUsize = AtomicUsize::new(0);

struct Largest;

#[global_allocator]
static ALLOCATOR: Largest = Largest;

#[expect(unsafe_code, reason = "the trait is unsafe; every call is passed on")]
// SAFETY: each method hands its arguments unchanged to `System` and returns what it returned.
unsafe impl GlobalAlloc for Largest {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        LARGEST.fetch_max(layout.size(), Relaxed);
        // SAFETY: the caller's contract.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: the caller's contract.
        unsafe { System.dealloc(block, layout) }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        LARGEST.fetch_max(size, Relaxed);
        // SAFETY: the caller's contract.
        unsafe { System.realloc(block, layout, size) }
    }
}

/// The largest block that unpacking and copying asks for.
fn largest_block(message: &[u8]) -> usize {
    LARGEST.store(0, Relaxed);
    for array in unpack(message).unwrap_or_default() {
        let _ = (array.to_owned::<f64>(), array.to_owned::<u8>());
    }
    LARGEST.load(Relaxed)
}

#[test]
fn allocations_stay_in_proportion_to_the_message() {
    let mut message = Vec::new();
    let (floats, bytes) = (array![1.0, 2.0, 3.0], Array::<u8, _>::zeros(IxDyn(&[1; 9])));
    pack(&[(&floats).into(), (&bytes).into()], &mut message);
    // One entry in memory may be a few times as large as its 32 bytes in the header.
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
