//! Runs bench executables: starts them, talks to workers, reads their output.

mod child;
mod disturbance;
mod launcher;
mod output;
mod worker;

pub use child::KillOnDrop;
pub use disturbance::Disturbance;
pub use launcher::{Launch, Launcher, Started, allowed_cpus, pin};
pub use output::{Ended, Output, failure_summary};
pub use worker::Worker;
