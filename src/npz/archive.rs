//! Reads the central directory of a ZIP archive.

use std::borrow::Cow;

use super::{NpzError, name};
use crate::crc::crc32;

/// An entry of the central directory.
#[derive(Debug)]
pub(super) struct Record<'a> {
    pub(super) name: Cow<'a, str>,
    /// The name as stored in both headers.
    raw_name: &'a [u8],
    pub(super) flags: u16,
    /// The ZIP version needed to extract it, times ten.
    pub(super) version: u8,
    pub(super) method: u16,
    pub(super) crc: u32,
    /// Size in the archive in bytes.
    pub(super) compressed: usize,
    /// Size of the content in bytes.
    pub(super) size: usize,
    /// Position of the local header.
    header: usize,
    /// Position of the next local header or the directory.
    next: usize,
}

/// The central directory of an archive.
#[derive(Debug)]
pub(super) struct Directory<'a> {
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
const UNICODE_PATH_EXTRA: u16 = 0x7075;
const UTF8_NAME: u16 = 1 << 11;

impl<'a> Directory<'a> {
    /// Reads the central directory. Allocates less than three times the size of the
    /// directory.
    pub(super) fn read(data: &'a [u8]) -> Result<Self, NpzError> {
        let extent = extent(data)?;
        let mut records: Vec<Record<'_>> = Vec::with_capacity(extent.count);
        let mut at = extent.start;
        let mut ascending = true;
        for _ in 0..extent.count {
            let (record, next) = record(data, at, &extent)?;
            // At least a local header and the content must precede the directory.
            let least = LOCAL_LEN.saturating_add(record.compressed);
            if record.header.saturating_add(least) > extent.start {
                return Err(invalid("a member is outside the archive", at));
            }
            if let Some(last) = records.last_mut() {
                ascending &= last.header < record.header;
                last.next = record.header;
            }
            records.push(record);
            at = next;
        }
        if at != extent.end {
            return Err(invalid(
                "extra bytes after the last member of the central directory",
                at,
            ));
        }
        if !ascending {
            find_next(&mut records, extent.start);
        }
        Ok(Self { records })
    }

    /// The bytes of a member in the archive.
    pub(super) fn content(data: &'a [u8], record: &Record) -> Result<&'a [u8], &'static str> {
        const MISPLACED: &str = "no local header where the central directory says";
        let fixed: &[u8; LOCAL_LEN] = chunk(data, record.header).ok_or(MISPLACED)?;
        if u32_of(fixed, 0) != LOCAL {
            return Err(MISPLACED);
        }
        // Sizes and CRC may be missing here; the central directory always has them.
        let name_start = record.header + LOCAL_LEN;
        let name_end = name_start + usize::from(u16_of(fixed, 26));
        let start = name_end + usize::from(u16_of(fixed, 28));
        if data.get(name_start..name_end) != Some(record.raw_name) {
            return Err("the name in the local header differs from the central directory");
        }
        start
            .checked_add(record.compressed)
            .filter(|&end| end <= record.next)
            .map(|end| &data[start..end])
            .ok_or("the content overlaps the next member or the central directory")
    }
}

/// Sets `next` of all members if the directory is not in the order of the archive. If several members
/// share a local header, all but the last overlap the next.
fn find_next(records: &mut [Record], directory: usize) {
    let mut order: Vec<usize> = (0..records.len()).collect();
    order.sort_by_key(|&at| records[at].header);
    let mut next = directory;
    for at in order.into_iter().rev() {
        records[at].next = next;
        next = records[at].header;
    }
}

/// Position and size of the central directory.
struct Extent {
    start: usize,
    end: usize,
    /// Number of members.
    count: usize,
    /// Number of bytes before the archive, which positions in it don't include.
    prefix: usize,
}

/// The central directory according to an end record.
struct EndRecord {
    /// Position of the record, where the directory ends.
    at: usize,
    count: u64,
    len: u64,
    /// Start of the directory, without the archive's prefix.
    start: u64,
}

