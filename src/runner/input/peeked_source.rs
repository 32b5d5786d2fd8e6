//! A source whose first record was read before the run writes anything.
//!
//! In scope: keeping that record for the run. Out of scope: when a source is read so early
//! (`runner::source_checks`).

use futures_util::future::BoxFuture;

use crate::port::source::{Record, Source, SourceError};
use crate::port::source_layer::SourceLayer;

/// A source of which the first record has been read.
pub(crate) struct PeekedSource {
    inner: Box<dyn Source>,
    first: FirstRead,
}

/// What was read.
enum FirstRead {
    /// A record, or the end, which the run has not taken yet.
    Waiting(Option<Record>),
    Taken,
}

impl PeekedSource {
    /// Reads the first record of a source that nothing was read of. Fails if it can't be read.
    pub(crate) async fn read(mut inner: Box<dyn Source>) -> Result<Self, SourceError> {
        let first = inner.next().await?;
        Ok(Self { inner, first: FirstRead::Waiting(first) })
    }
}

impl SourceLayer for PeekedSource {
    fn inner(&self) -> &dyn Source {
        self.inner.as_ref()
    }

    fn inner_mut(&mut self) -> &mut dyn Source {
        self.inner.as_mut()
    }

    fn next_in_layer(&mut self) -> BoxFuture<'_, Result<Option<Record>, SourceError>> {
        // The record is taken when the future is polled, so that one that is dropped before loses none.
        Box::pin(async move {
            match std::mem::replace(&mut self.first, FirstRead::Taken) {
                FirstRead::Waiting(first) => Ok(first),
                FirstRead::Taken => self.inner.next().await,
            }
        })
    }

    fn rewind_in_layer(&mut self) -> Result<(), SourceError> {
        self.first = FirstRead::Taken;
        self.inner.rewind()
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;
    use serde_json::Value;

    use super::*;
    use crate::ledger::items::item::Position;

    /// The numbers from 1 to 3.
    struct NumberSource {
        last: u64,
    }

    impl Source for NumberSource {
        fn next(&mut self) -> BoxFuture<'_, Result<Option<Record>, SourceError>> {
            self.last += 1;
            let position = Position { origin: "numbers".into(), record: self.last, line: None };
            let record = Record { body: Ok(Value::from(self.last)), bytes: Vec::new(), position, cursor: None };
            Box::pin(async move { Ok((record.position.record <= 3).then_some(record)) })
        }

        fn is_rereadable(&self) -> bool {
            true
        }

        fn rewind(&mut self) -> Result<(), SourceError> {
            self.last = 0;
            Ok(())
        }

        fn progress(&self) -> Option<(u64, u64)> {
            None
        }
    }

    fn read_to_end(source: &mut PeekedSource) -> Vec<u64> {
        let next = || source.next().now_or_never()?.expect("a source that does not fail");
        std::iter::from_fn(next).map(|record| record.position.record).collect()
    }

    #[tokio::test]
    async fn a_read_that_is_given_up_loses_no_record() {
        let mut source = PeekedSource::read(Box::new(NumberSource { last: 0 })).await.expect("a source");
        drop(source.next());
        assert_eq!(read_to_end(&mut source), [1, 2, 3]);
        source.rewind().expect("numbers can be read again");
        assert_eq!(read_to_end(&mut source), [1, 2, 3]);
    }

    #[tokio::test]
    async fn a_second_pass_does_not_repeat_the_early_record() {
        let mut source = PeekedSource::read(Box::new(NumberSource { last: 0 })).await.expect("a source");
        source.rewind().expect("numbers can be read again");
        assert_eq!(read_to_end(&mut source), [1, 2, 3]);
    }
}
