//! Reads a job's state without its rows: two reads, whatever the job's size.
//!
//! In scope: the state alone, for `run --due`. Out of scope: rows and their consistency
//! (`store::load::loader`).

use std::time::Duration;

use crate::ledger::commit::commit_resolution::HeadStatus;
use crate::ledger::state::snapshot::State;
use crate::ledger::state::state_codec::read_state;
use crate::port::store::StoreError;
use crate::store::guard::head_guard;
use crate::store::load::loader::Loader;
use crate::store::tabs::error::{LoadError, check_consistent, head_missing, inconsistent};
use crate::store::tabs::parse;
use crate::time::Timestamp;

/// Reads of a state that another run replaces at the same moment.
const MAX_READS: u32 = 4;
/// Pause between them.
const PAUSE: Duration = Duration::from_millis(500);

/// A job's state, as read alone.
#[derive(Debug, Clone)]
pub struct StateReading {
    /// The state; `None` if the job has never run here.
    pub state: Option<State>,
    /// The service's time of the reading.
    pub service_time: Timestamp,
}

impl Loader {
    /// Reads the state: the head strictly before the state's tab, until both belong together.
    pub async fn read_state(&self) -> Result<StateReading, StoreError> {
        for _ in 0..MAX_READS {
            let metadata = self.metadata().await?;
            let (head_status, location) = head_guard::read_head(&self.job, &metadata);
            let location = match (head_status, location) {
                (HeadStatus::NotInitialized, _) => {
                    return Ok(StateReading { state: None, service_time: self.service_time() });
                }
                (HeadStatus::At { .. }, Some(location)) => location,
                _ => return Err(head_missing(&self.job)),
            };
            let read = match self.values(&[parse::state_range(&location.title)]).await {
                Ok(read) => read,
                // A commit has renamed the tab since.
                Err(LoadError::Stale(_)) => {
                    self.clock.sleep(PAUSE).await;
                    continue;
                }
                Err(LoadError::Failed(error)) => return Err(error),
            };
            let pairs = parse::pairs(read.first().map_or(&[][..], Vec::as_slice));
            let state = read_state(&pairs).map_err(|error| StoreError::Corrupt { why: error.to_string() })?;
            if state.head == Some(location.head) {
                check_consistent(&state, &self.job, &location)?;
                return Ok(StateReading { state: Some(state), service_time: self.service_time() });
            }
            self.clock.sleep(PAUSE).await;
        }
        Err(inconsistent())
    }
}
