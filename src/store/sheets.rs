//! The spreadsheet as a store: load, look, and one guarded batch.
//!
//! In scope: the order of calls, what is known of the place between them, the proof of the guard.
//! Out of scope: the guard itself (`store::guard`), cells (`store::encode`, `store::load`), HTTP (`google`).

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::fault::Fault;
use crate::google::address::SpreadsheetId;
use crate::google::body::Batch;
use crate::google::error::Refusal;
use crate::google::sheets::{Reply as Answer, Sheets};
use crate::ledger::columns::MAX_COLUMNS;
use crate::ledger::commit::{Commit, Part, Reply, Settled};
use crate::ledger::failure::Kept;
use crate::ledger::growth::{CELL_LIMIT, passed};
use crate::ledger::head::HeadId;
use crate::ledger::judge::Sighting;
use crate::ledger::key::Fingerprint;
use crate::ledger::mode::{Again, Mode};
use crate::ledger::snapshot::Loaded;
use crate::port::clock::Clock;
use crate::port::store::{Astray, Store, StoreError, Usage};
use crate::store::answer::found_by;
use crate::store::columns::standing;
use crate::store::data_rows::{DataRows, Footing};
use crate::store::encode::{Encoded, Ground, encode};
use crate::store::fetch::{Fetched, Fetcher};
use crate::store::guard::{self, Form, Place, Proof};
use crate::store::layout::Tabs;
use crate::store::proof::prove;
use crate::store::removed::{self, Gone, PutBack, Removed};
use crate::store::room::Room;
use crate::store::stance::Stance;
use crate::store::unread::Unread;
use crate::store::upkeep::{Need, Unseen, Upkeep};
use futures_util::future::BoxFuture;

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
    upkeep: Upkeep,
    /// Rows that were taken out since the last load.
    gone: Gone,
    /// Rows that were taken out and go back with the next commit.
    put_back: Option<PutBack>,
    /// What the last commit took out, until that was looked at.
    removed: Option<(Removed, Place)>,
    room: Room,
    /// The job's own columns, as the state says, but for those that were deleted.
    owned: Vec<String>,
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
    rows: Arc<DataRows>,
    removed: Option<Removed>,
    owned: Arc<[String]>,
}

/// Between two reads of positions of which the second is to confirm the first.
const AGAIN: Duration = Duration::from_secs(2);
/// Drafts that are remembered.
const MAX_DRAFTS: usize = crate::ledger::judge::MAX_REMEMBERED;

impl SheetsStore {
    /// The place of `job`, whose rows go to `data_tab`, on this spreadsheet.
    pub fn new(sheets: Arc<Sheets>, id: SpreadsheetId, job: &str, data_tab: &str, clock: Arc<dyn Clock>) -> Self {
        let known = Known {
            place: None,
            stance: Stance::from(Proof::Open),
            tabs: Tabs::default(),
            upkeep: Upkeep::default(),
            gone: Gone::default(),
            put_back: None,
            removed: None,
            room: Room::default(),
            owned: Vec::new(),
            drafts: Vec::new(),
        };
        let fetcher = Fetcher {
            sheets,
            id,
            job: job.to_owned(),
            data_tab: data_tab.to_owned(),
            mode: Mode::Append,
            again: Again::Every,
            clock,
        };
        Self { fetcher, known: Mutex::new(known) }
    }

    /// The same place, its rows kept in this way.
    #[must_use]
    pub fn keeping(mut self, mode: Mode, again: Again) -> Self {
        (self.fetcher.mode, self.fetcher.again) = (mode, again);
        self
    }

    /// The title of the tab with the job's failures, as it was found.
    pub fn failures_title(&self) -> String {
        let seen = self.known().tabs.failures.as_ref().map(|tab| tab.title.clone());
        seen.unwrap_or_else(|| guard::failures_title(&self.fetcher.job))
    }

