//! A column in the job file: the word of its type, or a table.
//!
//! In scope: reading and describing both forms. Out of scope: which types there are
//! (`ledger::values::columns`), what a column means (`config::sections::records::columns`).

use std::borrow::Cow;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::de::value::MapAccessDeserializer;
use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use toml::Spanned;

use crate::config::syntax::located::{Located, LocatedText};

/// A column: the word of its type, or a table with format and zone.
#[derive(Debug, Clone, Default)]
pub(crate) struct ColumnDeclaration {
    /// The name of the type, such as `number`; `auto` if there is none.
    pub(crate) kind: Option<LocatedText>,
    /// The form of its numbers, dates, times or durations, as spreadsheets write it, such as `#,##0.00`.
    pub(crate) format: Option<LocatedText>,
    /// The IANA zone in which its times are shown.
    pub(crate) timezone: Option<LocatedText>,
    /// The decimal mark with which the source writes its numbers.
    pub(crate) decimal: Option<LocatedText>,
    /// The pattern in which the source writes its dates or times.
    pub(crate) input: Option<LocatedText>,
}

#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
#[schemars(deny_unknown_fields)]
struct ColumnTable {
    /// The type of its values.
    #[serde(rename = "type")]
    #[schemars(schema_with = "make_column_schema")]
    kind: Option<LocatedText>,
    /// The form of its numbers, dates, times or durations, as spreadsheets write it, such as `#,##0.00`.
    format: Option<LocatedText>,
    /// The IANA zone in which its times are shown; the sheet's if none is named.
    timezone: Option<LocatedText>,
    /// The decimal mark with which the source writes its numbers: `,` for 1.234,56, or `.` for 1,234.56.
    #[schemars(extend("enum" = [",", "."]))]
    decimal: Option<LocatedText>,
    /// The pattern in which the source writes its dates or times, such as `%d.%m.%Y` for 31.12.2026.
    input: Option<LocatedText>,
}

fn make_column_schema(_generator: &mut SchemaGenerator) -> Schema {
    let words: Vec<&str> = crate::ledger::values::columns::ColumnType::WORDS.iter().map(|(word, _)| *word).collect();
    schemars::json_schema!({ "type": "string", "enum": words })
}

/// A column with its place in the file.
#[derive(Debug, Clone, Deserialize)]
#[serde(from = "Spanned<ColumnShape>")]
pub(crate) struct ColumnEntry {
    /// Where it is written.
    pub(crate) start: usize,
    /// Its type, format and zone, as far as they are written.
    pub(crate) says: ColumnDeclaration,
}

impl From<Spanned<ColumnShape>> for ColumnEntry {
    fn from(written: Spanned<ColumnShape>) -> Self {
        let span = written.span();
        let says = match written.into_inner() {
            ColumnShape::Word(word) => ColumnDeclaration {
                kind: Some(Located::new(Spanned::new(span.clone(), word))),
                ..ColumnDeclaration::default()
            },
            ColumnShape::Table(ColumnTable { kind, format, timezone, decimal, input }) => {
                ColumnDeclaration { kind, format, timezone, decimal, input }
            }
        };
        Self { start: span.start, says }
    }
}

/// The two ways of writing a column; read by hand, because an untagged enum would lose the places.
#[derive(Debug)]
enum ColumnShape {
    Word(String),
    Table(ColumnTable),
}

impl<'de> Deserialize<'de> for ColumnShape {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ColumnEntryVisitor;
        impl<'de> Visitor<'de> for ColumnEntryVisitor {
            type Value = ColumnShape;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("the word of a type, or a table")
            }

            fn visit_str<E: serde::de::Error>(self, word: &str) -> Result<ColumnShape, E> {
                Ok(ColumnShape::Word(word.to_owned()))
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<ColumnShape, A::Error> {
                ColumnTable::deserialize(MapAccessDeserializer::new(map)).map(ColumnShape::Table)
            }
        }
        deserializer.deserialize_any(ColumnEntryVisitor)
    }
}

impl JsonSchema for ColumnEntry {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Column".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let (word, table) = (make_column_schema(generator), ColumnTable::json_schema(generator));
        schemars::json_schema!({ "oneOf": [word, table] })
    }
}
