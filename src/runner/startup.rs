//! Startup of a run: loads the job, checks whether it may run here and now, and builds the run
//! context.
//!
//! In scope: the order of these; the definition, an abandoned run, the data tab's header. Out of
//! scope: the checks (`preconditions`) and the loop (`runner::run_loop`).

pub mod preconditions;

use std::collections::HashSet;
use std::sync::Arc;

use jiff::tz::TimeZone;

use crate::clock::Clock;
use crate::ledger::commit::commit_chain::CommitChain;
use crate::ledger::items::failure::StoredFailure;
use crate::ledger::items::lookalike_keys::LookalikeKeys;
use crate::ledger::items::record_selection::RecordSelection;
use crate::ledger::items::write_mode::ReprocessPolicy;
use crate::ledger::leases::head::HeadId;
use crate::ledger::leases::lease::Holder;
use crate::ledger::processed::key_sums::KeySums;
use crate::ledger::processed::low_watermark::LowWatermark;
use crate::ledger::processed::processed_index::ProcessedIndex;
use crate::ledger::rows::table_header::{ADDED_KEY_COLUMN, Header, KeyColumn};
use crate::ledger::runs::event::{Event, EventSink, RetryCounts, SkipCounts};
use crate::ledger::runs::expectation::FilledColumns;
use crate::ledger::runs::filled_fields::{FillShares, FilledFields};
use crate::ledger::runs::reported_messages::ReportedMessages;
use crate::ledger::runs::run::{Counts, Run, run_id};
use crate::ledger::state::rollover::Rollover;
use crate::ledger::state::snapshot::{Definition, LoadReport, State};
use crate::ledger::values::columns::Columns;
use crate::port::process::Processes;
use crate::port::store::Store;
use crate::rng::Rng;
use crate::runner::alert_recorder::AlertRecorder;
use crate::runner::queue::first_records::FirstRecords;
use crate::runner::records::change_hold::ChangeHold;
use crate::runner::records::intake::Intake;
use crate::runner::records::output_builder::OutputBuilder;
use crate::runner::run_config::{Dependencies, RunConfig, RunError};
use crate::runner::schedule::next_due::find_utc_offset;
use crate::runner::schedule::schedule_recorder::ScheduleRecorder;
use crate::runner::startup::preconditions::{
    LeaseRequest, check_definition, check_job_location, check_key_column, check_lease, check_not_blocked, starts_afresh,
};
use crate::runner::warning_memory::WarningMemory;
use crate::time::Timestamp;

/// The service's clock, extrapolated with this machine's monotonic clock.
#[derive(Debug, Clone, Copy)]
pub struct ServiceClock {
    at: Timestamp,
    seen_ms: u64,
}

impl ServiceClock {
    /// Creates a clock: the service's time was `at` when the monotonic clock of this machine showed
    /// `seen_ms`.
    pub fn new(at: Timestamp, seen_ms: u64) -> Self {
        Self { at, seen_ms }
    }

    /// Returns the service's time at `now_ms`, monotonic.
    pub fn time_at(self, now_ms: u64) -> Timestamp {
        self.at.add_ms(now_ms.saturating_sub(self.seen_ms))
    }
}

/// Everything that startup found, for the run loop.
pub struct RunContext {
    /// The commit chain.
    pub chain: CommitChain,
    /// The admission side of the run.
    pub intake: Intake,
    /// True if the data tab exists.
    pub has_data_tab: bool,
    /// An abandoned run, to be closed in Runs.
    pub abandoned_runs: Vec<Run>,
    /// The history of the job's schedule; `None` for a job without one.
    pub schedule: Option<ScheduleRecorder>,
    /// The alerts of the job; `None` for a job without a channel.
    pub alerts: Option<AlertRecorder>,
    /// Cells of people in Jobs that are answered once this run's row is there.
    pub answered_cells: ReportedMessages,
    /// This run, as its row in Runs will begin.
    pub run: Run,
    /// The service's clock.
    pub service_clock: ServiceClock,
    /// The spreadsheet's time zone, in which its `NOW()` is.
    pub sheet_zone: TimeZone,
    /// Start of the load, in monotonic milliseconds.
    pub began_ms: u64,
    /// The spreadsheet's id.
    pub spreadsheet: String,
    /// The id of the spreadsheet in which the job started (before rollovers).
    pub first_spreadsheet: String,
    /// Failures that this run retries or skips.
    pub failures: Vec<StoredFailure>,
    /// The lease request of this run.
    pub lease_request: LeaseRequest,
}

