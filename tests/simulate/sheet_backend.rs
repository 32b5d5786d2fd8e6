//! The emulated service as a backend: the product's own client, a person before the service, and
//! faults on both ways.

use std::sync::Arc;

use futures_util::future::BoxFuture;
use hyper::body::Incoming;
use hyper::{Method, Request, Response};
use serde_json::{Value, json};
use sheetkeep::clock::Clock;
use sheetkeep::emulator::{ApiRequest, FaultRule, QueryParams, ResponseBody, ResponseContent, UnknownBehaviors};
use sheetkeep::ledger::items::write_mode::{ReprocessPolicy, WriteMode};
use sheetkeep::port::store::Store;
use sheetkeep::store::spreadsheet::store::SheetsStore;

use crate::backend::{Backend, Mutation};
use crate::call_fault::CallFault;
use crate::emulator_proxy::in_process::{connect_in_process, make_http_response, make_reset_error, read_api_request};
use crate::emulator_proxy::proxy::EmulatorProxy;
use crate::game_record::GameRecord;
use crate::machine::Machine;
use crate::observation::Observation;
use crate::sheet_reader::{read_observation, tab_titles};

/// What is read of the spreadsheet before its values.
const FIELDS: &str = "fields=namedRanges,sheets.properties.title";

/// A sheet on the emulator, behind faults.
#[derive(Clone)]
pub struct SheetBackend {
    pub proxy: EmulatorProxy,
    record: Arc<GameRecord>,
    clock: Arc<dyn Clock>,
    /// The holder of the lock is the one whose call is carried out.
    turn: Arc<tokio::sync::Mutex<()>>,
    mutation: Option<Mutation>,
}

impl SheetBackend {
    /// A sheet of a service with the nth of the eight unknown behaviours.
    pub fn new(
        behavior: u64,
        seed: u64,
        record: &Arc<GameRecord>,
        clock: &Arc<dyn Clock>,
        mutation: Option<Mutation>,
    ) -> Self {
        let behaviors = UnknownBehaviors::all().nth(usize::try_from(behavior).expect("few")).expect("there are eight");
        let proxy = EmulatorProxy::new(behaviors, seed, clock, None);
        let (record, clock) = (Arc::clone(record), Arc::clone(clock));
        Self { proxy, record, clock, turn: Arc::default(), mutation }
    }

    /// Carries out a call at its turn; the person may come first.
    async fn respond(&self, machine: &Machine, request: Request<Incoming>) -> std::io::Result<Response<ResponseBody>> {
        let mut call = read_api_request(request).await;
        machine.wait_in_transit().await;
        let writes = call.path.ends_with(":batchUpdate");
        let call_fault = machine.draw_fault(writes).or_else(|| {
            let rejected_content = self.record.rejected_content().filter(|_| writes)?;
            std::str::from_utf8(&call.body)
                .is_ok_and(|body| body.contains(&rejected_content.cell_prefix))
                .then(|| rejected_content.call_fault())
        });
        if let Some(CallFault::Refuses(_)) = call_fault {
            self.record.count_fault(call_fault.unwrap_or(CallFault::Reset));
        }
        if call_fault == Some(CallFault::Hang) {
            return std::future::pending().await;
        }
        let answer = {
            let _turn = self.turn.lock().await;
            self.proxy.edit_if_drawn().await;
            if matches!(call_fault, Some(CallFault::Late(_))) && self.mutation == Some(Mutation::NoGuardOnLateBatch) {
                without_guard(&mut call);
            }
            if self.mutation == Some(Mutation::NoUndoLog) {
                without_copies(&mut call);
            }
            let containing = self.record.rejected_content().map(|rejected_content| rejected_content.cell_prefix);
            let rule = call_fault.and_then(CallFault::fault_rule).map(|rule| match call_fault {
                Some(CallFault::Refuses(_)) => FaultRule { containing, ..rule },
                _ => rule,
            });
            self.proxy.emulator.set_faults(rule.into_iter().collect());
            let before = self.count_late_writes().await;
            let answer = self.proxy.emulator.handle(call).await;
            if writes && call_fault.is_none_or(CallFault::is_applied_at_once) {
                let arrived = before - self.count_late_writes().await;
                self.record.count(|counts| counts.late_deliveries += arrived);
                self.check_contents().await;
            }
            answer
        };
        machine.wait_in_transit().await;
        if call_fault == Some(CallFault::AppliedHang) {
            return std::future::pending().await;
        }
        answer.map(|answer| make_http_response(answer, self.clock.now())).map_err(|_| make_reset_error())
    }

