//! The connections that are served at once. Where all seats are taken, whoever has been idle for longest gives its own to who comes.
//!
//! In scope: who has a seat, who has to leave. Out of scope: bytes, and how long an idle connection may stay where there is room (`server`).
//!
//! So connections that say nothing, or a letter a minute, keep nobody out, however many they are. One whose call is being done is not
//! sent away.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

/// The seats of a server.
#[derive(Debug)]
pub(crate) struct ConnectionSlots {
    limit: usize,
    state: Mutex<SlotsState>,
    changed: Notify,
}

#[derive(Debug, Default)]
struct SlotsState {
    taken: BTreeMap<u64, SlotState>,
    /// Grows with all that happens: what is lower happened before.
    moment: u64,
}

#[derive(Debug)]
struct SlotState {
    /// When it was last heard of.
    last_request: u64,
    /// Its calls that are being done.
    calls: u32,
    has_called: bool,
    leave: CancellationToken,
}

impl SlotsState {
    fn next(&mut self) -> u64 {
        self.moment += 1;
        self.moment
    }

    /// The one that has been idle for longest.
    fn longest_idle(&self) -> Option<u64> {
        let idle = self.taken.iter().filter(|(_, taken)| taken.calls == 0);
        idle.min_by_key(|(_, taken)| taken.last_request).map(|(slot, _)| *slot)
    }
}

/// A seat; free again when this is dropped.
#[derive(Debug)]
pub(crate) struct ConnectionSlot {
    slots: Arc<ConnectionSlots>,
    number: u64,
    leave: CancellationToken,
}

/// A call that is being done; it is over when this is dropped.
#[derive(Debug)]
pub(crate) struct ActiveCall(Arc<ConnectionSlot>);

impl ConnectionSlots {
    /// So many seats, all free.
    pub(crate) fn new(limit: usize) -> Arc<Self> {
        Arc::new(Self { limit, state: Mutex::default(), changed: Notify::new() })
    }

    fn state(&self) -> MutexGuard<'_, SlotsState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A seat: a free one, or that of whoever has been idle for longest. Waits only while all are at work.
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
            let gone = state.longest_idle()?;
            state.evict(gone);
        }
        let (number, leave) = (state.next(), CancellationToken::new());
        let taken = SlotState { last_request: number, calls: 0, has_called: false, leave: leave.clone() };
        state.taken.insert(number, taken);
        Some(ConnectionSlot { slots: Arc::clone(self), number, leave })
    }

    /// Sends away whoever has been idle for longest: where the system itself has no room for more.
    pub(crate) fn evict_idle(&self) {
        let mut state = self.state();
        if let Some(gone) = state.longest_idle() {
            state.evict(gone);
        }
    }
}

impl SlotsState {
    fn evict(&mut self, slot: u64) {
        if let Some(taken) = self.taken.remove(&slot) {
            taken.leave.cancel();
        }
    }
}

impl ConnectionSlot {
    /// Resolves when the seat is somebody else's.
    pub(crate) async fn evicted(&self) {
        self.leave.cancelled().await;
    }

    /// Whether a call has come over it so far.
    pub(crate) fn has_called(&self) -> bool {
        self.slots.state().taken.get(&self.number).is_some_and(|taken| taken.has_called)
    }

    /// A call begins to arrive.
    pub(crate) fn on_request(&self) {
        let mut state = self.slots.state();
        let now = state.next();
        if let Some(taken) = state.taken.get_mut(&self.number) {
            (taken.last_request, taken.has_called) = (now, true);
        }
    }

    /// A call has arrived whole, and is being done until what comes back is dropped.
    pub(crate) fn begin_call(self: &Arc<Self>) -> ActiveCall {
        if let Some(taken) = self.slots.state().taken.get_mut(&self.number) {
            taken.calls += 1;
        }
        ActiveCall(Arc::clone(self))
    }
}

impl Drop for ActiveCall {
    fn drop(&mut self) {
        self.0.on_request();
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
        first.on_request();
        let work = first.begin_call();
        let third = slots.acquire().await;
        assert!(second.evicted().now_or_never().is_some(), "the second has said nothing");
        drop(second);
        let fourth = slots.acquire().await;
        assert!(third.evicted().now_or_never().is_some() && first.evicted().now_or_never().is_none());
        drop((third, fourth, work));
        let _others = (slots.acquire().await, slots.acquire().await);
        assert!(first.evicted().now_or_never().is_some(), "its call is over");
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
