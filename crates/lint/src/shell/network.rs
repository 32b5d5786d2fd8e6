//! Calls over the network in shell scripts.

use crate::finding::LintConfidence::{High, Low, Medium};
use crate::results::collector::Findings;
use crate::rules::rule::Habit;
use crate::secret_patterns::{has_secret_query, may_name_secret, names_secret};
use crate::shell::commands::{ShellCommand, ShellFacts};

/// Words of scripts that try again.
const RETRY_WORDS: [&str; 6] = ["retry", "retries", "attempt", "tries", "until ", "while !"];
/// Words of scripts that report a failure somewhere.
const ALERT_WORDS: [&str; 9] =
    ["hc-ping", "healthcheck", "cronitor", "sentry", "heartbeat", "mail ", "sendmail", "webhook", "sheetkeep"];
/// Flags of curl that send a body.
const BODY_FLAGS: [&str; 6] = ["-d", "--data", "--data-binary", "--data-raw", "--json", "-F"];

/// Asks the rules.
pub(crate) fn check(facts: &ShellFacts<'_>, findings: &mut Findings<'_>) {
    let mut first = None;
    for command in &facts.commands {
        check_secrets(command, findings);
        check_shown_secrets(command, findings);
        check_hosts(command, findings);
        match command.program() {
            "curl" => check_curl(facts, command, findings),
            "wget" => check_wget(command, findings),
            _ => continue,
        }
        first = first.or(Some(command.byte));
    }
    let Some(byte) = first else { return };
    findings.applies(&[
        Habit::TimeLimits,
        Habit::CheckedAnswers,
        Habit::BoundedRetries,
        Habit::Alerts,
        Habit::OneAtATime,
    ]);
    let retries = RETRY_WORDS.iter().any(|word| facts.has_word(word));
    if !retries {
        findings.add("SK303", Medium, byte, "a connection that breaks once ends the run");
    }
    if !ALERT_WORDS.iter().any(|word| facts.has_word(word)) {
        findings.add(
            "SK603",
            Low,
            byte,
            "the script reports a failure nowhere, and nothing notices that it did not run",
        );
    }
    if !["flock", "lockfile", ".lock", "sheetkeep"].iter().any(|word| facts.has_word(word)) {
        findings.add("SK506", Low, byte, "two runs of this script may work at the same time");
    }
}

fn check_curl(facts: &ShellFacts<'_>, command: &ShellCommand<'_>, findings: &mut Findings<'_>) {
    let asks_only = command.has_flag(&["-V", "--version", "-h", "--help"]);
    if command.has_list() || asks_only {
        return;
    }
    let is_limited = command.has_flag(&["-m", "--max-time", "--speed-time"])
        || command.all.iter().any(|word| matches!(*word, "timeout" | "--timeout"));
    if !is_limited && command.has_flag(&["--connect-timeout"]) {
        findings.add("SK301", Medium, command.byte, "only connecting has a limit; add --max-time");
    } else if !is_limited {
        findings.add("SK301", High, command.byte, "curl waits for ever; add --max-time");
    }
    let checks = command.has_flag(&["-f", "--fail", "--fail-with-body", "-w", "--write-out", "-I", "--head", "-i"]);
    if !checks {
        findings.add("SK302", High, command.byte, "curl ends with 0 for a page with an error; add --fail");
    }
    if command.has_flag(&["-k", "--insecure"]) {
        findings.add("SK307", High, command.byte, "curl trusts any server that answers");
    }
    let is_post = command.has_flag(&BODY_FLAGS)
        || command.words.windows(2).any(|pair| pair[1] == "POST" && matches!(pair[0], "-X" | "--request"));
    let is_retried = command.has_flag(&["--retry"]) || command.all.contains(&"retry");
    if is_post && is_retried && !facts.has_word("idempoten") {
        findings.add("SK306", High, command.byte, "curl sends the body again after a lost answer");
    }
}

