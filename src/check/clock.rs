//! Whether this machine's clock agrees with the service's, by the `Date` of a response.
//!
//! In scope: the difference and its line. Out of scope: the requests, but for one to a service
//! whose tokens were refused.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use url::Url;

use crate::check::report::{CheckItem, StartBlocker, Subject};
use crate::clock::Clock;
use crate::config::settings::Settings;
use crate::sheets_client::sheets::Sheets;
use crate::sheets_client::transport::connect::Transport;
use crate::sheets_client::transport::web_client::WebClient;

/// A difference that is worth a warning, in milliseconds.
const WARNED_CLOCK_ERROR_MS: u64 = 30_000;
/// A difference beyond which Google refuses the tokens that a key signs (measured).
const MAX_CLOCK_ERROR_MS: u64 = 300_000;
/// How long the service may take to show its time.
const RESPONSE_TIMEOUT: Duration = Duration::from_secs(5);

/// Returns the line about the clock, if a response of the service showed its time. A token service
/// shows no time with a refusal, which may be the clock's fault, so the service is asked once more.
pub async fn check_clock(
    settings: &Settings,
    sheets: &Sheets,
    clock: &Arc<dyn Clock>,
    is_token_refused: bool,
) -> Option<CheckItem> {
    let seen = match sheets.service_time() {
        Some((at, arrived_ms)) => Some(at.add_ms(clock.monotonic_ms().saturating_sub(arrived_ms))),
        None if is_token_refused => read_service_time(settings, clock).await,
        None => None,
    };
    seen.map(|service| report_clock(clock.now().0.saturating_sub(service.0)))
}

/// Asks for the service's time without an account, after a token was refused.
async fn read_service_time(settings: &Settings, clock: &Arc<dyn Clock>) -> Option<crate::time::Timestamp> {
    let ca_file = settings.certificates.as_deref().map(Path::to_owned);
    let transport = Transport::Network { ca_file, proxies: settings.proxies.clone() };
    let client = WebClient::new(&transport, RESPONSE_TIMEOUT, Arc::clone(clock)).ok()?;
    client.get(&Url::parse(&settings.api_url).ok()?).await.ok()?.date
}

/// Returns the line for a clock that is ahead of the service's by this much, in milliseconds.
fn report_clock(ahead_ms: i64) -> CheckItem {
    let subject = Subject::Clock;
    let off_ms = ahead_ms.unsigned_abs();
    let way = if ahead_ms < 0 { "behind" } else { "ahead of" };
    let what = format!("this machine's clock is {} {way} the service's", format_milliseconds(off_ms));
    match off_ms {
        // The service's time comes in whole seconds.
        0..=1_999 => CheckItem::new_expected(subject, "this machine's clock agrees with the service's"),
        2_000..WARNED_CLOCK_ERROR_MS => CheckItem::new_expected(subject, what),
        WARNED_CLOCK_ERROR_MS..MAX_CLOCK_ERROR_MS => CheckItem::new_warning(
            subject,
            what,
            Some("let the system keep the time, by NTP; from 5 minutes on tokens are refused"),
        ),
        _ => {
            let what =
                format!("{what}: Google refuses the tokens of such a machine, and schedules start at wrong times");
            let help = "set the clock and let the system keep it, by NTP (timedatectl set-ntp true)".to_owned();
            CheckItem::new_problem(subject, StartBlocker::Environment { what, help })
        }
    }
}

fn format_milliseconds(ms: u64) -> String {
    match ms / 1_000 {
        seconds @ 0..120 => format!("{seconds} s"),
        seconds @ 120..7_200 => format!("{} minutes", seconds / 60),
        seconds => format!("{} hours", seconds / 3_600),
    }
}

#[cfg(test)]
mod tests {
    use crate::check::report::CheckVerdict;

    use super::*;

    fn verdict(ahead_ms: i64) -> (&'static str, String) {
        match report_clock(ahead_ms).verdict {
            CheckVerdict::Passed(what) => ("ok", what),
            CheckVerdict::Warning { what, .. } => ("warning", what),
            CheckVerdict::Problem(StartBlocker::Environment { what, .. }) => ("problem", what),
            CheckVerdict::Problem(_) => ("other", String::new()),
        }
    }

    #[test]
    fn a_clock_is_judged_by_what_its_difference_breaks() {
        for (ahead_ms, word, what) in [
            (0, "ok", "agrees with"),
            (-29_999, "ok", "is 29 s behind"),
            (30_000, "warning", "is 30 s ahead of"),
            (-299_999, "warning", "is 4 minutes behind"),
            (300_000, "problem", "is 5 minutes ahead of"),
            (-3_600_000, "problem", "is 60 minutes behind"),
            (86_400_000, "problem", "is 24 hours ahead of"),
        ] {
            let found = verdict(ahead_ms);
            assert!(found.0 == word && found.1.contains(what), "{ahead_ms}: {found:?}");
        }
    }
}
