//! Where a probe works: batches to the spreadsheet, cells read from it, and a scratch tab to stand on.
//!
//! In scope: sending, reading with patience, what stops a probe. Out of scope: what is asked (the files of questions beside this one).

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use serde_json::Value;

use crate::google::address::SpreadsheetId;
use crate::google::body::{Batch, GridCoordinate, GridProperties, Request, SheetProperties};
use crate::google::cell::CellData;
use crate::google::error::ApiError;
use crate::google::shape::BatchAnswer;
use crate::google::sheets::{BatchReply, Sheets};
use crate::grid::quoted;
use crate::port::chance::Chance;
use crate::port::clock::Clock;
use crate::port::store::StoreError;
use crate::store::probe::scratch_names::ScratchName;
use crate::store::tabs::error::unreadable;

/// Rows of a scratch tab.
pub const ROWS: u32 = 40;
const COLUMNS: u32 = 6;
/// Reads of cells that may be older than a write that was answered before them.
const READS: u32 = 4;
const READ_AGAIN: Duration = Duration::from_secs(1);

/// A scratch tab.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProbeTab {
    /// Its id.
    pub id: i32,
    /// Its title.
    pub title: String,
}

/// Why a question has no answer.
#[derive(Debug)]
pub enum Unanswered {
    /// The service's answer to a batch was lost; it may be asked again in fresh names.
    Lost(String),
    /// It was answered, but tells nothing.
    Unclear(String),
    /// Nothing can be asked here at all.
    Stop(StoreError),
}

/// What came of a batch.
#[derive(Debug)]
pub enum SentBatch {
    /// It was applied.
    Applied(BatchAnswer),
    /// It was refused with 400.
    Refused(ApiError),
}

/// One probe's way to the spreadsheet.
pub struct ProbeClient {
    /// The client.
    pub sheets: Arc<Sheets>,
    /// The spreadsheet.
    pub id: SpreadsheetId,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// The names of this probe.
    pub scratch: ScratchName,
    home: OnceLock<ProbeTab>,
    next_row: AtomicU32,
    lost: AtomicU32,
}

impl ProbeClient {
    /// Begins a probe: reads the spreadsheet, so that its names tell the service's time.
    pub async fn open(
        sheets: Arc<Sheets>,
        id: SpreadsheetId,
        clock: Arc<dyn Clock>,
        chance: Arc<dyn Chance>,
    ) -> Result<Self, StoreError> {
        sheets.metadata(&id).await.map_err(|error| unreadable(&error))?;
        let now = sheets.service_time().map_or_else(|| clock.now(), |(at, _)| at);
        let scratch = ScratchName::new(now, chance);
        let (home, next_row, lost) = (OnceLock::new(), AtomicU32::new(0), AtomicU32::new(0));
        Ok(Self { sheets, id, clock, scratch, home, next_row, lost })
    }

    /// Whether the fate of a batch was ever unknown; it may still arrive.
    pub fn lost_any(&self) -> bool {
        self.lost.load(Ordering::Relaxed) > 0
    }

    /// The scratch tab that questions share.
    pub fn home(&self) -> Result<&ProbeTab, Unanswered> {
        self.home.get().ok_or_else(|| Unanswered::Unclear("there is no scratch tab for this question".to_owned()))
    }

    /// Stands on this tab from now on.
    pub fn stand_on(&self, tab: ProbeTab) {
        let _ = self.home.set(tab);
    }

    /// A row of the shared tab that nobody has used, from 0.
    pub fn row(&self) -> u32 {
        self.next_row.fetch_add(1, Ordering::Relaxed) % ROWS
    }

    /// A tab that is not there yet.
    pub fn new_tab(&self) -> ProbeTab {
        ProbeTab { id: self.scratch.number(), title: self.scratch.title() }
    }

    /// Sends a batch once.
    pub async fn send(&self, batch: Batch) -> Result<SentBatch, Unanswered> {
        match self.sheets.batch_update(&self.id, &batch).await {
            BatchReply::Applied(answer) => Ok(SentBatch::Applied(answer)),
            BatchReply::Refused(refusal) if refusal.code == 400 => Ok(SentBatch::Refused(refusal)),
            BatchReply::Refused(refusal) => {
                let advice = refusal.advice(self.sheets.client_email()).map(|advice| format!("; {advice}"));
                let why = format!("write to the spreadsheet: {refusal}{}", advice.unwrap_or_default());
                let error = if refusal.code == 404 { StoreError::Missing { why } } else { StoreError::Denied { why } };
                Err(Unanswered::Stop(error))
            }
            BatchReply::NotExecuted(error) => Err(Unanswered::Stop(unreadable(&error))),
            BatchReply::TooLarge(error) => Err(Unanswered::Unclear(error.to_string())),
            BatchReply::Lost(cause) => {
                self.lost.fetch_add(1, Ordering::Relaxed);
                Err(Unanswered::Lost(cause.to_string()))
            }
        }
    }

    /// Sends a batch that only prepares a question: a refusal leaves the question open.
    pub async fn prepare(&self, requests: Vec<Request>) -> Result<BatchAnswer, Unanswered> {
        match self.send(Batch::new(requests)).await? {
            SentBatch::Applied(answer) => Ok(answer),
            SentBatch::Refused(refusal) => Err(Unanswered::Unclear(format!("the preparation was refused: {refusal}"))),
        }
    }

    /// Reads an area of a scratch tab until it is as `expected`, or a read can't be older than the write any more.
    pub async fn read(
        &self,
        tab: &ProbeTab,
        area: &str,
        expected: impl Fn(&[Vec<Value>]) -> bool + Send + Sync,
    ) -> Result<Vec<Vec<Value>>, Unanswered> {
        let ranges = [format!("{}!{area}", quoted(&tab.title))];
        let mut last = Err(Unanswered::Unclear("it was never read".to_owned()));
        for nth in 0..READS {
            if nth > 0 {
                self.clock.sleep(READ_AGAIN).await;
            }
            last = match self.sheets.values(&self.id, &ranges).await {
                Ok(read) => Ok(read.into_iter().next().unwrap_or_default()),
                Err(error) => Err(match unreadable(&error) {
                    error @ (StoreError::Denied { .. } | StoreError::Missing { .. }) => Unanswered::Stop(error),
                    error => Unanswered::Unclear(error.to_string()),
                }),
            };
            match &last {
                Ok(rows) if expected(rows) => break,
                Err(Unanswered::Stop(_)) => break,
                _ => {}
            }
        }
        last
    }
}

impl ProbeTab {
    /// The request that adds it.
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

    /// Writes one cell of it.
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

/// The text of a cell of what was read; empty where there is none.
pub fn text_at(rows: &[Vec<Value>], row: usize, column: usize) -> String {
    rows.get(row).and_then(|row| row.get(column)).map(crate::store::tabs::parse::text).unwrap_or_default()
}