    /// Checks what is there; after a takeover everything that is late arrives.
    async fn check_contents(&self) {
        if self.record.check(&self.read_contents().await) && self.count_late_writes().await > 0 {
            self.deliver_late().await;
        }
    }

    async fn deliver_late(&self) {
        let arrived = self.proxy.emulator.deliver_delayed().await.len() as u64;
        self.record.count(|counts| counts.late_deliveries += arrived);
        if arrived > 0 {
            self.record.check(&self.read_contents().await);
        }
    }

    async fn read_contents(&self) -> Observation {
        let (_, metadata) = self.proxy.call(Method::GET, "", FIELDS, Value::Null).await;
        let ranges = tab_titles(&metadata).map(|title| format!("ranges={}", in_query(title)));
        let query = ranges.chain(["valueRenderOption=UNFORMATTED_VALUE".to_owned()]).collect::<Vec<_>>().join("&");
        let (status, values) = self.proxy.call(Method::GET, "/values:batchGet", &query, Value::Null).await;
        assert_eq!(status, 200, "{values}");
        let editor = self.proxy.editor.lock().expect("no thread panics while it holds it");
        read_observation(&metadata, &values, &|own| editor.header_name(own).to_owned())
    }

    /// Writes that are under way.
    async fn count_late_writes(&self) -> u64 {
        let call = ApiRequest {
            method: Method::GET,
            path: "/_emulator/late".to_owned(),
            query: QueryParams::default(),
            host: String::new(),
            authorization: None,
            content: sheetkeep::emulator::ContentHeaders::default(),
            body: bytes::Bytes::new(),
        };
        let answer = self.proxy.emulator.handle(call).await.expect("no fault meets a control path");
        let ResponseContent::Json(stats) = answer.content else { unreachable!("a control path answers JSON") };
        stats["underWay"].as_u64().expect("a count")
    }
}

/// A title as a range, written for a query.
fn in_query(title: &str) -> String {
    let quoted = format!("'{}'", title.replace('\'', "''"));
    percent_encoding::utf8_percent_encode(&quoted, percent_encoding::NON_ALPHANUMERIC).to_string()
}

/// Takes out of a batch whatever copies cells.
fn without_copies(call: &mut ApiRequest) {
    let Ok(mut body) = serde_json::from_slice::<Value>(&call.body) else { return };
    if let Some(requests) = body["requests"].as_array_mut() {
        requests.retain(|request| request.get("copyPaste").is_none());
        call.body = body.to_string().into();
    }
}

/// Leaves of a batch what it appends.
fn without_guard(call: &mut ApiRequest) {
    let Ok(mut body) = serde_json::from_slice::<Value>(&call.body) else { return };
    if let Some(requests) = body["requests"].as_array_mut() {
        requests.retain(|request| request.get("appendCells").is_some());
        if requests.is_empty() {
            requests.push(json!({"deleteSheet": {"sheetId": 1}}));
        }
    }
    call.body = body.to_string().into();
}

impl Backend for SheetBackend {
    fn store(&self, machine: &Arc<Machine>, seed: u64) -> Arc<dyn Store> {
        let (backend, machine) = (self.clone(), Arc::clone(machine));
        let respond = move |request| {
            let (backend, machine) = (backend.clone(), Arc::clone(&machine));
            // A request that has arrived is carried out, whether anybody waits for its answer or
            // not.
            let answer = tokio::spawn(async move { backend.respond(&machine, request).await });
            async move { answer.await.unwrap_or_else(|_| Err(make_reset_error())) }
        };
        let sheets = connect_in_process(respond, &self.clock, seed);
        let mode = self.record.mode();
        let again = if mode == WriteMode::Append { ReprocessPolicy::EachVersion } else { ReprocessPolicy::OnChange };
        let store =
            SheetsStore::new(Arc::new(sheets), EmulatorProxy::spreadsheet_id(), "j", "Data", Arc::clone(&self.clock));
        Arc::new(store.with_mode(mode, again))
    }

    fn observe(&self) -> BoxFuture<'_, Observation> {
        Box::pin(self.read_contents())
    }

    fn deliver_late_writes(&self) -> BoxFuture<'_, ()> {
        Box::pin(async {
            let _turn = self.turn.lock().await;
            self.deliver_late().await;
        })
    }
}
