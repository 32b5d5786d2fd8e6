//! Output of a run, while it runs and at its end.
//!
//! In scope: which form an event takes for which audience. Out of scope: the forms themselves (the
//! other files of this folder).

use std::sync::Arc;

use serde_json::{Map, Value};

use crate::cli::exit::Exit;
use crate::cli::output::destination::JobDestination;
use crate::cli::output::json::{FailureDocument, RunDocument, format_json_line};
use crate::cli::output::run::event_fields::{collect_event_fields, name_event, rate_event};
use crate::cli::output::run::event_lines::EventLines;
use crate::cli::output::run::progress::RunProgressBar;
use crate::cli::output::run::summary::format_summary;
use crate::cli::streams::palette::Palette;
use crate::cli::streams::terminal::Terminal;
use crate::clock::Clock;
use crate::ledger::runs::event::{Event, RunReport};
use crate::telemetry::logs::log_format::LogStyle;
use crate::telemetry::logs::log_line::{LogLevel, LogLine};
use crate::telemetry::logs::rendering::render_line;
use crate::telemetry::metrics::run_measurement::RunMeasurement;

/// Failures that the JSON document lists.
const FAILURES_KEPT: usize = 20;

/// Who reads the output.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is a manner of its own, and all may be typed together")]
pub struct ReporterOptions {
    /// A machine: one JSON document at the end, nothing else.
    pub wants_json: bool,
    /// A reader who wants failures and warnings only.
    pub is_quiet: bool,
    /// A reader who started the run as part of another command: exhausted failures are not
    /// reported.
    pub omits_exhausted: bool,
    /// A reader of several jobs at the same time: there is no bar.
    pub shares_terminal: bool,
    /// A reader who wants commits, too.
    pub is_verbose: bool,
}

/// Shows one run: pass it every event, then the report.
pub struct Reporter {
    terminal: Arc<Terminal>,
    clock: Arc<dyn Clock>,
    options: ReporterOptions,
    place: JobDestination,
    /// The form of lines on standard error. In a structured one there is no bar, because a log
    /// collector reads them.
    style: Arc<LogStyle>,
    run: Option<String>,
    started_ms: u64,
    lines: EventLines,
    bar: Option<RunProgressBar>,
    failures: Vec<FailureDocument>,
    failures_omitted: u64,
}

impl Reporter {
    /// Creates a reporter for a run of the job at `place`.
    pub fn new(
        terminal: Arc<Terminal>,
        clock: Arc<dyn Clock>,
        options: ReporterOptions,
        place: JobDestination,
        style: Arc<LogStyle>,
    ) -> Self {
        let animated = terminal.stderr().is_animated()
            && !options.is_quiet
            && !options.wants_json
            && !style.format.is_structured()
            && !options.shares_terminal;
        let lines = EventLines::new(&place, options.is_verbose, !animated && !options.is_quiet);
        let bar = animated.then(|| RunProgressBar::start(&place.job, terminal.stderr()));
        let started_ms = clock.monotonic_ms();
        Self {
            terminal,
            clock,
            options,
            place,
            style,
            run: None,
            started_ms,
            lines,
            bar,
            failures: Vec::new(),
            failures_omitted: 0,
        }
    }

    /// Shows `event`, if this audience wants it.
    pub fn show_event(&mut self, event: &Event) {
        self.keep_failure(event);
        if let Event::Started { run, .. } = event {
            self.run = Some(run.clone());
        }
        let elapsed_ms = self.clock.monotonic_ms().saturating_sub(self.started_ms);
        if let Some(bar) = &mut self.bar {
            match event {
                Event::Started { .. } => return bar.show_phase("reading the state"),
                Event::Loaded { .. } => bar.show_phase("reading the source"),
                Event::Progress { counts, source } => bar.show(counts, *source, elapsed_ms, self.terminal.stderr()),
                Event::Finished(_) => self.end_bar(),
                _ => {}
            }
        }
        let is_shown = match event {
            // What people did to the sheet, or have to do, is worth a mail.
            Event::ItemFailed { .. } | Event::Anomaly { .. } | Event::RunAbandoned { .. } => !self.options.wants_json,
            // Cron would mail what is known each day.
            Event::LastingAnomaly { is_known, .. } => !(self.options.wants_json || *is_known && self.options.is_quiet),
            // A quiet run, too, reports that its rows go to a file of this machine.
            Event::Loaded { is_first_run: true, .. } if self.place.spreadsheet.is_local() => !self.options.wants_json,
            _ => !self.options.wants_json && !self.options.is_quiet,
        };
        match self.lines.format_event(event, elapsed_ms) {
            Some(text) if is_shown => self.write_event(&text, event),
            Some(text) => self.terminal.stderr().put_into_copy(&text),
            None => {}
        }
        if let (Event::Finished(_), Some(text)) =
            (event, self.lines.format_omitted_failures().filter(|_| !self.options.wants_json))
        {
            self.write_line(&text, LogLevel::Warning, "items.failed", Map::new());
        }
    }

    fn write_event(&self, text: &str, event: &Event) {
        self.write_line(text, rate_event(event), name_event(event), collect_event_fields(event));
    }

    /// Writes a line to standard error in the log format, with these fields where it has any.
    fn write_line(&self, text: &str, level: LogLevel, event: &str, fields: Map<String, Value>) {
        if !self.style.format.is_structured() {
            self.terminal.stderr().write_line(text);
            return;
        }
        let mut line = LogLine::new(self.clock.now(), level, "sheetkeep::run", text);
        line.add("event", event.into());
        line.add("job", self.place.job.as_str().into());
        if let Some(run) = &self.run {
            line.add("run", run.as_str().into());
        }
        fields.into_iter().for_each(|(name, value)| line.add(&name, value));
        self.terminal.stderr().write_line(&render_line(&line, self.style.format, &self.style.context));
    }

