//! Loads and saves NPZ archives in memory. The reference is `stored_owned`, which copies like
//! `numpy.load`, for uncompressed members. Its lower bound is `memcpy`.
//!
//! `128` is one member with 128 elements; `16x128` are sixteen such members. The `sample` benches load
//! the two members of SPDL's case study of data formats: an image and its mask, 4x640x480 in total. The
//! archives are written by this crate, which aligns members; those of `misaligned` are like numpy's.
//!
//! Equivalents in other libraries: SPDL's `load_npz(data)[key]` checks the CRC-32 and returns views at
//! any address, like `misaligned_view`; it never copies. `numpy.load(BytesIO(data))[key]` and the
//! readers of ndarray-npy and npyz copy, like `misaligned_owned`. SPDL 0.6 doesn't check the CRC-32,
//! like `no_crc`.

use std::{num::NonZero, thread};

use divan::{Bencher, black_box};
use ndarray::{ArrayD, ArrayViewD, Axis, Slice};
use serbench::{
    BoxError, Element,
    array::{SEED, Shape, is_full, seeded},
    bench_checked,
    npz::{self, NpzFile, NpzMember, NpzOptions, NpzWriter},
};
use zerocopy::IntoBytes;

/// Members of 1 KiB and 100 KiB of `float64`; with `SERBENCH_FULL` in the environment, also of 10 MiB.
fn shapes() -> Vec<Shape> {
    let mut shapes = vec![vec![128], vec![12_800], vec![16, 128]];
    if is_full() {
        shapes.push(vec![1_310_720]);
    }
    shapes.into_iter().map(Shape::Axes).collect()
}

/// Eight members of 512 KiB, enough work for several threads.
fn shared_shapes() -> Vec<Shape> {
    vec![Shape::Axes(vec![8, 65_536])]
}

/// All shapes of the other benches, so that each has a reference.
fn all_shapes() -> Vec<Shape> {
    [shapes(), shared_shapes()].concat()
}

fn sample_shapes() -> Vec<Shape> {
    vec![Shape::Axes(vec![4, 640, 480])]
}

fn main() {
    divan::main();
}

/// The members of an archive by name, as views of one array.
type Members<'a, T> = Vec<(String, ArrayViewD<'a, T>)>;

/// One member for a 1-d array, otherwise one for each row.
fn rows<T: Element>(array: &ArrayD<T>) -> Members<'_, T> {
    if array.ndim() == 1 {
        return vec![("x".to_owned(), array.view())];
    }
    let rows = array.outer_iter().enumerate();
    rows.map(|(index, row)| (format!("a{index:02}"), row))
        .collect()
}

/// Three planes of 5-bit noise, and one plane of a few uniform areas.
fn sample_array(shape: &Shape) -> ArrayD<u8> {
    let mut array = seeded::<u8>(shape, SEED);
    for (index, element) in array.indexed_iter_mut() {
        *element = match index[0] {
            3 => ((index[1] / 80 + index[2] / 60) % 21) as u8,
            _ => *element & 0x1f,
        };
    }
    array
}

fn image_and_mask(array: &ArrayD<u8>) -> Members<'_, u8> {
    let image = array.slice_axis(Axis(0), Slice::from(..3));
    vec![
        ("img".to_owned(), image),
        ("lbl".to_owned(), array.index_axis(Axis(0), 3)),
    ]
}

fn archive<T: Element>(members: &Members<T>, compress: bool) -> std::io::Result<Vec<u8>> {
    let mut npz = if compress {
        NpzWriter::compressed(Vec::new())
    } else {
        NpzWriter::new(Vec::new())
    };
    for (name, array) in members {
        npz.add(name, array)?;
    }
    npz.finish()
}

const SAVES: &str = "writing to a vector can't fail and the names are unique";

const LOADS: &str = "the archive was just saved";

/// A seeded archive in memory, at an address that is a multiple of 16, or one more.
struct Archive<'a, T> {
    array: &'a ArrayD<T>,
    members: Members<'a, T>,
    blocks: Vec<u128>,
    start: usize,
    len: usize,
    options: NpzOptions,
}

