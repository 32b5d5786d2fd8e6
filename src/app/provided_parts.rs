//! Parts of a run that do not come from the job's settings. They are those of a job written in
//! Rust, of a drill, and of a job of stages.
//!
//! In scope: the parts as data. Out of scope: the run that uses them (`app::job`).

use std::fmt;
use std::sync::Arc;

use crate::port::journal::Journal;
use crate::port::source::{Source, SourceError};
use crate::port::step::{KeyFinder, Step};
use crate::port::store::Store;

/// Opens the source of a run, from its start.
pub type SourceOpener = Arc<dyn Fn() -> Result<Box<dyn Source>, SourceError> + Send + Sync>;

/// The parts that a run takes instead of those in the settings; `None` leaves the settings' own.
#[derive(Clone, Default)]
pub struct ProvidedParts {
    /// Where records come from.
    pub source: Option<SourceOpener>,
    /// Finds keys and versions.
    pub identify: Option<Arc<dyn KeyFinder>>,
    /// All steps, in order.
    pub steps: Option<Vec<Arc<dyn Step>>>,
    /// Where the job's state is kept.
    pub store: Option<Arc<dyn Store>>,
    /// Where results are kept until they are on the sheet.
    pub journal: Option<Arc<dyn Journal>>,
    /// Maximum number of items in their steps at the same time, at least 1.
    pub concurrency: Option<usize>,
    /// True if items need not make rows: a run that makes none causes no warning.
    pub is_rowless: bool,
}

impl fmt::Debug for ProvidedParts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let steps =
            self.steps.as_ref().map(|steps| steps.iter().map(|step| step.name().to_owned()).collect::<Vec<_>>());
        f.debug_struct("ProvidedParts")
            .field("has_source", &self.source.is_some())
            .field("steps", &steps)
            .field("has_store", &self.store.is_some())
            .field("concurrency", &self.concurrency)
            .finish_non_exhaustive()
    }
}
