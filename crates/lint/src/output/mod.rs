//! The forms of a report: for people, for machines, for CI.

pub mod github;
pub mod json;
pub mod note;
pub mod sarif;
pub mod text;
