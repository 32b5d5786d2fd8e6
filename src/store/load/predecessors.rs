//! Reads the keys that a job processed in predecessor spreadsheets (before a rollover).
//!
//! In scope: reading them, and checking that each one names its successor.
//! Out of scope: the rollover itself (`maintain::rollover`).
//!
//! Only users change a predecessor. So the loader reads it without a guard. If its rows do not
//! match its state, the loader reports that and uses the rows as they are.

use std::collections::HashMap;
use std::time::Duration;

use crate::ledger::commit::commit_resolution::HeadStatus;
use crate::ledger::leases::row_order::FirstCommits;
use crate::ledger::rows::row_codec::PROCESSED;
use crate::ledger::rows::tab_kind::name_processed_tab;
use crate::ledger::state::snapshot::{Anomaly, LoadObservation, State};
use crate::ledger::state::state_codec::read_state;
use crate::port::store::StoreError;
use crate::sheets_client::types::address::SpreadsheetId;
use crate::sheets_client::types::response_types::{SpreadsheetInfo, TabInfo};
use crate::store::guard::head_guard::{self, StateLocation};
use crate::store::load::loader::Loader;
use crate::store::load::unstable_tabs::into_store_error;
use crate::store::tabs::error::{LoadError, report_manual_edit};
use crate::store::tabs::load_plan::make_tab;
use crate::store::tabs::parse;
use crate::store::tabs::processed::ProcessedRows;
use crate::store::tabs::schema::{StoreMetadata, Tab};

/// Read attempts of a predecessor whose rows do not match its state, before that counts as a manual
/// edit.
const MAX_READ_ATTEMPTS: u32 = 3;
/// Pause between two attempts.
const READ_PAUSE: Duration = Duration::from_secs(4);

impl Loader {
    /// Reads the keys of the predecessors that the state names and puts them before the keys of
    /// this spreadsheet. Returns the anomalies and the predecessor that does not name its
    /// successor.
    pub(super) async fn read_predecessors(
        &self,
        state: &mut State,
        done: &mut ProcessedRows,
    ) -> Result<(Vec<Anomaly>, Option<String>), LoadError> {
        let (mut anomalies, mut unmoved) = (Vec::new(), None);
        let mut successor = self.id.as_str().to_owned();
        let mut above: Vec<ProcessedRows> = Vec::new();
        for (at, previous) in state.predecessors.clone().iter().enumerate() {
            let read = self.for_predecessor(previous)?.read_predecessor().await;
            let (left, rows, reported) = match read {
                Ok(read) => read,
                Err(LoadError::Failed(StoreError::Missing { .. } | StoreError::Denied { .. }))
                    if self.abandons_predecessors =>
                {
                    anomalies.push(report_abandoned_predecessor(previous));
                    state.predecessors.truncate(at);
                    break;
                }
                Err(error) => return Err(name_predecessor(previous, error)),
            };
            if left.successor.as_ref() != Some(&successor) {
                unmoved = Some(previous.clone());
            }
            state.gaps.add_predecessor(&left.gaps);
            anomalies.extend(reported.map(|message| report_predecessor(previous, &message)));
            above.push(rows);
            successor.clone_from(previous);
        }
        // From the oldest on. The order decides which key was done first; the row count is this
        // spreadsheet's.
        let own = std::mem::take(done);
        let mut all = above.into_iter().rev();
        let Some(mut first) = all.next() else {
            *done = own;
            return Ok((anomalies, unmoved));
        };
        all.for_each(|next| first.append(next));
        let found = own.found;
        first.append(own);
        first.found = found;
        *done = first;
        Ok((anomalies, unmoved))
    }

    /// A loader for the same job in a predecessor spreadsheet.
    pub(crate) fn for_predecessor(&self, id: &str) -> Result<Self, StoreError> {
        let parsed = SpreadsheetId::parse(id).map_err(|error| {
            let why =
                format!("the state names an earlier spreadsheet \"{id}\": {error}; the hidden state tab was edited");
            StoreError::Inconsistent { why }
        })?;
        Ok(Self { id: parsed, ..self.clone() })
    }