    /// Writes the one line that has everything about a run that is over, where a log collector
    /// reads.
    pub fn write_measurement(&self, measurement: &RunMeasurement) {
        let level = measurement.log_level();
        if self.style.format.is_structured() && (!self.options.is_quiet || level != LogLevel::Info) {
            self.write_line(&measurement.format_sentence(), level, "run.finished", measurement.log_fields());
        }
    }

    /// Writes the summary or the JSON document to standard output. A quiet run that succeeded
    /// writes nothing, unless failures are exhausted: no other output reports these.
    pub fn write_report(&mut self, report: &RunReport, exit: Exit) {
        self.end_bar();
        self.terminal.stderr().put_into_copy(&format_summary(report, &self.place, Palette::new(false)));
        let out = self.terminal.stdout();
        if self.options.wants_json {
            out.put(&format_json_line(&RunDocument::new(
                report,
                &self.place,
                exit,
                &self.failures,
                self.failures_omitted,
            )));
        } else if !self.options.is_quiet
            || exit != Exit::Ok
            || (report.exhausted_failures > 0 && !self.options.omits_exhausted)
        {
            out.put(&format_summary(report, &self.place, out.palette()));
        }
    }

    /// Ends the output of a run without a report; an error follows.
    pub fn abandon_report(&mut self) {
        self.end_bar();
    }

    fn keep_failure(&mut self, event: &Event) {
        let Event::ItemFailed { key, position, step, error } = event else { return };
        if self.failures.len() == FAILURES_KEPT {
            self.failures_omitted += 1;
            return;
        }
        self.failures.push(FailureDocument {
            key: key.as_str().to_owned(),
            place: position.clone(),
            step: step.clone(),
            error: error.clone(),
        });
    }

    fn end_bar(&mut self) {
        if let Some(bar) = self.bar.take() {
            bar.end(self.terminal.stderr());
        }
    }
}

impl Drop for Reporter {
    /// Removes the bar of a run that never finished.
    fn drop(&mut self) {
        self.end_bar();
    }
}

#[cfg(test)]
mod tests {
    use crate::cli::output::destination::Spreadsheet;
    use crate::cli::output::fixtures;
    use crate::ledger::runs::run::RunStatus;
    use crate::system::TestClock;
    use crate::time::Timestamp;

    use super::*;

    /// Returns standard output and standard error of a run with this many failures.
    fn report_run(options: ReporterOptions, failures: u64) -> (String, String) {
        shown_at(options, failures, fixtures::make_place())
    }

    fn shown_at(options: ReporterOptions, failures: u64, place: JobDestination) -> (String, String) {
        let (terminal, captured) = fixtures::make_pipes();
        let clock = Arc::new(TestClock::starting_at(Timestamp(0)));
        let mut reporter = Reporter::new(terminal, clock, options, place, Arc::default());
        reporter.show_event(&Event::Started { run: "20180207-012613-00abc".into(), job: "quakes".into() });
        reporter.show_event(&Event::Loaded { keys: 0, open_failures: 0, is_first_run: true, took_ms: 3 });
        (0..failures).for_each(|n| reporter.show_event(&fixtures::make_failure(n)));
        let mut report = fixtures::report();
        report.run.counts.failed = failures;
        if failures > 0 {
            report.run.status = RunStatus::Partial;
        }
        reporter.show_event(&Event::Finished(Box::new(report.clone())));
        reporter.write_report(&report, if failures > 0 { Exit::Partial } else { Exit::Ok });
        (captured.captured_out(), captured.captured_err())
    }

    #[tokio::test(start_paused = true)]
    async fn a_person_gets_progress_on_stderr_and_summary_on_stdout() {
        let (out, err) = report_run(ReporterOptions::default(), 0);
        assert!(out.starts_with("quakes  ✔ succeeded") && out.contains("new 1,707"), "{out}");
        insta::assert_snapshot!(err, @r"
        quakes: run 20180207-012613-00abc started
        quakes: first run in local file fixtures/quakes.sheet, because no spreadsheet is set
        ");
    }

    #[tokio::test(start_paused = true)]
    async fn a_machine_gets_one_document_and_nothing_else() {
        let (out, err) = report_run(ReporterOptions { wants_json: true, ..ReporterOptions::default() }, 23);
        assert_eq!(err, "");
        let document: Value = serde_json::from_str(&out).expect("one document");
        assert_eq!((&document["exit_code"], &document["counts"]["failed"]), (&3.into(), &23.into()));
        assert_eq!(document["failures"].as_array().map(Vec::len), Some(20));
        assert_eq!(document["failures_omitted"], 3);
    }

    #[tokio::test(start_paused = true)]
    async fn a_quiet_run_is_silent_unless_something_failed() {
        let quiet = ReporterOptions { is_quiet: true, ..ReporterOptions::default() };
        let spreadsheet = Spreadsheet::new_google("1AbC", "--spreadsheet names it".into());
        let far = || JobDestination { spreadsheet: spreadsheet.clone(), ..fixtures::make_place() };
        assert_eq!(shown_at(quiet, 0, far()), (String::new(), String::new()));
        let (out, err) = shown_at(quiet, 12, far());
        assert_eq!(err.lines().count(), 11, "{err}");
        assert!(err.ends_with("quakes: and 2 more failed\n") && out.contains("failed 12"), "{err}{out}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_quiet_first_run_in_a_local_file_says_where_it_is() {
        let (out, err) = report_run(ReporterOptions { is_quiet: true, ..ReporterOptions::default() }, 0);
        assert_eq!(out, "");
        assert_eq!(err, "quakes: first run in local file fixtures/quakes.sheet, because no spreadsheet is set\n");
    }
}
