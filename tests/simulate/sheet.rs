//! The emulated service as a place: the product's own client, a person before the service, and
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

use crate::front::{EmulatorProxy, call_of, client, dressed, gone};
use crate::kind::Kind;
use crate::lane::Machine;
use crate::place::{Meddling, Place};
use crate::read::{read, titles};
use crate::record::Record;
use crate::seen::Seen;

/// What is read of the spreadsheet before its values.
const FIELDS: &str = "fields=namedRanges,sheets.properties.title";

/// The place.
#[derive(Clone)]
pub struct OnSheet {
    pub proxy: EmulatorProxy,
    record: Arc<Record>,
    clock: Arc<dyn Clock>,
    /// The holder of the lock is the one whose call is carried out.
    turn: Arc<tokio::sync::Mutex<()>>,
    meddling: Option<Meddling>,
}

impl OnSheet {
    /// A sheet of a service with the nth of the eight doubts.
    pub fn new(
        doubt: u64,
        seed: u64,
        record: &Arc<Record>,
        clock: &Arc<dyn Clock>,
        meddling: Option<Meddling>,
    ) -> Self {
        let doubts = UnknownBehaviors::all().nth(usize::try_from(doubt).expect("few")).expect("there are eight");
        let proxy = EmulatorProxy::new(doubts, seed, clock, None);
        let (record, clock) = (Arc::clone(record), Arc::clone(clock));
        Self { proxy, record, clock, turn: Arc::default(), meddling }
    }

    /// Carries out a call at its turn; the person may come first.
    async fn respond(&self, lane: &Machine, request: Request<Incoming>) -> std::io::Result<Response<ResponseBody>> {
        let mut call = call_of(request).await;
        lane.under_way().await;
        let writes = call.path.ends_with(":batchUpdate");
        let kind = lane.meets(writes).or_else(|| {
            let poison = self.record.poison().filter(|_| writes)?;
            std::str::from_utf8(&call.body).is_ok_and(|body| body.contains(&poison.text)).then(|| poison.kind())
        });
        if let Some(Kind::Refuses(_)) = kind {
            self.record.count_fault(kind.unwrap_or(Kind::Reset));
        }
        if kind == Some(Kind::Hang) {
            return std::future::pending().await;
        }
        let answer = {
            let _turn = self.turn.lock().await;
            self.proxy.act().await;
            if matches!(kind, Some(Kind::Late(_))) && self.meddling == Some(Meddling::NoGuardOnLate) {
                without_guard(&mut call);
            }
            if self.meddling == Some(Meddling::NothingKept) {
                without_copies(&mut call);
            }
            let containing = self.record.poison().map(|poison| poison.text);
            let fault = kind.and_then(Kind::fault).map(|fault| match kind {
                Some(Kind::Refuses(_)) => FaultRule { containing, ..fault },
                _ => fault,
            });
            self.proxy.emulator.set_faults(fault.into_iter().collect());
            let before = self.late().await;
            let answer = self.proxy.emulator.handle(call).await;
            if writes && kind.is_none_or(Kind::applies) {
                let arrived = before - self.late().await;
                self.record.count(|tally| tally.late_deliveries += arrived);
                self.see().await;
            }
            answer
        };
        lane.under_way().await;
        if kind == Some(Kind::AppliedHang) {
            return std::future::pending().await;
        }
        answer.map(|answer| dressed(answer, self.clock.now())).map_err(|_| gone())
    }

    /// Checks what is there; after a takeover everything that is late arrives.
    async fn see(&self) {
        if self.record.check(&self.seen().await) && self.late().await > 0 {
            self.arrive().await;
        }
    }

    async fn arrive(&self) {
        let arrived = self.proxy.emulator.deliver_delayed().await.len() as u64;
        self.record.count(|tally| tally.late_deliveries += arrived);
        if arrived > 0 {
            self.record.check(&self.seen().await);
        }
    }

    async fn seen(&self) -> Seen {
        let (_, metadata) = self.proxy.ask(Method::GET, "", FIELDS, Value::Null).await;
        let ranges = titles(&metadata).map(|title| format!("ranges={}", in_query(title)));
        let query = ranges.chain(["valueRenderOption=UNFORMATTED_VALUE".to_owned()]).collect::<Vec<_>>().join("&");
        let (status, values) = self.proxy.ask(Method::GET, "/values:batchGet", &query, Value::Null).await;
        assert_eq!(status, 200, "{values}");
        let editor = self.proxy.editor.lock().expect("no thread panics while it holds it");
        read(&metadata, &values, &|own| editor.name(own).to_owned())
    }

    /// Writes that are under way.
    async fn late(&self) -> u64 {
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

impl Place for OnSheet {
    fn store(&self, lane: &Arc<Machine>, seed: u64) -> Arc<dyn Store> {
        let (place, lane) = (self.clone(), Arc::clone(lane));
        let answering = move |request| {
            let (place, lane) = (place.clone(), Arc::clone(&lane));
            // A request that has arrived is carried out, whether anybody waits for its answer or
            // not.
            let answer = tokio::spawn(async move { place.respond(&lane, request).await });
            async move { answer.await.unwrap_or_else(|_| Err(gone())) }
        };
        let sheets = client(answering, &self.clock, seed);
        let mode = self.record.mode();
        let again = if mode == WriteMode::Append { ReprocessPolicy::EachVersion } else { ReprocessPolicy::OnChange };
        let store = SheetsStore::new(Arc::new(sheets), EmulatorProxy::id(), "j", "Data", Arc::clone(&self.clock));
        Arc::new(store.with_mode(mode, again))
    }

    fn look(&self) -> BoxFuture<'_, Seen> {
        Box::pin(self.seen())
    }

    fn deliver(&self) -> BoxFuture<'_, ()> {
        Box::pin(async {
            let _turn = self.turn.lock().await;
            self.arrive().await;
        })
    }
}
