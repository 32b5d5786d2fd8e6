//! What the commands work with.
//!
//! In scope: what does not depend on the arguments. Out of scope: the arguments (`cli::args`), the
//! settings of a job (`cli::commands::load_settings`).

use std::sync::Arc;

use crate::cli::invocation::Invocation;
use crate::clock::Clock;
use crate::rng::Rng;
use crate::system::SeededRng;

/// What every command gets beside its arguments.
#[derive(Clone)]
pub struct CommandContext<'s> {
    /// The output, and the command line as a whole.
    pub invocation: &'s Invocation,
    /// The name of this machine, for the rows of a run.
    pub host: String,
    /// The clock of this machine.
    pub clock: Arc<dyn Clock>,
    /// Where random numbers come from.
    pub rng: Arc<dyn Rng>,
}

impl CommandContext<'_> {
    /// Returns the context with random numbers from this seed, if there is one.
    #[must_use]
    pub fn with_seed(self, seed: Option<u64>) -> Self {
        let rng = seed.map_or(self.rng, |seed| Arc::new(SeededRng::new(seed)));
        Self { rng, ..self }
    }
}
