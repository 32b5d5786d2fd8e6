//! Lists of requirements for pip.

use crate::finding::LintConfidence::High;
use crate::results::collector::Findings;
use crate::rules::rule::Habit;

/// Checks that each package has its version.
pub(crate) fn check(findings: &mut Findings<'_>) {
    findings.applies(&[Habit::SameEverywhere]);
    let text = findings.source.text.clone();
    let mut start = 0;
    let mut is_continued = false;
    for line in text.split_inclusive('\n') {
        let byte = start;
        start += line.len();
        let package = line.split('#').next().unwrap_or_default().trim();
        let was_continued = std::mem::replace(&mut is_continued, package.ends_with('\\'));
        // `==1.*` is any version that begins so.
        let is_pinned = (package.contains("==") && !package.contains(".*")) || package.contains('@');
        if package.is_empty()
            || package.starts_with('-')
            || was_continued
            || is_pinned
            || package.rsplit('.').next() == Some("whl")
        {
            continue;
        }
        let name: String = package.chars().take_while(|c| c.is_alphanumeric() || "-_.[]".contains(*c)).collect();
        if !name.is_empty() {
            findings.add("SK208", High, byte, format!("{name} has no exact version"));
        }
    }
}
