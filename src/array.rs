//! The arrays that benchmarks encode: shapes, and seeded values.

use std::{error::Error, fmt, str::FromStr};

use ndarray::{ArrayD, IxDyn};

use crate::{Dtype, Element, protocol::FULL, random::Random};

/// The seed of the suites' arrays.
pub const SEED: u64 = 20_240_601;

/// The shape of a benchmark's array, printed as `100x100`, or as `pynumpy` for the large shape that
/// orjson's benchmark of that name uses for each data type.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Shape {
    /// These axis lengths; empty for a 0-d array, printed as `scalar`.
    Axes(Vec<usize>),
    /// The shape of orjson's `pynumpy` benchmark: 5 to 20 million elements.
    Pynumpy,
}

impl Shape {
    /// The axis lengths for arrays of `T`.
    #[must_use]
    pub fn axes<T: Element>(&self) -> Vec<usize> {
        match self {
            Self::Axes(axes) => axes.clone(),
            Self::Pynumpy => pynumpy(T::DTYPE).to_vec(),
        }
    }
}

/// The shape of orjson's `pynumpy` benchmark; data types missing there use that of floats.
const fn pynumpy(dtype: Dtype) -> [usize; 2] {
    match dtype {
        Dtype::Bool => [100_000, 200],
        Dtype::Int8
        | Dtype::Int16
        | Dtype::Int32
        | Dtype::Int64
        | Dtype::Uint8
        | Dtype::Uint16
        | Dtype::Uint32
        | Dtype::Uint64 => [100_000, 100],
        Dtype::Float16
        | Dtype::Float32
        | Dtype::Float64
        | Dtype::Complex64
        | Dtype::Complex128
        | Dtype::Datetime64(_)
        | Dtype::Timedelta64(_)
        | Dtype::DatetimeStep(_)
        | Dtype::TimedeltaStep(_) => [50_000, 100],
    }
}

impl From<&[usize]> for Shape {
    fn from(axes: &[usize]) -> Self {
        Self::Axes(axes.to_vec())
    }
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Axes(axes) if axes.is_empty() => f.write_str("scalar"),
            Self::Axes(axes) => {
                let lengths: Vec<String> = axes.iter().map(ToString::to_string).collect();
                f.write_str(&lengths.join("x"))
            }
            Self::Pynumpy => f.write_str("pynumpy"),
        }
    }
}

/// The error of parsing a [`Shape`].
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ParseShapeError {
    text: String,
}

impl fmt::Display for ParseShapeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = &self.text;
        write!(f, "`{text}` is not a shape like 100x100, scalar or pynumpy")
    }
}

impl Error for ParseShapeError {}

impl FromStr for Shape {
    type Err = ParseShapeError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "pynumpy" => Ok(Self::Pynumpy),
            "scalar" => Ok(Self::Axes(Vec::new())),
            _ => text
                .split('x')
                .map(str::parse)
                .collect::<Result<_, _>>()
                .map(Self::Axes)
                .map_err(|_| ParseShapeError {
                    text: text.to_owned(),
                }),
        }
    }
}

/// Whether large arrays are requested: `cargo serbench --full` sets `SERBENCH_FULL`. Without it,
/// `cargo bench` stays quick.
#[must_use]
pub fn is_full() -> bool {
    std::env::var_os(FULL).is_some()
}

/// The shapes that a bench of arrays registers: `small`, and also `pynumpy` if large arrays are
/// requested, see [`is_full`].
#[must_use]
pub fn shapes(small: &[usize]) -> Vec<Shape> {
    let mut shapes = vec![Shape::from(small)];
    if is_full() {
        shapes.push(Shape::Pynumpy);
    }
    shapes
}

/// A reproducible array in C order, equal for equal arguments: floats uniform in [0, 1), integers
/// uniform from 0 to the type's maximum, fair booleans, times from 1970 to 2043.
#[must_use]
pub fn seeded<T: Element>(shape: &Shape, seed: u64) -> ArrayD<T> {
    let mut random = Random::seeded(seed);
    ArrayD::from_shape_simple_fn(IxDyn(&shape.axes::<T>()), || T::draw(&mut random))
}

#[cfg(test)]
mod tests {
    use super::{SEED, Shape, seeded};

    #[test]
    fn shapes_round_trip() {
        for text in ["100x100", "7", "0x3", "pynumpy", "scalar"] {
            assert_eq!(text.parse::<Shape>().unwrap().to_string(), text);
        }
        let error = "10x".parse::<Shape>().unwrap_err();
        assert_eq!(
            error.to_string(),
            "`10x` is not a shape like 100x100, scalar or pynumpy"
        );
    }

    #[test]
    fn arrays_are_reproducible() {
        let shape = Shape::Axes(vec![3, 4]);
        assert_eq!(seeded::<f64>(&shape, SEED), seeded::<f64>(&shape, SEED));
        assert_ne!(seeded::<f64>(&shape, SEED), seeded::<f64>(&shape, SEED + 1));
    }
}
