//! The rules of alerts: what is reported to people, when, to which channel, and in which words.
//!
//! Pure: the present time, the history and the settings come in as values. In scope: conditions of
//! a job, debouncing, reminders, escalation, flapping, recovery, quiet hours, silence, the message
//! and its form on each channel. Out of scope: reading settings, storing the state, sending.
//!
//! A condition is reported when what people believe differs from what is true. So a message that is
//! held back (quiet hours, a limit, a failed channel) is not lost. The belief stays wrong, and the
//! next observation reports it in one message.
//!
//! | question | file |
//! |---|---|
//! | What can be wrong with a job, and how serious is it? | `condition`, `severity` |
//! | What does a run say about the conditions? | `observation` |
//! | What may a job file set? | `alert_rules`, `quiet_hours` |
//! | When is a condition reported, repeated, escalated, over? | `condition_record` |
//! | What does a job remember between runs, and what does it report now? | `alert_state` |
//! | How are times in that state written? | `stored_time` |
//! | Which channels get a message? | `routing` |
//! | What does a message contain, and how is it worded? | `message`, `report_context`, `wording` |
//! | What does each channel get, within its limits, and what does its reply mean? | `channels/` |

pub mod alert_rules;
pub mod alert_state;
pub mod channels;
pub mod condition;
pub mod condition_record;
pub mod message;
pub mod observation;
pub mod quiet_hours;
pub mod report_context;
pub mod routing;
pub mod severity;
mod stored_time;
mod wording;

#[cfg(test)]
mod tests;
