//! The reference encoder, which works like orjson 3.13.0 on a numpy array.

use ndarray::ArrayViewD;

use super::{JsonElement, nested::refuse_scalar};
use crate::{BoxError, Encoder};

/// The reference: the same text as `orjson.dumps(array, option=orjson.OPT_SERIALIZE_NUMPY)` with
/// orjson 3.13.0, byte for byte, produced in the same way.
///
/// The same crates format the elements (itoap, zmij, jiff-core), a tree with a node for each row
/// is built first, and the buffer starts with a page, is doubled if a row might not fit, and is
/// not shrunk; so time and memory are also those of orjson. `cargo serbench calibrate` measures this:
/// 100x50 elements of each data type took 0.94 to 1.03 times as long as in orjson on an Intel Xeon
/// (Sapphire Rapids). orjson allocates its tree with Python's allocator, which matters most where elements
/// take least: with the system's allocator (`PYTHONMALLOC=malloc`), booleans take orjson 1.4 times as
/// long.
///
/// It differs from orjson only where orjson fails: a view that isn't C-contiguous is copied
/// first (orjson rejects it); datetimes whose arithmetic overflows are rejected, and so is an array with
/// such a value in any row (orjson wraps around, writes broken text, or aborts).
#[derive(Clone, Copy, Debug, Default)]
pub struct Orjson;

/// orjson's first buffer: a page minus the size of CPython's `bytes` struct.
const FIRST_CAPACITY: usize = 4096 - 40;

/// The minimum that orjson reserves before writing a node.
const RESERVED_PER_NODE: usize = 128;

/// What orjson reserves for a row in addition to its elements.
const RESERVED_PER_ROW: usize = 64;

/// What orjson reserves for an element in addition to its size.
const RESERVED_PER_ELEMENT: usize = 16;

impl<T: JsonElement> Encoder<T> for Orjson {
    const SAME_BYTES: bool = true;

    fn encode(&self, array: ArrayViewD<'_, T>, out: &mut Vec<u8>) -> Result<(), BoxError> {
        refuse_scalar(&array)?;
        let array = array.as_standard_layout();
        let elements = array
            .as_slice()
            .expect("as_standard_layout gives a C-contiguous array");
        let axes = Axes {
            shape: array.shape(),
            strides: array.strides(),
        };
        let mut root = Node {
            axes: &axes,
            elements,
            position: vec![0; axes.shape.len()],
            children: Vec::with_capacity(axes.shape.len()),
            depth: 0,
        };
        root.build();
        root.write(out)
    }
}

struct Axes<'a> {
    shape: &'a [usize],
    /// In elements; the array is C-contiguous, so only an axis of length 1 can have a negative stride.
    strides: &'a [isize],
}

/// A list in the output: of lists, or, on the last axis, a row of elements.
struct Node<'a, T> {
    axes: &'a Axes<'a>,
    elements: &'a [T],
    position: Vec<usize>,
    children: Vec<Node<'a, T>>,
    depth: usize,
}

impl<T: JsonElement> Node<'_, T> {
    fn build(&mut self) {
        let last = self.axes.shape.len() - 1;
        if self.depth == last {
            return;
        }
        let grandchildren = if self.depth + 1 == last {
            0
        } else {
            self.axes.shape[self.depth + 1]
        };
        for index in 0..self.axes.shape[self.depth] {
            let mut position = self.position.clone();
            position[self.depth] = index;
            let mut child = Node {
                axes: self.axes,
                elements: self.elements,
                position,
                children: Vec::with_capacity(grandchildren),
                depth: self.depth + 1,
            };
            child.build();
            self.children.push(child);
        }
    }

    fn write(&self, out: &mut Vec<u8>) -> Result<(), BoxError> {
        reserve(out, RESERVED_PER_NODE);
        if self.axes.shape[self.depth] == 0 {
            out.extend_from_slice(b"[]");
            return Ok(());
        }
        if self.children.is_empty() {
            return write_row(self.row(), out);
        }
        for (index, child) in self.children.iter().enumerate() {
            out.push(if index == 0 { b'[' } else { b',' });
            child.write(out)?;
        }
        out.push(b']');
        Ok(())
    }

    fn row(&self) -> &[T] {
        let start: usize = self
            .position
            .iter()
            .zip(self.axes.strides)
            .take(self.depth)
            .map(|(index, stride)| index * stride.unsigned_abs())
            .sum();
        &self.elements[start..start + self.axes.shape[self.depth]]
    }
}

fn write_row<T: JsonElement>(row: &[T], out: &mut Vec<u8>) -> Result<(), BoxError> {
    reserve(
        out,
        RESERVED_PER_ROW + row.len() * (T::RESERVED + RESERVED_PER_ELEMENT),
    );
    out.push(b'[');
    T::write_each(row, out)?;
    out.pop();
    out.push(b']');
    Ok(())
}

/// Doubles the buffer until `additional` bytes fit.
#[inline]
fn reserve(out: &mut Vec<u8>, additional: usize) {
    let end = out.len() + additional;
    if end >= out.capacity() {
        grow(out, end);
    }
}

#[cold]
fn grow(out: &mut Vec<u8>, end: usize) {
    let mut capacity = out.capacity().max(FIRST_CAPACITY);
    while end >= capacity {
        capacity *= 2;
    }
    out.reserve_exact(capacity - out.len());
}
