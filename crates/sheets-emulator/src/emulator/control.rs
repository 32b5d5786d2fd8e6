//! The control paths, `/_emulator/…`, by which tests steer the emulator.
//!
//! In scope: statistics, faults, delayed writes, user edits, the reset.
//! Out of scope: who may call them (`http`).

use hyper::Method;
use serde_json::{Value, json};

use crate::api::call::{ApiRequest, ApiResponse, QueryParams};
use crate::api::quota::QuotaCounter;
use crate::api::route::Route;
use crate::api::stats::CallStats;
use crate::auth::protection::OWNER;
use crate::emulator::{Emulator, EmulatorState, lock};
use crate::error::ApiError;
use crate::fault::delayed::DelayedWrites;
use crate::fault::inject::FaultRules;
use crate::fault::responses::read_faults;
use crate::schema::enums::TextParams;

impl Emulator {
    /// Answers a control path; `path` is what follows `/_emulator/`.
    pub(super) async fn answer_control_path(&self, request: &ApiRequest, path: &str) -> ApiResponse {
        match (&request.method, path) {
            (&Method::GET, "stats") => ApiResponse::json(self.stats().to_json()),
            (&Method::POST, "stats:reset") => {
                self.reset_stats();
                ApiResponse::json(json!({}))
            }
            (&Method::POST, "reset") => self.reset().map_or_else(ApiResponse::from, ApiResponse::json),
            (&Method::GET, "faults") => ApiResponse::json(json!(lock(&self.state.faults).pending())),
            (&Method::POST, "faults") => match read_faults(&request.body) {
                Ok(faults) => {
                    self.set_faults(faults);
                    ApiResponse::json(json!(lock(&self.state.faults).pending()))
                }
                Err(error) => ApiError::invalid_argument(error).into(),
            },
            (&Method::POST, "edits" | "hands") => self.apply_user_edit(request).await,
            (&Method::GET, "late") => ApiResponse::json(json!({"underWay": lock(&self.state.delayed).len()})),
            (&Method::POST, "late:deliver") => {
                let statuses: Vec<u16> = self.deliver_delayed().await.iter().map(|response| response.status).collect();
                ApiResponse::json(json!({"statuses": statuses}))
            }
            (_, "edits" | "hands" | "stats" | "stats:reset" | "reset" | "faults" | "late" | "late:deliver") => {
                ApiResponse { status: 405, ..ApiResponse::json(json!({"error": "wrong HTTP method"})) }
            }
            _ => ApiResponse::path_not_found(&request.path),
        }
    }

    /// Returns to the state after the start: only the initial spreadsheet, with its loaded tabs;
    /// the initial faults; no counted, delayed or remembered call. Tokens stay valid. Spreadsheets
    /// in a file are never deleted: 409.
    fn reset(&self) -> Result<Value, ApiError> {
        let EmulatorState { store, options, quota, faults, delayed, stats, .. } = &*self.state;
        if options.file.is_some() {
            let message = "This emulator keeps its spreadsheets in a file, which a reset would empty. Serve from memory \
                           to reset.";
            return Err(ApiError::new(409, "FAILED_PRECONDITION", message));
        }
        *lock(delayed) = DelayedWrites::default();
        for (id, _) in store.list()? {
            store.delete(&id)?;
        }
        self.state.create_initial()?;
        *lock(quota) = QuotaCounter::new(options.quota);
        *lock(faults) = FaultRules::new(options.faults.clone());
        *lock(stats) = CallStats::default();
        Ok(json!({ "spreadsheets": store.list()?.into_iter().map(|(id, _)| id).collect::<Vec<_>>() }))
    }

    /// Applies a batch as the spreadsheet's owner. No token, quota or fault applies.
    async fn apply_user_edit(&self, request: &ApiRequest) -> ApiResponse {
        let Some(id) = request.query.word("spreadsheet") else {
            return ApiError::invalid_argument("name the spreadsheet: /_emulator/edits?spreadsheet=ID").into();
        };
        let path = format!("/v4/spreadsheets/{id}:batchUpdate");
        let Some(route) = Route::find(&Method::POST, &path) else { return ApiResponse::path_not_found(&path) };
        let request = ApiRequest { path, query: QueryParams::default(), ..request.clone() };
        self.apply(request, route, OWNER.to_owned()).await
    }
}
