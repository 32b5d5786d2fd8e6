//! A baseline: findings that were there before, so that only new ones count.
//!
//! A finding is recognised by its file, its code and the text of its line, not by its number: lines
//! move.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::results::report::LintReport;

/// The version of the file.
const SCHEMA_VERSION: u32 = 1;

/// Findings that were there before.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct LintBaseline {
    schema_version: u32,
    /// Fingerprint → how often it was there.
    findings: BTreeMap<String, usize>,
}

impl LintBaseline {
    /// Returns a baseline of all findings of a report.
    pub fn of(report: &LintReport) -> Self {
        let mut findings = BTreeMap::new();
        for file in &report.files {
            for (finding, line) in file.findings.iter().zip(&file.line_texts) {
                *findings.entry(compute_fingerprint(&file.path, finding.code, line)).or_insert(0) += 1;
            }
        }
        Self { schema_version: SCHEMA_VERSION, findings }
    }

    /// Reads a baseline. The error is a clause.
    pub fn parse(text: &str) -> Result<Self, String> {
        let read: Self = serde_json::from_str(text).map_err(|error| format!("is not a baseline: {error}"))?;
        if read.schema_version == SCHEMA_VERSION {
            Ok(read)
        } else {
            Err(format!("has version {}, and this program reads version {SCHEMA_VERSION}", read.schema_version))
        }
    }

    /// Returns the baseline as JSON.
    pub fn to_json(&self) -> String {
        serde_json::to_string_pretty(self).unwrap_or_default() + "\n"
    }

    /// Takes the findings of the baseline out of a report.
    pub fn subtract(&self, report: &mut LintReport) {
        let mut left = self.findings.clone();
        for file in &mut report.files {
            let mut kept = Vec::new();
            for (finding, line) in file.findings.drain(..).zip(file.line_texts.drain(..)) {
                match left.get_mut(&compute_fingerprint(&file.path, finding.code, &line)) {
                    Some(count) if *count > 0 => {
                        *count -= 1;
                        report.in_baseline += 1;
                    }
                    _ => kept.push((finding, line)),
                }
            }
            (file.findings, file.line_texts) = kept.into_iter().unzip();
        }
    }
}

fn compute_fingerprint(path: &str, code: &str, line: &str) -> String {
    let digest = Sha256::digest(line.as_bytes());
    let mut print = format!("{}:{code}:", path.trim_start_matches("./"));
    for byte in digest.iter().take(8) {
        let _ = write!(print, "{byte:02x}");
    }
    print
}