impl<'a, T: Element> Archive<'a, T> {
    fn new(array: &'a ArrayD<T>, members: Members<'a, T>, compress: bool, crc: bool) -> Self {
        let bytes = archive(&members, compress).expect(SAVES);
        let options = NpzOptions::new().verify_crc(crc);
        Self {
            array,
            members,
            blocks: blocks(&bytes, 0),
            start: 0,
            len: bytes.len(),
            options,
        }
    }

    /// Moves the archive by one byte, so that no member is aligned, like in archives written by numpy.
    fn misaligned(mut self) -> Self {
        self.blocks = blocks(self.bytes(), 1);
        self.start = 1;
        self
    }

    fn bytes(&self) -> &[u8] {
        &self.blocks.as_bytes()[self.start..self.start + self.len]
    }

    /// Benchmarks `get` on all members; `array` converts its output for the check.
    fn bench<'s, O>(
        &'s self,
        bencher: Bencher,
        get: impl Fn(&NpzFile<'s>, &str) -> O,
        array: impl Fn(&O) -> ArrayD<T>,
    ) {
        bench_checked(
            bencher,
            self.array.view(),
            || {
                let archive = npz::load_with(black_box(self.bytes()), &self.options).expect(LOADS);
                let members = self.members.iter();
                members
                    .map(|(name, _)| get(&archive, name))
                    .collect::<Vec<O>>()
            },
            |outputs| self.same(&outputs.iter().map(array).collect::<Vec<_>>()),
        );
    }

    fn owned(&self, bencher: Bencher) {
        let owned = |npz: &NpzFile, name: &str| npz.get_owned::<T>(name).expect(LOADS);
        self.bench(bencher, owned, ArrayD::clone);
    }

    // A view can't outlive its member if this was compressed, so these return the member.

    fn view(&self, bencher: Bencher) {
        self.bench(
            bencher,
            |npz, name| {
                let member = npz.get(name).expect(LOADS);
                black_box(member.view::<T>().expect(LOADS));
                member
            },
            |member| member.to_owned().expect(LOADS),
        );
    }

    fn view_unaligned(&self, bencher: Bencher) {
        self.bench(
            bencher,
            |npz, name| {
                let member = npz.get(name).expect(LOADS);
                black_box(member.view_unaligned::<T>().expect(LOADS));
                member
            },
            |member| member.to_owned().expect(LOADS),
        );
    }

    fn same(&self, found: &[ArrayD<T>]) -> Result<(), BoxError> {
        let saved = self.members.iter().map(|(_, member)| member);
        same(
            found
                .iter()
                .map(|array| array.view())
                .eq(saved.map(|member| member.view())),
        )
    }
}

fn same(equal: bool) -> Result<(), BoxError> {
    if equal {
        return Ok(());
    }
    Err("the elements differ from those saved".into())
}

/// Copies `bytes` to offset `start` of an aligned buffer.
fn blocks(bytes: &[u8], start: usize) -> Vec<u128> {
    let mut blocks = vec![0_u128; (start + bytes.len()).div_ceil(size_of::<u128>())];
    blocks.as_mut_bytes()[start..start + bytes.len()].copy_from_slice(bytes);
    blocks
}

macro_rules! load {
    ($($name:ident($shapes:ident), $sample:ident: $access:ident, $compress:literal, $crc:literal;)*) => { $(
        #[divan::bench(types = [f64], args = $shapes())]
        fn $name<T: Element>(bencher: Bencher, shape: &Shape) {
            let array = seeded::<T>(shape, SEED);
            Archive::new(&array, rows(&array), $compress, $crc).$access(bencher);
        }

        #[divan::bench(args = sample_shapes())]
        fn $sample(bencher: Bencher, shape: &Shape) {
            let array = sample_array(shape);
            Archive::new(&array, image_and_mask(&array), $compress, $crc).$access(bencher);
        }
    )* };
}

load! {
    stored_owned(all_shapes), sample_stored_owned: owned, false, true;
    stored_view(shapes), sample_stored_view: view, false, true;
    stored_view_no_crc(shapes), sample_stored_view_no_crc: view, false, false;
    deflate_owned(shapes), sample_deflate_owned: owned, true, true;
    deflate_view(shapes), sample_deflate_view: view, true, true;
    deflate_view_no_crc(shapes), sample_deflate_view_no_crc: view, true, false;
}

