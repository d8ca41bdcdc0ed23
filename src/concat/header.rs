//! A message's header: arrays' data types, shapes and places go in, its bytes come out.

use super::{AnyArray, Elements};
use crate::{Dtype, TimeUnit};

pub(super) const MAGIC: [u8; 8] = *b"\x93CONCAT\n";
pub(super) const VERSION: u16 = 1;
/// Bytes before the first array's entry.
pub(super) const PREAMBLE: usize = 40;
/// Bytes of an array's entry before its dimensions.
pub(super) const ENTRY: usize = 32;
/// What payloads are aligned to: a cache line, and more than any element needs.
pub(super) const ALIGN: usize = 64;

const NATIVE: u8 = if cfg!(target_endian = "little") {
    b'<'
} else {
    b'>'
};

/// `offset` or the next multiple of [`ALIGN`].
pub(super) const fn align(offset: usize) -> usize {
    offset.saturating_add(ALIGN - 1) & !(ALIGN - 1)
}

/// Bytes of the header, and of the message.
pub(super) fn lengths(arrays: &[AnyArray<'_>]) -> (usize, usize) {
    let (mut header, mut payloads) = (PREAMBLE, 0_usize);
    for array in arrays {
        header += ENTRY + 8 * array.shape.len();
        payloads = align(payloads).saturating_add(array.nbytes);
    }
    (align(header), align(header).saturating_add(payloads))
}

/// Writes the header of a message of `total` bytes into `header`, which is all zeros and has its
/// length by [`lengths`].
pub(super) fn write(arrays: &[AnyArray<'_>], total: usize, header: &mut [u8]) {
    let mut end = header.len();
    let (preamble, mut rest) = header.split_at_mut(PREAMBLE);
    preamble[..8].copy_from_slice(&MAGIC);
    preamble[8..10].copy_from_slice(&VERSION.to_le_bytes());
    for (bytes, length) in preamble[16..]
        .chunks_exact_mut(8)
        .zip([arrays.len(), end, total])
    {
        bytes.copy_from_slice(&(length as u64).to_le_bytes());
    }
    for array in arrays {
        let (entry, dims) = rest.split_at_mut(ENTRY);
        let order = u32::from(matches!(array.elements, Elements::Fortran(_)));
        let offset = align(end);
        end = offset.saturating_add(array.nbytes);
        entry[..8].copy_from_slice(&descr(array.dtype));
        entry[8..12].copy_from_slice(&order.to_le_bytes());
        entry[12..16].copy_from_slice(&(array.shape.len() as u32).to_le_bytes());
        entry[16..24].copy_from_slice(&(offset as u64).to_le_bytes());
        entry[24..].copy_from_slice(&(array.nbytes as u64).to_le_bytes());
        let (dims, next) = dims.split_at_mut(8 * array.shape.len());
        for (bytes, length) in dims.chunks_exact_mut(8).zip(array.shape) {
            bytes.copy_from_slice(&(*length as u64).to_le_bytes());
        }
        rest = next;
    }
}

/// numpy's type string in this machine's byte order, filled up with zeros.
fn descr(dtype: Dtype) -> [u8; 8] {
    let mut descr = match dtype {
        Dtype::Bool => *b"|b1\0\0\0\0\0",
        Dtype::Int8 => *b"|i1\0\0\0\0\0",
        Dtype::Uint8 => *b"|u1\0\0\0\0\0",
        Dtype::Int16 => *b"<i2\0\0\0\0\0",
        Dtype::Int32 => *b"<i4\0\0\0\0\0",
        Dtype::Int64 => *b"<i8\0\0\0\0\0",
        Dtype::Uint16 => *b"<u2\0\0\0\0\0",
        Dtype::Uint32 => *b"<u4\0\0\0\0\0",
        Dtype::Uint64 => *b"<u8\0\0\0\0\0",
        Dtype::Float16 => *b"<f2\0\0\0\0\0",
        Dtype::Float32 => *b"<f4\0\0\0\0\0",
        Dtype::Float64 => *b"<f8\0\0\0\0\0",
        Dtype::Complex64 => *b"<c8\0\0\0\0\0",
        Dtype::Complex128 => *b"<c16\0\0\0\0",
        Dtype::Datetime64(unit) => with_unit(*b"<M8[\0\0\0\0", unit),
        Dtype::Timedelta64(unit) => with_unit(*b"<m8[\0\0\0\0", unit),
    };
    if descr[0] == b'<' {
        descr[0] = NATIVE;
    }
    descr
}

fn with_unit(mut descr: [u8; 8], unit: TimeUnit) -> [u8; 8] {
    let symbol = unit.symbol().as_bytes();
    descr[4..4 + symbol.len()].copy_from_slice(symbol);
    descr[4 + symbol.len()] = b']';
    descr
}

#[cfg(test)]
mod tests {
    use super::descr;
    use crate::{
        Dtype, TimeUnit,
        npy::{header, save::push_descr},
    };

    #[test]
    fn type_strings_are_those_of_npy() {
        let plain = [
            "bool",
            "int8",
            "int16",
            "int32",
            "int64",
            "uint8",
            "uint16",
            "uint32",
            "uint64",
            "float16",
            "float32",
            "float64",
            "complex64",
            "complex128",
        ];
        let plain = plain.map(|name| Dtype::from_name(name).unwrap());
        let units = TimeUnit::ALL.into_iter();
        let moments = units.flat_map(|unit| [Dtype::Datetime64(unit), Dtype::Timedelta64(unit)]);
        for dtype in plain.into_iter().chain(moments) {
            let mut text = Vec::new();
            push_descr(&mut text, dtype);
            assert_eq!(header::dtype(&text, 0), Ok((dtype, false)));
            text.resize(8, 0);
            assert_eq!(descr(dtype), *text);
        }
    }
}
