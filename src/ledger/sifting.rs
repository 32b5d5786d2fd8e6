//! What a run knows of its source as a whole: which record of each key counts, and which keys came more than once.
//!
//! In scope: holding the two ways of knowing it. Out of scope: the judgement itself (`ledger::survey`), comparing records
//! (`ledger::repeats`).

use crate::ledger::mode::Again;
use crate::ledger::repeats::{Repeats, Watch};
use crate::ledger::survey::Sieve;

/// What a run knows of its source as a whole.
#[derive(Debug, Default)]
pub struct Sifting {
    /// Where one record of each key counts; known once the source was surveyed.
    pub sieve: Option<Sieve>,
    /// Where each version of a key counts.
    pub watch: Option<Watch>,
    /// What the watch has come to.
    pub repeats: Repeats,
}

impl Sifting {
    /// What is known before the first record of a source that can be read again, or not.
    pub fn new(again: Again, rereadable: bool) -> Self {
        Self { watch: (again == Again::Every).then(|| Watch::new(rereadable)), ..Self::default() }
    }

    /// Keys that came more than once with different content, as far as is known.
    pub fn repeats(&self) -> &Repeats {
        self.sieve.as_ref().map_or(&self.repeats, Sieve::repeats)
    }
}
