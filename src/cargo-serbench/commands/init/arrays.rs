//! A first bench: two encoders of arrays as JSON, the second compared with the first. Replace `Mine`
//! by your own encoder; `cargo serbench` checks its output before measuring.

use std::{fmt::Display, io::Write};

use divan::Bencher;
use ndarray::{ArrayViewD, Axis};
use serbench::{
    BoxError, Element, Encoder,
    array::{SEED, Shape, seeded, shapes},
    bench_encoder,
};

// Counts all allocations exactly.
#[global_allocator]
static ALLOCATOR: serbench::CountingAllocator = serbench::CountingAllocator;

fn main() {
    divan::main();
}

/// The reference, as named in Cargo.toml.
#[divan::bench(types = [i64, f64], args = shapes(&[100, 50]))]
fn display<T: Element + Display>(bencher: Bencher, shape: &Shape) {
    bench_encoder(bencher, &ByDisplay, seeded::<T>(shape, SEED).view());
}

#[divan::bench(types = [i64, f64], args = shapes(&[100, 50]))]
fn mine<T: Element + Display>(bencher: Bencher, shape: &Shape) {
    bench_encoder(bencher, &Mine, seeded::<T>(shape, SEED).view());
}

struct ByDisplay;

impl<T: Element + Display> Encoder<T> for ByDisplay {
    fn encode(&self, array: ArrayViewD<'_, T>, out: &mut Vec<u8>) -> Result<(), BoxError> {
        nested(&array, out, &|element, out| Ok(write!(out, "{element}")?))
    }
}

struct Mine;

impl<T: Element + Display> Encoder<T> for Mine {
    fn encode(&self, array: ArrayViewD<'_, T>, out: &mut Vec<u8>) -> Result<(), BoxError> {
        nested(&array, out, &|element, out| {
            out.extend_from_slice(element.to_string().as_bytes());
            Ok(())
        })
    }
}

/// Nested lists. The seeded arrays contain no NaN or infinity, which JSON can't represent.
fn nested<T>(
    array: &ArrayViewD<'_, T>,
    out: &mut Vec<u8>,
    write: &impl Fn(&T, &mut Vec<u8>) -> Result<(), BoxError>,
) -> Result<(), BoxError> {
    if let Some(element) = array.first().filter(|_| array.ndim() == 0) {
        return write(element, out);
    }
    out.push(b'[');
    for (index, row) in array.axis_iter(Axis(0)).enumerate() {
        if index > 0 {
            out.push(b',');
        }
        nested(&row, out, write)?;
    }
    out.push(b']');
    Ok(())
}
