//! Obsolete rows are deleted from a job's tabs, and nothing else, however users move rows meanwhile
//! and wherever the run ends.

#![expect(clippy::panic, reason = "the helpers of a test are part of the test")]
#![expect(clippy::disallowed_methods, reason = "how many games are played is asked of the environment")]

mod prune_selection;

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value, json};
use sheetkeep::ledger::commit::changes::ItemResult;
use sheetkeep::ledger::items::write_mode::{ReprocessPolicy, WriteMode};
use sheetkeep::ledger::rows::tab_kind::TabKind;
use sheetkeep::ledger::runs::event::RunReport;
use sheetkeep::maintain::prune::{PrunePlan, RowAge};
use sheetkeep::maintain::reprocess::plan_reprocess;
use sheetkeep::maintain::reset::plan_reset;
use sheetkeep::rng::Rng;
use sheetkeep::runner::run_config::{PreparedChanges, RunError};
use sheetkeep::runner::run_scope::RunScope;
use sheetkeep::system::SeededRng;

use crate::emulator_proxy::proxy::EmulatorProxy;
use crate::job_fixture::JobFixture;
use crate::test_job::{IdKeyFinder, ValueSource};

const DAY: Duration = Duration::from_hours(24);

fn make_items(ids: &[&str], version: &str) -> Vec<Value> {
    ids.iter().map(|id| json!({"id": id, "v": version})).collect()
}

impl JobFixture {
    async fn delete_prepared(&self, prepared: PreparedChanges) -> Result<RunReport, RunError> {
        self.run(&[], RunScope::None, Some(prepared)).await
    }

    /// Does what `prune --yes` does, as often as necessary.
    async fn prune(&self, age: RowAge) -> PrunePlan {
        let (first, mut prepared) = self.find_prunable(age).await;
        for _ in 0..5 {
            if prepared.settled.is_empty() {
                return first;
            }
            self.delete_prepared(prepared).await.expect("rows are taken out");
            prepared = self.find_prunable(age).await.1;
        }
        panic!("it never comes to an end: {prepared:?}");
    }

    /// Returns a job with a history: failures that occurred and were resolved, keys that were
    /// revoked and processed again.
    async fn with_history(mode: WriteMode, policy: ReprocessPolicy, nth: usize) -> Self {
        let fixture = Self::new(mode, policy, nth);
        fixture
            .run_items(&[make_items(&["a", "b", "c"], "1"), vec![json!({"id": "x", "v": "1", "bad": "no"})]].concat())
            .await;
        fixture.run_items(&[make_items(&["a", "b", "c"], "1"), make_items(&["x"], "1")].concat()).await;
        let listing = fixture.listing().await;
        let prepared = PreparedChanges {
            from: Some(listing.snapshot.head),
            settled: plan_reset(&listing, policy, fixture.clock.now()).settled,
        };
        fixture.run(&[], RunScope::None, Some(prepared)).await.expect("all is forgotten");
        fixture.run_items(&make_items(&["a", "b", "c", "x"], "1")).await;
        fixture.clock.sleep(10 * DAY).await;
        fixture.run_items(&[make_items(&["d"], "1"), vec![json!({"id": "y", "v": "1", "bad": "no"})]].concat()).await;
        fixture
    }

    /// Returns the processed keys in Processed.
    async fn processed_keys(&self) -> Vec<String> {
        let columns = ["key", "version", "state"].map(|name| self.column("Processed j", name));
        let [keys, versions, states] = futures_util::future::join_all(columns).await.try_into().expect("three columns");
        let mut balances: BTreeMap<(String, String), i32> = BTreeMap::new();
        for ((key, version), state) in
            keys.into_iter().zip(versions).zip(states).filter(|((key, _), _)| !key.is_empty())
        {
            *balances.entry((key, version)).or_default() += if state == "forgotten" { -1 } else { 1 };
        }
        balances.into_iter().filter(|(_, times)| *times > 0).map(|((key, _), _)| key).collect()
    }

    async fn sorted_rows(&self, tab: &str) -> Vec<Vec<String>> {
        let mut rows = self.proxy.tab_rows(tab).await;
        rows.retain(|row| row.iter().any(|cell| !cell.is_empty()));
        rows[1..].sort();
        rows
    }

