//! Faults on demand: what networks and services do to a call.
//!
//! In scope: a fault as words (`--fault`) and as JSON (`POST /_emulator/faults`), which call it meets.
//! Out of scope: carrying it out (`service`).

use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::api::quota::QuotaMetric;
use crate::random::RandomSource;

/// Which calls a fault may meet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FaultTarget {
    /// Calls of Sheets and Drive.
    #[default]
    All,
    /// Calls that count as reads.
    Reads,
    /// Calls that count as writes.
    Writes,
    /// Requests to the token endpoint.
    Tokens,
}

/// What happens to the call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FaultAction {
    /// An error is answered and nothing is applied.
    #[default]
    Fail,
    /// It is applied, and an error is answered all the same.
    AppliedFail,
    /// The request that holds `containing` is refused with 400, by its number, as one with bad content is, and nothing is applied.
    Refuse,
    /// The connection ends before it is applied.
    Reset,
    /// It is applied, and the connection ends before the answer.
    AppliedReset,
    /// No answer ever comes, and nothing is applied.
    Hang,
    /// It is applied, and no answer ever comes.
    AppliedHang,
    /// A page of the front end is answered, as HTML, and nothing is applied.
    Html,
    /// It is applied, and a page of the front end is answered all the same.
    AppliedHtml,
    /// It is applied, and its answer breaks off in the middle.
    AppliedTruncate,
    /// It is applied, and its answer has no body.
    AppliedEmpty,
    /// A write is lost, the connection ends, and it arrives late: after `after` other writes, or when it is told to.
    Late,
}

impl FaultAction {
    /// Whether the call is carried out.
    pub fn applies(self) -> bool {
        match self {
            Self::Fail | Self::Refuse | Self::Reset | Self::Hang | Self::Html | Self::Late => false,
            Self::AppliedFail
            | Self::AppliedReset
            | Self::AppliedHang
            | Self::AppliedHtml
            | Self::AppliedTruncate
            | Self::AppliedEmpty => true,
        }
    }
}

/// One fault to come: `{"on": "writes", "do": "applied-fail", "status": 503, "times": 2, "skip": 1}`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct FaultRule {
    /// Which calls it may meet.
    pub on: FaultTarget,
    /// Only calls of this method, such as `spreadsheets.batchUpdate`.
    pub method: Option<String>,
    /// Only calls whose body holds this text.
    pub containing: Option<String>,
    /// What happens.
    #[serde(rename = "do")]
    pub action: FaultAction,
    /// What a refusal says; a sentence of the emulator's own unless said otherwise.
    pub message: Option<String>,
    /// The status of the error; 503 unless said otherwise.
    pub status: u16,
    /// `Retry-After` of the error, in seconds.
    pub retry_after: Option<u64>,
    /// Other writes that are applied before a late one arrives; 1 unless said otherwise.
    pub after: u32,
    /// How many calls it lets pass first.
    pub skip: u32,
    /// How many calls it meets after that.
    pub times: u32,
    /// How likely it meets a call, from 0 to 1; what it lets pass by chance is not counted.
    pub probability: f64,
}

impl Default for FaultRule {
    fn default() -> Self {
        Self {
            on: FaultTarget::All,
            method: None,
            containing: None,
            action: FaultAction::Fail,
            message: None,
            status: 503,
            retry_after: None,
            after: 1,
            skip: 0,
            times: 1,
            probability: 1.0,
        }
    }
}

impl FromStr for FaultRule {
    type Err = String;

    /// Reads `on=writes,do=applied-fail,status=503,times=2`: the members of the JSON form, in any order.
    fn from_str(text: &str) -> Result<Self, String> {
        let mut members = serde_json::Map::new();
        for word in text.split(',').map(str::trim).filter(|word| !word.is_empty()) {
            let (name, value) = word
                .split_once('=')
                .ok_or_else(|| format!("fault {word:?} is not name=value, as in on=writes,do=fail,status=503"))?;
            let value = value.parse::<serde_json::Number>().map_or_else(|_| value.into(), serde_json::Value::Number);
            members.insert(name.to_owned(), value);
        }
        serde_json::from_value(members.into()).map_err(|error| format!("fault {text:?}: {error}"))
    }
}

