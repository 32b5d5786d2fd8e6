//! What a job's rows would look like, for whoever has to know before anything is written.

use futures_util::future::BoxFuture;

/// Looks ahead into the source.
pub trait Preview: Send + Sync {
    /// The columns of the first row that the job would write, as far as that can be known without changing anything.
    fn columns(&self) -> BoxFuture<'_, Option<Vec<String>>>;
}