    /// Returns everything that the job stores, independent of the order of rows.
    async fn all_rows(&self) -> [Vec<Vec<String>>; 4] {
        [
            self.sorted_rows("Processed j").await,
            self.sorted_rows("Failures j").await,
            self.sorted_rows("Runs").await,
            self.sorted_rows("Data").await,
        ]
    }
}

/// The user sorts a tab after it was read and before rows are deleted from it.
#[tokio::test(start_paused = true)]
async fn rows_hit_because_a_user_sorted_are_restored() {
    for nth in [0, 7] {
        for tab in ["Processed j", "Failures j", "Runs"] {
            let fixture = JobFixture::with_history(WriteMode::Upsert, ReprocessPolicy::OnChange, nth).await;
            let before = fixture.all_rows().await;
            let (_, prepared) = fixture.find_prunable(fixture.age_limit(5, false)).await;
            fixture.proxy.reverse_rows(tab).await;
            fixture.delete_prepared(prepared).await.expect("what was not meant is put back");
            let after = fixture.all_rows().await;
            let all = |kept: &[Vec<Vec<String>>; 4]| kept[0].len() + kept[1].len() + kept[2].len();
            assert!(all(&after) <= all(&before) + 1, "{tab}");
            assert_eq!(fixture.processed_keys().await, ["a", "b", "c", "d", "x"], "{tab}");
            let listing = fixture.listing().await;
            assert_eq!(listing.snapshot.stored_checksum, listing.snapshot.state.processed, "{tab}");
            assert!(listing.snapshot.anomalies.is_empty(), "{tab}: {:?}", listing.snapshot.anomalies);
            fixture.prune(fixture.age_limit(5, false)).await;
            assert_eq!(fixture.column("Processed j", "state").await, ["done"; 5], "{tab}");
            assert_eq!(fixture.column("Failures j", "key").await, ["y"], "{tab}");
            assert_eq!(
                fixture.run_items(&make_items(&["a", "b", "c", "d", "x"], "1")).await.run.counts.new,
                0,
                "{tab}"
            );
        }
    }
}

impl JobFixture {
    /// Returns a job whose run deleted rows and died, after the user moved rows; `None` if no such
    /// point exists after this many responses.
    async fn with_rows_to_restore(
        fixture: Self,
        age: RowAge,
        moving: impl AsyncFn(&EmulatorProxy),
        answers: u64,
    ) -> Option<Self> {
        let (_, prepared) = fixture.find_prunable(age).await;
        moving(&fixture.proxy).await;
        tokio::select! {
            _ = fixture.delete_prepared(prepared) => {},
            () = fixture.proxy.wait_for_calls(answers) => {},
        }
        fixture.clock.sleep(Duration::from_mins(10)).await;
        let waits = fixture.listing().await.snapshot.anomalies.iter().any(|one| one.message.contains("restored below"));
        waits.then_some(fixture)
    }

    /// Returns the runs that these changes leave alone.
    async fn remaining_runs(&self, prepared: &PreparedChanges) -> Vec<String> {
        let removals: Vec<_> = prepared.settled.iter().flat_map(ItemResult::removals).collect();
        let goes = |row: u32| removals.iter().any(|one| one.kind == TabKind::Runs && one.row == row);
        self.listing().await.runs.into_iter().filter(|(row, _)| !goes(*row)).map(|(_, run)| run.id).collect()
    }

    /// Sorts tabs, and inserts rows into them, as the user.
    async fn move_rows_at_random(&self, draw_below: &impl Fn(u64) -> u64) {
        for tab in ["Processed j", "Failures j", "Runs", "Data"] {
            match draw_below(4) {
                0 => self.proxy.reverse_rows(tab).await,
                1 => {
                    let id = self.proxy.tab_id(tab).await;
                    let rows = json!({"sheetId": id, "dimension": "ROWS", "startIndex": 1, "endIndex": 2});
                    let insert = json!({"insertDimension": {"range": rows, "inheritFromBefore": false}});
                    self.proxy.edit_sheet(json!([insert])).await;
                }
                _ => {}
            }
        }
    }

