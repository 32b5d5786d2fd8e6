//! Rows that users delete from Processed or type into it: the next run finds out which, and does
//! what is missing once.

use serde_json::{Value, json};
use sheetkeep::ledger::items::write_mode::{ReprocessPolicy, WriteMode};
use std::time::Duration;

use super::{IdempotentJob, MODES_WITH_ONE_VERSION, make_item, make_item_with_id};

#[tokio::test(start_paused = true)]
async fn each_version_once_is_left_alone_when_rows_are_deleted() {
    let job = IdempotentJob::new(WriteMode::Append, ReprocessPolicy::EachVersion, 10);
    for version in ["1", "2"] {
        job.run_items(&[make_item(version)]).await;
    }
    job.delete_row("Processed j", &[("version", "2")]).await;
    assert_eq!(job.run_items(&[make_item("1")]).await.run.counts.new, 0, "its row is there");
    assert_eq!(job.run_items(&[make_item("2")]).await.run.counts.new, 1);
}

#[tokio::test(start_paused = true)]
async fn many_deleted_rows_are_identified_or_reported() {
    for (newer, whole) in [(3, 40), (20, 0)] {
        let job = IdempotentJob::new(WriteMode::Upsert, ReprocessPolicy::OnChange, 1_000);
        let make_items = |version: &str| -> Vec<Value> {
            (0..60).map(|n| json!({"id": format!("k{n}"), "v": version, "text": version})).collect()
        };
        job.run_items(&make_items("1")).await;
        job.run_items(&make_items("2")[..newer]).await;
        for n in 0..newer {
            job.delete_row("Processed j", &[("key", &format!("k{n}")), ("version", "2")]).await;
        }
        for n in 60 - whole..60 {
            job.delete_row("Processed j", &[("key", &format!("k{n}"))]).await;
        }
        let (report, notes) = job.run_with_anomalies(&make_items("1")).await;
        let case = format!("{newer} {whole}: {notes:?}");
        if whole > 0 {
            assert_eq!(report.run.counts.new, (newer + whole) as u64, "{case}");
            assert_eq!(job.data_texts().await, ["1"; 60], "{case}");
            assert!(!job.has_manual_edits().await, "{case}");
        } else {
            // Too many: what can't be repaired is reported, and again by each later run.
            assert!(
                notes.iter().any(|note| note.contains("20 rows were deleted") && note.contains("--force")),
                "{case}"
            );
            assert!(job.has_manual_edits().await, "{case}");
            let (_, notes) = job.run_with_anomalies(&make_items("1")).await;
            assert!(notes.iter().any(|note| note.contains("--force")), "{notes:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn rows_that_people_type_into_processed_count_as_they_stand() {
    let job = IdempotentJob::new(WriteMode::Upsert, ReprocessPolicy::OnChange, 10);
    job.run_items(&[make_item("1")]).await;
    for (column, text) in ["b", "1", "done", "typed"].iter().enumerate() {
        job.fixture.proxy.type_text("Processed j", 2, column, text).await;
    }
    let beside = json!({"id": "b", "v": "1", "text": "beside"});
    assert_eq!(job.run_items(&[make_item("1"), beside]).await.run.counts.new, 0);
}

#[tokio::test(start_paused = true)]
async fn typed_rows_do_not_hide_a_deleted_one() {
    for (mode, policy) in MODES_WITH_ONE_VERSION {
        for typed in [1, 2, 9, 30] {
            let case = format!("{mode:?} {policy:?}, {typed} typed in");
            let job = IdempotentJob::new(mode, policy, 10);
            for version in ["1", "2"] {
                job.run_items(&[make_item(version)]).await;
            }
            job.delete_row("Processed j", &[("key", "a"), ("version", "2")]).await;
            for n in 0..typed {
                job.type_processed_row(&[], [&format!("x{n}"), "1", "done", "me"]).await;
            }
            let back = [make_item("1"), make_item_with_id("x0", "1")];
            let (report, notes) = job.run_with_anomalies(&back).await;
            assert!(notes.iter().any(|note| note.contains("a row of 1 key was deleted")), "{case}: {notes:?}");
            assert_eq!(report.run.counts.new, 1, "{case}: the key that has lost a row, and not the typed one");
            assert_eq!(job.data_texts().await.last().map(String::as_str), Some("text 1"), "{case}");
            assert!(!job.has_manual_edits().await, "{case}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_key_typed_over_a_row_of_another_is_not_done() {
    for (mode, policy) in MODES_WITH_ONE_VERSION {
        let case = format!("{mode:?} {policy:?}");
        let job = IdempotentJob::new(mode, policy, 10);
        for version in ["1", "2"] {
            job.run_items(&[make_item(version)]).await;
        }
        job.type_processed_row(&[("key", "a"), ("version", "2")], ["x", "1", "done", ""]).await;
        let (report, notes) = job.run_with_anomalies(&[make_item_with_id("x", "1")]).await;
        assert_eq!(report.run.counts.new, 0, "{case}: she has typed that it is done");
        assert!(notes.iter().any(|note| note.contains("a row of 1 key was deleted")), "{case}: {notes:?}");
        let report = job.run_items(&[make_item("2"), make_item_with_id("x", "1")]).await;
        assert_eq!(report.run.counts.new, 1, "{case}: the key over whose row she typed");
    }
}

#[tokio::test(start_paused = true)]
async fn many_rows_typed_in_alone_are_no_deletion() {
    for typed in [1, 11, 40] {
        let job = IdempotentJob::new(WriteMode::Upsert, ReprocessPolicy::OnChange, 10);
        job.run_items(&[make_item("1")]).await;
        for n in 0..typed {
            job.type_processed_row(&[], [&format!("x{n}"), "1", "done", ""]).await;
        }
        let (report, notes) = job.run_with_anomalies(&[make_item("1"), make_item_with_id("x0", "1")]).await;
        assert_eq!(report.run.counts.new, 0);
        assert!(!notes.iter().any(|note| note.contains("deleted")), "{typed}: {notes:?}");
        assert!(!job.has_manual_edits().await, "{typed}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_row_that_is_deleted_after_prune_is_noticed() {
    for policy in [ReprocessPolicy::OnChange, ReprocessPolicy::OnNewer] {
        let job = IdempotentJob::new(WriteMode::Upsert, policy, 10);
        job.run_items(&[make_item("1"), make_item_with_id("b", "1")]).await;
        job.fixture.clock.sleep(Duration::from_hours(24 * 100)).await;
        for version in ["2", "3"] {
            job.run_items(&[make_item(version), make_item_with_id("b", "2")]).await;
        }
        job.prune().await;
        job.delete_row("Processed j", &[("key", "a"), ("version", "3")]).await;
        let (report, notes) = job.run_with_anomalies(&[make_item("2"), make_item_with_id("b", "2")]).await;
        assert!(notes.iter().any(|note| note.contains("a row of 1 key was deleted")), "{policy:?}: {notes:?}");
        assert!(!notes.iter().any(|note| note.contains("too many")), "{policy:?}: {notes:?}");
        assert_eq!((report.run.counts.new, job.has_manual_edits().await), (1, false), "{policy:?}");
        assert_eq!(job.data_texts().await[0], "text 2", "{policy:?}");
    }
}
