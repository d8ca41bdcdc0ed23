//! `cargo serbench`: discover -> build -> list -> select -> verify -> measure -> store -> compare -> decide -> report.
//!
//! The modules below stand in the order in which data passes through them, and a module uses only
//! those above it. Each is one stage.

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
