//! Real and difficult records from their files to rows: source, key, steps and columns together,
//! without a sheet.

use std::path::Path;
use std::sync::Arc;

use sheetkeep::clock::Clock;
use sheetkeep::config::external::environment::Environment;
use sheetkeep::config::external::flags::Overrides;
use sheetkeep::config::settings::{Settings, read};
use sheetkeep::grid::{Cell, Row};
use sheetkeep::ledger::items::key::Key;
use sheetkeep::ledger::leases::lease::Fence;
use sheetkeep::ledger::rows::row_builder::{build_row, build_rows};
use sheetkeep::ledger::rows::table_header::{KeyColumn, choose_key_column};
use sheetkeep::port::source::Record;
use sheetkeep::port::step::{KeyFinder, StepContext};
use sheetkeep::system::SystemClock;
use tokio_util::sync::CancellationToken;

/// The results of a job's records.
#[derive(Default)]
struct Outcome {
    rows: Vec<(String, Row)>,
    failures: Vec<String>,
    key_column: Option<KeyColumn>,
    end: Option<String>,
}

fn make_job(file: &str, flags: &Overrides) -> Settings {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures").join(file);
    let text = std::fs::read_to_string(&path).expect("a job file");
    read(&path, &text, flags, &Environment::default()).expect("a valid job")
}

async fn run_job(settings: &Settings) -> Outcome {
    let mut outcome = Outcome::default();
    let mut source = settings.open_source().expect("the source opens");
    loop {
        match source.next().await {
            Ok(Some(record)) => {
                let place = record.position.line.map_or(0, |line| line);
                match process_record(settings, record, &mut outcome.key_column).await {
                    Ok(rows) => outcome.rows.extend(rows),
                    Err(why) => outcome.failures.push(format!("{place}: {why}")),
                }
            }
            Ok(None) => return outcome,
            Err(error) => {
                outcome.end = Some(error.to_string());
                return outcome;
            }
        }
    }
}

async fn process_record(
    settings: &Settings,
    record: Record,
    column: &mut Option<KeyColumn>,
) -> Result<Vec<(String, Row)>, String> {
    let body = record.body.map_err(|e| e.to_string())?;
    let (key, version) = settings.make_key_finder().identify(&body).await.map_err(|e| e.to_string())?;
    let context = StepContext {
        key: key.clone(),
        version,
        idempotency_key: String::new(),
        fence: Fence(1),
        attempt: 1,
        deadline: None,
        cancel: CancellationToken::new(),
    };
    let mut values = vec![body];
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
    for step in settings.make_steps(&clock) {
        let mut made = Vec::new();
        for value in values {
            made.extend(step.run(value, &context).await.map_err(|e| e.to_string())?);
        }
        values = made;
    }
    if let (None, Some(first)) = (&column, values.first()) {
        let row = build_row(first.clone(), &settings.columns).map_err(|e| e.to_string())?;
        *column = Some(choose_key_column(settings.key.source(), &row, &key));
    }
    let rows = build_rows(values, &key, column.as_ref().unwrap_or(&KeyColumn::Added), &settings.columns);
    let named = |row| (Key::as_str(&key).to_owned(), row);
    rows.map(|rows| rows.into_iter().map(named).collect()).map_err(|e| e.to_string())
}

fn assert_hard(outcome: &Outcome, failures: &[&str]) {
    assert_eq!(outcome.end, None);
    let keys: Vec<&str> = outcome.rows.iter().map(|(key, _)| key.as_str()).collect();
    assert_eq!(keys, ["plain", "formula", "0042", "12345678901234567890", "98765432109876543210", "last"]);
    let cell = |at: usize, column: &str| outcome.rows[at].1.get(column).cloned();
    assert_eq!(cell(1, "note"), Some(Cell::text("=HYPERLINK(\"https://example.org\", \"click\")")));
    assert_eq!(cell(2, "id"), Some(Cell::text("0042")));
    assert_eq!(cell(3, "id"), Some(Cell::text("12345678901234567890")));
    assert_eq!(cell(4, "id"), Some(Cell::text("98765432109876543210")));
    assert_eq!(cell(0, "amount"), Some(Cell::Number(1.5)));
    assert_eq!(outcome.key_column, Some(KeyColumn::Named("id".into())));
    assert_eq!(outcome.failures, failures);
}

const LONG: &str = "column \"note\": the value has 60000 characters; a cell takes at most 50,000: shorten it in a step";

