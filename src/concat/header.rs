//! Writes the header of a message.

use super::{AnyArray, Elements};
use crate::{crc::Crc, dtype::Descr};

pub(super) const MAGIC: [u8; 8] = *b"\x93CONCAT\n";
pub(super) const VERSION: u16 = 1;
/// The flag of a message with a checksum.
pub(super) const CHECKSUM: u16 = 1;
/// Position of the checksum.
pub(super) const CHECKSUM_AT: std::ops::Range<usize> = 12..16;
/// Size of the header before the first array's entry.
pub(super) const PREAMBLE: usize = 40;
/// Size of an array's entry before its dimensions.
pub(super) const ENTRY: usize = 32;
/// The alignment of payloads: a cache line, more than any element needs.
pub(super) const ALIGN: usize = 64;

/// `offset` or the next multiple of [`ALIGN`].
pub(super) const fn align(offset: usize) -> usize {
    offset.saturating_add(ALIGN - 1) & !(ALIGN - 1)
}

/// Sizes of the header and of the message, in bytes.
pub(super) fn lengths(arrays: &[AnyArray<'_>]) -> (usize, usize) {
    let (mut header, mut payloads) = (PREAMBLE, 0_usize);
    for array in arrays {
        header += ENTRY + 8 * array.shape.len();
        payloads = align(payloads).saturating_add(array.nbytes);
    }
    (align(header), align(header).saturating_add(payloads))
}

/// Writes the header of a message of `total` bytes into `header`, which must be all zeros, with the
/// length returned by [`lengths`]. With a `crc`, the message is marked to have a checksum, and the
/// header is added to it.
pub(super) fn write(
    arrays: &[AnyArray<'_>],
    total: usize,
    crc: Option<&mut Crc>,
    header: &mut [u8],
) {
    write_entries(arrays, total, header);
    if let Some(crc) = crc {
        header[10..12].copy_from_slice(&CHECKSUM.to_le_bytes());
        crc.update(header);
    }
}

/// Writes the checksum into the header at the start of `message`.
pub(super) fn set_checksum(message: &mut [u8], checksum: u32) {
    message[CHECKSUM_AT].copy_from_slice(&checksum.to_le_bytes());
}

fn write_entries(arrays: &[AnyArray<'_>], total: usize, header: &mut [u8]) {
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
        entry[..8].copy_from_slice(&Descr::native(array.dtype).padded());
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
