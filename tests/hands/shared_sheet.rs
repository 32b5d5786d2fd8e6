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

use crate::edits::{Hand, PersonEdit, noted, written};
use crate::front::{EmulatorProxy, Tampering, call_of, client, dressed, gone};
use crate::model::{ColumnContent, ColumnModel, TabModel};
use crate::sight::Sight;

/// The heading of her column with the rows' stamps.
const MINE: &str = "mine";

/// Who may come to a sheet, and what is known of it. A reader or editor holds all of it meanwhile.
pub struct Table {
    pub model: TabModel,
    pub hand: Hand,
    /// How likely she acts before a call; 0 to 1.
    pub eagerness: f64,
    /// Whether she leaves columns where they are.
    pub is_on_rows: bool,
    /// Writes that pass before one is lost, and whether that one is applied.
    pub loss: Option<(u64, bool)>,
    /// What happened, in order.
    pub diary: Vec<String>,
    pub edits: BTreeMap<PersonEdit, u64>,
}

/// A spreadsheet, its person, and the way to it.
#[derive(Clone)]
pub struct SharedSheet {
    pub proxy: EmulatorProxy,
    pub table: Arc<Mutex<Table>>,
    clock: Arc<dyn Clock>,
    latency: Option<Duration>,
    tampering: Option<Tampering>,
    calls: Arc<watch::Sender<u64>>,
}

impl SharedSheet {
    pub fn new(
        proxy: EmulatorProxy,
        seed: u64,
        clock: &Arc<dyn Clock>,
        latency: Option<Duration>,
        tampering: Option<Tampering>,
    ) -> Self {
        let table = Table {
            model: TabModel::default(),
            hand: Hand::new(seed),
            eagerness: 0.0,
            is_on_rows: false,
            loss: None,
            diary: Vec::new(),
            edits: BTreeMap::new(),
        };
        let table = Arc::new(Mutex::new(table));
        Self { proxy, table, clock: Arc::clone(clock), latency, tampering, calls: Arc::default() }
    }

    /// A client whose every call the person may come before.
    pub fn sheets(&self, seed: u64) -> Sheets {
        let shared_sheet = self.clone();
        let answering = move |request| {
            let shared_sheet = shared_sheet.clone();
            async move { shared_sheet.respond(request).await }
        };
        client(answering, &self.clock, seed)
    }

    /// Resolves when so many more calls have been answered.
    pub async fn after_calls(&self, count: u64) {
        let mut calls = self.calls.subscribe();
        let until = *calls.borrow() + count;
        let _ = calls.wait_for(|calls| *calls >= until).await;
    }

    /// She acts every so often, without end.
    pub async fn act_every(&self, pace: Duration) {
        loop {
            self.clock.sleep(pace).await;
            self.act_now().await;
        }
    }

    pub async fn act_now(&self) {
        let mut table = self.table.lock().await;
        self.act(&mut table).await;
    }

    pub async fn sight(&self) -> Option<Sight> {
        self.proxy.view().await.map(Sight::of)
    }

    async fn respond(&self, request: Request<Incoming>) -> std::io::Result<Response<ResponseBody>> {
        let mut call = call_of(request).await;
        if let Some(latency) = self.latency {
            self.clock.sleep(latency).await;
        }
        let mut table = self.table.lock().await;
        let eagerness = table.eagerness;
        if table.hand.draws(eagerness) {
            self.act(&mut table).await;
        }
        let is_write = call.path.ends_with(":batchUpdate");
        if !is_write {
            let read: String = call.path.rsplit('/').next().unwrap_or_default().chars().take(90).collect();
            table.diary.push(format!("read {read}"));
            table.model.note_read();
        }
        let mut body = serde_json::from_slice::<Value>(&call.body).unwrap_or_default();
        if let (Some(tamper), true) = (self.tampering, body.is_object()) {
            tamper(&mut body);
            call.body = body.to_string().into();
        }
        let lost = if is_write { table.is_lost() } else { None };
        if lost == Some(false) {
            table.diary.push("a write is lost".into());
            return Err(gone());
        }
        let before = if is_write { self.sight().await } else { None };
        let answer = self.proxy.emulator.handle(call).await;
        if is_write && answer.as_ref().is_ok_and(|answer| answer.status == 200) {
            self.see_write(&mut table, before.as_ref(), &body).await;
        }
        self.calls.send_modify(|calls| *calls += 1);
        let Ok(answer) = answer else { return Err(gone()) };
        if is_write && answer.status != 200 {
            table.diary.push(format!("a write is answered {}", answer.status));
        }
        if lost == Some(true) {
            table.diary.push("an answer is lost".into());
            return Err(gone());
        }
        Ok(dressed(answer, self.clock.now()))
    }

