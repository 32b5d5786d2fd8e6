//! The source that a job reads.
//!
//! In scope: the settings of a source, opening it. Out of scope: reading it (`source`).

use std::path::PathBuf;
use std::sync::Arc;

use futures_util::future::FutureExt;
use serde_json::Value;
use tokio::runtime::Handle;

use crate::config::problem::ConfigProblem;
use crate::config::sections::records::evaluation::EvaluationSettings;
use crate::config::syntax::closest_word::find_closest_word;
use crate::config::syntax::located::Located;
use crate::config::syntax::raw::SourceSection as RawSource;
use crate::config::value_reader::ValueReader;
use crate::port::evaluator::EvaluationError;
use crate::port::source::{Source, SourceError};
use crate::source::background_reader::BackgroundReader;
use crate::source::bytes::encoding::TextEncoding;
use crate::source::bytes::input::Input;
use crate::source::csv::csv_records;
use crate::source::csv::delimiter::Delimiter;
use crate::source::file_series::{FileSeries, list_files};
use crate::source::json::json_document::{ExtractFn, NoRecordsError, RecordChoice};
use crate::source::json::{json_document, json_lines};
use crate::source::path_selection::RecordDepth;
use crate::source::xlsx;
use crate::source::xlsx::chosen_sheet::SheetChoice;
use crate::step::expression::Expression;
use crate::step::jq::program::Program;

/// The settings of a source.
#[derive(Debug, Clone)]
pub struct SourceSettings {
    /// The file, a pattern of files, or standard input.
    pub input: Input,
    /// The encoding of its text.
    pub encoding: TextEncoding,
    /// The format of its bytes.
    pub format: Format,
}

/// The format of a source.
#[derive(Debug, Clone)]
pub enum Format {
    /// CSV with a header row.
    Csv {
        /// What separates the fields.
        delimiter: Delimiter,
    },
    /// A sheet of an Excel workbook.
    Xlsx(SheetChoice),
    /// One JSON text a line.
    Jsonl,
    /// One JSON document.
    Json {
        /// The records, as jq; a plain path streams.
        items: Program,
    },
}

impl SourceSettings {
    /// Returns the key in the job file.
    pub fn kind(&self) -> &'static str {
        match &self.format {
            Format::Csv { .. } => "csv",
            Format::Xlsx(_) => "xlsx",
            Format::Jsonl => "jsonl",
            Format::Json { .. } => "json",
        }
    }

    /// Opens the source. Fails if it is missing or may not be read; errors in its contents come
    /// with records.
    pub fn open(&self, evaluation: &EvaluationSettings) -> Result<Box<dyn Source>, SourceError> {
        self.open_each(|input| self.open_reader(input, evaluation))
    }

    /// Opens the source for two readings, the first one with this depth.
    pub fn open_twice(
        &self,
        evaluation: &EvaluationSettings,
        first: &RecordDepth,
    ) -> Result<Box<dyn Source>, SourceError> {
        self.open_each(|input| Ok(self.open_reader(input, evaluation)?.read_twice(first.clone())))
    }

    /// Opens one file, or all that a pattern matches.
    fn open_each(
        &self,
        open: impl Fn(&Input) -> Result<BackgroundReader, SourceError>,
    ) -> Result<Box<dyn Source>, SourceError> {
        let all = list_files(&self.input)?;
        let mut readers = all.iter().map(open).collect::<Result<Vec<_>, _>>()?;
        match (readers.pop(), readers.is_empty()) {
            (Some(only), true) => Ok(Box::new(only)),
            (last, _) => {
                readers.extend(last);
                Ok(Box::new(FileSeries::new(readers)))
            }
        }
    }

    fn open_reader(&self, input: &Input, evaluation: &EvaluationSettings) -> Result<BackgroundReader, SourceError> {
        match &self.format {
            Format::Csv { delimiter } => csv_records::open(input, *delimiter, self.encoding),
            Format::Xlsx(choice) => xlsx::open(input, choice.clone()),
            Format::Jsonl => json_lines::open(input, self.encoding),
            Format::Json { items } => json_document::open(
                input,
                RecordChoice::from_expression(items.source(), || extract(evaluation.make_expression(items))),
                self.encoding,
            ),
        }
    }
}

fn extract(items: Expression) -> ExtractFn {
    // The reading thread may block, so it is not one of the runtime's.
    let runtime = Handle::try_current();
    Arc::new(move |document: Value, bytes: u64| {
        let values = items.evaluate_document(document, bytes);
        let values = match &runtime {
            Ok(runtime) => runtime.block_on(values),
            Err(_) => values
                .now_or_never()
                .unwrap_or_else(|| Err(EvaluationError::Rejected("no evaluator is available".into()))),
        };
        let values = values.map_err(|error| match error {
            EvaluationError::Rejected(why) => NoRecordsError::Broken(why),
            EvaluationError::Machine(machine_error) => NoRecordsError::Unavailable(machine_error.to_string()),
        })?;
        match values.as_slice() {
            [Value::Array(_)] => {
                let expression = items.source().trim();
                let why = format!("{expression} is one array; write {expression}[] to make a record of each element");
                Err(NoRecordsError::Broken(why))
            }
            _ => Ok(values),
        }
    })
}

/// The keys of `[source]`, each of which names a format.
#[derive(Clone, Copy)]
enum FormatKey {
    Csv,
    Json,
    Jsonl,
    Xlsx,
}

impl FormatKey {
    /// Returns the key as the job file has it.
    fn key_word(self) -> &'static str {
        match self {
            Self::Csv => "csv",
            Self::Json => "json",
            Self::Jsonl => "jsonl",
            Self::Xlsx => "xlsx",
        }
    }
}

