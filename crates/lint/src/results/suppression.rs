//! Comments that keep a finding on purpose: `# sheetkeep: ignore[SK301] the reason`.
//!
//! A comment behind code counts for its line, a comment of its own for the line below, and
//! `ignore-file` for the whole file.

use crate::files::source_text::SourceText;
use crate::finding::{LintConfidence, LintFinding, TextPosition};
use crate::rules::table::find_rule;

const SUPPRESSION_COMMENT: &str = "# sheetkeep: ignore";

/// A comment that ignores findings.
#[derive(Debug, Clone, PartialEq, Eq)]
struct IgnoreComment {
    position: TextPosition,
    /// The lines that it counts for; `None`: all.
    line: Option<usize>,
    codes: Vec<String>,
    has_reason: bool,
    is_used: bool,
}

/// Returns the findings without those that comments keep, with findings about the comments
/// themselves, and the number of those that were kept.
pub(crate) fn apply(source: &SourceText, findings: Vec<LintFinding>) -> (Vec<LintFinding>, usize) {
    let mut comments = find_comments(source);
    let mut left = Vec::new();
    let mut kept = 0;
    for finding in findings {
        let comment = comments.iter_mut().find(|comment| {
            comment.line.is_none_or(|line| line == finding.position.line)
                && comment.codes.iter().any(|code| code == finding.code)
        });
        match comment {
            // A comment without a reason keeps nothing, so that it is given one.
            Some(comment) if comment.has_reason => {
                comment.is_used = true;
                kept += 1;
            }
            Some(comment) => {
                comment.is_used = true;
                left.push(finding);
            }
            None => left.push(finding),
        }
    }
    for comment in comments {
        let codes = comment.codes.join(", ");
        if !comment.has_reason {
            left.extend(report_on_comment(
                &comment,
                "SK001",
                format!("the ignore of {codes} has no reason; write it behind the bracket"),
            ));
        } else if !comment.is_used {
            left.extend(report_on_comment(&comment, "SK002", format!("the ignore of {codes} ignores nothing here")));
        }
    }
    (left, kept)
}

fn report_on_comment(comment: &IgnoreComment, code: &str, message: String) -> Option<LintFinding> {
    let rule = find_rule(code)?;
    Some(LintFinding {
        code: rule.code,
        severity: rule.severity,
        confidence: LintConfidence::High,
        position: comment.position,
        message,
        fix: None,
    })
}

fn find_comments(source: &SourceText) -> Vec<IgnoreComment> {
    let mut found = Vec::new();
    // Most files have none, and one search is faster than one for each line.
    if !source.text.contains(SUPPRESSION_COMMENT) {
        return found;
    }
    for (at, line) in source.text.lines().enumerate() {
        let Some(start) = line.find(SUPPRESSION_COMMENT) else { continue };
        let rest = line.get(start + SUPPRESSION_COMMENT.len()..).unwrap_or_default();
        let (is_whole_file, rest) = match rest.strip_prefix("-file") {
            Some(rest) => (true, rest),
            None => (false, rest),
        };
        let Some((codes, reason)) = rest.strip_prefix('[').and_then(|rest| rest.split_once(']')) else { continue };
        let codes = codes.split(',').map(|code| code.trim().to_uppercase()).filter(|code| !code.is_empty()).collect();
        let number = at + 1;
        let is_alone = line.get(..start).unwrap_or_default().trim().is_empty();
        let line_number = if is_alone { find_next_code_line(source, number) } else { number };
        found.push(IgnoreComment {
            position: TextPosition { line: number, column: line.get(..start).unwrap_or_default().chars().count() + 1 },
            line: (!is_whole_file).then_some(line_number),
            codes,
            has_reason: !reason.trim().is_empty(),
            is_used: false,
        });
    }
    found
}

/// Returns the first line after `line` that is not a comment.
fn find_next_code_line(source: &SourceText, line: usize) -> usize {
    let lines = source.text.lines().enumerate().skip(line);
    let mut code = lines.filter(|(_, text)| !text.trim().is_empty() && !text.trim_start().starts_with('#'));
    code.next().map_or(line + 1, |(at, _)| at + 1)
}
