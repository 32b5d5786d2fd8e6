//! Limits the bytes of all request bodies that are held at the same time.
//!
//! In scope: counting bytes, rejecting what exceeds the limit.
//! Out of scope: the limit of one body, and how it is read (`server`).
//!
//! A body counts with the bytes that arrived, not with its announced length. A client that
//! announces much and sends nothing therefore blocks no other. The first bytes of each body are
//! free, so that small calls always pass; the number of connections is limited.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Free bytes of each body.
const FREE_BYTES: u64 = 64 << 10;

/// The budget of a server.
#[derive(Debug)]
pub(crate) struct BodyBudget {
    limit: u64,
    held: Mutex<u64>,
}

/// The bytes of one body. They count until this value is dropped.
#[derive(Debug)]
pub(crate) struct BodyShare {
    bodies: Arc<BodyBudget>,
    bytes: u64,
}

impl BodyBudget {
    /// Creates a budget of this many bytes, beside the free ones.
    pub(crate) fn new(limit: u64) -> Arc<Self> {
        Arc::new(Self { limit, held: Mutex::default() })
    }

    /// Starts to count a body.
    pub(crate) fn begin(self: &Arc<Self>) -> BodyShare {
        BodyShare { bodies: Arc::clone(self), bytes: 0 }
    }

    fn held(&self) -> MutexGuard<'_, u64> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl BodyShare {
    /// Counts further bytes. Returns false, and does not count them, if the budget is exceeded.
    pub(crate) fn grow(&mut self, bytes: usize) -> bool {
        let grown = self.bytes.saturating_add(bytes as u64);
        let more = count_charged_bytes(grown) - count_charged_bytes(self.bytes);
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
        *self.bodies.held() -= count_charged_bytes(self.bytes);
    }
}

fn count_charged_bytes(bytes: u64) -> u64 {
    bytes.saturating_sub(FREE_BYTES)
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
