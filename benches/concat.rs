//! Concatenates many arrays into one message, with the methods of Stack Overflow's "Numpy array: get
//! the raw bytes without copying" and with [`serbench::concat`]. Ids are
//! `concat::<method>::<dtype>::<case>`.
//!
//! Benches with `reused` in the name write to the same buffer on each call. The others write to a new
//! one, which for large messages mostly measures how fast the operating system zeroes pages. All except
//! `pack`, `unpack`, `io_slices` and those based on them write only the payloads, which a receiver can
//! read only if it knows the data types and shapes.

use std::{cell::RefCell, hint::black_box};
#[cfg(unix)]
use std::{
    fs::File,
    io::{self, Read, Write},
    os::unix::net::UnixStream,
    sync::mpsc,
    thread,
};

use divan::Bencher;
use ndarray::{ArrayD, ArrayView1, Axis};
use serbench::{
    Check, Description, Dtype, Element,
    array::{SEED, Shape, is_full, seeded},
    bench_described,
    concat::{self, AnyArray, PackOptions},
    datetime::DatetimeNs,
    f16,
    npy::NpyView,
};

fn main() {
    divan::main();
}

const NO_CRC: PackOptions = PackOptions::new().checksum(false);

/// The number of arrays and the size of each: those of the question, many records, and large images
/// with `SERBENCH_FULL`.
fn cases() -> Vec<&'static str> {
    let mut cases = vec!["2x24B", "1000x4KB"];
    if is_full() {
        cases.push("10x4MB");
    }
    cases
}

fn count_and_bytes(case: &str) -> (usize, usize) {
    match case {
        "2x24B" => (2, 24),
        "1000x4KB" => (1000, 4096),
        "10x4MB" => (10, 4 << 20),
        _ => unreachable!("unknown case {case}"),
    }
}

/// The element types of the arrays.
trait Content {
    const DTYPE: Option<Dtype>;

    /// Several different arrays of `bytes` bytes each.
    fn arrays(bytes: usize) -> Vec<Box<dyn Owner>>;
}

impl Content for f64 {
    const DTYPE: Option<Dtype> = Some(Dtype::Float64);

    fn arrays(bytes: usize) -> Vec<Box<dyn Owner>> {
        (0..7).map(|at| array::<Self>(at, bytes)).collect()
    }
}

/// Arrays of six data types in turn; every other array is 2-d.
#[expect(
    non_camel_case_types,
    reason = "appears in ids in place of a type such as `f64`"
)]
struct mixed;

impl Content for mixed {
    const DTYPE: Option<Dtype> = None;

    fn arrays(bytes: usize) -> Vec<Box<dyn Owner>> {
        vec![
            array::<f64>(0, bytes),
            array::<u8>(1, bytes),
            array::<f32>(2, bytes),
            array::<bool>(3, bytes),
            array::<f16>(4, bytes),
            array::<DatetimeNs>(5, bytes),
        ]
    }
}

/// An owner of an array of any data type.
trait Owner {
    fn view(&self) -> AnyArray<'_>;
    fn copy(&self) -> Box<dyn Owner>;
}

impl<T: Element> Owner for ArrayD<T> {
    fn view(&self) -> AnyArray<'_> {
        self.into()
    }

    fn copy(&self) -> Box<dyn Owner> {
        Box::new(self.clone())
    }
}

fn array<T: Element>(at: usize, bytes: usize) -> Box<dyn Owner> {
    let len = bytes / size_of::<T>();
    let axes = if at.is_multiple_of(2) {
        vec![len]
    } else {
        vec![1, len]
    };
    Box::new(seeded::<T>(&Shape::Axes(axes), SEED + at as u64))
}

/// The arrays of a case, each in its own memory. Values repeat, so that set-up is quick.
fn owners<C: Content>(case: &str) -> Vec<Box<dyn Owner>> {
    let (count, bytes) = count_and_bytes(case);
    let different = C::arrays(bytes);
    different
        .iter()
        .cycle()
        .take(count)
        .map(|array| array.copy())
        .collect()
}

/// The arrays of a case and their bytes, like `.view(np.uint8)` in Python.
struct Input<'a> {
    arrays: Vec<AnyArray<'a>>,
    payloads: Vec<&'a [u8]>,
    dtype: Option<Dtype>,
}

impl<'a> Input<'a> {
    fn new<C: Content>(owners: &'a [Box<dyn Owner>]) -> Self {
        let arrays: Vec<AnyArray<'_>> = owners.iter().map(|owner| owner.view()).collect();
        Self {
            payloads: arrays.iter().filter_map(AnyArray::bytes).collect(),
            arrays,
            dtype: C::DTYPE,
        }
    }

    fn bytes(&self) -> usize {
        self.payloads.iter().map(|payload| payload.len()).sum()
    }