/// The dependencies that a start needs: all but source and steps, so that it can be awaited on any
/// thread.
pub struct StartupParts {
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    rng: Arc<dyn Rng>,
    processes: Arc<dyn Processes>,
    events: EventSink,
    warnings: Arc<WarningMemory>,
    /// The head from which changes were prepared, if there are any.
    prepared_from: Option<PreparedHead>,
    /// True if there is a source that can be read again.
    is_rereadable: bool,
}

/// The head from which changes were prepared; `None` if the job did not exist.
#[derive(Clone, Copy)]
struct PreparedHead(Option<HeadId>);

impl StartupParts {
    /// Takes what a start needs.
    pub fn new(parts: &Dependencies) -> Self {
        Self {
            store: Arc::clone(&parts.store),
            clock: Arc::clone(&parts.clock),
            rng: Arc::clone(&parts.rng),
            processes: Arc::clone(&parts.processes),
            events: Arc::clone(&parts.events),
            warnings: Arc::clone(&parts.warnings),
            prepared_from: parts.prepared.as_ref().map(|prepared| PreparedHead(prepared.from)),
            is_rereadable: parts.source.as_ref().is_some_and(|source| source.is_rereadable()),
        }
    }
}

/// Loads the job and runs all checks.
pub async fn open(parts: &StartupParts, config: &RunConfig) -> Result<RunContext, RunError> {
    let began_ms = parts.clock.monotonic_ms();
    let started = parts.clock.now();
    let mut run = new_run(parts, config, started);
    (parts.events)(Event::Started { run: run.id.clone(), job: config.job.clone() });
    let loaded = parts.store.load().await?;
    let service_clock = ServiceClock::new(loaded.service_time, parts.clock.monotonic_ms());
    let snapshot = loaded.snapshot.as_ref();
    let took_ms = parts.clock.monotonic_ms().saturating_sub(began_ms);
    report_loaded(parts, &loaded, took_ms, config.scope.reads_source())?;
    let answered_cells = answer_unclear_cells(parts, config, &loaded, &mut run);
    let sheet_zone = find_sheet_zone(&loaded);
    run.end_state.utc_offset_ms = Some(find_utc_offset(started, &sheet_zone));
    if parts.prepared_from.is_some_and(|PreparedHead(from)| snapshot.map(|snapshot| snapshot.head) != from) {
        return Err(RunError::SheetChanged);
    }
    let definition = Definition { spreadsheet: loaded.spreadsheet.clone(), ..config.definition.clone() };
    let lease_request = LeaseRequest::from_config(config, &parts.processes);
    let mut abandoned_runs = Vec::new();
    if let Some(snapshot) = snapshot {
        check_job_location(snapshot, config.rollover.as_ref())?;
        check_definition(snapshot, &definition, config.accepts_changes)?;
        abandoned_runs.extend(check_lease(snapshot, &lease_request, loaded.service_time)?);
    }
    let schedule = make_schedule_recorder(config, &loaded)?;
    report_abandoned(parts, &mut abandoned_runs, &sheet_zone);
    let chain = start_chain(config, &loaded, definition, &run.id);
    let (mut intake, has_data_tab) = build_intake(parts, config, &loaded, &chain, &run.id)?;
    if let Some(key) = config.scope.find_unknown_key(&intake.index) {
        return Err(RunError::NoFailure { job: config.job.clone(), key: key.as_str().to_owned() });
    }
    let rows = config.scope.select_failures(&mut intake.index);
    let failures = if rows.is_empty() { Vec::new() } else { parts.store.read_failures(&rows).await? };
    let not_retried = intake.index.list_not_retried();
    if config.scope.reads_source() && !not_retried.is_empty() {
        intake.index.with_known_records(parts.store.read_record_hashes(&not_retried).await?);
    }
    // Idempotency keys contain the job's first spreadsheet, so that a rollover does not change
    // them.
    let origin = chain.state().predecessors.last().cloned().unwrap_or_else(|| loaded.spreadsheet.clone());
    Ok(RunContext {
        chain,
        intake,
        has_data_tab,
        abandoned_runs,
        schedule,
        alerts: make_alert_recorder(config, &loaded),
        answered_cells,
        run,
        service_clock,
        sheet_zone,
        began_ms,
        spreadsheet: loaded.spreadsheet,
        first_spreadsheet: origin,
        failures,
        lease_request,
    })
}

/// Reports runs that vanished, and notes the offset of the times in their rows.
fn report_abandoned(parts: &StartupParts, runs: &mut [Run], sheet_zone: &TimeZone) {
    for run in runs {
        run.end_state.utc_offset_ms = Some(find_utc_offset(run.started, sheet_zone));
        (parts.events)(Event::RunAbandoned { run: run.id.clone() });
    }
}

