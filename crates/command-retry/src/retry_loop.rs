//! The loop of attempts: when another one is made, and how it all ends.

use std::ffi::OsString;
use std::path::Path;
use std::time::Duration;

use sheetkeep_base::clock::Clock;
use sheetkeep_base::rng::Rng;
use tokio::sync::mpsc::UnboundedReceiver;

use crate::attempt::{AttemptEnd, AttemptSetup, CommandOutput, run_attempt};
use crate::policy::CommandPolicy;
use crate::report::{AttemptReport, REPORT_SCHEMA_VERSION, RetryOutcome, RetryReport};
use crate::retryable_codes::TIMED_OUT;
use crate::signals::StopSignal;
use crate::stdin_copy::StdinCopy;

/// What is tried.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RetriedCommand {
    /// A command and its arguments; no shell interprets them.
    Program(Vec<OsString>),
    /// In place of a command: fails this many times with exit code 1, then succeeds.
    FailThenSucceed(u32),
}

/// One `sheetkeep retry`.
pub struct CommandRetry<'a> {
    /// What is tried.
    pub command: &'a RetriedCommand,
    /// How often, and with which delays.
    pub policy: &'a CommandPolicy,
    /// Standard input for each attempt.
    pub stdin: Option<&'a StdinCopy>,
    /// Whether the command's standard output is ours, as it comes.
    pub streams_output: bool,
    /// The command's working directory; ours if there is none.
    pub folder: Option<&'a Path>,
    /// Further variables of the command's environment.
    pub variables: &'a [(&'static str, String)],
    /// Takes the command's output.
    pub output: &'a dyn CommandOutput,
    /// Measures delays and deadlines.
    pub clock: &'a dyn Clock,
    /// Draws the delays; a seeded one gives the same delays each time.
    pub rng: &'a dyn Rng,
}

/// Why no further attempt is made.
struct Verdict {
    outcome: RetryOutcome,
    exit_code: u8,
    error: Option<String>,
}

impl CommandRetry<'_> {
    /// Makes attempts until one succeeds or a bound is reached. `stops` has the signals that ask
    /// for the end; the command's process group receives each. `on_attempt` is called after each
    /// attempt, before its delay.
    pub async fn run(
        &self,
        stops: &mut UnboundedReceiver<StopSignal>,
        on_attempt: &mut (dyn FnMut(&AttemptReport) + Send),
    ) -> RetryReport {
        let started_ms = self.clock.monotonic_ms();
        let (mut attempts, mut previous, mut number) = (Vec::new(), Duration::ZERO, 0);
        let mut stderr = None;
        let verdict = loop {
            number += 1;
            let began_ms = self.clock.monotonic_ms();
            let end = self.attempt(number, self.time_left(started_ms), stops).await;
            let duration_s = count_seconds(began_ms, self.clock.monotonic_ms());
            if end.error.is_some() {
                stderr = Some(end.stderr.clone()).filter(|text| !text.is_empty());
            }
            let delay = self.policy.delay(number, previous, self.rng.next_f64());
            let verdict = self.judge(number, &end, delay, self.time_left(started_ms));
            let waited = if verdict.is_some() { Duration::ZERO } else { delay };
            let report = AttemptReport {
                number,
                delay: waited.as_secs_f64(),
                error: end.error.clone(),
                exit_code: end.exit_code,
                duration_s,
            };
            on_attempt(&report);
            attempts.push(report);
            if let Some(verdict) = verdict {
                break verdict;
            }
            previous = delay;
            tokio::select! {
                () = self.clock.sleep(delay) => {}
                Some(signal) = stops.recv() => break stop_with(signal, signal.exit_code()),
            }
        };
        RetryReport {
            schema_version: REPORT_SCHEMA_VERSION,
            outcome: verdict.outcome,
            attempts,
            max_attempts: self.policy.max_attempts,
            total_s: count_seconds(started_ms, self.clock.monotonic_ms()),
            error: verdict.error,
            stderr,
            exit_code: verdict.exit_code,
        }
    }

    /// Returns the time that is left until the deadline of all attempts; `None` without one.
    fn time_left(&self, started_ms: u64) -> Option<Duration> {
        let passed = Duration::from_millis(self.clock.monotonic_ms().saturating_sub(started_ms));
        self.policy.deadline.map(|deadline| deadline.saturating_sub(passed))
    }

    async fn attempt(
        &self,
        number: u32,
        time_left: Option<Duration>,
        stops: &mut UnboundedReceiver<StopSignal>,
    ) -> AttemptEnd {
        match self.command {
            RetriedCommand::FailThenSucceed(failures) if number <= *failures => {
                AttemptEnd::without_process(1, Some(format!("flaky: failure {number} of {failures}")))
            }
            RetriedCommand::FailThenSucceed(_) => AttemptEnd::without_process(0, None),
            RetriedCommand::Program(words) => {
                let limit = [self.policy.timeout, time_left].into_iter().flatten().min();
                let setup = AttemptSetup {
                    words,
                    stdin: self.stdin,
                    streams_output: self.streams_output,
                    output: self.output,
                    clock: self.clock,
                    number,
                    of: self.policy.max_attempts,
                    limit,
                    folder: self.folder,
                    variables: self.variables,
                };
                run_attempt(&setup, stops).await
            }
        }
    }

    /// Returns the verdict if no further attempt follows this one.
    fn judge(&self, number: u32, end: &AttemptEnd, delay: Duration, time_left: Option<Duration>) -> Option<Verdict> {
        let verdict = |outcome, exit_code| Verdict { outcome, exit_code, error: end.error.clone() };
        if end.error.is_none() {
            return Some(verdict(RetryOutcome::Succeeded, 0));
        }
        if let Some(signal) = end.stopped_by {
            return Some(stop_with(signal, end.exit_code));
        }
        if !end.is_timed_out && !self.policy.codes.has(end.exit_code) {
            return Some(verdict(RetryOutcome::Permanent, end.exit_code));
        }
        if time_left.is_some_and(|left| left.is_zero()) {
            return Some(verdict(RetryOutcome::Timeout, TIMED_OUT));
        }
        if number >= self.policy.max_attempts {
            return Some(verdict(RetryOutcome::Exhausted, end.exit_code));
        }
        let is_too_late = time_left.is_some_and(|left| delay >= left);
        is_too_late.then(|| verdict(RetryOutcome::Timeout, TIMED_OUT))
    }
}

fn stop_with(signal: StopSignal, exit_code: u8) -> Verdict {
    let error = Some(format!("interrupted by {}", signal.name()));
    Verdict { outcome: RetryOutcome::Interrupted, exit_code, error }
}

fn count_seconds(from_ms: u64, to_ms: u64) -> f64 {
    Duration::from_millis(to_ms.saturating_sub(from_ms)).as_secs_f64()
}

#[cfg(all(test, unix))]
mod tests;
