//! Crontabs: what cron gives a command, and when it starts it.

use crate::files::source_text::{SourceKind, SourceText};
use crate::finding::LintConfidence::{High, Medium};
use crate::results::collector::Findings;
use crate::rules::rule::Habit;
use crate::secret_patterns::{looks_random, names_secret};
use crate::shell;
use crate::shell::habits::is_in_a_home;

/// Commands that every shell has itself.
const BUILT_INS: [&str; 12] =
    ["cd", "test", "[", "echo", "export", "exec", "if", "for", "while", ".", "source", "sleep"];
/// Jobs at minute 0 that are many.
const MANY_JOBS: usize = 3;
/// Words that keep two runs apart, or belong to a command that does.
const LOCKS: [&str; 5] = ["flock", "sheetkeep", "lockfile", "lckdo", "setlock"];

/// One line with a schedule.
struct CronEntry<'a> {
    byte: usize,
    /// The first byte of the command.
    command_byte: usize,
    minute: &'a str,
    hour: &'a str,
    command: &'a str,
}

/// Checks a crontab.
pub(crate) fn check(findings: &mut Findings<'_>) {
    findings.applies(&[Habit::Alerts, Habit::OneAtATime, Habit::SameEverywhere, Habit::Configuration]);
    let text = findings.source.text.clone();
    let sets = |name: &str| {
        text.lines()
            .any(|line| line.trim_start().strip_prefix(name).is_some_and(|rest| rest.trim_start().starts_with('=')))
    };
    let (has_path, has_zone) = (sets("PATH"), sets("CRON_TZ"));
    let empty_mail = find_empty_mailto(&text);
    let has_mail = sets("MAILTO") && empty_mail.is_none();
    check_secret_settings(findings, &text);
    let is_utc = text.lines().any(|line| line.replace([' ', '"'], "").starts_with("CRON_TZ=UTC"));
    let has_user_field = findings.source.path.contains("cron.d/") || findings.source.path.ends_with("etc/crontab");
    let entries = parse_entries(&text, has_user_field);
    for entry in &entries {
        check_command(findings, entry, has_path);
        check_words(findings, entry, sets("SHELL"));
        check_as_script(findings, entry);
        check_time(findings, entry, is_utc, has_zone);
    }
    let at_zero: Vec<_> = entries.iter().filter(|entry| entry.minute == "0").collect();
    if let Some(first) = at_zero.first().filter(|_| at_zero.len() >= MANY_JOBS) {
        findings.add("SK615", High, first.byte, format!("{} jobs start at minute 0", at_zero.len()));
    }
    let mails_or_pings = has_mail || text.contains("hc-ping") || text.contains("sheetkeep");
    if let Some(byte) = empty_mail.filter(|_| !mails_or_pings) {
        findings.add("SK603", High, byte, "MAILTO is empty: output and failures are thrown away");
    } else if let Some(first) = entries.first().filter(|_| !mails_or_pings) {
        findings.add("SK603", Medium, first.byte, "there is no MAILTO: output and failures go to a local mailbox");
    }
}

fn parse_entries(text: &str, has_user_field: bool) -> Vec<CronEntry<'_>> {
    let mut found = Vec::new();
    let mut start = 0;
    for line in text.split_inclusive('\n') {
        let byte = start + (line.len() - line.trim_start().len());
        start += line.len();
        let line = line.trim();
        let is_setting = line.split(char::is_whitespace).next().is_some_and(|word| word.contains('=')) || {
            let name = line.split('=').next().unwrap_or_default().trim();
            line.contains('=') && !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
        };
        if line.is_empty() || line.starts_with('#') || is_setting {
            continue;
        }
        let schedule = if line.starts_with('@') { 1 } else { 5 };
        let mut rest = line;
        let mut fields = Vec::new();
        for _ in 0..schedule + usize::from(has_user_field) {
            let Some((field, after)) = rest.split_once(char::is_whitespace) else { break };
            fields.push(field);
            rest = after.trim_start();
        }
        let (minute, hour) = match fields.as_slice() {
            ["@daily" | "@midnight", ..] => ("0", "0"),
            ["@hourly", ..] => ("0", "*"),
            [alias, ..] if alias.starts_with('@') => ("", ""),
            [minute, hour, ..] => (*minute, *hour),
            _ => continue,
        };
        found.push(CronEntry { byte, command_byte: byte + line.len() - rest.len(), minute, hour, command: rest });
    }
    found
}

fn check_command(findings: &mut Findings<'_>, entry: &CronEntry<'_>, has_path: bool) {
    let words: Vec<&str> = entry.command.split_whitespace().collect();
    let Some(program) = words.iter().find(|word| !word.contains('=')) else { return };
    let at = entry.byte;
    if program.starts_with("./") || program.starts_with("../") {
        findings.add("SK202", High, at, format!("{program} depends on the folder that cron starts in"));
    } else if !program.starts_with(['/', '~', '$', '"', '(']) && !has_path && !BUILT_INS.contains(program) {
        let message = format!("{program} is searched in cron's own PATH, /usr/bin:/bin");
        findings.add("SK207", High, at, message);
    }
    if entry.command.contains(".bashrc") || entry.command.contains(".bash_profile") {
        findings.add("SK207", High, at, "it reads the files of a login shell");
    }
    let discards = entry.command.contains("/dev/null 2>&1")
        || entry.command.contains("&>/dev/null")
        || entry.command.contains("&> /dev/null");
    let pings = entry.command.contains("hc-ping") || entry.command.contains("&&") || entry.command.contains("||");
    if discards && !pings {
        findings.add("SK603", High, at, "errors are thrown away with the output: no one is notified");
    }
    let is_locked = LOCKS.iter().any(|word| entry.command.contains(word));
    let is_frequent = entry.minute.starts_with('*') || (entry.minute.contains('/') && entry.hour.starts_with('*'));
    if is_frequent && !is_locked {
        findings.add("SK506", High, at, "it starts every few minutes, whether the one before has ended or not");
    }
}

