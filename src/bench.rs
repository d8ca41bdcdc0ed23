//! The functions to call in a divan benchmark instead of `bencher.bench_local(…)`.

use std::slice;

use divan::{Bencher, black_box};
use ndarray::{ArrayD, ArrayViewD};

use crate::{
    BoxError, Dtype, Element, Encoder, Format,
    turns::Turns,
    worker::{self, Worker},
};

/// The properties of a benchmark that reports show, and how its output is checked.
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
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Description {
    pub(crate) dtype: Option<Dtype>,
    pub(crate) shape: Option<Vec<usize>>,
    pub(crate) bytes_in: Option<u64>,
    pub(crate) bytes_out: Option<u64>,
    pub(crate) check: Check,
}

impl Description {
    /// A description without any properties.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Data type, shape and size of the input array.
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

    /// Sets the result of checking the output, or how the tool can check it.
    #[must_use]
    pub fn check(mut self, check: impl Into<Check>) -> Self {
        self.check = check.into();
        self
    }
}

/// How the output of a benchmark is checked.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Check {
    /// The output is not checked.
    #[default]
    Unchecked,
    /// The output was checked in the benchmark and is correct.
    Passed,
    /// The output was checked in the benchmark and is wrong; the text describes the difference.
    Failed(String),
    /// The tool must check that JSON text has the elements.
    Json {
        /// The encoded text.
        output: Vec<u8>,
        /// The bytes of the elements, in C order.
        input: Vec<u8>,
        /// Whether the text must also equal the reference's.
        same_bytes: bool,
    },
}

/// `Ok` means passed, an error failed with its text.
impl<E: ToString> From<Result<(), E>> for Check {
    fn from(result: Result<(), E>) -> Self {
        match result {
            Ok(()) => Self::Passed,
            Err(error) => Self::Failed(error.to_string()),
        }
    }
}

/// Benchmarks `operation`. In `cargo bench` this is divan's `bench_local`; started by
/// `cargo serbench`, the process measures the slices that the tool requests.
///
/// The output is dropped inside the timed part, as it would be by a caller. The output is not
/// checked; see [`bench_checked`] and [`bench_encoder`].
pub fn bench<O>(bencher: Bencher<'_, '_>, operation: impl FnMut() -> O) {
    bench_described(bencher, operation, |_| Description::new());
}

/// Like [`bench()`], but first calls `check` on one output, before anything is timed. `array` is
/// the input, whose data type, shape and size the tables show.
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

/// Like [`bench()`], but first calls `describe`, which runs the operation, checks its output and
/// returns what the tables show: for inputs other than one array, outputs whose size matters, and
/// operations that must run more than once to be checked.
///
/// # Panics
/// In `cargo test --benches`, if the check failed.
pub fn bench_described<O, F: FnMut() -> O>(
    bencher: Bencher<'_, '_>,
    mut operation: F,
    describe: impl FnOnce(&mut F) -> Description,
) {
    match Worker::from_env() {
        // Don't call the bencher: it would cost 8 ms of calibration per process.
        Some(worker) => worker::serve(worker, &mut operation, describe),
        None => {
            // Without `--bench`, divan only tries the operation, as for `cargo test --benches`.
            if !std::env::args().any(|argument| argument == "--bench")
                && let Check::Failed(difference) = describe(&mut operation).check
            {
                panic!("wrong output: {difference}");
            }
            bencher.bench_local(|| drop(black_box(operation())));
        }
    }
}

/// Benchmarks `encoder` on `array`, into a new vector each time, and checks its output.
///
/// Arrays of at most 20,000 elements take turns with copies whose elements are in another order. Otherwise
/// branch predictors would learn the array by heart, and encoders that branch on signs, lengths or booleans
/// would look up to three times faster than they are on arrays that they haven't seen.
///
/// # Panics
/// If the encoder returns an error; the tool reports the benchmark as failed.
pub fn bench_encoder<T: Element, E: Encoder<T>>(
    bencher: Bencher<'_, '_>,
    encoder: &E,
    array: ArrayViewD<'_, T>,
) {
    let turns = Turns::new(array.view());
    let mut encode = || {
        let mut out = Vec::new();
        if let Err(error) = encoder.encode(turns.next(), &mut out) {
            panic!("the encoder rejected the array: {error}");
        }
        out
    };
    bench_dyn(bencher, &mut encode, &|encode| {
        turns.restart();
        let output = encode();
        describe(encoder, &array, output)
    });
}

/// Like [`bench_encoder`], but reuses one vector, which is cleared each time, as a server would.
///
/// # Panics
/// If the encoder returns an error; the tool reports the benchmark as failed.
pub fn bench_encoder_reused<T: Element, E: Encoder<T>>(
    bencher: Bencher<'_, '_>,
    encoder: &E,
    array: ArrayViewD<'_, T>,
) {
    let turns = Turns::new(array.view());
    let out = std::cell::RefCell::new(Vec::new());
    let mut encode = || {
        let mut out = out.borrow_mut();
        out.clear();
        if let Err(error) = encoder.encode(turns.next(), &mut out) {
            panic!("the encoder rejected the array: {error}");
        }
        black_box(out.as_slice());
    };
    if turns.len() > 1 {
        // Afterwards, the vector is large enough for every array.
        for _ in 0..turns.len() {
            encode();
        }
    }
    bench_dyn(bencher, &mut encode, &|encode| {
        // Twice, to detect a buffer that is not cleared.
        encode();
        turns.restart();
        encode();
        describe(encoder, &array, out.borrow().clone())
    });
}

/// [`bench_described`] without its type parameters. A suite has a hundred encoders, and the loops
/// of the worker and of divan would be compiled for each of them; compared with encoding an array, an
/// indirect call takes no time.
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
            "decoded shape {:?} instead of {:?}",
            decoded.shape(),
            array.shape()
        )
        .into());
    }
    // Compare bytes, not values: NaN must equal itself, and -0.0 differs from 0.0.
    let differ = |(a, b)| bytes(a) != bytes(b);
    match array.iter().zip(decoded).position(differ) {
        None => Ok(()),
        Some(index) => Err(format!("element {index} decodes to a different value").into()),
    }
}

fn bytes<T: Element>(element: &T) -> &[u8] {
    T::bytes(slice::from_ref(element))
}
