//! Crates with divan benches that know nothing of this tool.
