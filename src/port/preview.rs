//! A preview of a job's rows, for checks before anything is written.

use futures_util::future::BoxFuture;

/// Computes a preview from the source.
pub trait Preview: Send + Sync {
    /// Returns the columns of the first row that the job would write, as far as they can be
    /// computed without side effects.
    fn columns(&self) -> BoxFuture<'_, Option<Vec<String>>>;
}
