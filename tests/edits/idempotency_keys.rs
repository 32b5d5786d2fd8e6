//! Idempotency keys of changes: a change back, a new attempt, deleted rows, and prune.

use serde_json::{Value, json};
use sheetkeep::ledger::items::key::{Key, Version, make_idempotency_key};
use sheetkeep::ledger::items::write_mode::{ReprocessPolicy, WriteMode};
use std::time::Duration;

use super::{IdempotentJob, TABS, make_item, make_item_with_id};

#[tokio::test(start_paused = true)]
async fn a_change_back_has_an_idempotency_key_of_its_own() {
    for mode in [WriteMode::Upsert, WriteMode::Append] {
        let job = IdempotentJob::new(mode, ReprocessPolicy::OnChange, 10);
        let mut seen = Vec::new();
        for version in ["1", "2", "1", "2", "1", "3", "3", "1"] {
            job.run_items(&[make_item(version)]).await;
            for tab in TABS {
                job.fixture.proxy.reverse_rows(tab).await;
            }
            seen.extend(job.take_called_keys());
        }
        assert_eq!(seen.len(), 7, "an unchanged source changes nothing");
        assert_eq!(seen.iter().collect::<std::collections::BTreeSet<_>>().len(), 7, "{seen:?}");
        // The first times do not change.
        let first = |version: &str| {
            let (key, version) = (Key::new("a").expect("a key"), Version(version.to_owned()));
            make_idempotency_key(crate::emulator_proxy::proxy::SPREADSHEET_ID, "j", "does", &key, &version)
        };
        assert_eq!([&seen[0], &seen[1], &seen[5]], [&first("1"), &first("2"), &first("3")]);
    }
}

#[tokio::test(start_paused = true)]
async fn the_same_change_tried_again_has_the_same_key() {
    let job = IdempotentJob::new(WriteMode::Upsert, ReprocessPolicy::OnChange, 10);
    for version in ["1", "2"] {
        job.run_items(&[make_item(version)]).await;
    }
    job.take_called_keys();
    // The service loses what a run writes, so that other machines and later runs try it again.
    let back = [json!({"id": "a", "v": "1", "text": "text 1", "bad": "not yet"})];
    job.run_items(&back).await;
    job.run_items(&back).await;
    job.fixture.proxy.reverse_rows("Processed j").await;
    job.run_items(&[make_item("1")]).await;
    let tried = job.take_called_keys();
    assert_eq!((tried.len(), &tried[0], &tried[1]), (3, &tried[1], &tried[2]));
    let report = job.run_items(&[make_item("1")]).await;
    assert_eq!((report.run.counts.new, report.open_failures), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn rows_that_prune_took_out_give_no_key_away_again() {
    let job = IdempotentJob::new(WriteMode::Upsert, ReprocessPolicy::OnChange, 10);
    for version in ["1", "2"] {
        job.run_items(&[make_item(version)]).await;
    }
    job.fixture.clock.sleep(Duration::from_hours(24 * 100)).await;
    job.prune().await;
    assert_eq!(job.fixture.column("Processed j", "version").await, ["2"]);
    job.run_items(&[make_item("1")]).await;
    let called_keys = job.take_called_keys();
    assert_eq!(called_keys.len(), 3);
    assert_ne!(called_keys[0], called_keys[2], "version 1 came before");
}

/// Returns an item of this key that a program can't process in this version.
fn make_bad_item_of(id: &str, version: &str) -> Value {
    json!({"id": id, "v": version, "bad": "not yet"})
}

#[tokio::test(start_paused = true)]
async fn prune_changes_no_key_of_what_is_tried_again() {
    for (versions, to) in [(&["1"][..], "2"), (&["1", "2"], "3"), (&["1", "2"], "1"), (&["1", "2", "1"], "2")] {
        let case = format!("{versions:?}, then {to}");
        let job = IdempotentJob::new(WriteMode::Upsert, ReprocessPolicy::OnChange, 10);
        for (at, version) in versions.iter().enumerate() {
            job.run_items(&[make_item(version), make_item_with_id("b", &format!("{at}")), make_item_with_id("c", "1")])
                .await;
        }
        job.run_items(&[
            make_item(versions.last().expect("one")),
            make_item_with_id("b", "9"),
            make_item_with_id("c", "1"),
        ])
        .await;
        job.fixture.clock.sleep(Duration::from_hours(24 * 100)).await;
        job.take_called_keys();
        let failing = [make_bad_item_of("a", to), make_item_with_id("b", "9"), make_item_with_id("c", "1")];
        job.run_items(&failing).await;
        job.prune().await;
        job.run_items(&failing).await;
        job.run_items(&[make_item(to), make_item_with_id("b", "9"), make_item_with_id("c", "1")]).await;
        let called_keys = job.take_called_keys();
        assert_eq!(
            (called_keys.len(), &called_keys[0], &called_keys[1]),
            (3, &called_keys[1], &called_keys[2]),
            "{case}"
        );
        // A key that has lost no row and has no failure: its next version is a first time.
        job.run_items(&[make_item(to), make_item_with_id("b", "9"), make_item_with_id("c", "2")]).await;
        let first = make_idempotency_key(
            crate::emulator_proxy::proxy::SPREADSHEET_ID,
            "j",
            "does",
            &Key::new("c").expect("a key"),
            &Version("2".to_owned()),
        );
        assert_eq!(job.take_called_keys(), [first], "{case}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_run_that_sees_a_deletion_gives_the_keys_of_the_next() {
    // Deletions of rows whose keys are known, and too many of them.
    for many in [1, 20] {
        let job = IdempotentJob::new(WriteMode::Upsert, ReprocessPolicy::OnChange, 1_000);
        let keys: Vec<String> = (0..many).map(|n| format!("k{n}")).collect();
        let of = |version: &str| keys.iter().map(|key| make_item_with_id(key, version)).collect::<Vec<_>>();
        job.run_items(&[of("1"), vec![make_item("1")]].concat()).await;
        job.run_items(&[of("2"), vec![make_item("1")]].concat()).await;
        for key in &keys {
            job.delete_row("Processed j", &[("key", key), ("version", "2")]).await;
        }
        job.take_called_keys();
        for _ in 0..2 {
            job.run_items(&[make_bad_item_of("a", "2"), make_bad_item_of("k0", "3")]).await;
        }
        job.run_items(&[make_item("2"), make_item_with_id("k0", "3")]).await;
        let called_keys = job.take_called_keys();
        assert_eq!(called_keys.len(), 6, "{many}");
        for of_key in [[0, 2, 4], [1, 3, 5]] {
            assert!(of_key.iter().all(|at| called_keys[*at] == called_keys[of_key[0]]), "{many}: {called_keys:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_version_whose_row_was_deleted_has_another_key() {
    let job = IdempotentJob::new(WriteMode::Upsert, ReprocessPolicy::OnChange, 10);
    for version in ["1", "2"] {
        job.run_items(&[make_item(version)]).await;
    }
    job.delete_row("Processed j", &[("version", "2")]).await;
    for version in ["1", "2"] {
        job.run_items(&[make_item(version)]).await;
    }
    let called_keys = job.take_called_keys();
    assert_eq!(called_keys.iter().collect::<std::collections::BTreeSet<_>>().len(), 4, "{called_keys:?}");
}
