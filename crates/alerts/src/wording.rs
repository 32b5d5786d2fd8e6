//! The words of a message: what, since when, what it means for the reader, what to do, where to
//! look.

use sheetkeep_base::time::Timestamp;

use crate::condition::{Condition, ProblemReport};
use crate::condition_record::{DueNotice, Episode};
use crate::message::{Fact, Message, NoticeKind};
use crate::report_context::ReportContext;
use crate::severity::Severity;

/// What a message is made from.
pub(crate) struct Wording<'a> {
    pub(crate) condition: Condition,
    pub(crate) notice: &'a DueNotice,
    pub(crate) severity: Severity,
    pub(crate) last_good: Option<Timestamp>,
    pub(crate) reporting: &'a ReportContext<'a>,
}

impl Wording<'_> {
    pub(crate) fn message(&self, channels: Vec<String>) -> Message {
        let ReportContext { now, run, alerted_job, .. } = *self.reporting;
        let episode = self.notice.episode.as_ref();
        let is_firing = self.notice.kind.is_firing();
        let problem = episode.map(|episode| &episode.last);
        Message {
            id: format!("{run}-{}-{}", self.condition.as_str(), self.notice.kind.as_str()),
            dedup_key: alerted_job.dedup_key(self.condition.as_str()),
            kind: self.notice.kind,
            condition: self.condition.as_str().to_owned(),
            severity: self.severity,
            job: alerted_job.job.clone(),
            title: self.title(episode),
            facts: self.facts(episode),
            reason: problem
                .filter(|_| is_firing || self.notice.kind == NoticeKind::Over)
                .map(|problem| problem.reason.clone())
                .unwrap_or_default(),
            next_step: if is_firing { self.next_step() } else { String::new() },
            link: alerted_job.link_for(self.condition),
            footer: alerted_job.footer(problem.map_or(run, |problem| if is_firing { &problem.run } else { run })),
            at: now,
            run: run.to_owned(),
            channels,
        }
    }

    fn title(&self, episode: Option<&Episode>) -> String {
        let alerted_job = self.reporting.alerted_job;
        let job = &alerted_job.job;
        let Some(episode) = episode else {
            return format!("{job} works again");
        };
        let (what, means) = (&episode.last.headline, self.meaning(&episode.last));
        let since = alerted_job.local_time(episode.since);
        match self.notice.kind {
            NoticeKind::Problem | NoticeKind::Test => format!("{job} {what}: {means}"),
            NoticeKind::Reminder => format!("{job} {what} again, since {since}: {means}"),
            NoticeKind::Escalation => format!("{job} has been wrong since {since}: {means}"),
            NoticeKind::Flapping => {
                format!("{job} alternates between failure and success; the next message comes when it stays the same")
            }
            NoticeKind::Recovered => format!("{job} works again{}", self.all_is_in()),
            NoticeKind::Over => format!("{job} {what} ({since}), and that is over{}", self.all_is_in()),
        }
    }

    fn all_is_in(&self) -> &'static str {
        match self.condition {
            Condition::Run | Condition::Late | Condition::Unrecorded => ": its rows are in",
            Condition::Unreadable | Condition::Yield | Condition::Items | Condition::Retries => "",
        }
    }

    /// Returns what the problem means for the reader.
    fn meaning(&self, problem: &ProblemReport) -> String {
        let ReportContext { now, alerted_job, .. } = *self.reporting;
        match self.condition {
            Condition::Run | Condition::Late | Condition::Unrecorded if problem.new > 0 => {
                format!("only {} new items are in", problem.new)
            }
            Condition::Run | Condition::Late | Condition::Unrecorded => {
                format!("{} are not in", alerted_job.rows_of(problem.since, now))
            }
            Condition::Unreadable => "whether its rows are in is not known".to_owned(),
            Condition::Yield => format!("{} may not be whole", alerted_job.rows_of(problem.since, now)),
            Condition::Items => "those rows are not in".to_owned(),
            Condition::Retries => "its rows are in".to_owned(),
        }
    }

    fn facts(&self, episode: Option<&Episode>) -> Vec<Fact> {
        let alerted_job = self.reporting.alerted_job;
        let Some(episode) = episode else { return Vec::new() };
        let mut facts = vec![Fact::new("Since", alerted_job.local_time(episode.since))];
        let runs = episode.failures.to_string();
        if episode.failures > 1 || !self.notice.kind.is_firing() {
            let label = if self.notice.kind.is_firing() { "Bad runs" } else { "Bad runs before" };
            facts.push(Fact::new(label, runs));
        }
        let ProblemReport { read, new, failed, .. } = episode.last;
        if read > 0 && self.notice.kind.is_firing() {
            facts.push(Fact::new("Records", format!("{read} read, {new} new, {failed} failed")));
        }
        if self.notice.kind.is_firing()
            && let Some(at) = self.last_good
        {
            facts.push(Fact::new("Last good run", alerted_job.local_time(at)));
        }
        facts
    }

    fn next_step(&self) -> String {
        let alerted_job = self.reporting.alerted_job;
        let look = match self.condition {
            Condition::Items => &alerted_job.failures_command,
            _ => &alerted_job.status_command,
        };
        let next = match self.reporting.next_due {
            Some(at) if self.condition == Condition::Run => {
                format!("; the next run, {}, continues where this one ended", alerted_job.local_time(at))
            }
            _ => String::new(),
        };
        format!("{look}{next}")
    }
}
