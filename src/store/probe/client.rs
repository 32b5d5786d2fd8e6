//! The client of a probe: sends batches to the spreadsheet, reads cells, owns a scratch tab.
//!
//! In scope: sending, repeated reads, errors that stop a probe.
//! Out of scope: the checks (the other files of this folder).

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use serde_json::Value;

use crate::clock::Clock;
use crate::fault::Fault;
use crate::grid::quote_title;
use crate::port::store::StoreError;
use crate::rng::Rng;
use crate::sheets_client::errors::api_error::ApiError;
use crate::sheets_client::sheets::{BatchResult, Sheets};
use crate::sheets_client::types::address::SpreadsheetId;
use crate::sheets_client::types::cell::CellData;
use crate::sheets_client::types::request_objects::{GridCoordinate, GridProperties, SheetProperties};
use crate::sheets_client::types::requests::{Batch, Request};
use crate::sheets_client::types::response_types::BatchResponse;
use crate::store::probe::assumption::AssumptionOutcome;
use crate::store::probe::scratch_names::ScratchName;
use crate::store::tabs::error::convert_call_error;

/// Rows of a scratch tab.
pub const ROWS: u32 = 40;
const COLUMNS: u32 = 6;
/// Maximum number of reads, because a read may be older than an acknowledged write.
const MAX_READS: u32 = 4;
const READ_PAUSE: Duration = Duration::from_secs(1);

/// A scratch tab.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProbeTab {
    /// The id of the tab.
    pub id: i32,
    /// The title of the tab.
    pub title: String,
}

/// What a check of an assumption shows, and the sentence about it.
pub type CheckResult = Result<(AssumptionOutcome, String), ProbeFailure>;

/// Why a check has no result.
#[derive(Debug)]
pub enum ProbeFailure {
    /// The response to a batch was lost. The check may be repeated with new names.
    ResponseLost(String),
    /// The response allows no conclusion.
    Inconclusive(String),
    /// No check is possible on this spreadsheet.
    Impossible(StoreError),
}

/// The result of a batch.
#[derive(Debug)]
pub enum SentBatch {
    /// The service applied it.
    Applied(BatchResponse),
    /// The service refused it with status 400.
    Refused(ApiError),
}

/// The client of one probe.
pub struct ProbeClient {
    /// The API client.
    pub sheets: Arc<Sheets>,
    /// The spreadsheet to probe.
    pub id: SpreadsheetId,
    /// The clock for pauses and timestamps.
    pub clock: Arc<dyn Clock>,
    /// The source of this probe's names.
    pub scratch: ScratchName,
    /// The interval of recalculation before the probe.
    recalculation: String,
    is_recalculation_changed: AtomicBool,
    home: OnceLock<ProbeTab>,
    next_row: AtomicU32,
    lost: AtomicU32,
}

impl ProbeClient {
    /// Starts a probe. Reads the spreadsheet first, because the names include the service's time.
    pub async fn open(
        sheets: Arc<Sheets>,
        id: SpreadsheetId,
        clock: Arc<dyn Clock>,
        rng: Arc<dyn Rng>,
    ) -> Result<Self, StoreError> {
        let metadata = sheets.read_metadata(&id).await.map_err(|error| convert_call_error(&error))?;
        let now = sheets.service_time().map_or_else(|| clock.now(), |(at, _)| at);
        let scratch = ScratchName::new(now, rng);
        let (home, next_row, lost) = (OnceLock::new(), AtomicU32::new(0), AtomicU32::new(0));
        let (recalculation, is_recalculation_changed) = (metadata.auto_recalc, AtomicBool::new(false));
        Ok(Self { sheets, id, clock, scratch, recalculation, is_recalculation_changed, home, next_row, lost })
    }

    /// The interval of recalculation that the spreadsheet had before the probe.
    pub fn recalculation(&self) -> &str {
        &self.recalculation
    }

    /// Notes that this probe may have changed the interval.
    pub fn record_recalculation_changed(&self) {
        self.is_recalculation_changed.store(true, Ordering::Relaxed);
    }

    /// Whether this probe may have changed the interval.
    pub fn has_changed_recalculation(&self) -> bool {
        self.is_recalculation_changed.load(Ordering::Relaxed)
    }

    /// Whether the outcome of any batch was unknown. Such a batch may still arrive.
    pub fn has_lost_batch(&self) -> bool {
        self.lost.load(Ordering::Relaxed) > 0
    }

    /// The scratch tab that checks share.
    pub fn open_shared_tab(&self) -> Result<&ProbeTab, ProbeFailure> {
        self.home
            .get()
            .ok_or_else(|| ProbeFailure::Inconclusive("there is no scratch tab for this question".to_owned()))
    }

