//! JSON by length and layout of the array: shows the fixed cost of an encoder, and the cost of reading
//! an array that is not in C order. The reference is `orjson`.

use std::fmt::{self, Display};

use divan::Bencher;
use ndarray::{ArrayD, Axis, Slice};
use serbench::{
    array::{SEED, Shape, seeded},
    bench_encoder,
    encoders::{JsonElement, Orjson, Serbench, SerdeJson, SonicRs},
};

/// Rows and columns of the arrays with different layouts.
const TABLE: [usize; 2] = [100, 50];

#[global_allocator]
static ALLOCATOR: serbench::CountingAllocator = serbench::CountingAllocator;

fn main() {
    divan::main();
}

/// An array to encode.
enum Case {
    /// One axis of this length.
    Length(usize),
    /// A 2-d array in C order.
    C,
    /// The same array in Fortran order, where the elements of a row are not contiguous.
    Fortran,
    /// The same shape as a view of every second row and column of a larger array.
    Strided,
}

impl Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Length(length) => write!(f, "{length}"),
            Self::C => f.write_str("c-order"),
            Self::Fortran => f.write_str("fortran-order"),
            Self::Strided => f.write_str("strided"),
        }
    }
}

fn cases() -> Vec<Case> {
    let powers = (0..=6).map(|exponent| Case::Length(10_usize.pow(exponent)));
    let lengths = std::iter::once(Case::Length(0)).chain(powers);
    lengths
        .chain([Case::C, Case::Fortran, Case::Strided])
        .collect()
}

fn array<T: JsonElement>(case: &Case) -> ArrayD<T> {
    let [rows, columns] = TABLE;
    let axes = match case {
        Case::Length(length) => vec![*length],
        Case::C => TABLE.to_vec(),
        Case::Fortran => vec![columns, rows],
        Case::Strided => vec![2 * rows, 2 * columns],
    };
    seeded(&Shape::Axes(axes), SEED)
}

macro_rules! encoders {
    ($($name:ident: $encoder:expr;)*) => { $(
        #[divan::bench(types = [bool, i64, f64], args = cases())]
        fn $name<T: JsonElement>(bencher: Bencher, case: &Case) {
            let mut array = array::<T>(case);
            match case {
                Case::Length(_) | Case::C => {}
                Case::Fortran => array = array.reversed_axes(),
                Case::Strided => {
                    for axis in 0..TABLE.len() {
                        array.slice_axis_inplace(Axis(axis), Slice::new(0, None, 2));
                    }
                }
            }
            bench_encoder(bencher, &$encoder, array.view());
        }
    )* };
}

encoders! {
    orjson: Orjson;
    serbench: Serbench;
    serde_json: SerdeJson;
    sonic_rs: SonicRs;
}
