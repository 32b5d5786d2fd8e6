//! Sources: what becomes of each kind of file and record.
//!
//! | question | file |
//! |---|---|
//! | What if the file is broken? | `as_it_comes` |
//! | Which records are hard to store? | `hard_records`, `numbers` |
//! | What about workbooks, packed files and patterns of files? | `newcomer_sources` |
//! | What if a record gives no row, or a key occurs twice? | `rowless`, `twice` |

mod as_it_comes;
mod hard_records;
pub mod newcomer_sources;
mod numbers;
mod rowless;
mod twice;
