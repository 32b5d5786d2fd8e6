//! Everyone who follows a run: people, the heartbeat, and the receivers of its metrics.
//!
//! In scope: the events and the end of a run. Out of scope: alerts (`app::job_alerts`).

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tracing::{Instrument as _, Span};

use crate::app::error::AppError;
use crate::app::heartbeat::{Heartbeat, HeartbeatEnd};
use crate::app::metrics::delivery::MetricsDelivery;
use crate::app::metrics::run_meter::{RunEnding, RunMeter};
use crate::cli::args::command_line::RunArgs;
use crate::cli::commands::load_settings::describe_place;
use crate::cli::commands::run_options::RunOptions;
use crate::cli::errors::CliError;
use crate::cli::exit::Exit;
use crate::cli::invocation::Invocation;
use crate::cli::output::destination::JobDestination;
use crate::cli::output::run::reporter::{Reporter, ReporterOptions};
use crate::cli::output::run::summary::format_summary;
use crate::cli::streams::palette::Palette;
use crate::clock::Clock;
use crate::config::sections::reporting::heartbeat::HeartbeatSettings;
use crate::config::settings::Settings;
use crate::ledger::runs::event::{Event, EventSink, RunReport};
use crate::runner::run_config::RunError;
use crate::telemetry::metrics::run_measurement::RunMeasurement;

/// Everyone who follows a run: people, the heartbeat, and the receivers of its metrics.
pub(super) struct RunObservers {
    job: String,
    reporter: Arc<Mutex<Reporter>>,
    heartbeat: Heartbeat,
    meter: RunMeter,
    /// `None` for a run by which another command writes.
    delivery: Option<MetricsDelivery>,
    /// The span of the run's log lines.
    span: Span,
}

impl RunObservers {
    /// Creates the observers of a run that is about to start.
    pub(super) fn new(
        invocation: &Invocation,
        args: &RunArgs,
        order: &RunOptions,
        settings: &Settings,
        clock: &Arc<dyn Clock>,
    ) -> Self {
        let is_ordinary = order.command.is_none();
        Self {
            job: settings.job.clone(),
            reporter: make_reporter(invocation, args, order, clock, describe_place(&args.job, settings)),
            heartbeat: make_heartbeat(settings, order, clock),
            meter: RunMeter::start(Arc::clone(clock)),
            delivery: is_ordinary.then(|| MetricsDelivery::new(settings, Arc::clone(clock))),
            // Always on, for its fields: the level of a span decides whether lines within it have
            // them.
            span: tracing::error_span!("run", job = settings.job, run = tracing::field::Empty),
        }
    }

    /// Returns the events of the run: each observer gets them all.
    pub(super) fn make_event_sink(&self) -> EventSink {
        self.meter.wrap_events(self.heartbeat.wrap_events(make_event_sink(&self.reporter, &self.span)))
    }

    /// Returns the reporter, which people read.
    pub(super) fn lock_reporter(&self) -> MutexGuard<'_, Reporter> {
        self.reporter.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reports the end of the run to machines. A duplicate invocation does not run, and is not
    /// reported.
    pub(super) async fn finish_run(
        &self,
        trigger: String,
        ended: &Result<RunReport, AppError>,
        concluded: &Result<Exit, CliError>,
        place: &JobDestination,
    ) {
        let end = make_heartbeat_end(&self.job, ended, concluded, place);
        let measured = self.measure_run(trigger, &end, concluded);
        if let Some(measured) = &measured {
            self.lock_reporter().write_measurement(measured);
        }
        let delivering = async {
            if let (Some(delivery), Some(measured)) = (&self.delivery, &measured) {
                delivery.deliver(measured).await;
            }
        };
        let reports = async { tokio::join!(self.heartbeat.finish(&end), delivering) };
        reports.instrument(self.span.clone()).await;
    }

    fn measure_run(
        &self,
        trigger: String,
        end: &HeartbeatEnd<'_>,
        concluded: &Result<Exit, CliError>,
    ) -> Option<RunMeasurement> {
        if end.is_duplicate && !self.meter.is_claimed() {
            return None;
        }
        let error = concluded.as_ref().err().map(|error| (error.exit().name().to_owned(), error.message().to_owned()));
        let ending = RunEnding { job: self.job.clone(), trigger, exit_code: end.exit_code, error };
        Some(self.meter.measure_run(ending, end.report))
    }

