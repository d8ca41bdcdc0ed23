//! Allocates large buffers, on huge pages if the system supports them.

/// An empty vector with capacity for `capacity` elements.
pub(crate) fn with_capacity<T>(capacity: usize) -> Vec<T> {
    let mut buffer = Vec::with_capacity(capacity);
    advise(&mut buffer);
    buffer
}

/// Reserves capacity for `additional` more elements.
#[cfg(feature = "concat")]
pub(crate) fn reserve<T>(buffer: &mut Vec<T>, additional: usize) {
    let before = buffer.capacity();
    buffer.reserve(additional);
    if buffer.capacity() > before {
        advise(buffer);
    }
}

/// Lets the system use huge pages for a large buffer, as numpy does for its arrays: the first write to
/// 100 MB then takes 50 page faults instead of 25,000. A copy of 10 MB into new memory took 40 % of
/// the time.
#[cfg(all(feature = "huge-pages", target_os = "linux", not(miri)))]
#[expect(unsafe_code, reason = "the call has no safe form")]
pub(crate) fn advise<T>(buffer: &mut Vec<T>) {
    const PAGE: usize = 4096;
    // The smallest size that contains a whole huge page at any address.
    const LARGE: usize = 4 << 20;
    let start = buffer.as_mut_ptr().cast::<u8>();
    let bytes = buffer.capacity().saturating_mul(size_of::<T>());
    if bytes < LARGE {
        return;
    }
    let skipped = start.addr().next_multiple_of(PAGE) - start.addr();
    let len = (bytes - skipped) / PAGE * PAGE;
    // SAFETY: the pages are inside the buffer, and the advice changes none of their bytes.
    let advised = unsafe {
        let first = start.add(skipped).cast();
        rustix::mm::madvise(first, len, rustix::mm::Advice::LinuxHugepage)
    };
    // Not all kernels support huge pages.
    let _ = advised;
}

#[cfg(not(all(feature = "huge-pages", target_os = "linux", not(miri))))]
pub(crate) fn advise<T>(_: &mut Vec<T>) {}

#[cfg(all(test, feature = "huge-pages", target_os = "linux", not(miri)))]
mod tests {
    use std::{fs, path::Path};

    use crate::npy;

    /// The flags that the kernel keeps for the pages at `address`.
    fn flags(address: usize) -> String {
        let maps = fs::read_to_string("/proc/self/smaps").unwrap();
        let mut inside = false;
        for line in maps.lines() {
            let range = line
                .split(' ')
                .next()
                .and_then(|range| range.split_once('-'));
            let bounds = range.and_then(|(start, end)| {
                let parse = |digits| usize::from_str_radix(digits, 16).ok();
                Some(parse(start)?..parse(end)?)
            });
            if let Some(bounds) = bounds {
                inside = bounds.contains(&address);
            } else if let Some(flags) = line.strip_prefix("VmFlags:").filter(|_| inside) {
                return flags.to_owned();
            }
        }
        panic!("nothing is mapped at {address:#x}");
    }

    #[test]
    #[cfg_attr(
        not(target_arch = "x86_64"),
        ignore = "qemu's user emulation ignores the advice"
    )]
    fn large_arrays_may_have_huge_pages() {
        if !Path::new("/sys/kernel/mm/transparent_hugepage").exists() {
            return;
        }
        let array = ndarray::Array1::from_elem(1 << 20, 1.5);
        let file = npy::to_vec(&array);
        let loaded = npy::load(&file).unwrap().to_owned::<f64>().unwrap();
        for start in [file.as_ptr().addr(), loaded.as_ptr().addr()] {
            let flags = flags(start + (4 << 20));
            assert!(flags.split(' ').any(|flag| flag == "hg"), "{flags}");
        }
    }
}