fn extent(data: &[u8]) -> Result<Extent, NpzError> {
    let at = find_end(data).ok_or(NpzError::NotAnArchive)?;
    let fixed: &[u8; END_LEN] = chunk(data, at).ok_or(NpzError::NotAnArchive)?;
    let (count, len, start) = (u16_of(fixed, 10), u32_of(fixed, 12), u32_of(fixed, 16));
    let locator = at.checked_sub(LOCATOR64_LEN);
    // Writers to a pipe add ZIP64 records before they know whether they are needed.
    let end = match locator.filter(|&locator| is(data, locator, LOCATOR64)) {
        Some(locator) => {
            let end = end64(data, locator)?;
            let agrees = |narrow: u64, limit: u64, wide| narrow == limit || narrow == wide;
            if !agrees(count.into(), u16::MAX.into(), end.count)
                || !agrees(len.into(), u32::MAX.into(), end.len)
                || !agrees(start.into(), u32::MAX.into(), end.start)
            {
                return Err(invalid("the two end records contradict each other", at));
            }
            end
        }
        None => {
            let disks = (u16_of(fixed, 4), u16_of(fixed, 6), u16_of(fixed, 8));
            if disks != (0, 0, count) {
                return Err(invalid("multi-disk archives are not supported", at));
            }
            let (count, len, start) = (count.into(), len.into(), start.into());
            EndRecord {
                at,
                count,
                len,
                start,
            }
        }
    };
    let prefix = prefix(&end).ok_or_else(|| {
        let reason = "the central directory doesn't fit before its end record";
        invalid(reason, at)
    })?;
    // All fit, since none is beyond a position in `data`.
    let (start, len) = (prefix + end.start as usize, end.len as usize);
    match usize::try_from(end.count) {
        Ok(count) if count <= len / RECORD_LEN => Ok(Extent {
            start,
            end: end.at,
            count,
            prefix,
        }),
        _ => Err(invalid(
            "the number of members is too large for the central directory",
            at,
        )),
    }
}

/// Number of bytes before the archive, computed from the declared start of the directory and the real
/// one: the directory ends at its end record.
fn prefix(end: &EndRecord) -> Option<usize> {
    let directory = end.at.checked_sub(usize::try_from(end.len).ok()?)?;
    directory.checked_sub(usize::try_from(end.start).ok()?)
}

/// The position of the end record: the last one whose comment reaches exactly to the end of the data,
/// otherwise the last one, which may be followed by other bytes, as in `zipfile`.
fn find_end(data: &[u8]) -> Option<usize> {
    let last = data.len().checked_sub(END_LEN)?;
    let first = last.saturating_sub(u16::MAX.into());
    let comment = |at| {
        let fixed: &[u8; END_LEN] = chunk(data, at)?;
        Some(usize::from(u16_of(fixed, 20)))
    };
    let mut ends = (first..=last).rev().filter(|&at| is(data, at, END));
    let found = ends.next()?;
    if comment(found) == Some(last - found) {
        return Some(found);
    }
    let exact = ends.find(|&at| comment(at) == Some(last - at));
    exact.or_else(|| (comment(found)? <= last - found).then_some(found))
}

/// The ZIP64 end record, which is before its locator.
fn end64(data: &[u8], locator: usize) -> Result<EndRecord, NpzError> {
    let missing = || invalid("no ZIP64 end record where its locator says", locator);
    let fixed: &[u8; LOCATOR64_LEN] = chunk(data, locator).ok_or_else(missing)?;
    let told = usize::try_from(u64_of(fixed, 8)).map_err(|_| missing())?;
    // Directly before the locator, unless extension data come between.
    let near = locator.checked_sub(END64_LEN);
    let at = near.filter(|&at| is(data, at, END64)).unwrap_or(told);
    if at.checked_add(END64_LEN).is_none_or(|end| end > locator) || !is(data, at, END64) {
        return Err(missing());
    }
    let fixed: &[u8; END64_LEN] = chunk(data, at).ok_or_else(missing)?;
    let count = u64_of(fixed, 32);
    if (u32_of(fixed, 16), u32_of(fixed, 20), u64_of(fixed, 24)) != (0, 0, count) {
        return Err(invalid("multi-disk archives are not supported", at));
    }
    let end = EndRecord {
        at,
        count,
        len: u64_of(fixed, 40),
        start: u64_of(fixed, 48),
    };
    match prefix(&end) {
        Some(prefix) if told.checked_add(prefix) == Some(at) => Ok(end),
        _ => Err(missing()),
    }
}

