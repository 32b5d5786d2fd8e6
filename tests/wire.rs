//! The wire format, frozen: the requests of typical runs under both guards, the rows of the state
//! tab, the headers of all tabs.
//!
//! Each scenario runs against the emulator with a fixed clock and a seeded random source. The test
//! compares its requests with a snapshot in `tests/snapshots/wire`.
//! Out of scope: what the command line prints (`cli/json_documents.rs`).

#![cfg(feature = "emulator")]

#[path = "wire/maintenance.rs"]
mod maintenance;

#[path = "support/sheet_fixtures.rs"]
#[expect(dead_code, reason = "other tests use the rest of it")]
mod sheet_fixtures;

#[path = "wire/fixture.rs"]
mod fixture;

#[path = "wire/transcript.rs"]
mod transcript;

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use jiff::tz::TimeZone;
use serde_json::{Value, json};
use sheetkeep::ledger::items::write_mode::Delivery;
use sheetkeep::ledger::values::columns::ColumnType;
use sheetkeep::schedule::cron::CronExpression;
use sheetkeep::schedule::job_schedule::JobSchedule;
use sheetkeep::schedule::recurrence::Recurrence;
use sheetkeep::store::tabs::jobs::JobsView;

use crate::emulator_proxy::proxy::SPREADSHEET_ID;
use crate::fixture::{Guard, WireFixture};
use crate::sheet_fixtures::{emulator_proxy, test_job};
use crate::transcript::{list_headers, pretty_print, write_transcript};

/// Compares a text with the snapshot of this name.
fn assert_frozen(name: &str, text: &str) {
    let mut settings = insta::Settings::clone_current();
    settings.set_prepend_module_to_snapshot(false);
    settings.set_snapshot_path("snapshots/wire");
    settings.set_omit_expression(true);
    settings.bind(|| insta::assert_snapshot!(name, text));
}

/// Compares what was recorded with the snapshot of this scenario under this guard, and returns it.
fn assert_recorded(scenario: &str, fixture: &WireFixture) -> String {
    let text = write_transcript(&fixture.proxy.take_recording());
    assert!(text.contains(":batchUpdate -> "), "{scenario} writes nothing");
    let title = text.rsplit("\"title\": \"sheetkeep j #").next().and_then(|rest| rest.split('"').next());
    let is_by_title = title.expect("the last commit makes a state tab").contains('.');
    assert_eq!(is_by_title, fixture.guard == Guard::Title, "{scenario} is under the other guard");
    assert_frozen(&format!("{scenario}.{}", fixture.guard.label()), &text);
    text
}

fn make_item(id: &str, version: &str) -> Value {
    json!({"id": id, "v": version, "text": format!("text {id}{version}"), "n": 12.5})
}

fn make_bad_item(id: &str, version: &str) -> Value {
    json!({"id": id, "v": version, "bad": "it is bad"})
}

#[tokio::test(start_paused = true)]
async fn the_first_commits_of_a_spreadsheet_are_frozen() {
    for guard in Guard::BOTH {
        let fixture = WireFixture::with_append(guard);
        fixture.proxy.start_recording();
        fixture.run(&[]).await;
        let text = assert_recorded("initialise", &fixture);
        assert!(text.contains("addSheet") && text.contains("addNamedRange"));
    }
}

