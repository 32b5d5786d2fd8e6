//! `sheetkeep late --alert`: reports what `late` found to people, once.
//!
//! In scope: what a verdict means for the conditions of alerts. Out of scope: the verdict itself
//! (`schedule::lateness`), sending (`app::job_alerts`).
//!
//! This machine remembers what it reported. A job whose failed run was reported is not reported as
//! late, too. A state that can't be read is reported after an hour.

use std::sync::Arc;

use crate::alerts::alert_state::AlertState;
use crate::alerts::condition::{Condition, Finding, ProblemReport};
use crate::alerts::report_context::{AlertedJob, LinkedTabs};
use crate::app::job_alerts::JobAlerts;
use crate::app::local_state::installation::read_known_id;
use crate::app::schedule::run_history::JobHistory;
use crate::cli::args::job::JobArgs;
use crate::cli::commands::alerts::alert_place::describe_alert_place;
use crate::cli::commands::load_settings::describe_place;
use crate::cli::output::late::LateLine;
use crate::clock::Clock;
use crate::config::external::environment::read_host_name;
use crate::config::settings::Settings;
use crate::known_secrets::hide_secrets;
use crate::schedule::lateness::LatenessState;
use crate::time::Timestamp;

/// Reports the verdict on a job. `history` is what was read of its sheet.
pub async fn report_verdict(
    job: &JobArgs,
    settings: &Settings,
    line: &LateLine,
    history: Option<&JobHistory>,
    clock: &Arc<dyn Clock>,
) {
    let (runs, run_row) = history.map_or((None, None), |history| (history.runs_tab, history.last_row));
    let tabs = LinkedTabs { runs, run_row, ..LinkedTabs::default() };
    let words =
        AlertedJob { tabs, ..describe_alert_place(&describe_place(job, settings), settings, &read_host_name()) };
    let stored = history.and_then(|history| history.alerts.as_deref());
    let Some(alerting) = JobAlerts::new(settings, words, clock) else {
        tracing::warn!(event = "alert.no_channel", job = settings.job, "no channel is set, so nothing is reported");
        return;
    };
    let now = clock.now();
    if line.state == LatenessState::Unknown {
        return alerting.report_unreadable(&line.message).await;
    }
    let mut findings = vec![alerting.record_readable()];
    findings.extend(find_lateness(&alerting, settings, line, line.state, stored, now));
    alerting.report_lateness_check(&findings).await;
}

/// Returns what a verdict says about lateness; nothing for a pause.
fn find_lateness(
    alerting: &JobAlerts,
    settings: &Settings,
    line: &LateLine,
    state: LatenessState,
    stored: Option<&str>,
    now: Timestamp,
) -> Option<(Condition, Finding)> {
    let headline = match state {
        LatenessState::Paused | LatenessState::Unknown => return None,
        LatenessState::Ok | LatenessState::Degraded => return Some((Condition::Late, Finding::Good)),
        LatenessState::Stale => "is stale",
        LatenessState::Late => "is late",
        LatenessState::Stuck => "is stuck",
        LatenessState::NeverRan => "has never run",
    };
    if is_reported_by_runs(alerting, settings, stored) {
        return None;
    }
    let problem = ProblemReport {
        since: line.expected.or(line.last_success).unwrap_or(now),
        headline: headline.to_owned(),
        reason: hide_secrets(&line.message).into_owned(),
        run: String::new(),
        read: 0,
        new: 0,
        failed: 0,
    };
    Some((Condition::Late, Finding::Bad(problem)))
}

/// Returns whether a run has reported the problem. A run that was killed before it could has not.
fn is_reported_by_runs(alerting: &JobAlerts, settings: &Settings, stored: Option<&str>) -> bool {
    let mut state = stored.map(AlertState::read).unwrap_or_default();
    let installation = read_known_id(settings.state_dir.as_deref()).unwrap_or_default();
    let memory = alerting.read_memory();
    state.confirm(&installation, |id| memory.find_delivery(id));
    state.is_reported(Condition::Run)
}
