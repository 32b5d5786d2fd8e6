//! A store fixture in memory, with the reference store.

use std::sync::Arc;

use futures_util::future::BoxFuture;
use sheetkeep::clock::Clock;
use sheetkeep::grid::Cell;
use sheetkeep::ledger::items::failure::RequestedAction;
use sheetkeep::ledger::items::key::Key;
use sheetkeep::ledger::rows::row_codec::{FAILURES, RUNS, encode_failure_row, run_row};
use sheetkeep::port::store::Store;
use sheetkeep::store::memory::{InjectedFault, MemoryStore};

use crate::contract::store_fixture::{CommitLoss, RowTexts, StoreContents, StoreFixture};

/// The reference store of one job.
pub struct MemoryFixture {
    store: MemoryStore,
    clock: Arc<dyn Clock>,
}

impl MemoryFixture {
    /// An empty one.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self { store: MemoryStore::new(Arc::clone(&clock)), clock }
    }
}

impl StoreFixture for MemoryFixture {
    fn store(&self) -> Arc<dyn Store> {
        Arc::new(self.store.clone())
    }

    fn job(&self) -> &'static str {
        "j"
    }

    fn tab(&self) -> &'static str {
        "Data"
    }

    fn clock(&self) -> Arc<dyn Clock> {
        Arc::clone(&self.clock)
    }

    fn contents(&self) -> BoxFuture<'_, StoreContents> {
        let held = self.store.contents();
        let rows = held.data_tabs.get(self.tab()).map(|(_, rows)| rows.as_slice()).unwrap_or_default();
        let data =
            rows.iter().map(|row| row.cells.iter().filter_map(|(name, cell)| name_cell_text(name, cell)).collect());
        let processed = held.processed.iter().map(|(key, version, run)| {
            let cells = [("key", key.as_str()), ("version", &version.0), ("state", "done"), ("run", run)];
            cells.iter().filter_map(|(name, text)| name_cell_text(name, &Cell::text(*text))).collect()
        });
        let texts = |names: &[&str], row: Vec<Cell>| -> RowTexts {
            names.iter().zip(&row).filter_map(|(name, cell)| name_cell_text(name, cell)).collect()
        };
        let contents = StoreContents {
            data: data.collect(),
            processed: processed.collect(),
            failures: held.failures.iter().map(|failure| texts(&FAILURES, encode_failure_row(failure))).collect(),
            runs: held.runs.iter().map(|run| texts(&RUNS, run_row(run))).collect(),
        };
        Box::pin(async move { contents })
    }

    fn write_action<'a>(&'a self, key: &'a str, text: &'a str) -> BoxFuture<'a, bool> {
        let key = Key::new(key).expect("a key");
        self.store.edit_contents(|contents| match RequestedAction::parse(text) {
            Some(action) => drop(contents.requested_actions.insert(key, action)),
            None => drop(contents.unknown_actions.insert(key)),
        });
        Box::pin(std::future::ready(true))
    }

    fn lose_next_commit(&self, loss: CommitLoss) -> bool {
        self.store.inject_faults([Some(match loss {
            CommitLoss::Answer => InjectedFault::AppliedThenLost,
            CommitLoss::Request => InjectedFault::LostBefore,
        })]);
        true
    }
}

fn name_cell_text(name: &str, cell: &Cell) -> Option<(String, String)> {
    let text = match cell {
        Cell::Empty => return None,
        Cell::Text(text) | Cell::Formula(text) => text.clone(),
        Cell::Figure { value, .. } => value.map(|n| n.to_string()).unwrap_or_default(),
        Cell::Number(n) | Cell::Date(n) | Cell::DateTime(n) | Cell::Duration(n) => n.to_string(),
        Cell::Bool(b) => b.to_string().to_uppercase(),
    };
    (!text.is_empty()).then(|| (name.to_owned(), text))
}
