//! `cargo serbench`.

fn main() {}