    /// Reads a predecessor's state and keys, and the anomaly found in them.
    async fn read_predecessor(&self) -> Result<(State, ProcessedRows, Option<String>), LoadError> {
        let mut attempts = 0;
        loop {
            attempts += 1;
            let (pairs, info, mut tab) = self.read_state_and_key_tab().await?;
            let state = read_state(&pairs).map_err(|error| StoreError::Inconsistent { why: error.to_string() })?;
            let first = self.read_first_page(&info).await?;
            let mut rows = self.read_keys(&mut tab, Some(&info), first, None, Some(state.processed)).await?;
            if rows.has_doubt() {
                let runs = self.find_runs_tab(&pairs).await?;
                rows.sort_by_order(&self.read_first_commits(&state, runs.as_ref()).await?);
            }
            rows.sort_by_order(&FirstCommits::default());
            rows.keep_gaps(state.gaps.any_key_before_commit);
            let reading = LoadObservation { head: state.head, expected: state.processed, actual: rows.found };
            if reading.expected == reading.actual {
                return Ok((state, rows, None));
            }
            if attempts == MAX_READ_ATTEMPTS {
                return Ok((state, rows, Some(report_manual_edit(&self.job, reading).message)));
            }
            self.clock.sleep(READ_PAUSE).await;
        }
    }

    fn find_state(&self, metadata: &SpreadsheetInfo) -> Result<StateLocation, StoreError> {
        if let (HeadStatus::At { .. }, Some(location)) = head_guard::read_head(&self.job, metadata) {
            return Ok(location);
        }
        let why = format!("the state of job {} is gone from it; restore an earlier version of it", self.job);
        Err(StoreError::Inconsistent { why })
    }

    /// Finds the tab of keys in a predecessor.
    pub(crate) async fn find_key_tab(&self) -> Result<(TabInfo, Tab), LoadError> {
        let (_, info, tab) = self.read_state_and_key_tab().await?;
        Ok((info, tab))
    }

    /// Finds the Runs tab of a predecessor; `None` if it is gone.
    async fn find_runs_tab(&self, pairs: &HashMap<String, String>) -> Result<Option<Tab>, LoadError> {
        let (metadata, noted) = (self.read_metadata().await?, StoreMetadata::read(pairs).runs);
        let Some(info) = metadata.tabs.iter().find(|tab| Some(tab.sheet_id) == noted) else { return Ok(None) };
        let header = self.read_values(&[parse::make_header_range(&info.title)]).await?;
        Ok(Some(make_tab(info, header.first().map_or(&[][..], Vec::as_slice))))
    }

    /// Reads the pairs of the state tab and finds the tab of keys.
    async fn read_state_and_key_tab(&self) -> Result<(HashMap<String, String>, TabInfo, Tab), LoadError> {
        let metadata = self.read_metadata().await?;
        let location = self.find_state(&metadata)?;
        let read = self.read_values(&[parse::make_state_range(&location.title)]).await?;
        let pairs = parse::parse_pairs(read.first().map_or(&[][..], Vec::as_slice));
        let (info, tab) = self.find_keyed_tab(&metadata, &pairs).await?;
        Ok((pairs, info.clone(), tab))
    }

    async fn find_keyed_tab<'m>(
        &self,
        metadata: &'m SpreadsheetInfo,
        pairs: &HashMap<String, String>,
    ) -> Result<(&'m TabInfo, Tab), LoadError> {
        let processed = StoreMetadata::read(pairs).processed;
        let Some(info) = metadata.tabs.iter().find(|tab| Some(tab.sheet_id) == processed) else {
            let why = format!("its tab {} is gone; restore an earlier version of it", name_processed_tab(&self.job));
            return Err(StoreError::Inconsistent { why }.into());
        };
        let header = self.read_values(&[parse::make_header_range(&info.title)]).await?;
        let tab = make_tab(info, header.first().map_or(&[][..], Vec::as_slice));
        match parse::check_header(&tab, &PROCESSED) {
            Some(anomaly) => Err(StoreError::Inconsistent { why: anomaly.message }.into()),
            None => Ok((info, tab)),
        }
    }
}

fn report_predecessor(spreadsheet: &str, what: &str) -> Anomaly {
    Anomaly { message: format!("in the earlier spreadsheet {spreadsheet}: {what}"), is_blocking: false }
}

/// The one-time notice that the user gave up a lost spreadsheet.
fn report_abandoned_predecessor(spreadsheet: &str) -> Anomaly {
    let message = format!(
        "the earlier spreadsheet {spreadsheet}, and those before it, are left behind: what was done there is processed again if the source yields it"
    );
    Anomaly { message, is_blocking: false }
}

/// Adds the predecessor to an error, because it is not the spreadsheet that the user named.
fn name_predecessor(spreadsheet: &str, error: LoadError) -> LoadError {
    let spreadsheet = spreadsheet.to_owned();
    LoadError::Failed(match into_store_error(error) {
        // The machine is at fault, not the spreadsheet.
        error @ StoreError::Machine { .. } => error,
        StoreError::Inconsistent { why } => {
            let why = format!("read the earlier spreadsheet {spreadsheet}, whose keys count: {why}");
            StoreError::Inconsistent { why }
        }
        error => StoreError::Predecessor { spreadsheet, error: Box::new(error) },
    })
}
