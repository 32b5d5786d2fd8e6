//! How a job appears in the tab Jobs.
//!
//! In scope: the settings of `[jobs]`, and `owner`. Out of scope: the tab (`store::tabs::jobs`).

use crate::config::syntax::located::Located;
use crate::config::syntax::raw::JobFile;
use crate::config::value_reader::ValueReader;
use crate::store::tabs::jobs::JobsView;

/// Reads the section and the owner; `None` if the job has no row in the tab.
pub(crate) fn read_jobs_view(reader: &mut ValueReader<'_>, raw: &JobFile) -> Option<JobsView> {
    let owner = raw.owner.as_ref().and_then(|at| reader.read_non_empty(at, "`owner`"));
    let section = raw.jobs.as_ref();
    let is_on = |at: Option<&Located<bool>>| at.is_none_or(|at| *at.get());
    let recalculates = is_on(section.and_then(|section| section.recalculate.as_ref()));
    is_on(section.and_then(|section| section.tab.as_ref())).then_some(JobsView { recalculates, owner })
}
