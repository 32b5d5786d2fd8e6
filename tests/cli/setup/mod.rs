//! What a user does before the first run: job file, credentials, `check`, `plan` and `lint`.
//!
//! | question | file |
//! |---|---|
//! | Which setups does `check` find broken, and what does it write? | `broken_setups`, `check` |
//! | What is advised after a usual mistake? | `advice` |
//! | What does a newcomer read? | `newcomer_csv` |
//! | What is read after each mistake? | `newcomer_words`, `newcomer_files`, `newcomer_days`, with `mistake` |
//! | Does the page of mistakes show it? | `mistakes_page` |
//! | Can rows go to an unintended place? | `place` |
//! | What would a run do? | `plan` |
//! | Which exit code and advice has what cannot be done? | `refusals` |
//! | What does `lint` report? | `lint` |

mod advice;
mod broken_setups;
mod check;
mod lint;
mod mistake;
mod mistakes_page;
mod newcomer_csv;
mod newcomer_days;
mod newcomer_files;
mod newcomer_words;
mod place;
mod plan;
mod refusals;
