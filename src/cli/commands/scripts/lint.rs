//! `sheetkeep lint`: readiness of unattended scripts.

use std::collections::BTreeMap;
use std::path::Path;

use crate::cli::args::scripts::lint::{ConfidenceChoice, FixChoice, GateChoice, LintAction, LintArgs, LintFormat};
use crate::cli::errors::CliError;
use crate::cli::exit::Exit;
use crate::cli::invocation::Invocation;
use crate::lint::finding::{LintConfidence, LintSeverity};
use crate::lint::linter::lint_paths;
use crate::lint::output::json::EarlierReport;
use crate::lint::output::{github, json, note, sarif, text};
use crate::lint::results::baseline::LintBaseline;
use crate::lint::results::fixes::apply_fixes;
use crate::lint::results::report::{LintReport, LintSettings};
use crate::lint::rules::table::{find_rule, list_rules, render_page};

/// What some editors of Windows write at the start of a text.
const BYTE_ORDER_MARK: &str = "\u{feff}";

/// Reads the scripts and prints the report.
pub fn execute(invocation: &Invocation, args: &LintArgs) -> Result<Exit, CliError> {
    if let Some(LintAction::Explain(explain)) = &args.action {
        return print_explanation(invocation, explain.code.as_deref());
    }
    let settings = make_settings(args)?;
    let earlier = args.before.as_deref().map(read_earlier).transpose()?;
    let baseline = args.baseline.as_deref().map(read_baseline).transpose()?;
    let mut report = lint_paths(&args.paths, &settings);
    if args.fix == Some(FixChoice::Safe) {
        let count = write_fixes(&report)?;
        invocation.terminal.stderr().write_line(&if count == 1 {
            "1 fix made".to_owned()
        } else {
            format!("{count} fixes made")
        });
        report = lint_paths(&args.paths, &settings);
    }
    if let Some(path) = &args.write_baseline {
        std::fs::write(path, LintBaseline::of(&report).to_json())
            .map_err(|error| CliError::new(format!("failed to write {}: {error}", path.display()), Exit::CantCreate))?;
    }
    if let Some(baseline) = baseline {
        baseline.subtract(&mut report);
    }
    let shown = match args.format {
        _ if args.note => note::render_note(&report),
        LintFormat::Text => text::render_text(&report, earlier.as_ref()),
        LintFormat::Json => json::render_json(&report),
        LintFormat::Sarif => sarif::render_sarif(&report, env!("CARGO_PKG_VERSION")),
        LintFormat::Github => github::render_github(&report),
    };
    invocation.terminal.stdout().put(&shown);
    if report.files.is_empty() {
        let why = "no script was read: name Python or shell scripts, crontabs, job files, or folders with them";
        return Err(CliError::new(why, Exit::NoInput));
    }
    Ok(match args.gate {
        gate if is_gated(&report, gate) => Exit::Findings,
        // What was not read may have errors.
        GateChoice::Error | GateChoice::Warning if !report.unread.is_empty() => Exit::Partial,
        _ => Exit::Ok,
    })
}

fn is_gated(report: &LintReport, gate: GateChoice) -> bool {
    report.findings().any(|(_, finding)| match gate {
        GateChoice::Error => finding.severity == LintSeverity::Error && finding.confidence == LintConfidence::High,
        GateChoice::Warning => finding.severity >= LintSeverity::Warning,
        GateChoice::Never => false,
    })
}

fn print_explanation(invocation: &Invocation, code: Option<&str>) -> Result<Exit, CliError> {
    let out = invocation.terminal.stdout();
    let Some(code) = code else {
        for rule in list_rules() {
            out.write_line(&format!("{}  {:<7}  {}", rule.code, rule.severity.name(), rule.title));
        }
        return Ok(Exit::Ok);
    };
    let Some(rule) = find_rule(code) else {
        return Err(CliError::new(format!("lint has no code {code}"), Exit::Usage)
            .with_help("`sheetkeep lint explain` lists all codes"));
    };
    out.put(&render_page(rule));
    Ok(Exit::Ok)
}

fn make_settings(args: &LintArgs) -> Result<LintSettings, CliError> {
    let min_confidence = match args.min_confidence {
        ConfidenceChoice::Low => LintConfidence::Low,
        ConfidenceChoice::Medium => LintConfidence::Medium,
        ConfidenceChoice::High => LintConfidence::High,
    };
    let mut severities = BTreeMap::new();
    for setting in &args.severity {
        let refused = |why: &str| CliError::new(format!("--severity {setting}: {why}"), Exit::Usage);
        let (code, severity) = setting.split_once('=').ok_or_else(|| refused("write it as SK601=error"))?;
        let rule = find_rule(code.trim())
            .ok_or_else(|| refused("lint has no such code; `sheetkeep lint explain` lists all codes"))?;
        let severity = match severity.trim() {
            "error" => Some(LintSeverity::Error),
            "warning" => Some(LintSeverity::Warning),
            "info" => Some(LintSeverity::Info),
            "off" => None,
            _ => return Err(refused("a severity is error, warning, info or off")),
        };
        severities.insert(rule.code, severity);
    }
    Ok(LintSettings { min_confidence, severities, honours_ignores: !args.no_ignores })
}

fn read_text(path: &Path) -> Result<String, CliError> {
    std::fs::read_to_string(path)
        .map_err(|error| CliError::new(format!("failed to read {}: {error}", path.display()), Exit::NoInput))
}

fn read_earlier(path: &Path) -> Result<EarlierReport, CliError> {
    EarlierReport::parse(&read_text(path)?).map_err(|why| {
        CliError::new(format!("{} {why}", path.display()), Exit::DataErr)
            .with_help("make one of the scripts as they were: sheetkeep lint PATH --format json > FILE")
    })
}

fn read_baseline(path: &Path) -> Result<LintBaseline, CliError> {
    LintBaseline::parse(&read_text(path)?).map_err(|why| {
        CliError::new(format!("{} {why}", path.display()), Exit::DataErr)
            .with_help("make one of the findings of now: sheetkeep lint PATH --write-baseline FILE")
    })
}

/// Writes each file with its fixes, as a whole and with its mode kept. Returns the number of fixes.
fn write_fixes(report: &LintReport) -> Result<usize, CliError> {
    let mut count = 0;
    for file in report.files.iter().filter(|file| file.findings.iter().any(|finding| finding.fix.is_some())) {
        let path = Path::new(&file.path);
        let text = read_text(path)?;
        // Places are counted behind a byte order mark.
        let (mark, text) =
            text.strip_prefix(BYTE_ORDER_MARK).map_or(("", text.as_str()), |text| (BYTE_ORDER_MARK, text));
        let (text, made) = apply_fixes(text, file);
        replace(path, &format!("{mark}{text}"))
            .map_err(|error| CliError::new(format!("failed to write {}: {error}", path.display()), Exit::CantCreate))?;
        count += made;
    }
    Ok(count)
}

/// Replaces a file as a whole; behind a link, its target.
fn replace(path: &Path, text: &str) -> std::io::Result<()> {
    let path = path.canonicalize()?;
    let folder = path.parent().unwrap_or(Path::new("."));
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    std::io::Write::write_all(&mut file, text.as_bytes())?;
    file.as_file().set_permissions(std::fs::metadata(&path)?.permissions())?;
    file.as_file().sync_all()?;
    file.persist(&path)?;
    Ok(())
}
