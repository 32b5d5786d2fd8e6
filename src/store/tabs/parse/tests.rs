use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::ledger::rows::row_codec::{FAILURES, PROCESSED};
use crate::store::tabs::processed::ProcessedRows;

const RUN: &str = "20260921-141320-00d40";

fn tab(header: &[&str]) -> Tab {
    Tab {
        id: 1,
        title: "Processed j".into(),
        header: header.iter().map(|&text| text.to_owned()).collect(),
        ..Tab::default()
    }
}

fn row(values: &Value) -> Vec<Value> {
    values.as_array().cloned().unwrap_or_default()
}

#[test]
fn reordered_columns_and_blank_rows_keep_count_and_sum() {
    let mut plain = ProcessedRows::new(&tab(&PROCESSED), ReprocessPolicy::EachVersion);
    plain.read(&[row(&json!(["a", "1", "done", "r"])), row(&json!(["b", "", "done", "r"]))]);
    let mut moved = ProcessedRows::new(&tab(&["mine", "run", "state", "version", "key"]), ReprocessPolicy::EachVersion);
    moved.read(&[row(&json!(["x", "r", "done", "", "b"])), row(&json!([])), row(&json!(["", "r", "done", "1", "a"]))]);
    assert_eq!(plain.found, moved.found);
}

#[test]
fn rows_beside_their_columns_stop_the_run_and_a_note_does_not() {
    let tab = tab(&["", "key", "version", "state", "run"]);
    for (written, blocking) in [
        (json!(["a", "1", "done", RUN]), true),
        (json!(["", "", "a", "1", "done", RUN]), true),
        (json!(["", "a", "1", "done", RUN]), false),
        (json!(["", "", "", "", "done"]), false),
        (json!(["a note", "", "", "", ""]), false),
        (json!(["", "", "a note", "", ""]), false),
    ] {
        let mut rows = ProcessedRows::new(&tab, ReprocessPolicy::EachVersion);
        rows.read(&[row(&written)]);
        let (_, anomalies) = rows.finish_parse(&tab);
        assert_eq!(anomalies.iter().any(|anomaly| anomaly.is_blocking), blocking, "{written}");
    }
}

#[test]
fn a_forgotten_row_takes_back_one_done_row_in_any_order() {
    let written = [
        json!(["a", "1", "done", "r1"]),
        json!(["a", "1", "forgotten", "r2"]),
        json!(["b", "1", "done", "r1"]),
        json!(["b", "1", "forgotten", "r2"]),
        json!(["b", "1", "done", "r3"]),
        json!(["c", "1", "forgotten", "r2"]),
    ];
    for again in [ReprocessPolicy::EachVersion, ReprocessPolicy::OnChange, ReprocessPolicy::OnNewer] {
        for turned in 0..written.len() {
            let mut rows = ProcessedRows::new(&tab(&PROCESSED), again);
            let mut written = written.clone().map(|cells| row(&cells));
            written.rotate_left(turned);
            rows.read(&written);
            let (done, _) = rows.finish_parse(&tab(&PROCESSED));
            let knows = ["a", "b", "c"].map(|key| done.has_key(Fingerprint::new(key)));
            assert_eq!(knows, [false, true, false], "{again:?} {turned}");
        }
    }
}

#[test]
fn of_several_versions_of_a_key_the_latest_runs_counts() {
    let written = [
        json!(["a", "1", "done", "20260101-r1"]),
        json!(["a", "2", "done", "20260102-r2"]),
        json!(["a", "1", "done", "20260103-r3"]),
    ];
    for turned in 0..written.len() {
        let mut rows = ProcessedRows::new(&tab(&PROCESSED), ReprocessPolicy::OnChange);
        let mut written = written.clone().map(|cells| row(&cells));
        written.rotate_left(turned);
        rows.read(&written);
        let (done, _) = rows.finish_parse(&tab(&PROCESSED));
        let has = |version: &str| {
            done.has(Fingerprint::new("a"), ReprocessPolicy::OnChange.version_hash(&Version(version.into())))
        };
        assert_eq!((has("1"), has("2")), (true, false), "{turned}");
    }
}

