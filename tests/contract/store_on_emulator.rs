//! The part of the contract that tests about quotas and capacity use: a store on the emulator.

#[expect(dead_code, reason = "the contract uses the rest of it")]
pub mod emulator_fixture;
#[expect(dead_code, reason = "the contract uses the rest of it")]
pub mod store_fixture;
