//! A row of formulas over a long tab of runs, under both kinds of locale.

use serde_json::{Value, json};

use crate::batch::tests::calls::send;
use crate::methods::create::create;
use crate::methods::values_read;
use crate::methods::values_write::update;
use crate::random::SeededRandom;
use crate::schema::response_mask::ResponseMask;
use crate::storage::store::SpreadsheetStore;

/// The runs of the tab.
const RUNS: u32 = 10_000;

/// The formulas of a row, and what they show in order.
const FORMULAS: [(&str, &str); 16] = [
    ("=COUNTIFS(Runs!A:A;A2)", "5000"),
    ("=MAXIFS(Runs!B:B;Runs!A:A;A2)", "49998"),
    ("=MINIFS(Runs!B2:B;Runs!A2:A;A2)", "40000"),
    ("=MAXIFS(Runs!B:B;Runs!A:A;A2;Runs!C:C;\"succeeded\")", "49998"),
    ("=XLOOKUP(A2;Runs!A:A;Runs!C:C;\"NEVER RAN\";0;-1)", "succeeded"),
    ("=XLOOKUP(A2;Runs!A:A;Runs!D:D;\"\";0;-1)", "9998"),
    ("=SUMIFS(Runs!D:D;Runs!A:A;A2)", "24995000"),
    ("=AVERAGEIFS(Runs!D:D;Runs!A:A;A2)", "4999"),
    ("=COUNTIFS(Runs!A:A;A2;Runs!C:C;\"fail*\")", "1250"),
    ("=INDEX(Runs!D:D;MATCH(A2;Runs!A:A;0))", "0"),
    ("=ROWS(Runs!A:A)", "10001"),
    ("=IFERROR(MEDIAN(FILTER(Runs!D2:D;Runs!A2:A=A2));\"\")", "4999"),
    ("=TEXTJOIN(\", \";TRUE;UNIQUE(FILTER(Runs!C2:C;Runs!A2:A=A2)))", "succeeded, failed"),
    ("=IF(C2+1/24<NOW();\"OVERDUE\";\"ok\")", "ok"),
    ("=IFNA(VLOOKUP(\"nowhere\";Runs!A:D;3;FALSE);\"-\")", "-"),
    ("=TEXT(C2;\"yyyy-mm-dd\")", "2036-11-19"),
];

fn put(store: &SpreadsheetStore, range: &str, values: &Value, option: &str) {
    let words = json!({ "valueInputOption": option });
    let body = json!({ "values": values });
    update(store, "s", range, words.as_object().unwrap(), body.as_object().unwrap()).unwrap();
}

/// A spreadsheet with 10,000 runs of two jobs, and the formulas in `Jobs!B2:Q2`.
fn jobs_tab(locale: &str) -> SpreadsheetStore {
    let store = SpreadsheetStore::in_memory().unwrap();
    let body = json!({"properties": {"locale": locale}}).to_string();
    create(&store, "s", body.as_bytes(), &ResponseMask::All, &SeededRandom::new(1)).unwrap();
    let grid = json!({"rowCount": RUNS + 1, "columnCount": 6});
    let sheets = json!([
        {"addSheet": {"properties": {"sheetId": 1, "title": "Runs", "gridProperties": grid}}},
        {"addSheet": {"properties": {"sheetId": 2, "title": "Jobs"}}}
    ]);
    send(&store, sheets).unwrap();
    let mut rows = vec![json!(["job", "ended", "state", "new"])];
    for run in 0..RUNS {
        let job = if run % 2 == 0 { "orders" } else { "invoices" };
        let state = if run % 8 == 4 { "failed" } else { "succeeded" };
        rows.push(json!([job, 40_000 + run, state, run]));
    }
    put(&store, "Runs!A1", &Value::Array(rows), "RAW");
    let mut row = vec!["Orders"];
    row.extend(FORMULAS.iter().map(|(formula, _)| *formula));
    put(&store, "Jobs!A2", &json!([row]), "USER_ENTERED");
    store
}

fn read(store: &SpreadsheetStore) -> Value {
    let answer = values_read::get(store, "s", "Jobs!B2:Q2", json!({}).as_object().unwrap(), false).unwrap();
    serde_json::from_slice::<Value>(&answer).unwrap()["values"][0].clone()
}

#[test]
fn a_row_of_formulas_over_ten_thousand_runs_is_right() {
    for locale in ["en_US", "de_DE"] {
        let store = jobs_tab(locale);
        let expected: Vec<&str> = FORMULAS.iter().map(|(_, shown)| *shown).collect();
        assert_eq!(read(&store), json!(expected), "{locale}");
    }
}

/// Prints the time of one read: `cargo test --release -p sheets-emulator jobs_tab -- --ignored
/// --nocapture`.
#[test]
#[ignore = "a measurement"]
#[expect(clippy::disallowed_methods, reason = "a measurement")]
fn the_time_of_a_row_of_formulas() {
    let store = jobs_tab("de_DE");
    for _ in 0..5 {
        let start = std::time::Instant::now();
        read(&store);
        println!("{:?}", start.elapsed());
    }
}