    fn describe(&self, output: &[u8], form: Form) -> Description {
        let description = self.checked(output, form);
        description.bytes_out(output.len() as u64)
    }

    fn checked(&self, output: &[u8], form: Form) -> Description {
        let right = match form {
            Form::Bare => output == self.payloads.concat(),
            Form::Message => match concat::unpack(output) {
                Ok(arrays) => arrays
                    .iter()
                    .map(NpyView::bytes)
                    .eq(self.payloads.iter().copied()),
                Err(_) => false,
            },
        };
        let description = Description::new()
            .bytes_in(self.bytes() as u64)
            .check(if right {
                Check::Passed
            } else {
                Check::Failed("the bytes differ from those of the arrays".to_owned())
            });
        match self.dtype {
            Some(dtype) => description.dtype(dtype),
            None => description,
        }
    }
}

/// The output format of a method.
#[derive(Clone, Copy)]
enum Form {
    /// Only the payloads, concatenated.
    Bare,
    /// A message as written by [`concat::pack`].
    Message,
}

/// Benchmarks `operation`, which returns a new vector.
fn fresh<C: Content>(
    bencher: Bencher<'_, '_>,
    case: &str,
    form: Form,
    operation: impl Fn(&Input<'_>) -> Vec<u8>,
) {
    let owners = owners::<C>(case);
    let input = Input::new::<C>(&owners);
    bench_described(
        bencher,
        || operation(&input),
        |operation| input.describe(&operation(), form),
    );
}

/// Benchmarks `operation`, which fills the same vector each time.
fn reused<C: Content>(
    bencher: Bencher<'_, '_>,
    case: &str,
    form: Form,
    operation: impl Fn(&Input<'_>, &mut Vec<u8>),
) {
    let owners = owners::<C>(case);
    let input = Input::new::<C>(&owners);
    let out = RefCell::new(Vec::new());
    let once = || {
        let mut out = out.borrow_mut();
        operation(&input, &mut out);
        black_box(out.as_slice());
    };
    bench_described(bencher, once, |once| {
        // Twice, to detect a buffer that is not cleared.
        once();
        once();
        input.describe(&out.borrow(), form)
    });
}

/// Copies each array, like `ndarray.tobytes`, and appends it to a growing buffer. The reference.
#[divan::bench(types = [f64, mixed], args = cases())]
fn tobytes_extend<C: Content>(bencher: Bencher<'_, '_>, case: &str) {
    fresh::<C>(bencher, case, Form::Bare, |input| {
        let mut out = Vec::new();
        for payload in &input.payloads {
            let bytes = black_box(payload.to_vec());
            out.extend_from_slice(&bytes);
        }
        out
    });
}

/// Appends each array to a buffer with room for all.
#[divan::bench(types = [f64, mixed], args = cases())]
fn presized_extend<C: Content>(bencher: Bencher<'_, '_>, case: &str) {
    fresh::<C>(bencher, case, Form::Bare, |input| {
        let mut out = Vec::with_capacity(input.bytes());
        extend(&mut out, input);
        out
    });
}

/// Like `presized_extend`, with a reused buffer.
#[divan::bench(types = [f64, mixed], args = cases())]
fn extend_reused<C: Content>(bencher: Bencher<'_, '_>, case: &str) {
    reused::<C>(bencher, case, Form::Bare, |input, out| {
        out.clear();
        extend(out, input);
    });
}

fn extend(out: &mut Vec<u8>, input: &Input<'_>) {
    for payload in &input.payloads {
        out.extend_from_slice(payload);
    }
}

/// Copies each array to its place in a zeroed buffer, like `np.concatenate(…, out=…)`.
#[divan::bench(types = [f64, mixed], args = cases())]
fn concatenate<C: Content>(bencher: Bencher<'_, '_>, case: &str) {
    fresh::<C>(bencher, case, Form::Bare, |input| {
        let mut out = vec![0; input.bytes()];
        copy(&mut out, input);
        out
    });
}

/// Like `concatenate`, with a reused buffer.
#[divan::bench(types = [f64, mixed], args = cases())]
fn concatenate_reused<C: Content>(bencher: Bencher<'_, '_>, case: &str) {
    reused::<C>(bencher, case, Form::Bare, |input, out| {
        out.resize(input.bytes(), 0);
        copy(out, input);
    });
}

fn copy(mut out: &mut [u8], input: &Input<'_>) {
    for payload in &input.payloads {
        let (here, rest) = out.split_at_mut(payload.len());
        here.copy_from_slice(payload);
        out = rest;
    }
}

/// Concatenates the bytes with ndarray's `concatenate`.
#[divan::bench(types = [f64, mixed], args = cases())]
fn ndarray_concatenate<C: Content>(bencher: Bencher<'_, '_>, case: &str) {
    fresh::<C>(bencher, case, Form::Bare, |input| {
        let views: Vec<_> = input
            .payloads
            .iter()
            .map(|payload| ArrayView1::from(*payload))
            .collect();
        let all = ndarray::concatenate(Axis(0), &views).expect("1-d views can be concatenated");
        all.into_raw_vec_and_offset().0
    });
}

/// Appends 8-byte elements one by one.
#[divan::bench(types = [f64], args = cases())]
fn element_push<C: Content>(bencher: Bencher<'_, '_>, case: &str) {
    fresh::<C>(bencher, case, Form::Bare, |input| {
        let mut out = Vec::new();
        for payload in &input.payloads {
            for element in payload.as_chunks::<8>().0 {
                out.extend_from_slice(black_box(element));
            }
        }
        out
    });
}

/// Writes the message with its header.
#[divan::bench(types = [f64, mixed], args = cases())]
fn pack<C: Content>(bencher: Bencher<'_, '_>, case: &str) {
    fresh::<C>(bencher, case, Form::Message, |input| {
        let mut out = Vec::new();
        concat::pack(&input.arrays, &mut out);
        out
    });
}

/// Like `pack`, without the CRC-32.
#[divan::bench(types = [f64, mixed], args = cases())]
fn pack_no_crc<C: Content>(bencher: Bencher<'_, '_>, case: &str) {
    fresh::<C>(bencher, case, Form::Message, |input| {
        let mut out = Vec::new();
        concat::pack_with(&input.arrays, &NO_CRC, &mut out);
        out
    });
}

/// Like `pack`, with a reused vector.
#[divan::bench(types = [f64, mixed], args = cases())]
fn pack_reused<C: Content>(bencher: Bencher<'_, '_>, case: &str) {
    reused::<C>(bencher, case, Form::Message, |input, out| {
        out.clear();
        concat::pack(&input.arrays, out);
    });
}

/// Like `pack_reused`, without the CRC-32.
#[divan::bench(types = [f64, mixed], args = cases())]
fn pack_no_crc_reused<C: Content>(bencher: Bencher<'_, '_>, case: &str) {
    reused::<C>(bencher, case, Form::Message, |input, out| {
        out.clear();
        concat::pack_with(&input.arrays, &NO_CRC, out);
    });
}

/// Like `pack_reused`, to a slice of the length of the message.
#[divan::bench(types = [f64, mixed], args = cases())]
fn pack_into_reused<C: Content>(bencher: Bencher<'_, '_>, case: &str) {
    reused::<C>(bencher, case, Form::Message, |input, out| {
        out.resize(concat::packed_len(&input.arrays), 0);
        concat::pack_into(&input.arrays, out).expect("the buffer is long enough");
    });
}

/// Like `io_slices`, without the CRC-32, so that payloads aren't even read.
#[divan::bench(types = [f64, mixed], args = cases())]
fn io_slices_no_crc<C: Content>(bencher: Bencher<'_, '_>, case: &str) {
    let mut scratch = Vec::new();
    write_message::<C>(bencher, case, |input, check| {
        let parts = concat::pack_io_slices_with(&input.arrays, &NO_CRC, &mut scratch);
        match check {
            None => drop(black_box(parts)),
            Some(out) => parts.iter().for_each(|part| out.extend_from_slice(part)),
        }
    });
}

/// Prepares a vectored write of the message: creates the header, doesn't copy the payloads.
#[divan::bench(types = [f64, mixed], args = cases())]
fn io_slices<C: Content>(bencher: Bencher<'_, '_>, case: &str) {
    let mut scratch = Vec::new();
    write_message::<C>(bencher, case, |input, check| {
        let parts = concat::pack_io_slices(&input.arrays, &mut scratch);
        match check {
            None => drop(black_box(parts)),
            Some(out) => parts.iter().for_each(|part| out.extend_from_slice(part)),
        }
    });
}

/// Like `io_slices`, and writes the parts to `/dev/null`, which accepts everything at once.
#[cfg(unix)]
#[divan::bench(types = [f64, mixed], args = cases())]
fn writev<C: Content>(bencher: Bencher<'_, '_>, case: &str) {
    let mut null = File::create("/dev/null").expect("Unix has /dev/null");
    let mut scratch = Vec::new();
    write_message::<C>(bencher, case, |input, check| {
        let mut parts = concat::pack_io_slices(&input.arrays, &mut scratch);
        let writer: &mut dyn Write = match check {
            None => &mut null,
            Some(out) => out,
        };
        concat::write_all_vectored(writer, &mut parts).expect("the writer accepts everything");
    });
}

/// Benchmarks `operation`, which writes the message to its second argument if it is `Some`.
fn write_message<C: Content>(
    bencher: Bencher<'_, '_>,
    case: &str,
    mut operation: impl FnMut(&Input<'_>, Option<&mut Vec<u8>>),
) {
    let owners = owners::<C>(case);
    let input = Input::new::<C>(&owners);
    let out = RefCell::new(None::<Vec<u8>>);
    bench_described(
        bencher,
        || operation(&input, out.borrow_mut().as_mut()),
        |operation| {
            out.replace(Some(Vec::new()));
            operation();
            let message = out.take().unwrap_or_default();
            input.describe(&message, Form::Message)
        },
    );
}

/// Packs the message into a reused buffer and writes it to a socket, from which a thread reads.
#[cfg(unix)]
#[divan::bench(types = [f64, mixed], args = cases())]
fn socket_pack_write<C: Content>(bencher: Bencher<'_, '_>, case: &str) {
    let mut out = Vec::new();
    socket::<C>(bencher, case, |input, socket| {
        out.clear();
        concat::pack(&input.arrays, &mut out);
        socket.write_all(&out)
    });
}

/// Like `socket_pack_write`, but writes the parts without packing them first.
#[cfg(unix)]
#[divan::bench(types = [f64, mixed], args = cases())]
fn socket_writev<C: Content>(bencher: Bencher<'_, '_>, case: &str) {
    let mut scratch = Vec::new();
    socket::<C>(bencher, case, |input, socket| {
        let mut parts = concat::pack_io_slices(&input.arrays, &mut scratch);
        concat::write_all_vectored(socket, &mut parts)
    });
}

#[cfg(unix)]
fn socket<C: Content>(
    bencher: Bencher<'_, '_>,
    case: &str,
    mut operation: impl FnMut(&Input<'_>, &mut UnixStream) -> io::Result<()>,
) {
    let owners = owners::<C>(case);
    let input = Input::new::<C>(&owners);
    let (mut near, mut far) = UnixStream::pair().expect("can't create a socket pair");
    let mut first = vec![0; concat::packed_len(&input.arrays)];
    let (sender, receiver) = mpsc::channel();
    let reader = thread::spawn(move || -> io::Result<()> {
        far.read_exact(&mut first)?;
        let _ = sender.send(first);
        let mut rest = vec![0; 1 << 20];
        while far.read(&mut rest)? > 0 {}
        Ok(())
    });
    bench_described(
        bencher,
        || operation(&input, &mut near).expect("the thread reads from the other end"),
        |operation| {
            operation();
            let message = receiver.recv().unwrap_or_default();
            input.describe(&message, Form::Message)
        },
    );
    drop(near);
    reader
        .join()
        .expect("the reader panicked")
        .expect("the reader failed");
}

/// Unpacks all arrays of a message without copying.
#[divan::bench(types = [f64, mixed], args = cases())]
fn unpack<C: Content>(bencher: Bencher<'_, '_>, case: &str) {
    let owners = owners::<C>(case);
    let input = Input::new::<C>(&owners);
    let mut message = Vec::new();
    concat::pack(&input.arrays, &mut message);
    let unpack = || concat::unpack(&message).expect("the message was packed above");
    bench_described(bencher, unpack, |unpack| {
        let unpacked: Vec<&[u8]> = unpack().iter().map(NpyView::bytes).collect();
        input.checked(&unpacked.concat(), Form::Bare)
    });
}

/// Like `unpack`, for a message without a CRC-32.
#[divan::bench(types = [f64, mixed], args = cases())]
fn unpack_no_crc<C: Content>(bencher: Bencher<'_, '_>, case: &str) {
    let owners = owners::<C>(case);
    let input = Input::new::<C>(&owners);
    let mut message = Vec::new();
    concat::pack_with(&input.arrays, &NO_CRC, &mut message);
    let unpack = || concat::unpack(&message).expect("the message was packed above");
    bench_described(bencher, unpack, |unpack| {
        let unpacked: Vec<&[u8]> = unpack().iter().map(NpyView::bytes).collect();
        input.checked(&unpacked.concat(), Form::Bare)
    });
}

/// Unpacks all arrays of a message as owned arrays.
#[divan::bench(types = [f64], args = cases())]
fn unpack_owned<C: Content>(bencher: Bencher<'_, '_>, case: &str) {
    let owners = owners::<C>(case);
    let input = Input::new::<C>(&owners);
    let mut message = Vec::new();
    concat::pack(&input.arrays, &mut message);
    let unpack = || -> Vec<ArrayD<f64>> {
        let packed = concat::unpack(&message).expect("the message was packed above");
        let owned = |array: &NpyView<'_>| array.to_owned().expect("the arrays contain float64");
        packed.iter().map(owned).collect()
    };
    bench_described(bencher, unpack, |unpack| {
        let mut bytes = Vec::new();
        for array in unpack() {
            bytes.extend(array.iter().flat_map(|value| value.to_ne_bytes()));
        }
        input.describe(&bytes, Form::Bare)
    });
}
