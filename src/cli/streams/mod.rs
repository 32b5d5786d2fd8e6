//! Standard output, standard error and the log file.
//!
//! In scope: writing, colours and widths, log lines. Out of scope: what is written (`cli::output`,
//! `cli::errors`).
//!
//! | question | file |
//! |---|---|
//! | Is a stream a terminal, how wide is it, and has it colours? | `terminal` |
//! | How is a text written, beside a progress bar and a log file? | `output_stream` |
//! | Which colours mark a text? | `palette` |
//! | How are characters shown that would control a terminal? | `control_characters` |
//! | Which log lines are written, and in which form? | `logs` |
//! | Which file of the day gets a copy, and when is an old one deleted? | `log_file` |
//! | How is the output of a command of the user passed on? | `command_output` |
//! | How do tests read the output? | `captured` |

pub mod captured;
pub mod command_output;
pub mod control_characters;
pub mod log_file;
pub mod logs;
pub mod output_stream;
pub mod palette;
pub mod terminal;
