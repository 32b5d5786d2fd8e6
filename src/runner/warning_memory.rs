//! Reports a lasting warning once over all runs of a job, and again when it changes.
//!
//! In scope: what waits for the state, what the state remembers after the run. Out of scope: the
//! set itself (`ledger::runs::reported_messages`), and how a warning is shown.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::ledger::runs::event::{Event, EventSink};
use crate::ledger::runs::reported_messages::ReportedMessages;
use crate::ledger::runs::run::{Run, RunStatus};

/// The lasting warnings of one run, between the run and the event sink. All its other events pass.
pub struct WarningMemory {
    sink: EventSink,
    memory: Mutex<Memory>,
}

#[derive(Default)]
struct Memory {
    /// Warnings that were given before the state was read.
    waiting: Vec<String>,
    /// The warnings of the last run, once the state is read.
    earlier: Option<ReportedMessages>,
    /// The warnings of this run.
    current: ReportedMessages,
    /// True if this run sees all that may be worth a warning.
    is_whole: bool,
}

impl WarningMemory {
    /// Creates the memory in front of `sink`.
    pub fn new(sink: EventSink) -> Arc<Self> {
        Arc::new(Self { sink, memory: Mutex::default() })
    }

    /// Returns the event sink of the run.
    pub fn make_event_sink(self: &Arc<Self>) -> EventSink {
        let memory = Arc::clone(self);
        Arc::new(move |event| match event {
            Event::LastingAnomaly { message, .. } => memory.report(message),
            event => (memory.sink)(event),
        })
    }

    /// Reports a warning, or keeps it until the state is read. A run gives each once, however often
    /// it starts over.
    fn report(&self, message: String) {
        let mut memory = self.lock();
        if !memory.current.add(&message) {
            return;
        }
        let Some(earlier) = &memory.earlier else { return memory.waiting.push(message) };
        let is_known = earlier.contains(&message);
        drop(memory);
        (self.sink)(Event::LastingAnomaly { message, is_known });
    }

    /// Adds a warning that people have read already.
    pub fn add_shown(&self, message: &str) {
        self.lock().current.add(message);
    }

    /// Takes what the state remembers of the last run, and reports what has waited for it.
    /// `is_whole` is false for a run that does not read the source.
    pub fn recall_reported(&self, earlier: ReportedMessages, is_whole: bool) {
        let waiting = {
            let mut memory = self.lock();
            (memory.earlier, memory.is_whole) = (Some(earlier), is_whole);
            std::mem::take(&mut memory.waiting)
        };
        self.pass_on(waiting);
    }

    /// Reports what has waited for a state that could not be read.
    pub fn release(&self) {
        let waiting = std::mem::take(&mut self.lock().waiting);
        self.pass_on(waiting);
    }

    fn pass_on(&self, waiting: Vec<String>) {
        for message in waiting {
            let is_known = self.lock().earlier.as_ref().is_some_and(|earlier| earlier.contains(&message));
            (self.sink)(Event::LastingAnomaly { message, is_known });
        }
    }

    /// Forgets a warning whose cause is gone.
    pub fn forget_warning(&self, message: &str) {
        if let Some(earlier) = &mut self.lock().earlier {
            earlier.remove(message);
        }
    }

