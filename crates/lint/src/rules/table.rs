//! All codes, in order, and their pages.

use std::fmt::Write as _;

use crate::rules::rule::{ExampleKind, LintRule};
use crate::rules::{errors, network, operations, places, secrets, state};

/// Returns every code, in order.
pub fn list_rules() -> impl Iterator<Item = &'static LintRule> {
    let groups: [&'static [LintRule]; 6] =
        [secrets::RULES, places::RULES, network::RULES, errors::RULES, state::RULES, operations::RULES];
    groups.into_iter().flatten()
}

/// Returns the rule of a code, in either case.
pub fn find_rule(code: &str) -> Option<&'static LintRule> {
    list_rules().find(|rule| rule.code.eq_ignore_ascii_case(code))
}

/// Returns the page about a rule, as Markdown, for `lint explain` and `docs/lint`.
pub fn render_page(rule: &LintRule) -> String {
    let language = match rule.kind {
        ExampleKind::Python => "python",
        ExampleKind::Shell => "sh",
        ExampleKind::Crontab | ExampleKind::Requirements => "text",
        ExampleKind::Job => "ini",
    };
    let mut out = format!("# {}: {}\n\n", rule.code, rule.title);
    let habit = rule.habit.map(|habit| format!(" Habit: {}.", habit.text())).unwrap_or_default();
    let _ = writeln!(out, "Severity: {}.{habit}\n", rule.severity.name());
    let _ = writeln!(out, "{}\n", wrap_text(rule.why));
    let _ = writeln!(out, "**Instead:** {}\n", wrap_text_from(rule.advice, "**Instead:** ".len()));
    let _ = writeln!(out, "Found:\n\n```{language}\n{}\n```\n", rule.bad.trim_matches('\n'));
    let _ = writeln!(out, "Not found:\n\n```{language}\n{}\n```\n", rule.good.trim_matches('\n'));
    let _ = writeln!(
        out,
        "To keep it on purpose, write the reason behind the line:\n`# sheetkeep: ignore[{}] the reason`.",
        rule.code
    );
    out
}

/// The width of a page, in characters.
const WIDTH: usize = 98;

fn wrap_text(text: &str) -> String {
    wrap_text_from(text, 0)
}

/// Returns the text in lines of at most `WIDTH` characters; the first begins at column `used`.
fn wrap_text_from(text: &str, used: usize) -> String {
    let (mut out, mut column) = (String::new(), used);
    for word in text.split_whitespace() {
        let length = word.chars().count();
        if column > 0 && column + 1 + length > WIDTH {
            out.push('\n');
            column = 0;
        } else if !out.is_empty() {
            out.push(' ');
            column += 1;
        }
        out.push_str(word);
        column += length;
    }
    out
}
