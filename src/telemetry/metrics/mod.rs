//! The metrics of a run.
//!
//! | question | file |
//! |---|---|
//! | Which metrics are there? | `metric_table` |
//! | What is measured of a run? | `run_measurement` |
//! | Which values do the metrics get from it? | `samples` |
//! | How does Prometheus read them? | `prometheus_text` |
//! | How are they called in StatsD? | `statsd_names` |

pub mod metric_table;
pub mod prometheus_text;
pub mod run_measurement;
pub mod samples;
pub mod statsd_names;
