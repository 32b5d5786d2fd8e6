//! The summary of a run, in about five lines.

use std::fmt::Write as _;

use crate::cli::format::{format_count, format_duration, format_number};
use crate::cli::output::destination::JobDestination;
use crate::cli::streams::control_characters::make_visible;
use crate::cli::streams::palette::Palette;
use crate::ledger::runs::event::{RetryCounts, RunReport};
use crate::ledger::runs::run::{Run, RunStatus};

/// Returns the text that people read when a run is over; it ends with a line break.
pub fn format_summary(report: &RunReport, place: &JobDestination, palette: Palette) -> String {
    let mut out = String::new();
    let counts = &report.run.counts;
    let _ = writeln!(out, "{}", format_headline(&report.run, palette));
    if !report.run.message.is_empty() && report.run.status != RunStatus::Succeeded {
        let _ = writeln!(out, "  {}", make_visible(&report.run.message));
    }
    if let (RunStatus::Succeeded, Some(repeated)) =
        (report.run.status, report.repeats.sentence(report.reprocess_policy))
    {
        let _ = writeln!(out, "  {}", palette.mark_warning(&make_visible(&repeated)));
    }
    let failed = format!("failed {}", format_number(counts.failed));
    let failed = if counts.failed > 0 { palette.mark_error(&failed) } else { failed };
    if let (RunStatus::Succeeded, Some(outgrown)) = (report.run.status, &report.outgrown) {
        let _ = writeln!(out, "  {}", palette.mark_warning(&make_visible(outgrown)));
    }
    let new = palette.mark_emphasis(&format!("new {}", format_number(counts.new)));
    let _ = writeln!(
        out,
        "  read {} · {new} · skipped {}{} · {failed} · recovered {}",
        format_number(counts.read),
        format_number(counts.skipped),
        report.skips.sentence().map(|why| format!(" ({why})")).unwrap_or_default(),
        format_number(counts.recovered)
    );
    let RetryCounts { from_source, from_kept } = report.tried_again;
    if from_source + from_kept > 0 {
        let (source, kept) = (format_number(from_source), format_number(from_kept));
        let _ = writeln!(out, "  tried again: {source} from the source · {kept} from the record stored in Failures");
    }
    // The message of these ends names them (`runner::run_end`), and was shown above.
    let is_in_message = matches!(report.run.status, RunStatus::Partial | RunStatus::Degraded);
    if report.rowless > 0 && !is_in_message {
        let _ = writeln!(out, "  {} made no row", format_count(report.rowless, "item"));
    }
    let throttled = match report.throttled {
        0 => "no 429".to_owned(),
        n if report.is_quota_shared => {
            palette.mark_warning(&format!("{} × 429 (another program uses the same quota)", format_number(n)))
        }
        n => palette.mark_warning(&format!("{} × 429", format_number(n))),
    };
    let updated = match report.updated {
        0 => String::new(),
        n => format!(" · {} updated", format_count(n, "row")),
    };
    let _ = writeln!(
        out,
        "  tab {}: {} added{updated} · {} in all · {}, {}, {throttled}",
        make_visible(&place.tab),
        format_count(report.rows, "row"),
        format_count(report.keys, "key"),
        format_count(report.writes, "write"),
        format_count(report.reads, "read"),
    );
    let _ = writeln!(out, "  in {}", place.spreadsheet);
    out.push_str(&format_failures(report, place, palette));
    if report.keys > 0 || place.has_address() {
        let _ = writeln!(out, "  see it:  {}", palette.mark_dimmed(&place.format_view_command()));
    }
    out
}

/// Returns the open and exhausted failures with the commands for them; empty if there are none.
fn format_failures(report: &RunReport, place: &JobDestination, palette: Palette) -> String {
    let mut out = String::new();
    if report.open_failures + report.exhausted_failures > 0 {
        let open = match report.exhausted_failures {
            0 => format!("{} open", format_count(report.open_failures, "failure")),
            dead => {
                format!("{} open, {} exhausted", format_count(report.open_failures, "failure"), format_number(dead))
            }
        };
        let open = palette.mark_warning(&open);
        let _ = writeln!(out, "  {open}:  {}", palette.mark_dimmed(&place.format_failures_command()));
    }
    if report.exhausted_failures > 0 {
        let dead = if report.exhausted_failures == 1 { "the exhausted one waits" } else { "the exhausted ones wait" };
        let retry = palette.mark_dimmed(&place.format_retry_command());
        let _ = writeln!(out, "  {dead} until the source has another record of it, or you retry it:  {retry}");
    }
    out
}

fn format_headline(run: &Run, palette: Palette) -> String {
    let (sign, word) = (choose_status_symbol(run.status), run.status.as_str());
    let verdict = match run.status {
        RunStatus::Succeeded => palette.mark_success(&format!("{sign} {word}")),
        RunStatus::Failed | RunStatus::Crashed | RunStatus::TimedOut | RunStatus::Missed => {
            palette.mark_error(&format!("{sign} {word}"))
        }
        RunStatus::Partial | RunStatus::Degraded | RunStatus::Interrupted | RunStatus::Running | RunStatus::Skipped => {
            palette.mark_warning(&format!("{sign} {word}"))
        }
    };
    let took =
        run.finished.map_or_else(String::new, |end| format!(" in {}", format_duration(end.ms_since(run.started))));
    format!("{}  {verdict}{took}", palette.mark_emphasis(&make_visible(&run.job)))
}