    /// Sets the shared scratch tab.
    pub fn set_home(&self, tab: ProbeTab) {
        let _ = self.home.set(tab);
    }

    /// The next unused row of the shared tab, 0-based.
    pub fn next_row(&self) -> u32 {
        self.next_row.fetch_add(1, Ordering::Relaxed) % ROWS
    }

    /// Chooses id and title of a new tab.
    pub fn new_tab(&self) -> ProbeTab {
        ProbeTab { id: self.scratch.next_number(), title: self.scratch.next_title() }
    }

    /// Sends a batch once.
    pub async fn send(&self, batch: Batch) -> Result<SentBatch, ProbeFailure> {
        match self.sheets.batch_update(&self.id, &batch).await {
            BatchResult::Applied(response) => Ok(SentBatch::Applied(response)),
            BatchResult::Refused(refusal) if refusal.code == 400 => Ok(SentBatch::Refused(refusal)),
            BatchResult::Refused(refusal) => {
                let advice = refusal.advice(self.sheets.client_email()).map(|advice| format!("; {advice}"));
                let why = format!("write to the spreadsheet: {refusal}{}", advice.unwrap_or_default());
                let error = if refusal.code == 404 { StoreError::Missing { why } } else { StoreError::Denied { why } };
                Err(ProbeFailure::Impossible(error))
            }
            BatchResult::NotExecuted(error) => Err(ProbeFailure::Impossible(convert_call_error(&error))),
            BatchResult::TooLarge(error) => Err(ProbeFailure::Inconclusive(error.to_string())),
            BatchResult::OutcomeUnknown(cause) => {
                self.lost.fetch_add(1, Ordering::Relaxed);
                Err(ProbeFailure::ResponseLost(cause.to_string()))
            }
        }
    }

    /// Sends a batch that only prepares a check. A refusal leaves the check without a result.
    pub async fn prepare(&self, requests: Vec<Request>) -> Result<BatchResponse, ProbeFailure> {
        match self.send(Batch::new(requests)).await? {
            SentBatch::Applied(response) => Ok(response),
            SentBatch::Refused(refusal) => {
                Err(ProbeFailure::Inconclusive(format!("the preparation was refused: {refusal}")))
            }
        }
    }

    /// Reads an area of a scratch tab until it is as `expected`, or until a read can't be older
    /// than the write.
    pub async fn read(
        &self,
        tab: &ProbeTab,
        area: &str,
        expected: impl Fn(&[Vec<Value>]) -> bool + Send + Sync,
    ) -> Result<Vec<Vec<Value>>, ProbeFailure> {
        let ranges = [format!("{}!{area}", quote_title(&tab.title))];
        let mut last = Err(ProbeFailure::Inconclusive("it was never read".to_owned()));
        for nth in 0..MAX_READS {
            if nth > 0 {
                self.clock.sleep(READ_PAUSE).await;
            }
            last = match self.sheets.read_values(&self.id, &ranges).await {
                Ok(read) => Ok(read.into_iter().next().unwrap_or_default()),
                Err(error) => Err(match convert_call_error(&error) {
                    error if error.fault() == Fault::Denied || matches!(error, StoreError::Missing { .. }) => {
                        ProbeFailure::Impossible(error)
                    }
                    error => ProbeFailure::Inconclusive(error.to_string()),
                }),
            };
            match &last {
                Ok(rows) if expected(rows) => break,
                Err(ProbeFailure::Impossible(_)) => break,
                _ => {}
            }
        }
        last
    }
}

impl ProbeTab {
    /// Returns the request that adds the tab.
    pub fn add(&self) -> Request {
        let grid = GridProperties { row_count: Some(ROWS), column_count: Some(COLUMNS), frozen_row_count: None };
        Request::AddSheet {
            properties: SheetProperties {
                sheet_id: Some(self.id),
                title: Some(self.title.clone()),
                hidden: Some(true),
                grid_properties: Some(grid),
                ..SheetProperties::default()
            },
        }
    }

    /// Returns the request that writes one cell.
    pub fn write(&self, row: u32, column: u32, cell: CellData) -> Request {
        let start = GridCoordinate { sheet_id: self.id, row_index: row, column_index: column };
        Request::UpdateCells {
            rows: vec![vec![cell].into()],
            fields: "userEnteredValue".into(),
            start: Some(start),
            range: None,
        }
    }
}

/// The text of a cell that was read; empty if it is missing.
pub fn read_text(rows: &[Vec<Value>], row: usize, column: usize) -> String {
    rows.get(row).and_then(|row| row.get(column)).map(crate::store::tabs::parse::format_cell).unwrap_or_default()
}