#[test]
fn the_version_of_the_last_commit_counts_whatever_clocks_said() {
    let written = [
        json!(["a", "1", "done", "20260101-090000-r1 #1.4"]),
        json!(["a", "2", "done", "99991230-220000-r2 #2.5"]),
        json!(["a", "3", "done", "19700101-000010-r3 #3.6"]),
        json!(["a", "1", "done", "19700101-000010-r3 #3.6.1"]),
    ];
    for turned in 0..written.len() {
        let mut rows = ProcessedRows::new(&tab(&PROCESSED), ReprocessPolicy::OnChange);
        let mut written = written.clone().map(|cells| row(&cells));
        written.rotate_left(turned);
        rows.read(&written);
        assert!(!rows.has_doubt(), "Runs is not asked");
        let (done, _) = rows.finish_parse(&tab(&PROCESSED));
        let has = |version: &str| {
            done.has(Fingerprint::new("a"), ReprocessPolicy::OnChange.version_hash(&Version(version.into())))
        };
        assert_eq!((has("1"), has("2"), has("3")), (true, false, false), "{turned}");
    }
}

#[test]
fn old_rows_of_a_wrong_clock_go_by_the_commits_in_runs() {
    let written = [
        json!(["a", "3", "done", "20260101-090001-r3"]),
        json!(["a", "2", "done", "20260101-090500-r2"]),
        json!(["a", "1", "done", "20260101-090000-r1"]),
    ];
    let mut rows =
        ProcessedRows::new(&tab(&PROCESSED), ReprocessPolicy::OnChange).with_rows(&written.map(|cells| row(&cells)));
    assert!(rows.has_doubt());
    let runs = [("20260101-090000-r1", 0), ("20260101-090500-r2", 2), ("20260101-090001-r3", 3)];
    rows.sort_by_order(&runs.map(|(run, commit)| (run.to_owned(), commit)).into());
    let (done, _) = rows.finish_parse(&tab(&PROCESSED));
    assert!(done.has(Fingerprint::new("a"), ReprocessPolicy::OnChange.version_hash(&Version("3".into()))));
}

#[test]
fn pages_read_apart_make_the_same_as_the_whole_tab() {
    let written = [
        json!(["a", "1", "done", "20260103-r3"]),
        json!(["a", "2", "done", "20260101-r1"]),
        json!(["b", "1", "done", "20260101-r1"]),
        json!(["", "1", "done", "20260101-r1"]),
        json!(["b", "1", "forgotten", "20260102-r2"]),
        json!(["c", "1", "done", "20260102-r2 #1.7"]),
        json!(["c", "2", "done", "20260102-r2 #1.7.1"]),
        json!(["x", "d", "1", "done", RUN]),
    ]
    .map(|cells| row(&cells));
    let tab = tab(&PROCESSED);
    for again in [ReprocessPolicy::EachVersion, ReprocessPolicy::OnChange, ReprocessPolicy::OnNewer] {
        let empty = || ProcessedRows::new(&tab, again).with_texts_of(Some(7));
        let mut whole = empty().with_rows(&written);
        let (found, recent) = (whole.found, whole.take_recent());
        let whole = whole.finish_parse(&tab);
        assert_eq!((found.count, recent.len(), whole.1.len()), (8, 1, 2));
        for rows in 1..written.len() {
            let mut pages = empty();
            written.chunks(rows).for_each(|page| pages.append(empty().with_rows(page)));
            assert_eq!((pages.found, pages.take_recent()), (found, recent.clone()), "{again:?}, pages of {rows}");
            assert_eq!(pages.finish_parse(&tab), whole, "{again:?}, pages of {rows}");
        }
    }
}

#[test]
fn a_key_that_a_person_retyped_as_a_number_is_still_that_key() {
    let mut rows = ProcessedRows::new(&tab(&PROCESSED), ReprocessPolicy::EachVersion);
    rows.read(&[row(&json!([42, "", "done", "r"]))]);
    let (done, _) = rows.finish_parse(&tab(&PROCESSED));
    assert!(done.has_key(Fingerprint::new("42")));
}

