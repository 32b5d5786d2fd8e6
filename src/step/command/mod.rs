//! The step `command`: programs of the user.
//!
//! | question | file |
//! |---|---|
//! | How is a program run, and what does its exit status mean? | `command_step` |
//! | How does the item reach the program? | `stdin_file` |
//! | How is its output read? | `process_output` |

pub mod command_step;
pub mod process_output;
mod stdin_file;
