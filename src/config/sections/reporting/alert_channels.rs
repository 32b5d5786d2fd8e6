//! The channels of alerts: `[[alerts.channel]]`, and the one of `SLACK_WEBHOOK_URL`.
//!
//! In scope: their addresses, keys and recipients. Out of scope: what they get
//! (`config::sections::reporting::alerts`).

use secrecy::{ExposeSecret as _, SecretString};
use url::Url;

use crate::alert_delivery::channel::{AlertChannel, ChannelTarget};
use crate::alerts::channels::channel_kind::ChannelKind;
use crate::alerts::channels::pagerduty;
use crate::alerts::routing::Route;
use crate::alerts::severity::Severity;
use crate::config::external::names::SLACK_WEBHOOK;
use crate::config::problem::ConfigProblem;
use crate::config::sections::reporting::secret_url::{
    AddressFlaw, is_readable_on_the_way, parse_web_address, read_secret_url,
};
use crate::config::syntax::closest_word::find_closest_word;
use crate::config::syntax::located::Located;
use crate::config::syntax::raw::AlertChannelSection;
use crate::config::value_reader::ValueReader;
use crate::known_secrets::register_secret;

/// The characters of a routing key of `PagerDuty`.
const ROUTING_KEY: usize = 32;

/// The channels that were read, and how messages are routed to them.
pub(crate) struct ChannelReading {
    pub(crate) found: Vec<AlertChannel>,
    pub(crate) routes: Vec<Route>,
}

/// Reads the channels of the job file. `escalated` are the names that `alerts.escalate` uses.
pub(crate) fn read_channels(
    reader: &mut ValueReader<'_>,
    raw: &[AlertChannelSection],
    escalated: &[&str],
    reading: &mut ChannelReading,
) {
    for section in raw {
        let Some(kind) = section.kind.as_ref().and_then(|at| read_kind(reader, at)) else { continue };
        let name = section.name.as_ref().and_then(|at| reader.read_non_empty(at, "`alerts.channel.name`"));
        let name = name.unwrap_or_else(|| kind.as_str().to_owned());
        if reading.routes.iter().any(|route| route.name == name) {
            let message = format!("two channels of `alerts` are named \"{name}\"");
            let problem = match &section.name {
                Some(at) => ConfigProblem::new_at(at.span(), message, "taken"),
                None => ConfigProblem::new(message),
            };
            reader.add_problem(problem.help("give each channel a name of its own: name = \"oncall\""));
            continue;
        }
        let min_severity =
            read_least_severity(reader, section.severity.as_ref(), kind, escalated.contains(&name.as_str()));
        reading.routes.push(Route { name: name.clone(), min_severity, can_join_messages: kind.joins() });
        let target = read_target(reader, section, kind, &name);
        reading.found.extend(target.map(|target| AlertChannel { name, kind, target }));
    }
}

/// Adds the channel of `SLACK_WEBHOOK_URL`, if it is set. A wrong value is a warning.
pub(crate) fn read_slack_of_environment(
    reader: &mut ValueReader<'_>,
    escalated: &[&str],
    reading: &mut ChannelReading,
) {
    let Some(text) = reader.environment.get(SLACK_WEBHOOK).map(str::to_owned) else { return };
    register_secret(&text);
    let url = match parse_web_address(&text) {
        Ok(url) => url,
        Err(flaw) => {
            let why = match flaw {
                AddressFlaw::HasUser => "holds a user or a password, and neither is sent",
                AddressFlaw::NoAddress if text.contains("://") => "is not an http or https address",
                AddressFlaw::NoAddress => "is not an http or https address: it has to begin with https://",
            };
            let what = format!("{SLACK_WEBHOOK} {why}, so failures are not reported");
            let help = "copy the whole address of an incoming webhook; sheetkeep alert test sends a message";
            return reader.add_warning(what, help);
        }
    };
    warn_of_address(reader, ChannelKind::Slack, SLACK_WEBHOOK, &url);
    let kind = ChannelKind::Slack;
    let name = kind.as_str().to_owned();
    let is_escalation_only = escalated.contains(&kind.as_str());
    let min_severity = if is_escalation_only { None } else { Some(kind.usual_severity()) };
    reading.routes.push(Route { name: name.clone(), min_severity, can_join_messages: kind.joins() });
    let target = ChannelTarget::Http { url: SecretString::from(String::from(url)), key: None, topic: String::new() };
    reading.found.push(AlertChannel { name, kind, target });
}

