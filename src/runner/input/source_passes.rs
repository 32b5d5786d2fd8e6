//! Reads the source once or more, as the table of passes below has it.
//!
//! In scope: the order of passes, and the end that the survey has set.
//! Out of scope: which records count (`ledger::items::source_survey`), admission
//! (`runner::records::intake`).
//!
//! ```text
//!  one of each key counts     survey ─▶ Surveyed ─▶ records … ─▶ Read
//!  changes are judged first   survey ─▶ Surveyed ─▶ forecast … ─▶ ForecastRead ─▶ records … ─▶ Read
//!  each version counts                              records … ─▶ Read ─▶ (comparison ─▶ Compared)
//! ```

use std::sync::Arc;

use crate::ledger::items::repeated_keys::{RepeatComparison, RepeatedKeys};
use crate::ledger::items::source_survey::SourceSurvey;
use crate::ledger::items::write_mode::ReprocessPolicy;
use crate::ledger::processed::processed_index::ProcessedIndex;
use crate::port::lease_check::LeaseCheck;
use crate::port::source::{Record, Source, SourceError};
use crate::port::step::KeyFinder;
use crate::runner::input::keyed_records::{KeyedRecords, RecordExtent};

/// The passes over one source.
pub struct SourcePasses {
    source: Box<dyn Source>,
    key_finder: Arc<dyn KeyFinder>,
    stage: PassStage,
    has_forecast: bool,
    /// Number of surveyed records. What a growing file gained since is left to the next run.
    record_limit: Option<u64>,
    read: u64,
    /// The error that ended the survey early.
    survey_error: Option<SourceError>,
    /// The keyed records of a survey or comparison.
    keyed: KeyedRecords,
}

enum PassStage {
    Survey(SourceSurvey),
    Forecast,
    Records,
    Read,
    Compare(RepeatComparison),
    Ended,
}

/// An item of the passes.
pub enum NextRecord {
    /// The survey is complete, or the source broke off. No record was processed yet.
    Surveyed(Box<SourceSurvey>),
    /// A record that is not processed yet.
    Forecast(Record),
    /// All of those were returned.
    ForecastRead,
    /// A record to process.
    Record(Record),
    /// All records were returned.
    Read,
    /// Records with the same key were compared.
    Compared(RepeatedKeys),
}

impl SourcePasses {
    /// Creates the passes that the reprocess policy needs.
    pub fn new(source: Box<dyn Source>, key_finder: Arc<dyn KeyFinder>, reprocess_policy: ReprocessPolicy) -> Self {
        let stage = if reprocess_policy == ReprocessPolicy::EachVersion {
            PassStage::Records
        } else {
            PassStage::Survey(SourceSurvey::new(reprocess_policy))
        };
        Self {
            source,
            key_finder,
            stage,
            has_forecast: false,
            record_limit: None,
            read: 0,
            survey_error: None,
            keyed: KeyedRecords::default(),
        }
    }

    /// Adds a pass after the survey, which finds the changes of the run before it makes any.
    #[must_use]
    pub fn with_forecast(self) -> Self {
        Self { has_forecast: true, ..self }
    }

    /// Compares records in one more pass, after all records were read.
    pub fn compare(&mut self, comparison: RepeatComparison) {
        self.stage = PassStage::Compare(comparison);
    }

