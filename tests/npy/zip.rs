//! Builds ZIP archives field by field, so that tests can set invalid values.

/// A member, as described in its headers.
#[derive(Clone)]
pub(crate) struct Entry {
    pub(crate) name: Vec<u8>,
    /// The name in the local header, if different.
    pub(crate) local_name: Option<Vec<u8>>,
    /// The ZIP version needed to extract it, times ten.
    pub(crate) version: u16,
    pub(crate) method: u16,
    pub(crate) flags: u16,
    pub(crate) crc: u32,
    /// Compressed and uncompressed size in the local header.
    pub(crate) local_sizes: [u32; 2],
    /// Compressed and uncompressed size in the directory.
    pub(crate) sizes: [u32; 2],
    /// Extra fields in the local header and in the directory.
    pub(crate) extras: [Vec<u8>; 2],
    pub(crate) content: Vec<u8>,
    /// The position of the local header in the directory, if not the real one.
    pub(crate) header: Option<u32>,
}

impl Entry {
    pub(crate) fn stored(name: &str, content: Vec<u8>) -> Self {
        let len = content.len() as u32;
        Self {
            name: name.as_bytes().to_vec(),
            local_name: None,
            version: 20,
            method: 0,
            flags: 0,
            crc: crc32fast::hash(&content),
            local_sizes: [len, len],
            sizes: [len, len],
            extras: [Vec::new(), Vec::new()],
            content,
            header: None,
        }
    }

    pub(crate) fn deflated(name: &str, content: &[u8]) -> Self {
        use std::io::Write;

        let mut encoder =
            flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::best());
        encoder.write_all(content).unwrap();
        let mut entry = Self::stored(name, encoder.finish().unwrap());
        entry.method = 8;
        entry.crc = crc32fast::hash(content);
        entry.sizes[1] = content.len() as u32;
        entry.local_sizes = entry.sizes;
        entry
    }

    fn common(&self, out: &mut Vec<u8>, sizes: [u32; 2], name: &[u8], extra: &[u8]) {
        for field in [self.version, self.flags, self.method, 0, 0x21] {
            out.extend(field.to_le_bytes());
        }
        for field in [self.crc, sizes[0], sizes[1]] {
            out.extend(field.to_le_bytes());
        }
        for field in [name.len() as u16, extra.len() as u16] {
            out.extend(field.to_le_bytes());
        }
    }
}

/// The fields of the end record, and the records around it.
#[derive(Clone, Default)]
pub(crate) struct End {
    pub(crate) count: Option<u16>,
    pub(crate) disk: u16,
    pub(crate) len: Option<u32>,
    pub(crate) start: Option<u32>,
    pub(crate) comment: Vec<u8>,
    /// The declared minus the real length of the comment.
    pub(crate) comment_excess: i32,
    /// Whether to add a ZIP64 end record, with the correct values.
    pub(crate) zip64: bool,
    /// The position of the ZIP64 end record in its locator, if not the real one.
    pub(crate) zip64_at: Option<u64>,
}

pub(crate) fn zip(entries: &[Entry], end: &End) -> Vec<u8> {
    let mut out = Vec::new();
    let mut headers = Vec::new();
    for entry in entries {
        headers.push(entry.header.unwrap_or(out.len() as u32));
        out.extend(b"PK\x03\x04");
        let name = entry.local_name.as_ref().unwrap_or(&entry.name);
        entry.common(&mut out, entry.local_sizes, name, &entry.extras[0]);
        out.extend(name);
        out.extend(&entry.extras[0]);
        out.extend(&entry.content);
    }
    let start = out.len();
    for (entry, header) in entries.iter().zip(headers) {
        out.extend(b"PK\x01\x02\x14\x03");
        entry.common(&mut out, entry.sizes, &entry.name, &entry.extras[1]);
        out.extend([0; 10]);
        out.extend(header.to_le_bytes());
        out.extend(&entry.name);
        out.extend(&entry.extras[1]);
    }
    let len = out.len() - start;
    if end.zip64 {
        let at = end.zip64_at.unwrap_or(out.len() as u64);
        out.extend(b"PK\x06\x06");
        out.extend(44_u64.to_le_bytes());
        out.extend([45, 0, 45, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
        for value in [entries.len(), entries.len(), len, start] {
            out.extend((value as u64).to_le_bytes());
        }
        out.extend(b"PK\x06\x07\0\0\0\0");
        out.extend(at.to_le_bytes());
        out.extend(1_u32.to_le_bytes());
    }
    let count = end.count.unwrap_or(entries.len() as u16);
    let comment = (end.comment.len() as i32 + end.comment_excess) as u16;
    out.extend(b"PK\x05\x06");
    for field in [end.disk, end.disk, count, count] {
        out.extend(field.to_le_bytes());
    }
    out.extend(end.len.unwrap_or(len as u32).to_le_bytes());
    out.extend(end.start.unwrap_or(start as u32).to_le_bytes());
    out.extend(comment.to_le_bytes());
    out.extend(&end.comment);
    out
}
