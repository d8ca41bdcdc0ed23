//! `cargo serbench`.

#[cfg_attr(
    not(test),
    expect(
        dead_code,
        unused_imports,
        reason = "foreign benches are not measured yet"
    )
)]
mod parse;

fn main() {}
