//! The progress bar: share of the source, rate, and remaining time.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

use crate::cli::format::{format_duration, format_number};
use crate::cli::streams::output_stream::OutputStream;
use crate::ledger::runs::run::Counts;

/// Length of the bar; shares of the source are scaled to it.
const PARTS: u64 = 1_000;
/// Least time between two redraws, in milliseconds; events arrive for every item.
const MIN_INTERVAL_MS: u64 = 50;
/// Interval at which the bar moves while no event arrives.
const REDRAW_INTERVAL: Duration = Duration::from_millis(150);

/// A bar at the bottom of a terminal.
#[derive(Debug)]
pub struct RunProgressBar {
    next_input: ProgressBar,
    is_measured: bool,
    shown_at_ms: Option<u64>,
}

impl RunProgressBar {
    /// Starts a bar for `job` on `stream`; other output is written above it.
    pub fn start(job: &str, stream: &OutputStream) -> Self {
        let bar =
            ProgressBar::new_spinner().with_style(make_style(false, stream.has_colour())).with_prefix(job.to_owned());
        bar.enable_steady_tick(REDRAW_INTERVAL);
        stream.hold_bar(Some(bar.clone()));
        Self { next_input: bar, is_measured: false, shown_at_ms: None }
    }

    /// Shows the current phase, such as "reading the state".
    pub fn show_phase(&self, phase: &str) {
        self.next_input.set_message(phase.to_owned());
    }

    /// Shows the run's progress.
    pub fn show(&mut self, counts: &Counts, source: Option<(u64, u64)>, elapsed_ms: u64, stream: &OutputStream) {
        if self.shown_at_ms.is_some_and(|shown| elapsed_ms < shown.saturating_add(MIN_INTERVAL_MS)) {
            return;
        }
        self.shown_at_ms = Some(elapsed_ms);
        if let Some((read, all)) = source {
            if !self.is_measured {
                self.is_measured = true;
                self.next_input.set_length(PARTS);
                self.next_input.set_style(make_style(true, stream.has_colour()));
            }
            self.next_input.set_position(scale_units(read, all));
        }
        self.next_input.set_message(format_progress(counts, source, elapsed_ms));
    }

    /// Removes the bar.
    pub fn end(&self, stream: &OutputStream) {
        self.next_input.finish_and_clear();
        stream.hold_bar(None);
    }
}

fn make_style(is_measured: bool, has_colour: bool) -> ProgressStyle {
    let bar = match (is_measured, has_colour) {
        (true, true) => "{spinner:.green} {prefix} {bar:24.green/dim} {percent:>3} % · {msg}",
        (true, false) => "{spinner} {prefix} {bar:24} {percent:>3} % · {msg}",
        (false, true) => "{spinner:.green} {prefix} · {msg}",
        (false, false) => "{spinner} {prefix} · {msg}",
    };
    ProgressStyle::with_template(bar).expect("the template is a constant that a test reads").progress_chars("━━─")
}

fn scale_units(read: u64, all: u64) -> u64 {
    let parts = u128::from(read) * u128::from(PARTS) / u128::from(all.max(1));
    u64::try_from(parts).unwrap_or(PARTS).min(PARTS)
}

/// Returns records read, done and failed, their rate, and the estimated remaining time. A record
/// counts as read once it has been through its steps, and as done once it is on the sheet.
fn format_progress(counts: &Counts, source: Option<(u64, u64)>, elapsed_ms: u64) -> String {
    let ok = counts.new + counts.skipped;
    let mut parts = vec![format!("{} read", format_number(counts.read))];
    if ok > 0 {
        parts.push(format!("{} ok", format_number(ok)));
    }
    if counts.failed > 0 {
        parts.push(format!("{} failed", format_number(counts.failed)));
    }
    parts.extend(format_rate(counts.read, elapsed_ms));
    if let Some(left_ms) = source.and_then(|(read, all)| estimate_remaining_ms(read, all, elapsed_ms)) {
        parts.push(format!("{} left", format_duration(left_ms)));
    }
    parts.join(" · ")
}

/// Returns records per second, or per minute where that is less than one; `None` before the first.
fn format_rate(read: u64, elapsed_ms: u64) -> Option<String> {
    let a_second = read.saturating_mul(1_000).checked_div(elapsed_ms).filter(|_| read > 0)?;
    let a_minute = read.saturating_mul(60_000).checked_div(elapsed_ms)?;
    Some(if a_second > 0 { format!("{}/s", format_number(a_second)) } else { format!("{a_minute}/min") })
}

fn estimate_remaining_ms(read: u64, all: u64, elapsed_ms: u64) -> Option<u64> {
    let rest = u128::from(all.checked_sub(read)?);
    u64::try_from((u128::from(elapsed_ms) * rest).checked_div(u128::from(read))?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_message_has_rate_and_time_left() {
        let counts = Counts { read: 427, new: 420, skipped: 4, failed: 3, ..Counts::default() };
        let shown = format_progress(&counts, Some((250_000, 1_000_000)), 2_000);
        assert_eq!(shown, "427 read · 424 ok · 3 failed · 213/s · 6.0 s left");
    }

    #[test]
    fn slow_records_are_counted_and_their_rate_is_a_minutes() {
        let counts = Counts { read: 2, new: 1, ..Counts::default() };
        assert_eq!(format_progress(&counts, Some((2, 3)), 4_200), "2 read · 1 ok · 28/min · 2.1 s left");
    }

    #[test]
    fn until_the_first_commit_the_message_has_what_was_read() {
        let counts = Counts { read: 1_643, ..Counts::default() };
        assert_eq!(format_progress(&counts, None, 2_000), "1,643 read · 821/s");
        assert_eq!(format_progress(&Counts { read: 3, failed: 3, ..Counts::default() }, None, 0), "3 read · 3 failed");
    }

    #[test]
    fn at_the_very_start_nothing_is_guessed() {
        assert_eq!(format_progress(&Counts::default(), Some((0, 1_000)), 0), "0 read");
        assert_eq!(format_progress(&Counts::default(), None, 500), "0 read");
    }

    #[test]
    fn the_templates_are_sound_and_the_bar_never_overflows() {
        for (measured, colour) in [(true, true), (true, false), (false, true), (false, false)] {
            let _ = make_style(measured, colour);
        }
        assert_eq!(
            [scale_units(0, 0), scale_units(1, 2), scale_units(9, 3), scale_units(u64::MAX, u64::MAX)],
            [0, 500, 1_000, 1_000]
        );
    }
}