    /// The tabs as they were found last.
    pub(super) fn tabs(&self) -> Tabs {
        self.known().tabs.clone()
    }

    /// What reads for this store.
    pub(super) fn fetcher(&self) -> &Fetcher {
        &self.fetcher
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
                Answer::Applied(answer) => {
                    self.known().become_applied(draft);
                    let (header, keys) = found_by(answer.updated.as_ref());
                    self.known().upkeep.answered(&header, &keys);
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
        self.see_that_rows_are_known(commit).await?;
        self.see_that_columns_have_room(commit)?;
        let draft = self.written(commit);
        if let Err(reply) = self.see_that_cells_have_room(&draft).await {
            self.known().drafts.retain(|sent| sent.id != commit.to);
            return Err(reply);
        }
        Ok(draft)
    }

    /// A batch that would pass the limit of cells is not sent. Blank rows at the ends of tabs are looked for only where it is near.
    async fn see_that_cells_have_room(&self, draft: &Draft) -> Result<(), Reply> {
        let would_fit = |room: &Room| room.clone().take(draft.batch.requests()).is_none_or(|cells| cells <= CELL_LIMIT);
        if would_fit(&self.known().room) {
            return Ok(());
        }
        let metadata = self.fetcher.metadata().await.map_err(|error| not_executed(&error))?;
        let grown = draft.batch.grown_tabs();
        let tabs: Vec<_> = metadata.tabs.iter().filter(|tab| grown.contains(&tab.sheet_id)).collect();
        let mut room = Room::of(&metadata);
        for (tab, rows) in self.fetcher.blank_ends(&tabs).await.map_err(unread)? {
            room.ends_blank(tab, rows);
        }
        let fits = would_fit(&room);
        let cells = room.clone().take(draft.batch.requests()).unwrap_or_default();
        self.known().room = room;
        match (fits, draft.removed.as_ref().is_some_and(|removed| removed.rows() > 1)) {
            (true, _) => Ok(()),
            // Rows that are taken out are kept for a moment; of fewer at a time that takes fewer cells.
            (false, true) => Err(Reply::TooLarge),
            (false, false) => Err(Reply::Refused { part: Part::Other, why: passed(cells) }),
        }
    }

    /// Reads where keys stand, or all rows, as far as this commit needs it and nobody has.
    async fn see_that_rows_are_known(&self, commit: &Commit) -> Result<(), Reply> {
        let stands = commit.changes.tables.is_empty();
        let data = self.known().tabs.data.clone().filter(|tab| stands && !tab.header.is_empty());
        let (Some(tab), Some(key_column)) = (data, commit.state.key_column.as_deref()) else { return Ok(()) };
        let own = self.known().owned.clone();
        loop {
            let need = self.known().upkeep.need(self.fetcher.mode, written_keys(commit));
            match need {
                Need::Nothing => return Ok(()),
                Need::Positions { pause } => {
                    if pause {
                        self.fetcher.clock.sleep(AGAIN).await;
                    }
                    let (tab, index) = self.fetcher.index(&tab, &own, key_column).await.map_err(unread)?;
                    let mut known = self.known();
                    known.tabs.data = Some(tab);
                    known.upkeep.stand_on(index);
                }
                Need::Rows => {
                    let (tab, rows) = self.fetcher.present(&tab, &own).await.map_err(unread)?;
                    if tab.position(key_column).is_none() {
                        return Err(unread(Unread::moved(&tab.title)));
                    }
                    let mut known = self.known();
                    known.upkeep.mend(&tab, key_column, &rows);
                    known.tabs.data = Some(tab);
                    return Ok(());
                }
            }
        }
    }

    /// A tab that is as wide as a tab can be gets no column, and no later try gives it one.
    fn see_that_columns_have_room(&self, commit: &Commit) -> Result<(), Reply> {
        let added = commit.changes.columns.len();
        let known = self.known();
        let full = known.tabs.data.as_ref().filter(|tab| added > 0 && tab.width + added > MAX_COLUMNS);
        full.map_or(Ok(()), |tab| {
            let (title, width) = (&tab.title, tab.width);
            let why = format!(
                "tab {title} has {width} columns and would get {added} more, and a tab takes 18,278: delete columns that nobody needs, \
                 or say new_columns = \"ignore\""
            );
            Err(Reply::Refused { part: Part::Other, why })
        })
    }

    /// Looks at the witness of the last batch where its answer was lost or showed that something went astray.
    async fn look_at_the_witness(&self) -> Result<u64, StoreError> {
        let unseen = self.known().upkeep.unseen().cloned();
        let Some(unseen) = unseen else { return Ok(self.known().upkeep.astray()) };
        let rows = match self.fetcher.scratch(&unseen.title, &unseen.witness).await {
            Ok(rows) => rows,
            Err(Unread::Moved(error)) if self.has_tab(&unseen.title).await? => return Err(error),
            Err(Unread::Moved(_)) => {
                // Whoever made the next commit had to load this one first, and saw its scratch rows.
                self.known().upkeep.leave_to_others();
                return Ok(0);
            }
            Err(Unread::Broken(error)) => return Err(error),
        };
        let mut known = self.known();
        if !known.upkeep.looked(&rows) {
            return Err(unreadable_scratch());
        }
        Ok(known.upkeep.astray())
    }

    /// Looks whether the last batch took out what was meant.
    async fn look_at_what_was_removed(&self) -> Result<Astray, StoreError> {
        let (removed, waiting) = {
            let known = self.known();
            (known.removed.clone(), known.put_back.as_ref().map_or(0, PutBack::rows))
        };
        let Some((removed, place)) = removed else { return Ok(Astray { rows: waiting, ..Astray::default() }) };
        let read = self.fetcher.rows_of(&[removed.range(&place.title)]).await;
        let rows = match read {
            Ok(rows) => rows.into_iter().next().unwrap_or_default(),
            Err(Unread::Moved(error)) if self.has_tab(&place.title).await? => return Err(error),
            Err(Unread::Moved(_)) => {
                // Whoever made the next commit had to load this one first, and puts back what is to be put back.
                self.known().removed = None;
                return Ok(Astray::default());
            }
            Err(Unread::Broken(error)) => return Err(error),
        };
        let Some(found) = removed::read(&rows, removed.head()) else { return Err(unreadable_scratch()) };
        let mut known = self.known();
        known.removed = None;
        known.put_back = found.put_back(place.tab);
        Ok(Astray { rows: found.rows.len() as u64, uncounted: found.uncounted })
    }

    async fn has_tab(&self, title: &str) -> Result<bool, StoreError> {
        Ok(self.fetcher.metadata().await?.tabs.iter().any(|tab| tab.title == title))
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
        let footing = Footing { owned: &known.owned, ..known.upkeep.footing(self.fetcher.mode) };
        let proof = known.stance.proof();
        let ground = Ground { tabs: &known.tabs, proof, footing, put_back: known.put_back.as_ref(), gone: &known.gone };
        let Encoded { requests, parts, tabs, rows, removed } = encode(commit, &ops, ground);
        let batch = match &rows.witness {
            Some(witness) => Batch::new(requests).reading_back(Unseen::ranges(&place.title, witness)),
            None => Batch::new(requests),
        };
        let (batch, rows, owned) = (Arc::new(batch), Arc::new(rows), standing(&commit.state).into());
        let draft = Draft { id: commit.to, batch, parts: parts.into(), form, place, tabs, rows, removed, owned };
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
        let part = match refusal.request {
            Some(at) => draft.parts.get(at).copied().unwrap_or(Part::Other),
            // Which request it was is not said: whether the items are why shows when none is sent.
            None => Part::Content,
        };
        let part = match part {
            // Where there are no cells left, not even for the next state tab, the head says nothing about it.
            _ if refusal.is_about_cells() => Part::Other,
            Part::Content if refusal.is_about_a_place() => Part::Layout,
            // What the sheet is like is no item's fault.
            Part::Content if refusal.is_about_the_sheet() => Part::Other,
            part => part,
        };
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
        self.room.take(draft.batch.requests());
        self.upkeep.applied(&draft.rows, &draft.place.title);
        self.put_back = None;
        self.gone.extend(draft.removed.as_ref().map(Removed::seen).unwrap_or_default());
        self.removed = draft.removed.map(|removed| (removed, draft.place.clone()));
        self.place = Some(draft.place);
        self.tabs = draft.tabs;
        self.owned = draft.owned.to_vec();
        self.drafts.clear();
    }
}

impl Store for SheetsStore {
    fn load(&self) -> BoxFuture<'_, Result<Loaded, StoreError>> {
        Box::pin(async {
            let Fetched { loaded, place, proof, tabs, upkeep, put_back, room } = self.fetcher.fetch().await?;
            let mut known = self.known();
            known.stance.learn(proof);
            let upkeep = upkeep.after(&known.upkeep);
            (known.place, known.tabs, known.upkeep, known.room) = (place, tabs, upkeep, room);
            known.owned = loaded.snapshot.as_ref().map(|found| standing(&found.state)).unwrap_or_default();
            (known.gone, known.put_back, known.removed) = (Gone::default(), put_back, None);
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

    fn astray(&self) -> BoxFuture<'_, Result<Astray, StoreError>> {
        Box::pin(async {
            let removed = self.look_at_what_was_removed().await?;
            let written = self.look_at_the_witness().await?;
            Ok(Astray { rows: removed.rows + written, ..removed })
        })
    }

    fn kept<'a>(&'a self, rows: &'a [(Fingerprint, u32)]) -> BoxFuture<'a, Result<Vec<Kept>, StoreError>> {
        Box::pin(async move {
            let tab = self.known().tabs.failures.clone();
            let Some(tab) = tab.filter(|_| !rows.is_empty()) else { return Ok(Vec::new()) };
            match self.fetcher.kept(&tab, rows).await {
                Ok(kept) => Ok(kept),
                Err(Unread::Moved(error) | Unread::Broken(error)) => Err(error),
            }
        })
    }

    fn usage(&self) -> Usage {
        let calls = self.fetcher.sheets.calls();
        let updated = self.known().upkeep.updated();
        Usage { reads: calls.reads, writes: calls.writes, retries: calls.retries, throttled: calls.throttled, updated }
    }
}

/// Keys whose rows a commit writes, each with whether it was done before.
fn written_keys(commit: &Commit) -> impl Iterator<Item = (&str, bool)> {
    commit.changes.settled.iter().filter_map(|one| match one {
        Settled::Done { key, known, output, .. } if !output.is_empty() => Some((key.as_str(), *known)),
        _ => None,
    })
}

/// The data tab could not be read for a commit: what changed under it asks for a new load.
fn unread(error: Unread) -> Reply {
    match error {
        Unread::Moved(error) => Reply::Refused { part: Part::Layout, why: error.to_string() },
        Unread::Broken(error) => not_executed(&error),
    }
}

/// Scratch rows are not those of the batch that was applied last.
fn unreadable_scratch() -> StoreError {
    let why = "the scratch rows of the state tab were changed or read too early; the next run looks at them again";
    StoreError::Unavailable { why: why.to_owned(), fault: Fault::Transient }
}

/// Makes ids for a probe that no commit has used; the complement of a nonce would do not, because it makes the same tab id.
fn probe_salt(head: HeadId) -> u64 {
    head.nonce.wrapping_mul(0x9E37_79B9_7F4A_7C15).wrapping_add(1)
}

fn not_executed(error: &StoreError) -> Reply {
    Reply::NotExecuted { fault: error.fault(), why: error.to_string() }
}