const NAN: &str = r#"the record is not valid JSON: a value is missing, or a text has no double quotes (JSON has no NaN) near "\"amount\": NaN}" at column 49; correct it in the file, or in what writes it; the other records are read"#;
const BYTES: &str = "the record is not valid UTF-8 at column 28; correct its characters in the file; if the whole file is in another encoding, set encoding below [source]";
const WORDS: &str = r#"the record is not valid JSON: a word has no double quotes near "this line is n" at column 2; correct it in the file, or in what writes it; the other records are read"#;
const COMMA: &str = r#"the record is not valid JSON: a value is missing, or a text has no double quotes near "\", \"note\": , \"amount\": 1" at column 25; correct it in the file, or in what writes it; the other records are read"#;

#[tokio::test]
async fn each_hard_record_of_json_lines_ends_as_specified() {
    let outcome = run_job(&make_job("hard/hard-jsonl.toml", &Overrides::default())).await;
    assert_hard(
        &outcome,
        &[
            "2: the record has no key: it has no .id, but \"note\", \"amount\"",
            &format!("3: {LONG}"),
            &format!("8: {NAN}"),
            &format!("9: {BYTES}"),
            &format!("10: {WORDS}"),
        ],
    );
}

#[tokio::test]
async fn each_hard_record_of_json_ends_as_specified() {
    let outcome = run_job(&make_job("hard/hard-json.toml", &Overrides::default())).await;
    assert_hard(
        &outcome,
        &[
            "3: the record has no key: it has no .id, but \"note\", \"amount\"",
            &format!("4: {LONG}"),
            &format!("9: {NAN}"),
            &format!("10: {BYTES}"),
            &format!("11: {COMMA}"),
        ],
    );
}

#[tokio::test]
async fn each_hard_record_of_csv_ends_as_specified() {
    let outcome = run_job(&make_job("hard/hard-csv.toml", &Overrides::default())).await;
    assert_hard(
        &outcome,
        &[
            "3: the record's key is empty: fill it where the record comes from, or name another field as key",
            &format!("4: {LONG}"),
            "9: column \"amount\": \"NaN\" is not a finite number; where there is no number, leave the field empty",
            "10: field \"note\" is not valid UTF-8; correct its characters in the file; if the whole file is in another \
             encoding, set encoding below [source]",
            "11: the row has 2 fields, where the header row names 3",
        ],
    );
}

#[tokio::test]
async fn the_quakes_make_1707_rows_of_eight_typed_columns() {
    let outcome = run_job(&make_job("quakes.toml", &Overrides::default())).await;
    assert_eq!((outcome.rows.len(), outcome.failures.len(), outcome.end), (1_707, 0, None));
    let (key, row) = &outcome.rows[0];
    assert_eq!(key, "ci37868143");
    let columns: Vec<&str> = row.cells.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(columns, ["id", "time", "magnitude", "place", "depth", "longitude", "latitude", "url"]);
    assert_eq!(row.get("time"), Some(&Cell::DateTime(43_138.059_882_407_404)));
    assert_eq!(row.get("longitude"), Some(&Cell::Number(-118.667_166_7)));
    assert_eq!(outcome.key_column, Some(KeyColumn::Named("id".into())));
    let keys: std::collections::HashSet<_> = outcome.rows.iter().map(|(key, _)| key).collect();
    assert_eq!(keys.len(), 1_707);
}

#[tokio::test]
async fn the_airports_make_3376_rows_and_their_codes_keep_their_zeros() {
    let outcome = run_job(&make_job("airports.toml", &Overrides::default())).await;
    assert_eq!((outcome.rows.len(), outcome.failures, outcome.end), (3_376, vec![], None));
    assert_eq!(outcome.rows[0].1.get("iata"), Some(&Cell::text("00M")));
    assert_eq!(outcome.rows[0].1.get("latitude"), Some(&Cell::Number(31.953_764_72)));
}

#[tokio::test]
async fn a_cut_feed_yields_the_records_before_the_cut_and_its_place() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let whole =
        std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/usgs-all-week.geojson")).expect("a feed");
    let cut = folder.path().join("cut.geojson");
    std::fs::write(&cut, &whole[..600_000]).expect("a file");
    let flags = Overrides { input: Some(cut.clone()), ..Overrides::default() };
    let outcome = run_job(&make_job("quakes.toml", &flags)).await;
    let before = outcome.rows.len();
    assert!((800..900).contains(&before), "{before}");
    let end = outcome.end.expect("the source is broken").replace(&cut.display().to_string(), "cut");
    assert!(end.starts_with("cut:") && end.contains(&format!("(record {}, byte 600000)", before + 1)), "{end}");
    assert!(end.contains("it was cut off; get it whole and run again"), "{end}");
}
