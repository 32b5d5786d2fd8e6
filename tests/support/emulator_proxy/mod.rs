//! The emulator behind a proxy, within the process: what a test sees of a job's calls, and does to
//! them.
//!
//! | question | file |
//! |---|---|
//! | How does a test lose, delay or record a call, and edit the sheet? | `proxy` |
//! | How does a client reach a server within the process? | `in_process` |
//! | What does the data tab contain? | `data_tab` |
//! | What does a random person do in it? | `simulated_editor` |

pub mod data_tab;
pub mod in_process;
pub mod proxy;
pub mod simulated_editor;
