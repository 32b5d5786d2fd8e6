//! The first commit of each run, from Runs and from the state. Rows of earlier sheetkeep versions
//! carry no finer order than their run.
//!
//! In scope: one call that reads three columns of Runs. Out of scope: when the loader needs it, and
//! the order that follows (`ledger::leases::row_order`).

use crate::ledger::leases::row_order::FirstCommits;
use crate::ledger::state::snapshot::State;
use crate::ledger::values::coerce::format_cell_value;
use crate::store::load::loader::Loader;
use crate::store::tabs::error::LoadError;
use crate::store::tabs::parse::make_column_range;
use crate::store::tabs::schema::Tab;

/// The columns of Runs to read.
const COLUMNS: [&str; 3] = ["run", "job", "first_commit"];

impl Loader {
    /// Reads the first commits from Runs and the state. Only the state counts if the tab or one of
    /// its columns is missing.
    pub(super) async fn read_first_commits(
        &self,
        state: &State,
        runs: Option<&Tab>,
    ) -> Result<FirstCommits, LoadError> {
        let mut known = FirstCommits::new();
        let at = |tab: &Tab| COLUMNS.map(|column| tab.position(column));
        if let Some((tab, [Some(run), Some(job), Some(first)])) = runs.map(|tab| (tab, at(tab))) {
            let ranges = [run, job, first].map(|column| make_column_range(&tab.title, column, 2, None));
            let mut columns = self.read_values(&ranges).await?.into_iter().map(|rows| {
                let texts = rows.iter().map(|row| row.first().map(format_cell_value).unwrap_or_default());
                texts.collect::<Vec<_>>()
            });
            let mut next = || columns.next().unwrap_or_default();
            let (runs, jobs, firsts) = (next(), next(), next());
            let of_job = runs.into_iter().zip(jobs).zip(firsts).filter(|((_, job), _)| *job == self.job);
            known.extend(of_job.filter_map(|((run, _), first)| Some((run, first.parse().ok()?))));
        }
        // The run that holds the lease has no row in Runs yet, nor has one that died with it.
        known.extend(state.run.as_ref().map(|run| (run.id.clone(), run.first_commit)));
        Ok(known)
    }
}
