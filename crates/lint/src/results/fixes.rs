//! Fixes that change nothing else that a script relies on.

use crate::finding::SafeFix;
use crate::results::report::FileReport;

/// Returns the text with every fix of the report applied, and their number.
pub fn apply_fixes(text: &str, report: &FileReport) -> (String, usize) {
    let mut changes: Vec<&SafeFix> = report.findings.iter().filter_map(|finding| finding.fix.as_ref()).collect();
    // From the end, so that the places before stay where they are. Of two at one place, both count.
    changes.sort_by(|a, b| b.at.cmp(&a.at).then(a.insert.cmp(&b.insert)));
    let mut fixed = text.to_owned();
    let mut count = 0;
    for change in changes {
        if fixed.is_char_boundary(change.at) {
            fixed.insert_str(change.at, &change.insert);
            count += 1;
        }
    }
    (fixed, count)
}
