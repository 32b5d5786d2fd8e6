//! What is reported to people, when, and to whom.
//!
//! In scope: the settings of `[alerts]`, and `SLACK_WEBHOOK_URL`, which needs none. Out of scope:
//! the rules (`alerts`), sending (`alert_delivery`), and the channels
//! (`config::sections::reporting::alert_channels`).
//!
//! The address of a webhook is a secret. A wrong `SLACK_WEBHOOK_URL` is a warning, and no error: a
//! job does not fail because it can't report.

use std::time::Duration;

use jiff::tz::TimeZone;

use crate::alert_delivery::channel::AlertChannel;
use crate::alerts::alert_rules::{AlertRules, EscalationDelay, EscalationLevel, FailedItems};
use crate::alerts::quiet_hours::QuietHours;
use crate::config::external::names::SLACK_WEBHOOK;
use crate::config::sections::proxies::read_proxies;
use crate::config::sections::reporting::alert_channels::{ChannelReading, read_channels, read_slack_of_environment};
use crate::config::syntax::closest_word::find_closest_word;
use crate::config::syntax::duration::parse_duration;
use crate::config::syntax::located::Located;
use crate::config::syntax::raw::{AlertsSection, EscalateSection};
use crate::config::value_reader::ValueReader;
use crate::schedule::job_schedule::JobSchedule;
use crate::sheets_client::transport::proxy::Proxies;
use crate::time::Timestamp;

/// The most runs in a row, and the most messages an hour, that can be set.
const MAX_LIMIT: u64 = 1_000;
/// Bounds of times, in milliseconds.
const MINUTE_MS: u64 = 60_000;
const YEAR_MS: u64 = 366 * 86_400_000;
/// An hour: a job that runs more often reports its second failure in a row.
const HOUR: Duration = Duration::from_hours(1);

/// The alerts of a job.
#[derive(Debug, Clone)]
pub struct AlertSettings {
    /// When what is reported, and to which channels.
    pub rules: AlertRules,
    /// The channels; none if nothing is reported.
    pub channels: Vec<AlertChannel>,
    /// The proxies on the way to them.
    pub proxies: Proxies,
    /// The zone of times in messages.
    pub zone: TimeZone,
}

/// Reads the section, and the variable.
pub(crate) fn read_alerts(
    reader: &mut ValueReader<'_>,
    raw: Option<&AlertsSection>,
    schedule: Option<&JobSchedule>,
) -> AlertSettings {
    let fallback = AlertsSection::default();
    let raw = raw.unwrap_or(&fallback);
    let zone = raw.timezone.as_ref().and_then(|at| reader.read_zone(at, "`alerts.timezone`")).map(|(_, zone)| zone);
    let zone = zone.or_else(|| schedule.map(|schedule| schedule.zone.clone())).unwrap_or(TimeZone::UTC);
    let escalated: Vec<&str> =
        raw.escalate.iter().filter_map(|rung| rung.to.as_ref()).map(|at| at.get().as_str()).collect();
    let mut reading = ChannelReading { found: Vec::new(), routes: Vec::new() };
    read_channels(reader, &raw.channel, &escalated, &mut reading);
    let has_slack = reading.routes.iter().any(|route| route.name == "slack");
    if !has_slack && !reader.mentions_variable(SLACK_WEBHOOK) {
        read_slack_of_environment(reader, &escalated, &mut reading);
    }
    let mut rules = read_rules(reader, raw, schedule, &zone);
    rules.escalation = read_escalation(reader, &raw.escalate, &reading);
    rules.routes = reading.routes;
    let is_off = raw.enabled.as_ref().is_some_and(|at| !at.get());
    let channels = if is_off { Vec::new() } else { reading.found };
    let proxies = if channels.is_empty() { Proxies::default() } else { read_proxies(reader) };
    AlertSettings { rules, channels, proxies, zone }
}

fn read_rules(
    reader: &mut ValueReader<'_>,
    raw: &AlertsSection,
    schedule: Option<&JobSchedule>,
    zone: &TimeZone,
) -> AlertRules {
    let usual = AlertRules::default();
    let runs = |reader: &mut ValueReader<'_>, at: Option<&Located<i64>>, what: &str| {
        at.and_then(|at| reader.read_whole_number(at, what, 1..=MAX_LIMIT)).and_then(|n| u32::try_from(n).ok())
    };
    let of_schedule = if schedule.is_some_and(is_frequent) { 2 } else { usual.after };
    let retries = raw.retries_per_record.as_ref().and_then(|at| read_retry_limit(reader, at));
    AlertRules {
        after: runs(reader, raw.after.as_ref(), "`alerts.after`").unwrap_or(of_schedule),
        recover_after: runs(reader, raw.recover_after.as_ref(), "`alerts.recover_after`")
            .unwrap_or(usual.recover_after),
        remind_ms: match &raw.remind_every {
            None => usual.remind_ms,
            Some(at) if at.get() == "never" => None,
            Some(at) => reader.read_duration(at, "`alerts.remind_every`", MINUTE_MS..=YEAR_MS),
        },
        failed_items: match &raw.failed_items {
            None => usual.failed_items,
            Some(at) if at.get() == "never" => None,
            Some(at) => read_failed_items(reader, at),
        },
        retries_per_record: retries,
        most_per_hour: runs(reader, raw.most_per_hour.as_ref(), "`alerts.most_per_hour`")
            .unwrap_or(usual.most_per_hour),
        quiet_hours: raw.quiet_hours.as_ref().and_then(|at| read_quiet_hours(reader, at, zone)),
        ..usual
    }
}

