//! How a Python script is run: logs, alerts, locks, signals, trials.

use crate::finding::LintConfidence::{High, Low, Medium};
use crate::python::facts::PyFacts;
use crate::python::nodes::has_below;
use crate::results::collector::Findings;
use crate::rules::rule::Habit;

/// Words of scripts that report a failure somewhere.
const ALERT_WORDS: [&str; 14] = [
    "hc-ping",
    "healthcheck",
    "cronitor",
    "sentry",
    "heartbeat",
    "pagerduty",
    "opsgenie",
    "webhook",
    "slack",
    "alert",
    "notify",
    "smtplib",
    "deadman",
    "sheetkeep",
];
/// Words of scripts that keep two runs apart.
const LOCK_WORDS: [&str; 6] = ["flock", "filelock", "fasteners", "lockfile", "portalocker", "lock("];

impl PyFacts<'_> {
    /// Returns whether the script imports a client of some service.
    pub(crate) fn uses_network(&self) -> bool {
        let modules =
            ["requests", "httpx", "urllib.request", "aiohttp", "gspread", "googleapiclient", "boto3", "smtplib"];
        modules.into_iter().any(|module| self.names.imports(module))
    }
}

/// Asks the rules.
pub(crate) fn check(facts: &PyFacts<'_>, findings: &mut Findings<'_>) {
    if !facts.is_script() || findings.source.path.contains("test") {
        return;
    }
    check_prints(facts, findings);
    import_time(facts, findings);
    check_endless_loop(facts, findings);
    if facts.uses_network() {
        findings.applies(&[Habit::Logs, Habit::Alerts, Habit::OneAtATime, Habit::Trials, Habit::ExitCodes]);
        check_absences(facts, findings);
    }
}

fn check_prints(facts: &PyFacts<'_>, findings: &mut Findings<'_>) {
    let mut prints = facts.calls.iter().filter(|call| call.name == "print");
    let Some(first) = prints.next() else { return };
    let logs = ["logging", "structlog", "loguru"].into_iter().any(|module| facts.names.imports(module));
    if facts.uses_network() && !logs {
        let count = 1 + prints.count();
        let many =
            if count == 1 { "print is the only log".to_owned() } else { format!("{count} prints are the only log") };
        findings.add("SK601", High, first.byte(), many);
    }
}

fn import_time(facts: &PyFacts<'_>, findings: &mut Findings<'_>) {
    if facts.has_guard {
        return;
    }
    if let Some(call) = facts.works_at_top() {
        findings.add("SK608", High, call.byte(), "an import of this file starts the run");
    }
}

fn check_endless_loop(facts: &PyFacts<'_>, findings: &mut Findings<'_>) {
    let handles = ["signal.signal", "sigterm", "add_signal_handler"].iter().any(|word| facts.has_word(word));
    for found in facts.loops.iter().filter(|found| found.is_endless && !handles) {
        let sleeps = has_below(found.node, |node| node.kind() == "call" && facts.text(node).starts_with("time.sleep"));
        let leaves = has_below(found.node, |node| matches!(node.kind(), "break_statement" | "return_statement"));
        if sleeps && !leaves && found.context.inner_loop.is_none() {
            findings.add("SK605", High, found.node.start_byte(), "SIGTERM ends this loop in the middle of its work");
        }
    }
}

/// What is absent from the whole file. It can also be around it: in the crontab, in the unit.
fn check_absences(facts: &PyFacts<'_>, findings: &mut Findings<'_>) {
    let at = facts.calls.iter().find(|call| facts.is_network(call) || facts.is_sheet_write(call));
    let Some(at) = at.map(crate::python::facts::PyCall::byte) else { return };
    if !ALERT_WORDS.iter().any(|word| facts.has_word(word)) {
        findings.add(
            "SK603",
            Medium,
            at,
            "the script reports a failure nowhere, and nothing notices that it did not run",
        );
    }
    let writes = facts.calls.iter().any(|call| {
        facts.is_sheet_write(call)
            || (facts.is_network(call) && matches!(call.method.as_ref(), "post" | "put" | "patch" | "delete"))
    });
    if writes && !LOCK_WORDS.iter().any(|word| facts.has_word(word)) {
        findings.add("SK506", Low, at, "two runs of this script may write at the same time");
    }
    let is_asked = ["dry_run", "dry-run", "dryrun", "--check", "simulate"].iter().any(|word| facts.has_word(word));
    if writes && !is_asked {
        findings.add("SK607", Medium, at, "there is no way to run it without its writes");
    }
}
