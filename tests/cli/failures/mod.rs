//! Failed records, and runs that yield too little.
//!
//! | question | file |
//! |---|---|
//! | How are failures handled from the terminal? | `from_the_terminal` |
//! | What becomes of records without a key? | `keyless` |
//! | What becomes of exhausted failures? | `exhausted_failures` |
//! | What if a run yields less than expected? | `expect` |

mod exhausted_failures;
mod expect;
mod from_the_terminal;
mod keyless;
