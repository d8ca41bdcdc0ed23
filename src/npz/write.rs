//! Saves arrays by name as an NPZ archive.

use std::{
    collections::BTreeSet,
    io::{self, Write},
};

use flate2::{Compression, write::DeflateEncoder};

use crate::{crc::Crc, npy::SaveNpy};

/// Writes an archive of stored members like `numpy.savez`: `positional` arrays, named `arr_0`, `arr_1`
/// and so on, followed by the `named` ones.
///
/// # Errors
/// Errors of the writer; `InvalidInput` for a name that occurs twice or is too long for ZIP, and for
/// more than the 64 axes that numpy can read.
pub fn save<W: Write>(
    writer: W,
    positional: &[&dyn SaveNpy],
    named: &[(&str, &dyn SaveNpy)],
) -> io::Result<()> {
    add_all(NpzWriter::new(writer), positional, named)
}

/// Like [`save`], but with DEFLATE at zlib's default level, like `numpy.savez_compressed`.
///
/// # Errors
/// See [`save`].
pub fn save_compressed<W: Write>(
    writer: W,
    positional: &[&dyn SaveNpy],
    named: &[(&str, &dyn SaveNpy)],
) -> io::Result<()> {
    add_all(NpzWriter::compressed(writer), positional, named)
}

fn add_all<W: Write>(
    mut npz: NpzWriter<W>,
    positional: &[&dyn SaveNpy],
    named: &[(&str, &dyn SaveNpy)],
) -> io::Result<()> {
    for (index, array) in positional.iter().enumerate() {
        let name = format!("arr_{index}");
        if named.iter().any(|(key, _)| *key == name) {
            return Err(refuse(format!(
                "Cannot use un-named variables and keyword {name}"
            )));
        }
        npz.add(&name, *array)?;
    }
    for (name, array) in named {
        npz.add(name, *array)?;
    }
    npz.finish().map(drop)
}

/// Writes an NPZ archive one array after the other. The output depends only on the
/// arrays and their names.
///
/// ```
/// use serbench::npz::{self, NpzWriter};
///
/// let mut npz = NpzWriter::new(Vec::new());
/// npz.add("x", &ndarray::array![1.0, 2.0])?;
/// let bytes = npz.finish()?;
/// assert_eq!(npz::load(&bytes)?.get("x")?.shape(), [2]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct NpzWriter<W: Write> {
    writer: W,
    compress: bool,
    /// Number of bytes written.
    position: u64,
    members: Vec<Member>,
    names: BTreeSet<String>,
}

/// The directory's entry for a member.
#[derive(Debug)]
struct Member {
    name: String,
    compress: bool,
    crc: u32,
    compressed: u64,
    size: u64,
    /// Position of its local header.
    header: u64,
}

impl<W: Write> NpzWriter<W> {
    /// Stores members without compression, with the elements at a multiple of 64 bytes in the archive, so
    /// that they can be viewed if the archive is loaded at an aligned address.
    #[must_use]
    pub const fn new(writer: W) -> Self {
        Self {
            writer,
            compress: false,
            position: 0,
            members: Vec::new(),
            names: BTreeSet::new(),
        }
    }

    /// Compresses members with DEFLATE.
    #[must_use]
    pub const fn compressed(writer: W) -> Self {
        let mut npz = Self::new(writer);
        npz.compress = true;
        npz
    }

    /// Writes `array` as the member `name` with `.npy`.
    ///
    /// # Errors
    /// Errors of the writer; `InvalidInput` for a name that was used before or is longer than 65,531
    /// bytes, and for more than the 64 axes that numpy can read.
    pub fn add<A: SaveNpy + ?Sized>(&mut self, name: &str, array: &A) -> io::Result<()> {
        let name = format!("{name}.npy");
        if name.len() > usize::from(u16::MAX) {
            return Err(refuse("the name is longer than ZIP allows".to_owned()));
        }
        if !self.names.insert(name.clone()) {
            return Err(refuse(format!("the archive already has a {name}")));
        }
        let npy = array.header()?;
        let mut member = Member {
            name,
            compress: self.compress,
            crc: 0,
            compressed: 0,
            size: (npy.len() + array.payload_len()) as u64,
            header: self.position,
        };
        if self.compress {
            self.deflate(&npy, array, &mut member)?;
        } else {
            self.store(&npy, array, &mut member)?;
        }
        self.members.push(member);
        Ok(())
    }

