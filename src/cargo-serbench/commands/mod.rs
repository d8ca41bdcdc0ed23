//! One file for each command.

pub mod accept;
pub mod compare;
pub mod config;
pub mod gate;
pub mod history;
pub mod init;
pub mod list;
pub mod merge;
mod pair;
pub mod records;
pub mod report;
pub mod run;
pub mod show;
