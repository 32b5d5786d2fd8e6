//! The bodies of all calls that are read or worked on, which together have a bound.
//!
//! In scope: counting bytes, and refusing what is too much. Out of scope: the bound of one body, and how it is read (`server`).
//!
//! A body counts by the bytes that have come, not by those that it announces: so who announces much and sends nothing keeps nobody out. The
//! first bytes of each are free, so that small calls go on whatever others send; there are only so many connections.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Bytes of each body that are free.
const FREE: u64 = 64 << 10;

/// The bodies of a server.
#[derive(Debug)]
pub(crate) struct BodyBudget {
    limit: u64,
    held: Mutex<u64>,
}

/// One body; its bytes count until this is dropped.
#[derive(Debug)]
pub(crate) struct BodyShare {
    bodies: Arc<BodyBudget>,
    bytes: u64,
}

impl BodyBudget {
    /// So many bytes for all of them, beside the free ones.
    pub(crate) fn new(limit: u64) -> Arc<Self> {
        Arc::new(Self { limit, held: Mutex::default() })
    }

    /// A body of which nothing has come yet.
    pub(crate) fn begin(self: &Arc<Self>) -> BodyShare {
        BodyShare { bodies: Arc::clone(self), bytes: 0 }
    }

    fn held(&self) -> MutexGuard<'_, u64> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl BodyShare {
    /// Counts so many bytes more; false where that is too much, and then they are not counted.
    pub(crate) fn grow(&mut self, bytes: usize) -> bool {
        let grown = self.bytes.saturating_add(bytes as u64);
        let more = paid(grown) - paid(self.bytes);
        let mut held = self.bodies.held();
        if *held + more > self.bodies.limit {
            return false;
        }
        *held += more;
        self.bytes = grown;
        true
    }
}

impl Drop for BodyShare {
    fn drop(&mut self) {
        *self.bodies.held() -= paid(self.bytes);
    }
}

fn paid(bytes: u64) -> u64 {
    bytes.saturating_sub(FREE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bodies_share_a_bound_and_small_ones_are_free() {
        let bodies = BodyBudget::new(1_000_000);
        let (mut first, mut second) = (bodies.begin(), bodies.begin());
        assert!(first.grow(900_000) && !second.grow(300_000), "together they are too much");
        assert!(second.grow(64 << 10), "which is free");
        drop(first);
        assert!(second.grow(900_000) && !second.grow(200_000));
        drop(second);
        assert_eq!(*bodies.held(), 0);
    }
}
