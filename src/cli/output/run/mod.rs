//! What a run shows while it runs, and at its end.
//!
//! Out of scope: its JSON document (`cli::output::json`), errors (`cli::errors`).
//!
//! - `reporter`: which form does an event of a run take, for which audience?
//! - `progress`: the bar on a terminal.
//! - `event_lines`: one line for each event; `event_fields`: what a log collector gets of it.
//! - `summary`: the lines at the end.

pub mod reporter;
pub mod progress;
pub mod event_fields;
pub mod event_lines;
pub mod summary;
#[cfg(test)]
mod tests;