fn read_kind(reader: &mut ValueReader<'_>, at: &Located<String>) -> Option<ChannelKind> {
    let word = reader.read_text(at)?;
    let kind = ChannelKind::parse(&word);
    if kind.is_none() {
        let known = ChannelKind::ALL.map(ChannelKind::as_str);
        let help = find_closest_word(&word, known.into_iter())
            .map_or_else(|| format!("the kinds are {}", known.join(", ")), |near| format!("did you mean \"{near}\"?"));
        reader.add_problem_at(at, "`alerts.channel.kind` is not a kind of channel", "unknown", &help);
    }
    kind
}

/// Returns the least severity of a channel. One that an escalation names hears of nothing else,
/// unless the job file says so.
fn read_least_severity(
    reader: &mut ValueReader<'_>,
    at: Option<&Located<String>>,
    kind: ChannelKind,
    is_escalation_only: bool,
) -> Option<Severity> {
    let Some(at) = at else { return if is_escalation_only { None } else { Some(kind.usual_severity()) } };
    let word = reader.read_text(at)?;
    if word == "never" {
        return None;
    }
    let severity = Severity::parse(&word);
    if severity.is_none() {
        let help = "write info, warning, critical, or never for a channel of escalate only";
        reader.add_problem_at(at, "`alerts.channel.severity` is not a severity", "unknown", help);
    }
    severity
}

fn read_target(
    reader: &mut ValueReader<'_>,
    section: &AlertChannelSection,
    kind: ChannelKind,
    name: &str,
) -> Option<ChannelTarget> {
    match kind {
        ChannelKind::Command => {
            let example = "[\"notify-oncall\", \"--team\", \"data\"]";
            let Some(at) = &section.command else {
                reader.add_problem(describe_missing_key(name, "command", &format!("command = {example}")));
                return None;
            };
            let words = reader.read_command_words(at, "`alerts.channel.command`", example)?;
            Some(ChannelTarget::Program { words, folder: reader.folder.join(".") })
        }
        ChannelKind::Email => read_mail_target(reader, section, name),
        ChannelKind::PagerDuty => {
            let key = section.key.as_ref().and_then(|at| read_routing_key(reader, at));
            if section.key.is_none() {
                reader.add_problem(describe_missing_key(name, "key", "key = \"${PAGERDUTY_ROUTING_KEY}\""));
            }
            let address = match &section.url {
                Some(at) => read_channel_url(reader, at, kind)?.into(),
                None => pagerduty::ADDRESS.to_owned(),
            };
            Some(ChannelTarget::Http { url: SecretString::from(address), key: Some(key?), topic: String::new() })
        }
        _ => {
            let Some(at) = &section.url else {
                reader.add_problem(describe_missing_key(
                    name,
                    "url",
                    "url = \"${NAME}\", the name of a variable that holds it",
                ));
                return None;
            };
            let mut url = read_channel_url(reader, at, kind)?;
            let topic = if kind == ChannelKind::Ntfy { take_topic(reader, &mut url)? } else { String::new() };
            let key = section.key.as_ref().and_then(|at| reader.read_secret_text(at));
            Some(ChannelTarget::Http { url: SecretString::from(String::from(url)), key, topic })
        }
    }
}

fn describe_missing_key(name: &str, key: &str, example: &str) -> ConfigProblem {
    ConfigProblem::new(format!("the channel \"{name}\" of `alerts` has no `{key}`")).help(format!("write {example}"))
}

fn read_channel_url(reader: &mut ValueReader<'_>, at: &Located<String>, kind: ChannelKind) -> Option<Url> {
    let help = "write ${NAME} of a variable that holds the whole address; sheetkeep alert test sends a message";
    let url = read_secret_url(reader, at, "alerts.channel.url", help)?;
    if !at.get().contains("${") && kind != ChannelKind::PagerDuty {
        let what = "alerts.channel.url is written in the job file, and anyone who reads it can write to the channel";
        reader.add_warning(what, "keep it in .env and write url = \"${NAME}\"");
    }
    warn_of_address(reader, kind, "alerts.channel.url", &url);
    Some(url)
}

