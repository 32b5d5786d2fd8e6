//! What a store under test runs on. A test can read it without the store, and can lose answers.

use std::collections::BTreeMap;
use std::sync::Arc;

use futures_util::future::BoxFuture;
use sheetkeep::clock::Clock;
use sheetkeep::port::store::Store;

/// Texts of a row by column; empty cells are left out.
pub type RowTexts = BTreeMap<String, String>;

/// All that people would see.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StoreContents {
    pub data: Vec<RowTexts>,
    pub processed: Vec<RowTexts>,
    pub failures: Vec<RowTexts>,
    pub runs: Vec<RowTexts>,
}

impl StoreContents {
    /// One column of rows, in order.
    pub fn column(rows: &[RowTexts], column: &str) -> Vec<String> {
        rows.iter().map(|row| row.get(column).cloned().unwrap_or_default()).collect()
    }

    /// One column of rows, sorted.
    pub fn sorted(rows: &[RowTexts], column: &str) -> Vec<String> {
        let mut texts = Self::column(rows, column);
        texts.sort();
        texts
    }
}

/// What becomes of the next commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CommitLoss {
    /// It is applied, and its answer is lost.
    Answer,
    /// It never arrives.
    Request,
}

/// What the store of one job runs on, without contents at first.
pub trait StoreFixture: Send + Sync {
    /// Another machine's store of this job.
    fn store(&self) -> Arc<dyn Store>;

    /// The job.
    fn job(&self) -> &str;

    /// Its data tab.
    fn tab(&self) -> &str;

    /// The clock that everything here follows.
    fn clock(&self) -> Arc<dyn Clock>;

    /// What is there.
    fn contents(&self) -> BoxFuture<'_, StoreContents>;

    /// A person writes into `action` of a failure's only row; false where this fixture can't do that.
    fn write_action<'a>(&'a self, key: &'a str, text: &'a str) -> BoxFuture<'a, bool>;

    /// The next commit is lost so; false where this fixture can't do that.
    fn lose_next_commit(&self, loss: CommitLoss) -> bool;
}
