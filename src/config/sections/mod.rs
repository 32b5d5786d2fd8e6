//! The sections of a job file, each from values as written to checked settings.
//!
//! | question | file |
//! |---|---|
//! | Where do records come from, and which are their keys? | `source` |
//! | Which steps does an item take? | `steps` |
//! | Which columns do rows have? | `columns` |
//! | Which bounds apply to expressions, and which to a run? | `evaluation`, `limits` |
//! | When should the job run? | `schedule` |
//! | Which sheet does the job write to, with which credentials? | `target` |
//! | Which settings would send rows to an unintended place? | `wrong_place`, `linked` |
//! | Which proxies are used? | `proxies` |
//! | What is a run expected to yield? | `expect` |
//! | How many existing rows may a run change? | `max_changed` |
//! | Where does the job report that it is alive? | `heartbeat` |
//! | What is reported to people, when, and to whom? | `alerts`, `alert_channels` |
//! | How is an address read that is a secret? | `secret_url` |
//! | How does the job appear in the tab Jobs? | `jobs` |

mod alert_channels;
pub mod alerts;
pub(crate) mod columns;
pub mod evaluation;
pub(crate) mod expect;
pub mod heartbeat;
pub(crate) mod jobs;
pub mod limits;
pub mod metrics;
#[cfg(feature = "otlp")]
pub mod otlp;
mod linked;
pub(crate) mod max_changed;
pub(crate) mod proxies;
pub(crate) mod schedule;
pub(crate) mod secret_url;
pub mod source;
pub mod steps;
pub mod target;
pub(crate) mod wrong_place;
