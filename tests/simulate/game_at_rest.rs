//! The end of each round of a game: a run without faults and edits, and what has to be there then.

use serde_json::{Value, json};
use sheetkeep::ledger::runs::event::RunReport;
use sheetkeep::runner::run_config::RunError;

use super::{Game, RunEnd};
use crate::emulator_proxy::data_tab::DataTab;
use crate::machine::FaultPlan;
use crate::observation::{ExpectedEnd, OWN_ROW_TEXT};

/// Runs until one finds the lease free when nothing happens any more.
const MAX_QUIET_RUNS: u32 = 8;

impl Game {
    /// Nothing happens any more: one run ends well, and what is there is all that should be.
    pub(super) async fn run_at_rest(&self) -> Result<(), String> {
        let machine = &self.machines[0];
        for _ in 0..MAX_QUIET_RUNS {
            match self.run(machine, FaultPlan { latency_ms: 20, ..FaultPlan::default() }).await {
                RunEnd::Finished(report) => {
                    self.clear_named_rows().await;
                    return self.check_at_rest(&report).await;
                }
                RunEnd::Failed(RunError::LeaseHeld { .. }) => self.wait(self.ttl_ms / 2 + 1_000).await,
                RunEnd::Failed(error) => {
                    self.name_equal_row(&error.to_string())
                        .await
                        .map_err(|why| format!("the quiet run: {why}: {error}"))?;
                }
                RunEnd::Crashed => return Err("no crash was asked for".to_owned()),
            }
        }
        Err("the lease is never free".to_owned())
    }

    /// The person does what a stop asks for: of two rows that show the same she keeps one, by a
    /// text in the key's column.
    async fn name_equal_row(&self, message: &str) -> Result<(), String> {
        let proxy = self.proxy.as_ref().ok_or("this game has no editor")?;
        let (shown, _) = message.split_once(" could each be one that a write filled").ok_or("no advice")?;
        let numbers = shown.rsplit("rows ").next().unwrap_or_default().split(" and ");
        let rows: Vec<usize> = numbers.filter_map(|number| number.parse::<usize>().ok()?.checked_sub(1)).collect();
        let data_tab = proxy.read_data_tab().await.ok_or("there is no data tab")?;
        let texts = |row: usize| (0..data_tab.width()).map(|column| data_tab.text(row, column)).collect::<Vec<_>>();
        let ([one, other], Some(key)) = (rows.as_slice(), data_tab.column("id")) else {
            return Err("no two rows".into());
        };
        if texts(*one) != texts(*other) {
            return Err(format!("{:?} and {:?} are not alike", texts(*one), texts(*other)));
        }
        proxy.edit_sheet(json!([make_cell_request(&data_tab, *one, key, &json!({"stringValue": OWN_ROW_TEXT}))])).await;
        Ok(())
    }

    /// Once the run has gone on, she takes the text away again.
    async fn clear_named_rows(&self) {
        let Some(proxy) = &self.proxy else { return };
        let Some((data_tab, key)) =
            proxy.read_data_tab().await.and_then(|data_tab| data_tab.column("id").map(|key| (data_tab, key)))
        else {
            return;
        };
        let named = (1..data_tab.rows.len()).filter(|&row| data_tab.text(row, key) == OWN_ROW_TEXT);
        let requests: Vec<Value> = named.map(|row| make_cell_request(&data_tab, row, key, &Value::Null)).collect();
        if !requests.is_empty() {
            proxy.edit_sheet(json!(requests)).await;
        }
    }

    async fn check_at_rest(&self, report: &RunReport) -> Result<(), String> {
        let observation = self.backend.observe().await;
        let deleted_keys = self
            .proxy
            .as_ref()
            .map(|proxy| proxy.editor.lock().expect("no thread panics while it holds it").deleted_keys.clone());
        let whole = ExpectedEnd {
            due_versions: &self.due_versions,
            failing_versions: &self.failing_versions,
            deleted_keys: &deleted_keys.unwrap_or_default(),
            last_run: &report.run.id,
        };
        self.record.check_at_rest(&observation, &whole);
        self.record.check_no_violation()
    }

    /// A run over what was done already does nothing.
    pub(super) async fn run_unchanged_source(&self) -> Result<(), String> {
        for _ in 0..MAX_QUIET_RUNS {
            match self.run(&self.machines[0], FaultPlan { latency_ms: 20, ..FaultPlan::default() }).await {
                RunEnd::Finished(report)
                    if report.run.counts.new == 0 && report.repeats.keys == self.repeated_keys.len() as u64 =>
                {
                    return self.record.check_no_violation();
                }
                RunEnd::Finished(report) => {
                    return Err(format!("an unchanged source, and {:?}, {:?}", report.run.counts, report.repeats));
                }
                RunEnd::Failed(RunError::LeaseHeld { .. }) => self.wait(self.ttl_ms / 2 + 1_000).await,
                RunEnd::Failed(error) => return Err(format!("the run over an unchanged source: {error}")),
                RunEnd::Crashed => return Err("no crash was asked for".to_owned()),
            }
        }
        Err("the lease is never free".to_owned())
    }
}

/// What a person types into one cell; nothing empties it.
fn make_cell_request(data_tab: &DataTab, row: usize, column: usize, value: &Value) -> Value {
    let start = json!({"sheetId": data_tab.id, "rowIndex": row, "columnIndex": column});
    let cell = if value.is_null() { json!({}) } else { json!({"userEnteredValue": value}) };
    json!({"updateCells": {"start": start, "rows": [{"values": [cell]}], "fields": "userEnteredValue"}})
}
