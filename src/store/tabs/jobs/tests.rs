use serde_json::json;

use super::*;

const ID: i32 = 9;

fn spreadsheet(title: &str, zone: &str) -> SpreadsheetInfo {
    let tab = TabInfo { sheet_id: ID, title: title.into(), index: 0, is_hidden: false, rows: 100, columns: 17 };
    SpreadsheetInfo {
        title: String::new(),
        locale: "de_DE".into(),
        time_zone: zone.into(),
        auto_recalc: "ON_CHANGE".into(),
        tabs: vec![tab],
        named_ranges: Vec::new(),
    }
}

fn view() -> JobsView {
    JobsView { recalculates: true, owner: Some("ops@example.com".into()) }
}

fn read(id: Option<i32>, rows: &[Vec<Value>]) -> JobsReading {
    let metadata = spreadsheet("Jobs", "Europe/Berlin");
    read_jobs("nightly", Some(&view()), &metadata, (find_jobs_tab(&metadata, id), id), rows)
}

fn row(cells: &[(&str, Value)]) -> Vec<Value> {
    let cell = |name: &&str| cells.iter().find(|(at, _)| at == name).map_or(json!(""), |(_, cell)| cell.clone());
    JOBS.iter().map(cell).collect()
}

fn header_row() -> Vec<Value> {
    JOBS.iter().map(|name| json!(name)).collect()
}

#[test]
fn people_pause_a_job_with_a_tick_or_a_word() {
    for (cell, paused) in [
        (json!(true), true),
        (json!("yes"), true),
        (json!("x"), true),
        (json!(false), false),
        (json!("no"), false),
        (json!(""), false),
    ] {
        let rows = [header_row(), row(&[("job", json!("nightly")), ("paused", cell.clone())])];
        let found = read(Some(ID), &rows);
        assert_eq!((found.requests.is_paused, found.tab), (paused, JobsTab::Complete(ID)), "{cell}");
    }
}

#[test]
fn a_time_of_people_is_in_the_spreadsheets_zone() {
    // 2026-12-24 09:00 as a date of the sheet, and as a text.
    let date = Timestamp::parse("2026-12-24T09:00:00Z").expect("a time").serial();
    for cell in [json!(date), json!("2026-12-24 09:00")] {
        let rows = [header_row(), row(&[("job", json!("nightly")), ("silence until", cell)])];
        let expected = Timestamp::parse("2026-12-24T08:00:00Z");
        assert_eq!(read(None, &rows).requests.silence_until, expected);
    }
    let rows = [header_row(), row(&[("job", json!("nightly")), ("silence until", json!("soon"))])];
    let expected = "tab Jobs: \"soon\" in silence until is not a time: enter a date, such as 2026-12-24 09:00";
    assert_eq!(read(None, &rows).requests.unclear, [expected]);
}

#[test]
fn what_people_write_and_no_one_understands_is_answered() {
    let unclear = |column: &str, cell: Value| {
        let rows = [header_row(), row(&[("job", json!("nightly")), (column, cell)])];
        read(Some(ID), &rows).requests
    };
    let paused = unclear("paused", json!("until Monday"));
    let expected = "tab Jobs: \"until Monday\" in paused counts as a pause: tick it, or write yes or no";
    assert!(paused.is_paused && paused.unclear == [expected], "{paused:?}");
    let requested = unclear("run now", json!("#NAME?"));
    let expected = "tab Jobs: \"#NAME?\" in run now asks for no run: write today's date";
    assert!(requested.run_now.is_none() && requested.unclear == [expected], "{requested:?}");
    for (column, cell) in [("paused", json!("yes, Ada")), ("run now", json!("2026-11-29")), ("paused", json!("no"))] {
        assert!(unclear(column, cell.clone()).unclear.is_empty(), "{cell}");
    }
}

