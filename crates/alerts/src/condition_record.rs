//! One condition over time: what is true of it, what people believe, and so what is reported.
//!
//! ```text
//!  finding ─▶ debounced truth: ok, problem, flapping ─┐
//!                                                     ├─▶ they differ: report, and believe it
//!  belief: what was reported last ────────────────────┘
//! ```
//!
//! A report is stored in the commit of the run, and sent after it. Until its delivery is confirmed
//! the belief before it is kept, so that an undelivered report is undone, and made again.

use serde::{Deserialize, Serialize};
use sheetkeep_base::time::Timestamp;

use crate::alert_rules::{AlertRules, EscalationDelay};
use crate::condition::{Finding, ProblemReport};
use crate::message::NoticeKind;

/// Results that are remembered for flapping, and for how long, in seconds.
const REMEMBERED_RESULTS: usize = 10;
const REMEMBERED_S: i64 = 86_400;
/// Changes among them from which on a condition flaps.
const FLAPPING_CHANGES: usize = 4;
/// Equal results that end flapping.
const STEADY_RESULTS: usize = 3;

/// What is remembered of a condition.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct ConditionRecord {
    /// Good findings in a row.
    good: u32,
    /// Bad findings in a row.
    bad: u32,
    /// Whether it is a problem: enough bad findings, and not enough good ones since.
    is_problem: bool,
    /// Whether it comes and goes.
    is_flapping: bool,
    /// The last findings of a day, oldest first: when, in seconds since 1970, and whether it was good.
    recent: Vec<(i64, bool)>,
    /// The problem, until people know that it is over.
    episode: Option<Episode>,
    /// Whether there was a problem that people have not heard of.
    is_unreported: bool,
    /// What people heard last; `None` if they believe that all is well.
    reported: Option<LastReport>,
    /// A report whose delivery is not confirmed yet.
    unconfirmed: Option<UnconfirmedReport>,
}

/// A row of bad findings.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Episode {
    /// When the first one began.
    #[serde(with = "crate::stored_time")]
    pub since: Timestamp,
    /// How many there were.
    pub failures: u32,
    /// The last one.
    pub last: ProblemReport,
}

/// What people heard last of a condition that is not well.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LastReport {
    /// The time of the report.
    #[serde(with = "crate::stored_time")]
    pub at: Timestamp,
    /// Whether it was that the condition flaps.
    pub is_flapping: bool,
    /// Reminders since the first report.
    pub reminders: u32,
    /// Rungs of the escalation that were used.
    pub rungs: usize,
    /// The channels that heard of it.
    pub channels: Vec<String>,
}

/// A report that was stored, with what was believed before it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct UnconfirmedReport {
    id: String,
    install: String,
    /// The channels that had heard of it before.
    heard: Vec<String>,
    reported: Option<LastReport>,
    is_unreported: bool,
    episode: Option<Episode>,
}

/// What is known of a delivery.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DeliveryRecord {
    /// These channels took the message; none if it was for the log only.
    Delivered(Vec<String>),
    /// Every channel failed.
    Failed,
    /// Another process of this machine may be sending it.
    UnderWay,
    /// Nothing is known: it was not made, or not on this machine.
    Unknown,
}

/// Whether a condition may be reported now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MuteState {
    /// The condition is reported.
    Off,
    /// The report waits: quiet hours, or too many messages in the last hour.
    Held,
    /// People asked for silence: what is over by its end is never reported.
    Silenced,
}

/// What is to be reported of a condition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DueNotice {
    /// What it is about.
    pub kind: NoticeKind,
    /// The failures in a row that it is about, if they are known.
    pub episode: Option<Episode>,
    /// The channels that heard of it before.
    pub heard: Vec<String>,
    /// The channels of the escalation that hear of it now.
    pub escalated_to: Vec<String>,
}

impl ConditionRecord {
    /// Takes a finding about `at`.
    pub fn add_finding(&mut self, at: Timestamp, finding: &Finding, rules: &AlertRules) {
        match finding {
            Finding::Bad(problem) => {
                self.good = 0;
                self.bad = self.bad.saturating_add(1);
                let before = self.episode.take();
                self.episode = Some(Episode {
                    since: before.as_ref().map_or(problem.since, |episode| episode.since.min(problem.since)),
                    failures: before.map_or(0, |episode| episode.failures).saturating_add(1),
                    last: problem.clone(),
                });
                if self.bad >= rules.after {
                    self.is_problem = true;
                    self.is_unreported |= self.reported.is_none();
                }
            }
            Finding::Good => {
                self.bad = 0;
                self.good = self.good.saturating_add(1);
                if self.good >= rules.recover_after {
                    self.is_problem = false;
                }
            }
        }
        let at_s = at.0.div_euclid(1_000);
        self.recent.retain(|(earlier, _)| at_s.saturating_sub(*earlier) < REMEMBERED_S);
        self.recent.push((at_s, *finding == Finding::Good));
        let surplus = self.recent.len().saturating_sub(REMEMBERED_RESULTS);
        self.recent.drain(..surplus);
        self.update_flapping();
        let is_well = !self.is_problem && !self.is_flapping && self.bad == 0;
        if is_well && self.reported.is_none() && !self.is_unreported {
            self.episode = None;
        }
    }

    fn update_flapping(&mut self) {
        let results: Vec<bool> = self.recent.iter().map(|(_, is_good)| *is_good).collect();
        let last = results.get(results.len().saturating_sub(STEADY_RESULTS)..).unwrap_or_default();
        let changes = results.windows(2).filter(|pair| pair.first() != pair.last()).count();
        if self.is_flapping && last.windows(2).all(|pair| pair.first() == pair.last()) {
            self.is_flapping = false;
            let surplus = self.recent.len().saturating_sub(STEADY_RESULTS);
            self.recent.drain(..surplus);
        } else if changes >= FLAPPING_CHANGES {
            self.is_flapping = true;
        }
    }

