//! The flags of the commands that work on scripts, without a job file.
//!
//! | question | file |
//! |---|---|
//! | Which flags has `sheetkeep lint`? | `lint` |
//! | Which flags has `sheetkeep once`? | `once` |
//! | Which flags has `sheetkeep retry`? | `retry` |

pub mod lint;
pub mod once;
pub mod retry;
