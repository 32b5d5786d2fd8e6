//! The spreadsheet as a store: load, look, and one guarded batch.
//!
//! In scope: the order of calls, what is known of the place between them, the proof of the guard.
//! Out of scope: the guard itself (`store::guard`), cells (`store::encode`, `store::load`), HTTP (`google`).

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures_util::future::BoxFuture;

use crate::google::address::SpreadsheetId;
use crate::google::body::Batch;
use crate::google::error::Refusal;
use crate::google::sheets::{Reply as Answer, Sheets};
use crate::ledger::commit::{Commit, Part, Reply};
use crate::ledger::head::HeadId;
use crate::ledger::judge::Sighting;
use crate::ledger::mode::{Again, Mode};
use crate::ledger::snapshot::Loaded;
use crate::port::clock::Clock;
use crate::port::store::{Store, StoreError, Usage};
use crate::store::encode::encode;
use crate::store::fetch::{Fetched, Fetcher};
use crate::store::guard::{self, Form, Place, Proof};
use crate::store::layout::Tabs;
use crate::store::proof::prove;
use crate::store::stance::Stance;

/// A job's place on one spreadsheet.
pub struct SheetsStore {
    fetcher: Fetcher,
    known: Mutex<Known>,
}

/// What is known of the place: as of the last load, look or applied commit.
#[derive(Debug, Clone)]
struct Known {
    place: Option<Place>,
    stance: Stance,
    tabs: Tabs,
    drafts: Vec<Draft>,
}

/// A batch as it was first sent, and what will be known once it is applied. A commit that is sent again is sent from here, so
/// that it is the same to the letter.
#[derive(Debug, Clone)]
struct Draft {
    id: HeadId,
    batch: Arc<Batch>,
    parts: Arc<[Part]>,
    form: Form,
    place: Place,
    tabs: Tabs,
}

/// Drafts that are remembered.
const MAX_DRAFTS: usize = 4;

impl SheetsStore {
    /// The place of `job`, whose rows go to `data_tab`, on this spreadsheet.
    pub fn new(sheets: Arc<Sheets>, id: SpreadsheetId, job: &str, data_tab: &str, clock: Arc<dyn Clock>) -> Self {
        let known = Known { place: None, stance: Stance::from(Proof::Open), tabs: Tabs::default(), drafts: Vec::new() };
        let fetcher = Fetcher { sheets, id, job: job.to_owned(), data_tab: data_tab.to_owned(), mode: Mode::Append, again: Again::Every, clock };
        Self { fetcher, known: Mutex::new(known) }
    }

