//! A value of the job file, with its place there.
//!
//! In scope: the place, for errors that show the line. Out of scope: the keys
//! (`config::syntax::raw`).

use std::borrow::Cow;
use std::ops::Range;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::Deserialize;
use toml::Spanned;

/// A value and its place in the file.
#[derive(Debug, Clone, Deserialize)]
#[serde(transparent)]
#[serde(bound = "T: Deserialize<'de>")]
pub(crate) struct Located<T>(Spanned<T>);

/// A text and its place in the file.
pub(crate) type LocatedText = Located<String>;

impl<T> Located<T> {
    /// Creates a value that was read from there.
    pub(crate) fn new(value: Spanned<T>) -> Self {
        Self(value)
    }

    /// The value, without its place.
    pub(crate) fn get(&self) -> &T {
        self.0.get_ref()
    }

    /// Its first byte in the file, and the one after its last.
    pub(crate) fn span(&self) -> Range<usize> {
        self.0.span()
    }
}

impl<T: JsonSchema> JsonSchema for Located<T> {
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
