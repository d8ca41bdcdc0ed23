//! A DEFLATE stream in, its content out, into a buffer of exactly the size that was declared.

use std::fmt;

use flate2::{Decompress, FlushDecompress, Status};
use zerocopy::IntoBytes;

/// DEFLATE codes 258 bytes in two bits at best.
const MAX_RATIO: usize = 1032;

/// Bytes that start at a multiple of 16, so that elements of every type can be viewed in them.
pub(super) struct AlignedBytes {
    blocks: Vec<u128>,
    len: usize,
}

impl AlignedBytes {
    pub(super) fn as_bytes(&self) -> &[u8] {
        &self.blocks.as_bytes()[..self.len]
    }
}

impl fmt::Debug for AlignedBytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes", self.len)
    }
}

/// The content of `compressed` in aligned memory.
pub(super) fn inflate_aligned(
    compressed: &[u8],
    size: usize,
) -> Result<AlignedBytes, &'static str> {
    check_ratio(compressed, size)?;
    let mut blocks = vec![0_u128; size.div_ceil(size_of::<u128>())];
    inflate(compressed, &mut blocks.as_mut_bytes()[..size])?;
    Ok(AlignedBytes { blocks, len: size })
}

/// The content of `compressed`.
pub(super) fn inflate_vec(compressed: &[u8], size: usize) -> Result<Vec<u8>, &'static str> {
    check_ratio(compressed, size)?;
    let mut out = vec![0; size];
    inflate(compressed, &mut out)?;
    Ok(out)
}

/// Refuses sizes that no DEFLATE stream of this length can reach, before anything is allocated.
fn check_ratio(compressed: &[u8], size: usize) -> Result<(), &'static str> {
    if size / MAX_RATIO > compressed.len() {
        return Err("the content is declared larger than DEFLATE can make it");
    }
    Ok(())
}

fn inflate(compressed: &[u8], out: &mut [u8]) -> Result<(), &'static str> {
    let mut inflater = Decompress::new(false);
    let status = inflater
        .decompress(compressed, out, FlushDecompress::Finish)
        .map_err(|_| "invalid DEFLATE stream")?;
    if status != Status::StreamEnd || inflater.total_out() != out.len() as u64 {
        return Err("the DEFLATE stream doesn't have the declared size");
    }
    if inflater.total_in() != compressed.len() as u64 {
        return Err("bytes follow the DEFLATE stream");
    }
    Ok(())
}
