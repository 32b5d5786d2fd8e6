//! The promises of every store, checked against the reference store, and against a spreadsheet
//! through the real client. The latter has all eight possible behaviours of the service; a real
//! spreadsheet is checked if one is configured.
#![cfg(feature = "emulator")]
#![expect(clippy::panic, reason = "the helpers of a test are part of the test")]

mod contract;
#[path = "support/test_job.rs"]
#[expect(dead_code, reason = "the tests of the runner use the rest of it")]
mod test_job;

use std::sync::Arc;

use contract::emulator_fixture::EmulatorFixture;
use contract::live_fixture::LiveFixture;
use contract::memory_fixture::MemoryFixture;
use contract::suite;
use sheetkeep::clock::Clock;
use sheetkeep::emulator::UnknownBehaviors;
use sheetkeep::system::TestClock;
use sheetkeep::time::Timestamp;

#[tokio::test(start_paused = true)]
async fn the_reference_store_keeps_the_contract() {
    for (name, check) in suite::ALL {
        println!("in memory: {name}");
        let clock: Arc<dyn Clock> = Arc::new(TestClock::starting_at(Timestamp(1_790_000_000_000)));
        check(&MemoryFixture::new(clock)).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_spreadsheet_keeps_the_contract_whatever_the_service_does() {
    for behaviors in UnknownBehaviors::all() {
        for (seed, (name, check)) in (1..).zip(suite::ALL) {
            println!("{behaviors:?}: {name}");
            check(&EmulatorFixture::new(behaviors, seed)).await;
        }
    }
}

#[tokio::test]
async fn a_live_spreadsheet_keeps_the_contract_if_one_is_given() {
    let Some(configured) = LiveFixture::find_configured() else {
        println!(
            "skipped: set SHEETKEEP_LIVE_SPREADSHEET_ID and credentials to hold a real spreadsheet to the contract"
        );
        return;
    };
    for (name, check) in suite::ALL {
        println!("live: {name}");
        check(&LiveFixture::with_new_job(&configured)).await;
    }
}
