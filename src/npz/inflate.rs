//! Decompresses a member into a buffer of exactly the declared size.

use flate2::{Decompress, FlushDecompress, Status};
use zerocopy::IntoBytes;

use crate::pages;

/// The best ratio of DEFLATE: 258 bytes in two bits.
const MAX_RATIO: usize = 1032;

/// Bytes at a multiple of 16, so that elements of every type can be viewed in them.
pub(super) struct AlignedBytes {
    blocks: Vec<u128>,
    len: usize,
}

impl AlignedBytes {
    pub(super) fn as_bytes(&self) -> &[u8] {
        &self.blocks.as_bytes()[..self.len]
    }
}

/// Decompresses `compressed` into aligned memory.
pub(super) fn inflate_aligned(
    compressed: &[u8],
    size: usize,
) -> Result<AlignedBytes, &'static str> {
    check_ratio(compressed, size)?;
    let mut blocks = vec![0_u128; size.div_ceil(size_of::<u128>())];
    pages::advise(&mut blocks);
    inflate(compressed, &mut blocks.as_mut_bytes()[..size])?;
    Ok(AlignedBytes { blocks, len: size })
}

/// Decompresses `compressed`.
pub(super) fn inflate_vec(compressed: &[u8], size: usize) -> Result<Vec<u8>, &'static str> {
    check_ratio(compressed, size)?;
    let mut out = vec![0; size];
    inflate(compressed, &mut out)?;
    Ok(out)
}

/// Rejects sizes that a DEFLATE stream of this length can't decompress to, before allocating.
fn check_ratio(compressed: &[u8], size: usize) -> Result<(), &'static str> {
    if size / MAX_RATIO > compressed.len() {
        return Err("the declared size is larger than DEFLATE can produce");
    }
    Ok(())
}

const WRONG_SIZE: &str = "the DEFLATE stream doesn't have the declared size";

/// Fills all of `out`. Ignores bytes after the end of the stream, like `zipfile`.
fn inflate(compressed: &[u8], out: &mut [u8]) -> Result<(), &'static str> {
    #[cfg(feature = "libdeflate")]
    if !has_long_runs(compressed, out) {
        return inflate_libdeflate(compressed, out);
    }
    inflate_zlib(compressed, out)
}

fn inflate_zlib(compressed: &[u8], out: &mut [u8]) -> Result<(), &'static str> {
    let mut inflater = Decompress::new(false);
    match inflater.decompress(compressed, out, FlushDecompress::Finish) {
        Ok(Status::StreamEnd) if inflater.total_out() == out.len() as u64 => Ok(()),
        Ok(Status::Ok | Status::BufError | Status::StreamEnd) => Err(WRONG_SIZE),
        Err(_) => Err("invalid DEFLATE stream"),
    }
}

/// Whether the content seems to be long runs of one byte, such as an empty mask, which zlib-rs
/// decompresses twice as fast as libdeflate. If the ratio is high, looks at the start of the content,
/// because runs of a longer pattern also compress well, but take zlib-rs four times as long.
#[cfg(feature = "libdeflate")]
fn has_long_runs(compressed: &[u8], out: &mut [u8]) -> bool {
    const HIGH_RATIO: usize = 50;
    // The NPY header and a few elements.
    const START: usize = 1024;
    if out.len() / HIGH_RATIO < compressed.len() {
        return false;
    }
    let Some(start) = out.first_chunk_mut::<START>() else {
        return false;
    };
    let read = Decompress::new(false).decompress(compressed, start, FlushDecompress::None);
    let elements = &start[START / 2..];
    read.is_ok() && elements.iter().all(|byte| *byte == elements[0])
}

#[cfg(feature = "libdeflate")]
fn inflate_libdeflate(compressed: &[u8], out: &mut [u8]) -> Result<(), &'static str> {
    use libdeflater::{DecompressionError, Decompressor};

    match Decompressor::new().deflate_decompress(compressed, out) {
        Ok(len) if len == out.len() => Ok(()),
        Ok(_) | Err(DecompressionError::InsufficientSpace) => Err(WRONG_SIZE),
        Err(DecompressionError::BadData) => Err("invalid DEFLATE stream"),
    }
}