/// Answers what people wrote in Jobs and what is not understood, in an event and in the run's row,
/// unless an earlier run has. Returns all that is answered then.
fn answer_unclear_cells(
    parts: &StartupParts,
    config: &RunConfig,
    loaded: &LoadReport,
    run: &mut Run,
) -> ReportedMessages {
    let before = loaded.snapshot.as_ref().map(|snapshot| &snapshot.state.answered_cells);
    let asks_in_vain = loaded.requests.run_now.as_ref().filter(|_| config.schedule.is_none());
    let in_vain = asks_in_vain.map(|_| "tab Jobs: run now has no effect, because the job has no schedule".to_owned());
    let messages: Vec<String> = loaded.requests.unclear.iter().cloned().chain(in_vain).collect();
    let answered = ReportedMessages::from_messages(&messages);
    for message in messages.into_iter().filter(|message| before.is_none_or(|before| !before.contains(message))) {
        run.add_remark(&message);
        (parts.events)(Event::Anomaly { message });
    }
    answered
}

/// Returns the time zone of the spreadsheet; UTC if it is not known.
fn find_sheet_zone(loaded: &LoadReport) -> TimeZone {
    loaded.timezone.as_deref().and_then(|name| TimeZone::get(name).ok()).unwrap_or(TimeZone::UTC)
}

/// Creates the recorder of the job's schedule, if it has one. Fails if another run has the claim.
fn make_schedule_recorder(config: &RunConfig, loaded: &LoadReport) -> Result<Option<ScheduleRecorder>, RunError> {
    let Some(claim) = &config.claim else { return Ok(None) };
    // A job that begins in a new spreadsheet continues with the history that it takes along.
    let moved = config.rollover.as_ref().and_then(|rollover| match rollover {
        Rollover::FirstRun(predecessors) => predecessors.schedule.as_ref(),
        Rollover::LastRun(_) => None,
    });
    let history = loaded.snapshot.as_ref().map_or(moved, |snapshot| snapshot.state.schedule.as_ref());
    // A run that could not start is recorded without its source, and counts as a failed one.
    let is_failed_start = claim.is_failed_start() || config.recorded_end.is_some();
    let is_counted = config.scope.reads_source() || is_failed_start;
    let recorder = ScheduleRecorder::new(claim, history, is_counted)?;
    Ok(Some(if loaded.requests.has_cleared_run_now { recorder.without_request() } else { recorder }))
}

/// Creates the recorder of the job's alerts, if it has a channel.
fn make_alert_recorder(config: &RunConfig, loaded: &LoadReport) -> Option<AlertRecorder> {
    let alerts = config.alerts.as_ref()?;
    let of_schedule = config.claim.as_ref().is_some_and(|claim| claim.recorded_outcome.is_some());
    let is_counted = config.scope.reads_source() || of_schedule || config.recorded_end.is_some();
    let mut recorder = AlertRecorder::new(alerts, &config.holder.installation, is_counted);
    let stored = loaded.snapshot.as_ref().and_then(|snapshot| snapshot.state.alerts.as_deref());
    recorder.load(stored, loaded.requests.silence_until);
    Some(recorder)
}

/// Creates the commit chain from the load, with the state that the next commit writes.
fn start_chain(config: &RunConfig, loaded: &LoadReport, definition: Definition, run: &str) -> CommitChain {
    let snapshot = loaded.snapshot.as_ref();
    let me = Holder { run: run.to_owned(), ..config.holder.clone() };
    let key_sums = (loaded.reprocess_policy != ReprocessPolicy::EachVersion).then(KeySums::default);
    let fresh = State { job: config.job.clone(), key_sums, ..State::default() };
    let mut chain = CommitChain::new(snapshot, fresh, me);
    let begins_anew = snapshot.is_some_and(|snapshot| starts_afresh(snapshot, &definition));
    let goes_elsewhere = begins_anew && definition.tab != chain.state().definition.tab;
    let deleted =
        snapshot.filter(|_| !goes_elsewhere).map(|snapshot| snapshot.deleted_columns.clone()).unwrap_or_default();
    chain.update_state(|state| {
        if begins_anew {
            state.key_column = None;
        }
        if goes_elsewhere {
            state.columns.clear();
            state.field_fill_shares = FillShares::default();
        }
        if let Some(rollover) = &config.rollover {
            rollover.apply(state);
        }
        (state.definition, state.deleted_columns) = (definition, deleted);
        state.timezone = choose_zone_name(config, state.timezone.take(), loaded.timezone.as_deref());
    });
    chain
}