    /// Returns what the state has to remember after a commit; `end` is a run that it ends. A run
    /// that reads the whole source and makes rows forgets a warning that it does not give. Only
    /// rows show which fields are left out.
    pub fn next_reported(&self, end: Option<&Run>) -> ReportedMessages {
        let memory = self.lock();
        let is_success =
            |run: &&Run| matches!(run.status, RunStatus::Succeeded | RunStatus::Partial | RunStatus::Degraded);
        let has_seen_all = memory.is_whole && end.filter(is_success).is_some_and(|run| run.counts.new > 0);
        match &memory.earlier {
            Some(earlier) if !has_seen_all => memory.current.with(earlier),
            _ => memory.current.clone(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Memory> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use crate::ledger::runs::run::{Counts, Trigger};
    use crate::time::Timestamp;

    use super::*;

    type ReportedTexts = Arc<Mutex<Vec<String>>>;

    /// Returns a memory, and what it has reported: known warnings with a mark.
    fn memory() -> (Arc<WarningMemory>, ReportedTexts) {
        let seen = ReportedTexts::default();
        let of_sink = Arc::clone(&seen);
        let memory = WarningMemory::new(Arc::new(move |event| {
            let line = match event {
                Event::LastingAnomaly { message, is_known } => {
                    if is_known { "known " } else { "" }.to_owned() + &message
                }
                Event::Anomaly { message } => format!("of this run: {message}"),
                _ => return,
            };
            of_sink.lock().expect("no test panics while it holds this").push(line);
        }));
        (memory, seen)
    }

    fn warn(events: &EventSink, message: &str) {
        events(Event::LastingAnomaly { message: message.to_owned(), is_known: false });
    }

    fn list_texts(seen: &ReportedTexts) -> Vec<String> {
        std::mem::take(&mut *seen.lock().expect("no test panics while it holds this"))
    }

    #[test]
    fn a_warning_is_new_in_the_first_run_and_known_in_the_next() {
        let (first, seen) = memory();
        warn(&first.make_event_sink(), "a");
        assert_eq!(list_texts(&seen), [""; 0], "it waits for the state");
        first.recall_reported(ReportedMessages::default(), true);
        (first.make_event_sink())(Event::Anomaly { message: "b".into() });
        first.add_shown("shown");
        warn(&first.make_event_sink(), "a");
        warn(&first.make_event_sink(), "shown");
        assert_eq!(list_texts(&seen), ["a", "of this run: b"]);
        let (second, seen) = memory();
        warn(&second.make_event_sink(), "a");
        second.recall_reported(first.next_reported(None), true);
        warn(&second.make_event_sink(), "shown");
        warn(&second.make_event_sink(), "c");
        assert_eq!(list_texts(&seen), ["known a", "known shown", "c"]);
    }

    #[test]
    fn a_run_that_makes_rows_forgets_what_is_over() {
        let mut earlier = ReportedMessages::default();
        earlier.add("a");
        let after = |is_whole, status: Option<RunStatus>, new| {
            let (memory, _) = memory();
            memory.recall_reported(earlier.clone(), is_whole);
            warn(&memory.make_event_sink(), "b");
            let run = Run::new("r1".into(), "quakes".into(), Trigger::default(), Timestamp(0));
            let end = status.map(|status| Run { status, counts: Counts { new, ..run.counts }, ..run });
            let after = memory.next_reported(end.as_ref());
            (after.contains("a"), after.contains("b"))
        };
        assert_eq!(after(true, Some(RunStatus::Partial), 1), (false, true));
        assert_eq!(after(true, Some(RunStatus::Succeeded), 0), (true, true), "it made no row");
        assert_eq!(after(false, Some(RunStatus::Succeeded), 1), (true, true), "it did not read the source");
        assert_eq!(after(true, Some(RunStatus::Interrupted), 1), (true, true));
        assert_eq!(after(true, None, 1), (true, true), "it is not over");
    }

    #[test]
    fn a_warning_whose_cause_is_gone_is_new_again() {
        let mut earlier = ReportedMessages::default();
        earlier.add("a");
        let (memory, seen) = memory();
        memory.recall_reported(earlier, true);
        memory.forget_warning("a");
        assert!(!memory.next_reported(None).contains("a"));
        warn(&memory.make_event_sink(), "a");
        assert_eq!(list_texts(&seen), ["a"]);
    }

    #[test]
    fn warnings_of_a_run_without_a_state_are_not_lost() {
        let (memory, seen) = memory();
        warn(&memory.make_event_sink(), "a");
        memory.release();
        memory.release();
        assert_eq!(list_texts(&seen), ["a"]);
    }
}
