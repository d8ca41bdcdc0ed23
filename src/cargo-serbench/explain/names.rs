//! Readable names of functions and files, without hashes and paths of the machine.

use rustc_demangle::demangle;

/// Suffixes that compilers append to functions they split or specialise.
const PARTS: [&str; 5] = [".cold", ".constprop.", ".isra.", ".part.", ".lto_priv."];

/// The source name of a symbol, without hash and version.
pub fn function(symbol: &str) -> String {
    let end = symbol.find("@").unwrap_or(symbol.len());
    let symbol = &symbol[..end];
    let cut = PARTS.iter().filter_map(|part| symbol.find(part)).min();
    let symbol = &symbol[..cut.unwrap_or(symbol.len())];
    format!("{:#}", demangle(symbol))
}

/// A source file without the parts that differ between machines and commits. `roots` are the
/// folders of the source trees.
pub fn file(path: &str, roots: &[String]) -> Option<String> {
    if path.is_empty() || path == "???" {
        return None;
    }
    let inside = roots.iter().find_map(|root| {
        let rest = path.strip_prefix(root.as_str())?;
        rest.strip_prefix('/')
    });
    let after = |marker: &str, folders: usize| {
        let rest = path.split_once(marker)?.1;
        rest.splitn(folders + 1, '/').nth(folders)
    };
    let known = inside
        // rustc names std's files by its own commit hash.
        .or_else(|| after("/rustc/", 1))
        .or_else(|| after("/registry/src/", 1))
        .or_else(|| after("/git/checkouts/", 2));
    let shown = match known {
        Some(known) => known.trim_start_matches("library/"),
        None => last_segments(path.trim_start_matches("./"), 3),
    };
    Some(shown.to_owned())
}

fn last_segments(path: &str, count: usize) -> &str {
    match path.rmatch_indices('/').nth(count - 1) {
        Some((at, _)) => &path[at + 1..],
        None => path,
    }
}

/// Whether a function belongs to the runtime or standard library rather than to the program.
pub fn is_of_the_system(name: &str) -> bool {
    let name = name.trim_start_matches(['<', '&', '*']);
    let name = name.trim_start_matches("dyn ").trim_start_matches("mut ");
    let of_std = ["core::", "alloc::", "std::", "__rust", "hashbrown::"];
    // C functions have no path.
    of_std.iter().any(|prefix| name.starts_with(prefix)) || !name.contains("::")
}

/// Whether a function is the worker's own, in divan or in the library: it answers the tool. Operations may be
/// inlined into the library's loop, but not into divan's worker.
pub fn is_of_the_worker(name: &str) -> bool {
    let parts = ["serbench_worker::", "serbench::protocol::"];
    parts.iter().any(|part| name.contains(part))
}

/// Whether a function manages the heap or copies memory, the cost of an additional allocation.
pub fn is_of_the_heap(name: &str) -> bool {
    const C: [&str; 16] = [
        "malloc",
        "calloc",
        "realloc",
        "free",
        "_int_malloc",
        "_int_free",
        "_int_realloc",
        "malloc_consolidate",
        "unlink_chunk",
        "sysmalloc",
        "systrim",
        "mremap_chunk",
        "munmap",
        "mmap",
        "brk",
        "sbrk",
    ];
    let bare = name.trim_start_matches("__").trim_start_matches("libc_");
    C.contains(&bare)
        || C.contains(&name)
        || [
            "memcpy",
            "memmove",
            "memset",
            "tcache",
            "alloc_perturb",
            "rust_alloc",
            "rust_dealloc",
            "rust_realloc",
        ]
        .iter()
        .any(|part| bare.contains(part))
        || name.trim_start_matches('<').starts_with("alloc::raw_vec::")
        || name.contains("GlobalAlloc>::")
        || name.contains("std::sys::alloc")
        || name.starts_with("_int_")
}

#[cfg(test)]
mod tests {
    use super::{file, function, is_of_the_heap, is_of_the_system, is_of_the_worker};

    #[test]
    fn symbols_lose_hashes() {
        let check = |symbol: &str, expected: &str| assert_eq!(function(symbol), expected);
        check(
            "_ZN7planted9operation5scale17h8d0ade2f08793667E",
            "planted::operation::scale",
        );
        check(
            "_ZN7planted9operation5scale17h8d0ade2f08793667E.llvm.1234567890",
            "planted::operation::scale",
        );
        check(
            "_RNvNtCsjrHSEGnQ3l9_3std2rt19lang_start_internal",
            "std::rt::lang_start_internal",
        );
        check("__libc_start_main@@GLIBC_2.34", "__libc_start_main");
        check("parse.part.0", "parse");
        check("(below main)", "(below main)");
    }

    #[test]
    fn file_names_lose_machine_paths() {
        let roots = ["/work/a/src".to_owned()];
        let check = |path: &str, expected: &str| {
            assert_eq!(file(path, &roots).as_deref(), Some(expected), "{path}");
        };
        check("/work/a/src/benches/x.rs", "benches/x.rs");
        check(
            "/rustc/59807616/library/core/src/ptr/mod.rs",
            "core/src/ptr/mod.rs",
        );
        check(
            "/root/.cargo/registry/src/index.crates.io-19/serde-1.0.0/src/lib.rs",
            "serde-1.0.0/src/lib.rs",
        );
        check("./malloc/./malloc/malloc.c", "./malloc/malloc.c");
        check("/somewhere/else/entirely/src/lib.rs", "entirely/src/lib.rs");
        assert_eq!(file("???", &roots), None);
    }

    #[test]
    fn functions_of_the_system() {
        assert!(is_of_the_system("std::thread::sleep"));
        assert!(is_of_the_system(
            "<alloc::vec::Vec<T> as core::clone::Clone>::clone"
        ));
        assert!(is_of_the_system("clock_nanosleep"));
        assert!(!is_of_the_system("planted::operation::total"));
        assert!(is_of_the_heap("__memcpy_avx_unaligned_erms"));
        assert!(is_of_the_heap("_int_free_merge_chunk"));
        assert!(!is_of_the_heap("planted::free_all"));
        assert!(is_of_the_heap("<alloc::raw_vec::RawVecInner>::finish_grow"));
        assert!(is_of_the_worker("divan::serbench_worker::write"));
        assert!(!is_of_the_worker("serbench::worker::slice"));
    }
}
