//! Loads the members of an archive by name.

use std::{
    borrow::Cow,
    cmp::Ordering,
    fmt,
    num::NonZero,
    sync::{
        OnceLock,
        atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed},
    },
    thread,
};

use ndarray::ArrayD;

use super::{
    NpzError, NpzMember,
    archive::{Directory, Record},
    inflate::{inflate_aligned, inflate_vec},
    member::Content,
};
use crate::{
    Element,
    crc::{Crc, crc32},
    npy::{NpyError, NpyOptions, NpyView, header},
};

/// Options for [`load_with`].
///
/// ```
/// use serbench::npz::{self, NpzOptions};
///
/// let mut bytes = Vec::new();
/// npz::save_compressed(&mut bytes, &[&ndarray::Array1::<f64>::zeros(1000)], &[])?;
/// let options = NpzOptions::new().max_uncompressed_bytes(1000);
/// assert!(npz::load_with(&bytes, &options).is_err());
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct NpzOptions {
    pub(super) max_uncompressed_bytes: u64,
    pub(super) verify_crc: bool,
}

impl NpzOptions {
    /// The options that [`load`] uses.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            max_uncompressed_bytes: 1 << 30,
            verify_crc: true,
        }
    }

    /// The maximum total size of all compressed members in bytes, as declared; 1 GiB by default.
    /// Stored members don't count.
    #[must_use]
    pub const fn max_uncompressed_bytes(mut self, bytes: u64) -> Self {
        self.max_uncompressed_bytes = bytes;
        self
    }

    /// Whether to verify the CRC-32 of each member that is read; on by default.
    #[must_use]
    pub const fn verify_crc(mut self, verify: bool) -> Self {
        self.verify_crc = verify;
        self
    }
}

impl Default for NpzOptions {
    fn default() -> Self {
        Self::new()
    }
}

/// Reads the directory of an NPZ archive in memory. Members are not read until
/// [`NpzFile::get`].
///
/// # Errors
/// If the archive is malformed, or its members claim more than 1 GiB.
pub fn load(data: &[u8]) -> Result<NpzFile<'_>, NpzError> {
    load_with(data, &NpzOptions::default())
}

/// Like [`load`], with options.
///
/// # Errors
/// See [`load`].
pub fn load_with<'a>(data: &'a [u8], options: &NpzOptions) -> Result<NpzFile<'a>, NpzError> {
    let directory = Directory::read(data)?;
    let declared = directory
        .records
        .iter()
        .filter(|record| record.method != STORED)
        .fold(0_u64, |sum, record| sum.saturating_add(record.size as u64));
    if declared > options.max_uncompressed_bytes {
        return Err(NpzError::TooLarge {
            declared,
            limit: options.max_uncompressed_bytes,
        });
    }
    Ok(NpzFile {
        data,
        directory,
        verify_crc: options.verify_crc,
        asked: AtomicBool::new(false),
        sorted: OnceLock::new(),
    })
}

const STORED: u16 = 0;
const DEFLATE: u16 = 8;
const SUFFIX: &str = ".npy";

/// An NPZ archive in memory: a mapping from names to arrays, like numpy's class of the same name.
///
/// Keys are the names of the members without `.npy`, in the order of the archive; `get` accepts
/// either form. A key that occurs twice is listed twice, and refers to the last
/// member.
pub struct NpzFile<'a> {
    data: &'a [u8],
    directory: Directory<'a>,
    verify_crc: bool,
    /// Whether a member was looked up before, so that more lookups are likely.
    asked: AtomicBool,
    /// Indices of the members ordered by name, then position; built on the second lookup.
    sorted: OnceLock<Vec<usize>>,
}

impl<'a> NpzFile<'a> {
    /// The names of the arrays: those of the members without `.npy`. numpy calls this `files`.
    pub fn keys(&self) -> impl ExactSizeIterator<Item = &str> + DoubleEndedIterator {
        self.directory.records.iter().map(key)
    }