    /// Takes what is known of the last report. One that was not delivered is undone. One whose
    /// delivery may be under way is left open, and so is one of another machine: that is believed.
    pub fn confirm(&mut self, install: &str, delivery: impl FnOnce(&str) -> DeliveryRecord) {
        let Some(report) = self.unconfirmed.take() else { return };
        let is_own = report.install == install;
        let is_undelivered = match delivery(&report.id) {
            DeliveryRecord::Delivered(by) => {
                if let Some(reported) = self.reported.as_mut().filter(|_| !by.is_empty()) {
                    reported.channels = join_names(&report.heard, &by);
                }
                false
            }
            DeliveryRecord::Failed => true,
            DeliveryRecord::UnderWay if is_own => {
                self.unconfirmed = Some(report);
                return;
            }
            DeliveryRecord::UnderWay => false,
            DeliveryRecord::Unknown => is_own,
        };
        if is_undelivered {
            (self.reported, self.is_unreported, self.episode) = (report.reported, report.is_unreported, report.episode);
        }
    }

    /// Returns what is to be reported now, if anything is.
    pub fn take_due_notice(&mut self, now: Timestamp, mute: MuteState, rules: &AlertRules) -> Option<DueNotice> {
        let is_well = !self.is_problem && !self.is_flapping;
        if mute == MuteState::Silenced && is_well && self.reported.is_none() {
            (self.is_unreported, self.episode) = (false, None);
        }
        if mute != MuteState::Off {
            return None;
        }
        let believes_flapping = self.reported.as_ref().is_some_and(|reported| reported.is_flapping);
        let kind = match &self.reported {
            None if self.is_flapping => NoticeKind::Flapping,
            None if self.is_problem => NoticeKind::Problem,
            None if self.is_unreported => NoticeKind::Over,
            None => return None,
            Some(_) if self.is_flapping && believes_flapping => return None,
            Some(_) if self.is_flapping => NoticeKind::Flapping,
            Some(_) if is_well => NoticeKind::Recovered,
            Some(_) if believes_flapping => NoticeKind::Problem,
            Some(reported) => match rules.reminder_ms(reported.reminders) {
                Some(wait) if now.ms_since(reported.at) >= wait => NoticeKind::Reminder,
                _ => NoticeKind::Escalation,
            },
        };
        let escalated_to = if kind.is_firing() && kind != NoticeKind::Flapping {
            self.find_due_levels(now, rules)
        } else {
            Vec::new()
        };
        if kind == NoticeKind::Escalation && escalated_to.is_empty() {
            return None;
        }
        let heard = self.reported.as_ref().map(|reported| reported.channels.clone()).unwrap_or_default();
        Some(DueNotice { kind, episode: self.episode.clone(), heard, escalated_to })
    }

    /// Returns the channels of the rungs that are due and were not used yet.
    fn find_due_levels(&self, now: Timestamp, rules: &AlertRules) -> Vec<String> {
        let Some(episode) = &self.episode else { return Vec::new() };
        let used = self.reported.as_ref().map_or(0, |reported| reported.rungs);
        let is_due = |after: EscalationDelay| match after {
            EscalationDelay::Failures(most) => self.bad >= most,
            EscalationDelay::Time(ms) => now.ms_since(episode.since) >= ms,
        };
        let due = rules.escalation.iter().skip(used).take_while(|rung| is_due(rung.after));
        due.map(|rung| rung.to.clone()).collect()
    }

    /// Believes a notice that is about to be sent under `id`, to `channels`. Its delivery is not
    /// confirmed yet.
    pub fn report(&mut self, notice: &DueNotice, now: Timestamp, id: &str, install: &str, channels: &[String]) {
        let before = self.reported.take();
        let is_over = matches!(notice.kind, NoticeKind::Recovered | NoticeKind::Over);
        let rungs = before.as_ref().map_or(0, |reported| reported.rungs) + notice.escalated_to.len();
        let reported = LastReport {
            // An escalation does not move the reminders of the others.
            at: before.as_ref().filter(|_| notice.kind == NoticeKind::Escalation).map_or(now, |reported| reported.at),
            is_flapping: notice.kind == NoticeKind::Flapping,
            reminders: before.as_ref().map_or(0, |reported| reported.reminders)
                + u32::from(notice.kind == NoticeKind::Reminder),
            rungs,
            channels: join_names(&notice.heard, channels),
        };
        let unconfirmed = UnconfirmedReport {
            id: id.to_owned(),
            install: install.to_owned(),
            heard: notice.heard.clone(),
            reported: before,
            is_unreported: self.is_unreported,
            episode: self.episode.clone(),
        };
        self.unconfirmed = Some(unconfirmed);
        self.is_unreported = false;
        self.reported = Some(reported).filter(|_| !is_over);
        if is_over {
            self.episode = None;
        }
    }

    /// Returns whether people believe that something is wrong.
    pub fn is_reported(&self) -> bool {
        self.reported.is_some()
    }

    /// Returns whether the last finding was bad.
    pub fn is_noted(&self) -> bool {
        self.bad > 0
    }

    /// Returns whether something is wrong.
    pub fn is_problem(&self) -> bool {
        self.is_problem
    }
}

/// Returns the names of both lists, each once.
pub(crate) fn join_names(first: &[String], second: &[String]) -> Vec<String> {
    let mut names = first.to_vec();
    names.extend(second.iter().filter(|name| !first.contains(name)).cloned());
    names
}