#[tokio::test(start_paused = true)]
async fn the_requests_of_the_tab_jobs_are_frozen() {
    for guard in Guard::BOTH {
        let mut fixture = WireFixture::with_append(guard);
        fixture.run(&[]).await;
        fixture.jobs = Some(JobsView { recalculates: true, owner: Some("ops@example.com".into()) });
        let expression = CronExpression::parse("0 9 * * *").expect("an expression");
        let schedule = Arc::new(JobSchedule::new(Recurrence::Cron(expression), TimeZone::UTC));
        fixture.proxy.start_recording();
        for _ in 0..2 {
            let mut job = fixture.job();
            job.plan.schedule = Some(Arc::clone(&schedule));
            fixture.run_job(&job, &[]).await;
        }
        let text = assert_recorded("jobs", &fixture);
        assert_eq!(text.matches("addConditionalFormatRule").count(), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn the_headers_of_requests_are_frozen() {
    let fixture = WireFixture::with_append(Guard::Name);
    fixture.proxy.start_recording();
    fixture.run(&[make_item("a", "1")]).await;
    let headers = list_headers(&fixture.proxy.take_recording()).replace(env!("CARGO_PKG_VERSION"), "[version]");
    assert_frozen("request-headers", &headers);
}

#[tokio::test(start_paused = true)]
async fn the_requests_of_an_append_are_frozen() {
    for guard in Guard::BOTH {
        let fixture = WireFixture::with_append(guard);
        fixture.run(&[make_item("a", "1")]).await;
        fixture.proxy.start_recording();
        fixture.run(&[make_item("a", "1"), make_item("b", "1"), make_item("c", "1"), make_item("c", "2")]).await;
        let text = assert_recorded("append", &fixture);
        assert!(text.contains("appendCells"));
    }
}

#[tokio::test(start_paused = true)]
async fn the_requests_of_values_of_all_types_are_frozen() {
    let types = [
        ("text", ColumnType::Text, json!("007")),
        ("number", ColumnType::Number, json!("1e3")),
        ("boolean", ColumnType::Boolean, json!("yes")),
        ("date", ColumnType::Date, json!("2026-03-29")),
        ("datetime", ColumnType::DateTime, json!("2026-03-29T01:30:00.250Z")),
        ("duration", ColumnType::Duration, json!("PT1H30M")),
        ("link", ColumnType::Link, json!("https://example.com/?a=1&b=2")),
        ("formula", ColumnType::Formula, json!("=1+1")),
    ];
    let mut value = json!({"id": "=1+1", "v": "1", "auto text": "=2+2 \"quoted\" \u{1F30D}\n", "auto number": 0.1,
        "auto bool": true, "auto null": null, "auto list": [1, "two", {"three": 3}], "auto day": "2026-03-29"});
    for (name, _, cell) in &types {
        value[*name] = cell.clone();
    }
    for guard in Guard::BOTH {
        let fixture = WireFixture::with_append(guard);
        fixture.run(&[]).await;
        let mut job = fixture.job();
        job.plan.columns.types = types.iter().map(|(name, kind, _)| ((*name).to_owned(), *kind)).collect();
        job.plan.columns.order = vec!["id".into(), "number".into()];
        fixture.proxy.start_recording();
        fixture.run_job(&job, &[value.clone(), json!({"id": "empty", "v": "1"})]).await;
        assert_recorded("types", &fixture);
    }
}

#[tokio::test(start_paused = true)]
async fn the_requests_of_a_new_column_are_frozen() {
    for guard in Guard::BOTH {
        let fixture = WireFixture::with_append(guard);
        fixture.run(&[make_item("a", "1")]).await;
        fixture.proxy.start_recording();
        fixture.run(&[json!({"id": "b", "v": "1", "text": "text b", "new": "of a new column"})]).await;
        assert_recorded("new-column", &fixture);
    }
}

#[tokio::test(start_paused = true)]
async fn the_requests_of_a_failure_are_frozen() {
    for guard in Guard::BOTH {
        let fixture = WireFixture::with_append(guard);
        fixture.run(&[make_item("a", "1")]).await;
        fixture.proxy.start_recording();
        fixture.run(&[make_bad_item("x", "1"), make_item("b", "1")]).await;
        assert_recorded("failure", &fixture);
        fixture.proxy.start_recording();
        fixture.run(&[make_item("x", "1"), make_item("b", "1")]).await;
        assert_recorded("recovery", &fixture);
    }
}

#[tokio::test(start_paused = true)]
async fn the_requests_of_a_delivery_at_most_once_are_frozen() {
    for guard in Guard::BOTH {
        let fixture = WireFixture::with_append(guard);
        fixture.run(&[]).await;
        let mut job = fixture.job().with_outside_step(|value, _| Ok(vec![value.clone()]));
        job.plan.delivery = Delivery::AtMostOnce;
        fixture.proxy.start_recording();
        fixture.run_job(&job, &[make_item("a", "1")]).await;
        assert_recorded("at-most-once", &fixture);
    }
}

#[tokio::test(start_paused = true)]
async fn the_requests_of_an_upsert_are_frozen() {
    for guard in Guard::BOTH {
        let fixture = WireFixture::with_upsert(guard);
        fixture.run(&[make_item("a", "1"), make_item("b", "1"), make_item("c", "1")]).await;
        fixture.proxy.start_recording();
        fixture.run(&[make_item("a", "1"), make_item("b", "2"), make_item("c", "1"), make_item("d", "1")]).await;
        assert_recorded("upsert", &fixture);
    }
}

#[tokio::test(start_paused = true)]
async fn the_requests_of_filled_rows_are_frozen() {
    for guard in Guard::BOTH {
        let fixture = WireFixture::with_upsert(guard);
        fixture.run(&[make_item("a", "1"), make_item("b", "1")]).await;
        // A column of a person's that reaches further down than the keys.
        fixture.widen("Data").await;
        for (row, text) in [(0, "remark"), (1, "one"), (2, "two"), (3, "three"), (4, "four")] {
            fixture.proxy.type_text("Data", row, 3, text).await;
        }
        fixture.proxy.start_recording();
        fixture.run(&[make_item("a", "2"), make_item("b", "1"), make_item("c", "1"), make_item("d", "1")]).await;
        assert_recorded("fill", &fixture);
    }
}

#[tokio::test(start_paused = true)]
async fn the_requests_of_inserted_rows_are_frozen() {
    for guard in Guard::BOTH {
        let fixture = WireFixture::with_upsert(guard);
        fixture.run(&[make_item("a", "1"), make_item("b", "1")]).await;
        // A text in a column of the job's own, in the last row of the tab.
        fixture.proxy.type_text("Data", 99, 1, "the end").await;
        fixture.proxy.type_text("Data", 3, 1, "a total").await;
        fixture.proxy.start_recording();
        fixture.run(&[make_item("a", "2"), make_item("b", "1"), make_item("c", "1"), make_item("d", "1")]).await;
        let text = assert_recorded("insert", &fixture);
        assert!(text.contains("insertDimension"));
    }
}

/// A run writes to a row that a person has just moved, and vanishes. The next one repairs both
/// rows.
#[tokio::test(start_paused = true)]
async fn the_requests_of_a_repair_are_frozen() {
    for guard in Guard::BOTH {
        let fixture = WireFixture::with_upsert(guard);
        fixture.run(&[make_item("a", "1"), make_item("b", "1"), make_item("c", "1")]).await;
        let items = [make_item("a", "2"), make_item("b", "1"), make_item("c", "1")];
        let id = fixture.proxy.tab_id("Data").await;
        let proxy = fixture.proxy.clone();
        let source = json!({"sheetId": id, "dimension": "ROWS", "startIndex": 3, "endIndex": 4});
        let moved = json!([{"moveDimension": {"source": source, "destinationIndex": 1}}]);
        fixture.proxy.edit_at_write(1, true, async move { proxy.edit_sheet(moved).await }.boxed());
        fixture.run_and_die_after_write(1, &items).await;
        fixture.wait(1).await;
        fixture.proxy.start_recording();
        fixture.run(&items).await;
        let text = assert_recorded("repair", &fixture);
        assert!(text.contains("copyPaste"));
    }
}

/// A run vanishes between two commits, and another machine claims the lease when it has run out.
#[tokio::test(start_paused = true)]
async fn the_requests_of_a_claim_are_frozen() {
    for guard in Guard::BOTH {
        let mut fixture = WireFixture::with_append(guard);
        fixture.run(&[make_item("a", "1")]).await;
        fixture.max_rows = 1;
        let items = [make_item("b", "1"), make_item("c", "1"), make_item("d", "1")];
        fixture.run_and_die_after_write(1, &items).await;
        fixture.wait(1).await;
        fixture.proxy.start_recording();
        fixture.run_on_other_machine(&items).await;
        let text = assert_recorded("claim", &fixture);
        assert!(text.contains("\"there\""), "another machine holds the lease");
    }
}

/// A source so slow that the run renews its lease between two commits.
#[tokio::test(start_paused = true)]
async fn the_requests_of_a_renewed_lease_are_frozen() {
    for guard in Guard::BOTH {
        let fixture = WireFixture::with_append(guard);
        fixture.run(&[make_item("a", "1")]).await;
        fixture.proxy.start_recording();
        fixture.run_slowly(Duration::from_mins(4), &[make_item("b", "1"), make_item("c", "1")]).await;
        assert_recorded("renewal", &fixture);
    }
}

/// The answer of a commit is lost after it was applied.
#[tokio::test(start_paused = true)]
async fn the_requests_after_a_lost_answer_are_frozen() {
    for guard in Guard::BOTH {
        for (applied, name) in [(true, "lost-answer"), (false, "lost-request")] {
            let fixture = WireFixture::with_append(guard);
            fixture.run(&[make_item("a", "1")]).await;
            fixture.proxy.start_recording();
            fixture.proxy.lose_write(0, applied);
            fixture.run(&[make_item("b", "1")]).await;
            let text = assert_recorded(name, &fixture);
            assert!(text.contains("no answer"));
        }
    }
}

/// The tabs of a spreadsheet, one row a line; of tabs but the state's only the header.
/// A job that has been going on for a while.
async fn make_fixture_with_history(guard: Guard) -> WireFixture {
    let fixture = WireFixture::with_upsert(guard);
    fixture.run(&[make_item("a", "1"), make_item("b", "1"), make_bad_item("x", "1")]).await;
    fixture.run(&[make_item("a", "2"), make_item("b", "1"), make_item("x", "1")]).await;
    fixture.wait(10).await;
    fixture.run(&[make_item("a", "2"), make_item("c", "1"), make_bad_item("y", "1")]).await;
    fixture
}

async fn read_state_and_headers(fixture: &WireFixture, id: &str) -> String {
    let mut text = String::new();
    for (title, rows) in fixture.tabs(id).await {
        let is_state = title.starts_with("sheetkeep ");
        let _ = writeln!(text, "tab {title}");
        for row in rows.iter().take(if is_state { rows.len() } else { 1 }) {
            let _ = writeln!(text, "  {}", pretty_print(&json!(row), 2));
        }
    }
    transcript::number_processes(&text)
}

#[tokio::test(start_paused = true)]
async fn the_state_rows_and_the_headers_of_tabs_are_frozen() {
    for guard in Guard::BOTH {
        let fixture = make_fixture_with_history(guard).await;
        assert_frozen(&format!("tabs.{}", guard.label()), &read_state_and_headers(&fixture, SPREADSHEET_ID).await);
    }
}

#[tokio::test(start_paused = true)]
async fn the_state_rows_during_a_reprocess_are_frozen() {
    let fixture = WireFixture::with_append(Guard::Name);
    fixture.run(&[make_item("a", "1"), make_item("b", "1")]).await;
    fixture.force(&[make_item("a", "1"), make_item("b", "1")]).await;
    assert_frozen("tabs-during-reprocess", &read_state_and_headers(&fixture, SPREADSHEET_ID).await);
}

#[tokio::test(start_paused = true)]
async fn the_state_rows_after_a_rollover_are_frozen() {
    let fixture = make_fixture_with_history(Guard::Name).await;
    let second = fixture.another_spreadsheet().await;
    Box::pin(fixture.roll_over(&second)).await;
    let (old, new) =
        (read_state_and_headers(&fixture, SPREADSHEET_ID).await, read_state_and_headers(&fixture, &second).await);
    assert_frozen("tabs-after-rollover", &format!("old spreadsheet\n{old}\nnew spreadsheet\n{new}"));
}
