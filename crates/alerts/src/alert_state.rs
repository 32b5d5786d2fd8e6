//! What a job remembers of its alerts between runs, and what it reports now.
//!
//! The state is stored in the commit of the run that changes it. So of two runs only the one whose
//! commit is applied reports.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use sheetkeep_base::time::Timestamp;

use crate::alert_rules::{AlertRules, HOUR_MS};
use crate::condition::{Condition, Finding};
use crate::condition_record::{ConditionRecord, DeliveryRecord, DueNotice, MuteState, join_names};
use crate::message::{Message, NoticeKind};
use crate::observation::{ObservedEnding, RunObservation};
use crate::report_context::ReportContext;
use crate::routing::find_channels;
use crate::severity::Severity;
use crate::wording::Wording;

/// The most times that are remembered for the limit of messages an hour.
const MAX_TIMES: usize = 1_000;

/// The alerts of a job.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct AlertState {
    /// What is remembered of each condition that was ever bad.
    records: BTreeMap<Condition, ConditionRecord>,
    /// When messages were made in the last hour, in seconds since 1970.
    recent_s: Vec<i64>,
    /// The start of the last run that reached its end, in seconds since 1970.
    last_good_s: Option<i64>,
    /// The conditions that were observed since the state was read.
    #[serde(skip)]
    observed: BTreeSet<Condition>,
}

impl AlertState {
    /// Formats the state as the text of a state field.
    pub fn text(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }

    /// Parses a state field. A text that people edited is an empty state: at worst, a problem is
    /// reported once more.
    pub fn read(text: &str) -> Self {
        serde_json::from_str(text).unwrap_or_default()
    }

    /// Takes what is known of deliveries (`ConditionRecord::confirm`).
    pub fn confirm(&mut self, install: &str, delivery: impl Fn(&str) -> DeliveryRecord) {
        for record in self.records.values_mut() {
            record.confirm(install, &delivery);
        }
    }

    /// Takes the end of a run.
    pub fn observe_run(&mut self, run: &RunObservation, rules: &AlertRules) {
        for (condition, finding) in run.findings(rules) {
            self.add_finding(condition, run.at, &finding, rules);
        }
        let at_s = run.at.0.div_euclid(1_000);
        if run.ending == ObservedEnding::Finished {
            self.last_good_s = Some(self.last_good_s.map_or(at_s, |last| last.max(at_s)));
        } else if run.ending == ObservedEnding::Missed && self.last_good_s.is_some_and(|last| last > at_s) {
            // It is recorded after a run that has its rows in.
            self.add_finding(Condition::Run, run.at, &Finding::Good, rules);
        }
    }

    /// Takes a finding about `at`. Nothing is remembered of a condition that was never bad.
    pub fn add_finding(&mut self, condition: Condition, at: Timestamp, finding: &Finding, rules: &AlertRules) {
        if *finding == Finding::Good && !self.records.contains_key(&condition) {
            return;
        }
        self.observed.insert(condition);
        self.records.entry(condition).or_default().add_finding(at, finding, rules);
    }

    /// Returns whether people believe that a condition is bad.
    pub fn is_reported(&self, condition: Condition) -> bool {
        self.records.get(&condition).is_some_and(ConditionRecord::is_reported)
    }

    /// Returns whether the last finding about a condition was bad, whether or not people hear of it
    /// yet.
    pub fn is_noted(&self, condition: Condition) -> bool {
        self.records.get(&condition).is_some_and(ConditionRecord::is_noted)
    }

    /// Returns whether a condition is bad.
    pub fn is_problem(&self, condition: Condition) -> bool {
        self.records.get(&condition).is_some_and(ConditionRecord::is_problem)
    }

    /// Returns what is to be sent of the conditions that were observed, and remembers that it is.
    pub fn report(&mut self, reporting: &ReportContext<'_>, rules: &AlertRules) -> Vec<Message> {
        let now = reporting.now;
        let is_recent = |at: &i64| now.ms_since(Timestamp(at.saturating_mul(1_000))) < HOUR_MS;
        self.recent_s.retain(is_recent);
        let last_good = self.last_good_s.map(|at| Timestamp(at.saturating_mul(1_000)));
        let mut messages = Vec::new();
        for condition in std::mem::take(&mut self.observed) {
            let mute = self.find_mute_state(condition, reporting, rules);
            let Some(record) = self.records.get_mut(&condition) else { continue };
            let Some(notice) = record.take_due_notice(now, mute, rules) else { continue };
            let (severity, channels) = find_audience(condition, &notice, rules);
            let wording = Wording { condition, notice: &notice, severity, last_good, reporting };
            let message = wording.message(channels);
            record.report(&notice, now, &message.id, reporting.install, &message.channels);
            if !message.channels.is_empty() && self.recent_s.len() < MAX_TIMES {
                self.recent_s.push(now.0.div_euclid(1_000));
            }
            messages.push(message);
        }
        messages
    }

    fn find_mute_state(&self, condition: Condition, reporting: &ReportContext<'_>, rules: &AlertRules) -> MuteState {
        let is_quiet = rules.quiet_hours.as_ref().is_some_and(|quiet| quiet.contains(reporting.now));
        if reporting.silence_until.is_some_and(|until| reporting.now < until) {
            MuteState::Silenced
        } else if (is_quiet && condition.severity() < Severity::Critical)
            || self.recent_s.len() >= usize::try_from(rules.most_per_hour).unwrap_or(usize::MAX)
        {
            MuteState::Held
        } else {
            MuteState::Off
        }
    }
}

/// Returns how serious a notice is, and who gets it. The end of a problem, and a condition that
/// comes and goes, are sent at most as warnings.
fn find_audience(condition: Condition, notice: &DueNotice, rules: &AlertRules) -> (Severity, Vec<String>) {
    let severity = match notice.kind {
        NoticeKind::Over | NoticeKind::Flapping => condition.severity().min(Severity::Warning),
        _ => condition.severity(),
    };
    let by_severity = find_channels(&rules.routes, severity);
    let is_there = |name: &&String| rules.routes.iter().any(|route| route.name == **name);
    let heard: Vec<String> = notice.heard.iter().filter(is_there).cloned().collect();
    let channels = match notice.kind {
        NoticeKind::Problem => join_names(&by_severity, &notice.escalated_to),
        NoticeKind::Reminder => join_names(&join_names(&by_severity, &notice.heard), &notice.escalated_to),
        NoticeKind::Escalation => notice.escalated_to.clone(),
        // Those who heard of it may all be gone from the settings.
        NoticeKind::Recovered if heard.is_empty() && !notice.heard.is_empty() => by_severity,
        NoticeKind::Recovered => heard,
        NoticeKind::Flapping => join_names(&by_severity, &notice.heard),
        NoticeKind::Over | NoticeKind::Test => by_severity,
    };
    (severity, channels)
}
