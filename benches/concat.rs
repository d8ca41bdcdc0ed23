//! Many arrays into one message: the ways of Stack Overflow's "Numpy array: get the raw bytes
//! without copying", and ours. Ids are `concat::<way>::<dtype>::<case>`.
//!
//! Those with `reused` in their name write into a buffer that is kept from call to call, the
//! others into a new one, which for large messages measures the operating system's zeroed pages.
//! All but `pack`, `unpack` and `io_slices` make bare payloads, which only a receiver that knows
//! every data type and shape can read.

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

/// The numbers of arrays and of bytes in each: those of the question, of many records, and with
/// `SERBENCH_FULL` of large images.
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
        _ => unreachable!("{case} is not a case"),
    }
}

/// What a case's arrays hold.
trait Content {
    const DTYPE: Option<Dtype>;

    /// Different arrays of `bytes` bytes each.
    fn arrays(bytes: usize) -> Vec<Box<dyn Owner>>;
}

impl Content for f64 {
    const DTYPE: Option<Dtype> = Some(Dtype::Float64);

    fn arrays(bytes: usize) -> Vec<Box<dyn Owner>> {
        (0..7).map(|at| array::<Self>(at, bytes)).collect()
    }
}

/// Arrays of six data types in turn, every other one of two dimensions.
#[expect(non_camel_case_types, reason = "ids say `mixed` where they say `f64`")]
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

/// The arrays of a case, each in memory of its own; values repeat, to be drawn quickly.
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

/// A case, and its arrays' bytes, as `.view(np.uint8)` gives them in Python.
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
                Check::Failed("the bytes are not those of the arrays".to_owned())
            });
        match self.dtype {
            Some(dtype) => description.dtype(dtype),
            None => description,
        }
    }
}

/// What a way makes.
#[derive(Clone, Copy)]
enum Form {
    /// The payloads, one after the other.
    Bare,
    /// What [`concat::pack`] makes.
    Message,
}

/// Benchmarks `operation`, which makes a new vector.
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

/// Benchmarks `operation`, which fills a vector that is kept.
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
        // Twice, so that a buffer that is not cleared shows.
        once();
        once();
        input.describe(&out.borrow(), form)
    });
}

/// A copy of each array, as `ndarray.tobytes` makes it, appended to a growing buffer. The reference.
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

/// Each array appended to a buffer that has room for all.
#[divan::bench(types = [f64, mixed], args = cases())]
fn presized_extend<C: Content>(bencher: Bencher<'_, '_>, case: &str) {
    fresh::<C>(bencher, case, Form::Bare, |input| {
        let mut out = Vec::with_capacity(input.bytes());
        extend(&mut out, input);
        out
    });
}

/// As `presized_extend`, into a buffer that is kept.
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

/// Each array copied to its place in a zeroed buffer, as `np.concatenate(…, out=…)` does.
#[divan::bench(types = [f64, mixed], args = cases())]
fn concatenate<C: Content>(bencher: Bencher<'_, '_>, case: &str) {
    fresh::<C>(bencher, case, Form::Bare, |input| {
        let mut out = vec![0; input.bytes()];
        copy(&mut out, input);
        out
    });
}

/// As `concatenate`, into a buffer that is kept.
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

/// ndarray's own `concatenate` of the arrays' bytes.
#[divan::bench(types = [f64, mixed], args = cases())]
fn ndarray_concatenate<C: Content>(bencher: Bencher<'_, '_>, case: &str) {
    fresh::<C>(bencher, case, Form::Bare, |input| {
        let views: Vec<_> = input
            .payloads
            .iter()
            .map(|payload| ArrayView1::from(*payload))
            .collect();
        let all = ndarray::concatenate(Axis(0), &views).expect("one-dimensional views fit");
        all.into_raw_vec_and_offset().0
    });
}

/// One 8-byte element after the other.
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

/// The message with its header.
#[divan::bench(types = [f64, mixed], args = cases())]
fn pack<C: Content>(bencher: Bencher<'_, '_>, case: &str) {
    fresh::<C>(bencher, case, Form::Message, |input| {
        let mut out = Vec::new();
        concat::pack(&input.arrays, &mut out);
        out
    });
}

