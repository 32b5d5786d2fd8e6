//! The setting `max_changed` as written: a number of rows, a share, or a table of both.
//!
//! In scope: its three forms, with the place of each value. Out of scope: their meaning
//! (`config::sections::sheet::max_changed`).

use std::borrow::Cow;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::de::value::MapAccessDeserializer;
use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use toml::Spanned;

use crate::config::syntax::located::Located;

/// How many existing rows a run may change.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(from = "Spanned<MaxChangedShape>")]
pub(crate) struct MaxChangedEntry {
    /// Number of rows.
    pub(crate) rows: Option<Located<i64>>,
    /// Share of all rows.
    pub(crate) share: Option<Located<String>>,
}

#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
#[schemars(deny_unknown_fields)]
struct MaxChangedTable {
    /// Number of rows.
    rows: Option<Located<i64>>,
    /// Share of all rows, such as `10%`.
    share: Option<Located<String>>,
}

impl From<Spanned<MaxChangedShape>> for MaxChangedEntry {
    fn from(written: Spanned<MaxChangedShape>) -> Self {
        let span = written.span();
        match written.into_inner() {
            MaxChangedShape::Rows(rows) => Self { rows: Some(Located::new(Spanned::new(span, rows))), share: None },
            MaxChangedShape::Share(share) => Self { rows: None, share: Some(Located::new(Spanned::new(span, share))) },
            MaxChangedShape::Table(MaxChangedTable { rows, share }) => Self { rows, share },
        }
    }
}

/// The ways of writing it; read by hand, because an untagged enum would lose the places.
#[derive(Debug)]
enum MaxChangedShape {
    Rows(i64),
    Share(String),
    Table(MaxChangedTable),
}

impl<'de> Deserialize<'de> for MaxChangedShape {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct MaxChangedVisitor;
        impl<'de> Visitor<'de> for MaxChangedVisitor {
            type Value = MaxChangedShape;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a number of rows, a share, or a table of both")
            }

            fn visit_i64<E: serde::de::Error>(self, rows: i64) -> Result<MaxChangedShape, E> {
                Ok(MaxChangedShape::Rows(rows))
            }

            fn visit_str<E: serde::de::Error>(self, share: &str) -> Result<MaxChangedShape, E> {
                Ok(MaxChangedShape::Share(share.to_owned()))
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<MaxChangedShape, A::Error> {
                MaxChangedTable::deserialize(MapAccessDeserializer::new(map)).map(MaxChangedShape::Table)
            }
        }
        deserializer.deserialize_any(MaxChangedVisitor)
    }
}

impl JsonSchema for MaxChangedEntry {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "MaxChanged".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let table = MaxChangedTable::json_schema(generator);
        schemars::json_schema!({ "oneOf": [{ "type": "string" }, { "type": "integer" }, table] })
    }
}