    async fn see_write(&self, table: &mut Table, before: Option<&Sight>, body: &Value) {
        let Some(after) = self.sight().await else { return };
        let mut requests = Vec::new();
        for (at, stamp) in table.model.adopt_columns(&after) {
            requests.push(noted(after.view.id, 0, at, &format!("column {stamp}")));
        }
        if table.model.text_columns().is_empty() {
            let (stamp, width) = (table.model.stamp(), after.view.width());
            if u64::try_from(width).unwrap_or(0) >= after.view.grid.1 {
                let wider = json!({"sheetId": after.view.id, "dimension": "COLUMNS", "length": 1});
                requests.push(json!({"appendDimension": wider}));
            }
            requests.push(written(after.view.id, 0, width, MINE));
            requests.push(noted(after.view.id, 0, width, &format!("column {stamp}")));
            table.model.columns.insert(stamp, ColumnModel { content: ColumnContent::Texts, header: MINE.into() });
        }
        if !requests.is_empty() {
            self.proxy.hands(json!(requests)).await;
        }
        let Some(after) = self.sight().await else { return };
        let (made, description) = table.model.see_write(before, &after, body);
        table.diary.push(format!("write {description}\n  then\n{}", after.text()));
        let mine = table.model.text_columns().first().and_then(|mine| after.column(*mine));
        let stamps =
            made.into_iter().filter_map(|(at, stamp)| Some(noted(after.view.id, at, mine?, &format!("row {stamp}"))));
        let stamps: Vec<_> = stamps.collect();
        if !stamps.is_empty() {
            self.proxy.hands(json!(stamps)).await;
        }
    }

    async fn act(&self, table: &mut Table) {
        let Some(sight) = self.sight().await else { return };
        if table.model.rows.is_empty() {
            return;
        }
        let (is_on_rows, eagerness) = (table.is_on_rows, table.eagerness);
        let edit = table.hand.pick(|edit| !is_on_rows || edit.is_on_rows());
        let done = match edit {
            PersonEdit::SortProcessed => self.sort_processed(table).await,
            PersonEdit::DeleteProcessed => {
                let model = &table.model;
                let is_quiet = eagerness == 0.0 && model.wrong_cells(&sight).is_empty() && !model.has_new_rows();
                if is_quiet { self.delete_processed(table).await } else { None }
            }
            _ => table.hand.act(edit, &mut table.model, &sight),
        };
        let Some((requests, description)) = done else { return };
        table.diary.push(format!("{edit:?} {description}"));
        *table.edits.entry(edit).or_default() += 1;
        self.proxy.hands(json!(requests)).await;
    }

    async fn sort_processed(&self, table: &mut Table) -> crate::edits::Done {
        let id = self.proxy.id_of("Processed j").await;
        let by = table.hand.below(4);
        let order = if table.hand.below(2) == 0 { "ASCENDING" } else { "DESCENDING" };
        let range = json!({"sheetId": id, "startRowIndex": 1});
        let specs = json!([{"dimensionIndex": by, "sortOrder": order}]);
        Some((vec![json!({"sortRange": {"range": range, "sortSpecs": specs}})], format!("column {by} {order}")))
    }

    /// A row of a key, or all of them.
    async fn delete_processed(&self, table: &mut Table) -> crate::edits::Done {
        let id = self.proxy.id_of("Processed j").await;
        let rows = self.proxy.tab("Processed j").await;
        let at = rows.first()?.iter().position(|header| header == "key")?;
        let keys: Vec<_> =
            rows.iter().enumerate().skip(1).filter_map(|(row, cells)| Some((row, cells.get(at)?))).collect();
        let (row, key) = table.hand.one_of(&keys)?;
        let own: Vec<_> = keys.iter().filter(|(_, other)| *other == key).map(|(row, _)| *row).collect();
        let chosen = if table.hand.draws(0.5) { vec![row] } else { own.clone() };
        table.model.delete_processed(key);
        let requests = chosen.iter().rev().map(|row| {
            let range = json!({"sheetId": id, "dimension": "ROWS", "startIndex": row, "endIndex": row + 1});
            json!({"deleteDimension": {"range": range}})
        });
        Some((requests.collect(), format!("{} of {} rows of {key}", chosen.len(), own.len())))
    }
}

impl Table {
    /// Whether this write is the one that is lost, and whether it is applied.
    fn is_lost(&mut self) -> Option<bool> {
        match &mut self.loss {
            Some((skip @ 1.., _)) => {
                *skip -= 1;
                None
            }
            Some((0, _)) => self.loss.take().map(|(_, applied)| applied),
            None => None,
        }
    }
}

/// Takes out of a batch whatever copies cells: no row is noted before and after it is written.
pub fn without_copies(body: &mut Value) {
    if let Some(requests) = body.get_mut("requests").and_then(Value::as_array_mut) {
        requests.retain(|request| request.get("copyPaste").is_none());
    }
}
