//! What to type instead, for the usual mistakes on the command line.
//!
//! In scope: a file in the place of a command, an expression without quotes, a command without `--`,
//! a flag of another command. Out of scope: what clap itself suggests, where that works.

use std::ffi::OsString;
use std::path::Path;

use clap::error::{ContextKind, ContextValue, ErrorKind};

use crate::cli::streams::control_characters::make_visible;

/// Commands that a hint names.
const MAX_COMMANDS: usize = 3;

/// Returns the reply to a file's name in the place of a command. A similar command does not help there:
/// it may be one that deletes.
pub(super) fn hint_at_file(error: &clap::Error, argv: &[OsString]) -> Option<String> {
    if error.kind() != ErrorKind::InvalidSubcommand {
        return None;
    }
    let word = find_context(error, ContextKind::InvalidSubcommand)?;
    let ending = word.rsplit_once('.').map(|(_, ending)| ending.to_ascii_lowercase())?;
    let words = collect_words(argv);
    let group = words.iter().find(|word| ["failures", "schedule", "alert"].contains(word));
    let help = match (ending.as_str(), group) {
        ("toml", Some(&"failures")) => format!("to list that job's failures: sheetkeep failures list {word}"),
        ("toml", Some(&"schedule")) => format!("to see that job's schedule: sheetkeep check {word}"),
        ("toml", Some(_)) => format!("to test that job's channels: sheetkeep alert test {word}"),
        ("toml", None) => format!("to run that job: sheetkeep run {word}"),
        ("csv" | "json" | "jsonl" | "xlsx" | "tsv", _) => {
            "a job file names it; docs/your-first-csv.md has the steps, and sheetkeep help the commands".to_owned()
        }
        _ => return None,
    };
    Some(format!(
        "error: {} is a file, and a command is needed first\n help: {}\n",
        make_visible(word),
        make_visible(&help)
    ))
}

/// Returns what to type instead, if the error is a usual mistake. `program` has all commands.
pub(super) fn find_usage_hint(error: &clap::Error, argv: &[OsString], program: clap::Command) -> Option<String> {
    let words = collect_words(argv);
    match (error.kind(), words.as_slice()) {
        (ErrorKind::UnknownArgument, ["schedule", "explain", rest @ ..]) => hint_at_quotes(error, rest),
        (ErrorKind::MissingRequiredArgument, ["schedule", "explain", file, ..]) => hint_at_schedule(file),
        (ErrorKind::MissingRequiredArgument, ["run", rest @ ..])
            if rest.iter().filter(|word| is_job_file(word)).count() > 1 =>
        {
            Some("several jobs are run by --due, those that are due; without it, run one after the other".to_owned())
        }
        (ErrorKind::MissingRequiredArgument, ["failures", verb @ ("retry" | "skip"), file]) => Some(format!(
            "name keys, or choose failures: sheetkeep failures {verb} {file} --all, --step STEP or --error TEXT"
        )),
        (ErrorKind::UnknownArgument, ["retry" | "once", ..]) => {
            hint_at_separator(error, &words).or_else(|| hint_at_other_commands(error, program))
        }
        (ErrorKind::UnknownArgument, _) => {
            hint_at_dash(error, &words).or_else(|| hint_at_other_commands(error, program))
        }
        _ => None,
    }
}

/// Removes clap's tip to write `--` before an unknown flag, unless the command takes keys: no other
/// argument begins with a dash.
pub(super) fn remove_false_tip(error: &mut clap::Error, argv: &[OsString]) {
    if takes_keys(&collect_words(argv)) {
        return;
    }
    let Some(ContextValue::StyledStrs(tips)) = error.get(ContextKind::Suggested) else { return };
    let left: Vec<_> = tips.iter().filter(|tip| !tip.to_string().contains("as a value, use")).cloned().collect();
    error.remove(ContextKind::Suggested);
    if !left.is_empty() {
        error.insert(ContextKind::Suggested, ContextValue::StyledStrs(left));
    }
}

