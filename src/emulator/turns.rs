//! One after the other, in the order in which they came, and nobody waits for ever.
//!
//! In scope: turns of the threads of this process. Out of scope: what is done in a turn (`storage`), other processes, which `SQLite`
//! keeps apart.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Turns that are taken one at a time.
#[derive(Debug, Default)]
pub struct Turns {
    line: Mutex<Line>,
    moved: Condvar,
}

#[derive(Debug, Default)]
struct Line {
    /// Whoever has the turn is first.
    tickets: VecDeque<u64>,
    issued: u64,
}

/// A turn; it is over when this is dropped.
#[derive(Debug)]
pub struct Turn<'t> {
    turns: &'t Turns,
    ticket: u64,
}

impl Turns {
    fn line(&self) -> MutexGuard<'_, Line> {
        self.line.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for a turn, but not longer than that; `None` then.
    pub fn take(&self, wait: Duration) -> Option<Turn<'_>> {
        let mut line = self.line();
        line.issued += 1;
        let turn = Turn { turns: self, ticket: line.issued };
        line.tickets.push_back(turn.ticket);
        let is_not_first = |line: &mut Line| line.tickets.front() != Some(&turn.ticket);
        let waited = self.moved.wait_timeout_while(line, wait, is_not_first);
        let (line, timeout) = waited.unwrap_or_else(PoisonError::into_inner);
        let is_late = timeout.timed_out();
        // Dropping the turn of one that is late takes it out of the line, which it needs the lock for.
        drop(line);
        if is_late { None } else { Some(turn) }
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.turns.line().tickets.retain(|ticket| *ticket != self.ticket);
        self.turns.moved.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;

    use super::*;

    const LONG: Duration = Duration::from_mins(1);

    #[test]
    fn who_came_first_is_served_first() {
        let turns = Turns::default();
        let first = turns.take(LONG).unwrap();
        let (served, order) = channel();
        std::thread::scope(|scope| {
            for name in 0..4 {
                let (turns, served) = (&turns, served.clone());
                scope.spawn(move || {
                    let _turn = turns.take(LONG).unwrap();
                    served.send(name).unwrap();
                });
                while turns.line().tickets.len() < name + 2 {
                    std::thread::yield_now();
                }
            }
            drop(first);
        });
        assert_eq!(order.try_iter().collect::<Vec<_>>(), [0, 1, 2, 3]);
    }

    #[test]
    fn who_has_waited_long_enough_goes_and_holds_up_nobody() {
        let turns = Turns::default();
        let first = turns.take(LONG).unwrap();
        assert!(turns.take(Duration::ZERO).is_none());
        drop(first);
        assert!(turns.take(Duration::ZERO).is_some());
    }
}
