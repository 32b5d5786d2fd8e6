//! What the contract of a store is tested with: places to stand on, a writer, the checks.

mod between;
mod columns;
mod costs;
pub mod emulated;
mod faults;
mod fields;
pub mod ground;
mod hands;
pub mod live;
mod pages;
mod probing;
pub mod remembered;
pub mod suite;
pub mod writer;
