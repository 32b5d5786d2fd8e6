//! A fair queue of writers, with timeouts.
//!
//! In scope: the threads of this process.
//! Out of scope: what is done in a turn (`store`), other processes, which `SQLite` separates.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Turns that are taken one at a time.
#[derive(Debug, Default)]
pub(crate) struct WriteQueue {
    state: Mutex<QueueState>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct QueueState {
    /// The holder of the turn is first.
    tickets: VecDeque<u64>,
    issued: u64,
}

impl QueueState {
    /// Puts a ticket directly behind the holder of the turn. A ticket that has become the holder's
    /// stays.
    fn move_behind_holder(&mut self, ticket: u64) {
        if self.tickets.front() == Some(&ticket) {
            return;
        }
        self.tickets.retain(|other| *other != ticket);
        let next = self.tickets.len().min(1);
        self.tickets.insert(next, ticket);
    }
}

/// A turn. Dropping it passes the turn on.
#[derive(Debug)]
pub(crate) struct WriteTurn<'t> {
    queue: &'t WriteQueue,
    ticket: u64,
}

impl WriteQueue {
    fn state(&self) -> MutexGuard<'_, QueueState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for a turn up to this time.
    pub(crate) fn take(&self, wait: Duration) -> Option<WriteTurn<'_>> {
        let (turn, has_come) = self.enqueue(wait);
        has_come.then_some(turn)
    }

    /// Waits for a turn up to `patience`. After that the caller precedes all other waiting writers,
    /// which had time to go first.
    pub(crate) fn take_after_others(&self, patience: Duration, wait: Duration) -> Option<WriteTurn<'_>> {
        let (turn, has_come) = self.enqueue(patience);
        if has_come { Some(turn) } else { self.take_now_or_next(turn, wait) }
    }

    /// Takes the turn after the patience has ended: immediately if it has come meanwhile, otherwise
    /// after the current holder.
    fn take_now_or_next<'t>(&'t self, turn: WriteTurn<'t>, wait: Duration) -> Option<WriteTurn<'t>> {
        let mut state = self.state();
        state.move_behind_holder(turn.ticket);
        // The first ticket stays first, so that no thread has to be woken.
        self.wait_until_first(state, turn.ticket, wait).then_some(turn)
    }

    /// Queues a ticket. Returns it, and whether its turn came within this time.
    fn enqueue(&self, wait: Duration) -> (WriteTurn<'_>, bool) {
        let mut state = self.state();
        state.issued += 1;
        let turn = WriteTurn { queue: self, ticket: state.issued };
        state.tickets.push_back(turn.ticket);
        let has_come = self.wait_until_first(state, turn.ticket, wait);
        (turn, has_come)
    }

    /// Releases the lock before it returns, because dropping a turn needs it.
    fn wait_until_first(&self, state: MutexGuard<'_, QueueState>, ticket: u64, wait: Duration) -> bool {
        let is_not_first = |state: &mut QueueState| state.tickets.front() != Some(&ticket);
        let waited = self.changed.wait_timeout_while(state, wait, is_not_first);
        let (_line, timeout) = waited.unwrap_or_else(PoisonError::into_inner);
        !timeout.timed_out()
    }
}

impl Drop for WriteTurn<'_> {
    fn drop(&mut self) {
        self.queue.state().tickets.retain(|ticket| *ticket != self.ticket);
        self.queue.changed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;

    use super::*;

    const LONG: Duration = Duration::from_mins(1);

    #[test]
    fn who_came_first_is_served_first() {
        let queue = WriteQueue::default();
        let first = queue.take(LONG).unwrap();
        let (served, order) = channel();
        std::thread::scope(|scope| {
            for name in 0..4 {
                let (queue, served) = (&queue, served.clone());
                scope.spawn(move || {
                    let _turn = queue.take(LONG).unwrap();
                    served.send(name).unwrap();
                });
                while queue.state().tickets.len() < name + 2 {
                    std::thread::yield_now();
                }
            }
            drop(first);
        });
        assert_eq!(order.try_iter().collect::<Vec<_>>(), [0, 1, 2, 3]);
    }

    #[test]
    fn who_lets_others_go_first_does_so_for_a_while() {
        let queue = WriteQueue::default();
        let first = queue.take(LONG).unwrap();
        let (served, order) = channel();
        std::thread::scope(|scope| {
            let waiting = |count: usize| {
                while queue.state().tickets.len() < count {
                    std::thread::yield_now();
                }
            };
            let take = |name: &'static str, patience: Option<Duration>| {
                let served = served.clone();
                let queue = &queue;
                scope.spawn(move || {
                    let _turn = match patience {
                        Some(patience) => queue.take_after_others(patience, LONG).unwrap(),
                        None => queue.take(LONG).unwrap(),
                    };
                    served.send(name).unwrap();
                });
            };
            take("second", None);
            waiting(2);
            take("impatient", Some(Duration::ZERO));
            waiting(3);
            take("patient", Some(LONG));
            waiting(4);
            take("last", None);
            waiting(5);
            while queue.state().tickets.get(1) != Some(&3) {
                std::thread::yield_now();
            }
            drop(first);
        });
        assert_eq!(order.try_iter().collect::<Vec<_>>(), ["impatient", "second", "patient", "last"]);
    }

    #[test]
    fn a_turn_that_comes_as_patience_ends_is_kept() {
        let mut state = QueueState { tickets: VecDeque::from([2, 3]), issued: 3 };
        state.move_behind_holder(2);
        assert_eq!(state.tickets, [2, 3]);
        state.tickets.push_front(1);
        state.move_behind_holder(3);
        assert_eq!(state.tickets, [1, 3, 2]);
    }

    #[test]
    fn a_turn_that_ends_as_patience_does_stalls_no_caller() {
        let queue = WriteQueue::default();
        let first = queue.take(LONG).unwrap();
        // The leader's patience ends. The previous turn ends before the leader takes the lock
        // again.
        let (leader, has_come) = queue.enqueue(Duration::ZERO);
        assert!(!has_come);
        let (served, order) = channel();
        std::thread::scope(|scope| {
            scope.spawn(|| {
                let _turn = queue.take(LONG).unwrap();
                served.send("other").unwrap();
            });
            while queue.state().tickets.len() < 3 {
                std::thread::yield_now();
            }
            drop(first);
            let turn = queue.take_now_or_next(leader, Duration::ZERO).unwrap();
            served.send("leader").unwrap();
            drop(turn);
        });
        assert_eq!(order.try_iter().collect::<Vec<_>>(), ["leader", "other"]);
    }

    #[test]
    fn a_caller_that_gives_up_delays_no_other() {
        let queue = WriteQueue::default();
        let first = queue.take(LONG).unwrap();
        assert!(queue.take(Duration::ZERO).is_none());
        drop(first);
        assert!(queue.take(Duration::ZERO).is_some());
    }
}