/// The faults still to come.
#[derive(Debug, Default)]
pub(crate) struct FaultRules {
    pending: Vec<FaultRule>,
}

impl FaultRules {
    /// These faults, tried in their order.
    pub(crate) fn new(pending: Vec<FaultRule>) -> Self {
        Self { pending }
    }

    /// The faults still to come.
    pub(crate) fn pending(&self) -> &[FaultRule] {
        &self.pending
    }

    /// The fault that meets this call, if any; a call without a metric is a token request or one of Drive.
    pub(crate) fn meet(
        &mut self,
        method: &str,
        metric: Option<QuotaMetric>,
        body: &[u8],
        random: &dyn RandomSource,
    ) -> Option<FaultRule> {
        let at = self.pending.iter_mut().position(|fault| {
            let kind = match fault.on {
                FaultTarget::All => method != TOKEN_METHOD,
                FaultTarget::Reads => metric == Some(QuotaMetric::Read),
                FaultTarget::Writes => metric == Some(QuotaMetric::Write),
                FaultTarget::Tokens => method == TOKEN_METHOD,
            };
            if !kind || fault.method.as_deref().is_some_and(|only| only != method) || fault.times == 0 {
                return false;
            }
            if fault.containing.as_deref().is_some_and(|text| !holds(body, text)) {
                return false;
            }
            if fault.skip > 0 {
                fault.skip -= 1;
                return false;
            }
            fault.probability >= 1.0 || random.next_f64() < fault.probability
        })?;
        let fault = self.pending.get_mut(at)?;
        fault.times -= 1;
        let met = fault.clone();
        if met.times == 0 {
            self.pending.remove(at);
        }
        Some(met)
    }
}

fn holds(body: &[u8], text: &str) -> bool {
    std::str::from_utf8(body).is_ok_and(|body| body.contains(text))
}

/// The number and the kind of the first request of a batch that holds a text.
pub(crate) fn find_request(body: &[u8], text: &str) -> Option<(usize, String)> {
    let body: serde_json::Value = serde_json::from_slice(body).ok()?;
    let requests = body.get("requests")?.as_array()?;
    let at = requests.iter().position(|request| request.to_string().contains(text))?;
    let kind = requests.get(at)?.as_object()?.keys().next()?.clone();
    Some((at, kind))
}

/// What a token request is called where methods are named.
pub(crate) const TOKEN_METHOD: &str = "token";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::SeededRandom;

    #[test]
    fn words_and_json_say_the_same() {
        let words: FaultRule = "on=writes, do=applied-fail, status=500, times=2, skip=1".parse().unwrap();
        let json = r#"{"on": "writes", "do": "applied-fail", "status": 500, "times": 2, "skip": 1}"#;
        assert_eq!(words, serde_json::from_str(json).unwrap());
        assert_eq!("".parse::<FaultRule>().unwrap(), FaultRule::default());
        for wrong in ["writes", "on=sideways", "speed=3", "times=-1"] {
            assert!(wrong.parse::<FaultRule>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_fault_may_meet_only_calls_with_a_text_and_knows_the_request_that_holds_it() {
        let body = br#"{"requests": [{"updateCells": {}}, {"appendCells": {"rows": ["poison"]}}]}"#;
        let mut faults = FaultRules::new(vec!["do=refuse,containing=poison".parse().unwrap()]);
        let random = SeededRandom::new(1);
        assert!(faults.meet("m", Some(QuotaMetric::Write), b"{}", &random).is_none());
        assert!(faults.meet("m", Some(QuotaMetric::Write), body, &random).is_some());
        assert_eq!(find_request(body, "poison"), Some((1, "appendCells".to_owned())));
        assert_eq!(find_request(b"nonsense", "poison"), None);
    }

    #[test]
    fn a_fault_meets_the_calls_it_names_and_then_is_used_up() {
        let mut faults = FaultRules::new(vec!["on=writes,times=2,skip=1".parse().unwrap()]);
        let random = SeededRandom::new(1);
        let mut met = |metric| faults.meet("m", metric, b"{}", &random).is_some();
        let write = Some(QuotaMetric::Write);
        let calls = [met(write), met(Some(QuotaMetric::Read)), met(write), met(None), met(write), met(write)];
        assert_eq!(calls, [false, false, true, false, true, false]);
        assert!(faults.pending().is_empty());
    }
}