fn failure(
    key: &str,
    error: &str,
    attempts: u64,
    last_seen: f64,
    state: &str,
    action: &str,
    answered: &str,
) -> Vec<Value> {
    row(&json!([key, "s", error, attempts, 45_000.5, last_seen, "r", state, "", "", action, answered]))
}

fn parse_failures(rows: &[Vec<Value>]) -> HashMap<Fingerprint, PriorFailure> {
    let tab = tab(&FAILURES);
    let mut read = FailureRows::new(&tab, ReprocessPolicy::EachVersion);
    let (first, second) = rows.split_at(rows.len() / 2);
    read.read(first, u32::try_from(first.len()).expect("few") + 1);
    read.read(second, 90);
    let (open, reported) = read.finish_parse(&tab);
    assert!(reported.is_empty());
    open
}

#[test]
fn the_newest_row_of_a_failure_counts_in_any_order() {
    let mut rows = vec![
        failure("a", "e1", 1, 45_000.5, "open", "", ""),
        failure("a", "e2", 2, 45_001.5, "open", "", ""),
        failure("b", "e", 1, 45_000.5, "open", "", ""),
        failure("b", "", 2, 45_002.5, "recovered", "", ""),
    ];
    for round in 0..4 {
        let open = parse_failures(&rows);
        let tried = open[&Fingerprint::new("a")];
        assert_eq!((open.len(), tried.attempts, tried.error), (1, 2, hash_failure("s", "e2")), "{round}");
        rows.rotate_left(1);
    }
}

#[test]
fn the_failure_of_the_last_commit_counts_whatever_clocks_said() {
    let failure_row = |attempts, last_seen, state, run: &str| {
        let mut row = failure("a", "e", attempts, last_seen, state, "", "");
        row[6] = json!(run);
        row
    };
    let mut rows = vec![
        failure_row(1, 2_958_464.5, "open", "99991230-220000-r1"),
        failure_row(2, 45_001.5, "open", "20260101-090000-r2 #2.5"),
        failure_row(3, 25_569.0, "dead", "19700101-000010-r3 #3.6"),
    ];
    for round in 0..3 {
        let tried = parse_failures(&rows)[&Fingerprint::new("a")];
        assert_eq!((tried.attempts, tried.state), (3, FailureState::Exhausted), "{round}");
        rows.rotate_left(1);
    }
}

#[test]
fn an_action_is_pending_until_a_later_row_answers_it() {
    let asked = |rows: &[Vec<Value>]| parse_failures(rows)[&Fingerprint::new("a")].requested;
    let mut rows = vec![failure("a", "e", 1, 45_000.5, "open", " Retry", "")];
    assert_eq!(asked(&rows), Some(RequestedAction::Retry));
    rows.push(failure("a", "e", 2, 45_001.5, "open", "", "retry"));
    assert_eq!(asked(&rows), None);
    // A user typed into the old row while the run that responded was in progress.
    rows[0] = failure("a", "e", 1, 45_000.5, "open", "skip", "");
    assert_eq!(asked(&rows), Some(RequestedAction::Skip));
    rows.push(failure("a", "e", 2, 45_002.5, "skipped", "", "skip"));
    assert_eq!(asked(&rows), None);
    rows[1] = failure("a", "e", 2, 45_001.5, "open", "retry", "retry");
    assert_eq!(asked(&rows), Some(RequestedAction::Retry));
    rows.push(failure("a", "e", 3, 45_003.5, "open", "retry", "retry"));
    assert_eq!((asked(&rows), parse_failures(&rows)[&Fingerprint::new("a")].row), (Some(RequestedAction::Retry), 5));
}

#[test]
fn an_action_that_is_neither_word_changes_nothing() {
    let tab = tab(&FAILURES);
    let mut read = FailureRows::new(&tab, ReprocessPolicy::EachVersion);
    read.read(&[failure("a", "e", 1, 45_000.5, "open", "later", "")], 2);
    let (open, reported) = read.finish_parse(&tab);
    assert_eq!(open[&Fingerprint::new("a")].requested, None);
    assert!(reported.len() == 1 && reported[0].message.contains("row 2") && reported[0].message.contains("\"later\""));
}

const NOT_UNDERSTOOD: &str = "not understood: write retry or skip";

