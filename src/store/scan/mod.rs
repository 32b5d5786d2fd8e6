//! Reads a job's tabs row by row, for `fsck`, `explain`, `prune` and similar commands.
//!
//! | question | file |
//! |---|---|
//! | How are all rows of a job read at one head? | `scanner` |
//! | How are they collected, with their texts and positions? | `scanned_tabs` |
//! | How many blank rows end a tab? | `trailing_blanks` |
//! | How are the payloads of failures read? | `failure_payloads` |
//!
//! Out of scope: the load of a run (`store::load::loader`).

pub mod scanner;
pub mod scanned_tabs;
pub mod trailing_blanks;
pub mod failure_payloads;
