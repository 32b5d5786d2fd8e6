//! The processed set: which versions of which keys are done.
//!
//! | question | file |
//! |---|---|
//! | Is this item processed already? | `processed_index`, with its failures in `processed_index/failures` |
//! | Which versions were done when the job was loaded? | `processed_set` |
//! | Which versions has this run in hand, failed or done? | `run_versions` |
//! | What is known of failures? | `known_failures` (of all keys), `prior_failure` (of one) |
//! | What may happen to a version of a key within a run? | `key_lifecycle` |
//! | Which versions were processed before the current one? | `version_history` |
//! | Which keys have lost rows? | `key_sums`, `row_gaps`, `keys_to_reprocess` |
//! | How far has the source been processed? | `low_watermark` |
//! | Which failures are counted but not written again? | `suppressed_failures` |
//! | Do the data tab and `Processed` agree? | `consistency` |

mod known_failures;
pub mod processed_index;
pub mod processed_set;
mod run_versions;
pub mod prior_failure;
pub mod key_lifecycle;
pub mod low_watermark;
pub mod suppressed_failures;
pub mod consistency;
pub mod version_history;
pub mod key_sums;
pub mod keys_to_reprocess;
pub mod row_gaps;