    async fn force_key(&self, id: &str) -> usize {
        let listing = self.listing().await;
        let found = plan_reprocess(&listing, self.policy, &mut ValueSource::of(make_items(&[id], "1")), &IdKeyFinder)
            .await
            .expect("a source");
        let count = found.settled.len();
        let prepared = PreparedChanges { from: Some(listing.snapshot.head), settled: found.settled };
        self.run(&make_items(&[id], "1"), RunScope::Reprocess, Some(prepared)).await.expect("it is forgotten");
        self.run_items(&make_items(&[id], "1")).await;
        count
    }
}

#[tokio::test(start_paused = true)]
async fn a_forced_run_during_a_restore_does_each_key_once_more() {
    let mut met = false;
    for answers in 1..20 {
        let fixture = JobFixture::new(WriteMode::Append, ReprocessPolicy::EachVersion, 0);
        fixture.run_items(&make_items(&["p"], "1")).await;
        fixture.clock.sleep(10 * DAY).await;
        fixture.run_items(&make_items(&["a"], "1")).await;
        assert_eq!(fixture.force_key("a").await, 1);
        assert_eq!(fixture.column("Processed j", "state").await, ["done", "done", "forgotten", "done"]);
        let age = fixture.age_limit(5, true);
        let moving = async |proxy: &EmulatorProxy| {
            let id = proxy.tab_id("Processed j").await;
            let source = json!({"sheetId": id, "dimension": "ROWS", "startIndex": 3, "endIndex": 4});
            proxy.edit_sheet(json!([{"moveDimension": {"source": source, "destinationIndex": 1}}])).await;
        };
        let Some(fixture) = JobFixture::with_rows_to_restore(fixture, age, moving, answers).await else { continue };
        met = true;
        assert_eq!(fixture.force_key("a").await, 1, "after {answers} answers");
        assert_eq!(fixture.run_items(&make_items(&["a"], "1")).await.run.counts.new, 0);
        let rows = fixture.column("Data", "id").await.iter().filter(|id| *id == "a").count();
        assert_eq!(rows, 3, "after {answers} answers");
    }
    assert!(met);
}

#[tokio::test(start_paused = true)]
async fn a_note_typed_into_a_blank_row_meanwhile_is_restored() {
    for nth in [0, 7] {
        let mut met = false;
        for answers in 1..20 {
            let mut fixture = JobFixture::new(WriteMode::Upsert, ReprocessPolicy::OnChange, nth);
            fixture.max_rows = 1_000;
            fixture.run_items(&make_items(&["a", "b", "c"], "1")).await;
            let id = fixture.proxy.tab_id("Data").await;
            let more = json!({"appendDimension": {"sheetId": id, "dimension": "ROWS", "length": 500}});
            fixture.proxy.edit_sheet(json!([more])).await;
            let age = fixture.age_limit(5, false);
            let moving = async |proxy: &EmulatorProxy| proxy.type_text("Data", 349, 1, "a note of mine").await;
            let Some(fixture) = JobFixture::with_rows_to_restore(fixture, age, moving, answers).await else { continue };
            met = true;
            let items = [make_items(&["a", "c"], "1"), make_items(&["b"], "2"), make_items(&["e"], "1")].concat();
            fixture.run_items(&items).await;
            assert_eq!(fixture.run_items(&items).await.run.counts.new, 0);
            let rows = fixture.sorted_rows("Data").await;
            assert_eq!(rows.len(), 1 + 5, "{rows:?}");
            assert!(rows.iter().any(|row| row.iter().any(|cell| cell == "a note of mine")), "{rows:?}");
        }
        assert!(met);
    }
}

#[tokio::test(start_paused = true)]
async fn rows_are_restored_under_headers_that_were_moved() {
    let mut met = false;
    for answers in 1..20 {
        let fixture = JobFixture::with_history(WriteMode::Upsert, ReprocessPolicy::OnChange, 0).await;
        let age = fixture.age_limit(5, false);
        let moving = async |proxy: &EmulatorProxy| proxy.reverse_rows("Processed j").await;
        let Some(fixture) = JobFixture::with_rows_to_restore(fixture, age, moving, answers).await else { continue };
        met = true;
        fixture.proxy.move_column("Processed j", 0, 3).await;
        assert_eq!(fixture.run_items(&make_items(&["a", "b", "c", "d", "x"], "1")).await.run.counts.new, 0);
        assert_eq!(fixture.processed_keys().await, ["a", "b", "c", "d", "x"]);
    }
    assert!(met);
}

