//! Obsolete rows are deleted from a job's tabs, and nothing else, however users move rows meanwhile
//! and wherever the run ends.

#![expect(clippy::panic, reason = "the helpers of a test are part of the test")]
#![expect(clippy::disallowed_methods, reason = "how many games are played is asked of the environment")]

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value, json};
use sheetkeep::ledger::commit::changes::ItemResult;
use sheetkeep::ledger::items::write_mode::{ReprocessPolicy, WriteMode};
use sheetkeep::ledger::rows::tab_kind::TabKind;
use sheetkeep::ledger::runs::event::RunReport;
use sheetkeep::maintain::prune::{PrunePlan, RowAge, count_yielded};
use sheetkeep::maintain::reprocess::plan_reprocess;
use sheetkeep::maintain::reset::plan_reset;
use sheetkeep::rng::Rng;
use sheetkeep::runner::run_config::{PreparedChanges, RunError};
use sheetkeep::runner::run_scope::RunScope;
use sheetkeep::system::SeededRng;

use crate::front::EmulatorProxy;
use crate::job_fixture::JobFixture;
use crate::support::{ById, Values};

const DAY: Duration = Duration::from_hours(24);

fn items(ids: &[&str], version: &str) -> Vec<Value> {
    ids.iter().map(|id| json!({"id": id, "v": version})).collect()
}

impl JobFixture {
    async fn take_out(&self, prepared: PreparedChanges) -> Result<RunReport, RunError> {
        self.run(&[], RunScope::None, Some(prepared)).await
    }

    /// Does what `prune --yes` does, as often as necessary.
    async fn prune(&self, age: RowAge) -> PrunePlan {
        let (first, mut prepared) = self.prunable(age).await;
        for _ in 0..5 {
            if prepared.settled.is_empty() {
                return first;
            }
            self.take_out(prepared).await.expect("rows are taken out");
            prepared = self.prunable(age).await.1;
        }
        panic!("it never comes to an end: {prepared:?}");
    }

    /// Returns a job with a history: failures that occurred and were resolved, keys that were
    /// revoked and processed again.
    async fn lived_in(mode: WriteMode, again: ReprocessPolicy, nth: usize) -> Self {
        let fixture = Self::new(mode, again, nth);
        fixture.usual(&[items(&["a", "b", "c"], "1"), vec![json!({"id": "x", "v": "1", "bad": "no"})]].concat()).await;
        fixture.usual(&[items(&["a", "b", "c"], "1"), items(&["x"], "1")].concat()).await;
        let listing = fixture.listing().await;
        let prepared = PreparedChanges {
            from: Some(listing.snapshot.head),
            settled: plan_reset(&listing, again, fixture.clock.now()).settled,
        };
        fixture.run(&[], RunScope::None, Some(prepared)).await.expect("all is forgotten");
        fixture.usual(&items(&["a", "b", "c", "x"], "1")).await;
        fixture.clock.sleep(10 * DAY).await;
        fixture.usual(&[items(&["d"], "1"), vec![json!({"id": "y", "v": "1", "bad": "no"})]].concat()).await;
        fixture
    }

    /// Returns the processed keys in Processed.
    async fn keys(&self) -> Vec<String> {
        let columns = ["key", "version", "state"].map(|name| self.column("Processed j", name));
        let [keys, versions, states] = futures_util::future::join_all(columns).await.try_into().expect("three columns");
        let mut standing: BTreeMap<(String, String), i32> = BTreeMap::new();
        for ((key, version), state) in
            keys.into_iter().zip(versions).zip(states).filter(|((key, _), _)| !key.is_empty())
        {
            *standing.entry((key, version)).or_default() += if state == "forgotten" { -1 } else { 1 };
        }
        standing.into_iter().filter(|(_, times)| *times > 0).map(|((key, _), _)| key).collect()
    }

    async fn sorted(&self, tab: &str) -> Vec<Vec<String>> {
        let mut rows = self.proxy.tab(tab).await;
        rows.retain(|row| row.iter().any(|cell| !cell.is_empty()));
        rows[1..].sort();
        rows
    }

    /// Returns everything that the job stores, independent of the order of rows.
    async fn kept(&self) -> [Vec<Vec<String>>; 4] {
        [
            self.sorted("Processed j").await,
            self.sorted("Failures j").await,
            self.sorted("Runs").await,
            self.sorted("Data").await,
        ]
    }
}

