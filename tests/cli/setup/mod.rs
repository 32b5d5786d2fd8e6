//! What a user does before the first run: job file, credentials, `check`, `plan` and `lint`.
//!
//! | question | file |
//! |---|---|
//! | Which setups does `check` find broken, and what does it write? | `broken_setups`, `check` |
//! | What is advised after a usual mistake? | `advice` |
//! | What does a newcomer read? | `newcomer_csv`, `newcomer_words` |
//! | Can rows go to an unintended place? | `place` |
//! | What would a run do? | `plan` |
//! | Which exit code and advice has what cannot be done? | `refusals` |
//! | What does `lint` report? | `lint` |

mod advice;
mod broken_setups;
mod check;
mod lint;
mod newcomer_csv;
mod newcomer_words;
mod place;
mod plan;
mod refusals;