/// Returns the symbol of a status, so that the status is visible without colour.
pub fn choose_status_symbol(status: RunStatus) -> char {
    match status {
        RunStatus::Succeeded => '✔',
        RunStatus::Partial | RunStatus::Degraded => '▲',
        RunStatus::Failed | RunStatus::Crashed | RunStatus::TimedOut | RunStatus::Missed => '✘',
        RunStatus::Interrupted | RunStatus::Skipped => '■',
        RunStatus::Running => '▶',
    }
}

#[cfg(test)]
mod tests {
    use crate::cli::output::destination::Spreadsheet;
    use crate::cli::output::fixtures;
    use crate::ledger::runs::event::SkipCounts;

    use super::*;

    fn render_plain(report: &RunReport) -> String {
        format_summary(report, &fixtures::make_place(), Palette::new(false))
    }

    #[test]
    fn a_first_run_shows_what_came_in_and_how_to_see_it() {
        insta::assert_snapshot!(render_plain(&fixtures::report()), @r"
        quakes  ✔ succeeded in 1.2 s
          read 1,707 · new 1,707 · skipped 0 · failed 0 · recovered 0
          tab Quakes: 1,707 rows added · 1,707 keys in all · 3 writes, 2 reads, no 429
          in local file fixtures/quakes.sheet, because no spreadsheet is set
          see it:  sheetkeep show fixtures/quakes.toml
        ");
    }

    #[test]
    fn a_second_run_has_nothing_new() {
        let mut report = fixtures::report();
        (report.run.counts.new, report.run.counts.skipped, report.rows, report.writes) = (0, 1_707, 0, 1);
        insta::assert_snapshot!(render_plain(&report), @r"
        quakes  ✔ succeeded in 1.2 s
          read 1,707 · new 0 · skipped 1,707 · failed 0 · recovered 0
          tab Quakes: 0 rows added · 1,707 keys in all · 1 write, 2 reads, no 429
          in local file fixtures/quakes.sheet, because no spreadsheet is set
          see it:  sheetkeep show fixtures/quakes.toml
        ");
    }

    #[test]
    fn skipped_records_are_broken_down_by_the_reason() {
        let mut report = fixtures::report();
        (report.run.counts.new, report.run.counts.skipped) = (0, 1_707);
        report.skips = SkipCounts { done: 1_700, twice: 3, exhausted: 2, by_request: 2 };
        let text = render_plain(&report);
        let wanted = "skipped 1,707 (1700 done before, 3 twice in this source, 2 exhausted, 2 by request) · failed 0";
        assert!(text.contains(wanted), "{text}");
        report.skips = SkipCounts { done: 1_707, ..SkipCounts::default() };
        assert!(render_plain(&report).contains("skipped 1,707 · failed 0"));
    }

    #[test]
    fn failures_and_429_stand_out_and_say_where_to_look() {
        insta::assert_snapshot!(render_plain(&fixtures::make_partial_report()), @r"
        quakes  ▲ partial in 2 min 05 s
          3 items failed
          read 1,707 · new 1,500 · skipped 204 · failed 3 · recovered 2
          tab Quakes: 1,500 rows added · 1,704 keys in all · 3 writes, 2 reads, 2 × 429
          in local file fixtures/quakes.sheet, because no spreadsheet is set
          5 failures open:  sheetkeep failures list fixtures/quakes.toml
          see it:  sheetkeep show fixtures/quakes.toml
        ");
    }

    #[test]
    fn a_failed_run_says_why() {
        let mut report = fixtures::report();
        report.run.status = RunStatus::Failed;
        report.run.message = "feed.json:812 (record 900): the document ends in the middle of a record".into();
        (report.run.counts.read, report.run.counts.new, report.rows, report.keys) = (899, 899, 899, 899);
        insta::assert_snapshot!(render_plain(&report), @r"
        quakes  ✘ failed in 1.2 s
          feed.json:812 (record 900): the document ends in the middle of a record
          read 899 · new 899 · skipped 0 · failed 0 · recovered 0
          tab Quakes: 899 rows added · 899 keys in all · 3 writes, 2 reads, no 429
          in local file fixtures/quakes.sheet, because no spreadsheet is set
          see it:  sheetkeep show fixtures/quakes.toml
        ");
    }

    #[test]
    fn a_tab_that_is_not_there_yet_is_not_offered_to_be_seen() {
        let text = render_plain(&RunReport { keys: 0, rows: 0, ..fixtures::report() });
        assert!(!text.contains("see it"), "{text}");
    }

    #[test]
    fn a_sheet_of_google_is_a_link() {
        let place = JobDestination {
            spreadsheet: Spreadsheet::new_google("1AbC", "--spreadsheet names it".to_owned()),
            ..fixtures::make_place()
        };
        let text = format_summary(&fixtures::report(), &place, Palette::new(false));
        assert!(text.contains("in spreadsheet 1AbC, because --spreadsheet names it\n"), "{text}");
        assert!(text.contains("see it:  https://docs.google.com/spreadsheets/d/1AbC/edit\n"), "{text}");
    }

    #[test]
    fn colours_only_dress_the_same_words() {
        let dressed = format_summary(&fixtures::make_partial_report(), &fixtures::make_place(), Palette::new(true));
        let mut bare = String::new();
        for (at, part) in dressed.split('\u{1b}').enumerate() {
            bare.push_str(if at == 0 { part } else { part.split_once('m').map_or("", |(_, rest)| rest) });
        }
        assert!(dressed.contains('\u{1b}'));
        assert_eq!(bare, render_plain(&fixtures::make_partial_report()));
    }
}
