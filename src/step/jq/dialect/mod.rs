//! jq where jaq differs from it.
//!
//! | question | file |
//! |---|---|
//! | Which filters are allowed, and which replace jaq's? | `filters` |
//! | Which operators and texts replace jaq's? | `rewrite` |
//! | How do the replacements work? | `numbers`, `paths`, `texts` |

pub(crate) mod filters;
pub(crate) mod numbers;
mod paths;
pub(crate) mod rewrite;
mod texts;
