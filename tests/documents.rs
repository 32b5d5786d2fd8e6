//! What README and runbook say of exit codes and faults is what the code does.

use sheetkeep::cli::exit::Exit;
use sheetkeep::fault::Fault;

const README: &str = include_str!("../README.md");
const RUNBOOK: &str = include_str!("../docs/runbook.md");

/// The numbers that stand in `text`.
fn numbers(text: &str) -> impl Iterator<Item = u8> {
    text.split(|c: char| !c.is_ascii_digit()).filter_map(|number| number.parse().ok())
}

#[test]
fn every_exit_code_has_a_row_in_the_readme() {
    let rows = README.lines().skip_while(|line| *line != "| code | meaning |").skip(2);
    let rows = rows.take_while(|line| line.starts_with('|')).filter_map(|line| line.split('|').nth(1));
    let told: Vec<u8> = rows.flat_map(numbers).collect();
    assert_eq!(told, Exit::all().map(Exit::code).collect::<Vec<_>>());
}

#[test]
fn every_exit_code_has_a_heading_in_the_runbook() {
    let headings: Vec<&str> = RUNBOOK.lines().filter_map(|line| line.strip_prefix("### ")).collect();
    for code in Exit::all().map(Exit::code) {
        let found = headings.iter().any(|h| numbers(h.split(':').next().unwrap_or(h)).any(|n| n == code));
        assert!(found, "no heading for exit code {code} in docs/runbook.md");
    }
}

#[test]
fn every_fault_has_a_heading_in_the_runbook() {
    for fault in [Fault::Transient, Fault::Throttled, Fault::Rejected, Fault::Denied, Fault::Fenced, Fault::Corrupt] {
        assert!(RUNBOOK.contains(&format!("\n### {fault}\n")), "no heading for {fault} in docs/runbook.md");
    }
}
