//! What a run shows while it runs and when it is over.
//!
//! In scope: which form an event takes, by who is looking. Out of scope: the forms themselves, which are its siblings.

use std::sync::Arc;

use serde_json::{Map, Value, json};

use crate::cli::exit::Exit;
use crate::cli::logs::LogFormat;
use crate::cli::output::json::{FailureDocument, RunDocument, line};
use crate::cli::output::lines::EventLines;
use crate::cli::output::place::Place;
use crate::cli::output::progress::Bar;
use crate::cli::output::summary::summary;
use crate::cli::terminal::Terminal;
use crate::ledger::run::event::{Event, RunReport};
use crate::port::clock::Clock;

/// Failures that are told in the JSON document.
const FAILURES_KEPT: usize = 20;

/// Who is looking.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is a manner of its own, and all may be typed together")]
pub struct Audience {
    /// A machine: one JSON document at the end, nothing else.
    pub json: bool,
    /// Somebody who wants to hear of failures only.
    pub quiet: bool,
    /// Somebody to whom a run of another command is none of their own: that failures are dead is no news of it.
    pub in_passing: bool,
    /// Somebody who wants to hear of commits too.
    pub verbose: bool,
    /// The form of the lines on standard error; with JSON there is no bar, for a collector of logs reads them.
    pub logs: LogFormat,
}

/// Shows one run: hand it every event, then the report.
pub struct Reporter {
    terminal: Arc<Terminal>,
    clock: Arc<dyn Clock>,
    audience: Audience,
    place: Place,
    started_ms: u64,
    lines: EventLines,
    bar: Option<Bar>,
    failures: Vec<FailureDocument>,
    failures_omitted: u64,
}

impl Reporter {
    /// A reporter for a run of the job at `place`.
    pub fn new(terminal: Arc<Terminal>, clock: Arc<dyn Clock>, audience: Audience, place: Place) -> Self {
        let animated =
            terminal.err().is_animated() && !audience.quiet && !audience.json && audience.logs == LogFormat::Text;
        let lines = EventLines::new(&place, audience.verbose, !animated && !audience.quiet);
        let bar = animated.then(|| Bar::begin(&place.job, terminal.err()));
        let started_ms = clock.monotonic_ms();
        Self { terminal, clock, audience, place, started_ms, lines, bar, failures: Vec::new(), failures_omitted: 0 }
    }

    /// Shows `event`, if it is to be shown.
    pub fn on(&mut self, event: &Event) {
        self.keep_failure(event);
        let elapsed_ms = self.clock.monotonic_ms().saturating_sub(self.started_ms);
        if let Some(bar) = &mut self.bar {
            match event {
                Event::Started { .. } => return bar.say("reading the state"),
                Event::Loaded { .. } => bar.say("reading the source"),
                Event::Progress { counts, source } => bar.show(counts, *source, elapsed_ms, self.terminal.err()),
                Event::Finished(_) => self.end_bar(),
                _ => {}
            }
        }
        let told = match event {
            Event::ItemFailed { .. } => !self.audience.json,
            // Even who wants to hear of failures only wants to know that rows go into a file of this machine.
            Event::Loaded { first: true, .. } if self.place.spreadsheet.is_local() => !self.audience.json,
            _ => !self.audience.json && !self.audience.quiet,
        };
        let warns = matches!(event, Event::ItemFailed { .. } | Event::Retrying { .. });
        if let Some(text) = self.lines.on(event, elapsed_ms).filter(|_| told) {
            self.say(&text, warns, fields(event));
        }
        if let (Event::Finished(_), Some(text)) = (event, self.lines.untold().filter(|_| !self.audience.json)) {
            self.say(&text, true, Map::new());
        }
    }

    /// Says a line on standard error, in the form of the logs around it: as JSON with the event's own fields.
    fn say(&self, text: &str, warning: bool, fields: Map<String, Value>) {
        if self.audience.logs == LogFormat::Text {
            self.terminal.err().line(text);
            return;
        }
        let severity = if warning { "WARNING" } else { "INFO" };
        let time = self.clock.now().to_string();
        let mut document = json!({ "time": time, "severity": severity, "message": text, "target": "sheetkeep::run" });
        if let Some(members) = document.as_object_mut() {
            members.extend(fields);
        }
        self.terminal.err().put(&line(&document));
    }

    /// Shows how the run ended: the summary, or the JSON document, on standard output. A quiet run that ended well
    /// shows nothing, unless failures are dead: nobody else would say so.
    pub fn finish(&mut self, report: &RunReport, exit: Exit) {
        self.end_bar();
        let out = self.terminal.out();
        if self.audience.json {
            out.put(&line(&RunDocument::new(report, &self.place, exit, &self.failures, self.failures_omitted)));
        } else if !self.audience.quiet || exit != Exit::Ok || (report.dead_failures > 0 && !self.audience.in_passing) {
            out.put(&summary(report, &self.place, out.palette()));
        }
    }

