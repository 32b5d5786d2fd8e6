//! The service with the person before it: she acts between any two calls, or every so often, and the model sees each write.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use hyper::body::Incoming;
use hyper::{Request, Response};
use serde_json::{Value, json};
use sheetkeep::clock::Clock;
use sheetkeep::emulator::ResponseBody;
use sheetkeep::sheets_client::sheets::Sheets;
use tokio::sync::{Mutex, watch};

use crate::emulator_proxy::in_process::{connect_in_process, make_http_response, make_reset_error, read_api_request};
use crate::emulator_proxy::proxy::{EmulatorProxy, PlannedLoss, RequestMutation};
use crate::model::{ColumnContent, ColumnModel, TabModel};
use crate::random_editor::{PersonEdit, RandomEditor, make_cell_request, make_note_request};
use crate::tab_snapshot::TabSnapshot;

/// The heading of her column with the rows' stamps.
const STAMP_COLUMN: &str = "mine";

/// The person of a sheet, and what the model knows of it. A call or an edit locks all of it.
pub struct SheetState {
    pub model: TabModel,
    pub editor: RandomEditor,
    /// How likely she edits before a call; 0 to 1.
    pub edit_probability: f64,
    /// Whether she leaves columns where they are.
    pub keeps_columns: bool,
    pub planned_loss: Option<PlannedLoss>,
    /// What happened, in order.
    pub event_log: Vec<String>,
    pub edit_counts: BTreeMap<PersonEdit, u64>,
}

/// A spreadsheet, its person, and the way to it.
#[derive(Clone)]
pub struct SharedSheet {
    pub proxy: EmulatorProxy,
    pub state: Arc<Mutex<SheetState>>,
    clock: Arc<dyn Clock>,
    latency: Option<Duration>,
    mutation: Option<RequestMutation>,
    calls: Arc<watch::Sender<u64>>,
}

impl SharedSheet {
    pub fn new(
        proxy: EmulatorProxy,
        seed: u64,
        clock: &Arc<dyn Clock>,
        latency: Option<Duration>,
        mutation: Option<RequestMutation>,
    ) -> Self {
        let state = SheetState {
            model: TabModel::default(),
            editor: RandomEditor::new(seed),
            edit_probability: 0.0,
            keeps_columns: false,
            planned_loss: None,
            event_log: Vec::new(),
            edit_counts: BTreeMap::new(),
        };
        let state = Arc::new(Mutex::new(state));
        Self { proxy, state, clock: Arc::clone(clock), latency, mutation, calls: Arc::default() }
    }

    /// A client whose every call the person may come before.
    pub fn sheets(&self, seed: u64) -> Sheets {
        let shared_sheet = self.clone();
        let answering = move |request| {
            let shared_sheet = shared_sheet.clone();
            async move { shared_sheet.respond(request).await }
        };
        connect_in_process(answering, &self.clock, seed)
    }

    /// Resolves when so many more calls have been answered.
    pub async fn wait_for_calls(&self, count: u64) {
        let mut calls = self.calls.subscribe();
        let until = *calls.borrow() + count;
        let _ = calls.wait_for(|calls| *calls >= until).await;
    }

    /// She acts every so often, without end.
    pub async fn edit_every(&self, pace: Duration) {
        loop {
            self.clock.sleep(pace).await;
            self.edit_now().await;
        }
    }

    pub async fn edit_now(&self) {
        let mut state = self.state.lock().await;
        self.edit(&mut state).await;
    }

    pub async fn take_snapshot(&self) -> Option<TabSnapshot> {
        self.proxy.read_data_tab().await.map(TabSnapshot::from_data_tab)
    }

    async fn respond(&self, request: Request<Incoming>) -> std::io::Result<Response<ResponseBody>> {
        let mut call = read_api_request(request).await;
        if let Some(latency) = self.latency {
            self.clock.sleep(latency).await;
        }
        let mut state = self.state.lock().await;
        let edit_probability = state.edit_probability;
        if state.editor.draw_bool(edit_probability) {
            self.edit(&mut state).await;
        }
        let is_write = call.path.ends_with(":batchUpdate");
        if !is_write {
            let read: String = call.path.rsplit('/').next().unwrap_or_default().chars().take(90).collect();
            state.event_log.push(format!("read {read}"));
            state.model.note_read();
        }
        let mut body = serde_json::from_slice::<Value>(&call.body).unwrap_or_default();
        if let (Some(mutate), true) = (self.mutation, body.is_object()) {
            mutate(&mut body);
            call.body = body.to_string().into();
        }
        let lost = if is_write { PlannedLoss::count_write(&mut state.planned_loss) } else { None };
        if lost.is_some_and(|loss| !loss.is_applied) {
            state.event_log.push("a write is lost".into());
            return Err(make_reset_error());
        }
        let before = if is_write { self.take_snapshot().await } else { None };
        let answer = self.proxy.emulator.handle(call).await;
        if is_write && answer.as_ref().is_ok_and(|answer| answer.status == 200) {
            self.observe_write(&mut state, before.as_ref(), &body).await;
        }
        self.calls.send_modify(|calls| *calls += 1);
        let Ok(answer) = answer else { return Err(make_reset_error()) };
        if is_write && answer.status != 200 {
            state.event_log.push(format!("a write is answered {}", answer.status));
        }
        if lost.is_some() {
            state.event_log.push("an answer is lost".into());
            return Err(make_reset_error());
        }
        Ok(make_http_response(answer, self.clock.now()))
    }

