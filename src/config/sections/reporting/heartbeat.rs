//! Where a job reports that it is alive.
//!
//! In scope: the settings of `[heartbeat]`. Out of scope: sending pings (`app::heartbeat`).
//!
//! A ping address is a secret: anyone who has it can report success in the job's name. So it may
//! come from the environment, and it is never shown.

use std::path::PathBuf;

use secrecy::SecretString;
use url::Url;

use crate::config::sections::proxies::read_proxies;
use crate::config::sections::reporting::secret_url::{is_readable_on_the_way, read_secret_url};
use crate::config::syntax::located::Located;
use crate::config::syntax::raw::HeartbeatSection;
use crate::config::value_reader::ValueReader;
use crate::sheets_client::transport::proxy::Proxies;

/// Where and how a job reports.
#[derive(Debug, Clone, Default)]
pub struct HeartbeatSettings {
    /// The address of pings.
    pub ping: Option<PingSettings>,
    /// The file that is rewritten after each run.
    pub file: Option<PathBuf>,
}

/// A ping service.
#[derive(Debug, Clone)]
pub struct PingSettings {
    /// The service's address of this job; a secret.
    pub url: SecretString,
    /// How the address is extended.
    pub convention: PingConvention,
    /// The proxies on the way.
    pub proxies: Proxies,
}

/// The forms in which a ping reports start, success and failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PingConvention {
    /// `URL/start`, `URL`, `URL/fail`, with `rid`: <https://healthchecks.io/docs/http_api/>.
    Healthchecks,
    /// `URL?state=run|complete|fail&series=…`: <https://cronitor.io/docs/telemetry-api>.
    Cronitor,
    /// `URL?status=in_progress|ok|error&check_in_id=…`: <https://docs.sentry.io/product/crons/>.
    Sentry,
}

impl PingConvention {
    /// Returns the text that the job file uses.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Healthchecks => "healthchecks",
            Self::Cronitor => "cronitor",
            Self::Sentry => "sentry",
        }
    }

    fn parse(word: &str) -> Option<Self> {
        [Self::Healthchecks, Self::Cronitor, Self::Sentry].into_iter().find(|kind| kind.as_str() == word)
    }

    /// Returns the convention that the form of the address suggests.
    fn from_url(url: &Url) -> Self {
        let host = url.host_str().unwrap_or_default();
        if host == "cronitor.link" || host == "cronitor.io" || host.ends_with(".cronitor.io") {
            Self::Cronitor
        } else if url.path().starts_with("/api/") && url.path().contains("/cron/") {
            Self::Sentry
        } else {
            Self::Healthchecks
        }
    }
}

/// Reads the section.
pub(crate) fn read_heartbeat(reader: &mut ValueReader<'_>, raw: Option<&HeartbeatSection>) -> HeartbeatSettings {
    let Some(raw) = raw else { return HeartbeatSettings::default() };
    let file = raw.file.as_ref().and_then(|at| reader.read_path(at, "`heartbeat.file`"));
    let convention = raw.kind.as_ref().and_then(|at| read_convention(reader, at));
    let url = raw.url.as_ref().and_then(|at| read_ping_url(reader, at));
    let ping = url.map(|url| PingSettings {
        convention: convention.unwrap_or_else(|| PingConvention::from_url(&url)),
        url: SecretString::from(String::from(url)),
        proxies: read_proxies(reader),
    });
    HeartbeatSettings { ping, file }
}

fn read_convention(reader: &mut ValueReader<'_>, at: &Located<String>) -> Option<PingConvention> {
    let word = reader.read_text(at)?;
    let found = PingConvention::parse(&word);
    if found.is_none() {
        let help = "write healthchecks, cronitor or sentry, or leave it out";
        reader.add_problem_at(at, "`heartbeat.kind` names no known convention", "unknown", help);
    }
    found
}

fn read_ping_url(reader: &mut ValueReader<'_>, at: &Located<String>) -> Option<Url> {
    let help = "write the whole address, such as https://hc-ping.com/UUID, or ${NAME} of a variable that holds it";
    let url = read_secret_url(reader, at, "heartbeat.url", help)?;
    if !at.get().contains("${") {
        let what =
            "heartbeat.url is written in the job file, and anyone who reads it can report success in the job's name";
        reader.add_warning(what, "keep it in .env and write url = \"${HEARTBEAT_URL}\"");
    }
    if is_readable_on_the_way(&url) {
        reader.add_warning(
            "heartbeat.url is http, so everybody on the way can read it",
            "use https, if the service has it",
        );
    }
    Some(url)
}
