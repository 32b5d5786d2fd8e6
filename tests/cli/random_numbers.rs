//! Random numbers of tests that kill.

/// Pseudo-random numbers that are the same in every test run (splitmix64).
pub struct RandomNumbers(pub u64);

impl RandomNumbers {
    /// Returns the next number, below `bound`.
    pub fn draw_below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (mixed ^ (mixed >> 31)) % bound
    }
}
