//! Who reports, where and when: the job in words, its times, and its keys.

use jiff::civil::Date;
use jiff::tz::TimeZone;
use sheetkeep_base::time::Timestamp;

use crate::condition::Condition;
use crate::message::{Fact, Message, MessageLink, NoticeKind};
use crate::severity::Severity;

/// A job in words, the same for all of its messages.
#[derive(Debug, Clone, PartialEq)]
pub struct AlertedJob {
    /// The job's name.
    pub job: String,
    /// What distinguishes its spreadsheet from others: an id, or a file's path.
    pub spreadsheet: String,
    /// The spreadsheet, if a browser can open it.
    pub link: Option<MessageLink>,
    /// Its tabs, as far as they are known.
    pub tabs: LinkedTabs,
    /// The command that shows the job's status.
    pub status_command: String,
    /// The command that lists its failures.
    pub failures_command: String,
    /// The zone of times in messages.
    pub zone: TimeZone,
    /// The machine's name.
    pub host: String,
    /// The version of this program.
    pub version: String,
}

/// The ids of the tabs that messages link to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct LinkedTabs {
    /// The tab with a row for each run.
    pub runs: Option<i32>,
    /// The row in it that a message is about, if it is known.
    pub run_row: Option<u32>,
    /// The tab with the job's failures.
    pub failures: Option<i32>,
    /// The tab in which people approve changes, if any are held back.
    pub jobs: Option<i32>,
}

/// Who reports, where and when.
#[derive(Debug, Clone)]
pub struct ReportContext<'a> {
    /// The present time.
    pub now: Timestamp,
    /// The id of the run, or of the call that reports.
    pub run: &'a str,
    /// The id of the installation that sends the messages.
    pub installation: &'a str,
    /// The time until which people asked for silence.
    pub silence_until: Option<Timestamp>,
    /// When the next run is due, if that is known.
    pub next_due: Option<Timestamp>,
    /// The job, in words.
    pub alerted_job: &'a AlertedJob,
}

impl AlertedJob {
    /// Returns the key of a condition: of one job there is at most one open incident of each.
    pub fn dedup_key(&self, condition: &str) -> String {
        format!("sheetkeep/{}/{}/{condition}", self.spreadsheet, self.job)
    }

    /// Returns a message by which a person sees that a channel works.
    pub fn test_message(&self, now: Timestamp, channel: &str) -> Message {
        Message {
            id: format!("test-{}", now.0),
            dedup_key: self.dedup_key("test"),
            kind: NoticeKind::Test,
            condition: "test".to_owned(),
            severity: Severity::Info,
            job: self.job.clone(),
            title: format!("{}: this is a test; alerts reach this channel", self.job),
            facts: vec![Fact::new("Channel", channel), Fact::new("Sent", self.local_time(now))],
            reason: String::new(),
            next_step: "nothing: sheetkeep alert test sent this".to_owned(),
            link: self.link.clone(),
            footer: self.footer(""),
            at: now,
            run: String::new(),
            channels: vec![channel.to_owned()],
        }
    }

    /// Returns the link of a message about a condition: the tab in which a person sees what is
    /// wrong, or else the spreadsheet.
    pub(crate) fn link_for(&self, condition: Condition) -> Option<MessageLink> {
        let sheet = self.link.clone()?;
        let LinkedTabs { runs, run_row, failures, jobs } = self.tabs;
        let (label, tab, row) = match condition {
            Condition::Items if failures.is_some() => ("Open its failures", failures, None),
            Condition::Yield if jobs.is_some() => ("Open Jobs", jobs, None),
            _ => ("Open Runs", runs, run_row),
        };
        let range = row.map(|row| format!("&range=A{row}")).unwrap_or_default();
        let of_tab = |id| MessageLink { label: label.to_owned(), url: format!("{}#gid={id}{range}", sheet.url) };
        Some(tab.map_or_else(|| sheet.clone(), of_tab))
    }

    pub(crate) fn footer(&self, run: &str) -> String {
        let run = if run.is_empty() { String::new() } else { format!("run {run} · ") };
        format!("{run}{} · sheetkeep {}", self.host, self.version)
    }

    /// Returns a time for people, in the job's zone: `Mon 30 Nov 09:00 Europe/Berlin`.
    pub fn local_time(&self, at: Timestamp) -> String {
        let Ok(moment) = jiff::Timestamp::from_millisecond(at.0) else { return at.to_string() };
        let zoned = moment.to_zoned(self.zone.clone());
        format!("{} {}", zoned.strftime("%a %-d %b %H:%M"), self.zone.iana_name().unwrap_or("UTC"))
    }

    fn date(&self, at: Timestamp) -> Option<Date> {
        jiff::Timestamp::from_millisecond(at.0).ok().map(|moment| moment.to_zoned(self.zone.clone()).date())
    }

    /// Returns the rows of a time in words: `today's rows`, or `the rows of Mon 30 Nov`.
    pub(crate) fn rows_of(&self, at: Timestamp, now: Timestamp) -> String {
        match (self.date(at), self.date(now)) {
            (Some(date), Some(today)) if date == today => "today's rows".to_owned(),
            (Some(date), _) => format!("the rows of {}", date.strftime("%a %-d %b")),
            (None, _) => "its rows".to_owned(),
        }
    }
}
