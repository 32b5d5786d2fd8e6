//! The move of a job to a new spreadsheet: what stands against it, and which failures go along.
//!
//! In scope: what is worked out from both spreadsheets. Out of scope: what the states say of it (`ledger::state::rollover`), reading and writing
//! (`app`), asking people first (`cli`).
//!
//! It is two runs. The first makes the job's beginning in the new spreadsheet: its state names those that the job leaves, and the failures
//! that are not done are told there. The second is the last one in the old spreadsheet: its state names the new one. Whatever comes
//! between, the job runs in the old one until then, and asking once more brings what is missing.

use std::collections::HashSet;

use crate::ledger::commit::changes::ItemResult;
use crate::ledger::item::failure::{Failure, failure_mark};
use crate::ledger::item::key::Fingerprint;
use crate::ledger::processed::processed_index::ProcessedIndex;
use crate::ledger::state::rollover::MAX_EARLIER;
use crate::ledger::state::snapshot::Snapshot;
use crate::maintain::closing::closed;
use crate::store::scan::rows::ScannedTabs;
use crate::time::Timestamp;

/// What the row of a failure says that was done before the move came to its end.
const WHY: &str = "done in the spreadsheet before, while the job was moved";

/// How far a move has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RolloverStage {
    /// Nothing of the job is in the new spreadsheet.
    NotBegun,
    /// It has a beginning there.
    Begun,
    /// It has left the old one.
    Over,
}

/// What would move.
#[derive(Debug, Clone, PartialEq)]
pub struct RolloverPlan {
    /// How far it is.
    pub stage: RolloverStage,
    /// Keys that are done, in all spreadsheets so far.
    pub keys: u64,
    /// Failures that go along.
    pub failures: u64,
    /// What is still to be told in the new spreadsheet.
    pub settled: Vec<ItemResult>,
}

/// Why a job can't be moved now; each says what to do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RolloverRefusal {
    /// It goes on elsewhere.
    #[error("it continues in spreadsheet {0} already")]
    Elsewhere(String),
    /// The new spreadsheet holds a job of that name with a life of its own.
    #[error("spreadsheet {0} holds a job of this name already, with keys of its own: name an empty one")]
    Taken(String),
    /// Somebody waits for an answer.
    #[error("a requested retry or skip is pending: run the job once, then repeat the command")]
    Asked,
    /// A run vanished with items at work.
    #[error("a run that died has marked items as begun: run the job once, then repeat the command")]
    InDoubt,
    /// A forced run has not come to its end.
    #[error("a forced run is not complete: run the job once, then repeat the command")]
    Forced,
    /// It was moved there, and nothing of it is there any more.
    #[error(
        "it was moved to spreadsheet {0}, and nothing of it is there any more: restore an earlier version of that one"
    )]
    Gone(String),
    /// It has not come to the old one itself.
    #[error("its move from spreadsheet {0} is not complete: complete that first")]
    Unmoved(String),
    /// A failure that counts can't be read.
    #[error("the record of a failure can't be found in the tab Failures: run the job once, then repeat the command")]
    Unread,
    /// It has left too many.
    #[error("it has left {MAX_EARLIER} spreadsheets behind, and no more are read: start a job with another name")]
    TooMany,
}

impl RolloverRefusal {
    /// Whether the job only has to be run first.
    pub fn passes(&self) -> bool {
        matches!(self, Self::Asked | Self::InDoubt | Self::Forced | Self::Unread)
    }
}

