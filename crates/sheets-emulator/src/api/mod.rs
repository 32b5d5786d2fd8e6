//! Calls of the API without the HTTP around them.
//!
//! | question | file |
//! |---|---|
//! | What are a call, its query and its response? | `call` |
//! | Which method of Sheets or Drive is a path? | `route` |
//! | How many calls may an account or a project make? | `quota` |
//! | What does `GET /_emulator/stats` count? | `stats` |
//!
//! Out of scope: connections (`http`), what a method does (`dispatch`).

pub(crate) mod call;
pub(crate) mod quota;
pub(crate) mod route;
pub(crate) mod stats;
