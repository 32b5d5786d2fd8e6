//! The source that a job reads.
//!
//! In scope: the settings of a source, opening it. Out of scope: reading it (`source`).

use std::path::PathBuf;
use std::sync::Arc;

use futures_util::future::FutureExt;
use serde_json::Value;
use tokio::runtime::Handle;

use crate::config::problem::ConfigProblem;
use crate::config::sections::evaluation::EvaluationSettings;
use crate::config::syntax::located::At;
use crate::config::syntax::raw::SourceSection as RawSource;
use crate::config::value_reader::ValueReader;
use crate::port::evaluator::EvaluationError;
use crate::port::source::{Source, SourceError};
use crate::source::background_reader::BackgroundReader;
use crate::source::input::Input;
use crate::source::json::{Extract, Items, NoItems};
use crate::source::skim::Depth;
use crate::source::{csv, json, jsonl};
use crate::step::expression::Expression;
use crate::step::jq::program::Program;

/// The settings of a source.
#[derive(Debug, Clone)]
pub struct SourceSettings {
    /// The file or standard input.
    pub input: Input,
    /// The format of its bytes.
    pub format: Format,
}

/// The format of a source.
#[derive(Debug, Clone)]
pub enum Format {
    /// CSV with a header row.
    Csv {
        /// The byte between fields.
        delimiter: u8,
    },
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
            Format::Jsonl => "jsonl",
            Format::Json { .. } => "json",
        }
    }

    /// Opens the source. Fails if it is missing or may not be read; errors in its contents come
    /// with records.
    pub fn open(&self, evaluation: &EvaluationSettings) -> Result<Box<dyn Source>, SourceError> {
        Ok(Box::new(self.reading(evaluation)?))
    }

    /// Opens the source for two readings, the first one with this depth.
    pub fn open_twice(&self, evaluation: &EvaluationSettings, first: Depth) -> Result<Box<dyn Source>, SourceError> {
        Ok(Box::new(self.reading(evaluation)?.twice(first)))
    }

    fn reading(&self, evaluation: &EvaluationSettings) -> Result<BackgroundReader, SourceError> {
        match &self.format {
            Format::Csv { delimiter } => csv::open(&self.input, *delimiter),
            Format::Jsonl => jsonl::open(&self.input),
            Format::Json { items } => json::open(
                &self.input,
                Items::from_expression(items.source(), || extract(evaluation.expression(items))),
            ),
        }
    }
}

fn extract(items: Expression) -> Extract {
    // The reading thread may block, so it is not one of the runtime's.
    let runtime = Handle::try_current();
    Arc::new(move |document: Value, bytes: u64| {
        let values = items.values_of_document(document, bytes);
        let values = match &runtime {
            Ok(runtime) => runtime.block_on(values),
            Err(_) => values
                .now_or_never()
                .unwrap_or_else(|| Err(EvaluationError::Rejected("no evaluator is available".into()))),
        };
        let values = values.map_err(|error| match error {
            EvaluationError::Rejected(why) => NoItems::Broken(why),
            EvaluationError::Machine(trouble) => NoItems::Unavailable(trouble.to_string()),
        })?;
        match values.as_slice() {
            [Value::Array(_)] => {
                let expression = items.source().trim();
                let why = format!("{expression} is one array; write {expression}[] to make a record of each element");
                Err(NoItems::Broken(why))
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
}

impl FormatKey {
    /// Returns the key as the job file has it.
    fn word(self) -> &'static str {
        match self {
            Self::Csv => "csv",
            Self::Json => "json",
            Self::Jsonl => "jsonl",
        }
    }
}

/// Reads the source of a job file, with the input that a flag names instead.
pub(crate) fn settings(
    reader: &mut ValueReader<'_>,
    raw: &At<RawSource>,
    flag: Option<&PathBuf>,
) -> Option<SourceSettings> {
    let source = raw.get();
    let keys = [(FormatKey::Csv, &source.csv), (FormatKey::Json, &source.json), (FormatKey::Jsonl, &source.jsonl)];
    let named: Vec<(FormatKey, &At<String>)> =
        keys.into_iter().filter_map(|(key, at)| at.as_ref().map(|at| (key, at))).collect();
    let (key, at) = match named.as_slice() {
        [one] => *one,
        [] => {
            // A planned source was reported already.
            if reader.problems.iter().all(|problem| !problem.message.ends_with("is not built yet")) {
                let problem =
                    ConfigProblem::at(raw.span(), "`source` names no source", "csv, json or jsonl is missing here");
                reader.add_problem(problem.help("add one, such as: csv = \"items.csv\""));
            }
            return None;
        }
        [_, second, ..] => {
            let all: Vec<String> = named.iter().map(|(key, _)| format!("`{}`", key.word())).collect();
            let message = format!("`source` names {}, and a job has one", all.join(" and "));
            reader.add_problem_at(second.1, message, "one too many", "make it two jobs, or take one out");
            return None;
        }
    };
    misplaced(reader, source, key.word());
    let path = reader.non_empty(at, "the source's path");
    let format = match key {
        FormatKey::Csv => source
            .delimiter
            .as_ref()
            .map_or(Some(b','), |at| delimiter(reader, at))
            .map(|delimiter| Format::Csv { delimiter }),
        FormatKey::Json => items(reader, source).map(|items| Format::Json { items }),
        FormatKey::Jsonl => Some(Format::Jsonl),
    };
    let input = match (flag, path) {
        (Some(flag), _) => Input::from_path(flag),
        (None, Some(path)) if path == "-" => Input::Stdin,
        (None, path) => Input::File(reader.folder.join(path?)),
    };
    Some(SourceSettings { input, format: format? })
}

fn misplaced(reader: &mut ValueReader<'_>, source: &RawSource, word: &str) {
    for (key, at, owner) in [("items", &source.items, "json"), ("delimiter", &source.delimiter, "csv")] {
        if let Some(at) = at
            && owner != word
        {
            let help = format!("take it out, or name the source as {owner}");
            reader.add_problem_at(
                at,
                format!("`source.{key}` goes with {owner}, and this source is {word}"),
                "not used",
                &help,
            );
        }
    }
}

fn delimiter(reader: &mut ValueReader<'_>, at: &At<String>) -> Option<u8> {
    let text = reader.text(at)?;
    match text.as_bytes() {
        [byte] if byte.is_ascii() && !b"\"\r\n\0".contains(byte) => Some(*byte),
        _ => {
            let help = "write one character, such as \",\", \";\" or \"\\t\"";
            reader.add_problem_at(at, "`source.delimiter` has to be one ASCII character", "not one character", help);
            None
        }
    }
}

fn items(reader: &mut ValueReader<'_>, source: &RawSource) -> Option<Program> {
    match &source.items {
        Some(at) => reader.program(at, "`source.items`"),
        None => Program::compile(".[]").ok(),
    }
}