    async fn observe_write(&self, state: &mut SheetState, before: Option<&TabSnapshot>, body: &Value) {
        let Some(after) = self.take_snapshot().await else { return };
        let mut requests = Vec::new();
        for (at, stamp) in state.model.add_job_columns(&after) {
            requests.push(make_note_request(after.data_tab.id, 0, at, &format!("column {stamp}")));
        }
        if state.model.text_columns().is_empty() {
            let (stamp, width) = (state.model.stamp(), after.data_tab.width());
            if u64::try_from(width).unwrap_or(0) >= after.data_tab.grid.1 {
                let wider = json!({"sheetId": after.data_tab.id, "dimension": "COLUMNS", "length": 1});
                requests.push(json!({"appendDimension": wider}));
            }
            requests.push(make_cell_request(after.data_tab.id, 0, width, STAMP_COLUMN));
            requests.push(make_note_request(after.data_tab.id, 0, width, &format!("column {stamp}")));
            state
                .model
                .columns
                .insert(stamp, ColumnModel { content: ColumnContent::Texts, header: STAMP_COLUMN.into() });
        }
        if !requests.is_empty() {
            self.proxy.edit_sheet(json!(requests)).await;
        }
        let Some(after) = self.take_snapshot().await else { return };
        let (stamped_rows, description) = state.model.observe_write(before, &after, body);
        state.event_log.push(format!("write {description}\n  then\n{}", after.text()));
        let mine = state.model.text_columns().first().and_then(|mine| after.column(*mine));
        let stamps = stamped_rows
            .into_iter()
            .filter_map(|(at, stamp)| Some(make_note_request(after.data_tab.id, at, mine?, &format!("row {stamp}"))));
        let stamps: Vec<_> = stamps.collect();
        if !stamps.is_empty() {
            self.proxy.edit_sheet(json!(stamps)).await;
        }
    }

    async fn edit(&self, state: &mut SheetState) {
        let Some(snapshot) = self.take_snapshot().await else { return };
        if state.model.rows.is_empty() {
            return;
        }
        let (keeps_columns, edit_probability) = (state.keeps_columns, state.edit_probability);
        let edit = state.editor.draw_edit(|edit| !keeps_columns || edit.leaves_columns());
        let done = match edit {
            PersonEdit::SortProcessed => self.sort_processed(state).await,
            PersonEdit::DeleteProcessed => {
                let model = &state.model;
                let is_quiet =
                    edit_probability == 0.0 && model.wrong_cells(&snapshot).is_empty() && !model.has_new_rows();
                if is_quiet { self.delete_processed(state).await } else { None }
            }
            _ => state.editor.make_requests(edit, &mut state.model, &snapshot),
        };
        let Some((requests, description)) = done else { return };
        state.event_log.push(format!("{edit:?} {description}"));
        *state.edit_counts.entry(edit).or_default() += 1;
        self.proxy.edit_sheet(json!(requests)).await;
    }

    async fn sort_processed(&self, state: &mut SheetState) -> crate::random_editor::EditRequests {
        let id = self.proxy.tab_id("Processed j").await;
        let by = state.editor.draw_below(4);
        let order = if state.editor.draw_below(2) == 0 { "ASCENDING" } else { "DESCENDING" };
        let range = json!({"sheetId": id, "startRowIndex": 1});
        let specs = json!([{"dimensionIndex": by, "sortOrder": order}]);
        Some((vec![json!({"sortRange": {"range": range, "sortSpecs": specs}})], format!("column {by} {order}")))
    }

    /// A row of a key, or all of them.
    async fn delete_processed(&self, state: &mut SheetState) -> crate::random_editor::EditRequests {
        let id = self.proxy.tab_id("Processed j").await;
        let rows = self.proxy.tab_rows("Processed j").await;
        let at = rows.first()?.iter().position(|header| header == "key")?;
        let keys: Vec<_> =
            rows.iter().enumerate().skip(1).filter_map(|(row, cells)| Some((row, cells.get(at)?))).collect();
        let (row, key) = state.editor.draw_one_of(&keys)?;
        let own: Vec<_> = keys.iter().filter(|(_, other)| *other == key).map(|(row, _)| *row).collect();
        let chosen = if state.editor.draw_bool(0.5) { vec![row] } else { own.clone() };
        state.model.delete_processed(key);
        let requests = chosen.iter().rev().map(|row| {
            let range = json!({"sheetId": id, "dimension": "ROWS", "startIndex": row, "endIndex": row + 1});
            json!({"deleteDimension": {"range": range}})
        });
        Some((requests.collect(), format!("{} of {} rows of {key}", chosen.len(), own.len())))
    }
}

/// Takes out of a batch whatever copies cells: no row is noted before and after it is written.
pub fn without_copies(body: &mut Value) {
    if let Some(requests) = body.get_mut("requests").and_then(Value::as_array_mut) {
        requests.retain(|request| request.get("copyPaste").is_none());
    }
}
