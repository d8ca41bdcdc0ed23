//! The arrays that benchmarks encode: a shape, and seeded values in it.

use std::{fmt, str::FromStr};

use ndarray::{ArrayD, IxDyn};

use crate::{Element, random::Random};

/// The seed of the arrays of the suites.
pub const SEED: u64 = 20_240_601;

/// The shape of a benchmark's array, printed as `100x100`, or `pynumpy` for the large shape that
/// orjson's benchmark of that name gives each data type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Shape {
    /// These axis lengths; none for a 0-d array, printed as `scalar`.
    Axes(Vec<usize>),
    /// [`Element::PYNUMPY_SHAPE`].
    Pynumpy,
}

impl Shape {
    /// The axis lengths for arrays of `T`.
    #[must_use]
    pub fn axes<T: Element>(&self) -> Vec<usize> {
        match self {
            Self::Axes(axes) => axes.clone(),
            Self::Pynumpy => T::PYNUMPY_SHAPE.to_vec(),
        }
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

impl FromStr for Shape {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "pynumpy" => Ok(Self::Pynumpy),
            "scalar" => Ok(Self::Axes(Vec::new())),
            _ => text
                .split('x')
                .map(str::parse)
                .collect::<Result<_, _>>()
                .map(Self::Axes)
                .map_err(|_| format!("`{text}` is not a shape like 100x100, scalar or pynumpy")),
        }
    }
}

/// The shapes that a bench of arrays registers: `small`, and with `SERBENCH_FULL` in the
/// environment (which `cargo serbench --full` sets) `pynumpy` too, so that `cargo bench` by hand
/// stays quick.
#[must_use]
pub fn shapes(small: &[usize]) -> Vec<Shape> {
    let mut shapes = vec![Shape::Axes(small.to_vec())];
    if std::env::var_os("SERBENCH_FULL").is_some() {
        shapes.push(Shape::Pynumpy);
    }
    shapes
}

/// An array in C order with the values of [`Element::draw`]; equal for equal arguments.
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
        assert!("10x".parse::<Shape>().is_err());
    }

    #[test]
    fn arrays_are_reproducible() {
        let shape = Shape::Axes(vec![3, 4]);
        assert_eq!(seeded::<f64>(&shape, SEED), seeded::<f64>(&shape, SEED));
        assert_ne!(seeded::<f64>(&shape, SEED), seeded::<f64>(&shape, SEED + 1));
    }
}
