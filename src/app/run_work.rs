//! What a run processes in place of the records of a job file's source.
//!
//! In scope: the parts of such a run. Out of scope: the work itself (`app::stages`), and the run
//! (`app::job`).

use std::fmt;
use std::sync::Arc;

use crate::port::source::Source;
use crate::port::step::{Identify, Step};
use crate::runner::shutdown::Stop;

/// Makes the source of one try of a run, which ends when the stop is requested.
pub type MakeSource = Arc<dyn Fn(&Stop) -> Box<dyn Source> + Send + Sync>;
/// Makes the steps of one try of a run.
pub type MakeSteps = Arc<dyn Fn(&Stop) -> Vec<Arc<dyn Step>> + Send + Sync>;

/// The parts of a run that depend on what it processes.
pub struct WorkParts {
    /// The source; `None` if only failures are retried.
    pub source: Option<Box<dyn Source>>,
    /// Finds keys and versions.
    pub identify: Arc<dyn Identify>,
    /// The steps, in order.
    pub steps: Vec<Arc<dyn Step>>,
}

/// What a run processes. A run that waits for another one makes its parts anew.
#[derive(Clone)]
pub struct RunWork {
    source: MakeSource,
    steps: MakeSteps,
    identify: Arc<dyn Identify>,
    is_rowless: bool,
}

impl fmt::Debug for RunWork {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RunWork").finish_non_exhaustive()
    }
}

impl RunWork {
    /// Creates the work of a run. `is_rowless`: none of it makes a row.
    pub fn new(source: MakeSource, steps: MakeSteps, identify: Arc<dyn Identify>, is_rowless: bool) -> Self {
        Self { source, steps, identify, is_rowless }
    }

    /// Makes the parts of one try; the source only if the run reads it.
    pub fn parts(&self, stop: &Stop, reads_source: bool) -> WorkParts {
        WorkParts {
            source: reads_source.then(|| (self.source)(stop)),
            identify: Arc::clone(&self.identify),
            steps: (self.steps)(stop),
        }
    }

    /// True if none of the work makes a row.
    pub fn is_rowless(&self) -> bool {
        self.is_rowless
    }
}
