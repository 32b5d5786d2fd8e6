//! What a run processes beside the job's own settings.

use crate::app::plan::plan_file::PlanFile;
use crate::config::settings::Settings;
use crate::ledger::runs::run::Trigger;
use crate::ledger::state::rollover::Rollover;
use crate::runner::run_config::PreparedChanges;
use crate::runner::run_scope::RunScope;
use crate::runner::schedule_claim::ScheduleClaim;

/// What a run processes beside the job's own settings.
#[derive(Debug, Clone, Default)]
pub struct RunOptions {
    /// Which failures are tried, and whether the source is read.
    pub scope: RunScope,
    /// Changes that were prepared beforehand.
    pub changes: Option<PreparedChanges>,
    /// The rollover that the run is part of.
    pub rollover: Option<Rollover>,
    /// Whether missing machine tabs are recreated.
    pub recreates_tabs: bool,
    /// The command that starts the run, for Runs; `cli` for an ordinary run.
    pub command: Option<&'static str>,
    /// What started the run, if a schedule or a request did.
    pub trigger: Option<Trigger>,
    /// What the run claims of the job's schedule.
    pub claim: ScheduleClaim,
    /// Whether other jobs write to the terminal at the same time.
    pub shares_terminal: bool,
    /// The plan that the run applies.
    pub plan: Option<PlanFile>,
    /// The settings, if they were read before, as by a plan or the question what is due.
    pub settings: Option<Box<Settings>>,
}
