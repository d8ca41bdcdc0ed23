//! Finds what there is to measure: the workspace, its git repository, the machine.

pub mod checkout;
pub mod git;
pub mod harness;
pub mod machine;
pub mod outside;
pub mod overlay;
pub mod places;
pub mod range;
pub mod tip;
pub mod touched;
pub mod trees;
pub mod workspace;

pub use workspace::{BenchTarget, Workspace, suite_name};
