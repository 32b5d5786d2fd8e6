//! Limits the number of connections. If all slots are taken, the connection that was idle for
//! longest is closed.
//!
//! In scope: which connections have a slot, which is evicted.
//! Out of scope: bytes, idle timeouts (`server`).
//!
//! Silent or slow connections therefore block no client, however many they are. A connection with
//! an active call is never evicted.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

/// The slots of a server.
#[derive(Debug)]
pub(crate) struct ConnectionSlots {
    limit: usize,
    state: Mutex<SlotsState>,
    changed: Notify,
}

#[derive(Debug, Default)]
struct SlotsState {
    taken: BTreeMap<u64, SlotState>,
    /// A logical clock: a lower number is an earlier event.
    event_clock: u64,
}

#[derive(Debug)]
struct SlotState {
    /// When its last request began.
    last_request: u64,
    /// Its active calls.
    calls: u32,
    has_called: bool,
    eviction: CancellationToken,
}

impl SlotsState {
    fn next_event(&mut self) -> u64 {
        self.event_clock += 1;
        self.event_clock
    }

    /// Returns the connection that was idle for longest.
    fn find_longest_idle(&self) -> Option<u64> {
        let idle = self.taken.iter().filter(|(_, taken)| taken.calls == 0);
        idle.min_by_key(|(_, taken)| taken.last_request).map(|(slot, _)| *slot)
    }
}

/// A slot. Dropping it frees the slot.
#[derive(Debug)]
pub(crate) struct ConnectionSlot {
    slots: Arc<ConnectionSlots>,
    number: u64,
    eviction: CancellationToken,
}

/// An active call. It ends when this value is dropped.
#[derive(Debug)]
pub(crate) struct ActiveCall(Arc<ConnectionSlot>);

impl ConnectionSlots {
    /// Creates this many free slots.
    pub(crate) fn new(limit: usize) -> Arc<Self> {
        Arc::new(Self { limit, state: Mutex::default(), changed: Notify::new() })
    }

    fn state(&self) -> MutexGuard<'_, SlotsState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns a free slot, or evicts the connection that was idle for longest. Waits while all
    /// connections have active calls.
    pub(crate) async fn acquire(self: &Arc<Self>) -> ConnectionSlot {
        loop {
            let changed = self.changed.notified();
            if let Some(slot) = self.try_acquire() {
                return slot;
            }
            changed.await;
        }
    }

    fn try_acquire(self: &Arc<Self>) -> Option<ConnectionSlot> {
        let mut state = self.state();
        if state.taken.len() >= self.limit {
            let idle = state.find_longest_idle()?;
            state.evict(idle);
        }
        let (number, eviction) = (state.next_event(), CancellationToken::new());
        let taken = SlotState { last_request: number, calls: 0, has_called: false, eviction: eviction.clone() };
        state.taken.insert(number, taken);
        Some(ConnectionSlot { slots: Arc::clone(self), number, eviction })
    }

    /// Evicts the connection that was idle for longest, if the system itself has no room for more.
    pub(crate) fn evict_idle(&self) {
        let mut state = self.state();
        if let Some(idle) = state.find_longest_idle() {
            state.evict(idle);
        }
    }
}

impl SlotsState {
    fn evict(&mut self, slot: u64) {
        if let Some(taken) = self.taken.remove(&slot) {
            taken.eviction.cancel();
        }
    }
}

impl ConnectionSlot {
    /// Resolves when the slot was given to another connection.
    pub(crate) async fn wait_for_eviction(&self) {
        self.eviction.cancelled().await;
    }

    /// Returns whether a call has arrived on the connection.
    pub(crate) fn has_called(&self) -> bool {
        self.slots.state().taken.get(&self.number).is_some_and(|taken| taken.has_called)
    }

    /// Records that a call begins to arrive.
    pub(crate) fn record_request(&self) {
        let mut state = self.slots.state();
        let now = state.next_event();
        if let Some(taken) = state.taken.get_mut(&self.number) {
            (taken.last_request, taken.has_called) = (now, true);
        }
    }

    /// Records that a call has arrived. It is active until the returned value is dropped.
    pub(crate) fn begin_call(self: &Arc<Self>) -> ActiveCall {
        if let Some(taken) = self.slots.state().taken.get_mut(&self.number) {
            taken.calls += 1;
        }
        ActiveCall(Arc::clone(self))
    }
}

impl Drop for ActiveCall {
    fn drop(&mut self) {
        self.0.record_request();
        if let Some(taken) = self.0.slots.state().taken.get_mut(&self.0.number) {
            taken.calls = taken.calls.saturating_sub(1);
        }
        self.0.slots.changed.notify_waiters();
    }
}

impl Drop for ConnectionSlot {
    fn drop(&mut self) {
        self.slots.state().taken.remove(&self.number);
        self.slots.changed.notify_waiters();
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    #[tokio::test]
    async fn who_has_been_idle_for_longest_makes_room_and_who_works_stays() {
        let slots = ConnectionSlots::new(2);
        let (first, second) = (Arc::new(slots.acquire().await), Arc::new(slots.acquire().await));
        first.record_request();
        let work = first.begin_call();
        let third = slots.acquire().await;
        assert!(second.wait_for_eviction().now_or_never().is_some(), "the second has said nothing");
        drop(second);
        let fourth = slots.acquire().await;
        assert!(
            third.wait_for_eviction().now_or_never().is_some() && first.wait_for_eviction().now_or_never().is_none()
        );
        drop((third, fourth, work));
        let _others = (slots.acquire().await, slots.acquire().await);
        assert!(first.wait_for_eviction().now_or_never().is_some(), "its call is over");
    }

    #[tokio::test]
    async fn where_all_work_who_comes_waits() {
        let slots = ConnectionSlots::new(1);
        let only = Arc::new(slots.acquire().await);
        let work = only.begin_call();
        let mut next = Box::pin(slots.acquire());
        assert!(next.as_mut().now_or_never().is_none());
        drop(work);
        assert!(next.now_or_never().is_some());
    }
}
