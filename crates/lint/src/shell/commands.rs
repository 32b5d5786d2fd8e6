//! What a shell script runs, as lists: made in one pass over the tree.

use crate::syntax::tree::{SyntaxNode, SyntaxTree};

/// Nodes within each other at most.
const MAX_DEPTH: usize = 1_500;
/// Programs that run another one.
const WRAPPER_PROGRAMS: [&str; 14] = [
    "sudo",
    "timeout",
    "nice",
    "ionice",
    "env",
    "nohup",
    "time",
    "command",
    "exec",
    "flock",
    "chronic",
    "stdbuf",
    "setsid",
    "sheetkeep",
];

/// The nodes are nested too deeply to be looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ShellNesting;

/// A command with its words.
#[derive(Debug, Clone)]
pub(crate) struct ShellCommand<'t> {
    /// Its first byte.
    pub byte: usize,
    /// All words, those of wrappers such as `timeout` included.
    pub all: Vec<&'t str>,
    /// The program, without its folder, and its arguments.
    pub words: Vec<&'t str>,
    /// Whether its failure is handled: it is a condition, or part of `a || b`.
    pub is_handled: bool,
    /// Whether its output is not shown: it goes to another command, a file or a variable.
    pub is_captured: bool,
}

impl ShellCommand<'_> {
    /// Returns the program's name, without its folder.
    pub(crate) fn program(&self) -> &str {
        self.words.first().copied().unwrap_or_default().rsplit('/').next().unwrap_or_default()
    }

    /// Returns whether one of the arguments is one of these flags, or `--flag=value`, or a group of
    /// short flags that has one: `-fsS` has `-f`.
    pub(crate) fn has_flag(&self, flags: &[&str]) -> bool {
        self.words.iter().skip(1).any(|word| {
            flags.iter().any(|flag| {
                let is_short = flag.len() == 2;
                let in_group = is_short
                    && word.starts_with('-')
                    && !word.starts_with("--")
                    && flag.chars().nth(1).is_some_and(|letter| {
                        word.chars().skip(1).take_while(char::is_ascii_alphabetic).any(|c| c == letter)
                    });
                word == flag
                    || in_group
                    || word.strip_prefix(flag).is_some_and(|rest| !is_short && rest.starts_with('='))
            })
        })
    }

    /// Returns whether its arguments come from a variable that is a list.
    pub(crate) fn has_list(&self) -> bool {
        self.words.iter().skip(1).any(|word| {
            word.contains("[@]")
                || word.contains("$@")
                || word.contains("OPTS")
                || word.contains("opts")
                || word.contains("FLAGS")
                || word.contains("ARGS")
        })
    }
}

/// A loop.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ShellLoop<'t> {
    /// Its first byte.
    pub byte: usize,
    pub text: &'t str,
}

/// Everything about one script.
#[derive(Debug)]
pub(crate) struct ShellFacts<'t> {
    pub text: &'t str,
    /// The text in lower case, without comments.
    pub lower: String,
    /// Commands, in order.
    pub commands: Vec<ShellCommand<'t>>,
    /// Name, value and first byte of each assignment.
    pub assignments: Vec<(&'t str, &'t str, usize)>,
    /// First byte and target of each `> file`.
    pub redirects: Vec<(usize, &'t str)>,
    /// Loops `until …` or `while ! …`, which wait for a command to succeed.
    pub waits: Vec<ShellLoop<'t>>,
    /// Loops such as `while true`.
    pub endless_loops: Vec<ShellLoop<'t>>,
    /// First byte and left side of each `… || true`.
    pub hidden: Vec<(usize, &'t str)>,
    /// A place whose syntax is not the shell's.
    pub error: Option<usize>,
}

impl ShellFacts<'_> {
    /// Returns whether the script contains a word outside comments, in any case.
    pub(crate) fn has_word(&self, word: &str) -> bool {
        self.lower.contains(word)
    }
}

/// Returns the facts of a tree.
pub(crate) fn collect_facts<'t>(tree: &'t SyntaxTree, text: &'t str) -> Result<ShellFacts<'t>, ShellNesting> {
    let mut facts = ShellFacts {
        text,
        lower: String::new(),
        commands: Vec::new(),
        assignments: Vec::new(),
        redirects: Vec::new(),
        waits: Vec::new(),
        endless_loops: Vec::new(),
        hidden: Vec::new(),
        error: None,
    };
    let mut comments = Vec::new();
    let mut parents: Vec<SyntaxNode<'t>> = Vec::new();
    for node in tree.nodes() {
        while parents.last().is_some_and(|parent| parent.id_after() <= node.id()) {
            parents.pop();
        }
        if parents.len() > MAX_DEPTH {
            return Err(ShellNesting);
        }
        if node.kind() == "comment" {
            comments.push(node.byte_range());
        }
        facts.enter(node, &parents);
        parents.push(node);
    }
    facts.lower = remove_comments(text, &comments);
    Ok(facts)
}

fn remove_comments(text: &str, comments: &[std::ops::Range<usize>]) -> String {
    let (mut out, mut from) = (String::with_capacity(text.len()), 0);
    for comment in comments {
        out.push_str(text.get(from..comment.start).unwrap_or_default());
        from = comment.end;
    }
    out.push_str(text.get(from..).unwrap_or_default());
    out.to_lowercase()
}

