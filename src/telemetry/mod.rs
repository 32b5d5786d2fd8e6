//! What a process reports about itself to machines: the form of log lines, and the metrics.
//!
//! In scope: pure rules. Out of scope: writing lines (`cli`), sending metrics (`app`).
//!
//! | question | folder |
//! |---|---|
//! | Which keys does a log line have in which format? | `logs` |
//! | Which metrics are there, and in which forms are they written? | `metrics` |
//! | Which messages does an OpenTelemetry collector get of a run? | `otlp_messages`, with the feature `otlp` |

pub mod logs;
pub mod metrics;
#[cfg(feature = "otlp")]
pub mod otlp_messages;
