//! What a divan benchmark calls instead of `bencher.bench_local(…)`.

use std::slice;

use divan::{Bencher, black_box};
use ndarray::{ArrayD, ArrayViewD};

use crate::{
    BoxError, Dtype, Element, Encoder, Format,
    worker::{self, Worker},
};

/// What the tables show of a benchmark, and how its output is checked.
///
/// ```
/// use serbench::{Check, Description, Dtype};
///
/// let description = Description::new()
///     .dtype(Dtype::Float64)
///     .shape(&[100, 50])
///     .bytes_in(40_000)
///     .check(Check::Passed);
/// # let _ = description;
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Description {
    pub(crate) dtype: Option<Dtype>,
    pub(crate) shape: Option<Vec<usize>>,
    pub(crate) bytes_in: Option<u64>,
    pub(crate) bytes_out: Option<u64>,
    pub(crate) check: Check,
}

impl Description {
    /// Nothing is known.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Data type, shape and size of the array that goes in.
    #[must_use]
    pub fn of<T: Element>(array: &ArrayViewD<'_, T>) -> Self {
        let bytes = array.len() as u64 * size_of::<T>() as u64;
        Self::new()
            .dtype(T::DTYPE)
            .shape(array.shape())
            .bytes_in(bytes)
    }

    /// Sets the data type of the input.
    #[must_use]
    pub const fn dtype(mut self, dtype: Dtype) -> Self {
        self.dtype = Some(dtype);
        self
    }

    /// Sets the shape of the input.
    #[must_use]
    pub fn shape(mut self, shape: &[usize]) -> Self {
        self.shape = Some(shape.to_vec());
        self
    }

    /// Sets the size of the input.
    #[must_use]
    pub const fn bytes_in(mut self, bytes: u64) -> Self {
        self.bytes_in = Some(bytes);
        self
    }

    /// Sets the size of the output.
    #[must_use]
    pub const fn bytes_out(mut self, bytes: u64) -> Self {
        self.bytes_out = Some(bytes);
        self
    }

    /// Sets how the output was, or can be, checked.
    #[must_use]
    pub fn check(mut self, check: impl Into<Check>) -> Self {
        self.check = check.into();
        self
    }
}

/// How the output of a benchmark is checked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Check {
    /// Nothing is known of the output.
    #[default]
    Unchecked,
    /// The output was checked in the benchmark, and is right.
    Passed,
    /// The output was checked in the benchmark, and is wrong; the text describes the difference.
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

/// Passed, or failed with the error's text.
impl<E: ToString> From<Result<(), E>> for Check {
    fn from(result: Result<(), E>) -> Self {
        match result {
            Ok(()) => Self::Passed,
            Err(error) => Self::Failed(error.to_string()),
        }
    }
}

/// Benchmarks `operation`. Run by hand or by `cargo bench` this is divan's `bench_local`; started
/// by `cargo serbench` the process measures the slices that the tool asks for.
///
/// The output is dropped inside the timed part, as a caller would. Nothing is checked but that the
/// operation returns; see [`bench_checked`] and [`bench_encoder`].
pub fn bench<O>(bencher: Bencher<'_, '_>, operation: impl FnMut() -> O) {
    bench_described(bencher, operation, |_| Description::new());
}

/// Like [`bench()`], and `check` says of one output whether it is right before anything is timed.
/// `array` is the input, for the tables: its data type, shape and size.
pub fn bench_checked<T: Element, O>(
    bencher: Bencher<'_, '_>,
    array: ArrayViewD<'_, T>,
    operation: impl FnMut() -> O,
    check: impl FnOnce(O) -> Result<(), BoxError>,
) {
    bench_described(bencher, operation, |operation| {
        Description::of(&array).check(check(operation()))
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
    let mut encode = || {
        let mut out = Vec::new();
        if let Err(error) = encoder.encode(array.view(), &mut out) {
            panic!("the encoder refused the array: {error}");
        }
        out
    };
    bench_dyn(bencher, &mut encode, &|encode| {
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
    let mut encode = || {
        let mut out = out.borrow_mut();
        out.clear();
        if let Err(error) = encoder.encode(array.view(), &mut out) {
            panic!("the encoder refused the array: {error}");
        }
        black_box(out.as_slice());
    };
    bench_dyn(bencher, &mut encode, &|encode| {
        // Twice, so that a buffer that is not cleared shows.
        encode();
        encode();
        describe(encoder, &array, out.borrow().clone())
    });
}

/// [`bench_described`] without its type parameters. A suite holds a hundred encoders, and the loops
/// of the worker and of divan would be compiled for each; beside encoding an array, an indirect
/// call takes no time.
fn bench_dyn<O>(
    bencher: Bencher<'_, '_>,
    operation: &mut dyn FnMut() -> O,
    describe: &dyn Fn(&mut dyn FnMut() -> O) -> Description,
) {
    bench_described(bencher, operation, |operation| describe(*operation));
}

fn describe<T: Element, E: Encoder<T>>(
    encoder: &E,
    array: &ArrayViewD<'_, T>,
    output: Vec<u8>,
) -> Description {
    match E::FORMAT {
        Format::Json => describe_json(array, output, E::SAME_BYTES),
        Format::Other => {
            let decoded = encoder.decode(&output, array.shape());
            describe_decoded(array, &output, decoded)
        }
    }
}

fn describe_json<T: Element>(
    array: &ArrayViewD<'_, T>,
    output: Vec<u8>,
    same_bytes: bool,
) -> Description {
    let description = Description::of(array).bytes_out(output.len() as u64);
    description.check(Check::Json {
        output,
        input: array.iter().flat_map(bytes).copied().collect(),
        same_bytes,
    })
}

fn describe_decoded<T: Element>(
    array: &ArrayViewD<'_, T>,
    output: &[u8],
    decoded: Result<ArrayD<T>, BoxError>,
) -> Description {
    Description::of(array)
        .bytes_out(output.len() as u64)
        .check(decoded.and_then(|decoded| compare(array, &decoded)))
}

fn compare<T: Element>(array: &ArrayViewD<'_, T>, decoded: &ArrayD<T>) -> Result<(), BoxError> {
    if decoded.shape() != array.shape() {
        return Err(format!(
            "decoded shape {:?} for {:?}",
            decoded.shape(),
            array.shape()
        )
        .into());
    }
    // Bytes, not values: NaN equals itself and -0.0 differs from 0.0.
    let differ = |(a, b)| bytes(a) != bytes(b);
    match array.iter().zip(decoded).position(differ) {
        None => Ok(()),
        Some(index) => Err(format!("element {index} decodes to another value").into()),
    }
}

fn bytes<T: Element>(element: &T) -> &[u8] {
    T::bytes(slice::from_ref(element))
}
