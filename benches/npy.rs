//! Loads and saves NPY in memory. The reference is `owned`, which copies like `numpy.load`. Its lower
//! bound is `memcpy`; for 100 KiB or more, it should take at most 1.15 times as long.
//!
//! glibc reuses the memory of the last array, so a loop rarely gets new pages. To get new pages for all
//! arrays of more than 1 MiB, as in a program that keeps what it loads, set
//! `GLIBC_TUNABLES=glibc.malloc.mmap_threshold=1048576`.
//!
//! Equivalents in other libraries: SPDL's `npy::load(data)` and ndarray-npy's `view_npy` return views
//! like `view`. `numpy.load(BytesIO(data))`, SPDL's `npy::load(data, copy=True)`, ndarray-npy's
//! `read_npy` and npyz copy like `owned`.

use divan::{Bencher, black_box};
use ndarray::ArrayD;
use serbench::{
    BoxError, Element,
    array::{SEED, Shape, is_full, seeded},
    bench_checked,
    datetime::DatetimeNs,
    f16, npy,
};
use zerocopy::IntoBytes;

/// 1-d arrays of 1 KiB and 100 KiB of `float64`; with `SERBENCH_FULL` in the environment, also of
/// 10 MiB.
fn lengths() -> Vec<Shape> {
    let mut lengths = vec![128, 12_800];
    if is_full() {
        lengths.push(1_310_720);
    }
    lengths
        .into_iter()
        .map(|len| Shape::Axes(vec![len]))
        .collect()
}

fn main() {
    divan::main();
}

/// An NPY file of a seeded array, at an address that is a multiple of 16.
struct File<T> {
    array: ArrayD<T>,
    blocks: Vec<u128>,
    len: usize,
}

impl<T: Element> File<T> {
    fn new(shape: &Shape) -> Self {
        let array = seeded(shape, SEED);
        let bytes = npy::to_vec(&array);
        let mut blocks = vec![0_u128; bytes.len().div_ceil(size_of::<u128>())];
        blocks.as_mut_bytes()[..bytes.len()].copy_from_slice(&bytes);
        let len = bytes.len();
        Self { array, blocks, len }
    }

    fn bytes(&self) -> &[u8] {
        &self.blocks.as_bytes()[..self.len]
    }

    /// Benchmarks `operation` on the file; `equals` compares its output with the array.
    fn bench<'f, O>(
        &'f self,
        bencher: Bencher,
        operation: impl Fn(&'f [u8]) -> O,
        equals: impl FnOnce(O, &ArrayD<T>) -> bool,
    ) {
        bench_checked(
            bencher,
            self.array.view(),
            || operation(black_box(self.bytes())),
            |output| same(equals(output, &self.array)),
        );
    }
}

fn same(equal: bool) -> Result<(), BoxError> {
    if equal {
        return Ok(());
    }
    Err("the elements differ from those saved".into())
}

const LOADS: &str = "the file was just saved";

#[divan::bench(types = [bool, u8, f16, f32, f64, DatetimeNs], args = lengths())]
fn owned<T: Element>(bencher: Bencher, shape: &Shape) {
    File::<T>::new(shape).bench(
        bencher,
        |bytes| {
            npy::load(bytes)
                .and_then(|file| file.to_owned::<T>())
                .expect(LOADS)
        },
        |output, array| output == array,
    );
}

#[divan::bench(types = [bool, u8, f16, f32, f64, DatetimeNs], args = lengths())]
fn view<T: Element>(bencher: Bencher, shape: &Shape) {
    File::<T>::new(shape).bench(
        bencher,
        |bytes| {
            npy::load(bytes)
                .and_then(|file| file.view::<T>())
                .expect(LOADS)
        },
        |output, array| output == array,
    );
}

#[divan::bench(types = [bool, u8, f16, f32, f64, DatetimeNs], args = lengths())]
fn cow<T: Element>(bencher: Bencher, shape: &Shape) {
    File::<T>::new(shape).bench(
        bencher,
        |bytes| {
            npy::load(bytes)
                .and_then(|file| file.to_cow::<T>())
                .expect(LOADS)
        },
        |output, array| output.is_view() && output == array,
    );
}

/// Reads only the header.
#[divan::bench(types = [bool, u8, f16, f32, f64, DatetimeNs], args = lengths())]
fn header<T: Element>(bencher: Bencher, shape: &Shape) {
    File::<T>::new(shape).bench(
        bencher,
        |bytes| npy::load(bytes).expect(LOADS),
        |output, array| (output.dtype(), output.shape()) == (<T as Element>::DTYPE, array.shape()),
    );
}

/// A lower bound for `owned`: copies the bytes of the elements to a new vector.
#[divan::bench(types = [bool, u8, f16, f32, f64, DatetimeNs], args = lengths())]
fn memcpy<T: Element>(bencher: Bencher, shape: &Shape) {
    let file = File::<T>::new(shape);
    let start = file.len - file.array.len() * size_of::<T>();
    file.bench(
        bencher,
        |bytes| bytes[start..].to_vec(),
        |output, array| array.as_slice().map(T::bytes) == Some(&output),
    );
}

#[divan::bench(types = [bool, u8, f16, f32, f64, DatetimeNs], args = lengths())]
fn save<T: Element>(bencher: Bencher, shape: &Shape) {
    let file = File::<T>::new(shape);
    bench_checked(
        bencher,
        file.array.view(),
        || npy::to_vec(black_box(&file.array)),
        |output| same(output == file.bytes()),
    );
}