#[tokio::test(start_paused = true)]
async fn old_runs_closed_failures_and_noop_rows_go_the_rest_stays() {
    for nth in [0, 7] {
        for (mode, again) in [
            (WriteMode::Append, ReprocessPolicy::EachVersion),
            (WriteMode::Upsert, ReprocessPolicy::OnChange),
            (WriteMode::Upsert, ReprocessPolicy::OnNewer),
        ] {
            let fixture = JobFixture::lived_in(mode, again, nth).await;
            let data = fixture.sorted("Data").await;
            let found = fixture.prune(fixture.older_than(5, false)).await;
            assert_eq!(
                (found.runs, found.failures, found.settled_rows, found.keys),
                (4, (1, 2), if mode == WriteMode::Append { 0 } else { 8 }, (0, 0)),
                "{mode:?} {again:?}"
            );
            assert_eq!(fixture.keys().await, ["a", "b", "c", "d", "x"]);
            let states = fixture.column("Processed j", "state").await;
            // If rows are appended, the revocation explains why a key has two of them.
            assert_eq!(states.len(), if mode == WriteMode::Append { 13 } else { 5 });
            assert_eq!(fixture.column("Failures j", "key").await, ["y"]);
            assert_eq!(
                fixture.column("Runs", "trigger").await,
                ["test"; 2],
                "the last one, and the one that took them out"
            );
            assert_eq!(fixture.sorted("Data").await, data);
            let report = fixture.usual(&items(&["a", "b", "c", "d", "x"], "1")).await;
            assert_eq!((report.run.counts.new, report.run.counts.skipped, report.open_failures), (0, 5, 1));
            assert!(fixture.listing().await.snapshot.anomalies.is_empty());
        }
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_young_stays() {
    let fixture = JobFixture::lived_in(WriteMode::Append, ReprocessPolicy::EachVersion, 0).await;
    let kept = fixture.kept().await;
    let found = fixture.prune(fixture.older_than(30, true)).await;
    assert_eq!((found.cells, found.old_keys), (0, 0));
    assert_eq!(fixture.kept().await, kept);
}

#[tokio::test(start_paused = true)]
async fn versions_that_another_one_has_followed_go_where_one_counts() {
    for (again, counts) in [(ReprocessPolicy::OnChange, "1"), (ReprocessPolicy::OnNewer, "2")] {
        let fixture = JobFixture::new(WriteMode::Upsert, again, 0);
        for version in ["1", "2", "1"] {
            fixture.usual(&items(&["a"], version)).await;
        }
        fixture.clock.sleep(10 * DAY).await;
        let found = fixture.prune(fixture.older_than(5, false)).await;
        assert_eq!(found.settled_rows, if again == ReprocessPolicy::OnChange { 2 } else { 1 });
        assert_eq!(fixture.column("Processed j", "version").await, [counts]);
        assert_eq!(fixture.usual(&items(&["a"], counts)).await.run.counts.new, 0);
        assert_eq!(fixture.usual(&items(&["a"], "3")).await.updated, 1);
    }
    let fixture = JobFixture::new(WriteMode::Append, ReprocessPolicy::EachVersion, 0);
    for version in ["1", "2", "1"] {
        fixture.usual(&items(&["a"], version)).await;
    }
    fixture.clock.sleep(10 * DAY).await;
    assert_eq!(fixture.prune(fixture.older_than(5, false)).await.settled_rows, 0, "here each version counts");
}

#[tokio::test(start_paused = true)]
async fn old_keys_go_on_request_and_are_done_again_if_yielded() {
    let fixture = JobFixture::lived_in(WriteMode::Append, ReprocessPolicy::EachVersion, 7).await;
    let age = fixture.older_than(5, true);
    let (found, _) = fixture.prunable(age).await;
    assert_eq!(found.keys, (4, 12));
    let again =
        count_yielded(&found, &mut Values::of(items(&["a", "a", "d", "z"], "1")), &ById).await.expect("a source");
    assert_eq!(again, 1, "of the keys that would go it yields a");
    fixture.prune(age).await;
    assert_eq!(fixture.keys().await, ["d"]);
    let report = fixture.usual(&items(&["a", "d"], "1")).await;
    assert_eq!((report.run.counts.new, report.run.counts.skipped), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn blank_rows_at_the_ends_of_tabs_go_but_for_a_hundred() {
    let fixture = JobFixture::lived_in(WriteMode::Append, ReprocessPolicy::EachVersion, 0).await;
    for tab in ["Data", "Processed j", "Failures j", "Runs"] {
        let id = fixture.proxy.id_of(tab).await;
        let more = json!({"appendDimension": {"sheetId": id, "dimension": "ROWS", "length": 500}});
        fixture.proxy.hands(json!([more])).await;
    }
    let formula = json!({"values": [{"userEnteredValue": {"formulaValue": "=\"\""}}]});
    let start = json!({"sheetId": fixture.proxy.id_of("Data").await, "rowIndex": 299, "columnIndex": 1});
    fixture
        .proxy
        .hands(json!([{"updateCells": {"start": start, "fields": "userEnteredValue", "rows": [formula]}}]))
        .await;
    let kept = fixture.kept().await;
    let found = fixture.prune(fixture.older_than(30, false)).await;
    let rows = async |tab: &str| {
        let fields = "fields=sheets.properties(title,gridProperties)";
        let (_, sheets) = fixture.proxy.ask(hyper::Method::GET, "", fields, Value::Null).await;
        let sheets = sheets["sheets"].as_array().expect("sheets").clone();
        let seen = sheets.into_iter().find(|sheet| sheet["properties"]["title"] == tab).expect("the tab");
        seen["properties"]["gridProperties"]["rowCount"].as_u64().expect("rows")
    };
    assert_eq!((rows("Data").await, rows("Runs").await), (400, 600), "other jobs append to Runs");
    assert_eq!((rows("Processed j").await, rows("Failures j").await), (1 + 13 + 100, 1 + 3 + 100));
    assert_eq!(found.blank, 200 + 486 + 496);
    let mut after = fixture.kept().await;
    after[2].pop();
    let mut before = kept;
    before[2].truncate(after[2].len());
    assert_eq!(after, before);
}

#[tokio::test(start_paused = true)]
async fn where_hardly_a_cell_is_left_fewer_rows_go_at_a_time() {
    let mut fixture = JobFixture::new(WriteMode::Append, ReprocessPolicy::EachVersion, 0);
    fixture.max_rows = 1_000;
    let ids: Vec<String> = (0..400).map(|n| format!("k{n}")).collect();
    fixture.usual(&items(&ids.iter().map(String::as_str).collect::<Vec<_>>(), "1")).await;
    fixture.clock.sleep(10 * DAY).await;
    let fields = "fields=sheets.properties.gridProperties";
    let (_, sheets) = fixture.proxy.ask(hyper::Method::GET, "", fields, Value::Null).await;
    let size = |sheet: &Value, name: &str| sheet["properties"]["gridProperties"][name].as_u64().expect("a size");
    let sheets = sheets["sheets"].as_array().expect("sheets").clone();
    let cells: u64 = sheets.iter().map(|sheet| size(sheet, "rowCount") * size(sheet, "columnCount")).sum();
    let grid = json!({"rowCount": 10_000_000 - cells - 2_000, "columnCount": 1});
    fixture.proxy.hands(json!([{"addSheet": {"properties": {"title": "Notes", "gridProperties": grid}}}])).await;
    let (found, prepared) = fixture.prunable(fixture.older_than(5, true)).await;
    assert_eq!(found.keys, (400, 400));
    let report = fixture.take_out(prepared).await.expect("a few at a time fit");
    assert!((6..40).contains(&report.commits), "{}", report.commits);
    assert_eq!(fixture.keys().await.len(), 1, "a tab keeps a row below its header");
}

/// The user sorts a tab after it was read and before rows are deleted from it.
#[tokio::test(start_paused = true)]
async fn rows_hit_because_a_user_sorted_are_restored() {
    for nth in [0, 7] {
        for tab in ["Processed j", "Failures j", "Runs"] {
            let fixture = JobFixture::lived_in(WriteMode::Upsert, ReprocessPolicy::OnChange, nth).await;
            let before = fixture.kept().await;
            let (_, prepared) = fixture.prunable(fixture.older_than(5, false)).await;
            fixture.proxy.sort_upside_down(tab).await;
            fixture.take_out(prepared).await.expect("what was not meant is put back");
            let after = fixture.kept().await;
            let all = |kept: &[Vec<Vec<String>>; 4]| kept[0].len() + kept[1].len() + kept[2].len();
            assert!(all(&after) <= all(&before) + 1, "{tab}");
            assert_eq!(fixture.keys().await, ["a", "b", "c", "d", "x"], "{tab}");
            let listing = fixture.listing().await;
            assert_eq!(listing.snapshot.stored_checksum, listing.snapshot.state.processed, "{tab}");
            assert!(listing.snapshot.anomalies.is_empty(), "{tab}: {:?}", listing.snapshot.anomalies);
            fixture.prune(fixture.older_than(5, false)).await;
            assert_eq!(fixture.column("Processed j", "state").await, ["done"; 5], "{tab}");
            assert_eq!(fixture.column("Failures j", "key").await, ["y"], "{tab}");
            assert_eq!(fixture.usual(&items(&["a", "b", "c", "d", "x"], "1")).await.run.counts.new, 0, "{tab}");
        }
    }
}

impl JobFixture {
    /// Returns a job whose run deleted rows and died, after the user moved rows; `None` if no such
    /// point exists after this many responses.
    async fn with_rows_that_wait(
        fixture: Self,
        age: RowAge,
        moving: impl AsyncFn(&EmulatorProxy),
        answers: u64,
    ) -> Option<Self> {
        let (_, prepared) = fixture.prunable(age).await;
        moving(&fixture.proxy).await;
        tokio::select! {
            _ = fixture.take_out(prepared) => {},
            () = fixture.proxy.after_calls(answers) => {},
        }
        fixture.clock.sleep(Duration::from_mins(10)).await;
        let waits = fixture.listing().await.snapshot.anomalies.iter().any(|one| one.message.contains("restored below"));
        waits.then_some(fixture)
    }

    /// Returns the runs that these changes leave alone.
    async fn runs_that_stay(&self, prepared: &PreparedChanges) -> Vec<String> {
        let removals: Vec<_> = prepared.settled.iter().flat_map(ItemResult::removals).collect();
        let goes = |row: u32| removals.iter().any(|one| one.kind == TabKind::Runs && one.row == row);
        self.listing().await.runs.into_iter().filter(|(row, _)| !goes(*row)).map(|(_, run)| run.id).collect()
    }

    /// Sorts tabs, and inserts rows into them, as the user.
    async fn a_user_moves_rows(&self, below: &impl Fn(u64) -> u64) {
        for tab in ["Processed j", "Failures j", "Runs", "Data"] {
            match below(4) {
                0 => self.proxy.sort_upside_down(tab).await,
                1 => {
                    let id = self.proxy.id_of(tab).await;
                    let rows = json!({"sheetId": id, "dimension": "ROWS", "startIndex": 1, "endIndex": 2});
                    let insert = json!({"insertDimension": {"range": rows, "inheritFromBefore": false}});
                    self.proxy.hands(json!([insert])).await;
                }
                _ => {}
            }
        }
    }

    async fn force_one(&self, id: &str) -> usize {
        let listing = self.listing().await;
        let found =
            plan_reprocess(&listing, self.again, &mut Values::of(items(&[id], "1")), &ById).await.expect("a source");
        let count = found.settled.len();
        let prepared = PreparedChanges { from: Some(listing.snapshot.head), settled: found.settled };
        self.run(&items(&[id], "1"), RunScope::Reprocess, Some(prepared)).await.expect("it is forgotten");
        self.usual(&items(&[id], "1")).await;
        count
    }
}

#[tokio::test(start_paused = true)]
async fn a_forced_run_during_a_restore_does_each_key_once_more() {
    let mut met = false;
    for answers in 1..20 {
        let fixture = JobFixture::new(WriteMode::Append, ReprocessPolicy::EachVersion, 0);
        fixture.usual(&items(&["p"], "1")).await;
        fixture.clock.sleep(10 * DAY).await;
        fixture.usual(&items(&["a"], "1")).await;
        assert_eq!(fixture.force_one("a").await, 1);
        assert_eq!(fixture.column("Processed j", "state").await, ["done", "done", "forgotten", "done"]);
        let age = fixture.older_than(5, true);
        let moving = async |proxy: &EmulatorProxy| {
            let id = proxy.id_of("Processed j").await;
            let source = json!({"sheetId": id, "dimension": "ROWS", "startIndex": 3, "endIndex": 4});
            proxy.hands(json!([{"moveDimension": {"source": source, "destinationIndex": 1}}])).await;
        };
        let Some(fixture) = JobFixture::with_rows_that_wait(fixture, age, moving, answers).await else { continue };
        met = true;
        assert_eq!(fixture.force_one("a").await, 1, "after {answers} answers");
        assert_eq!(fixture.usual(&items(&["a"], "1")).await.run.counts.new, 0);
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
            fixture.usual(&items(&["a", "b", "c"], "1")).await;
            let id = fixture.proxy.id_of("Data").await;
            let more = json!({"appendDimension": {"sheetId": id, "dimension": "ROWS", "length": 500}});
            fixture.proxy.hands(json!([more])).await;
            let age = fixture.older_than(5, false);
            let moving = async |proxy: &EmulatorProxy| proxy.type_in("Data", 349, 1, "a note of mine").await;
            let Some(fixture) = JobFixture::with_rows_that_wait(fixture, age, moving, answers).await else { continue };
            met = true;
            let items = [items(&["a", "c"], "1"), items(&["b"], "2"), items(&["e"], "1")].concat();
            fixture.usual(&items).await;
            assert_eq!(fixture.usual(&items).await.run.counts.new, 0);
            let rows = fixture.sorted("Data").await;
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
        let fixture = JobFixture::lived_in(WriteMode::Upsert, ReprocessPolicy::OnChange, 0).await;
        let age = fixture.older_than(5, false);
        let moving = async |proxy: &EmulatorProxy| proxy.sort_upside_down("Processed j").await;
        let Some(fixture) = JobFixture::with_rows_that_wait(fixture, age, moving, answers).await else { continue };
        met = true;
        fixture.proxy.move_column("Processed j", 0, 3).await;
        assert_eq!(fixture.usual(&items(&["a", "b", "c", "d", "x"], "1")).await.run.counts.new, 0);
        assert_eq!(fixture.keys().await, ["a", "b", "c", "d", "x"]);
    }
    assert!(met);
}

#[tokio::test(start_paused = true)]
async fn a_protection_that_refuses_stops_the_run_and_removes_nothing() {
    let fixture = JobFixture::lived_in(WriteMode::Upsert, ReprocessPolicy::OnChange, 0).await;
    let (_, prepared) = fixture.prunable(fixture.older_than(5, false)).await;
    let before = fixture.kept().await;
    let id = fixture.proxy.id_of("Processed j").await;
    let range = json!({"sheetId": id});
    fixture.proxy.owner_does(json!([{"addProtectedRange": {"protectedRange": {"range": range}}}])).await;
    let ended = fixture.take_out(prepared).await;
    assert!(matches!(&ended, Err(RunError::Refused { why }) if why.contains("protected")), "{ended:?}");
    assert_eq!(fixture.kept().await[0], before[0]);
}

/// The same at random, with crashes and lost responses, and the user at random times.
#[tokio::test(start_paused = true)]
async fn whatever_users_move_no_key_failure_or_run_is_lost() {
    let games: u64 = std::env::var("PRUNE").ok().and_then(|games| games.parse().ok()).unwrap_or(20);
    let mut put_back = 0;
    for seed in 0..games {
        let rng = SeededRng::new(seed);
        let below = |n: u64| rng.next_u64() % n;
        let fixture =
            JobFixture::lived_in(WriteMode::Upsert, ReprocessPolicy::OnChange, usize::from(seed % 2 == 1) * 7).await;
        let age = fixture.older_than(5, false);
        if below(2) == 0 {
            let id = fixture.proxy.id_of("Data").await;
            let more = json!({"appendDimension": {"sheetId": id, "dimension": "ROWS", "length": 120}});
            fixture.proxy.hands(json!([more])).await;
        }
        for _ in 0..3 {
            let (_, prepared) = fixture.prunable(age).await;
            let kept = fixture.runs_that_stay(&prepared).await;
            let meant = prepared.settled.iter().flat_map(ItemResult::removals).count();
            fixture.a_user_moves_rows(&below).await;
            if below(2) == 0 {
                fixture.proxy.lose(Some((below(4), below(2) == 0)));
            }
            let answers = 1 + below(14);
            let ended = tokio::select! {
                ended = fixture.take_out(prepared) => ended.map(|_| ()),
                () = fixture.proxy.after_calls(answers) => Ok(()),
            };
            fixture.proxy.lose(None);
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
        let report = fixture.usual(&items(&["a", "b", "c", "d", "x"], "1")).await;
        assert_eq!((report.run.counts.new, report.open_failures), (0, 1), "seed {seed}");
        fixture.prune(age).await;
        assert_eq!(fixture.keys().await, ["a", "b", "c", "d", "x"], "seed {seed}");
        let runs = fixture.column("Runs", "started").await;
        assert!(runs.len() >= 2, "seed {seed}");
        let rows: Vec<_> = fixture.column("Data", "id").await.into_iter().filter(|id| !id.is_empty()).collect();
        assert_eq!(rows.len(), 5, "seed {seed}");
    }
    assert!(put_back > 0, "somebody moved rows between a look and a batch whose run vanished");
}
