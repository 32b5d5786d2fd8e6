//! Changes of existing rows that a run holds back until a person approves them.
//!
//! In scope: the limit, the set of changes and its stored form, the verdict on a run, what an
//! approval is. Out of scope: finding the changes (`runner::records::change_forecast`), the setting
//! (`config`), the cell in which people answer (`store::tabs::jobs`).
//!
//! A source gone wrong (another file, a column that went empty) rewrites most of a tab. So a run
//! looks at its changes before it makes any: beyond the limit it makes none of them. New rows are
//! written in any case.
//!
//! ```text
//!  changes ─▶ within the limit, nothing unexpected ─▶ applied
//!         └─▶ otherwise ─▶ approved, these same ones ─▶ applied
//!                     └─▶ not approved ─▶ held: the state keeps their sum
//! ```

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::items::key::{Fingerprint, hash_texts};
use crate::runs::job_requests::is_approval;

/// Letters of a code. A spreadsheet reads none of them as a number, a date or a word.
const CODE_LETTERS: &[u8; 20] = b"bcdfghjkmnpqrstvwxzy";
/// Letters in a code.
const CODE_LENGTH: usize = 6;
/// The longest answered request that is kept, in characters.
const MAX_REQUEST: usize = 200;
/// Characters of a text in `approve` that a message quotes.
const MAX_SHOWN: usize = 40;

/// How many existing rows a run may change. A run is over the limit if it is over each bound that
/// is set; at least one is.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct ChangeLimit {
    /// Number of rows.
    pub rows: Option<u64>,
    /// Percent of the keys that are done, 0 to 100.
    pub share: Option<f64>,
}

impl ChangeLimit {
    /// Returns whether `changes` of `keys` are over the limit.
    #[expect(clippy::cast_precision_loss, reason = "counts of rows are far below 2^53")]
    pub fn is_exceeded(self, changes: u64, keys: u64) -> bool {
        let is_set = self.rows.is_some() || self.share.is_some();
        let is_over_share = |share: f64| (changes as f64) * 100.0 > share * (keys as f64);
        is_set && self.rows.is_none_or(|rows| changes > rows) && self.share.is_none_or(is_over_share)
    }

    /// Parses a share such as `10%`, from 0 to 100 percent.
    pub fn parse_share(text: &str) -> Option<f64> {
        let percent: f64 = text.trim().strip_suffix('%')?.trim().parse().ok()?;
        (0.0..=100.0).contains(&percent).then_some(percent)
    }
}

impl fmt::Display for ChangeLimit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.rows, self.share) {
            (Some(rows), Some(share)) => write!(f, "{rows} rows and {share} %"),
            (Some(rows), None) => write!(f, "{rows} rows"),
            (None, Some(share)) => write!(f, "{share} %"),
            (None, None) => f.write_str("not set"),
        }
    }
}

/// A change: a hash of a key and of its new version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ChangeHash(u128);

impl ChangeHash {
    /// Returns the hash of a change of a key to the version with this hash.
    pub fn new(key: Fingerprint, version: u64) -> Self {
        let digest = hash_texts(&[&format!("{:016x}{:016x}", key.0, key.1), &version.to_string()]);
        Self(digest.iter().take(16).fold(0, |acc, &byte| (acc << 8) | u128::from(byte)))
    }

    /// Returns the first 64 bits.
    pub(crate) fn prefix(self) -> u64 {
        u64::try_from(self.0 >> 64).unwrap_or_default()
    }
}

/// A set of changes: their number and the sum of their hashes. Two sets with the same sum are
/// equal, but for a collision of hashes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct ChangeSet {
    /// Number of changes.
    pub changes: u64,
    sum: u128,
}

impl ChangeSet {
    /// Adds a change that is not in the set.
    pub fn add(&mut self, change: ChangeHash) {
        self.changes += 1;
        self.sum = self.sum.wrapping_add(change.0);
    }

    /// Removes a change that is in the set.
    pub fn remove(&mut self, change: ChangeHash) {
        self.changes = self.changes.saturating_sub(1);
        self.sum = self.sum.wrapping_sub(change.0);
    }
}

