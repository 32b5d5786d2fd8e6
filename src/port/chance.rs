//! The random source of the runner, for jitter and ids. Tests use a seeded one.

/// A source of random bits.
pub trait Chance: Send + Sync {
    /// Returns 64 random bits.
    fn bits(&self) -> u64;

    /// Returns a number uniformly drawn from [0, 1), for jitter.
    #[expect(clippy::cast_precision_loss, reason = "53 bits fit an f64 exactly")]
    fn draw(&self) -> f64 {
        (self.bits() >> 11) as f64 / (1_u64 << 53) as f64
    }
}
