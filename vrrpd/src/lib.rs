//! x

pub mod config;
pub mod dataplane;
