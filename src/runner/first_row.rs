//! Computes rows without a run: what steps without outside effects make of a record, and the
//! columns of a job's first row.
//!
//! In scope: the first records of a source that can be read again.
//! Out of scope: when it is needed (`store::load::loader`, for a tab that may be another table),
//! and the run (`runner::run_loop`).

use std::sync::Arc;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use serde_json::Value;
use tokio_util::sync::CancellationToken;

use crate::ledger::items::key::{Key, Version};
use crate::ledger::leases::lease::Fence;
use crate::ledger::rows::row_builder::build_row;
use crate::ledger::rows::table_header::{KeyColumn, choose_key_column};
use crate::ledger::values::columns::Columns;
use crate::port::preview::Preview;
use crate::port::source::{Source, SourceError};
use crate::port::step::{KeyFinder, Step, StepContext};

/// Maximum number of records to try.
const MAX_RECORDS: u32 = 20;

/// Opens the source once more.
pub type OpenSource = Box<dyn Fn() -> Result<Box<dyn Source>, SourceError> + Send + Sync>;

/// A preview of the job's first row.
pub struct FirstRow {
    /// Opens the source.
    pub open: OpenSource,
    /// The steps, in order.
    pub steps: Vec<Arc<dyn Step>>,
    /// Finds keys and versions.
    pub key_finder: Arc<dyn KeyFinder>,
    /// The types of columns.
    pub columns: Columns,
    /// The key expression.
    pub key_expression: String,
    /// The key column that the job file names.
    pub key_column: Option<String>,
}

impl Preview for FirstRow {
    fn columns(&self) -> BoxFuture<'_, Option<Vec<String>>> {
        self.find_columns().boxed()
    }
}

impl FirstRow {
    async fn find_columns(&self) -> Option<Vec<String>> {
        if self.steps.iter().any(|step| step.has_outside_effects()) {
            return None;
        }
        let mut source = (self.open)().ok().filter(|source| source.is_rereadable())?;
        for _ in 0..MAX_RECORDS {
            let record = source.next().await.ok()??;
            let Ok(body) = record.body else { continue };
            let Ok((key, version)) = self.key_finder.identify(&body).await else { continue };
            if let Some(columns) = self.make_columns(body, &key, version).await {
                return Some(columns);
            }
        }
        None
    }

    /// Returns the columns of a record's first row; `None` if it makes none.
    async fn make_columns(&self, body: Value, key: &Key, version: Version) -> Option<Vec<String>> {
        let values = run_steps(&self.steps, body, key, version).await?;
        let row = build_row(values.into_iter().next()?, &self.columns).ok()?;
        let added = self.key_column.is_none() && choose_key_column(&self.key_expression, &row, key) == KeyColumn::Added;
        let key_column = added.then(|| KeyColumn::Added.name().to_owned());
        Some(key_column.into_iter().chain(row.cells.into_iter().map(|(name, _)| name)).collect())
    }
}

/// Runs steps on a record outside a run: once, without an idempotency key and without a lease.
/// Returns the values that they make, or `None` if one of them fails. The steps must not have
/// outside effects.
pub async fn run_steps(steps: &[Arc<dyn Step>], body: Value, key: &Key, version: Version) -> Option<Vec<Value>> {
    let context = StepContext {
        key: key.clone(),
        version,
        idempotency_key: String::new(),
        fence: Fence::default(),
        attempt: 1,
        deadline: None,
        cancel: CancellationToken::new(),
    };
    let mut values = vec![body];
    for step in steps {
        let mut made = Vec::new();
        for value in values {
            made.extend(step.run(value, &context).await.ok()?);
        }
        values = made;
    }
    Some(values)
}