fn takes_keys(words: &[&str]) -> bool {
    matches!(words, ["explain", ..] | ["failures", "retry" | "skip", ..])
}

/// Returns how to name a file that begins with a dash.
fn hint_at_dash(error: &clap::Error, words: &[&str]) -> Option<String> {
    let flag = find_context(error, ContextKind::InvalidArg)?;
    let is_file = |word: &&&str| {
        let ending = Path::new(word).extension().and_then(|ending| ending.to_str()).unwrap_or_default();
        ["toml", "csv", "tsv", "json", "jsonl", "xlsx"].contains(&ending.to_ascii_lowercase().as_str())
    };
    let file = words.iter().filter(|word| word.starts_with(flag) && !word.starts_with("--")).find(is_file)?;
    Some(format!("a file of this name is ./{file}"))
}

/// Returns which commands have a flag that this one lacks.
fn hint_at_other_commands(error: &clap::Error, mut program: clap::Command) -> Option<String> {
    let flag = find_context(error, ContextKind::InvalidArg)?.split('=').next()?;
    let name = flag.strip_prefix("--")?;
    let mut found = Vec::new();
    // It gives each command its whole name.
    program.build();
    collect_commands(&program, name, &mut found);
    let more = match found.len() {
        0 => return None,
        count if count > MAX_COMMANDS => format!(" and {} more", count - MAX_COMMANDS),
        _ => String::new(),
    };
    found.truncate(MAX_COMMANDS);
    Some(format!("{flag} is a flag of: {}{more}", found.join(", ")))
}

/// Collects the commands that show a long flag of this name in their help.
fn collect_commands(command: &clap::Command, flag: &str, found: &mut Vec<String>) {
    for inner in command.get_subcommands().filter(|inner| !inner.is_hide_set()) {
        if inner.get_arguments().any(|one| one.get_long() == Some(flag) && !one.is_hide_set()) {
            found.push(inner.get_bin_name().unwrap_or_else(|| inner.get_name()).to_owned());
        }
        collect_commands(inner, flag, found);
    }
}

fn is_job_file(name: &str) -> bool {
    Path::new(name).extension().is_some_and(|ending| ending.eq_ignore_ascii_case("toml"))
}

/// Returns where a job's schedule is shown, if the text names a job file.
pub fn hint_at_schedule(file: &str) -> Option<String> {
    is_job_file(file)
        .then(|| format!("it explains an expression; a job's schedule is shown by: sheetkeep check {file}"))
}

fn hint_at_quotes(error: &clap::Error, rest: &[&str]) -> Option<String> {
    if find_context(error, ContextKind::InvalidArg)?.starts_with('-') {
        return None;
    }
    let fields: Vec<&str> = rest.iter().copied().take_while(|word| !word.starts_with("--")).collect();
    // A shell replaces a bare * by the names of files.
    let fields = if fields.len() == 5 { fields.join(" ") } else { "0 9 * * *".to_owned() };
    Some(format!("put the expression in quotes: sheetkeep schedule explain \"{fields}\" --tz Europe/Berlin"))
}

fn hint_at_separator(error: &clap::Error, words: &[&str]) -> Option<String> {
    let first = find_context(error, ContextKind::InvalidArg).filter(|word| !word.starts_with('-'))?;
    let at = words.iter().position(|word| *word == first).filter(|_| !words.contains(&"--"))?;
    let (before, command) = words.split_at(at);
    Some(format!("write -- before the command: sheetkeep {} -- {}", before.join(" "), command.join(" ")))
}

/// Returns the words after the program's name; one that is not text is empty.
fn collect_words(argv: &[OsString]) -> Vec<&str> {
    argv.iter().skip(1).map(|word| word.to_str().unwrap_or_default()).collect()
}

fn find_context(error: &clap::Error, kind: ContextKind) -> Option<&str> {
    match error.get(kind) {
        Some(ContextValue::String(word)) => Some(word),
        _ => None,
    }
}
