//! The sections about reports: to people, to monitoring services, and as metrics.
//!
//! | question | file |
//! |---|---|
//! | What is reported to people, when, and to whom? | `alerts`, `alert_channels` |
//! | Where does the job report that it is alive? | `heartbeat` |
//! | Where do the metrics of runs go? | `metrics`, `otlp` |
//! | How is an address read that is a secret? | `secret_url` |

mod alert_channels;
pub mod alerts;
pub mod heartbeat;
pub mod metrics;
#[cfg(any(test, feature = "otlp"))]
pub mod otlp;
pub(crate) mod secret_url;
