//! Keys that a job has done in spreadsheets that it has left since.
//!
//! In scope: reading them, and whether those spreadsheets say that the job has left. Out of scope: the move itself (`maintain::rollover`).
//!
//! A spreadsheet that was left changes no more, but for people's hands: so what it holds is read without a guard, and what does not fit its
//! state is told and taken as it is.

use std::collections::HashMap;
use std::time::Duration;

use crate::google::address::SpreadsheetId;
use crate::google::shape::{SpreadsheetInfo, TabInfo as Seen};
use crate::ledger::commit::commit_resolution::HeadStatus;
use crate::ledger::lease::row_order::FirstCommits;
use crate::ledger::rows::row_codec::PROCESSED;
use crate::ledger::state::snapshot::{Anomaly, LoadObservation, State};
use crate::ledger::state::state_codec::read_state;
use crate::port::store::StoreError;
use crate::store::guard::head_guard::{self, StateLocation};
use crate::store::load::loader::Loader;
use crate::store::load::unstable_tabs::settled;
use crate::store::tabs::error::{EARLIER, LoadError, edited};
use crate::store::tabs::load_plan::seen_tab;
use crate::store::tabs::parse;
use crate::store::tabs::processed::ProcessedRows;
use crate::store::tabs::schema::{StoreMetadata, Tab};

/// Looks at a spreadsheet whose rows and state do not fit, before that counts as people's hands.
const LOOKS: u32 = 3;
/// Between two of them.
const AGAIN: Duration = Duration::from_secs(4);

impl Loader {
    /// Reads the keys of the earlier spreadsheets that the state names and puts them before those of this one. Tells what was odd, and
    /// which of them does not say that the job goes on in the one after it.
    pub(super) async fn read_earlier(
        &self,
        state: &mut State,
        done: &mut ProcessedRows,
    ) -> Result<(Vec<Anomaly>, Option<String>), LoadError> {
        let (mut blemishes, mut unmoved) = (Vec::new(), None);
        let mut successor = self.id.as_str().to_owned();
        let mut above: Vec<ProcessedRows> = Vec::new();
        for (at, previous) in state.previous.clone().iter().enumerate() {
            let read = self.of_earlier(previous)?.read_leftovers().await;
            let (left, rows, odd) = match read {
                Ok(read) => read,
                Err(LoadError::Failed(StoreError::Missing { .. } | StoreError::Denied { .. })) if self.leaving => {
                    blemishes.push(left_behind(previous));
                    state.previous.truncate(at);
                    break;
                }
                Err(error) => return Err(beside(previous, error)),
            };
            if left.next.as_ref() != Some(&successor) {
                unmoved = Some(previous.clone());
            }
            state.gaps.add_predecessor(&left.gaps);
            blemishes.extend(odd.map(|message| told_of(previous, &message)));
            above.push(rows);
            successor.clone_from(previous);
        }
        // From the oldest on; which key was done first counts, and how many rows there are does not.
        let own = std::mem::take(done);
        let mut all = above.into_iter().rev();
        let Some(mut first) = all.next() else {
            *done = own;
            return Ok((blemishes, unmoved));
        };
        all.for_each(|next| first.append(next));
        let found = own.found;
        first.append(own);
        first.found = found;
        *done = first;
        Ok((blemishes, unmoved))
    }

    /// The same job in an earlier spreadsheet.
    pub(crate) fn of_earlier(&self, id: &str) -> Result<Self, StoreError> {
        let parsed = SpreadsheetId::parse(id).map_err(|error| {
            let why = format!(
                "the state names an earlier spreadsheet \"{id}\": {error}; somebody edited the hidden state tab"
            );
            StoreError::Corrupt { why }
        })?;
        Ok(Self { id: parsed, ..self.clone() })
    }

    /// The state of a spreadsheet that the job has left, its keys, and what was odd about them.
    async fn read_leftovers(&self) -> Result<(State, ProcessedRows, Option<String>), LoadError> {
        let mut looks = 0;
        loop {
            looks += 1;
            let (pairs, seen, mut tab) = self.what_is_there().await?;
            let state = read_state(&pairs).map_err(|error| StoreError::Corrupt { why: error.to_string() })?;
            let first = self.first_page(&seen).await?;
            let mut rows = self.read_keys(&mut tab, Some(&seen), first, None, Some(state.processed)).await?;
            if rows.has_doubt() {
                let runs = self.left_runs(&pairs).await?;
                rows.put_in_order(&self.first_commits(&state, runs.as_ref()).await?);
            }
            rows.put_in_order(&FirstCommits::default());
            rows.keep_gaps(state.gaps.before);
            let reading = LoadObservation { head: state.head, expected: state.processed, actual: rows.found };
            if reading.expected == reading.actual {
                return Ok((state, rows, None));
            }
            if looks == LOOKS {
                return Ok((state, rows, Some(edited(&self.job, reading).message)));
            }
            self.clock.sleep(AGAIN).await;
        }
    }

