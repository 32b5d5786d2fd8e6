//! The port through which work outside asks whether the run still holds the lease.

use futures_util::future::BoxFuture;

/// Asks the run before work outside takes effect where no guard of the store protects.
pub trait LeaseCheck: Send + Sync {
    /// Returns false if another run has taken over, or if the run has ended. The answer is as of
    /// now: what is done with it should follow immediately.
    fn is_held(&self) -> BoxFuture<'static, bool>;
}
