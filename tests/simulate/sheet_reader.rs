//! The spreadsheet's JSON, read as a person would: tabs by title, columns by header. Nothing of the
//! product's client is used.

use serde_json::Value;
use sheetkeep::ledger::leases::head::HeadId;

use crate::observation::{OWN_ROW_TEXT, Observation, ObservedFailure, ObservedHead, ObservedRun};

/// Rows of a state tab that hold the state; what a batch found and wrote is kept below them.
const STATE_ROWS: usize = 64;
/// Cells of a kept row that say what was expected of it.
const UNDO_ROW_HEADER_CELLS: usize = 4;

/// The texts of a tab.
struct TabTexts<'a> {
    title: &'a str,
    rows: Vec<Vec<String>>,
}

impl TabTexts<'_> {
    /// The rows below the header, in these columns; a column that is not there reads as empty.
    fn columns<const N: usize>(&self, names: [&str; N]) -> Vec<[String; N]> {
        let Some(header) = self.rows.first() else { return Vec::new() };
        let at = names.map(|name| header.iter().position(|text| text == name));
        let cell = |row: &[String], at: Option<usize>| at.and_then(|at| row.get(at)).cloned().unwrap_or_default();
        self.rows.iter().skip(1).map(|row| at.map(|at| cell(row, at))).collect()
    }

    /// The value beside a name, where names stand in the first column.
    fn field(&self, name: &str) -> String {
        let found = self.rows.iter().find(|row| row.first().is_some_and(|text| text == name));
        found.and_then(|row| row.get(1)).cloned().unwrap_or_default()
    }
}

/// The titles of all tabs, in order.
pub fn tab_titles(metadata: &Value) -> impl Iterator<Item = &str> {
    let sheets = metadata["sheets"].as_array().map(Vec::as_slice).unwrap_or_default();
    sheets.iter().map(|sheet| sheet["properties"]["title"].as_str().unwrap_or_default())
}

/// What is there: the values of all tabs, in the order of their titles; `called` is what the job's
/// columns are called by now.
pub fn read_observation(metadata: &Value, values: &Value, called: &dyn Fn(&str) -> String) -> Observation {
    let ranges = values["valueRanges"].as_array().map(Vec::as_slice).unwrap_or_default();
    let tabs: Vec<TabTexts<'_>> =
        tab_titles(metadata).zip(ranges).map(|(title, range)| read_tab(title, range)).collect();
    let of = |title: &str| tabs.iter().find(|tab| tab.title == title);
    let rows = |title: &str, names: [&str; 4]| of(title).map(|tab| tab.columns(names)).unwrap_or_default();
    let machine = ["Runs", "Sheet1"];
    let is_data = |title: &str| {
        !machine.contains(&title) && !["Processed ", "Failures ", "sheetkeep "].iter().any(|p| title.starts_with(p))
    };
    let [id, a] = ["id", "a"].map(called);
    let data = tabs.iter().find(|tab| is_data(tab.title)).map(|tab| tab.columns([&id, &a])).unwrap_or_default();
    let processed = rows("Processed j", ["key", "version", "run", ""]);
    let failures = rows("Failures j", ["key", "version", "error", "state"]);
    let runs = rows("Runs", ["run", "status", "new", ""]);
    let filled = |text: &String| !text.is_empty();
    let job_head = read_job_head(metadata, &tabs);
    let states = tabs.iter().filter(|tab| tab.title.starts_with("sheetkeep j #"));
    let rows_below_state = states.flat_map(|tab| tab.rows.iter().skip(STATE_ROWS));
    let undo_rows = rows_below_state
        .map(|row| row.iter().skip(UNDO_ROW_HEADER_CELLS).filter(|text| filled(text)).cloned().collect())
        .collect();
    Observation {
        undo_rows,
        is_head_lost: job_head.is_none() && of("Processed j").is_some(),
        job_head,
        rows: data
            .into_iter()
            .filter(|[key, _]| filled(key) && key != OWN_ROW_TEXT)
            .map(|[key, word]| (key, word))
            .collect(),
        processed: processed
            .into_iter()
            .filter(|[key, ..]| filled(key))
            .map(|[k, v, run, _]| (k, v, run_id_of(&run)))
            .collect(),
        failures: failures
            .into_iter()
            .filter(|[key, ..]| filled(key))
            .map(|[key, version, error, state]| ObservedFailure { key, version, error, is_open: state == "open" })
            .collect(),
        runs: runs
            .into_iter()
            .filter(|[run, ..]| filled(run))
            .map(|[run, status, new, _]| ObservedRun { run, status, new: new.parse().unwrap_or(u64::MAX) })
            .collect(),
    }
}

/// The run's id, without the order of the row behind it.
pub fn run_id_of(cell: &str) -> String {
    cell.split(" #").next().unwrap_or_default().to_owned()
}

/// The mark and the state, unless there are two of them. The mark is in the title of the one state
/// tab, or in the id of the job's named range.
fn read_job_head(metadata: &Value, tabs: &[TabTexts<'_>]) -> Option<ObservedHead> {
    let mut states = tabs.iter().filter_map(|tab| Some((tab, tab.title.strip_prefix("sheetkeep j #")?)));
    let (state, mark) = states.next()?;
    if states.next().is_some() {
        return None;
    }
    let (fence, in_title) = mark.split_once('.').map_or((mark, None), |(fence, head)| (fence, Some(head)));
    let named = metadata["namedRanges"].as_array().map(Vec::as_slice).unwrap_or_default();
    let in_name =
        named.iter().find(|range| range["name"].as_str().is_some_and(|name| name.starts_with("sheetkeep_j_")));
    let head: HeadId = in_title.or_else(|| in_name?["namedRangeId"].as_str())?.parse().ok()?;
    Some(ObservedHead {
        head,
        state_head: state.field("head"),
        fence: fence.parse().ok()?,
        holder: Some(state.field("holder run")).filter(|run| !run.is_empty()),
    })
}

fn read_tab<'a>(title: &'a str, range: &Value) -> TabTexts<'a> {
    let rows = range["values"].as_array().map(Vec::as_slice).unwrap_or_default();
    let cells = |row: &Value| row.as_array().map(|cells| cells.iter().map(cell_text).collect()).unwrap_or_default();
    TabTexts { title, rows: rows.iter().map(cells).collect() }
}

fn cell_text(cell: &Value) -> String {
    match cell {
        Value::String(text) => text.clone(),
        Value::Number(number) => number.as_f64().map(|number| number.to_string()).unwrap_or_default(),
        Value::Null => String::new(),
        other => other.to_string(),
    }
}
