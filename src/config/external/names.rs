//! Names of environment variables.
//!
//! In scope: the names that this program uses, and the likely misspellings of them. Out of scope:
//! their meaning (`config::sections::sheet::target`, `config::sections::proxies`), and the report
//! of a misspelt one (`config::sections::sheet::wrong_place`).

use strsim::osa_distance;

use crate::config::external::logical_time::{LOGICAL_DATE, LOGICAL_RUN, SCHEDULED_FOR};
use crate::config::syntax::closest_word::find_closest_word;

/// The environment variable that names the spreadsheet.
pub const SPREADSHEET: &str = "SHEETKEEP_SPREADSHEET_ID";
/// The environment variable with the path of a credentials file.
pub const CREDENTIALS_PATH: &str = "GOOGLE_APPLICATION_CREDENTIALS";
/// The environment variable with the credentials themselves, plain or in base64.
pub const CREDENTIALS_JSON: &str = "SHEETKEEP_CREDENTIALS_JSON";
/// The environment variable with the root of the Sheets API.
pub const API_URL: &str = "SHEETKEEP_API_URL";
/// The environment variable with an incoming webhook of Slack; failures are reported there.
pub const SLACK_WEBHOOK: &str = "SLACK_WEBHOOK_URL";
/// The environment variable with the log levels.
pub const LOG: &str = "SHEETKEEP_LOG";
/// The environment variable with the format of the log lines.
pub const LOG_FORMAT: &str = "SHEETKEEP_LOG_FORMAT";
/// The environment variable with the token of a planned service; the name is reserved.
const SERVE_TOKEN: &str = "SHEETKEEP_SERVE_TOKEN";

/// The prefix of all names of this program.
const PREFIX: &str = "SHEETKEEP_";
/// Names that users set, and that are suggested.
pub(crate) const SETTING_VARIABLES: [&str; 7] =
    [SPREADSHEET, CREDENTIALS_PATH, CREDENTIALS_JSON, API_URL, LOG, LOG_FORMAT, SERVE_TOKEN];
/// Names that a step's program gets; it may run this program in turn.
const STEP_VARIABLES: [&str; 14] = [
    "SHEETKEEP_JOB",
    "SHEETKEEP_STEP",
    "SHEETKEEP_KEY",
    "SHEETKEEP_VERSION",
    "SHEETKEEP_IDEMPOTENCY_KEY",
    "SHEETKEEP_FENCE",
    "SHEETKEEP_ATTEMPT",
    "SHEETKEEP_ATTEMPTS",
    "SHEETKEEP_STAGE",
    "SHEETKEEP_STAGE_INPUT",
    "SHEETKEEP_STAGE_OUTPUT",
    LOGICAL_RUN,
    LOGICAL_DATE,
    SCHEDULED_FOR,
];
/// Names that this program's tests use.
const TEST_VARIABLES: [&str; 4] =
    ["SHEETKEEP_FAILPOINT", "SHEETKEEP_FUZZ_SECONDS", "SHEETKEEP_LIVE_SPREADSHEET_ID", "SHEETKEEP_TEST_PROXY"];
/// Names whose misspellings are errors even without this program's prefix.
const NAMES_WITHOUT_PREFIX: [&str; 4] = [SPREADSHEET, CREDENTIALS_JSON, API_URL, CREDENTIALS_PATH];
/// Variables that hold a key, or lead to one; no job file needs them.
pub(crate) const SECRET_VARIABLES: [&str; 7] = [
    CREDENTIALS_JSON,
    CREDENTIALS_PATH,
    SERVE_TOKEN,
    "GOOGLE_CREDENTIALS",
    "GOOGLE_APPLICATION_CREDENTIALS_JSON",
    "GOOGLE_SERVICE_ACCOUNT_KEY",
    "GCP_SA_KEY",
];
/// Edits by which a misspelling differs at most.
const MAX_EDITS: usize = 2;

/// The relation of a name to this program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum VariableKind {
    /// Known, or unrelated.
    Known,
    /// Probably a misspelling of this name.
    Misspelt(&'static str),
    /// It has this program's prefix, but is not known.
    Unknown,
}