    /// The same place, its rows kept in this way.
    #[must_use]
    pub fn keeping(mut self, mode: Mode, again: Again) -> Self {
        (self.fetcher.mode, self.fetcher.again) = (mode, again);
        self
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn look(&self) -> Result<Sighting, StoreError> {
        let metadata = self.fetcher.metadata().await?;
        let (sighting, place) = guard::sight_in(&self.fetcher.job, &metadata);
        let mut known = self.known();
        if let Some(seen) = place {
            let draft = known.drafts.iter().position(|draft| draft.id == seen.head);
            if let Some(at) = draft {
                let draft = known.drafts.swap_remove(at);
                known.become_applied(draft);
            }
            // The place's own name for the range may differ from ours where the service makes ids itself.
            if known.place.as_ref().is_some_and(|place| place.head == seen.head) {
                known.place = Some(seen);
            }
        }
        Ok(sighting)
    }

    async fn send(&self, commit: &Commit) -> Reply {
        let sent = self.known().drafts.iter().find(|draft| draft.id == commit.to).cloned();
        let drafted = match sent {
            Some(draft) => Ok(draft),
            None => self.draft(commit).await,
        };
        let mut draft = match drafted {
            Ok(draft) => draft,
            Err(reply) => return reply,
        };
        loop {
            match self.fetcher.sheets.batch_update(&self.fetcher.id, &draft.batch).await {
                Answer::Applied(_) => {
                    self.known().become_applied(draft);
                    if commit.from.is_none() {
                        // Proved at once, so that the next commit can tell what it cost; where that fails, the next commit proves
                        // first, and is what answers.
                        let proved = self.see_that_the_guard_is_proved(commit).await;
                        tracing::debug!(?proved, "the guard after the first commit");
                    }
                    return Reply::Applied;
                }
                Answer::Refused(refusal) => match self.refused(commit, &draft, &refusal) {
                    Some(reply) => return reply,
                    // The title takes the name's place, and from a title there is no other way to fall back to.
                    None => draft = self.written(commit),
                },
                Answer::TooLarge(_) => return Reply::TooLarge,
                Answer::NotExecuted(error) => {
                    return Reply::NotExecuted { fault: error.fault(), why: error.to_string() };
                }
                Answer::Lost(cause) => return Reply::Lost { why: cause.to_string() },
            }
        }
    }

    /// Makes the batch of a commit, the guard proved first where it was not yet.
    async fn draft(&self, commit: &Commit) -> Result<Draft, Reply> {
        if let Some(from) = commit.from {
            self.stand_at(from).await?;
            self.see_that_the_guard_is_proved(commit).await?;
        }
        Ok(self.written(commit))
    }

    /// Proves the guard where it was not yet.
    async fn see_that_the_guard_is_proved(&self, commit: &Commit) -> Result<(), Reply> {
        if self.known().stance.proof() != Proof::Open {
            return Ok(());
        }
        // The metadata shows the id that the service gave the named range.
        self.look().await.map_err(|error| not_executed(&error))?;
        let Some(place) = self.known().place.clone() else { return Ok(()) };
        let salt = probe_salt(commit.to);
        let proof = prove(&self.fetcher.sheets, &self.fetcher.id, &place, salt).await?;
        self.known().stance.learn(proof);
        Ok(())
    }

    /// A commit as a batch, from what is known; remembered, so that it is sent again to the letter.
    fn written(&self, commit: &Commit) -> Draft {
        let mut known = self.known();
        let form = known.stance.form(commit);
        let ops = guard::ops(&self.fetcher.job, commit, known.place.as_ref(), form);
        let place = guard::place_after(&self.fetcher.job, commit, known.place.as_ref(), form);
        let encoded = encode(commit, &ops, &known.tabs, known.stance.proof());
        let batch = Arc::new(Batch::new(encoded.requests));
        let draft = Draft { id: commit.to, batch, parts: encoded.parts.into(), form, place, tabs: encoded.tabs };
        known.drafts.retain(|sent| sent.id != commit.to);
        if known.drafts.len() == MAX_DRAFTS {
            known.drafts.remove(0);
        }
        known.drafts.push(draft.clone());
        draft
    }

    /// Sees to it that what is known is known as of the head that a commit is made from.
    async fn stand_at(&self, from: HeadId) -> Result<(), Reply> {
        let there = |known: &Known| known.place.as_ref().is_some_and(|place| place.head == from);
        if there(&self.known()) {
            return Ok(());
        }
        self.look().await.map_err(|error| not_executed(&error))?;
        if there(&self.known()) {
            return Ok(());
        }
        Err(Reply::Refused { part: Part::Guard, why: "the head has moved on".to_owned() })
    }

    /// What a refusal means; `None` if the same commit is to be sent at once by title.
    fn refused(&self, commit: &Commit, draft: &Draft, refusal: &Refusal) -> Option<Reply> {
        let why = match refusal.advice(self.fetcher.sheets.client_email()) {
            Some(advice) => format!("{}; {advice}", refusal.message),
            None => refusal.message.clone(),
        };
        if refusal.code != 400 {
            return Some(Reply::NotExecuted { fault: refusal.fault(), why });
        }
        let part = refusal.request.and_then(|at| draft.parts.get(at).copied()).unwrap_or(Part::Other);
        let mut known = self.known();
        let place = known.place.clone();
        if part == Part::Guard && known.stance.refused(commit, place.as_ref(), draft.form) {
            return None;
        }
        Some(Reply::Refused { part, why })
    }
}

impl Known {
    fn become_applied(&mut self, draft: Draft) {
        self.place = Some(draft.place);
        self.tabs = draft.tabs;
        self.drafts.clear();
    }
}

impl Store for SheetsStore {
    fn load(&self) -> BoxFuture<'_, Result<Loaded, StoreError>> {
        Box::pin(async {
            let Fetched { loaded, place, proof, tabs } = self.fetcher.fetch().await?;
            let mut known = self.known();
            known.stance.learn(proof);
            (known.place, known.tabs) = (place, tabs);
            known.drafts.clear();
            Ok(loaded)
        })
    }

    fn sight(&self) -> BoxFuture<'_, Result<Sighting, StoreError>> {
        Box::pin(self.look())
    }

    fn commit<'a>(&'a self, commit: &'a Commit) -> BoxFuture<'a, Reply> {
        Box::pin(self.send(commit))
    }

    fn usage(&self) -> Usage {
        let calls = self.fetcher.sheets.calls();
        Usage { reads: calls.reads, writes: calls.writes, retries: calls.retries, throttled: calls.throttled }
    }
}

/// Makes ids for a probe that no commit has used; the complement of a nonce would do not, because it makes the same tab id.
fn probe_salt(head: HeadId) -> u64 {
    head.nonce.wrapping_mul(0x9E37_79B9_7F4A_7C15).wrapping_add(1)
}

fn not_executed(error: &StoreError) -> Reply {
    Reply::NotExecuted { fault: error.fault(), why: error.to_string() }
}
