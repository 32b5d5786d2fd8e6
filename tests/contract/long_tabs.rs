//! A Processed tab that is longer than one page.

use sheetkeep::emulator::UnknownBehaviors;
use sheetkeep::ledger::commit::changes::{Changes, ItemResult};
use sheetkeep::ledger::items::failure::FailureState;
use sheetkeep::ledger::items::item::Output;
use sheetkeep::ledger::items::key::Version;
use sheetkeep::port::store::Store;

use crate::contract::commit_writer::{CommitWriter, make_failure, make_key};
use crate::contract::emulator_fixture::EmulatorFixture;

/// Rows in Processed; a page has 55,000.
const KEY_COUNT: u32 = 120_000;
/// Rows in one commit.
const KEYS_PER_COMMIT: usize = 20_000;

#[tokio::test(start_paused = true)]
async fn a_long_processed_tab_is_read_in_pages_with_every_key() {
    let fixture = EmulatorFixture::new(UnknownBehaviors::default(), 1);
    let mut writer = CommitWriter::open_initialized(&fixture, "a").await;
    let numbers: Vec<u32> = (0..KEY_COUNT).collect();
    for some in numbers.chunks(KEYS_PER_COMMIT) {
        let settled = some.iter().map(|n| ItemResult::Done {
            key: make_key(&format!("k{n}")),
            version: Version::default(),
            may_have_rows: false,
            output: Output::default(),
            closes: None,
        });
        writer.put(Changes { settled: settled.collect(), ..Changes::default() }).await;
    }
    fixture.emulator.reset_stats();
    let store = fixture.store_of("j", "Data");
    let loaded = store.load().await.expect("it can be read").snapshot.expect("the job exists");
    assert_eq!((loaded.state.processed.count, loaded.anomalies.len()), (u64::from(KEY_COUNT), 0));
    for n in [0, 1, 54_997, 54_998, 54_999, 55_000, 109_998, 109_999, 110_000, KEY_COUNT - 1] {
        assert!(loaded.processed_index.is_done(&make_key(&format!("k{n}")), &Version::default()), "k{n}");
    }
    assert!(!loaded.processed_index.is_done(&make_key(&format!("k{KEY_COUNT}")), &Version::default()));
    let stats = fixture.emulator.stats();
    let calls = (stats.by_method.get("spreadsheets.get"), stats.by_method.get("spreadsheets.values.batchGet"));
    assert_eq!(calls, (Some(&1), Some(&3)), "one look, then a call a page");
}

#[tokio::test(start_paused = true)]
async fn a_long_failures_tab_is_read_to_its_end() {
    let fixture = EmulatorFixture::new(UnknownBehaviors::default(), 2);
    let mut writer = CommitWriter::open_initialized(&fixture, "a").await;
    let rows = |state, keys: std::ops::Range<u32>| Changes {
        settled: keys.map(|n| ItemResult::Failed(Box::new(make_failure(&format!("f{n}"), state)))).collect(),
        ..Changes::default()
    };
    for some in [0..3_000, 3_000..6_000] {
        writer.put(rows(FailureState::Open, some)).await;
    }
    writer.put(rows(FailureState::Recovered, 0..10)).await;
    let loaded = fixture.store_of("j", "Data").load().await.expect("it can be read").snapshot.expect("the job exists");
    assert_eq!((loaded.processed_index.open_failures(), loaded.anomalies.len()), (5_990, 0));
    assert!(
        loaded.processed_index.prior_failure(&make_key("f0")).is_none()
            && loaded.processed_index.prior_failure(&make_key("f5999")).is_some()
    );
}
