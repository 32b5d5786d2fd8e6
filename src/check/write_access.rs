//! Whether the account may write, by one batch that leaves nothing behind.
//!
//! In scope: a hidden tab of 40 rows that one batch adds and deletes. A batch is applied whole or
//! not at all, so no reader ever sees the tab. Out of scope: protected ranges, which only a run
//! touches.

use std::sync::Arc;

use crate::check::report::{CheckItem, StartBlocker, Subject};
use crate::clock::Clock;
use crate::port::store::StoreError;
use crate::rng::Rng;
use crate::sheets_client::sheets::Sheets;
use crate::sheets_client::types::address::SpreadsheetId;
use crate::sheets_client::types::requests::{Batch, Request};
use crate::store::probe::client::{ProbeClient, ProbeFailure, SentBatch};

/// Sends the batch and returns the line about it.
pub async fn check_write(
    sheets: Arc<Sheets>,
    id: SpreadsheetId,
    clock: Arc<dyn Clock>,
    rng: Arc<dyn Rng>,
) -> CheckItem {
    let subject = Subject::Spreadsheet;
    let refused = |error: StoreError| CheckItem::new_problem(subject, StartBlocker::from(error));
    let client = match ProbeClient::open(sheets, id, clock, rng).await {
        Ok(client) => client,
        Err(error) => return refused(error),
    };
    let tab = client.new_tab();
    let batch = Batch::new(vec![tab.add(), Request::DeleteSheet { sheet_id: tab.id }]);
    match client.send(batch).await {
        Ok(SentBatch::Applied(_)) => {
            CheckItem::new_expected(subject, "it can be written: one batch added a scratch tab and deleted it again")
        }
        Ok(SentBatch::Refused(refusal)) => {
            report_unknown_access(&format!("the service refused the scratch tab: {refusal}"))
        }
        Err(ProbeFailure::Impossible(error)) => refused(error),
        Err(ProbeFailure::ResponseLost(why) | ProbeFailure::Inconclusive(why)) => report_unknown_access(&why),
    }
}

fn report_unknown_access(why: &str) -> CheckItem {
    let what = format!("whether it can be written is not known: {why}");
    CheckItem::new_warning(Subject::Spreadsheet, what, Some("check --write once more"))
}
