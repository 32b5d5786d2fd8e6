//! What the contract of a store is tested with: places to stand on, a writer, the checks.

pub mod emulated;
mod faults;
pub mod ground;
pub mod live;
pub mod remembered;
pub mod suite;
pub mod writer;