#[divan::bench(types = [f64], args = shapes())]
fn misaligned_owned<T: Element>(bencher: Bencher, shape: &Shape) {
    let array = seeded::<T>(shape, SEED);
    let archive = Archive::new(&array, rows(&array), false, true);
    archive.misaligned().owned(bencher);
}

#[divan::bench(types = [f64], args = shapes())]
fn misaligned_view<T: Element>(bencher: Bencher, shape: &Shape) {
    let array = seeded::<T>(shape, SEED);
    let archive = Archive::new(&array, rows(&array), false, true);
    archive.misaligned().view_unaligned(bencher);
}

/// Decompresses all members on the calling thread, for comparison with `deflate_threads`.
#[divan::bench(types = [f64], args = shared_shapes())]
fn deflate_one_thread<T: Element>(bencher: Bencher, shape: &Shape) {
    deflate_all::<T>(bencher, shape, NonZero::<usize>::MIN);
}

/// Decompresses all members on as many threads as the machine has CPUs.
#[divan::bench(types = [f64], args = shared_shapes())]
fn deflate_threads<T: Element>(bencher: Bencher, shape: &Shape) {
    let threads = thread::available_parallelism().unwrap_or(NonZero::<usize>::MIN);
    deflate_all::<T>(bencher, shape, threads);
}

fn deflate_all<T: Element>(bencher: Bencher, shape: &Shape, threads: NonZero<usize>) {
    let array = seeded::<T>(shape, SEED);
    let archive = Archive::new(&array, rows(&array), true, true);
    bench_checked(
        bencher,
        array.view(),
        || {
            let npz = npz::load_with(black_box(archive.bytes()), &archive.options).expect(LOADS);
            let members = npz.get_all(threads).into_iter();
            members
                .map(|member| member.expect(LOADS))
                .collect::<Vec<_>>()
        },
        |members| {
            let owned = |member: &NpzMember| member.to_owned().expect(LOADS);
            archive.same(&members.iter().map(owned).collect::<Vec<_>>())
        },
    );
}

/// A lower bound for `stored_owned`: copies the elements of all members to new vectors.
#[divan::bench(types = [f64], args = shapes())]
fn memcpy<T: Element>(bencher: Bencher, shape: &Shape) {
    let array = seeded::<T>(shape, SEED);
    let archive = Archive::new(&array, rows(&array), false, true);
    let archive = npz::load_with(archive.bytes(), &archive.options).expect(LOADS);
    let members: Vec<NpzMember> = archive
        .values()
        .map(|member| member.expect(LOADS))
        .collect();
    let saved: Vec<&[u8]> = members.iter().map(NpzMember::bytes).collect();
    bench_checked(
        bencher,
        array.view(),
        || {
            let members = black_box(&saved).iter();
            members.map(|bytes| bytes.to_vec()).collect::<Vec<_>>()
        },
        |copies| same(copies == saved),
    );
}

fn save<T: Element>(bencher: Bencher, shape: &Shape, compress: bool) {
    let array = seeded::<T>(shape, SEED);
    let expected = Archive::new(&array, rows(&array), false, true);
    bench_checked(
        bencher,
        array.view(),
        || archive(black_box(&expected.members), compress).expect(SAVES),
        |bytes| {
            let archive = npz::load_with(&bytes, &expected.options)?;
            let load = |member: Result<NpzMember, _>| member.expect(LOADS).to_owned().expect(LOADS);
            expected.same(&archive.values().map(load).collect::<Vec<_>>())
        },
    );
}

#[divan::bench(types = [f64], args = shapes())]
fn save_stored<T: Element>(bencher: Bencher, shape: &Shape) {
    save::<T>(bencher, shape, false);
}

#[divan::bench(types = [f64], args = shapes())]
fn save_deflate<T: Element>(bencher: Bencher, shape: &Shape) {
    save::<T>(bencher, shape, true);
}
