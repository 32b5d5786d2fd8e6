//! What stops a run before its source ends: signals, and its deadline.

use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::cli::commands::error_report::AFTER_A_DROP;
use crate::cli::errors::CliError;
use crate::cli::exit::Exit;
use crate::cli::signals::{Signal, SignalWatch};
use crate::clock::Clock;
use crate::runner::shutdown::{StopHandle, StopReason};

/// How long programs may take to end once they are asked to. It is a little longer than the time
/// after which they are killed.
const PROGRAM_GRACE: Duration = Duration::from_secs(6);

/// Requests a stop some time before the deadline, a forced stop after half of that time, and
/// returns at the deadline.
pub(super) async fn watch_deadline(deadline: Option<Duration>, stop: StopHandle, clock: Arc<dyn Clock>) {
    let Some(deadline) = deadline else { return std::future::pending().await };
    let margin = (deadline / 10).clamp(Duration::from_secs(1), Duration::from_secs(30)).min(deadline);
    clock.sleep(deadline.saturating_sub(margin)).await;
    stop.request_stop(StopReason::Deadline);
    clock.sleep(margin / 2).await;
    // The rest of the time belongs to the last commit.
    stop.force_stop(PROGRAM_GRACE.min(margin / 4));
    clock.sleep(margin / 2).await;
}

/// Returns the error of a run that a third signal dropped while it was finishing.
pub(super) fn report_dropped_run(signal: Option<Signal>) -> CliError {
    let why = "stopped at once by a third signal; a commit may have been in progress";
    CliError::new(why, signal.map_or(Exit::Interrupted, Exit::from)).with_help(AFTER_A_DROP)
}

/// The first signal asks the run to finish the items in progress. The second asks it to end the
/// programs that are still at work, the third to stop immediately.
pub(in crate::cli::commands) fn watch_signals(
    stop: &StopHandle,
    abort: &CancellationToken,
    clock: &Arc<dyn Clock>,
) -> Option<SignalWatch> {
    let (stop, abort) = (stop.clone(), abort.clone());
    let started = SignalWatch::start(Arc::clone(clock), move |signal, nth| {
        stop.request_stop(match signal {
            Signal::Interrupt => StopReason::Interrupt,
            Signal::Terminate => StopReason::Terminate,
            Signal::HangUp => StopReason::HangUp,
        });
        match nth {
            0 | 1 => {}
            2 => stop.force_stop(PROGRAM_GRACE),
            _ => abort.cancel(),
        }
    });
    match started {
        Ok(watch) => Some(watch),
        Err(error) => {
            tracing::warn!(event = "signals.unavailable", %error, "signals can't be received; the run can only be killed");
            None
        }
    }
}