#[test]
fn two_rows_of_a_job_are_read_alike_in_any_order() {
    let one = row(&[("job", json!("nightly")), ("run now", json!("a")), ("paused", json!(true))]);
    let other = row(&[("job", json!("nightly")), ("run now", json!("b")), ("approve", json!("plan 7"))]);
    let found = read(Some(ID), &[header_row(), one.clone(), other.clone()]);
    assert_eq!(found, read(Some(ID), &[header_row(), other, one]));
    let JobRequests { is_paused: paused, run_now, approve, .. } = found.requests;
    assert_eq!((paused, run_now.as_deref(), approve.as_deref()), (true, Some("b"), Some("plan 7")));
    let expected = "tab Jobs: job nightly has 2 rows: delete all but one; until then a pause in any of them counts";
    assert_eq!(found.warnings, [expected]);
}

#[test]
fn a_persons_tab_named_jobs_is_left_alone() {
    let found = read(None, &[vec![json!("job"), json!("salary")]]);
    assert_eq!(found.tab, JobsTab::Unused(None));
    let expected = "tab Jobs is not the one in which jobs show their state, and is left alone; rename it, and the job \
                    makes its own, or set [jobs] tab = false";
    assert_eq!(found.warnings, [expected]);
    let metadata = spreadsheet("JOBS", "UTC");
    assert!(find_jobs_tab(&metadata, None).is_some());
}

#[test]
fn a_job_without_a_row_adds_one_and_one_without_a_tab_makes_it() {
    let others = [header_row(), row(&[("job", json!("hourly"))])];
    let JobsTab::WithoutRow { tab, owner } = read(None, &others).tab else { panic!("a row is missing") };
    assert_eq!((tab.id, owner.as_deref()), (ID, Some("ops@example.com")));
    let metadata = spreadsheet("Data", "UTC");
    let found = read_jobs("nightly", Some(&view()), &metadata, (find_jobs_tab(&metadata, Some(ID + 1)), None), &[]);
    assert_eq!(found.tab, JobsTab::Missing { recalculates: true, owner: Some("ops@example.com".into()) });
    assert_eq!(read_jobs("nightly", None, &metadata, (None, Some(3)), &[]).tab, JobsTab::Unused(Some(3)));
}

#[test]
fn a_lost_column_is_named() {
    let mut lost = header_row();
    lost[13] = json!("halted");
    let found = read(Some(ID), &[lost]);
    assert_eq!(found.tab, JobsTab::Unused(Some(ID)));
    assert_eq!(found.warnings, ["tab Jobs has lost its column \"paused\": write that word back into its header row"]);
}

#[test]
fn formulas_are_not_read() {
    let tab = &spreadsheet("Jobs", "UTC").tabs[0];
    assert_eq!(make_jobs_ranges(tab, None), ["'Jobs'!1:1", "'Jobs'!A1:A100", "'Jobs'!N1:Q100"]);
    assert_eq!(find_moved_columns(tab, &[header_row()]), None);
    let read = [
        vec![header_row()],
        vec![vec![json!("job")], vec![json!("nightly")], vec![], vec![json!("hourly")]],
        vec![vec![json!("paused")], vec![json!(true), json!(""), json!("now")], vec![json!("stray")]],
    ];
    let rows = join_jobs_rows(tab, None, &read);
    assert_eq!(
        (rows.len(), &rows[1][13], &rows[1][15], &rows[3][0]),
        (4, &json!(true), &json!("now"), &json!("hourly"))
    );
    assert_eq!(rows[2][13], "stray");
    let mut moved = header_row();
    moved.rotate_right(1);
    assert_eq!(find_moved_columns(tab, &[moved.clone()]), Some(vec![1, 14, 15, 16, 17]));
    assert_eq!(make_jobs_ranges(tab, Some(&[0, 1, 14])), ["'Jobs'!1:1", "'Jobs'!A1:B100", "'Jobs'!O1:O100"]);
    let foreign = [vec![json!("employer"), json!("job")]];
    assert_eq!(find_moved_columns(tab, &foreign), None);
    let narrow = TabInfo { columns: 3, ..tab.clone() };
    assert_eq!(make_jobs_ranges(&narrow, None), ["'Jobs'!1:1", "'Jobs'!A1:A100"]);
    assert_eq!(make_jobs_ranges(&TabInfo { rows: 0, ..narrow }, None), <[&str; 0]>::default());
}
