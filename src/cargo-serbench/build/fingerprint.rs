//! Hashes files, and the code in executables.

use std::{
    fmt::Write,
    fs,
    io::{self, BufRead, Read},
    os::unix::ffi::OsStrExt,
    path::Path,
};

use object::{Object, ObjectSection, SectionKind};
use sha2::{Digest, Sha256};

/// The hash of what an executable loads: builds that differ only in debug information, paths in it, or
/// build ids have the same hash.
pub fn code_hash(bytes: &[u8]) -> String {
    let mut hash = Sha256::new();
    match object::File::parse(bytes) {
        Ok(file) => {
            for section in file.sections() {
                let loaded = matches!(
                    section.kind(),
                    SectionKind::Text
                        | SectionKind::Data
                        | SectionKind::ReadOnlyData
                        | SectionKind::ReadOnlyDataWithRel
                        | SectionKind::ReadOnlyString
                        | SectionKind::Tls
                );
                if loaded && let Ok(data) = section.data() {
                    hash.update(section.name_bytes().unwrap_or_default());
                    hash.update(section.address().to_le_bytes());
                    hash.update(data);
                }
            }
        }
        // Unknown format: hash every byte.
        Err(_) => hash.update(bytes),
    }
    hex(&hash.finalize())[..16].to_owned()
}

/// Whether an executable contains the name of one of divan's environment variables. Its `--help`
/// would show it, too, but not if divan is built without default features.
pub fn has_divan(bytes: &[u8]) -> bool {
    contains(bytes, b"DIVAN_SAMPLE_COUNT")
}

/// Whether an executable runs divan benchmarks, even if its `main` never reads its arguments, in which
/// case the names of divan's options are missing.
pub fn runs_divan(path: &Path) -> bool {
    fs::read(path).is_ok_and(|bytes| contains(&bytes, b"Timer precision: "))
}

/// Whether an executable contains the protocol of workers.
pub fn has_serbench(bytes: &[u8]) -> bool {
    contains(bytes, serbench::protocol::SOCKET.as_bytes())
}

/// Whether `bytes` contains `name`.
pub fn contains(bytes: &[u8], name: &[u8]) -> bool {
    places(bytes, name).next().is_some()
}

/// Where `bytes` contains `name`. Executables have millions of bytes, most of which this leaves to
/// memchr(3).
pub fn places<'a>(bytes: &'a [u8], name: &'a [u8]) -> impl Iterator<Item = usize> + 'a {
    let mut rest = bytes;
    std::iter::from_fn(move || {
        let first = *name.first()?;
        loop {
            rest.skip_until(first).ok().filter(|skipped| *skipped > 0)?;
            let at = bytes.len() - rest.len() - 1;
            if bytes[at..].starts_with(name) {
                return Some(at);
            }
        }
    })
}

/// Short SHA-256 of a file, if it exists.
pub fn file_hash(path: &Path) -> Option<String> {
    let bytes = fs::read(path).ok()?;
    Some(hex(&Sha256::digest(bytes))[..16].to_owned())
}

/// Short SHA-256 of a path.
pub fn path_hash(path: &Path) -> String {
    hex(&Sha256::digest(path.as_os_str().as_bytes()))[..16].to_owned()
}

/// Short SHA-256 of a text.
pub fn text_hash(text: &[u8]) -> String {
    hex(&Sha256::digest(text))[..16].to_owned()
}

/// SHA-256 of a file.
pub fn full_hash(path: &Path) -> io::Result<String> {
    let mut file = fs::File::open(path)?;
    let mut hash = Sha256::new();
    let mut buffer = vec![0; 1 << 20];
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok(hex(&hash.finalize())),
            read => hash.update(&buffer[..read]),
        }
    }
}

/// `bytes` in lowercase hexadecimal.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").expect("writing to a string");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::{contains, places};

    #[test]
    fn names_in_executables() {
        let found =
            |text: &str, name: &str| places(text.as_bytes(), name.as_bytes()).collect::<Vec<_>>();
        assert_eq!(found("abaabab", "ab"), [0, 3, 5]);
        assert_eq!(found("aaaa", "aa"), [0, 1, 2]);
        assert_eq!(found("ba", "a"), [1]);
        assert!(found("a", "ab").is_empty() && found("", "a").is_empty());
        assert!(contains(b"\0name\0", b"name") && !contains(b"\0nam", b"name"));
    }
}
