//! What this machine remembers of a job's alerts: which messages were delivered, and what could not
//! be written to the sheet.
//!
//! A missing delivery here shows a run that was killed between its commit and its message. The next run
//! on this machine reports again. Without a disk nothing is remembered.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};

use data_encoding::HEXLOWER;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::alert_delivery::dispatch::{DeliveryOutcome, DeliveryResult};
use crate::alerts::alert_state::AlertState;
use crate::alerts::condition_record::DeliveryRecord;
use crate::private_files;

/// The longest file that is read, in bytes.
const MAX_FILE: u64 = 1 << 20;
/// Deliveries that are kept.
const MAX_DELIVERIES: usize = 50;

/// The file of one job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AlertFile(PathBuf);

/// What the file of a job holds.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct AlertMemory {
    /// Conditions that only this machine knows.
    pub state: AlertState,
    /// The last deliveries, oldest first.
    deliveries: Vec<KnownDelivery>,
    /// Why a start failed that was recorded on the sheet last, and when, in seconds since 1970.
    pub recorded_failure: Option<(String, i64)>,
    /// The id of the last run that this machine reported as out of time, though its lease is left
    /// on the sheet.
    pub reported_run: Option<String>,
    /// Since when the job's state can't be read, in seconds since 1970.
    pub unreadable_since_s: Option<i64>,
    /// Channels that failed in the last delivery, and why.
    pub failed_channels: BTreeMap<String, String>,
}

/// What became of a message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct KnownDelivery {
    id: String,
    /// The channels that took it.
    by: Vec<String>,
    /// Whether no channel should.
    is_unsent: bool,
}

impl AlertFile {
    /// Returns the file of `job` at `target` in the state directory.
    pub fn new(dir: &Path, job: &str, target: &str) -> Self {
        let digest = Sha256::digest(format!("{target}\u{1f}{job}").as_bytes());
        let name = format!("{}.json", HEXLOWER.encode(digest.get(..12).unwrap_or(&digest)));
        Self(dir.join("alerts").join(name))
    }

    /// Returns whether there is such a file.
    pub fn exists(&self) -> bool {
        self.0.is_file()
    }

    /// Takes the lock beside the file, which ends with this process. `None` if another process of
    /// this machine has it, or if it can't be taken.
    pub fn lock(&self) -> Option<File> {
        private_files::make_folder(self.0.parent()?).ok()?;
        let file = private_files::open_or_create(&self.0.with_extension("lock")).ok()?;
        file.try_lock().ok().map(|()| file)
    }

    /// Reads the memory; an empty one if there is none, or if it can't be read.
    pub fn read(&self) -> AlertMemory {
        let is_small = std::fs::metadata(&self.0).is_ok_and(|about| about.len() <= MAX_FILE);
        let text = is_small.then(|| std::fs::read_to_string(&self.0).ok()).flatten().unwrap_or_default();
        serde_json::from_str(&text).unwrap_or_default()
    }

    /// Writes the memory, atomically and durably.
    pub fn write(&self, memory: &AlertMemory) -> std::io::Result<()> {
        private_files::make_folder(self.0.parent().unwrap_or(Path::new(".")))?;
        private_files::write_atomically(&self.0, serde_json::to_string(memory)?.as_bytes())
    }
}

impl AlertMemory {
    /// Keeps what became of messages.
    pub fn record_outcomes(&mut self, outcomes: &[DeliveryOutcome]) {
        self.failed_channels.clear();
        let mut taken: BTreeMap<&str, Vec<String>> = BTreeMap::new();
        for outcome in outcomes {
            for id in &outcome.ids {
                let by = taken.entry(id).or_default();
                by.extend(outcome.result.is_taken().then(|| outcome.channel.clone()));
            }
            if let DeliveryResult::Failed(why) | DeliveryResult::Refused(why) = &outcome.result {
                self.failed_channels.insert(outcome.channel.clone(), why.clone());
            }
        }
        self.deliveries.retain(|known| !taken.contains_key(known.id.as_str()));
        let known = |(id, by): (&str, Vec<String>)| KnownDelivery { id: id.to_owned(), by, is_unsent: false };
        self.deliveries.extend(taken.into_iter().map(known));
        let surplus = self.deliveries.len().saturating_sub(MAX_DELIVERIES);
        self.deliveries.drain(..surplus);
    }

    /// Keeps that a message went to no channel on purpose.
    pub fn record_unsent(&mut self, id: &str) {
        self.deliveries.push(KnownDelivery { id: id.to_owned(), by: Vec::new(), is_unsent: true });
    }

    /// Returns what is known of a message.
    pub fn find_delivery(&self, id: &str) -> DeliveryRecord {
        match self.deliveries.iter().find(|known| known.id == id) {
            None => DeliveryRecord::Unknown,
            Some(known) if known.by.is_empty() && !known.is_unsent => DeliveryRecord::Failed,
            Some(known) => DeliveryRecord::Delivered(known.by.clone()),
        }
    }
}
