//! Fault injection: failures of networks and services.
//!
//! In scope: a fault as text (`--fault`) and as JSON (`POST /_emulator/faults`), which call it
//! applies to.
//! Out of scope: applying it (`emulator`).

use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::api::quota::QuotaMetric;
use crate::random::RandomSource;

/// The calls that a fault applies to.
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

/// What happens to a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FaultAction {
    /// The emulator answers an error and does not apply the call.
    #[default]
    Fail,
    /// The emulator applies the call and answers an error.
    AppliedFail,
    /// The emulator answers 400 for the request that contains `containing`, as for invalid content,
    /// and does not apply the batch.
    Refuse,
    /// The connection ends, and the call is not applied.
    Reset,
    /// The call is applied, and the connection ends before the response.
    AppliedReset,
    /// No response comes, and the call is not applied.
    Hang,
    /// The call is applied, and no response comes.
    AppliedHang,
    /// The emulator answers an HTML page of the front end and does not apply the call.
    Html,
    /// The emulator applies the call and answers an HTML page of the front end.
    AppliedHtml,
    /// The emulator applies the call, and the response breaks off in the middle.
    AppliedTruncate,
    /// The emulator applies the call and answers without a body.
    AppliedEmpty,
    /// The connection ends, and the write is applied later: after `after` other writes, or on
    /// demand.
    Late,
}

impl FaultAction {
    /// Returns whether the call is applied.
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

/// A pending fault: `{"on": "writes", "do": "applied-fail", "status": 503, "times": 2, "skip": 1}`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct FaultRule {
    /// The calls it may apply to.
    pub on: FaultTarget,
    /// Only calls of this method, such as `spreadsheets.batchUpdate`.
    pub method: Option<String>,
    /// Only calls whose body contains this text.
    pub containing: Option<String>,
    /// What happens to the call.
    #[serde(rename = "do")]
    pub action: FaultAction,
    /// The message of a refusal, instead of the emulator's own.
    pub message: Option<String>,
    /// The status of the error; 503 by default.
    pub status: u16,
    /// `Retry-After` of the error, in seconds.
    pub retry_after: Option<u64>,
    /// Other writes that are applied before a late one; 1 by default.
    pub after: u32,
    /// Calls to skip first.
    pub skip: u32,
    /// Calls to apply to after that.
    pub times: u32,
    /// The probability of each application, from 0 to 1. A call that is spared by chance is not
    /// counted.
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

    /// Parses `on=writes,do=applied-fail,status=503,times=2`: the members of the JSON form, in any
    /// order.
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

/// The pending faults.
#[derive(Debug, Default)]
pub(crate) struct FaultRules {
    pending: Vec<FaultRule>,
}

impl FaultRules {
    /// Creates the list. Faults are tried in this order.
    pub(crate) fn new(pending: Vec<FaultRule>) -> Self {
        Self { pending }
    }

    /// Returns the pending faults.
    pub(crate) fn pending(&self) -> &[FaultRule] {
        &self.pending
    }

    /// Returns the fault for this call, if any. A call without a metric is a token request or a
    /// Drive call.
    pub(crate) fn take_fault(
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

/// Returns the index and the kind of the first request of a batch that contains a text.
pub(crate) fn find_request(body: &[u8], text: &str) -> Option<(usize, String)> {
    let body: serde_json::Value = serde_json::from_slice(body).ok()?;
    let requests = body.get("requests")?.as_array()?;
    let at = requests.iter().position(|request| request.to_string().contains(text))?;
    let kind = requests.get(at)?.as_object()?.keys().next()?.clone();
    Some((at, kind))
}

/// The method name of a token request.
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
    fn a_fault_may_apply_only_to_calls_that_contain_a_text() {
        let body = br#"{"requests": [{"updateCells": {}}, {"appendCells": {"rows": ["poison"]}}]}"#;
        let mut faults = FaultRules::new(vec!["do=refuse,containing=poison".parse().unwrap()]);
        let random = SeededRandom::new(1);
        assert!(faults.take_fault("m", Some(QuotaMetric::Write), b"{}", &random).is_none());
        assert!(faults.take_fault("m", Some(QuotaMetric::Write), body, &random).is_some());
        assert_eq!(find_request(body, "poison"), Some((1, "appendCells".to_owned())));
        assert_eq!(find_request(b"nonsense", "poison"), None);
    }

    #[test]
    fn a_fault_meets_the_calls_it_names_and_then_is_used_up() {
        let mut faults = FaultRules::new(vec!["on=writes,times=2,skip=1".parse().unwrap()]);
        let random = SeededRandom::new(1);
        let mut met = |metric| faults.take_fault("m", metric, b"{}", &random).is_some();
        let write = Some(QuotaMetric::Write);
        let calls = [met(write), met(Some(QuotaMetric::Read)), met(write), met(None), met(write), met(write)];
        assert_eq!(calls, [false, false, true, false, true, false]);
        assert!(faults.pending().is_empty());
    }
}
