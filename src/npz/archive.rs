//! Reads the central directory of a ZIP archive.

use std::borrow::Cow;

use super::NpzError;

/// A member as the central directory has it.
#[derive(Debug)]
pub(super) struct Record<'a> {
    pub(super) name: Cow<'a, str>,
    pub(super) method: u16,
    pub(super) encrypted: bool,
    pub(super) crc: u32,
    /// Bytes in the archive.
    pub(super) compressed: usize,
    /// Bytes of the content.
    pub(super) size: usize,
    /// Where the local header starts.
    header: usize,
}

/// The central directory of an archive.
#[derive(Debug)]
pub(super) struct Directory<'a> {
    /// Where it starts, which is where the members end.
    start: usize,
    pub(super) records: Vec<Record<'a>>,
}

const END: u32 = 0x0605_4b50;
const END_LEN: usize = 22;
const END64: u32 = 0x0606_4b50;
const END64_LEN: usize = 56;
const LOCATOR64: u32 = 0x0706_4b50;
const LOCATOR64_LEN: usize = 20;
const RECORD: u32 = 0x0201_4b50;
const RECORD_LEN: usize = 46;
const LOCAL: u32 = 0x0403_4b50;
const LOCAL_LEN: usize = 30;
const ZIP64_EXTRA: u16 = 1;

impl<'a> Directory<'a> {
    /// Reads the central directory. Allocates less than twice what the directory itself takes.
    pub(super) fn read(data: &'a [u8]) -> Result<Self, NpzError> {
        let Extent { start, end, count } = extent(data)?;
        let mut records = Vec::with_capacity(count);
        let mut at = start;
        for _ in 0..count {
            let (record, next) = record(data, at, end)?;
            // At least a local header and the content lie before the directory.
            let least = LOCAL_LEN.saturating_add(record.compressed);
            if record.header.saturating_add(least) > start {
                return Err(invalid("a member lies outside the archive", at));
            }
            records.push(record);
            at = next;
        }
        if at != end {
            return Err(invalid(
                "more bytes than members in the central directory",
                at,
            ));
        }
        Ok(Self { start, records })
    }

    /// The bytes of a member as they are in the archive.
    pub(super) fn content(
        &self,
        data: &'a [u8],
        record: &Record,
    ) -> Result<&'a [u8], &'static str> {
        const MISPLACED: &str = "no local header where the central directory says";
        let fixed: &[u8; LOCAL_LEN] = chunk(data, record.header).ok_or(MISPLACED)?;
        if u32_of(fixed, 0) != LOCAL {
            return Err(MISPLACED);
        }
        // Sizes and CRC may be missing here, and be right only in the central directory.
        let skip = LOCAL_LEN + usize::from(u16_of(fixed, 26)) + usize::from(u16_of(fixed, 28));
        let start = record.header + skip;
        start
            .checked_add(record.compressed)
            .filter(|&end| end <= self.start)
            .map(|end| &data[start..end])
            .ok_or("the content overlaps the central directory")
    }
}

struct Extent {
    start: usize,
    end: usize,
    count: usize,
}

/// Where the central directory is, and how many members it has.
fn extent(data: &[u8]) -> Result<Extent, NpzError> {
    let at = find_end(data).ok_or(NpzError::NotAnArchive)?;
    let fixed: &[u8; END_LEN] = chunk(data, at).ok_or(NpzError::NotAnArchive)?;
    let count = u16_of(fixed, 10);
    let len = u32_of(fixed, 12);
    let start = u32_of(fixed, 16);
    let saturated = count == u16::MAX || len == u32::MAX || start == u32::MAX;
    let (end, count, len, start) = match at.checked_sub(LOCATOR64_LEN) {
        Some(locator) if saturated && is(data, locator, LOCATOR64) => extent64(data, locator)?,
        _ => {
            let disks = (u16_of(fixed, 4), u16_of(fixed, 6), u16_of(fixed, 8));
            if disks != (0, 0, count) {
                return Err(invalid("archives of several disks are not supported", at));
            }
            (at, count.into(), len.into(), start.into())
        }
    };
    if start.checked_add(len) != Some(end as u64) {
        return Err(invalid(
            "the central directory doesn't reach its end record",
            at,
        ));
    }
    // Both fit, since their sum is a position in `data`.
    let (start, len) = (start as usize, len as usize);
    match usize::try_from(count) {
        Ok(count) if count <= len / RECORD_LEN => Ok(Extent { start, end, count }),
        _ => Err(invalid(
            "more members than the central directory has room for",
            at,
        )),
    }
}