/// Changes that a run has held back, or that are approved and not all applied yet. The state keeps
/// them.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct HeldPlan {
    /// The changes that are left.
    pub left: ChangeSet,
    /// Keys that were done when it was held.
    pub keys: u64,
    /// The id of the run that was the first to hold these changes, or that applies them.
    pub since: String,
    /// Whether a person has approved it.
    pub is_approved: bool,
    /// The text in `approve` that was there before the plan was, so that it does not answer it.
    pub answered: String,
}

/// The stored form.
#[derive(Serialize, Deserialize)]
struct StoredPlan {
    changes: u64,
    sum: String,
    keys: u64,
    since: String,
    approved: bool,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    answered: String,
}

impl HeldPlan {
    /// Returns the code by which a person approves exactly this plan.
    pub fn code(&self) -> HeldCode {
        let digest = hash_texts(&[&format!("{:032x}", self.left.sum), &self.since]);
        let mut letters = [0; CODE_LENGTH];
        for (letter, byte) in letters.iter_mut().zip(digest) {
            *letter = CODE_LETTERS.get(usize::from(byte) % CODE_LETTERS.len()).copied().unwrap_or(b'b');
        }
        HeldCode(letters)
    }

    /// Returns whether the text in `approve` is an answer to this plan: its code, or a tick or a
    /// yes that came after it. The code of another plan never approves this one.
    pub fn is_approved_by(&self, request: &str) -> bool {
        match HeldCode::parse(request) {
            Some(code) => code == self.code(),
            None => is_approval(request) && shorten_request(request) != self.answered,
        }
    }

    /// Formats the plan as the text of a state field.
    pub fn text(&self) -> String {
        let stored = StoredPlan {
            changes: self.left.changes,
            sum: format!("{:032x}", self.left.sum),
            keys: self.keys,
            since: self.since.clone(),
            approved: self.is_approved,
            answered: self.answered.clone(),
        };
        serde_json::to_string(&stored).unwrap_or_default()
    }

    /// Parses a state field. `None` for an empty text, and for one that people edited: the changes
    /// are then held anew.
    pub fn read(text: &str) -> Option<Self> {
        let stored: StoredPlan = serde_json::from_str(text).ok()?;
        let sum = u128::from_str_radix(&stored.sum, 16).ok()?;
        let StoredPlan { changes, keys, since, approved, answered, .. } = stored;
        Some(Self { left: ChangeSet { changes, sum }, keys, since, is_approved: approved, answered })
    }
}

/// The code of a held plan: letters that a person types.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct HeldCode([u8; CODE_LENGTH]);

impl HeldCode {
    /// Parses a code.
    pub fn parse(text: &str) -> Option<Self> {
        let letters: [u8; CODE_LENGTH] = text.trim().to_ascii_lowercase().as_bytes().try_into().ok()?;
        letters.iter().all(|letter| CODE_LETTERS.contains(letter)).then_some(Self(letters))
    }
}

impl fmt::Display for HeldCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|letter| write!(f, "{}", char::from(*letter)))
    }
}

/// The report on changes that a run has held back, or would hold back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeldReport {
    /// Changes of existing rows.
    pub changes: u64,
    /// Keys that were done.
    pub keys: u64,
    /// The code that approves exactly these changes.
    pub code: HeldCode,
    /// Why they are held back, a phrase each.
    pub reasons: Vec<String>,
    /// True if people can approve in the tab Jobs.
    pub has_jobs_tab: bool,
}

impl HeldReport {
    /// Returns the reasons, and how a person approves the changes.
    pub fn sentence(&self) -> String {
        let rows = if self.changes == 1 {
            "1 changed row is".to_owned()
        } else {
            format!("{} changed rows are", self.changes)
        };
        let code = self.code;
        let in_jobs = if self.has_jobs_tab { format!(", or write {code} in approve of Jobs") } else { String::new() };
        format!("{}; {rows} held back: to apply, run --approve={code}{in_jobs}", self.reasons.join("; "))
    }
}

