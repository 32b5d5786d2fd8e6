//! The standing of a job: its state, and what people ask of it, without its keys and failures.
//!
//! In scope: two reads, the metadata first. Out of scope: a whole load (`store::load::loader`),
//! what follows from the standing.

use crate::ledger::commit::commit_resolution::HeadStatus;
use crate::ledger::runs::job_requests::JobRequests;
use crate::ledger::state::snapshot::State;
use crate::ledger::state::state_codec::read_state;
use crate::port::store::StoreError;
use crate::sheets_client::types::response_types::TabInfo;
use crate::store::guard::head_guard;
use crate::store::load::loader::Loader;
use crate::store::load::unstable_tabs::{MAX_TITLES, into_store_error};
use crate::store::tabs::error::{LoadError, check_consistent, describe_missing_head};
use crate::store::tabs::jobs::{JobsReading, find_jobs_tab, make_jobs_ranges};
use crate::store::tabs::parse;
use crate::store::tabs::schema::StoreMetadata;
use crate::time::Timestamp;

/// The standing of a job, as of one moment. A commit may have followed; its guard notices.
#[derive(Debug, Clone, PartialEq)]
pub struct JobStanding {
    /// The head of the job's state, or why there is none.
    pub head: HeadStatus,
    /// The state; `None` if the job has never run here.
    pub state: Option<State>,
    /// What people ask of the job in the tab Jobs.
    pub requests: JobRequests,
    /// Warnings about that tab.
    pub warnings: Vec<String>,
    /// The time zone of the spreadsheet.
    pub timezone: Option<String>,
    /// The service's time of the read.
    pub service_time: Timestamp,
}

impl Loader {
    /// Reads the standing in two reads: the metadata, and the state tab with the tab Jobs. One more
    /// for a renamed tab Jobs or its moved columns, and more while people rename tabs meanwhile.
    /// Writes nothing.
    pub async fn load_standing(&self) -> Result<JobStanding, StoreError> {
        let mut tries = 1;
        loop {
            match self.read_standing_once().await {
                Err(LoadError::Stale(_)) if tries < MAX_TITLES => tries += 1,
                read => return read.map_err(into_store_error),
            }
        }
    }

    async fn read_standing_once(&self) -> Result<JobStanding, LoadError> {
        let metadata = self.read_metadata().await?;
        let (head, location) = head_guard::read_head(&self.job, &metadata);
        if head == HeadStatus::Missing {
            return Err(describe_missing_head(&self.job).into());
        }
        let find = |id| self.jobs.as_ref().and_then(|_| find_jobs_tab(&metadata, id));
        let mut jobs = find(None);
        let usual = |jobs: Option<&TabInfo>| jobs.map(|tab| make_jobs_ranges(tab, None)).unwrap_or_default();
        let state_range = location.iter().map(|location| parse::make_state_range(&location.title));
        let mut read = self.read_values(&state_range.chain(usual(jobs)).collect::<Vec<_>>()).await?;
        let (mut state, mut id) = (None, None);
        if let (Some(location), false) = (&location, read.is_empty()) {
            let pairs = parse::parse_pairs(&read.remove(0));
            let found = read_state(&pairs).map_err(|error| StoreError::Inconsistent { why: error.to_string() })?;
            check_consistent(&found, &self.job, location)?;
            (state, id) = (Some(found), StoreMetadata::read(&pairs).jobs);
        }
        let by_id = find(id);
        if by_id.map(|tab| tab.sheet_id) != jobs.map(|tab| tab.sheet_id) {
            jobs = by_id;
            read = self.read_values(&usual(jobs)).await?;
        }
        let JobsReading { requests, warnings, .. } = self.read_jobs_tab(&metadata, (jobs, id), &read).await?;
        let timezone = Some(metadata.time_zone.clone()).filter(|zone| !zone.is_empty());
        Ok(JobStanding { head, state, requests, warnings, timezone, service_time: self.service_time() })
    }
}
