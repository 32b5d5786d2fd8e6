//! Which commit each run began with, as Runs and the state tell it: rows of earlier versions say no more of their order than their run.
//!
//! In scope: one call for three columns of Runs. Out of scope: when it is needed, what follows from it (`ledger::lease::row_order`).

use crate::ledger::columns::coerce::cell_text;
use crate::ledger::lease::row_order::FirstCommits;
use crate::ledger::state::snapshot::State;
use crate::store::load::loader::Loader;
use crate::store::tabs::error::LoadError;
use crate::store::tabs::parse::column_range;
use crate::store::tabs::schema::Tab;

/// The columns that tell it.
const COLUMNS: [&str; 3] = ["run", "job", "first_commit"];

impl Loader {
    /// Asks Runs and the state; nothing where the tab is gone or lacks a column.
    pub(super) async fn first_commits(&self, state: &State, runs: Option<&Tab>) -> Result<FirstCommits, LoadError> {
        let mut known = FirstCommits::new();
        let at = |tab: &Tab| COLUMNS.map(|column| tab.position(column));
        if let Some((tab, [Some(run), Some(job), Some(first)])) = runs.map(|tab| (tab, at(tab))) {
            let ranges = [run, job, first].map(|column| column_range(&tab.title, column, 2, None));
            let mut columns = self.rows_of(&ranges).await?.into_iter().map(|rows| {
                let texts = rows.iter().map(|row| row.first().map(cell_text).unwrap_or_default());
                texts.collect::<Vec<_>>()
            });
            let mut next = || columns.next().unwrap_or_default();
            let (runs, jobs, firsts) = (next(), next(), next());
            let of_job = runs.into_iter().zip(jobs).zip(firsts).filter(|((_, job), _)| *job == self.job);
            known.extend(of_job.filter_map(|((run, _), first)| Some((run, first.parse().ok()?))));
        }
        // The run that holds the lease, or vanished with it, has no row there yet.
        known.extend(state.run.as_ref().map(|run| (run.id.clone(), run.first_commit)));
        Ok(known)
    }
}