    /// Returns the next item; `None` at the end. The caller may cancel at any point.
    pub async fn next(&mut self) -> Result<Option<NextRecord>, SourceError> {
        match &mut self.stage {
            PassStage::Survey(survey) => {
                let (keyed, source) = (&mut self.keyed, self.source.as_mut());
                self.survey_error = survey_all(survey, keyed, source, &self.key_finder).await.err();
                // If the source is cut off, the records before count. If it is ambiguous, none do.
                if let Some(error) = self.survey_error.take_if(|error| matches!(error, SourceError::Ambiguous { .. })) {
                    self.stage = PassStage::Ended;
                    return Err(error);
                }
                self.source.rewind()?;
                let survey = std::mem::take(survey);
                self.record_limit = Some(survey.count_records());
                self.stage = if self.has_forecast { PassStage::Forecast } else { PassStage::Records };
                Ok(Some(NextRecord::Surveyed(Box::new(survey))))
            }
            PassStage::Forecast => {
                let is_over = self.record_limit.is_some_and(|most| self.read >= most);
                let next = if is_over { None } else { self.source.next().await? };
                if let Some(record) = next {
                    self.read += 1;
                    return Ok(Some(NextRecord::Forecast(record)));
                }
                self.source.rewind()?;
                (self.read, self.stage) = (0, PassStage::Records);
                Ok(Some(NextRecord::ForecastRead))
            }
            PassStage::Records => {
                let is_over = self.record_limit.is_some_and(|most| self.read >= most);
                let next = if is_over { None } else { self.source.next().await? };
                if let Some(record) = next {
                    self.read += 1;
                    return Ok(Some(NextRecord::Record(record)));
                }
                if let Some(error) = self.survey_error.take() {
                    return Err(error);
                }
                self.stage = PassStage::Read;
                Ok(Some(NextRecord::Read))
            }
            PassStage::Compare(comparison) => {
                let (keyed, source) = (&mut self.keyed, self.source.as_mut());
                compare_all(comparison, &mut self.read, keyed, source, &self.key_finder).await;
                let PassStage::Compare(comparison) = std::mem::replace(&mut self.stage, PassStage::Ended) else {
                    return Ok(None);
                };
                Ok(Some(NextRecord::Compared(comparison.end())))
            }
            PassStage::Read | PassStage::Ended => Ok(None),
        }
    }

    /// Passes on what is done, as the source's work needs it.
    pub fn on_claimed(&mut self, index: &ProcessedIndex, lease: &Arc<dyn LeaseCheck>) {
        self.source.on_claimed(index, lease);
    }

    /// True if the source itself ends after a stop request.
    pub fn ends_on_stop(&self) -> bool {
        self.source.ends_on_stop()
    }

    /// Returns what the source found unusual since the last call, as sentences.
    pub fn take_notes(&mut self) -> Vec<String> {
        self.source.take_notes()
    }

    /// Returns the units that were read, and their total: records where a survey has counted them.
    pub fn progress(&self) -> Option<(u64, u64)> {
        match (&self.stage, self.record_limit) {
            (PassStage::Forecast | PassStage::Records, Some(records)) => Some((self.read, records)),
            _ => self.source.progress(),
        }
    }

    /// Returns the number of records that this pass has returned.
    pub fn count_records(&self) -> u64 {
        self.read
    }
}

async fn survey_all(
    survey: &mut SourceSurvey,
    keyed: &mut KeyedRecords,
    source: &mut dyn Source,
    key_finder: &Arc<dyn KeyFinder>,
) -> Result<(), SourceError> {
    while let Some((_, identity)) = keyed.next(source, key_finder, RecordExtent::Reduced).await? {
        let found = identity.and_then(Result::ok);
        survey.add(found.as_ref().map(|(key, version)| (key, version)));
    }
    Ok(())
}

/// If the source can't be read again, the findings so far are reported. The records themselves are
/// processed.
async fn compare_all(
    comparison: &mut RepeatComparison,
    read: &mut u64,
    keyed: &mut KeyedRecords,
    source: &mut dyn Source,
    key_finder: &Arc<dyn KeyFinder>,
) {
    if *read > 0 && source.rewind().is_err() {
        return;
    }
    *read = 0;
    while let Ok(Some((record, identity))) = keyed.next(source, key_finder, RecordExtent::Whole).await {
        let (Ok(body), Some(Ok((key, version)))) = (&record.body, identity) else { continue };
        if !comparison.add(&key, &version, &record.position, body) {
            return;
        }
    }
}
