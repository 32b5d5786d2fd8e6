//! jq expressions: compiled, bounded and run with the jaq crates.
//!
//! | question | file or folder |
//! |---|---|
//! | How is an expression compiled and run? | `program` |
//! | Where is an expression wrong? | `syntax` |
//! | How was the path of a field probably meant? | `spelling` |
//! | How deep does it nest? | `brackets`, `nesting` |
//! | How much can it cost? | `bounds` |
//! | Where does jq differ from jaq, and what replaces jaq's part? | `dialect` |
//! | How are JSON values converted? | `value` |

mod bounds;
mod brackets;
mod dialect;
mod nesting;
pub mod program;
pub(crate) mod spelling;
pub mod syntax;
mod value;