    fn left_place(&self, metadata: &SpreadsheetInfo) -> Result<StateLocation, StoreError> {
        if let (HeadStatus::At { .. }, Some(place)) = head_guard::head_in(&self.job, metadata) {
            return Ok(place);
        }
        let why = format!("the state of job {} is gone from it; restore an earlier version of it", self.job);
        Err(StoreError::Corrupt { why })
    }

    /// The tab with the keys of a spreadsheet that the job has left.
    pub(crate) async fn earlier_keys(&self) -> Result<(Seen, Tab), LoadError> {
        let (_, seen, tab) = self.what_is_there().await?;
        Ok((seen, tab))
    }

    /// Runs of a spreadsheet that the job has left; none where it is gone.
    async fn left_runs(&self, pairs: &HashMap<String, String>) -> Result<Option<Tab>, LoadError> {
        let (metadata, noted) = (self.metadata().await?, StoreMetadata::read(pairs).runs);
        let Some(seen) = metadata.tabs.iter().find(|tab| Some(tab.sheet_id) == noted) else { return Ok(None) };
        let header = self.rows_of(&[parse::header_range(&seen.title)]).await?;
        Ok(Some(seen_tab(seen, header.first().map_or(&[][..], Vec::as_slice))))
    }

    /// The state's pairs, and the tab with the keys.
    async fn what_is_there(&self) -> Result<(HashMap<String, String>, Seen, Tab), LoadError> {
        let metadata = self.metadata().await?;
        let place = self.left_place(&metadata)?;
        let read = self.rows_of(&[parse::state_range(&place.title)]).await?;
        let pairs = parse::pairs(read.first().map_or(&[][..], Vec::as_slice));
        let (seen, tab) = self.keyed_tab(&metadata, &pairs).await?;
        Ok((pairs, seen.clone(), tab))
    }

    async fn keyed_tab<'m>(
        &self,
        metadata: &'m SpreadsheetInfo,
        pairs: &HashMap<String, String>,
    ) -> Result<(&'m Seen, Tab), LoadError> {
        let processed = StoreMetadata::read(pairs).processed;
        let Some(seen) = metadata.tabs.iter().find(|tab| Some(tab.sheet_id) == processed) else {
            let why =
                format!("its tab {} is gone; restore an earlier version of it", head_guard::processed_title(&self.job));
            return Err(StoreError::Corrupt { why }.into());
        };
        let header = self.rows_of(&[parse::header_range(&seen.title)]).await?;
        let tab = seen_tab(seen, header.first().map_or(&[][..], Vec::as_slice));
        match parse::unusable(&tab, &PROCESSED) {
            Some(blemish) => Err(StoreError::Corrupt { why: blemish.message }.into()),
            None => Ok((seen, tab)),
        }
    }
}

fn told_of(spreadsheet: &str, what: &str) -> Anomaly {
    Anomaly { message: format!("in the earlier spreadsheet {spreadsheet}: {what}"), blocking: false }
}

/// What is told once, when somebody has accepted that a spreadsheet is lost.
fn left_behind(spreadsheet: &str) -> Anomaly {
    let message = format!(
        "the earlier spreadsheet {spreadsheet}, and those before it, are left behind: what was done there is done again if the source yields it"
    );
    Anomaly { message, blocking: false }
}

/// An error of a spreadsheet that the job has left, which is not the one that the user named.
fn beside(spreadsheet: &str, error: LoadError) -> LoadError {
    let said = |why: String| format!("{EARLIER} {spreadsheet}, whose keys count: {why}");
    LoadError::Failed(match settled(error) {
        StoreError::Unavailable { why, fault } => StoreError::Unavailable { why: said(why), fault },
        StoreError::Foreign { why } => StoreError::Foreign { why: said(why) },
        StoreError::Machine { trouble } => StoreError::Machine { trouble },
        StoreError::Missing { why } => StoreError::Missing { why: said(why) },
        StoreError::Denied { why } => StoreError::Denied { why: said(why) },
        StoreError::Corrupt { why } => StoreError::Corrupt { why: said(why) },
        StoreError::Unsafe { why } => StoreError::Unsafe { why: said(why) },
    })
}