/// Reads the source of a job file, with the input that a flag names instead.
pub(crate) fn read_source(
    reader: &mut ValueReader<'_>,
    raw: &Located<RawSource>,
    flag: Option<&PathBuf>,
) -> Option<SourceSettings> {
    let source = raw.get();
    let keys = [
        (FormatKey::Csv, &source.csv),
        (FormatKey::Json, &source.json),
        (FormatKey::Jsonl, &source.jsonl),
        (FormatKey::Xlsx, &source.xlsx),
    ];
    let named: Vec<(FormatKey, &Located<String>)> =
        keys.into_iter().filter_map(|(key, at)| at.as_ref().map(|at| (key, at))).collect();
    let (key, at) = match named.as_slice() {
        [one] => *one,
        [] => {
            // A planned, misspelt or mistyped key of the table is one mistake, and reported already.
            let is_reported = reader.problems.iter().any(|problem| problem.path.starts_with("source."));
            if !is_reported {
                let problem = ConfigProblem::new_at(
                    raw.span(),
                    "`source` names no source",
                    "csv, json, jsonl or xlsx is missing here",
                );
                reader.add_problem(problem.help("add one, such as: csv = \"items.csv\""));
            }
            return None;
        }
        [_, second, ..] => {
            let all: Vec<String> = named.iter().map(|(key, _)| format!("`{}`", key.key_word())).collect();
            let message = format!("`source` names {}, and a job has one", all.join(" and "));
            reader.add_problem_at(second.1, message, "one too many", "make it two jobs, or take one out");
            return None;
        }
    };
    report_misplaced_keys(reader, source, key.key_word());
    let path = reader.read_non_empty(at, "the source's path");
    let format = match key {
        FormatKey::Csv => source
            .delimiter
            .as_ref()
            .map_or(Some(Delimiter::Unset), |at| read_delimiter(reader, at))
            .map(|delimiter| Format::Csv { delimiter }),
        FormatKey::Json => read_items(reader, source).map(|items| Format::Json { items }),
        FormatKey::Jsonl => Some(Format::Jsonl),
        FormatKey::Xlsx => read_sheet_choice(reader, source).map(Format::Xlsx),
    };
    let encoding = source.encoding.as_ref().map_or(Some(TextEncoding::Auto), |at| read_encoding(reader, at));
    let input = match (flag, path) {
        (Some(flag), _) => Input::from_path(flag),
        (None, Some(path)) if path == "-" => Input::Stdin,
        (None, path) => Input::File(reader.folder.join(path?)),
    };
    Some(SourceSettings { input, encoding: encoding?, format: format? })
}

fn report_misplaced_keys(reader: &mut ValueReader<'_>, source: &RawSource, word: &str) {
    let keys: [(&str, Option<_>, &[&str]); 5] = [
        ("items", source.items.as_ref().map(Located::span), &["json"]),
        ("delimiter", source.delimiter.as_ref().map(Located::span), &["csv"]),
        ("encoding", source.encoding.as_ref().map(Located::span), &["csv", "json", "jsonl"]),
        ("sheet", source.sheet.as_ref().map(Located::span), &["xlsx"]),
        ("header_row", source.header_row.as_ref().map(Located::span), &["xlsx"]),
    ];
    for (key, span, owners) in keys {
        if let Some(span) = span
            && !owners.contains(&word)
        {
            let owners = owners.join(" or ");
            let message = format!("`source.{key}` goes with {owners}, and this source is {word}");
            let help = format!("take it out, or name the source as {owners}");
            reader.add_problem(ConfigProblem::new_at(span, message, "not used").help(help));
        }
    }
}

fn read_delimiter(reader: &mut ValueReader<'_>, at: &Located<String>) -> Option<Delimiter> {
    let text = reader.read_text(at)?;
    match text.as_bytes() {
        b"auto" => Some(Delimiter::Auto),
        [byte] if byte.is_ascii() && !b"\"\r\n\0".contains(byte) => Some(Delimiter::Byte(*byte)),
        _ => {
            let help = "write one character, such as \",\", \";\" or \"\\t\"; or \"auto\"";
            reader.add_problem_at(at, "`source.delimiter` has to be one ASCII character", "not one character", help);
            None
        }
    }
}

fn read_encoding(reader: &mut ValueReader<'_>, at: &Located<String>) -> Option<TextEncoding> {
    let label = reader.read_text(at)?;
    let encoding = TextEncoding::parse(&label);
    if encoding.is_none() {
        let labels =
            ["auto", "utf-8", "utf-16le", "utf-16be", "windows-1252", "windows-1250", "windows-1251", "iso-8859-15"];
        let help = match find_closest_word(&label, labels.into_iter()) {
            Some(suggestion) => format!("did you mean \"{suggestion}\"?"),
            None => "write \"auto\", \"utf-8\", \"windows-1252\", or another name of https://encoding.spec.whatwg.org"
                .to_owned(),
        };
        reader.add_problem_at(at, "`source.encoding` is not a known encoding", "unknown encoding", &help);
    }
    encoding
}

fn read_sheet_choice(reader: &mut ValueReader<'_>, source: &RawSource) -> Option<SheetChoice> {
    let sheet = match &source.sheet {
        Some(at) => Some(reader.read_non_empty(at, "`source.sheet`")?),
        None => None,
    };
    let header_row = match &source.header_row {
        Some(at) => Some(reader.read_whole_number(at, "`source.header_row`", 1..=1_048_576)?),
        None => None,
    };
    Some(SheetChoice { sheet, header_row: header_row.and_then(|row| u32::try_from(row).ok()) })
}

fn read_items(reader: &mut ValueReader<'_>, source: &RawSource) -> Option<Program> {
    match &source.items {
        Some(at) => reader.read_program(at, "`source.items`"),
        None => Program::compile(".[]").ok(),
    }
}
