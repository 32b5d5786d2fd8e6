//! Errors, files, folders and the machine in shell scripts.

use crate::finding::LintConfidence::{High, Low, Medium};
use crate::results::collector::Findings;
use crate::rules::rule::Habit;
use crate::secret_patterns::{looks_random, names_secret};
use crate::shell::commands::{ShellCommand, ShellFacts};

/// Asks the rules.
pub(crate) fn check(facts: &ShellFacts<'_>, findings: &mut Findings<'_>) {
    check_stops_at_errors(facts, findings);
    check_traces(facts, findings);
    for command in &facts.commands {
        check_folders_and_settings(command, findings);
    }
    for (name, value, byte) in &facts.assignments {
        let value = value.trim_matches(['"', '\'']);
        if names_secret(name) && looks_random(value) && !findings.is_on_line(&["SK101", "SK103"], *byte) {
            findings.add("SK102", High, *byte, format!("{name} is a literal"));
        }
        check_home(value, *byte, findings);
    }
    for (byte, left) in &facts.hidden {
        let program = left.split_whitespace().next().unwrap_or_default();
        let is_usual = [
            "grep", "rm", "kill", "pkill", "test", "[", "[[", "read", "diff", "umount", "command", "((", "let", "wait",
        ]
        .contains(&program);
        findings.add("SK409", if is_usual { Low } else { Medium }, *byte, "a failure of this command is not noticed");
    }
    for found in &facts.waits {
        let is_bounded = ["break", "exit", "((", "-lt", "-ge", "-gt", "-le", "expr", "seconds", "timeout", "return"]
            .iter()
            .any(|word| found.text.to_lowercase().contains(word));
        let pauses = ["sleep", "read ", "wait", "inotifywait"].iter().any(|word| found.text.contains(word));
        if !is_bounded {
            let message = if pauses { "this waits for ever" } else { "this tries again at once, and for ever" };
            findings.add("SK304", if pauses { Medium } else { High }, found.byte, message);
        }
    }
    check_traps(facts, findings);
    check_redirects(facts, findings);
}

/// Traps that end with 0 after an error, and endless loops without a trap for SIGTERM.
fn check_traps(facts: &ShellFacts<'_>, findings: &mut Findings<'_>) {
    let traps: Vec<&ShellCommand<'_>> =
        facts.commands.iter().filter(|command| command.program() == "trap" && command.words.len() > 2).collect();
    for trap in traps.iter().filter(|trap| trap.words.contains(&"ERR")) {
        let action = trap.words.get(1).map(|action| action.trim_matches(['"', '\'']).trim_end_matches([';', ' ']));
        if action
            .is_some_and(|action| action.split([';', '\n']).next_back().is_some_and(|last| last.trim() == "exit 0"))
        {
            findings.add("SK402", High, trap.byte, "after an error the script ends with 0");
        }
    }
    let is_for_term = |word: &&str| ["TERM", "SIGTERM", "15", "EXIT", "0"].contains(word);
    let is_handler = |trap: &&&ShellCommand<'_>| trap.words.get(1).is_some_and(|action| *action != "-");
    if traps.iter().filter(is_handler).any(|trap| trap.words.iter().skip(2).any(is_for_term)) {
        return;
    }
    for found in &facts.endless_loops {
        let has = |words: &[&str]| words.iter().any(|word| found.text.contains(word));
        if has(&["sleep"]) && !has(&["break", "exit", "return", "sleep infinity", "sleep inf"]) {
            findings.add("SK605", High, found.byte, "SIGTERM ends this loop in the middle of its work");
        }
    }
}

fn check_stops_at_errors(facts: &ShellFacts<'_>, findings: &mut Findings<'_>) {
    let first = facts.text.lines().next().unwrap_or_default();
    let is_script = first.starts_with("#!");
    let sets = |letter: char, name: &str| {
        let by_letter = |words: &[&str]| {
            words.iter().skip(1).any(|word| word.starts_with('-') && !word.starts_with("--") && word.contains(letter))
        };
        let in_set = facts.commands.iter().filter(|command| command.program() == "set");
        let mut in_set = in_set.map(|command| &command.words);
        in_set.any(|words| by_letter(words) || words.contains(&name))
            || first.split_whitespace().skip(1).any(|word| word.starts_with('-') && word.contains(letter))
    };
    let traps = facts.commands.iter().any(|command| command.program() == "trap" && command.words.contains(&"ERR"));
    let is_short = facts.commands.len() < 2;
    if is_script && !is_short && !sets('e', "errexit") && !traps {
        // `sh` may be a shell without the option pipefail, such as dash.
        let is_posix =
            first.split(|c: char| c == '/' || c.is_whitespace()).any(|word| ["sh", "dash", "ash"].contains(&word));
        let add = if is_posix { "set -eu" } else { "set -euo pipefail" };
        findings.add("SK403", High, 0, format!("the script continues after a command that fails; add {add}"));
    }
}

