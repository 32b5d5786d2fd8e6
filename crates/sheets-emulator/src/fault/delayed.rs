//! Writes that are lost on their way and arrive late.
//!
//! In scope: when each write arrives.
//! Out of scope: which writes are delayed (`inject`), applying them (`emulator`).

use crate::api::call::ApiRequest;

#[derive(Debug, Clone)]
struct DelayedWrite {
    call: ApiRequest,
    /// Other writes that are applied before it.
    after: u32,
}

/// Writes on their way, in the order in which they were sent.
#[derive(Debug, Default)]
pub(crate) struct DelayedWrites {
    pending: Vec<DelayedWrite>,
}

impl DelayedWrites {
    /// Delays a write until this many other writes have been applied.
    pub(crate) fn delay(&mut self, call: ApiRequest, after: u32) {
        self.pending.push(DelayedWrite { call, after: after.max(1) });
    }

    /// Counts an applied write. Returns the delayed writes that arrive after it.
    pub(crate) fn count_applied(&mut self) -> Vec<ApiRequest> {
        for late in &mut self.pending {
            late.after = late.after.saturating_sub(1);
        }
        let (arrived, left): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.pending).into_iter().partition(|late| late.after == 0);
        self.pending = left;
        arrived.into_iter().map(|late| late.call).collect()
    }

    /// Returns all delayed writes.
    pub(crate) fn take_all(&mut self) -> Vec<ApiRequest> {
        std::mem::take(&mut self.pending).into_iter().map(|late| late.call).collect()
    }

    /// Returns the number of delayed writes.
    pub(crate) fn len(&self) -> usize {
        self.pending.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::call::QueryParams;

    fn call(path: &str) -> ApiRequest {
        ApiRequest {
            method: hyper::Method::POST,
            path: path.into(),
            query: QueryParams::default(),
            host: String::new(),
            authorization: None,
            content: crate::api::call::ContentHeaders::default(),
            body: bytes::Bytes::new(),
        }
    }

    #[test]
    fn a_late_write_arrives_after_the_set_number_of_others() {
        let mut late = DelayedWrites::default();
        late.delay(call("a"), 2);
        late.delay(call("b"), 1);
        let paths = |calls: Vec<ApiRequest>| calls.into_iter().map(|call| call.path).collect::<Vec<_>>();
        assert_eq!(paths(late.count_applied()), ["b"]);
        assert_eq!(paths(late.count_applied()), ["a"]);
        late.delay(call("c"), 5);
        assert_eq!((late.len(), paths(late.take_all()), late.len() == 0), (1, vec!["c".to_owned()], true));
    }
}