/// The end record's position: the last one whose comment reaches the end of the data exactly.
fn find_end(data: &[u8]) -> Option<usize> {
    let last = data.len().checked_sub(END_LEN)?;
    let first = last.saturating_sub(u16::MAX.into());
    (first..=last).rev().find(|&at| {
        is(data, at, END)
            && chunk::<END_LEN>(data, at)
                .is_some_and(|fixed| usize::from(u16_of(fixed, 20)) == last - at)
    })
}

/// ZIP64's end record: its position, the number of members, the directory's length and start.
fn extent64(data: &[u8], locator: usize) -> Result<(usize, u64, u64, u64), NpzError> {
    let missing = || invalid("no ZIP64 end record where its locator says", locator);
    let fixed: &[u8; LOCATOR64_LEN] = chunk(data, locator).ok_or_else(missing)?;
    let at = usize::try_from(u64_of(fixed, 8)).map_err(|_| missing())?;
    if at.checked_add(END64_LEN).is_none_or(|end| end > locator) || !is(data, at, END64) {
        return Err(missing());
    }
    let fixed: &[u8; END64_LEN] = chunk(data, at).ok_or_else(missing)?;
    let count = u64_of(fixed, 32);
    if (u32_of(fixed, 16), u32_of(fixed, 20), u64_of(fixed, 24)) != (0, 0, count) {
        return Err(invalid("archives of several disks are not supported", at));
    }
    Ok((at, count, u64_of(fixed, 40), u64_of(fixed, 48)))
}

/// The record at `at`, and where the next one starts.
fn record(data: &[u8], at: usize, end: usize) -> Result<(Record<'_>, usize), NpzError> {
    let fixed: &[u8; RECORD_LEN] =
        chunk(&data[..end], at).ok_or_else(|| invalid("the central directory ends early", at))?;
    if u32_of(fixed, 0) != RECORD {
        return Err(invalid("no member where the central directory has one", at));
    }
    let name_end = at + RECORD_LEN + usize::from(u16_of(fixed, 28));
    let extra_end = name_end + usize::from(u16_of(fixed, 30));
    let next = extra_end + usize::from(u16_of(fixed, 32));
    if next > end {
        return Err(invalid("the central directory ends inside a member", at));
    }
    let mut sizes = [
        u64::from(u32_of(fixed, 24)),
        u64::from(u32_of(fixed, 20)),
        u64::from(u32_of(fixed, 42)),
    ];
    if sizes.contains(&u32::MAX.into()) {
        widen(&data[name_end..extra_end], &mut sizes);
    }
    let position =
        |value| usize::try_from(value).map_err(|_| invalid("a member is too large to address", at));
    let record = Record {
        // Other encodings than UTF-8 are as good as extinct; numpy's names are UTF-8.
        name: String::from_utf8_lossy(&data[at + RECORD_LEN..name_end]),
        encrypted: u16_of(fixed, 8) & 1 == 1,
        method: u16_of(fixed, 10),
        crc: u32_of(fixed, 16),
        size: position(sizes[0])?,
        compressed: position(sizes[1])?,
        header: position(sizes[2])?,
    };
    Ok((record, next))
}

/// Replaces those of size, compressed size and position that are saturated by the 64-bit values
/// that the ZIP64 extra field has for them, in this order.
fn widen(mut extra: &[u8], sizes: &mut [u64; 3]) {
    while let Some((head, rest)) = extra.split_first_chunk::<4>() {
        let len = usize::from(u16_of(head, 2)).min(rest.len());
        let (mut values, rest) = rest.split_at(len);
        extra = rest;
        if u16_of(head, 0) == ZIP64_EXTRA {
            for size in sizes
                .iter_mut()
                .filter(|size| **size == u64::from(u32::MAX))
            {
                let Some((value, rest)) = values.split_first_chunk::<8>() else {
                    return;
                };
                *size = u64::from_le_bytes(*value);
                values = rest;
            }
            return;
        }
    }
}

fn invalid(reason: &'static str, offset: usize) -> NpzError {
    NpzError::InvalidArchive { reason, offset }
}

fn chunk<const N: usize>(data: &[u8], at: usize) -> Option<&[u8; N]> {
    data.get(at..)?.first_chunk()
}

fn is(data: &[u8], at: usize, signature: u32) -> bool {
    chunk(data, at).is_some_and(|found| u32::from_le_bytes(*found) == signature)
}

// The position is a constant inside the fixed part, so that the compiler drops the checks.
#[inline]
fn field<const N: usize>(fixed: &[u8], at: usize) -> [u8; N] {
    *fixed[at..]
        .first_chunk()
        .expect("the position lies in the fixed part")
}

#[inline]
fn u16_of(fixed: &[u8], at: usize) -> u16 {
    u16::from_le_bytes(field(fixed, at))
}

#[inline]
fn u32_of(fixed: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(field(fixed, at))
}

#[inline]
fn u64_of(fixed: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(field(fixed, at))
}
