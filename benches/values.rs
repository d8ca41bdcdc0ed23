//! JSON by the values in the array: special values, for which formatters often have slow paths. Also
//! measures `serbench` with baseline instructions only. The reference is `orjson`.

use std::fmt::{self, Display};

use ::serbench::{
    BoxError, Encoder,
    array::SEED,
    bench_encoder,
    encoders::{JsonElement, Orjson, Serbench},
    f16,
    json::{self, Level, Options},
    random::Random,
};
use divan::Bencher;
use ndarray::{ArrayD, ArrayViewD, IxDyn};

/// Rows and columns, as in the `json` suite.
const SHAPE: [usize; 2] = [100, 50];

#[global_allocator]
static ALLOCATOR: ::serbench::CountingAllocator = ::serbench::CountingAllocator;

fn main() {
    divan::main();
}

/// [`Serbench`] with the baseline instructions only.
struct Baseline;

impl<T: JsonElement> Encoder<T> for Baseline {
    const SAME_BYTES: bool = true;

    fn encode(&self, array: ArrayViewD<'_, T>, out: &mut Vec<u8>) -> Result<(), BoxError> {
        Ok(json::write_at(
            Level::Baseline,
            &array,
            Options::new(),
            out,
        )?)
    }
}

/// The kind of values in an array.
#[derive(Clone, Copy)]
enum Values {
    Zeros,
    Ones,
    /// Integers of one digit; signed types include negative ones.
    Digit,
    /// Integers of one to three digits.
    Small,
    /// Integers of all lengths, mixed.
    Lengths,
    Nan,
    Subnormal,
    PowersOfTwo,
    /// A quarter each of zeros, NaN, integers and fractions.
    Mixed,
}

impl Values {
    const INTEGERS: [Self; 5] = [
        Self::Zeros,
        Self::Ones,
        Self::Digit,
        Self::Small,
        Self::Lengths,
    ];
    const FLOATS: [Self; 8] = [
        Self::Zeros,
        Self::Ones,
        Self::Digit,
        Self::Small,
        Self::Nan,
        Self::Subnormal,
        Self::PowersOfTwo,
        Self::Mixed,
    ];
}

impl Display for Values {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Zeros => "zeros",
            Self::Ones => "ones",
            Self::Digit => "digit",
            Self::Small => "small",
            Self::Lengths => "lengths",
            Self::Nan => "nan",
            Self::Subnormal => "subnormal",
            Self::PowersOfTwo => "powers-of-two",
            Self::Mixed => "mixed",
        })
    }
}

/// A type that can represent some of [`Values`].
trait Special: JsonElement {
    /// A value of this kind, chosen by random `bits`.
    fn special(values: Values, bits: u64) -> Self;
}

macro_rules! integers {
    ($($type:ty)*) => { $(
        impl Special for $type {
            fn special(values: Values, bits: u64) -> Self {
                let below = |limit: u64| {
                    let magnitude = (bits % limit).min(Self::MAX as u64) as Self;
                    let is_negative = Self::MIN < 0 as Self && bits >> 63 == 1;
                    if is_negative { (0 as Self).wrapping_sub(magnitude) } else { magnitude }
                };
                match values {
                    Values::Zeros => 0,
                    Values::Ones => 1,
                    Values::Digit => below(10),
                    Values::Lengths => bits as Self >> ((bits >> 32) as u32 % Self::BITS),
                    _ => below(1000),
                }
            }
        }
    )* };
}

integers! { i8 i16 i32 i64 u8 u16 u32 u64 }

macro_rules! floats {
    ($($type:ty, $bits:ty, $mantissa:literal, $from:expr;)*) => { $(
        impl Special for $type {
            fn special(values: Values, bits: u64) -> Self {
                let from: fn(f64) -> Self = $from;
                let integer = |limit: i64| from((bits as i64 % limit) as f64);
                match values {
                    Values::Zeros => from(0.0),
                    Values::Ones => from(1.0),
                    Values::Digit => integer(10),
                    Values::Nan => from(f64::NAN),
                    Values::Subnormal => Self::from_bits((bits as $bits >> (<$bits>::BITS - $mantissa)) | 1),
                    Values::PowersOfTwo => from(2_f64.powi((bits % 28) as i32 - 14)),
                    Values::Mixed => match bits % 4 {
                        0 => from(0.0),
                        1 => from(f64::NAN),
                        2 => integer(1000),
                        _ => from((bits >> 11) as f64 / (1_u64 << 53) as f64),
                    },
                    _ => integer(1000),
                }
            }
        }
    )* };
}

floats! {
    f16, u16, 10, Self::from_f64;
    f32, u32, 23, |value| value as Self;
    f64, u64, 52, |value| value;
}

fn array<T: Special>(values: Values) -> ArrayD<T> {
    let mut random = Random::seeded(SEED);
    ArrayD::from_shape_simple_fn(IxDyn(&SHAPE), || T::special(values, random.next_u64()))
}

macro_rules! encoders {
    ($($name:ident: $encoder:ident;)*) => { $(
        mod $name {
            use super::{Bencher, Special, Values, array, bench_encoder, f16};

            #[divan::bench(types = [i8, i16, i32, i64, u8, u16, u32, u64], args = Values::INTEGERS)]
            fn integers<T: Special>(bencher: Bencher, values: &Values) {
                bench_encoder(bencher, &super::$encoder, array::<T>(*values).view());
            }

            #[divan::bench(types = [f16, f32, f64], args = Values::FLOATS)]
            fn floats<T: Special>(bencher: Bencher, values: &Values) {
                bench_encoder(bencher, &super::$encoder, array::<T>(*values).view());
            }
        }
    )* };
}

encoders! {
    orjson: Orjson;
    serbench: Serbench;
    serbench_baseline: Baseline;
}
