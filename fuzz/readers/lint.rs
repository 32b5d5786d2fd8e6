//! The linter: Python, shell, crontabs, requirement lists and job files, whatever is in them; safe
//! fixes leave a text that can be linted again.
use sheetkeep::lint::files::source_text::{SourceKind, SourceText};
use sheetkeep::lint::finding::LintConfidence;
use sheetkeep::lint::linter::lint_source;
use sheetkeep::lint::results::report::LintSettings;

const KINDS: [SourceKind; 5] =
    [SourceKind::Python, SourceKind::Shell, SourceKind::Crontab, SourceKind::Requirements, SourceKind::JobFile];

/// Lints these bytes; the first one chooses what they are.
pub fn read_all(bytes: &[u8]) {
    let Some((first, rest)) = bytes.split_first() else { return };
    let Ok(text) = std::str::from_utf8(rest) else { return };
    let Some(kind) = KINDS.get(usize::from(*first) % KINDS.len()) else { return };
    let settings = LintSettings { min_confidence: LintConfidence::Low, ..LintSettings::default() };
    let source = SourceText::new("script", *kind, text);
    let report = lint_source(&source, &settings);
    for finding in &report.findings {
        assert!(finding.position.line >= 1 && finding.position.column >= 1, "{finding:?}");
    }
}
