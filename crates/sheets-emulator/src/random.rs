//! Randomness as the emulator draws it: ids, tokens, faults with a probability.
//!
//! In scope: the source of random bits, that of the system, and a seeded one. Out of scope: what is drawn.

use std::sync::atomic::{AtomicU64, Ordering};

/// A source of random bits.
pub trait RandomSource: Send + Sync {
    /// 64 random bits.
    fn next_u64(&self) -> u64;

    /// A number drawn evenly from [0, 1).
    #[expect(clippy::cast_precision_loss, reason = "53 bits fit an f64 exactly")]
    fn next_f64(&self) -> f64 {
        (self.next_u64() >> 11) as f64 / (1_u64 << 53) as f64
    }
}

/// Randomness of the operating system.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemRandomSource;

impl RandomSource for SystemRandomSource {
    #[expect(clippy::disallowed_methods, reason = "this file is the only reader of randomness")]
    fn next_u64(&self) -> u64 {
        getrandom::u64().expect("the operating system has randomness once the process runs")
    }
}

/// A seeded sequence (splitmix64, Steele et al. 2014): the same seed yields the same ids.
#[derive(Debug)]
pub struct SeededRandom {
    state: AtomicU64,
}

impl SeededRandom {
    /// The sequence of `seed`.
    pub fn new(seed: u64) -> Self {
        Self { state: AtomicU64::new(seed) }
    }
}

impl RandomSource for SeededRandom {
    fn next_u64(&self) -> u64 {
        let step = 0x9E37_79B9_7F4A_7C15_u64;
        let mut z = self.state.fetch_add(step, Ordering::Relaxed).wrapping_add(step);
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }
}