fn check_wget(command: &ShellCommand<'_>, findings: &mut Findings<'_>) {
    if command.has_list() {
        return;
    }
    let is_limited = command.has_flag(&["-T", "--timeout", "--read-timeout"]) || command.all.contains(&"timeout");
    if !is_limited {
        // wget's own limit is 15 minutes for each read, and 20 tries.
        findings.add("SK301", Medium, command.byte, "wget waits 15 minutes, 20 times; add --timeout");
    }
    if command.has_flag(&["--no-check-certificate"]) {
        findings.add("SK307", High, command.byte, "wget trusts any server that answers");
    }
}

/// Secrets among the arguments, which `ps` shows.
fn check_secrets(command: &ShellCommand<'_>, findings: &mut Findings<'_>) {
    let program = command.program();
    let words = &command.words;
    let is_secret_pair = |pair: &[&str]| {
        let value = pair[1].to_lowercase();
        let is_user =
            program == "curl" && matches!(pair[0], "-u" | "--user") && pair[1].trim_matches('"').contains(':');
        let is_bearer = program == "curl"
            && matches!(pair[0], "-H" | "--header")
            && (value.contains("authorization:") || value.contains("api-key:"))
            && value.contains('$');
        let is_password = program == "sshpass" && pair[0] == "-p";
        is_user || is_bearer || is_password
    };
    let is_long = words.iter().skip(1).any(|word| {
        let lower = word.to_lowercase();
        ["--password=", "--token=", "--api-key=", "--secret="]
            .iter()
            .any(|flag| lower.starts_with(flag) && lower.len() > flag.len())
    });
    // A password directly behind -p, as the clients of MySQL take it.
    let is_short = program.starts_with("mysql") || program.starts_with("mariadb");
    let is_short = is_short && words.iter().any(|word| word.starts_with("-p$") || word.starts_with("-p\"$"));
    let is_query = words.iter().any(|word| has_secret_query(word, '$'));
    if words.windows(2).any(is_secret_pair) || is_long || is_short || is_query {
        findings.add("SK107", High, command.byte, format!("{program} gets a secret as an argument, which ps shows"));
    }
}

/// Secrets that a command shows, and so the log has.
fn check_shown_secrets(command: &ShellCommand<'_>, findings: &mut Findings<'_>) {
    if command.is_captured || !matches!(command.program(), "echo" | "printf" | "logger") {
        return;
    }
    let shown = command.words.iter().skip(1).flat_map(|word| find_variables(word));
    if let Some(name) = shown.into_iter().find(|name| may_name_secret(name)) {
        let confidence = if names_secret(name) { High } else { Low };
        findings.add("SK105", confidence, command.byte, format!("{name} goes into the log"));
    }
}

/// Returns the variables whose values are in a word: `$a` and `${a}`, and not `${#a}` or `${a:+set}`.
fn find_variables(word: &str) -> Vec<&str> {
    if word.starts_with('\'') {
        return Vec::new();
    }
    let name = |part: &str| part.bytes().take_while(|byte| byte.is_ascii_alphanumeric() || *byte == b'_').count();
    let mut found = Vec::new();
    for part in word.split('$').skip(1) {
        let (part, is_braced) = part.strip_prefix('{').map_or((part, false), |part| (part, true));
        let (name, rest) = part.split_at(name(part));
        if !is_braced || rest.starts_with('}') {
            found.push(name);
        }
    }
    found
}

/// Programs that trust any host.
fn check_hosts(command: &ShellCommand<'_>, findings: &mut Findings<'_>) {
    let is_ssh = matches!(command.program(), "ssh" | "scp" | "sftp" | "rsync" | "autossh");
    if is_ssh && command.words.iter().any(|word| word.contains("StrictHostKeyChecking=no")) {
        let message = format!("{} trusts any host that answers", command.program());
        findings.add("SK307", Medium, command.byte, message);
    }
}