/// Warns of an address that is not the service's.
fn warn_of_address(reader: &mut ValueReader<'_>, kind: ChannelKind, what: &str, url: &Url) {
    if is_readable_on_the_way(url) {
        reader
            .add_warning(format!("{what} is http, so everybody on the way can read it"), "use https, if there is one");
    }
    let host = url.host_str().unwrap_or_default();
    let is_odd = match kind {
        ChannelKind::Slack if host == "hooks.slack.com" => {
            let starts = ["/services/", "/workflows/", "/triggers/"];
            !starts.iter().any(|start| url.path().starts_with(start) && url.path().len() > start.len() + 20)
        }
        ChannelKind::Teams => host.ends_with(".webhook.office.com"),
        _ => false,
    };
    if is_odd && kind == ChannelKind::Teams {
        reader.add_warning(
            format!("{what} is a connector of Office 365, and these were retired"),
            "make a workflow \"When a Teams webhook request is received\" and use its address",
        );
    } else if is_odd {
        reader.add_warning(
            format!("{what} is not the whole address of an incoming webhook"),
            "copy it once more; it begins with https://hooks.slack.com/services/ and three further parts",
        );
    }
}

/// Takes the topic off the address of ntfy: JSON is sent to the root.
fn take_topic(reader: &mut ValueReader<'_>, url: &mut Url) -> Option<String> {
    let topic = url.path_segments().and_then(|mut parts| parts.next_back()).unwrap_or_default().to_owned();
    if topic.is_empty() {
        let problem = ConfigProblem::new("`alerts.channel.url` of ntfy names no topic");
        reader.add_problem(problem.help("write the address of the topic, such as https://ntfy.sh/your-topic"));
        return None;
    }
    if let Ok(mut parts) = url.path_segments_mut() {
        parts.pop();
    }
    Some(topic)
}

fn read_routing_key(reader: &mut ValueReader<'_>, at: &Located<String>) -> Option<SecretString> {
    let key = reader.read_secret_text(at)?;
    let text = key.expose_secret().trim();
    if text.len() == ROUTING_KEY && text.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        return Some(SecretString::from(text.to_owned()));
    }
    let help = "copy the integration key of a service with the integration Events API v2: 32 letters and digits";
    reader.add_problem(ConfigProblem::new("`alerts.channel.key` is not a routing key of PagerDuty").help(help));
    None
}

fn read_mail_target(reader: &mut ValueReader<'_>, section: &AlertChannelSection, name: &str) -> Option<ChannelTarget> {
    let example = "url = \"${SMTP_URL}\", as in smtps://USER:PASSWORD@mail.example, or smtp:// for STARTTLS";
    let (Some(at), Some(from), false) = (&section.url, &section.from, section.to.is_empty()) else {
        let what = match (&section.url, &section.from) {
            (None, _) => ("url", example),
            (_, None) => ("from", "from = \"jobs@example.org\""),
            _ => ("to", "to = [\"team@example.org\"]"),
        };
        reader.add_problem(describe_missing_key(name, what.0, what.1));
        return None;
    };
    let text = reader.read_secret_text(at)?;
    let is_server =
        |url: &Url| matches!(url.scheme(), "smtp" | "smtps") && url.host_str().is_some_and(|h| !h.is_empty());
    let Some(url) = Url::parse(text.expose_secret().trim()).ok().filter(is_server) else {
        let problem = ConfigProblem::new("`alerts.channel.url` is not the address of a mail server");
        reader.add_problem(problem.help(format!("write {example}")));
        return None;
    };
    let from = read_mail_address(reader, from)?;
    let to: Vec<String> = section.to.iter().filter_map(|at| read_mail_address(reader, at)).collect();
    let url = SecretString::from(String::from(url));
    (to.len() == section.to.len()).then_some(ChannelTarget::Mail { url, from, to })
}

fn read_mail_address(reader: &mut ValueReader<'_>, at: &Located<String>) -> Option<String> {
    let text = reader.read_non_empty(at, "an e-mail address")?;
    if text.parse::<lettre::message::Mailbox>().is_ok() {
        return Some(text);
    }
    reader.add_problem_at(at, "this is not an e-mail address", "no address", "write it as team@example.org");
    None
}