    fn store<A: SaveNpy + ?Sized>(
        &mut self,
        npy: &[u8],
        array: &A,
        member: &mut Member,
    ) -> io::Result<()> {
        let mut crc = Crc::new();
        crc.update(npy);
        array.payload(&mut |bytes| {
            crc.update(bytes);
            Ok(())
        })?;
        member.crc = crc.finish();
        member.compressed = member.size;
        self.write(&local_header(member))?;
        self.write(npy)?;
        array.payload(&mut |bytes| self.write(bytes))
    }

    fn deflate<A: SaveNpy + ?Sized>(
        &mut self,
        npy: &[u8],
        array: &A,
        member: &mut Member,
    ) -> io::Result<()> {
        let mut crc = Crc::new();
        let mut encoder = DeflateEncoder::new(Vec::new(), Compression::default());
        crc.update(npy);
        encoder.write_all(npy)?;
        array.payload(&mut |bytes| {
            crc.update(bytes);
            encoder.write_all(bytes)
        })?;
        let compressed = encoder.finish()?;
        member.crc = crc.finish();
        member.compressed = compressed.len() as u64;
        self.write(&local_header(member))?;
        self.write(&compressed)
    }

    /// Writes the directory, flushes, and returns the writer.
    ///
    /// # Errors
    /// Errors of the writer.
    pub fn finish(mut self) -> io::Result<W> {
        let start = self.position;
        for member in std::mem::take(&mut self.members) {
            self.write(&directory_record(&member))?;
        }
        let count = self.names.len() as u64;
        let end = end_records(count, start, self.position);
        self.write(&end)?;
        self.writer.flush()?;
        Ok(self.writer)
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.position += bytes.len() as u64;
        self.writer.write_all(bytes)
    }
}

fn refuse(reason: String) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, reason)
}

const ALIGNMENT: u64 = 64;
const LOCAL_LEN: u64 = 30;
/// The extra field that Android's zipalign pads with: the alignment, then zeros.
const ALIGNMENT_EXTRA: u16 = 0xd935;
const ZIP64_EXTRA: u16 = 1;
/// 1980-01-01, the earliest date in ZIP. It is fixed, so that equal arrays give equal archives.
const DATE: u16 = 0x21;

/// Version, flags, method, time and date, CRC-32, as in both headers.
fn common(member: &Member, zip64: bool, out: &mut Vec<u8>) {
    let version: u16 = if zip64 { 45 } else { 20 };
    let utf8: u16 = if member.name.is_ascii() { 0 } else { 1 << 11 };
    let method: u16 = if member.compress { 8 } else { 0 };
    for field in [version, utf8, method, 0, DATE] {
        out.extend_from_slice(&field.to_le_bytes());
    }
    out.extend_from_slice(&member.crc.to_le_bytes());
}

/// The value if it fits 32 bits, otherwise their maximum, which means that ZIP64 has it.
fn saturate(value: u64) -> [u8; 4] {
    u32::try_from(value).unwrap_or(u32::MAX).to_le_bytes()
}

fn is_wide(value: u64) -> bool {
    value >= u32::MAX.into()
}

/// A ZIP64 extra field with `values`; empty if there are none.
fn zip64_extra(values: &[u64]) -> Vec<u8> {
    let mut extra = Vec::new();
    if !values.is_empty() {
        extra.extend_from_slice(&ZIP64_EXTRA.to_le_bytes());
        extra.extend_from_slice(&(size_of_val(values) as u16).to_le_bytes());
        for value in values {
            extra.extend_from_slice(&value.to_le_bytes());
        }
    }
    extra
}

fn local_header(member: &Member) -> Vec<u8> {
    let zip64 = is_wide(member.size) || is_wide(member.compressed);
    let sizes = [member.size, member.compressed];
    let mut extra = zip64_extra(if zip64 { &sizes } else { &[] });
    if !member.compress {
        let end = member.header + LOCAL_LEN + (member.name.len() + extra.len()) as u64;
        push_padding(end, &mut extra);
    }
    let mut out = Vec::with_capacity(LOCAL_LEN as usize + member.name.len() + extra.len());
    out.extend_from_slice(b"PK\x03\x04");
    common(member, zip64, &mut out);
    for size in [member.compressed, member.size] {
        out.extend_from_slice(&saturate(if zip64 { u64::MAX } else { size }));
    }
    out.extend_from_slice(&(member.name.len() as u16).to_le_bytes());
    out.extend_from_slice(&(extra.len() as u16).to_le_bytes());
    out.extend_from_slice(member.name.as_bytes());
    out.extend_from_slice(&extra);
    out
}