    /// The run ended without a report; an error follows.
    pub fn abandon(&mut self) {
        self.end_bar();
    }

    fn keep_failure(&mut self, event: &Event) {
        let Event::ItemFailed { key, place, step, error } = event else { return };
        if self.failures.len() == FAILURES_KEPT {
            self.failures_omitted += 1;
            return;
        }
        self.failures.push(FailureDocument {
            key: key.as_str().to_owned(),
            place: place.clone(),
            step: step.clone(),
            error: error.clone(),
        });
    }

    fn end_bar(&mut self) {
        if let Some(bar) = self.bar.take() {
            bar.end(self.terminal.err());
        }
    }
}

/// What a collector of logs searches by, beside the sentence.
fn fields(event: &Event) -> Map<String, Value> {
    let pairs = match event {
        Event::Retrying { step, key, attempt, of, delay_ms, cause } => vec![
            ("step", Value::from(step.as_str())),
            ("key", Value::from(key.as_str())),
            ("attempt", Value::from(*attempt)),
            ("of", Value::from(*of)),
            ("delay_ms", Value::from(*delay_ms)),
            ("cause", Value::from(cause.as_str())),
        ],
        _ => Vec::new(),
    };
    pairs.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

impl Drop for Reporter {
    /// A run that never finished leaves no bar behind.
    fn drop(&mut self) {
        self.end_bar();
    }
}

#[cfg(test)]
mod tests {
    use crate::cli::output::place::Spreadsheet;
    use crate::cli::output::sample;
    use crate::ledger::run::run::RunStatus;
    use crate::system::SteeredClock;
    use crate::time::Timestamp;

    use super::*;

    /// What standard output and standard error were given of a run with `failures`.
    fn shown(audience: Audience, failures: u64) -> (String, String) {
        shown_at(audience, failures, sample::place())
    }

    fn shown_at(audience: Audience, failures: u64, place: Place) -> (String, String) {
        let (terminal, captured) = sample::pipes();
        let clock = Arc::new(SteeredClock::starting_at(Timestamp(0)));
        let mut reporter = Reporter::new(terminal, clock, audience, place);
        reporter.on(&Event::Started { run: "20180207-012613-00abc".into(), job: "quakes".into() });
        reporter.on(&Event::Loaded { keys: 0, open_failures: 0, first: true, took_ms: 3 });
        (0..failures).for_each(|n| reporter.on(&sample::failure(n)));
        let mut report = sample::report();
        report.run.counts.failed = failures;
        if failures > 0 {
            report.run.status = RunStatus::Partial;
        }
        reporter.on(&Event::Finished(Box::new(report.clone())));
        reporter.finish(&report, if failures > 0 { Exit::Partial } else { Exit::Ok });
        (captured.out(), captured.err())
    }

    #[tokio::test(start_paused = true)]
    async fn a_person_gets_lines_on_standard_error_and_the_summary_on_standard_output() {
        let (out, err) = shown(Audience::default(), 0);
        assert!(out.starts_with("quakes  ✔ succeeded") && out.contains("new 1,707"), "{out}");
        insta::assert_snapshot!(err, @r"
        quakes: run 20180207-012613-00abc started
        quakes: first run in local file fixtures/quakes.sheet, because no spreadsheet is set
        ");
    }

    #[tokio::test(start_paused = true)]
    async fn a_machine_gets_one_document_and_nothing_else() {
        let (out, err) = shown(Audience { json: true, ..Audience::default() }, 23);
        assert_eq!(err, "");
        let document: Value = serde_json::from_str(&out).expect("one document");
        assert_eq!((&document["exit_code"], &document["counts"]["failed"]), (&3.into(), &23.into()));
        assert_eq!(document["failures"].as_array().map(Vec::len), Some(20));
        assert_eq!(document["failures_omitted"], 3);
    }

    #[tokio::test(start_paused = true)]
    async fn a_quiet_run_is_silent_unless_something_failed() {
        let quiet = Audience { quiet: true, ..Audience::default() };
        let spreadsheet = Spreadsheet::of_google("1AbC", "--spreadsheet names it".into());
        let far = || Place { spreadsheet: spreadsheet.clone(), ..sample::place() };
        assert_eq!(shown_at(quiet, 0, far()), (String::new(), String::new()));
        let (out, err) = shown_at(quiet, 12, far());
        assert_eq!(err.lines().count(), 11, "{err}");
        assert!(err.ends_with("quakes: and 2 more failed\n") && out.contains("failed 12"), "{err}{out}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_quiet_first_run_in_a_local_file_says_where_it_is() {
        let (out, err) = shown(Audience { quiet: true, ..Audience::default() }, 0);
        assert_eq!(out, "");
        assert_eq!(err, "quakes: first run in local file fixtures/quakes.sheet, because no spreadsheet is set\n");
    }
}