/// Codes of shell scripts that one command can have, too.
const COMMAND_CODES: [&str; 10] =
    ["SK104", "SK105", "SK107", "SK201", "SK205", "SK301", "SK302", "SK306", "SK307", "SK409"];

/// Asks of a command what is asked of a shell script.
fn check_as_script(findings: &mut Findings<'_>, entry: &CronEntry<'_>) {
    let source = SourceText::new("crontab", SourceKind::Shell, entry.command);
    let mut of_command = Findings::new(&source);
    shell::check::check(&mut of_command);
    let habits: Vec<Habit> = of_command.habits.iter().copied().collect();
    findings.applies(&habits);
    for found in of_command.found.into_iter().filter(|found| COMMAND_CODES.contains(&found.code)) {
        let before = entry.command.chars().take(found.position.column - 1).map(char::len_utf8).sum::<usize>();
        findings.add(found.code, found.confidence, entry.command_byte + before, found.message);
    }
}

/// What cron and its shell make of a command's words.
fn check_words(findings: &mut Findings<'_>, entry: &CronEntry<'_>, has_shell: bool) {
    let mut before = ' ';
    for (at, letter) in entry.command.char_indices() {
        if letter == '%' && before != '\\' {
            let message = "cron ends the command at this %, and gives it the rest as input; write \\%";
            findings.add("SK207", High, entry.command_byte + at, message);
            break;
        }
        before = letter;
    }
    let words: Vec<&str> = entry.command.split_whitespace().collect();
    let is_start = |at: usize| at == 0 || words.get(at - 1).is_some_and(|word| matches!(*word, "&&" | ";" | "||"));
    let sources = words.iter().enumerate().any(|(at, word)| *word == "source" && is_start(at));
    if sources && !has_shell {
        findings.add("SK207", High, entry.byte, "cron starts sh, which may have no `source`; write `.`, or set SHELL");
    }
    // The script of an interpreter, as a path that begins nowhere.
    let interpreter = words.iter().position(|word| {
        let name = word.rsplit('/').next().unwrap_or_default();
        name.starts_with("python") || matches!(name, "sh" | "bash" | "node" | "perl" | "ruby" | "php" | "Rscript")
    });
    let script = interpreter.and_then(|at| words.iter().skip(at + 1).find(|word| !word.starts_with('-')));
    let is_relative = script.is_some_and(|script| script.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '.'));
    let is_path = script.is_some_and(|script| script.contains('/') || ends_as_script(script));
    if let Some(script) = script.filter(|_| is_relative && is_path && !words.contains(&"cd")) {
        findings.add("SK202", High, entry.byte, format!("{script} depends on the folder that cron starts in"));
    }
}

fn ends_as_script(word: &str) -> bool {
    [".py", ".sh", ".js", ".pl", ".rb", ".php", ".R"].iter().any(|end| word.ends_with(end))
}

/// Returns the byte of an empty MAILTO.
fn find_empty_mailto(text: &str) -> Option<usize> {
    find_settings(text).find(|(_, name, value)| *name == "MAILTO" && value.is_empty()).map(|(byte, _, _)| byte)
}

/// Returns the first byte, the name and the value of each line that sets a variable.
fn find_settings(text: &str) -> impl Iterator<Item = (usize, &str, &str)> {
    let mut start = 0;
    text.split_inclusive('\n').filter_map(move |line| {
        let byte = start + (line.len() - line.trim_start().len());
        start += line.len();
        let (name, value) = line.split_once('=')?;
        let name = name.trim();
        let is_name = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        is_name.then(|| (byte, name, value.trim().trim_matches(['"', '\''])))
    })
}

/// Secrets among the variables.
fn check_secret_settings(findings: &mut Findings<'_>, text: &str) {
    for (byte, name, value) in find_settings(text) {
        if names_secret(name) && looks_random(value) && !findings.is_on_line(&["SK101", "SK103"], byte) {
            findings.add("SK102", High, byte, format!("{name} is a literal"));
        }
        if is_in_a_home(value) && !name.contains("PATH") {
            findings.add("SK201", High, byte, "this path exists on one machine only");
        }
    }
}

fn check_time(findings: &mut Findings<'_>, entry: &CronEntry<'_>, is_utc: bool, has_zone: bool) {
    let hour: Option<u8> = entry.hour.parse().ok();
    if matches!(hour, Some(1 | 2)) && !is_utc {
        let zone = if has_zone { "that zone" } else { "this machine's zone" };
        let message = format!(
            "hour {} is skipped or repeated when the clocks change, unless {zone} has no summer time",
            entry.hour
        );
        findings.add("SK614", High, entry.byte, message);
    }
}