/// Appends an extra field that pads `end` to a multiple of the alignment, if necessary.
fn push_padding(end: u64, extra: &mut Vec<u8>) {
    const LEAST: u64 = 6;
    let mut padding = end.next_multiple_of(ALIGNMENT) - end;
    if padding == 0 {
        return;
    }
    if padding < LEAST {
        padding += ALIGNMENT;
    }
    extra.extend_from_slice(&ALIGNMENT_EXTRA.to_le_bytes());
    extra.extend_from_slice(&(padding as u16 - 4).to_le_bytes());
    extra.extend_from_slice(&(ALIGNMENT as u16).to_le_bytes());
    extra.resize(extra.len() + (padding - LEAST) as usize, 0);
}

fn directory_record(member: &Member) -> Vec<u8> {
    let sizes = [member.size, member.compressed, member.header];
    let wide: Vec<u64> = sizes.into_iter().filter(|size| is_wide(*size)).collect();
    let extra = zip64_extra(&wide);
    let mut out = Vec::with_capacity(46 + member.name.len() + extra.len());
    out.extend_from_slice(b"PK\x01\x02");
    // Made on Unix, so that the permissions below apply.
    let made_by: u16 = (3 << 8) | if wide.is_empty() { 20 } else { 45 };
    out.extend_from_slice(&made_by.to_le_bytes());
    common(member, !wide.is_empty(), &mut out);
    out.extend_from_slice(&saturate(member.compressed));
    out.extend_from_slice(&saturate(member.size));
    // Name, extra field, comment, disk, internal attributes.
    for field in [member.name.len() as u16, extra.len() as u16, 0, 0, 0] {
        out.extend_from_slice(&field.to_le_bytes());
    }
    out.extend_from_slice(&(0o600_u32 << 16).to_le_bytes());
    out.extend_from_slice(&saturate(member.header));
    out.extend_from_slice(member.name.as_bytes());
    out.extend_from_slice(&extra);
    out
}

/// The records after the directory of `count` members from `start` to `end`.
fn end_records(count: u64, start: u64, end: u64) -> Vec<u8> {
    let len = end - start;
    let mut out = Vec::new();
    if count >= u16::MAX.into() || is_wide(start) || is_wide(len) {
        out.extend_from_slice(b"PK\x06\x06");
        // The length of what follows; both versions; both disks.
        out.extend_from_slice(&44_u64.to_le_bytes());
        out.extend_from_slice(&[45, 0, 45, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
        for value in [count, count, len, start] {
            out.extend_from_slice(&value.to_le_bytes());
        }
        out.extend_from_slice(b"PK\x06\x07\0\0\0\0");
        out.extend_from_slice(&end.to_le_bytes());
        out.extend_from_slice(&1_u32.to_le_bytes());
    }
    let count = u16::try_from(count).unwrap_or(u16::MAX).to_le_bytes();
    out.extend_from_slice(b"PK\x05\x06\0\0\0\0");
    out.extend_from_slice(&count);
    out.extend_from_slice(&count);
    out.extend_from_slice(&saturate(len));
    out.extend_from_slice(&saturate(start));
    out.extend_from_slice(&[0, 0]);
    out
}

#[cfg(test)]
mod tests {
    use super::{Member, directory_record, end_records, local_header};

    fn member(size: u64, header: u64) -> Member {
        Member {
            name: "x.npy".to_owned(),
            compress: false,
            crc: 0,
            compressed: size,
            size,
            header,
        }
    }

    #[test]
    fn sizes_beyond_32_bits_use_zip64() {
        let wide: u64 = 5 << 30;
        let local = local_header(&member(wide, 0));
        assert_eq!(local[4], 45);
        assert_eq!(local[18..26], [0xff; 8]);
        assert_eq!(local[35..39], [1, 0, 16, 0]);
        assert_eq!(
            local[39..55],
            [wide.to_le_bytes(), wide.to_le_bytes()].concat()
        );
        assert_eq!(local.len() % 64, 0);
        let record = directory_record(&member(wide, wide + 1));
        assert_eq!(record[20..28], [0xff; 8]);
        assert_eq!(record[42..46], [0xff; 4]);
        assert_eq!(record[51..55], [1, 0, 24, 0]);
        assert_eq!(record[71..79], (wide + 1).to_le_bytes());
        let end = end_records(1, wide, wide + 79);
        assert_eq!(end.len(), 56 + 20 + 22);
        assert_eq!(end[48..56], wide.to_le_bytes());
        assert_eq!(end[64..72], (wide + 79).to_le_bytes());
        assert_eq!(end[92..96], [0xff; 4]);
    }

    #[test]
    fn sizes_of_32_bits_need_no_zip64() {
        assert_eq!(local_header(&member(5, 0)).len(), 64);
        assert_eq!(directory_record(&member(5, 64)).len(), 46 + 5);
        assert_eq!(end_records(1, 192, 243).len(), 22);
    }
}