/// As `pack`, without the CRC-32.
#[divan::bench(types = [f64, mixed], args = cases())]
fn pack_no_crc<C: Content>(bencher: Bencher<'_, '_>, case: &str) {
    fresh::<C>(bencher, case, Form::Message, |input| {
        let mut out = Vec::new();
        concat::pack_with(&input.arrays, &NO_CRC, &mut out);
        out
    });
}

/// As `pack`, into a vector that is kept.
#[divan::bench(types = [f64, mixed], args = cases())]
fn pack_reused<C: Content>(bencher: Bencher<'_, '_>, case: &str) {
    reused::<C>(bencher, case, Form::Message, |input, out| {
        out.clear();
        concat::pack(&input.arrays, out);
    });
}

/// As `pack_reused`, without the CRC-32.
#[divan::bench(types = [f64, mixed], args = cases())]
fn pack_no_crc_reused<C: Content>(bencher: Bencher<'_, '_>, case: &str) {
    reused::<C>(bencher, case, Form::Message, |input, out| {
        out.clear();
        concat::pack_with(&input.arrays, &NO_CRC, out);
    });
}

/// As `pack_reused`, into a slice that has the message's length already.
#[divan::bench(types = [f64, mixed], args = cases())]
fn pack_into_reused<C: Content>(bencher: Bencher<'_, '_>, case: &str) {
    reused::<C>(bencher, case, Form::Message, |input, out| {
        out.resize(concat::packed_len(&input.arrays), 0);
        concat::pack_into(&input.arrays, out).expect("the buffer was made long enough");
    });
}

/// As `io_slices`, without the CRC-32, so that payloads aren't even read.
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

/// The message as parts for a vectored write: the header is made, payloads stay where they are.
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

/// `io_slices` and the system calls that take them, to a file that takes everything at once.
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
        concat::write_all_vectored(writer, &mut parts).expect("the writer takes everything");
    });
}

/// Benchmarks `operation`, which writes the message to its second argument if there is one.
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

/// The message packed into a buffer that is kept, and written to a socket that a thread empties.
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

/// The message written to such a socket without packing it first.
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
    let (mut near, mut far) = UnixStream::pair().expect("a socket pair can be made");
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
        || operation(&input, &mut near).expect("the other end reads"),
        |operation| {
            operation();
            let message = receiver.recv().unwrap_or_default();
            input.describe(&message, Form::Message)
        },
    );
    drop(near);
    reader
        .join()
        .expect("the reader doesn't panic")
        .expect("what was written can be read");
}

/// All arrays of a message found, none copied.
#[divan::bench(types = [f64, mixed], args = cases())]
fn unpack<C: Content>(bencher: Bencher<'_, '_>, case: &str) {
    let owners = owners::<C>(case);
    let input = Input::new::<C>(&owners);
    let mut message = Vec::new();
    concat::pack(&input.arrays, &mut message);
    let unpack = || concat::unpack(&message).expect("the message was packed here");
    bench_described(bencher, unpack, |unpack| {
        let unpacked: Vec<&[u8]> = unpack().iter().map(NpyView::bytes).collect();
        input.checked(&unpacked.concat(), Form::Bare)
    });
}

/// As `unpack`, of a message without a CRC-32.
#[divan::bench(types = [f64, mixed], args = cases())]
fn unpack_no_crc<C: Content>(bencher: Bencher<'_, '_>, case: &str) {
    let owners = owners::<C>(case);
    let input = Input::new::<C>(&owners);
    let mut message = Vec::new();
    concat::pack_with(&input.arrays, &NO_CRC, &mut message);
    let unpack = || concat::unpack(&message).expect("the message was packed here");
    bench_described(bencher, unpack, |unpack| {
        let unpacked: Vec<&[u8]> = unpack().iter().map(NpyView::bytes).collect();
        input.checked(&unpacked.concat(), Form::Bare)
    });
}

/// All arrays of a message as arrays of their own.
#[divan::bench(types = [f64], args = cases())]
fn unpack_owned<C: Content>(bencher: Bencher<'_, '_>, case: &str) {
    let owners = owners::<C>(case);
    let input = Input::new::<C>(&owners);
    let mut message = Vec::new();
    concat::pack(&input.arrays, &mut message);
    let unpack = || -> Vec<ArrayD<f64>> {
        let packed = concat::unpack(&message).expect("the message was packed here");
        let owned = |array: &NpyView<'_>| array.to_owned().expect("the arrays are of float64");
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