/// Returns whether the job runs more than once an hour.
fn is_frequent(schedule: &JobSchedule) -> bool {
    let next = |after| schedule.next_after(after, 0).map(|occurrence| occurrence.scheduled_for);
    let first = next(Timestamp(0));
    let gap = first.and_then(|first| Some(next(first)?.ms_since(first)));
    gap.is_some_and(|gap| u128::from(gap) < HOUR.as_millis())
}

fn read_retry_limit(reader: &mut ValueReader<'_>, at: &Located<f64>) -> Option<f64> {
    let limit = *at.get();
    if limit.is_finite() && limit >= 0.0 {
        return Some(limit);
    }
    reader.add_problem_at(at, "`alerts.retries_per_record` has to be 0 or more", "out of bounds", "");
    None
}

fn read_failed_items(reader: &mut ValueReader<'_>, at: &Located<String>) -> Option<FailedItems> {
    let text = reader.read_non_empty(at, "`alerts.failed_items`")?;
    let parsed = match text.trim().strip_suffix('%') {
        Some(share) => share.trim().parse::<f64>().ok().filter(|share| *share > 0.0 && *share <= 100.0),
        None => None,
    };
    let parsed = parsed
        .map(|share| FailedItems::Share(share / 100.0))
        .or_else(|| text.trim().parse().ok().filter(|count| *count > 0).map(FailedItems::Count));
    if parsed.is_none() {
        let help = "write a number such as \"10\", a share of the records read such as \"5%\", or \"never\"";
        reader.add_problem_at(at, "`alerts.failed_items` is neither a number nor a share", "not a limit", help);
    }
    parsed
}

fn read_quiet_hours(reader: &mut ValueReader<'_>, at: &Located<String>, zone: &TimeZone) -> Option<QuietHours> {
    let text = reader.read_non_empty(at, "`alerts.quiet_hours`")?;
    let parsed = QuietHours::parse(&text, zone.clone());
    if parsed.is_none() {
        let help = "write the first and the last time of day, such as \"22:00-07:00\"";
        reader.add_problem_at(at, "`alerts.quiet_hours` is not a range of times", "not a range", help);
    }
    parsed
}

fn read_escalation(
    reader: &mut ValueReader<'_>,
    raw: &[EscalateSection],
    reading: &ChannelReading,
) -> Vec<EscalationLevel> {
    let mut rungs = Vec::new();
    for rung in raw {
        let (Some(after), Some(to)) = (&rung.after, &rung.to) else { continue };
        let (Some(patience), Some(name)) = (read_escalation_delay(reader, after), reader.read_non_empty(to, "`to`"))
        else {
            continue;
        };
        if !reading.routes.iter().any(|route| route.name == name) {
            let near = find_closest_word(&name, reading.routes.iter().map(|route| route.name.as_str()));
            let help = near.map_or_else(
                || "name a [[alerts.channel]], or slack if SLACK_WEBHOOK_URL is set".to_owned(),
                |near| format!("did you mean \"{near}\"?"),
            );
            reader.add_problem_at(to, "`alerts.escalate` names no channel of the job", "no such channel", &help);
            continue;
        }
        rungs.push(EscalationLevel { after: patience, to: name });
    }
    rungs
}

/// How to write a delay of an escalation.
const DELAY_FORMS: &str = "write it as \"3 failures\", or as a time such as \"24h\"";

fn read_escalation_delay(reader: &mut ValueReader<'_>, at: &Located<String>) -> Option<EscalationDelay> {
    let text = at.get().trim();
    let failures = text.strip_suffix("failures").or_else(|| text.strip_suffix("failure"));
    let Some(number) = failures else {
        if parse_duration(text).is_none() {
            let message = "`alerts.escalate.after` is neither a number of failures nor a length of time";
            reader.add_problem_at(at, message, "not a delay", DELAY_FORMS);
            return None;
        }
        return reader.read_duration(at, "`alerts.escalate.after`", MINUTE_MS..=YEAR_MS).map(EscalationDelay::Time);
    };
    let parsed = number.trim().parse().ok().filter(|count| *count > 0).map(EscalationDelay::Failures);
    if parsed.is_none() {
        reader.add_problem_at(at, "`alerts.escalate.after` is not a number of failures", "not a number", DELAY_FORMS);
    }
    parsed
}