    /// The members for all [`keys`](Self::keys), as returned by [`get`](Self::get).
    pub fn values(&self) -> impl Iterator<Item = Result<NpzMember<'a>, NpzError>> {
        self.iter().map(|(_, member)| member)
    }

    /// The keys and their members, as returned by [`get`](Self::get).
    #[must_use]
    pub const fn iter(&self) -> Iter<'_, 'a> {
        Iter { file: self, at: 0 }
    }

    /// The number of members.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.directory.records.len()
    }

    /// Whether the archive has no members.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.directory.records.is_empty()
    }

    /// Whether `key` is the name of a member, with or without `.npy`.
    #[must_use]
    pub fn contains_key(&self, key: &str) -> bool {
        self.find(key).is_some()
    }

    /// The array named `key`, or `key` with `.npy`, in this order.
    ///
    /// A stored member is not copied; a compressed one is inflated.
    ///
    /// # Errors
    /// If there is no such member, if it is damaged, encrypted or uses another compression method,
    /// or if it is not an NPY file that [`npy::load`](crate::npy::load) can load.
    pub fn get(&self, key: &str) -> Result<NpzMember<'a>, NpzError> {
        self.member(self.find(key).ok_or_else(|| missing(key))?)
    }

    fn member(&self, record: &Record) -> Result<NpzMember<'a>, NpzError> {
        let content = match self.located(record)? {
            Located::Stored(bytes) => {
                self.check_crc(record, bytes)?;
                Content::Stored(bytes)
            }
            Located::Deflated(compressed) => {
                let inflated = inflate_aligned(compressed, record.size)
                    .map_err(|reason| broken(record, reason))?;
                self.check_crc(record, inflated.as_bytes())?;
                Content::Inflated(inflated)
            }
        };
        let bytes = content.as_bytes();
        if !bytes.starts_with(b"\x93NUMPY") {
            return Err(NpzError::NotNpy { name: name(record) });
        }
        match header::read(bytes, &NpyOptions::default()) {
            Ok(header) => Ok(NpzMember::new(header, content)),
            Err(error) => Err(in_member(record, error)),
        }
    }

    /// The members for all [`keys`](Self::keys), in this order, verified and decompressed on `threads`
    /// threads including the calling one. Decompression takes most of the time for compressed archives;
    /// each member is decompressed by one thread.
    ///
    /// ```
    /// use std::num::NonZero;
    /// use serbench::npz;
    ///
    /// let mut bytes = Vec::new();
    /// let (x, y) = (ndarray::array![1.0, 2.0], ndarray::array![[3_u8]]);
    /// npz::save_compressed(&mut bytes, &[], &[("x", &x), ("y", &y)])?;
    /// let archive = npz::load(&bytes)?;
    /// let threads = std::thread::available_parallelism().unwrap_or(NonZero::<usize>::MIN);
    /// let members = archive.get_all(threads).into_iter().collect::<Result<Vec<_>, _>>()?;
    /// assert_eq!(members[1].to_cow::<u8>()?[[0, 0]], 3);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// Separately for each member, see [`get`](Self::get).
    #[must_use]
    pub fn get_all(&self, threads: NonZero<usize>) -> Vec<Result<NpzMember<'a>, NpzError>> {
        let records = &self.directory.records;
        let slots: Vec<OnceLock<_>> = records.iter().map(|_| OnceLock::new()).collect();
        let next = AtomicUsize::new(0);
        let work = || {
            loop {
                let at = next.fetch_add(1, Relaxed);
                let (Some(record), Some(slot)) = (records.get(at), slots.get(at)) else {
                    break;
                };
                // No other thread has this index.
                let _ = slot.set(self.member(record));
            }
        };
        thread::scope(|scope| {
            for _ in 1..threads.get().min(records.len()) {
                scope.spawn(work);
            }
            work();
        });
        let filled = |slot: OnceLock<_>| slot.into_inner().expect("every member was loaded");
        slots.into_iter().map(filled).collect()
    }

    /// A copy of the elements of the array named `key`, or `key` with `.npy`, in this
    /// order: the same as [`get`](Self::get) and [`NpzMember::to_owned`], but the CRC-32 of a stored
    /// member of less than 2 MiB is computed during the copy, which is faster.
    ///
    /// # Errors
    /// See [`get`](Self::get); [`NpzError::Npy`] if [`NpzMember::to_owned`] fails.
    pub fn get_owned<T: Element>(&self, key: &str) -> Result<ArrayD<T>, NpzError> {
        let record = self.find(key).ok_or_else(|| missing(key))?;
        if self.verify_crc
            && let Located::Stored(bytes) = self.located(record)?
            && let Some(array) = copy_checked(record, bytes)
        {
            return Ok(array);
        }
        // Compressed, or wrong in a way that is reported below.
        let owned = self.get(key)?.to_owned();
        owned.map_err(|error| in_member(record, error))
    }

    /// The content of the member named `key`, or `key` with `.npy`, in this order, whether or not it is
    /// an NPY file.
    ///
    /// # Errors
    /// If there is no such member, or if it is damaged, encrypted or uses another compression
    /// method than DEFLATE.
    pub fn raw(&self, key: &str) -> Result<Cow<'a, [u8]>, NpzError> {
        let record = self.find(key).ok_or_else(|| missing(key))?;
        match self.located(record)? {
            Located::Stored(bytes) => {
                self.check_crc(record, bytes)?;
                Ok(Cow::Borrowed(bytes))
            }
            Located::Deflated(compressed) => {
                let inflated = inflate_vec(compressed, record.size)
                    .map_err(|reason| broken(record, reason))?;
                self.check_crc(record, &inflated)?;
                Ok(Cow::Owned(inflated))
            }
        }
    }

    /// The bytes of a member in the archive, unchecked.
    fn located(&self, record: &Record) -> Result<Located<'a>, NpzError> {
        check_supported(record)?;
        let bytes =
            Directory::content(self.data, record).map_err(|reason| broken(record, reason))?;
        match record.method {
            STORED if record.size != bytes.len() => {
                Err(broken(record, "the two sizes of a stored member differ"))
            }
            STORED => Ok(Located::Stored(bytes)),
            DEFLATE => Ok(Located::Deflated(bytes)),
            method => Err(NpzError::UnsupportedMethod {
                name: name(record),
                method,
            }),
        }
    }

    fn check_crc(&self, record: &Record, content: &[u8]) -> Result<(), NpzError> {
        if self.verify_crc && crc32(content) != record.crc {
            return Err(NpzError::WrongCrc { name: name(record) });
        }
        Ok(())
    }

    /// The last member named `key`, or otherwise `key` with `.npy`.
    fn find(&self, key: &str) -> Option<&Record<'a>> {
        const FEW: usize = 32;
        let records = &self.directory.records;
        // Sorting takes longer than one linear search.
        if records.len() <= FEW || !self.asked.swap(true, Relaxed) {
            let named = |order: fn(&str, &str) -> Ordering| {
                let mut last_first = records.iter().rev();
                last_first.find(|record| order(&record.name, key).is_eq())
            };
            return named(by_name).or_else(|| named(by_key));
        }
        let sorted = self.sorted.get_or_init(|| {
            let mut sorted: Vec<usize> = (0..records.len()).collect();
            sorted.sort_by(|&a, &b| records[a].name.cmp(&records[b].name));
            sorted
        });
        let named = |order: fn(&str, &str) -> Ordering| {
            let after = sorted.partition_point(|&at| order(&records[at].name, key).is_le());
            let record = &records[sorted[after.checked_sub(1)?]];
            order(&record.name, key).is_eq().then_some(record)
        };
        named(by_name).or_else(|| named(by_key))
    }
}

