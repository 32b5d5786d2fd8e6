//! Calls through the hub of google-sheets4: their deadline, and what their results mean.
//!
//! Out of scope: retries (`calls::caller`), the classes of errors (`errors::classify`).

use google_sheets4::common;

use crate::calls::deadline::with_timeout;
use crate::errors::classify::{AttemptFailure, HubResponseObserver, ResponseMeta};
use crate::errors::unknown_outcome::UnknownOutcome;
use crate::sheets::Sheets;

impl Sheets {
    /// Runs a hub call under the deadline for a whole response. Records whether a response was cut
    /// off during the call because it was too long.
    pub(super) async fn with_deadline<T>(&self, work: impl Future<Output = common::Result<T>>) -> HubResult<T> {
        let oversized = self.connector.oversized_count();
        let result = with_timeout(&*self.clock, self.deadlines.call.saturating_add(self.deadlines.body), work).await;
        HubResult { result, is_truncated: self.connector.oversized_count() > oversized }
    }

    /// Classifies the result of a hub call.
    pub(super) fn classify_hub_result<T>(
        &self,
        result: HubResult<(common::Response, T)>,
        observer: &HubResponseObserver,
    ) -> Result<T, AttemptFailure> {
        match result.result? {
            Ok((response, value)) => {
                self.caller.record_service_time(ResponseMeta::read(response.headers(), self.clock.now()));
                Ok(value)
            }
            // The hub reports a truncated body as an empty one, so only the connector's own count
            // shows the cause.
            Err(_) if result.is_truncated => Err(UnknownOutcome::Oversized { limit_bytes: self.response_limit }.into()),
            Err(error) => {
                self.caller.record_service_time(observer.meta.unwrap_or_default());
                Err(observer.classify_hub_error(error))
            }
        }
    }
}

/// The result of a call through the hub, and whether its response was cut off as too long.
pub(super) struct HubResult<T> {
    result: Result<common::Result<T>, UnknownOutcome>,
    is_truncated: bool,
}