    /// Returns the span of the run's log lines.
    pub(super) fn span(&self) -> Span {
        self.span.clone()
    }

    /// Returns the run's id, once it has one.
    pub(super) fn run_id(&self) -> Option<String> {
        self.meter.run_id()
    }
}

/// Reports the end of a run to people. Returns the exit, or the error that ended the run.
pub(super) fn report_run_end(
    reporter: &mut Reporter,
    ended: &Result<RunReport, AppError>,
    exit_of: impl FnOnce(&RunReport) -> Exit,
    error_of: impl FnOnce(&AppError) -> CliError,
) -> Result<Exit, CliError> {
    match ended {
        Ok(report) => {
            let exit = exit_of(report);
            reporter.write_report(report, exit);
            Ok(exit)
        }
        Err(error) => {
            let cli_error = error_of(error);
            match report_of(error) {
                Some(report) => reporter.write_report(report, cli_error.exit()),
                None => reporter.abandon_report(),
            }
            Err(cli_error)
        }
    }
}

/// Returns the report of a run that an error ended, if it got far enough to make one.
fn report_of(error: &AppError) -> Option<&RunReport> {
    match error {
        AppError::Run(
            RunError::Source { report, .. }
            | RunError::Machine { report, .. }
            | RunError::CommonCause { report: Some(report), .. },
        ) => Some(report),
        _ => None,
    }
}

fn make_reporter(
    invocation: &Invocation,
    args: &RunArgs,
    order: &RunOptions,
    clock: &Arc<dyn Clock>,
    place: JobDestination,
) -> Arc<Mutex<Reporter>> {
    let reporter_options = ReporterOptions {
        wants_json: args.job.json,
        is_quiet: args.quiet,
        shares_terminal: order.shares_terminal,
        omits_exhausted: !order.scope.processes_items(),
        is_verbose: invocation.args.verbose > 0,
    };
    let (terminal, style) = (Arc::clone(&invocation.terminal), Arc::clone(&invocation.log_style));
    Arc::new(Mutex::new(Reporter::new(terminal, Arc::clone(clock), reporter_options, place, style)))
}

/// Returns the heartbeat of the run. A run by which another command writes has none, and neither has
/// one over failures alone: the source stays unread.
fn make_heartbeat(settings: &Settings, order: &RunOptions, clock: &Arc<dyn Clock>) -> Heartbeat {
    let silent = HeartbeatSettings::default();
    let of_run = if order.command.is_none() && order.scope.reads_source() { &settings.heartbeat } else { &silent };
    Heartbeat::new(of_run, settings.certificates.as_deref(), Arc::clone(clock))
}

fn make_heartbeat_end<'a>(
    job: &'a str,
    ended: &'a Result<RunReport, AppError>,
    concluded: &Result<Exit, CliError>,
    place: &JobDestination,
) -> HeartbeatEnd<'a> {
    let report = ended.as_ref().map_or_else(report_of, Some);
    let summary = report.map(|report| format_summary(report, place, Palette::new(false))).unwrap_or_default();
    let (exit, text) = match concluded {
        Ok(exit) => (*exit, summary),
        Err(error) => (error.exit(), format!("{summary}error: {}\n", error.message())),
    };
    let is_duplicate = ended.as_ref().is_err_and(AppError::is_duplicate);
    HeartbeatEnd { job, exit_code: exit.code(), report, text, is_duplicate }
}

/// Passes events on to the reporter, and names the run in the log lines of the span.
fn make_event_sink(reporter: &Arc<Mutex<Reporter>>, span: &Span) -> EventSink {
    let (reporter, span) = (Arc::clone(reporter), span.clone());
    Arc::new(move |event| {
        if let Event::Started { run, .. } = &event {
            span.record("run", run.as_str());
        }
        reporter.lock().unwrap_or_else(PoisonError::into_inner).show_event(&event);
    })
}
