//! The job file as written.
//!
//! In scope: its keys and their types, with the place of each value; the schema is made of these. Out of scope: what they mean
//! (`config::settings`); which keys are missing or unknown (`config::keys`).

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::ops::Range;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::Deserialize;
use toml::Spanned;

/// A value and its place in the file.
#[derive(Debug, Clone, Deserialize)]
#[serde(transparent)]
#[serde(bound = "T: Deserialize<'de>")]
pub(crate) struct At<T>(Spanned<T>);

impl<T> At<T> {
    pub(crate) fn get(&self) -> &T {
        self.0.get_ref()
    }

    pub(crate) fn span(&self) -> Range<usize> {
        self.0.span()
    }
}

impl<T: JsonSchema> JsonSchema for At<T> {
    fn inline_schema() -> bool {
        T::inline_schema()
    }

    fn schema_name() -> Cow<'static, str> {
        T::schema_name()
    }

    fn schema_id() -> Cow<'static, str> {
        T::schema_id()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        T::json_schema(generator)
    }
}

type Text = At<String>;

/// A sheetkeep job.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
#[schemars(deny_unknown_fields, title = "sheetkeep job file", extend("required" = ["name", "source", "item", "sheet"]))]
pub(crate) struct JobFile {
    /// The job's name: letters, digits, blank, `_`, `.` and `-`, at most 50. It names the tabs that hold the job's state.
    pub(crate) name: Option<Text>,
    /// When the job should run.
    pub(crate) schedule: Option<Schedule>,
    /// Where records come from: exactly one of csv, json and jsonl.
    pub(crate) source: Option<At<Source>>,
    /// What makes two records the same one.
    pub(crate) item: Option<Item>,
    /// What is done with a record, in order; without a step a record is its own row.
    pub(crate) step: Vec<Step>,
    /// Where rows go.
    pub(crate) sheet: Option<Sheet>,
    /// How often results are written.
    pub(crate) commit: Option<Commit>,
    /// How calls that fail are tried again.
    pub(crate) retry: Option<Retry>,
    /// What becomes of records that fail.
    pub(crate) failures: Option<Failures>,
    /// Who is running.
    pub(crate) lease: Option<Lease>,
    /// What is kept on this machine.
    pub(crate) state: Option<State>,
}

/// When the job should run.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
#[schemars(deny_unknown_fields, extend("required" = ["cron"]))]
pub(crate) struct Schedule {
    /// A cron expression of five fields.
    pub(crate) cron: Option<Text>,
    /// The IANA zone in which it is meant, such as Europe/Berlin; UTC if none is named.
    pub(crate) timezone: Option<Text>,
}

/// Where records come from. A path is relative to the job file; `-` is standard input.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
#[schemars(deny_unknown_fields)]
pub(crate) struct Source {
    /// A CSV file with a header row.
    pub(crate) csv: Option<Text>,
    /// A JSON document.
    pub(crate) json: Option<Text>,
    /// A file with one JSON text a line.
    pub(crate) jsonl: Option<Text>,
    /// Which values of a JSON document are records: a path such as `.features[]` streams, any other jq reads the whole document.
    pub(crate) items: Option<Text>,
    /// What sets CSV fields apart: one character, a comma if none is named.
    pub(crate) delimiter: Option<Text>,
}

/// What makes two records the same one, and a record worth processing again.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
#[schemars(deny_unknown_fields, extend("required" = ["key"]))]
pub(crate) struct Item {
    /// jq that yields a record's key, a text or a number.
    pub(crate) key: Option<Text>,
    /// jq that yields a record's version; a hash of the record if none is named and rows are kept one a key.
    pub(crate) version: Option<Text>,
    /// Which versions are worth processing again: any other one, or only a newer one (versions are then numbers or moments).
    #[schemars(extend("enum" = ["any", "newer"]))]
    pub(crate) order: Option<Text>,
}

/// One step.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
#[schemars(deny_unknown_fields, extend("required" = ["map"]))]
pub(crate) struct Step {
    /// jq that yields rows: objects of column and value; none, one or several.
    pub(crate) map: Option<Text>,
    /// The step's name, for failures.
    pub(crate) name: Option<Text>,
}

/// Where rows go.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
#[schemars(deny_unknown_fields, extend("required" = ["tab"]))]
pub(crate) struct Sheet {
    /// The data tab's title.
    pub(crate) tab: Option<Text>,
    /// How rows are written: each appended, or one row a key, whose cells a newer version writes over.
    #[schemars(extend("enum" = ["append", "upsert"]))]
    pub(crate) mode: Option<Text>,
    /// Columns by name, with the type of each: text, number, boolean, date, datetime, duration, link or formula.
    pub(crate) columns: BTreeMap<String, ColumnWord>,
    /// The IANA zone in which times are shown; the spreadsheet's own if none is named.
    pub(crate) timezone: Option<Text>,
    /// The column that carries the key; found by itself if none is named.
    pub(crate) key: Option<Text>,
    /// The spreadsheet, by id or address; usually left to the environment variable `SHEETKEEP_SPREADSHEET_ID`.
    pub(crate) spreadsheet: Option<Text>,
}

/// The type of a column.
#[derive(Debug, Clone, Deserialize)]
#[serde(transparent)]
pub(crate) struct ColumnWord(pub(crate) Text);

impl JsonSchema for ColumnWord {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "ColumnType".into()
    }

    fn json_schema(_generator: &mut SchemaGenerator) -> Schema {
        let words: Vec<&str> = crate::ledger::columns::ColumnType::WORDS.iter().map(|(word, _)| *word).collect();
        schemars::json_schema!({ "type": "string", "enum": words })
    }
}

/// How often results are written.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
#[schemars(deny_unknown_fields)]
pub(crate) struct Commit {
    /// How long a result may wait to be written, such as 2s.
    pub(crate) every: Option<Text>,
    /// The most rows in one write.
    pub(crate) max_rows: Option<At<i64>>,
}

/// How calls that fail are tried again.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
#[schemars(deny_unknown_fields)]
pub(crate) struct Retry {
    /// Tries in all, the first one included.
    pub(crate) attempts: Option<At<i64>>,
    /// The first wait's upper bound, such as 1s; it doubles with every try.
    pub(crate) base: Option<Text>,
    /// The longest wait, at least 64s.
    pub(crate) cap: Option<Text>,
    /// How long a call may go on being tried, such as 3m.
    pub(crate) max_elapsed: Option<Text>,
}

/// What becomes of records that fail.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
#[schemars(deny_unknown_fields)]
pub(crate) struct Failures {
    /// Tries of one record, over all runs.
    pub(crate) max_attempts: Option<At<i64>>,
}

/// Who is running.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
#[schemars(deny_unknown_fields)]
pub(crate) struct Lease {
    /// How long a run that went silent is waited for, such as 5m; at least 1s.
    pub(crate) ttl: Option<Text>,
}

/// What is kept on this machine.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
#[schemars(deny_unknown_fields)]
pub(crate) struct State {
    /// The folder of the installation's id and lock.
    pub(crate) dir: Option<Text>,
    /// The file of the embedded sheet, which is used where no spreadsheet is named.
    pub(crate) file: Option<Text>,
}