#[test]
fn an_unknown_action_is_pending_until_a_later_row_answers_it() {
    let load = |rows: &[Vec<Value>]| {
        let tab = tab(&FAILURES);
        let mut read = FailureRows::new(&tab, ReprocessPolicy::EachVersion);
        read.read(rows, 90);
        let (open, reported) = read.finish_parse(&tab);
        (open.get(&Fingerprint::new("a")).copied(), reported.len())
    };
    let of = |rows: &[Vec<Value>]| {
        let (prior, warnings) = load(rows);
        prior.map(|prior| (prior.awaits_answer(), prior.requested, prior.row, warnings))
    };
    let mut rows =
        vec![failure("a", "e", 1, 45_000.5, "open", "later", ""), failure("a", "e2", 2, 45_001.5, "open", "", "")];
    assert_eq!(of(&rows), Some((true, None, 3, 1)), "the newest row is answered, whichever has the text");
    // An action in whichever row goes first.
    rows[0] = failure("a", "e", 1, 45_000.5, "open", "retry", "");
    rows[1] = failure("a", "e2", 2, 45_001.5, "open", "later", "");
    assert_eq!(of(&rows), Some((false, Some(RequestedAction::Retry), 2, 1)));
    rows.push(failure("a", "e2", 3, 45_002.5, "open", "", "retry"));
    assert_eq!(of(&rows), Some((true, None, 4, 1)));
    rows.push(failure("a", "e2", 3, 45_003.5, "open", "", NOT_UNDERSTOOD));
    assert_eq!(of(&rows), Some((false, None, 5, 0)), "once");
    rows.push(failure("a", "e2", 4, 45_004.5, "open", "", ""));
    assert_eq!(of(&rows), Some((false, None, 6, 0)), "a later failure does not ask again");
    rows[4] = failure("a", "e2", 4, 45_004.5, "open", "please", "");
    assert_eq!(of(&rows), Some((true, None, 6, 1)), "a text in a newer row is a new one");
    rows.push(failure("a", "", 5, 45_005.5, "recovered", "", ""));
    assert_eq!(load(&rows), (None, 0), "a closed failure is left");
    rows.push(failure("a", "e3", 1, 45_006.5, "open", "", ""));
    assert_eq!(of(&rows), Some((false, None, 8, 0)));
}

proptest! {
    #[test]
    fn invariant_6_whatever_people_typed_reading_never_fails_hard(cells in prop::collection::vec(prop::collection::vec(any_cell(), 0..8), 0..8)) {
        let mut rows = ProcessedRows::new(&tab(&PROCESSED), ReprocessPolicy::EachVersion);
        rows.read(&cells);
        let _ = rows.finish_parse(&tab(&PROCESSED));
        let mut failures = FailureRows::new(&tab(&FAILURES), ReprocessPolicy::EachVersion);
        failures.read(&cells, 9);
        let _ = failures.finish_parse(&tab(&FAILURES));
        let _ = parse_pairs(&cells);
    }
}

fn any_cell() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        ".{0,12}".prop_map(Value::from),
    ]
}

#[test]
fn a_failure_beside_its_columns_is_skipped_and_reported() {
    let mut header = vec!["mine"];
    header.extend(FAILURES);
    let tab = tab(&header);
    let failure = |key: &str| {
        let mut cells = vec![Value::Null; FAILURES.len()];
        for (name, text) in [("key", key), ("step", "map"), ("error", "no"), ("run", RUN), ("state", "open")] {
            cells[FAILURES.iter().position(|column| *column == name).expect("a column")] = text.into();
        }
        cells
    };
    let mut right = vec![Value::Null];
    right.extend(failure("a"));
    let mut rows = FailureRows::new(&tab, ReprocessPolicy::EachVersion);
    rows.read(&[right, failure("b")], 3);
    let (open, reported) = rows.finish_parse(&tab);
    assert_eq!(open.keys().collect::<Vec<_>>(), [&Fingerprint::new("a")]);
    assert!(
        reported.len() == 1 && reported[0].message.contains("1 rows have their cells in other columns"),
        "{reported:?}"
    );
}
