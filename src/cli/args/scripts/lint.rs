//! The flags of `sheetkeep lint`.
//!
//! In scope: parsing, help. Out of scope: the codes (`lint`).

use std::path::PathBuf;

use clap::ValueEnum;

/// The arguments of `sheetkeep lint`.
#[derive(Debug, Clone, PartialEq, Eq, clap::Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct LintArgs {
    /// What to do besides reading scripts.
    #[command(subcommand)]
    pub action: Option<LintAction>,
    /// Scripts, crontabs, job files, or folders with them
    #[arg(value_name = "PATH", required = true)]
    pub paths: Vec<PathBuf>,
    /// Print text, json, sarif or github
    #[arg(long, value_enum, default_value_t, value_name = "FORMAT", hide_possible_values = true)]
    pub format: LintFormat,
    /// Print findings of this confidence and above: low, medium, high
    #[arg(long, value_enum, default_value = "medium", value_name = "LEVEL", hide_possible_values = true)]
    pub min_confidence: ConfidenceChoice,
    /// Set the severity of codes: SK601=error,SK203=off
    #[arg(long, value_delimiter = ',', value_name = "CODE=SEVERITY")]
    pub severity: Vec<String>,
    /// End with 4 at this severity: error (of high confidence), warning, never
    #[arg(long, value_enum, default_value_t, value_name = "SEVERITY", hide_possible_values = true)]
    pub gate: GateChoice,
    /// Leave out the findings that FILE has
    #[arg(long, value_name = "FILE")]
    pub baseline: Option<PathBuf>,
    /// Write the findings of now to FILE, as a baseline
    #[arg(long, value_name = "FILE", conflicts_with = "baseline")]
    pub write_baseline: Option<PathBuf>,
    /// Compare with an earlier report, made by --format json
    #[arg(long, value_name = "FILE")]
    pub before: Option<PathBuf>,
    /// Print the hardening note as Markdown: what is missing, and why it matters
    #[arg(long, conflicts_with = "format")]
    pub note: bool,
    /// Change the files: safe adds `timeout=`, `exist_ok=` and `encoding=` only
    #[arg(long, value_enum, value_name = "WHICH", require_equals = true)]
    pub fix: Option<FixChoice>,
    /// Report findings that a comment in the file ignores, too
    #[arg(long)]
    pub no_ignores: bool,
}

/// Other actions of `sheetkeep lint`.
#[derive(Debug, Clone, PartialEq, Eq, clap::Subcommand)]
pub enum LintAction {
    /// Explain a code: why it matters, and what to do instead
    Explain(LintExplainArgs),
}

/// `sheetkeep lint explain`.
#[derive(Debug, Clone, PartialEq, Eq, clap::Args)]
pub struct LintExplainArgs {
    /// The code, such as SK301; without it, all codes in one line each
    #[arg(value_name = "CODE")]
    pub code: Option<String>,
}

/// The form of the report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, ValueEnum)]
pub enum LintFormat {
    /// Lines for people
    #[default]
    Text,
    /// One JSON document
    Json,
    /// A document in SARIF 2.1.0
    Sarif,
    /// Commands of GitHub Actions
    Github,
}

/// How sure findings have to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, ValueEnum)]
pub enum ConfidenceChoice {
    /// Findings of any confidence
    Low,
    /// Medium and high
    Medium,
    /// Findings of high confidence
    High,
}

/// What makes the command end with 4.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, ValueEnum)]
pub enum GateChoice {
    /// Errors of high confidence
    #[default]
    Error,
    /// Errors and warnings
    Warning,
    /// No finding, of any severity
    Never,
}

/// Which fixes are made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, ValueEnum)]
pub enum FixChoice {
    /// Fixes that change nothing else
    Safe,
}