/// `set -x` that is never taken back, in the first line, too.
fn check_traces(facts: &ShellFacts<'_>, findings: &mut Findings<'_>) {
    const MESSAGE: &str = "every command goes to the log, with its arguments";
    let has_x = |word: &str, sign: char| word.starts_with(sign) && !word.starts_with("--") && word.contains('x');
    let sets = |sign: char| {
        let in_set = facts.commands.iter().filter(|command| command.program() == "set");
        in_set.filter(move |command| {
            let mut names = command.words.windows(2).filter(|pair| pair[1] == "xtrace");
            names.any(|pair| pair[0].starts_with(sign)) || command.words.iter().skip(1).any(|word| has_x(word, sign))
        })
    };
    if sets('+').next().is_some() {
        return;
    }
    let first = facts.text.lines().next().filter(|line| line.starts_with("#!")).unwrap_or_default();
    let is_in_first_line = first.split_whitespace().skip(1).any(|word| has_x(word, '-'));
    let byte = if is_in_first_line { Some(0) } else { sets('-').next().map(|command| command.byte) };
    if let Some(byte) = byte {
        findings.add("SK617", High, byte, MESSAGE);
    }
}

fn check_folders_and_settings(command: &ShellCommand<'_>, findings: &mut Findings<'_>) {
    let words = &command.words;
    match command.program() {
        "mkdir" if !command.has_flag(&["-p", "--parents"]) && !command.is_handled => {
            findings.add("SK204", High, command.byte, "mkdir fails if the folder is there already; add -p");
        }
        "source" | "."
            if words
                .iter()
                .any(|word| word.contains(".bashrc") || word.contains(".bash_profile") || word.contains(".zshrc")) =>
        {
            findings.add("SK207", High, command.byte, "the files of a login shell are another person's tomorrow");
        }
        "pip" | "pip3" if words.get(1) == Some(&"install") => {
            let names = words.iter().skip(2).filter(|word| !word.starts_with('-') && !word.contains(['/', '.', '$']));
            let has_list = command.has_flag(&["-r", "-e", "-c", "--requirement", "--upgrade", "-U"]);
            if !has_list && names.clone().count() > 0 && names.clone().all(|name| !name.contains("==")) {
                findings.add("SK208", Medium, command.byte, "the newest version of today is installed");
            }
        }
        _ => {}
    }
    for word in words {
        check_home(word.trim_matches(['"', '\'']), command.byte, findings);
    }
}

fn check_home(value: &str, byte: usize, findings: &mut Findings<'_>) {
    if is_in_a_home(value) {
        findings.add("SK201", High, byte, "this path exists on one machine only");
    }
}

/// Returns whether a path is below the home of one person.
pub(crate) fn is_in_a_home(value: &str) -> bool {
    let is_home = ["/home/", "/Users/"].iter().any(|start| {
        let name = value.strip_prefix(start).and_then(|rest| rest.split('/').next());
        name.is_some_and(|name| !name.is_empty() && !name.starts_with(['$', '{', '<', '*']))
    });
    is_home && value.matches('/').count() > 2
}

fn check_redirects(facts: &ShellFacts<'_>, findings: &mut Findings<'_>) {
    let moves = facts.commands.iter().any(|command| matches!(command.program(), "mv" | "install" | "sponge"));
    for (byte, target) in &facts.redirects {
        let plain = target.trim_matches(['"', '\'']);
        if plain.starts_with("/dev/") || plain.starts_with('&') {
            continue;
        }
        if plain.starts_with("/tmp/") && !plain.contains('$') {
            findings.add("SK205", High, *byte, format!("{plain} is one name for all runs and users"));
            continue;
        }
        findings.applies(&[Habit::WholeFiles]);
        let lower = plain.to_lowercase();
        let is_scratch = ["tmp", "temp", "log", ".pid", ".lock", ".new", ".part", "/proc/", "/sys/"]
            .iter()
            .any(|word| lower.contains(word));
        if !moves && !is_scratch {
            findings.add("SK503", Medium, *byte, "killed in the middle, it leaves half a file under the final name");
        }
    }
}
