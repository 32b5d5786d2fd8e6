//! What `NOW` and `TODAY` show after the clock moved, by the spreadsheet's recalculation setting.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use serde_json::{Value, json};

use crate::batch::tests::calls::send;
use crate::methods::create::create;
use crate::methods::values_read;
use crate::methods::values_write::update;
use crate::random::SeededRandom;
use crate::schema::response_mask::ResponseMask;
use crate::storage::store::SpreadsheetStore;
use crate::time::TimeSource;

/// A clock that a test sets.
#[derive(Debug)]
struct SetTimeSource(AtomicI64);

impl TimeSource for SetTimeSource {
    fn unix_ms(&self) -> i64 {
        self.0.load(Ordering::Relaxed)
    }

    fn monotonic_ms(&self) -> u64 {
        0
    }
}

/// 2026-11-29T08:59:30Z.
const START_MS: i64 = 1_795_942_770_000;

/// A spreadsheet with these properties and `=NOW()` and `=TODAY()` in its first row.
struct TimedSheet {
    store: SpreadsheetStore,
    clock: Arc<SetTimeSource>,
}

impl TimedSheet {
    fn new(properties: &Value) -> Self {
        let clock = Arc::new(SetTimeSource(AtomicI64::new(START_MS)));
        let store = SpreadsheetStore::in_memory().unwrap().with_time_source(Arc::<SetTimeSource>::clone(&clock));
        let body = json!({ "properties": properties }).to_string();
        create(&store, "s", body.as_bytes(), &ResponseMask::All, &SeededRandom::new(1)).unwrap();
        let sheet = Self { store, clock };
        sheet.put("A1", "=NOW()");
        sheet.put("B1", "=TODAY()");
        sheet.put("C1", "=ARRAYFORMULA(NOW()+{0;1})");
        sheet
    }

    fn put(&self, range: &str, text: &str) {
        let words = json!({"valueInputOption": "USER_ENTERED"});
        let body = json!({ "values": [[text]] });
        update(&self.store, "s", range, words.as_object().unwrap(), body.as_object().unwrap()).unwrap();
    }

    /// Sets the clock to seconds after the start, and returns the seconds after the start that
    /// `NOW` shows.
    fn now_after(&self, seconds: i64) -> i64 {
        self.clock.0.store(START_MS + seconds * 1_000, Ordering::Relaxed);
        let words = json!({ "valueRenderOption": "UNFORMATTED_VALUE" });
        let answer = values_read::get(&self.store, "s", "A1:C1", words.as_object().unwrap(), false).unwrap();
        let row = serde_json::from_slice::<Value>(&answer).unwrap()["values"][0].clone();
        assert_eq!(row[0], row[2]);
        let serial = row[0].as_f64().unwrap();
        assert!((serial.floor() - row[1].as_f64().unwrap()).abs() < 1e-9);
        #[expect(clippy::cast_possible_truncation, reason = "a time of this century")]
        let unix_ms = ((serial - 25_569.0) * 86_400_000.0).round() as i64;
        (unix_ms - START_MS) / 1_000
    }
}

#[test]
fn on_change_now_moves_with_edits_only() {
    let sheet = TimedSheet::new(&json!({"autoRecalc": "ON_CHANGE"}));
    assert_eq!(sheet.now_after(0), 0);
    assert_eq!(sheet.now_after(90_000), 0);
    sheet.put("A5", "an edit");
    assert_eq!(sheet.now_after(90_000), 90_000);
    send(&sheet.store, json!([{"addSheet": {"properties": {"sheetId": 9}}}])).unwrap();
    assert_eq!(sheet.now_after(90_005), 90_000, "the batch before was the last edit");
}

#[test]
fn by_the_minute_or_hour_now_moves_by_itself() {
    let sheet = TimedSheet::new(&json!({"autoRecalc": "MINUTE"}));
    assert_eq!(sheet.now_after(20), 0);
    assert_eq!(sheet.now_after(95), 90, "the full minute before");
    sheet.put("A5", "an edit");
    assert_eq!(sheet.now_after(99), 95, "an edit recalculates too");

    let sheet = TimedSheet::new(&json!({"autoRecalc": "HOUR"}));
    assert_eq!(sheet.now_after(29), 0);
    assert_eq!(sheet.now_after(31), 30, "nine o'clock");
    assert_eq!(sheet.now_after(3_600), 30);
    assert_eq!(sheet.now_after(3_631), 3_630);
}

#[test]
fn a_new_setting_is_an_edit_and_counts_from_there() {
    let sheet = TimedSheet::new(&json!({}));
    sheet.now_after(100);
    let hourly = json!({"properties": {"autoRecalc": "HOUR"}, "fields": "autoRecalc"});
    send(&sheet.store, json!([{ "updateSpreadsheetProperties": hourly }])).unwrap();
    assert_eq!(sheet.now_after(101), 100);
    assert_eq!(sheet.now_after(7_300), 7_230);
}

#[test]
fn now_is_the_local_time_of_the_spreadsheet() {
    let sheet = TimedSheet::new(&json!({"timeZone": "Europe/Berlin"}));
    assert_eq!(sheet.now_after(0), 3_600);
}

#[test]
fn the_locale_of_the_spreadsheet_decides_what_a_comma_is() {
    let sheet = TimedSheet::new(&json!({"locale": "de_DE"}));
    let read = || {
        let words = json!({ "valueRenderOption": "UNFORMATTED_VALUE" });
        let answer = values_read::get(&sheet.store, "s", "D1:F1", words.as_object().unwrap(), false).unwrap();
        serde_json::from_slice::<Value>(&answer).unwrap()["values"].clone()
    };
    sheet.put("D1", "=SUM(1,5;1)");
    sheet.put("E1", "=SUM(1,5,1)");
    sheet.put("F1", "=IF(TRUE;\"a\";\"b\")");
    assert_eq!(read(), json!([[2.5, "#ERROR!", "a"]]));
    let american = json!({"properties": {"locale": "en_US"}, "fields": "locale"});
    send(&sheet.store, json!([{ "updateSpreadsheetProperties": american }])).unwrap();
    assert_eq!(read(), json!([[7, 7, "a"]]), "formulas are kept as entered");
}