/// What a person approves on the command line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Approval {
    /// No held plan is approved.
    #[default]
    None,
    /// The held plan with this code, if it still holds.
    OfPlan(HeldCode),
    /// Whatever the run would hold.
    OfAll,
}

/// What a run holds back, and how a person approves it.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct HoldSettings {
    /// How many existing rows a run may change; `None` for any number.
    pub limit: Option<ChangeLimit>,
    /// What the command line approves.
    pub approval: Approval,
    /// True for a plan: nothing is held back, and the report says what a run would hold.
    pub predicts: bool,
    /// True if people can approve in the tab Jobs.
    pub has_jobs_tab: bool,
}

/// What is known before a run changes existing rows.
#[derive(Debug, Clone, Copy)]
pub struct HoldQuestion<'a> {
    /// The changes that the run would make.
    pub changes: ChangeSet,
    /// Keys that are done.
    pub keys: u64,
    /// How the run would fall short of what is expected, a phrase each.
    pub violations: &'a [String],
    /// The limit, if the job sets one.
    pub limit: Option<ChangeLimit>,
    /// The plan that the state keeps.
    pub earlier: Option<&'a HeldPlan>,
    /// The text in `approve`; empty if there is none.
    pub request: &'a str,
    /// What the command line approves.
    pub approval: Approval,
    /// The id of this run.
    pub run: &'a str,
}

/// Whether a run makes its changes of existing rows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HoldVerdict {
    /// There is no reason to hold them.
    NotHeld,
    /// They are approved.
    Approved(HeldPlan),
    /// None of them is made, for these reasons. The last ones say why a code of the command line, and
    /// the text in `approve`, approve nothing.
    Held(HeldPlan, Vec<String>),
}

/// Decides whether a run makes its changes.
pub fn decide_hold(question: &HoldQuestion<'_>) -> HoldVerdict {
    let HoldQuestion { changes, keys, earlier, request, .. } = *question;
    let over = question.limit.filter(|limit| limit.is_exceeded(changes.changes, keys));
    let over = over.map(|limit| format!("{} of {keys} rows would change; max_changed is {limit}", changes.changes));
    let reasons: Vec<String> = question.violations.iter().cloned().chain(over).collect();
    if changes.changes == 0 || reasons.is_empty() {
        return HoldVerdict::NotHeld;
    }
    let same = earlier.filter(|earlier| earlier.left == changes);
    let since = same.map_or(question.run, |same| &same.since).to_owned();
    let plan = HeldPlan { left: changes, keys, since, is_approved: false, answered: shorten_request(request) };
    let is_approved = match question.approval {
        Approval::OfAll => true,
        Approval::OfPlan(code) if same.is_some_and(|same| same.code() == code) => true,
        Approval::OfPlan(_) | Approval::None => {
            same.is_some_and(|same| same.is_approved || same.is_approved_by(request))
        }
    };
    if is_approved {
        return HoldVerdict::Approved(HeldPlan { is_approved, ..plan });
    }
    let other = match question.approval {
        Approval::OfPlan(code) => Some(format!("{code} is not the code of these changes")),
        Approval::OfAll | Approval::None => None,
    };
    HoldVerdict::Held(plan, reasons.into_iter().chain(other).chain(explain_refusal(request)).collect())
}

/// Returns why the text in `approve` approves nothing; `None` for an empty one.
fn explain_refusal(request: &str) -> Option<String> {
    if request.trim().is_empty() {
        return None;
    }
    let shown: String = request.trim().chars().take(MAX_SHOWN).collect();
    Some(if HeldCode::parse(request).is_some() {
        format!("\"{shown}\" in approve is the code of other changes")
    } else if is_approval(request) {
        format!("\"{shown}\" in approve was there before these changes were held")
    } else {
        format!("\"{shown}\" in approve is not understood, and approves nothing: tick it, or write the code")
    })
}

/// Returns the first `MAX_REQUEST` characters.
fn shorten_request(request: &str) -> String {
    request.trim().chars().take(MAX_REQUEST).collect()
}

#[cfg(test)]
mod tests;
