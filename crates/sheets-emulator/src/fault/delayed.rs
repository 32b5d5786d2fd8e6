//! Writes that were lost on their way and arrive late.
//!
//! In scope: which of them arrive when. Out of scope: losing them (`fault`), carrying them out (`service`).

use crate::api::call::ApiRequest;

/// A write under way.
#[derive(Debug, Clone)]
struct DelayedWrite {
    call: ApiRequest,
    /// Writes of others that come before it.
    after: u32,
}

/// Writes under way, in the order in which they were sent.
#[derive(Debug, Default)]
pub(crate) struct DelayedWrites {
    under_way: Vec<DelayedWrite>,
}

impl DelayedWrites {
    /// A write is lost for now; it arrives when so many others have been applied.
    pub(crate) fn lose(&mut self, call: ApiRequest, after: u32) {
        self.under_way.push(DelayedWrite { call, after: after.max(1) });
    }

    /// A write was applied: those that arrive right after it.
    pub(crate) fn applied(&mut self) -> Vec<ApiRequest> {
        for late in &mut self.under_way {
            late.after = late.after.saturating_sub(1);
        }
        let (arrived, left): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.under_way).into_iter().partition(|late| late.after == 0);
        self.under_way = left;
        arrived.into_iter().map(|late| late.call).collect()
    }

    /// All of them arrive now.
    pub(crate) fn all(&mut self) -> Vec<ApiRequest> {
        std::mem::take(&mut self.under_way).into_iter().map(|late| late.call).collect()
    }

    /// How many are under way.
    pub(crate) fn len(&self) -> usize {
        self.under_way.len()
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
            body: bytes::Bytes::new(),
        }
    }

    #[test]
    fn a_late_write_arrives_after_as_many_others_as_it_was_told() {
        let mut late = DelayedWrites::default();
        late.lose(call("a"), 2);
        late.lose(call("b"), 1);
        let paths = |calls: Vec<ApiRequest>| calls.into_iter().map(|call| call.path).collect::<Vec<_>>();
        assert_eq!(paths(late.applied()), ["b"]);
        assert_eq!(paths(late.applied()), ["a"]);
        late.lose(call("c"), 5);
        assert_eq!((late.len(), paths(late.all()), late.len() == 0), (1, vec!["c".to_owned()], true));
    }
}