/// Returns the time zone of data timestamps: the job's own, else the state's, else the
/// spreadsheet's at the job's first run.
fn choose_zone_name(config: &RunConfig, stored: Option<String>, of_place: Option<&str>) -> Option<String> {
    let own = config.columns.timezone.as_ref().and_then(TimeZone::iana_name).map(str::to_owned);
    own.or(stored).or_else(|| of_place.filter(|name| TimeZone::get(name).is_ok()).map(str::to_owned))
}

fn new_run(parts: &StartupParts, config: &RunConfig, started: Timestamp) -> Run {
    let id = run_id(started, parts.rng.next_u64());
    Run {
        host: config.holder.host.clone(),
        version: config.version.clone(),
        message: config.alerts.as_ref().map(|alerts| alerts.remark.clone()).unwrap_or_default(),
        ..Run::new(id, config.job.clone(), config.trigger.clone(), started)
    }
}

/// Reports the load, and its warnings; `is_whole` is true for a run that reads the source.
fn report_loaded(parts: &StartupParts, loaded: &LoadReport, took_ms: u64, is_whole: bool) -> Result<(), RunError> {
    let snapshot = loaded.snapshot.as_ref();
    let (keys, open_failures) =
        snapshot.map_or((0, 0), |s| (s.processed_index.count_keys(), s.processed_index.open_failures() as u64));
    // Of tabs that stop the run, the counts would be those of what could be read.
    snapshot.map_or(Ok(()), check_not_blocked)?;
    (parts.events)(Event::Loaded { keys, open_failures, is_first_run: snapshot.is_none(), took_ms });
    let earlier = snapshot.map(|snapshot| snapshot.state.warnings.clone()).unwrap_or_default();
    parts.warnings.recall_reported(earlier, is_whole);
    let anomalies = snapshot.map(|s| s.anomalies.as_slice()).unwrap_or_default().iter();
    for message in anomalies.map(|anomaly| &anomaly.message).chain(&loaded.warnings) {
        (parts.events)(Event::LastingAnomaly { message: message.clone(), is_known: false });
    }
    Ok(())
}

fn build_intake(
    parts: &StartupParts,
    config: &RunConfig,
    loaded: &LoadReport,
    chain: &CommitChain,
    run: &str,
) -> Result<(Intake, bool), RunError> {
    let snapshot = loaded.snapshot.as_ref();
    let data_tabs = snapshot.map_or(&loaded.data_tabs, |snapshot| &snapshot.data_tabs);
    let table = data_tabs.iter().find(|(tab, _)| *tab == config.tab);
    let header = match table {
        Some((tab, columns)) if !columns.is_empty() => Header::from_existing(tab.clone(), columns.clone()),
        _ => Header::open(config.tab.clone(), &config.columns.order),
    };
    let deleted = chain.state().deleted_columns.as_slice();
    let header = header.with(config.columns.new_columns, deleted);
    let key_column =
        chain.state().key_column.clone().or_else(|| config.key_column.clone()).map(|name| match name.as_str() {
            ADDED_KEY_COLUMN => KeyColumn::Added,
            _ => KeyColumn::Named(name),
        });
    check_key_column(&config.tab, data_tabs, key_column.as_ref().map(KeyColumn::name))?;
    let output = OutputBuilder {
        header,
        key_column,
        columns: Columns {
            timezone: chain.state().timezone.as_deref().and_then(|name| TimeZone::get(name).ok()),
            ..config.columns.clone()
        },
        first_rows: loaded.first_rows.clone(),
        foreign_tab: None,
        key_expression: config.definition.key.clone(),
        tab: config.tab.clone(),
        mode: config.mode,
        expected_columns: config.expectations.filled.clone(),
        expected_fill: FilledColumns::default(),
    };
    let index = snapshot
        .map_or_else(|| ProcessedIndex::empty(loaded.reprocess_policy), |snapshot| snapshot.processed_index.clone());
    let intake = Intake {
        hold: ChangeHold::new(config, loaded, index.count_keys()),
        index,
        output,
        watermark: LowWatermark::new(chain.state().low_watermark.clone()),
        counts: Counts::default(),
        retry_counts: RetryCounts::default(),
        taken_early: HashSet::new(),
        run: run.to_owned(),
        max_attempts: config.max_attempts,
        first_records: FirstRecords::new(config.stop_after),
        begun: chain.state().start_markers.iter().map(|one| (one.clone(), None)).collect(),
        in_doubt: chain.state().start_markers.clone(),
        selection: RecordSelection::new(loaded.reprocess_policy, parts.is_rereadable),
        rowless: 0,
        fields: FilledFields::from_kept_shares(chain.state().field_fill_shares.clone()),
        lookalikes: LookalikeKeys::default(),
        skips: SkipCounts::default(),
        events: Arc::clone(&parts.events),
    };
    Ok((intake, table.is_some()))
}
