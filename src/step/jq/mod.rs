//! jq expressions: compiled, bounded and run with the jaq crates.
//!
//! | question | file |
//! |---|---|
//! | How is an expression compiled and run? | `program` |
//! | Where is an expression wrong? | `syntax` |
//! | How was the path of a field probably meant? | `spelling` |
//! | How deep does it nest? | `brackets`, `nesting` |
//! | How much can it cost? | `bounded`, `result_bounds`, `cost` |
//! | Which texts and numbers does it write out? | `literals` |
//! | Which filters are allowed, and which replace jaq's? | `filters` |
//! | Which operators and texts replace jaq's? | `rewrite` |
//! | How do the replacements work? | `numbers`, `paths`, `texts` |
//! | How are JSON values converted? | `value` |

mod bounded;
mod brackets;
mod cost;
mod filters;
mod literals;
mod nesting;
mod numbers;
mod paths;
pub mod program;
mod result_bounds;
mod rewrite;
pub(crate) mod spelling;
pub mod syntax;
mod texts;
mod value;
