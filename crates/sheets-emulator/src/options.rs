//! Options of an emulator.
//!
//! In scope: the options and their text forms.
//! Out of scope: the command line that reads them, the seed (the caller's `RandomSource`).

use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use crate::api::quota::QuotaLimits;
use crate::batch::context::{CallerIdBehavior, MissingIdBehavior, UnknownBehaviors, ValidationBehavior};
use crate::fault::inject::FaultRule;
use crate::input::loaded_tab::LoadedTab;
use crate::storage::commit_hook::CommitHook;

/// Options of an emulator.
#[derive(Debug, Clone, Default)]
pub struct EmulatorOptions {
    /// The file of the spreadsheets; `None` keeps them in memory.
    pub file: Option<PathBuf>,
    /// An initial spreadsheet. It is empty unless the file already holds it.
    pub spreadsheet_id: Option<String>,
    /// The tabs of the initial spreadsheet, if it is new; an empty `Sheet1` if there are none.
    pub tabs: Vec<LoadedTab>,
    /// Quotas; `None` means unlimited.
    pub quota: Option<QuotaLimits>,
    /// Whether a 429 has `Retry-After`. Google's recorded one does not.
    pub sends_retry_after: bool,
    /// The delay of every call.
    pub latency: Latency,
    /// Behaviours that Google does not document.
    pub behaviors: UnknownBehaviors,
    /// Rules by which calls fail, from the start on; the first that matches a call applies.
    pub faults: Vec<FaultRule>,
    /// Answers calls on the calling task, one after the other, for reproducible tests.
    pub is_sequential: bool,
    /// Runs around each commit, on the committing thread.
    pub commit_hook: Option<CommitHook>,
    /// Further names of this server, beside `localhost`, that calls over a socket may use.
    pub hosts: Arc<[String]>,
    /// A token that is always valid, for an embedded emulator.
    pub trusted_token: Option<String>,
}

/// A delay before each call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Latency(pub Duration);

impl FromStr for Latency {
    type Err = String;

    /// Parses `300ms`, `1.5s`, or `0`.
    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("latency {text:?} is not a length of time such as 300ms or 1.5s");
        let (number, unit) = match (text.strip_suffix("ms"), text.strip_suffix('s')) {
            (Some(number), _) => (number, 0.001),
            (_, Some(number)) => (number, 1.0),
            _ if text == "0" => (text, 1.0),
            _ => return Err(wrong()),
        };
        let seconds = number.trim().parse::<f64>().map_err(|_| wrong())? * unit;
        Duration::try_from_secs_f64(seconds).map(Self).map_err(|_| wrong())
    }
}

/// Parses one of two words.
fn parse_either<T>(text: &str, first: (&str, T), second: (&str, T)) -> Result<T, String> {
    if text == first.0 {
        Ok(first.1)
    } else if text == second.0 {
        Ok(second.1)
    } else {
        Err(format!("{text:?} is neither {:?} nor {:?}", first.0, second.0))
    }
}

impl FromStr for MissingIdBehavior {
    type Err = String;

    /// Parses `refuse` or `ignore`.
    fn from_str(text: &str) -> Result<Self, String> {
        parse_either(text, ("refuse", Self::Refuse), ("ignore", Self::Ignore))
    }
}

impl FromStr for ValidationBehavior {
    type Err = String;

    /// Parses `sequential` or `snapshot`.
    fn from_str(text: &str) -> Result<Self, String> {
        parse_either(text, ("sequential", Self::Sequential), ("snapshot", Self::Snapshot))
    }
}

impl FromStr for CallerIdBehavior {
    type Err = String;

    /// Parses `honour` or `ignore`.
    fn from_str(text: &str) -> Result<Self, String> {
        parse_either(text, ("honour", Self::Honour), ("ignore", Self::Ignore))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_are_read_from_their_words() {
        assert_eq!("300ms".parse(), Ok(Latency(Duration::from_millis(300))));
        assert_eq!("1.5s".parse(), Ok(Latency(Duration::from_millis(1500))));
        for wrong in ["300", "-1s", "fast", "ms", "1e400s"] {
            assert!(wrong.parse::<Latency>().is_err(), "{wrong}");
        }
        assert_eq!("ignore".parse(), Ok(MissingIdBehavior::Ignore));
        assert_eq!("snapshot".parse(), Ok(ValidationBehavior::Snapshot));
        assert_eq!("ignore".parse(), Ok(CallerIdBehavior::Ignore));
        let got = "\"maybe\" is neither \"refuse\" nor \"ignore\"";
        assert_eq!("maybe".parse::<MissingIdBehavior>(), Err(got.to_owned()));
    }
}