/// Returns what an environment variable of this name is to this program.
pub(crate) fn classify_name(name: &str) -> VariableKind {
    let known = || SETTING_VARIABLES.iter().chain(&STEP_VARIABLES).chain(&TEST_VARIABLES).copied();
    let upper = name.to_uppercase().replace('-', "_");
    if known().any(|known| known == name) || is_of_a_cluster(name) {
        return VariableKind::Known;
    }
    if let Some(near) = NAMES_WITHOUT_PREFIX.into_iter().find(|known| osa_distance(&upper, known) <= MAX_EDITS) {
        return VariableKind::Misspelt(near);
    }
    if !upper.starts_with(PREFIX) {
        return VariableKind::Known;
    }
    let close = find_closest_word(&upper, known().filter(|name| !TEST_VARIABLES.contains(name)));
    close.or_else(|| find_nearest_setting(&upper)).map_or(VariableKind::Unknown, VariableKind::Misspelt)
}

/// Returns whether Kubernetes sets such a name for a service called `sheetkeep`:
/// <https://kubernetes.io/docs/concepts/services-networking/service/#environment-variables>.
fn is_of_a_cluster(name: &str) -> bool {
    let Some(rest) = name.strip_prefix(PREFIX) else { return false };
    let port = rest.strip_prefix("PORT_").is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()));
    port || rest == "PORT" || rest == "SERVICE_HOST" || rest == "SERVICE_PORT" || rest.starts_with("SERVICE_PORT_")
}

/// Returns the nearest setting, if at least half of the text after the prefix is the same.
fn find_nearest_setting(name: &str) -> Option<&'static str> {
    let (distance, suggestion) = SETTING_VARIABLES.into_iter().map(|known| (osa_distance(name, known), known)).min()?;
    let longer = name.len().max(suggestion.len()).saturating_sub(PREFIX.len());
    (distance <= longer / 2).then_some(suggestion)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_misspelt_name_is_reported_with_the_right_one() {
        for (name, suggestion) in [
            ("SHEETKEEP_SPREADSHEETID", Some(SPREADSHEET)),
            ("SHEETKEEP_SPREADSHEET", Some(SPREADSHEET)),
            ("SHEETKEP_SPREADSHEET_ID", Some(SPREADSHEET)),
            ("sheetkeep_spreadsheet_id", Some(SPREADSHEET)),
            ("SHEETKEEP_CREDENTIAL_JSON", Some(CREDENTIALS_JSON)),
            ("GOOGLE_APPLICATION_CREDENTIAL", Some(CREDENTIALS_PATH)),
            ("GOOGLE_APLICATION_CREDENTIALS", Some(CREDENTIALS_PATH)),
            ("SHEETKEEP_APIURL", Some(API_URL)),
            ("SHEETKEEP_LGO", Some("SHEETKEEP_LOG")),
            ("SHEETKEEP_SHEET_ID", Some(SPREADSHEET)),
            ("SHEETKEEP_CREDENTIALS", Some(CREDENTIALS_JSON)),
            ("SHEETKEEP_FROBNICATE", None),
        ] {
            assert_eq!(classify_name(name), suggestion.map_or(VariableKind::Unknown, VariableKind::Misspelt), "{name}");
        }
    }

    #[test]
    fn names_of_steps_of_clusters_and_of_others_are_left_alone() {
        for name in [
            SPREADSHEET,
            CREDENTIALS_PATH,
            "SHEETKEEP_KEY",
            "SHEETKEEP_IDEMPOTENCY_KEY",
            "SHEETKEEP_SERVE_TOKEN",
            "SHEETKEEP_FAILPOINT",
            "SHEETKEEP_SERVICE_HOST",
            "SHEETKEEP_PORT_8080_TCP_ADDR",
            "SHEETKEEP_PORT",
            "HOME",
            "GOOGLE_APPLICATION_CREDENTIALS_JSON",
            "MY_SPREADSHEET_ID",
        ] {
            assert_eq!(classify_name(name), VariableKind::Known, "{name}");
        }
    }
}