impl<'t> ShellFacts<'t> {
    fn text_of(&self, node: SyntaxNode<'_>) -> &'t str {
        self.text.get(node.byte_range()).unwrap_or_default()
    }

    fn enter(&mut self, node: SyntaxNode<'t>, parents: &[SyntaxNode<'t>]) {
        match node.kind() {
            "command" => self.record_command(node, parents),
            "variable_assignment" => {
                if let (Some(name), Some(value)) = (node.child_by_field_name("name"), node.child_by_field_name("value"))
                {
                    self.assignments.push((self.text_of(name), self.text_of(value), value.start_byte()));
                }
            }
            "file_redirect" => {
                let operator = self.text_of(node);
                let target = node.child_by_field_name("destination");
                let is_write = operator.starts_with('>') && !operator.starts_with(">>") && !operator.starts_with(">&");
                if let Some(target) = target.filter(|_| is_write) {
                    self.redirects.push((node.start_byte(), self.text_of(target)));
                }
            }
            "while_statement" => {
                let text = self.text_of(node);
                let head = text.lines().next().unwrap_or_default();
                if head.starts_with("until") || head.starts_with("while !") {
                    self.waits.push(ShellLoop { byte: node.start_byte(), text });
                } else if is_endless(head) {
                    self.endless_loops.push(ShellLoop { byte: node.start_byte(), text });
                }
            }
            "list" => self.list(node),
            _ if node.is_error() || node.is_missing() => {
                self.error.get_or_insert(node.start_byte());
            }
            _ => {}
        }
    }

    fn list(&mut self, node: SyntaxNode<'t>) {
        let parts: Vec<&str> = node.children().map(|child| self.text_of(child)).collect();
        if matches!(parts.as_slice(), [.., "||", "true" | ":" | "/bin/true"]) {
            self.hidden.push((node.start_byte(), self.text_of(node)));
        }
    }

    fn record_command(&mut self, node: SyntaxNode<'t>, parents: &[SyntaxNode<'t>]) {
        let mut all = Vec::new();
        for child in node.named_children() {
            match child.kind() {
                "variable_assignment" | "file_redirect" | "heredoc_redirect" | "herestring_redirect" => {}
                _ => all.push(self.text_of(child)),
            }
        }
        let start = find_program(&all);
        let words = all.get(start..).unwrap_or_default().to_vec();
        let handled = ["if_statement", "elif_clause", "while_statement", "negated_command"];
        let is_handled = parents.iter().rev().take(3).any(|parent| match parent.kind() {
            "list" => parent.children().nth(1).is_some_and(|operator| operator.kind() == "||"),
            kind => {
                handled.contains(&kind)
                    && parent.child_by_field_name("body").is_none_or(|body| body.start_byte() > node.start_byte())
            }
        });
        let is_captured = parents.iter().rev().take(3).any(|parent| match parent.kind() {
            "pipeline" => parent.named_children().last().is_some_and(|last| last.id() > node.id()),
            kind => matches!(kind, "redirected_statement" | "command_substitution"),
        });
        self.commands.push(ShellCommand { byte: node.start_byte(), all, words, is_handled, is_captured });
    }
}

/// Returns whether a loop whose first line this is never ends by its condition.
fn is_endless(head: &str) -> bool {
    let condition = head.strip_prefix("while").unwrap_or_default().split([';', '#']).next().unwrap_or_default();
    let condition = condition.trim().trim_end_matches(" do").trim();
    ["true", ":", "/bin/true", "[ 1 ]", "[[ 1 ]]", "[ true ]", "[[ true ]]", "((1))", "(( 1 ))"].contains(&condition)
}

/// Returns where the program is among the words: after wrappers with their flags and numbers.
fn find_program(words: &[&str]) -> usize {
    let mut at = 0;
    while let Some(word) = words.get(at) {
        let name = word.rsplit('/').next().unwrap_or_default();
        if !WRAPPER_PROGRAMS.contains(&name) {
            break;
        }
        if let Some(end) = words.iter().skip(at).position(|word| *word == "--") {
            return at + end + 1;
        }
        at += 1;
        while words.get(at).is_some_and(|word| {
            let is_time = word.starts_with(|c: char| c.is_ascii_digit());
            let is_lock = name == "flock" && (word.starts_with(['/', '"', '$']));
            word.starts_with('-') || is_time || word.contains('=') || is_lock
        }) {
            at += 1;
        }
    }
    at
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_is_found_behind_its_wrappers() {
        for (words, program) in [
            (vec!["curl", "-f"], "curl"),
            (vec!["sudo", "-E", "timeout", "30", "curl"], "curl"),
            (vec!["sheetkeep", "retry", "--", "curl"], "curl"),
            (vec!["flock", "-n", "/run/x.lock", "rsync"], "rsync"),
        ] {
            assert_eq!(words.get(find_program(&words)), Some(&program), "{words:?}");
        }
    }

    #[test]
    fn a_flag_is_found_in_a_group() {
        let command = ShellCommand {
            byte: 0,
            all: vec![],
            words: vec!["curl", "-fsS", "--max-time=30", "x"],
            is_handled: false,
            is_captured: false,
        };
        assert!(command.has_flag(&["-f"]) && command.has_flag(&["--max-time"]) && !command.has_flag(&["-k", "--fail"]));
    }
}
