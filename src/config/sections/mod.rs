//! The sections of a job file, each from values as written to checked settings.
//!
//! | question | file or folder |
//! |---|---|
//! | Which records are read, what is done with them, and which columns come of it? | `records` |
//! | Which sheet does the job write to, and what protects the rows there? | `sheet` |
//! | Where does the job report what happened: alerts, heartbeat, metrics? | `reporting` |
//! | Which commands does a job of stages run? | `stages` |
//! | Which bounds apply to a run? | `limits` |
//! | When should the job run? | `schedule` |
//! | Which proxies are used? | `proxies` |

pub mod limits;
pub(crate) mod proxies;
pub mod records;
pub mod reporting;
pub(crate) mod schedule;
pub mod sheet;
pub mod stages;
