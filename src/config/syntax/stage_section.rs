//! The section `[[stage]]` as written.
//!
//! In scope: its keys and their types, whose docs are the schema's descriptions. Out of scope:
//! their meaning (`config::sections::stages`).

use schemars::JsonSchema;
use serde::Deserialize;

use crate::config::syntax::located::{Located, LocatedText};

/// A stage: a command with a checkpoint, which a restart skips.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
#[schemars(deny_unknown_fields, extend("required" = ["name", "command"]))]
pub(crate) struct StageSection {
    /// The stage's name: letters, digits, `_`, `.` and `-`, at most 50.
    pub(crate) name: Option<LocatedText>,
    /// A program and its arguments. `${SHEETKEEP_STAGE_INPUT}` becomes the path of the file of the
    /// stage before, `${SHEETKEEP_STAGE_OUTPUT}` a path where the program may write its own.
    /// Without that, its standard output is the file.
    pub(crate) command: Option<Located<Vec<String>>>,
    /// The file that the stage makes, such as `data/${SHEETKEEP_LOGICAL_DATE}/raw.json`. A stage
    /// without one delivers the file of the stage before it; what it can't deliver is kept below
    /// `dead/`.
    pub(crate) artifact: Option<LocatedText>,
    /// How long one attempt may take; as long as it needs if nothing is said.
    pub(crate) timeout: Option<LocatedText>,
    /// Which failures pass by themselves, and how often the command is tried.
    pub(crate) retry: Option<StageRetrySection>,
}

/// Which failures of a stage pass by themselves, and how often its command is tried.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
#[schemars(deny_unknown_fields)]
pub(crate) struct StageRetrySection {
    /// Tries in all, the first one included; 3 if nothing is said.
    pub(crate) attempts: Option<Located<i64>>,
    /// The first wait's upper bound, 1s if nothing is said; it doubles with every try.
    pub(crate) base: Option<LocatedText>,
    /// The longest wait, 60s if nothing is said.
    pub(crate) cap: Option<LocatedText>,
    /// The exit codes that are tried again, 69 and 75 if nothing is said; a timeout always is.
    pub(crate) on_exit: Option<Located<Vec<i64>>>,
    /// The exit codes that are tried again, by the program: curl, http, ssh or sysexits. With
    /// `on_exit` both add up.
    #[schemars(extend("enum" = ["curl", "http", "ssh", "sysexits"]))]
    pub(crate) preset: Option<LocatedText>,
}
