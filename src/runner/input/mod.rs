//! What a run takes in, in which order, and from which pass over the source.
//!
//! | question | file |
//! |---|---|
//! | Which input comes next: prepared changes, results, failures, records? | `input_queue` |
//! | When is the source read twice, and what is found then? | `source_passes` |
//! | How is a record read together with its key? | `keyed_records` |
//! | Which record was read before the run wrote anything? | `peeked_source` |
//! | What does the state note about a running reprocess? | `reprocess_state` |
//!
//! Out of scope: what becomes of a record (`runner::records`).

pub mod input_queue;
pub mod source_passes;
pub mod keyed_records;
pub(crate) mod peeked_source;
pub mod reprocess_state;