/// Works it out. `from` is the old spreadsheet's id and `to` the new one's; `new` is what the new one holds; `now` is when failures are
/// closed that were done meanwhile.
pub fn moving(
    old: &ScannedTabs,
    new: Option<&Snapshot>,
    from: &str,
    to: &str,
    now: Timestamp,
) -> Result<RolloverPlan, RolloverRefusal> {
    let said = &old.snapshot.state;
    if let Some(next) = said.next.as_deref().filter(|next| *next != to) {
        return Err(RolloverRefusal::Elsewhere(next.to_owned()));
    }
    if let Some(previous) = old.snapshot.unmoved.clone() {
        return Err(RolloverRefusal::Unmoved(previous));
    }
    if new.is_some_and(|new| new.state.previous.first().map(String::as_str) != Some(from)) {
        return Err(RolloverRefusal::Taken(to.to_owned()));
    }
    let book = &old.snapshot.book;
    let stage = match (new, said.next.is_some()) {
        // A run there would begin anew, and do everything again.
        (None, true) => return Err(RolloverRefusal::Gone(to.to_owned())),
        (Some(_), true) => RolloverStage::Over,
        (Some(_), false) => RolloverStage::Begun,
        (None, false) => RolloverStage::NotBegun,
    };
    let failures = failures(old).ok_or(RolloverRefusal::Unread)?;
    let (keys, count) = (book.keys(), failures.len() as u64);
    if stage == RolloverStage::Over {
        return Ok(RolloverPlan { stage, keys, failures: count, settled: Vec::new() });
    }
    if book.failures().iter().any(|(_, tried)| tried.asked.is_some()) {
        return Err(RolloverRefusal::Asked);
    }
    if !said.begun.is_empty() {
        return Err(RolloverRefusal::InDoubt);
    }
    if !said.forced.is_empty() {
        return Err(RolloverRefusal::Forced);
    }
    if said.previous.len() >= MAX_EARLIER {
        return Err(RolloverRefusal::TooMany);
    }
    let mut settled = Vec::new();
    if let Some(new) = new {
        let going: HashSet<_> = failures.iter().map(|failure| failure.key.fingerprint()).collect();
        // Rows to close them by are made of those that told them, which the old spreadsheet has still.
        let over = old.failures.iter().map(|(_, failure)| failure);
        let over = over.filter(|failure| !going.contains(&failure.key.fingerprint()));
        settled.extend(done_meanwhile(over, &new.book, now));
    }
    let told = |failure: &Failure| new.is_some_and(|new| tells(&new.book, failure));
    settled.extend(failures.into_iter().filter(|failure| !told(failure)).map(|one| ItemResult::Failed(Box::new(one))));
    Ok(RolloverPlan { stage, keys, failures: count, settled })
}

/// Failures that are not done, each as the row that counts tells it, with all the runs in which it failed; none if one has no row.
fn failures(old: &ScannedTabs) -> Option<Vec<Failure>> {
    let book = &old.snapshot.book;
    let row = |number: u32, key: Fingerprint| {
        // Of several that wait to be put back, and so have no number of their own, the newest.
        let of = old.failures.iter().filter(|(row, failure)| *row == number && failure.key.fingerprint() == key);
        of.map(|(_, failure)| failure).max_by_key(|failure| (failure.order, failure.last_seen, failure.attempts))
    };
    let mut found: Vec<_> = book.failures();
    found.sort_by_key(|(_, tried)| tried.row);
    let along = found.into_iter().map(|(key, tried)| {
        let attempts = tried.attempts + book.tries().of(key);
        Some(Failure { attempts, ..row(tried.row, key)?.clone() })
    });
    along.collect()
}

fn tells(book: &ProcessedIndex, failure: &Failure) -> bool {
    book.tried(&failure.key).is_some_and(|tried| {
        let same = tried.tells(book.again().mark(&failure.version), failure_mark(&failure.step, &failure.error));
        same && tried.state == failure.state && tried.attempts == failure.attempts
    })
}

/// Rows that close failures which the new spreadsheet tells and which are done by now.
fn done_meanwhile<'f>(
    over: impl Iterator<Item = &'f Failure>,
    new: &ProcessedIndex,
    now: Timestamp,
) -> Vec<ItemResult> {
    let mut met = HashSet::new();
    let due = over.filter_map(|failure| {
        let tried = new.tried(&failure.key).filter(|_| met.insert(failure.key.fingerprint()))?;
        Some(ItemResult::Failed(Box::new(closed(failure, tried, WHY, now))))
    });
    due.collect()
}
