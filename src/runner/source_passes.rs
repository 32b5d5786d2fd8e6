//! The source, read once or twice: before its records are processed where only one of each key counts, or after them where records
//! of one key are to be compared.
//!
//! In scope: what is read when, and an end that the first reading has set. Out of scope: what counts (`ledger::item::source_survey`), what becomes
//! of a record (`runner::intake`).
//!
//! ```text
//!  one of each key counts     survey ─▶ Surveyed ─▶ records … ─▶ Read
//!  each version counts                              records … ─▶ Read ─▶ (comparison ─▶ Compared)
//! ```

use std::sync::Arc;

use crate::ledger::item::repeated_keys::{Comparison, RepeatedKeys};
use crate::ledger::item::source_survey::SourceSurvey;
use crate::ledger::item::write_mode::ReprocessPolicy;
use crate::port::source::{Record, Source, SourceError};
use crate::port::step::Identify;
use crate::runner::keyed_records::{Extent, KeyedRecords};

/// A source on its way to its end.
pub struct SourcePasses {
    source: Box<dyn Source>,
    identify: Arc<dyn Identify>,
    stage: PassStage,
    /// Records that the survey has seen: what a growing file got since is the next run's.
    most: Option<u64>,
    read: u64,
    /// What ended the survey before its source's end.
    broken: Option<SourceError>,
    /// Where records are surveyed or compared.
    keyed: KeyedRecords,
}

enum PassStage {
    Survey(SourceSurvey),
    Records,
    Read,
    Compare(Comparison),
    Over,
}

/// What comes out of it.
pub enum NextRecord {
    /// The source was read to its end, or to where it can't be read; nothing of it was processed yet.
    Surveyed(Box<SourceSurvey>),
    /// A record to be processed.
    Record(Record),
    /// There is no further record to be processed.
    Read,
    /// Records of one key were compared.
    Compared(RepeatedKeys),
}

impl SourcePasses {
    /// The readings that a source needs by this rule.
    pub fn new(source: Box<dyn Source>, identify: Arc<dyn Identify>, again: ReprocessPolicy) -> Self {
        let stage = if again == ReprocessPolicy::EachVersion {
            PassStage::Records
        } else {
            PassStage::Survey(SourceSurvey::new(again))
        };
        Self { source, identify, stage, most: None, read: 0, broken: None, keyed: KeyedRecords::default() }
    }

    /// Compares records in one more reading; asked once all are read.
    pub fn compare(&mut self, comparison: Comparison) {
        self.stage = PassStage::Compare(comparison);
    }

    /// What comes next; `None` at the end. A caller may stop waiting at any point.
    pub async fn next(&mut self) -> Result<Option<NextRecord>, SourceError> {
        match &mut self.stage {
            PassStage::Survey(survey) => {
                let (keyed, source) = (&mut self.keyed, self.source.as_mut());
                self.broken = survey_all(survey, keyed, source, &self.identify).await.err();
                // Of a source that is cut off what came before counts; of one that says two things nothing does.
                if let Some(error) = self.broken.take_if(|error| matches!(error, SourceError::Ambiguous { .. })) {
                    self.stage = PassStage::Over;
                    return Err(error);
                }
                self.source.rewind()?;
                let survey = std::mem::take(survey);
                self.most = Some(survey.records());
                self.stage = PassStage::Records;
                Ok(Some(NextRecord::Surveyed(Box::new(survey))))
            }
            PassStage::Records => {
                let is_over = self.most.is_some_and(|most| self.read >= most);
                let next = if is_over { None } else { self.source.next().await? };
                if let Some(record) = next {
                    self.read += 1;
                    return Ok(Some(NextRecord::Record(record)));
                }
                if let Some(error) = self.broken.take() {
                    return Err(error);
                }
                self.stage = PassStage::Read;
                Ok(Some(NextRecord::Read))
            }
            PassStage::Compare(comparison) => {
                let (keyed, source) = (&mut self.keyed, self.source.as_mut());
                compare_all(comparison, &mut self.read, keyed, source, &self.identify).await;
                let PassStage::Compare(comparison) = std::mem::replace(&mut self.stage, PassStage::Over) else {
                    return Ok(None);
                };
                Ok(Some(NextRecord::Compared(comparison.end())))
            }
            PassStage::Read | PassStage::Over => Ok(None),
        }
    }

    /// How far the source is, in units read and in all.
    pub fn progress(&self) -> Option<(u64, u64)> {
        self.source.progress()
    }
}

async fn survey_all(
    survey: &mut SourceSurvey,
    keyed: &mut KeyedRecords,
    source: &mut dyn Source,
    identify: &Arc<dyn Identify>,
) -> Result<(), SourceError> {
    while let Some((_, identity)) = keyed.next(source, identify, Extent::Survey).await? {
        let found = identity.and_then(Result::ok);
        survey.see(found.as_ref().map(|(key, version)| (key, version)));
    }
    Ok(())
}

/// Where the source can't be read again, what was found so far is told: the records themselves are processed.
async fn compare_all(
    comparison: &mut Comparison,
    read: &mut u64,
    keyed: &mut KeyedRecords,
    source: &mut dyn Source,
    identify: &Arc<dyn Identify>,
) {
    if *read > 0 && source.rewind().is_err() {
        return;
    }
    *read = 0;
    while let Ok(Some((record, identity))) = keyed.next(source, identify, Extent::Whole).await {
        let (Ok(body), Some(Ok((key, version)))) = (&record.body, identity) else { continue };
        if !comparison.see(&key, &version, &record.position, body) {
            return;
        }
    }
}
