//! The random source of the runner, for jitter and ids. Tests use a seeded one.

/// A source of random bits.
pub trait Rng: Send + Sync {
    /// Returns 64 random bits.
    fn next_u64(&self) -> u64;

    /// Returns a number uniformly drawn from [0, 1), for jitter.
    #[expect(clippy::cast_precision_loss, reason = "53 bits fit an f64 exactly")]
    fn next_f64(&self) -> f64 {
        (self.next_u64() >> 11) as f64 / (1_u64 << 53) as f64
    }
}
