//! The metrics of a run: what is measured, and where it goes.
//!
//! In scope: following a run, sums over runs, writing and sending. Out of scope: which metrics
//! there are and their forms (`telemetry::metrics`), the settings
//! (`config::sections::reporting::metrics`).
//!
//! | question | file |
//! |---|---|
//! | What is measured of a run? | `run_meter` |
//! | Who gets the metrics, in which time, and what if that fails? | `delivery` |
//! | How are the files written? | `metric_files` |
//! | Where are the counters between runs? | `totals_file` |
//! | How does a Pushgateway get them? | `pushgateway` |
//! | How does StatsD get them? | `statsd` |
//! | How does an OpenTelemetry collector get them? | `otlp`, with that feature |

pub mod delivery;
pub mod metric_files;
#[cfg(feature = "otlp")]
pub mod otlp;
pub mod pushgateway;
pub mod run_meter;
pub mod statsd;
pub mod totals_file;
