//! Files by which other schedulers call a job.
//!
//! Every export calls `run --due`, which runs the job only if one of its times is due. So an export
//! may call too often, and several may be in use at the same time.
//!
//! | question | file |
//! |---|---|
//! | What is exported, for which scheduler? | `export_job` |
//! | Which calls in UTC cover every time of a schedule? | `utc` |
//! | What does each scheduler need? | `targets`, with the texts in `templates/` |
//! | How is a text quoted for each of them? | `quoting` |

pub mod export_job;
pub mod quoting;
pub mod targets;
pub mod utc;
