//! Replays results that an earlier run journalled on this machine and did not commit.
//!
//! In scope: which results still count, and what happens to their journals. Out of scope: files
//! (`app::local_state::journal`), and committing a result (`runner::records::intake`).
//!
//! A result counts only if the key's state on the sheet is still as it was when the item was
//! admitted. Otherwise a newer change exists, which the old result would undo.

use std::sync::Arc;

use crate::ledger::items::item::{Item, Position};
use crate::ledger::items::key::{Key, Version};
use crate::ledger::processed::processed_index::ProcessedIndex;
use crate::ledger::runs::event::{Event, EventSink};
use crate::ledger::runs::journal::{JournalHead, JournalReader as Read, StepResult, read};
use crate::port::journal::{Journal, JournalFileError, LeftoverJournal};

/// Where a run journals results, and under which head line.
#[derive(Clone)]
pub struct JournalTarget {
    /// The file on this machine that keeps results of programs.
    pub journal: Arc<dyn Journal>,
    /// The head line: which run the results belong to.
    pub head: JournalHead,
}

impl JournalTarget {
    /// Journals the result of an item's steps.
    pub async fn keep(&self, item: &Item, shown: String, values: &[serde_json::Value]) -> Result<(), JournalFileError> {
        let result = StepResult {
            key: item.key.as_str().to_owned(),
            version: item.version.0.clone(),
            shown,
            values: values.to_vec(),
            record: item.body.clone(),
            position: item.position.to_string(),
        };
        self.journal.keep(&self.head, &result).await
    }
}

/// The journals of earlier runs that this one uses.
pub struct Replay {
    target: Option<JournalTarget>,
    used: Vec<String>,
    /// Names and messages of journals that are kept because some of their results do not count.
    to_quarantine: Vec<(String, String)>,
    events: EventSink,
}

impl Replay {
    /// Reads the leftover journals and returns the results that count, in order. After an error no
    /// step may run, because it may have run before.
    pub fn open(
        target: Option<JournalTarget>,
        index: &ProcessedIndex,
        events: EventSink,
    ) -> Result<(Self, Vec<StepResult>), JournalFileError> {
        let mut replay = Self { target, used: Vec::new(), to_quarantine: Vec::new(), events };
        let Some(target) = replay.target.clone() else { return Ok((replay, Vec::new())) };
        let left = target.journal.take_leftovers()?;
        let mut results = Vec::new();
        for one in left {
            results.extend(replay.read_results(&target, &one, index));
        }
        if !results.is_empty() {
            let what = match results.len() {
                1 => "a result that an earlier run kept on this machine is".to_owned(),
                count => format!("{count} results that an earlier run kept on this machine are"),
            };
            replay.report_warning(format!("{what} written to the sheet, without running the steps again"));
        }
        Ok((replay, results))
    }

    fn read_results(
        &mut self,
        target: &JournalTarget,
        left: &LeftoverJournal,
        index: &ProcessedIndex,
    ) -> Vec<StepResult> {
        let journal = match read(&left.bytes) {
            Ok(journal) => journal,
            // A run that died before its first result was complete.
            Err(crate::ledger::runs::journal::JournalError::Empty) => {
                self.used.push(left.name.clone());
                return Vec::new();
            }
            Err(error) => return self.quarantine_journal(target, &left.name, &error.to_string()),
        };
        if let Some(why) = journal.head.explain_foreign_job(&target.head) {
            return self.quarantine_journal(target, &left.name, why);
        }
        let Read { results, damaged, .. } = journal;
        let mut usable = Vec::new();
        let mut overtaken = 0;
        for result in results {
            let Ok(key) = Key::new(&result.key) else { continue };
            if index.is_done(&key, &Version(result.version.clone())) {
                continue;
            }
            if index.state_digest(&key) == result.shown { usable.push(result) } else { overtaken += 1 }
        }
        let name = left.name.clone();
        let why = match (damaged, overtaken) {
            (0, 0) => {
                self.used.push(name);
                return usable;
            }
            (0, count) => format!(
                "{count} results of the journal {name} are not used, because the sheet shows something newer for their keys"
            ),
            (lines, _) => {
                let lines = if lines == 1 { "1 line".to_owned() } else { format!("{lines} lines") };
                format!("{lines} of the journal {name} are damaged and skipped: the steps of these items run again")
            }
        };
        self.to_quarantine.push((name, why));
        usable
    }

    fn quarantine_journal(&self, target: &JournalTarget, name: &str, why: &str) -> Vec<StepResult> {
        let message = match target.journal.quarantine(name) {
            Ok(aside) => format!("the journal {name} of an earlier run is not used: {why}; it is kept as {aside}"),
            Err(error) => format!("the journal {name} of an earlier run is not used: {why}; {error}"),
        };
        self.report_warning(message);
        Vec::new()
    }

    /// Returns where this run journals its own results.
    pub fn target(&self) -> Option<&JournalTarget> {
        self.target.as_ref()
    }

    /// Removes the used journals, after everything was applied. With abandoned items the run's own
    /// journal stays: their results may still be added to it.
    pub fn remove_used_journals(&self, is_in_predecessor: bool) {
        let Some(JournalTarget { journal, .. }) = &self.target else { return };
        let own = (!is_in_predecessor).then(|| journal.finish());
        let gone = self.used.iter().map(|name| journal.remove(name)).chain(own);
        for error in gone.filter_map(Result::err) {
            self.report_warning(error.to_string());
        }
        for (name, why) in &self.to_quarantine {
            let message = match journal.quarantine(name) {
                Ok(aside) => format!("{why}; it is kept as {aside}"),
                Err(error) => error.to_string(),
            };
            self.report_warning(message);
        }
    }

    fn report_warning(&self, message: String) {
        (self.events)(Event::Anomaly { message });
    }
}

/// Returns the item of a journalled result; `None` if its key is invalid.
pub fn make_item(result: StepResult) -> Option<(Item, Vec<serde_json::Value>)> {
    let StepResult { key, version, values, record, position: origin, .. } = result;
    let position = Position { origin, record: 0, line: None };
    let key = Key::new(&key).ok()?;
    Some((Item { key, version: Version(version), body: record, position, retried_failure: None }, values))
}
