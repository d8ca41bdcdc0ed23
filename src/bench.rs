//! What a divan benchmark calls instead of `bencher.bench_local(…)`.

use divan::{Bencher, black_box};
use ndarray::ArrayViewD;

use crate::{
    BoxError, Dtype, Element, Encoder, Format,
    worker::{self, Worker},
};

/// What the tool learns of a benchmark when it verifies it.
#[derive(Clone, Debug)]
pub struct Description {
    /// The data type of the input, if it is an array.
    pub dtype: Option<Dtype>,
    /// The shape of the input, if it is an array.
    pub shape: Option<Vec<usize>>,
    /// Bytes that go in.
    pub bytes_in: Option<u64>,
    /// Bytes that come out.
    pub bytes_out: Option<u64>,
    /// How the output was, or can be, checked.
    pub check: Check,
}

/// How the output of a benchmark is checked.
#[derive(Clone, Debug)]
pub enum Check {
    /// Nothing is known of the output.
    Unchecked,
    /// The output was checked where it was made, and is right.
    Passed,
    /// The output was checked where it was made, and is wrong, with the difference in words.
    Failed(String),
    /// The tool must check that JSON text holds the elements.
    Json {
        /// The encoded text.
        output: Vec<u8>,
        /// The elements' bytes in C order.
        input: Vec<u8>,
        /// Whether the text must equal the reference's, too.
        same_bytes: bool,
    },
}

/// Benchmarks `operation`. Run by hand or by `cargo bench` this is divan's `bench_local`; started
/// by `cargo serbench` the process measures slices of it on the tool's word.
///
/// The output is dropped inside the timed part, as a caller would. Nothing is checked but that the
/// operation returns; see [`bench_checked`] and [`bench_encoder`].
pub fn bench<O>(bencher: Bencher<'_, '_>, operation: impl FnMut() -> O) {
    bench_described(bencher, operation, |_| Description {
        dtype: None,
        shape: None,
        bytes_in: None,
        bytes_out: None,
        check: Check::Unchecked,
    });
}

/// Like [`bench()`], and `check` says of one output whether it is right before anything is timed.
/// `array` is the input, for the tables: its data type, shape and size.
pub fn bench_checked<T: Element, O>(
    bencher: Bencher<'_, '_>,
    array: ArrayViewD<'_, T>,
    operation: impl FnMut() -> O,
    check: impl FnOnce(O) -> Result<(), BoxError>,
) {
    bench_described(bencher, operation, |operation| Description {
        dtype: Some(T::DTYPE),
        shape: Some(array.shape().to_vec()),
        bytes_in: Some(size_of_val_of(&array)),
        bytes_out: None,
        check: match check(operation()) {
            Ok(()) => Check::Passed,
            Err(error) => Check::Failed(error.to_string()),
        },
    });
}

/// Like [`bench()`], and `describe` runs the operation before anything is timed, checks its output
/// and says what the tables show: for inputs that aren't one array, outputs whose size counts, and
/// operations that must run more than once to be checked.
///
/// # Panics
/// In `cargo test --benches`, when the check failed.
pub fn bench_described<O, F: FnMut() -> O>(
    bencher: Bencher<'_, '_>,
    mut operation: F,
    describe: impl FnOnce(&mut F) -> Description,
) {
    match Worker::from_env() {
        // The bencher is left unused: calling it costs divan 8 ms of calibration a process.
        Some(worker) => worker::serve(worker, &mut operation, describe),
        None => {
            // Without `--bench` divan only tries the operation, as for `cargo test --benches`.
            if !std::env::args().any(|argument| argument == "--bench")
                && let Check::Failed(difference) = describe(&mut operation).check
            {
                panic!("wrong output: {difference}");
            }
            bencher.bench_local(|| drop(black_box(operation())));
        }
    }
}

/// Benchmarks `encoder` on `array`, into a new vector each time, and has its output checked.
///
/// # Panics
/// When the encoder refuses the array; the tool reports the benchmark as failed.
pub fn bench_encoder<T: Element, E: Encoder<T>>(
    bencher: Bencher<'_, '_>,
    encoder: &E,
    array: ArrayViewD<'_, T>,
) {
    let encode = || {
        let mut out = Vec::new();
        if let Err(error) = encoder.encode(array.view(), &mut out) {
            panic!("the encoder refused the array: {error}");
        }
        out
    };
    bench_described(bencher, encode, |encode| {
        describe(encoder, &array, encode())
    });
}

/// Like [`bench_encoder`], but into one vector that is cleared and kept, as a server would.
///
/// # Panics
/// When the encoder refuses the array; the tool reports the benchmark as failed.
pub fn bench_encoder_reused<T: Element, E: Encoder<T>>(
    bencher: Bencher<'_, '_>,
    encoder: &E,
    array: ArrayViewD<'_, T>,
) {
    let out = std::cell::RefCell::new(Vec::new());
    let encode = || {
        let mut out = out.borrow_mut();
        out.clear();
        if let Err(error) = encoder.encode(array.view(), &mut out) {
            panic!("the encoder refused the array: {error}");
        }
        black_box(out.as_slice());
    };
    bench_described(bencher, encode, |encode| {
        // Twice, so that a buffer that is not cleared shows.
        encode();
        encode();
        describe(encoder, &array, out.borrow().clone())
    });
}

fn describe<T: Element, E: Encoder<T>>(
    encoder: &E,
    array: &ArrayViewD<'_, T>,
    output: Vec<u8>,
) -> Description {
    let bytes_out = Some(output.len() as u64);
    let check = match E::FORMAT {
        Format::Json => Check::Json {
            output,
            input: array
                .iter()
                .flat_map(|element| element.as_bytes().iter().copied())
                .collect(),
            same_bytes: E::SAME_BYTES,
        },
        Format::Other => match compare(encoder, array, &output) {
            Ok(()) => Check::Passed,
            Err(error) => Check::Failed(error.to_string()),
        },
    };
    Description {
        dtype: Some(T::DTYPE),
        shape: Some(array.shape().to_vec()),
        bytes_in: Some(size_of_val_of(array)),
        bytes_out,
        check,
    }
}

fn compare<T: Element, E: Encoder<T>>(
    encoder: &E,
    array: &ArrayViewD<'_, T>,
    output: &[u8],
) -> Result<(), BoxError> {
    let decoded = encoder.decode(output, array.shape())?;
    if decoded.shape() != array.shape() {
        return Err(format!(
            "decoded shape {:?} for {:?}",
            decoded.shape(),
            array.shape()
        )
        .into());
    }
    // Bytes, not values: NaN equals itself and -0.0 differs from 0.0.
    match array
        .iter()
        .zip(&decoded)
        .position(|(a, b)| a.as_bytes() != b.as_bytes())
    {
        None => Ok(()),
        Some(index) => Err(format!("element {index} decodes to another value").into()),
    }
}

fn size_of_val_of<T: Element>(array: &ArrayViewD<'_, T>) -> u64 {
    array.len() as u64 * size_of::<T>() as u64
}