#[tokio::test(start_paused = true)]
async fn a_protection_that_refuses_stops_the_run_and_removes_nothing() {
    let fixture = JobFixture::with_history(WriteMode::Upsert, ReprocessPolicy::OnChange, 0).await;
    let (_, prepared) = fixture.find_prunable(fixture.age_limit(5, false)).await;
    let before = fixture.all_rows().await;
    let id = fixture.proxy.tab_id("Processed j").await;
    let range = json!({"sheetId": id});
    fixture.proxy.edit_as_owner(json!([{"addProtectedRange": {"protectedRange": {"range": range}}}])).await;
    let ended = fixture.delete_prepared(prepared).await;
    assert!(matches!(&ended, Err(RunError::Refused { why }) if why.contains("protected")), "{ended:?}");
    assert_eq!(fixture.all_rows().await[0], before[0]);
}

/// The same at random, with crashes and lost responses, and the user at random times.
#[tokio::test(start_paused = true)]
async fn whatever_users_move_no_key_failure_or_run_is_lost() {
    let games: u64 = std::env::var("PRUNE").ok().and_then(|games| games.parse().ok()).unwrap_or(20);
    let mut put_back = 0;
    for seed in 0..games {
        let rng = SeededRng::new(seed);
        let draw_below = |n: u64| rng.next_u64() % n;
        let fixture =
            JobFixture::with_history(WriteMode::Upsert, ReprocessPolicy::OnChange, usize::from(seed % 2 == 1) * 7)
                .await;
        let age = fixture.age_limit(5, false);
        if draw_below(2) == 0 {
            let id = fixture.proxy.tab_id("Data").await;
            let more = json!({"appendDimension": {"sheetId": id, "dimension": "ROWS", "length": 120}});
            fixture.proxy.edit_sheet(json!([more])).await;
        }
        for _ in 0..3 {
            let (_, prepared) = fixture.find_prunable(age).await;
            let kept = fixture.remaining_runs(&prepared).await;
            let meant = prepared.settled.iter().flat_map(ItemResult::removals).count();
            fixture.move_rows_at_random(&draw_below).await;
            if draw_below(2) == 0 {
                fixture.proxy.lose_write(draw_below(4), draw_below(2) == 0);
            }
            let answers = 1 + draw_below(14);
            let ended = tokio::select! {
                ended = fixture.delete_prepared(prepared) => ended.map(|_| ()),
                () = fixture.proxy.wait_for_calls(answers) => Ok(()),
            };
            fixture.proxy.lose_no_write();
            if let Err(error) = ended {
                assert!(matches!(error, RunError::Unfinished { .. } | RunError::Store(_)), "seed {seed}: {error}");
            }
            fixture.clock.sleep(Duration::from_mins(10)).await;
            let listing = fixture.listing().await;
            put_back += listing.snapshot.anomalies.iter().filter(|one| one.message.contains("restored below")).count();
            assert_eq!(
                listing.snapshot.processed_index.count_keys(),
                5,
                "seed {seed}: of {meant} rows some were missed"
            );
            assert_eq!(listing.snapshot.processed_index.open_failures(), 1, "seed {seed}");
            assert_eq!(listing.snapshot.stored_checksum, listing.snapshot.state.processed, "seed {seed}");
            let runs: Vec<_> = listing.runs.iter().map(|(_, run)| &run.id).collect();
            let lost: Vec<_> = kept.iter().filter(|run| !runs.contains(run)).collect();
            assert!(lost.is_empty(), "seed {seed}: {lost:?} are gone from Runs");
        }
        let report = fixture.run_items(&make_items(&["a", "b", "c", "d", "x"], "1")).await;
        assert_eq!((report.run.counts.new, report.open_failures), (0, 1), "seed {seed}");
        fixture.prune(age).await;
        assert_eq!(fixture.processed_keys().await, ["a", "b", "c", "d", "x"], "seed {seed}");
        let runs = fixture.column("Runs", "started").await;
        assert!(runs.len() >= 2, "seed {seed}");
        let rows: Vec<_> = fixture.column("Data", "id").await.into_iter().filter(|id| !id.is_empty()).collect();
        assert_eq!(rows.len(), 5, "seed {seed}");
    }
    assert!(put_back > 0, "no row moved between a read and a batch whose run vanished");
}