/// The record at `at`, and the position of the next one.
fn record<'a>(data: &'a [u8], at: usize, extent: &Extent) -> Result<(Record<'a>, usize), NpzError> {
    let fixed: &[u8; RECORD_LEN] = chunk(&data[..extent.end], at)
        .ok_or_else(|| invalid("the central directory ends early", at))?;
    if u32_of(fixed, 0) != RECORD {
        return Err(invalid(
            "a record of the central directory has the wrong signature",
            at,
        ));
    }
    let name_end = at + RECORD_LEN + usize::from(u16_of(fixed, 28));
    let extra_end = name_end + usize::from(u16_of(fixed, 30));
    let next = extra_end + usize::from(u16_of(fixed, 32));
    if next > extent.end {
        return Err(invalid("the central directory ends inside a member", at));
    }
    let flags = u16_of(fixed, 8);
    let raw_name = &data[at + RECORD_LEN..name_end];
    let mut sizes = [
        u64::from(u32_of(fixed, 24)),
        u64::from(u32_of(fixed, 20)),
        u64::from(u32_of(fixed, 42)),
    ];
    let unicode = read_extra(&data[name_end..extra_end], &mut sizes)
        .map_err(|reason| invalid(reason, name_end))?;
    let position =
        |value| usize::try_from(value).map_err(|_| invalid("a member is too large to address", at));
    let record = Record {
        name: decode_name(raw_name, flags, unicode).map_err(|reason| invalid(reason, at))?,
        raw_name,
        flags,
        version: fixed[6],
        method: u16_of(fixed, 10),
        crc: u32_of(fixed, 16),
        size: position(sizes[0])?,
        compressed: position(sizes[1])?,
        header: position(sizes[2])?.saturating_add(extent.prefix),
        next: extent.start,
    };
    Ok((record, next))
}

/// Parses the extra fields of a record. Replaces saturated values of size, compressed size and position
/// by the 64-bit values in the ZIP64 field, which are in this order. Returns the content of the field
/// with a UTF-8 name, if there is one.
fn read_extra<'a>(
    mut extra: &'a [u8],
    sizes: &mut [u64; 3],
) -> Result<Option<&'a [u8]>, &'static str> {
    let mut unicode = None;
    while let Some((head, rest)) = extra.split_first_chunk::<4>() {
        let len = usize::from(u16_of(head, 2));
        let (field, rest) = rest
            .split_at_checked(len)
            .ok_or("an extra field is too long")?;
        match u16_of(head, 0) {
            ZIP64_EXTRA => {
                widen(field, sizes).ok_or("a size is missing in the ZIP64 extra field")?
            }
            UNICODE_PATH_EXTRA => unicode = Some(field),
            _ => {}
        }
        extra = rest;
    }
    Ok(unicode)
}

fn widen(mut values: &[u8], sizes: &mut [u64; 3]) -> Option<()> {
    for size in sizes {
        if *size == u64::from(u32::MAX) {
            let (value, rest) = values.split_first_chunk::<8>()?;
            *size = u64::from_le_bytes(*value);
            values = rest;
        }
    }
    Some(())
}

/// The name as text: in UTF-8 if a flag says so or an Info-ZIP extra field has it, otherwise in code
/// page 437, like `zipfile`.
fn decode_name<'a>(
    raw: &'a [u8],
    flags: u16,
    unicode: Option<&'a [u8]>,
) -> Result<Cow<'a, str>, &'static str> {
    const WRONG: &str = "a name is not valid UTF-8";
    if raw.is_ascii() || flags & UTF8_NAME != 0 {
        let name = std::str::from_utf8(raw).map_err(|_| WRONG)?;
        return Ok(Cow::Borrowed(name));
    }
    // Version 1 and the CRC-32 of the raw name: the field is invalid if the name was changed.
    if let Some([1, a, b, c, d, name @ ..]) = unicode
        && u32::from_le_bytes([*a, *b, *c, *d]) == crc32(raw)
    {
        return Ok(Cow::Borrowed(std::str::from_utf8(name).map_err(|_| WRONG)?));
    }
    Ok(Cow::Owned(name::from_cp437(raw)))
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

// The position is a constant inside the fixed part, so the compiler removes the checks.
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
