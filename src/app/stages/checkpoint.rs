//! The record of a stage that has ended: its key, its version, its row.
//!
//! In scope: reading and making records. Out of scope: when a stage ends
//! (`app::stages::stage_source`).

use futures_util::future::{BoxFuture, FutureExt, ready};
use serde_json::{Map, Value, json};

use crate::app::stages::artifact::Artifact;
use crate::ledger::items::key::{Key, KeyError, Version};
use crate::port::step::{Identity, KeyFinder};

/// Digits of the input's hash in a version.
const INPUT_DIGITS: usize = 12;
/// The start of the hash in a description.
const HASH: &str = "sha256:";
/// The members of a record that make no column.
const NO_COLUMNS: [&str; 2] = ["version", "dead_letter"];

/// Returns the version of a stage: its artefact, and the start of the hash of what it was made
/// from. A stage that makes no file has the version of what it delivers.
pub fn make_version(artifact: Option<&Artifact>, input: Option<&Artifact>) -> Version {
    let from = input.and_then(|input| input.sha256.get(..INPUT_DIGITS));
    Version(match (artifact, from) {
        (Some(artifact), Some(from)) => format!("{} from {from}", artifact.description()),
        (Some(artifact), None) => artifact.description(),
        (None, _) => input.map(Artifact::description).unwrap_or_default(),
    })
}

/// Returns true if a version says that its file was made from this input.
pub fn is_made_from(version: &str, input: Option<&Artifact>) -> bool {
    let is_from = |from: &str| version.ends_with(&format!(" from {from}"));
    match input.and_then(|input| input.sha256.get(..INPUT_DIGITS)) {
        Some(from) => is_from(from),
        // A file that was made from nothing has the end of its hash there.
        None => version.rsplit(' ').next().is_some_and(|last| last.starts_with(HASH)),
    }
}

/// The record of one ended stage.
#[derive(Debug, Clone, PartialEq)]
pub struct Checkpoint {
    /// The key of stage and run.
    pub key: Key,
    /// The stage's name.
    pub stage: String,
    /// The logical run, such as 2026-11-29.
    pub run: String,
    /// The artefact that it made, or the one that it delivers.
    pub artifact: Option<Artifact>,
    /// The version of the stage's item.
    pub version: Version,
    /// Attempts that it took; 0 if it was done before.
    pub attempts: usize,
    /// Seconds that it took.
    pub seconds: f64,
    /// The path of the dead letter, if it could not be delivered.
    pub dead_letter: Option<String>,
}

impl Checkpoint {
    /// Returns the record.
    pub fn record(&self) -> Value {
        let mut record = Map::new();
        for (name, value) in
            [("key", self.key.as_str()), ("version", &self.version.0), ("run", &self.run), ("stage", &self.stage)]
        {
            record.insert(name.to_owned(), value.into());
        }
        let artifact = self.artifact.iter().flat_map(Artifact::members);
        record.extend(artifact.map(|(name, value)| (name.to_owned(), value)));
        if let Some(path) = &self.dead_letter {
            record.insert("dead_letter".to_owned(), path.as_str().into());
        } else {
            record.insert("attempts".to_owned(), json!(self.attempts));
            record.insert("seconds".to_owned(), json!(self.seconds));
        }
        Value::Object(record)
    }
}

/// Returns the row that a record makes in the data tab.
pub fn make_row(record: &Value, attempts: Option<(usize, f64)>) -> Value {
    let mut row = record.as_object().cloned().unwrap_or_default();
    row.retain(|name, _| !NO_COLUMNS.contains(&name.as_str()));
    if let Some((attempts, seconds)) = attempts {
        row.insert("attempts".to_owned(), json!(attempts));
        row.insert("seconds".to_owned(), json!(seconds));
    }
    Value::Object(row)
}

/// Finds the key and the version in a record of this module.
#[derive(Debug, Clone, Copy)]
pub struct CheckpointKeyFinder;

impl KeyFinder for CheckpointKeyFinder {
    fn identify<'a>(&'a self, body: &'a Value) -> BoxFuture<'a, Identity> {
        let text = |name: &str| body.get(name).and_then(Value::as_str);
        let key = text("key").ok_or(KeyError::Missing).and_then(Key::new);
        let version = Version(text("version").unwrap_or_default().to_owned());
        ready(key.map(|key| (key, version)).map_err(Into::into)).boxed()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn artifact(path: &str, digit: &str) -> Artifact {
        Artifact { path: path.into(), bytes: 3, sha256: digit.repeat(64) }
    }

    #[test]
    fn a_version_depends_on_the_file_and_on_its_input() {
        let (raw, made) = (artifact("raw", "a"), artifact("made", "b"));
        let (other, version) = (artifact("raw", "c"), |artifact, input| make_version(artifact, input).0);
        assert_eq!(version(Some(&raw), None), format!("raw 3 B sha256:{}", "a".repeat(64)));
        assert_eq!(version(Some(&made), Some(&raw)), format!("made 3 B sha256:{} from aaaaaaaaaaaa", "b".repeat(64)));
        assert_ne!(version(Some(&made), Some(&other)), version(Some(&made), Some(&raw)));
        assert_eq!(version(None, Some(&made)), made.description());
        assert_eq!(version(None, None), "");
    }

    #[test]
    fn a_version_says_what_its_file_was_made_from() {
        let (raw, made, other) = (artifact("raw", "a"), artifact("made", "b"), artifact("raw", "c"));
        let (of_raw, of_nothing) = (make_version(Some(&made), Some(&raw)), make_version(Some(&made), None));
        let from = |version: &Version| [Some(&raw), Some(&other), None].map(|input| is_made_from(&version.0, input));
        assert_eq!(from(&of_raw), [true, false, false]);
        assert_eq!(from(&of_nothing), [false, false, true]);
    }

    #[tokio::test]
    async fn a_record_has_its_key_its_version_and_its_row() {
        let checkpoint = Checkpoint {
            key: Key::new("2026-11-29 fetch").expect("a key"),
            stage: "fetch".into(),
            run: "2026-11-29".into(),
            artifact: Some(artifact("raw", "a")),
            version: Version("v".into()),
            attempts: 2,
            seconds: 0.5,
            dead_letter: None,
        };
        let record = checkpoint.record();
        let (key, version) = CheckpointKeyFinder.identify(&record).await.expect("identified");
        assert_eq!((key, version.0.as_str()), (checkpoint.key.clone(), "v"));
        let columns: Vec<String> = make_row(&record, None).as_object().expect("a row").keys().cloned().collect();
        assert_eq!(columns, ["key", "run", "stage", "path", "bytes", "sha256", "attempts", "seconds"]);
        let dead = Checkpoint { dead_letter: Some("dead/x".into()), ..checkpoint }.record();
        assert_eq!((&dead["dead_letter"], dead.get("attempts")), (&json!("dead/x"), None));
        assert_eq!(make_row(&dead, Some((1, 2.0)))["seconds"], 2.0);
        assert!(CheckpointKeyFinder.identify(&json!({})).await.is_err());
    }
}
