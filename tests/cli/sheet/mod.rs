//! The rows on the sheet, and what people and commands change there.
//!
//! | question | file |
//! |---|---|
//! | What does the main job write? | `main_job` |
//! | When is a row updated, and when does a change wait for approval? | `upsert`, `held` |
//! | What if users edit tabs, or delete those of the machine? | `tabs`, `machine_tabs` |
//! | What do `fsck`, `explain` and `prune` do? | `fsck_and_explain`, `reprocess_and_prune` |
//! | How does the embedded file survive copies, kills and damage? | `one_file` |

mod fsck_and_explain;
mod held;
mod machine_tabs;
mod main_job;
mod one_file;
mod reprocess_and_prune;
mod tabs;
mod upsert;