/// Rejects members that need unsupported features of ZIP (APPNOTE.TXT 4.4.3, 4.4.4).
fn check_supported(record: &Record) -> Result<(), NpzError> {
    const ENCRYPTED: u16 = 1 | 1 << 6;
    const PATCHED: u16 = 1 << 5;
    const NEWEST: u8 = 63;
    let feature = if record.flags & ENCRYPTED != 0 {
        return Err(NpzError::Encrypted { name: name(record) });
    } else if record.flags & PATCHED != 0 {
        "compressed patched data"
    } else if record.version > NEWEST {
        "a version of ZIP above 6.3"
    } else {
        return Ok(());
    };
    Err(NpzError::UnsupportedFeature {
        name: name(record),
        feature,
    })
}

/// The bytes of a member in the archive.
enum Located<'a> {
    Stored(&'a [u8]),
    Deflated(&'a [u8]),
}

/// The elements of the NPY file `bytes`, if it is valid and its CRC-32 matches. Each chunk is copied
/// while it is still cached from computing the CRC.
fn copy_checked<T: Element>(record: &Record, bytes: &[u8]) -> Option<ArrayD<T>> {
    let header = header::read(bytes, &NpyOptions::default()).ok()?;
    let end = header.payload + header.len;
    let mut crc = Crc::new();
    crc.update(&bytes[..header.payload]);
    let npy = NpyView::new(header, bytes);
    let array = npy.to_owned_with(|chunk| crc.update(chunk)).ok()?;
    crc.update(&bytes[end..]);
    (crc.finish() == record.crc).then_some(array)
}

fn by_name(name: &str, key: &str) -> Ordering {
    name.cmp(key)
}

/// Like `name.cmp(key + ".npy")`.
fn by_key(name: &str, key: &str) -> Ordering {
    match name.as_bytes().split_at_checked(key.len()) {
        Some((start, end)) => start
            .cmp(key.as_bytes())
            .then_with(|| end.cmp(SUFFIX.as_bytes())),
        None => name.cmp(key),
    }
}

fn key<'f>(record: &'f Record<'_>) -> &'f str {
    record.name.strip_suffix(SUFFIX).unwrap_or(&record.name)
}

fn name(record: &Record) -> String {
    record.name.clone().into_owned()
}

#[cold]
fn missing(key: &str) -> NpzError {
    NpzError::Missing {
        key: key.to_owned(),
    }
}

#[cold]
fn broken(record: &Record, reason: &'static str) -> NpzError {
    NpzError::InvalidMember {
        name: name(record),
        reason,
    }
}

#[cold]
fn in_member(record: &Record, error: NpyError) -> NpzError {
    NpzError::Npy {
        name: name(record),
        error,
    }
}

impl fmt::Debug for NpzFile<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "NpzFile object with {} entries", self.len())
    }
}

/// The keys of an [`NpzFile`] and their members.
#[derive(Clone, Debug)]
pub struct Iter<'f, 'a> {
    file: &'f NpzFile<'a>,
    at: usize,
}

impl<'f, 'a> Iterator for Iter<'f, 'a> {
    type Item = (&'f str, Result<NpzMember<'a>, NpzError>);

    fn next(&mut self) -> Option<Self::Item> {
        let key = key(self.file.directory.records.get(self.at)?);
        self.at += 1;
        Some((key, self.file.get(key)))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = self.file.len() - self.at;
        (left, Some(left))
    }
}

impl ExactSizeIterator for Iter<'_, '_> {}

impl<'f, 'a> IntoIterator for &'f NpzFile<'a> {
    type Item = (&'f str, Result<NpzMember<'a>, NpzError>);
    type IntoIter = Iter<'f, 'a>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}
