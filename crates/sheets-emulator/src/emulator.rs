//! The emulator: from a call to its response, in the order of Google's front end.
//!
//! In scope: latency, faults, tokens, scopes, quotas, statistics, the control paths, then the
//! method.
//! Out of scope: connections (`http`), what methods do (`dispatch`).
//!
//! | question | file |
//! |---|---|
//! | What do the control paths do? | `control` |
//! | Which spreadsheet exists from the start? | `initial` |
//! | Which unimplemented requests are reported? | `notices` |

mod control;
mod initial;
mod notices;

use std::fmt;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use hyper::Method;
use serde_json::json;
use tokio_util::sync::CancellationToken;

use crate::api::call::{API_KEY, ApiRequest, ApiResponse, ConnectionDropped, ResponseContent};
use crate::api::quota::{QuotaCounter, QuotaMetric};
use crate::api::route::{ApiMethod, Route};
use crate::api::stats::CallStats;
use crate::auth::tokens::{AccessLevel, Bearer, TokenError, TokenIssuer};
use crate::dispatch::Dispatcher;
use crate::drive::permissions;
use crate::error::ApiError;
use crate::error::FailureCause;
use crate::fault::delayed::DelayedWrites;
use crate::fault::inject::{FaultAction, FaultRule, FaultRules, TOKEN_METHOD};
use crate::fault::responses::{apply_fault, refuse_request};
use crate::options::EmulatorOptions;
use crate::random::RandomSource;
use crate::schema::enums::TextParams;
use crate::storage::error::StorageError;
use crate::storage::file::connection::explain_path_problem;
use crate::storage::store::SpreadsheetStore;
use crate::time::{TimeSource, sleep};

/// A Sheets service. Clones share their state.
#[derive(Clone)]
pub struct Emulator {
    state: Arc<EmulatorState>,
}

impl fmt::Debug for Emulator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Emulator").field("options", &self.state.options).finish_non_exhaustive()
    }
}

struct EmulatorState {
    store: SpreadsheetStore,
    options: EmulatorOptions,
    time: Arc<dyn TimeSource>,
    random: Arc<dyn RandomSource>,
    tokens: TokenIssuer,
    quota: Mutex<QuotaCounter>,
    faults: Mutex<FaultRules>,
    delayed: Mutex<DelayedWrites>,
    stats: Mutex<CallStats>,
    storage_failure: OnceLock<StorageFailure>,
    /// Cancelled once the storage has failed.
    storage_failed: CancellationToken,
    /// What was reported as not implemented.
    notices: notices::Notices,
}

/// A failure of the spreadsheet file that makes every further call fail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StorageFailure {
    /// The cause: the machine, or the contents of the file.
    pub cause: FailureCause,
    /// What happened and what to do, with the file's name if it is known.
    pub why: String,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Emulator {
    /// Fails if the path is a folder, or its folder is missing, as `open` would. Creates nothing.
    pub fn check_new_file(path: &Path) -> Result<(), StorageError> {
        let path = path.to_owned();
        explain_path_problem(&path).map_or(Ok(()), |why| Err(StorageError::UnusablePath { path, why }))
    }

    /// Opens or creates the file, and creates the initial spreadsheet.
    pub fn open(
        options: EmulatorOptions,
        time: Arc<dyn TimeSource>,
        random: Arc<dyn RandomSource>,
    ) -> Result<Self, StorageError> {
        let store = match &options.file {
            Some(path) => SpreadsheetStore::open(path)?,
            None => SpreadsheetStore::in_memory()?,
        };
        let store = store.with_time_source(Arc::clone(&time)).with_commit_hook(options.commit_hook.clone());
        let state = EmulatorState {
            store,
            time,
            random,
            tokens: TokenIssuer::new(options.trusted_token.clone()),
            quota: Mutex::new(QuotaCounter::new(options.quota)),
            faults: Mutex::new(FaultRules::new(options.faults.clone())),
            delayed: Mutex::default(),
            stats: Mutex::default(),
            storage_failure: OnceLock::new(),
            storage_failed: CancellationToken::new(),
            notices: notices::Notices::default(),
            options,
        };
        state.create_initial()?;
        Ok(Self { state: Arc::new(state) })
    }

    /// Returns the id and the title of each spreadsheet, oldest first.
    pub fn spreadsheets(&self) -> Result<Vec<(String, String)>, StorageError> {
        self.state.store.list()
    }

    /// Returns the counts of calls so far.
    pub fn stats(&self) -> CallStats {
        lock(&self.state.stats).clone()
    }

    /// Resets the counts of calls.
    pub fn reset_stats(&self) {
        *lock(&self.state.stats) = CallStats::default();
    }

    /// Replaces the pending faults.
    pub fn set_faults(&self, faults: Vec<FaultRule>) {
        *lock(&self.state.faults) = FaultRules::new(faults);
    }

    /// Returns the clock that dates responses.
    pub fn time_source(&self) -> &Arc<dyn TimeSource> {
        &self.state.time
    }

    /// Returns the failure of the file, if earlier calls found one or if the file is not in place
    /// now.
    pub fn storage_failure(&self) -> Option<StorageFailure> {
        if let Err(error) = self.state.store.check_in_place() {
            self.record_failure(error.failure_cause().unwrap_or(FailureCause::Machine), &error.to_string());
        }
        self.state.storage_failure.get().cloned()
    }

    /// Returns further names of this server, beside those that every server has.
    pub fn hosts(&self) -> Arc<[String]> {
        Arc::clone(&self.state.options.hosts)
    }

    /// Resolves once a call has found that the file failed.
    pub async fn storage_failed(&self) {
        self.state.storage_failed.cancelled().await;
    }

    fn record_failure(&self, failure_cause: FailureCause, why: &str) {
        self.state.storage_failure.get_or_init(|| StorageFailure { cause: failure_cause, why: why.to_owned() });
        self.state.storage_failed.cancel();
    }

    /// Converts a method's error into a response. An embedded emulator answers 403 for a failed
    /// file, on this and every later call, so that the client does not retry. Its caller reads the
    /// failure with `storage_failure`.
    fn error_response(&self, error: ApiError) -> ApiResponse {
        if error.is_unimplemented() {
            self.state.notices.report_refusal(&error.message);
        }
        let Some(failure_cause) = error.failure_cause() else { return error.into() };
        self.record_failure(failure_cause, &error.message);
        if self.is_embedded() {
            return ApiError::forbidden(error.message).into();
        }
        tracing::error!(event = "emulator.failed", error = %error.message, "the emulator's file failed");
        error.into()
    }

    /// Returns whether the emulator is embedded in a process, which is its only caller.
    fn is_embedded(&self) -> bool {
        self.state.options.trusted_token.is_some()
    }

    /// Answers a call. Changes are durable before the response is returned.
    pub async fn handle(&self, request: ApiRequest) -> Result<ApiResponse, ConnectionDropped> {
        if let Some(storage_failure) = self.state.storage_failure.get().filter(|_| self.is_embedded()) {
            return Ok(ApiError::forbidden(&*storage_failure.why).into());
        }
        if let Some(path) = request.path.strip_prefix("/_emulator/") {
            return Ok(self.answer_control_path(&request, path).await);
        }
        let is_token = matches!(request.path.as_str(), "/token" | "/o/oauth2/token" | "/oauth2/v4/token");
        let route = if is_token { None } else { Route::find(&request.method, &request.path) };
        if route.is_none() && !(is_token && request.method == Method::POST) {
            if !Route::is_googles(&request.path) {
                return Ok(ApiResponse::path_not_found(&request.path));
            }
            let message = format!("{} {} is not implemented in this emulator.", request.method, request.path);
            return Ok(self.error_response(ApiError::unimplemented(message)));
        }
        let latency = self.state.options.latency.0;
        if !latency.is_zero() {
            sleep(latency).await;
        }
        let (name, metric) = route.as_ref().map_or((TOKEN_METHOD, None), |route| {
            let (name, metric, _) = route.api.info();
            (name, metric)
        });
        let fault = lock(&self.state.faults).take_fault(name, metric, &request.body, self.state.random.as_ref());
        match fault {
            Some(fault) if fault.action == FaultAction::Late && metric == Some(QuotaMetric::Write) => {
                lock(&self.state.delayed).delay(request, fault.after);
                Err(ConnectionDropped)
            }
            Some(fault) if fault.action == FaultAction::Refuse => Ok(refuse_request(&fault, &request).into()),
            Some(fault) if !fault.action.applies() => apply_fault(&fault, ApiResponse::empty()).await,
            Some(fault) => {
                let response = self.execute(request, route).await;
                apply_fault(&fault, response).await
            }
            None => Ok(self.execute(request, route).await),
        }
    }

    /// Delivers the delayed writes now. Returns their responses, which no client receives.
    pub async fn deliver_delayed(&self) -> Vec<ApiResponse> {
        let arrived = lock(&self.state.delayed).take_all();
        self.deliver(arrived).await
    }

    async fn deliver(&self, arrived: Vec<ApiRequest>) -> Vec<ApiResponse> {
        let mut answers = Vec::with_capacity(arrived.len());
        for request in arrived {
            let route = Route::find(&request.method, &request.path);
            if let Some(route) = route {
                let admitted = self.authorize(&request, &route);
                answers.push(match admitted {
                    Ok(account) => self.apply(request, route, account).await,
                    Err(refusal) => refusal,
                });
            }
        }
        answers
    }

    async fn execute(&self, request: ApiRequest, route: Option<Route>) -> ApiResponse {
        let Some(route) = route else { return self.answer_token_request(&request) };
        let account = match self.authorize(&request, &route) {
            Ok(account) => account,
            Err(refusal) => return refusal,
        };
        let (_, metric, _) = route.api.info();
        let response = self.apply(request, route, account).await;
        if metric == Some(QuotaMetric::Write) && response.status == 200 {
            let arrived = lock(&self.state.delayed).count_applied();
            self.deliver(arrived).await;
        }
        response
    }

    async fn apply(&self, request: ApiRequest, route: Route, account: String) -> ApiResponse {
        self.state.notices.report_functions(route.api, &request);
        let emulator = self.clone();
        let work = move || {
            let EmulatorState { store, options, random, time, .. } = &*emulator.state;
            let methods = Dispatcher {
                store,
                behaviors: options.behaviors,
                random: random.as_ref(),
                now_ms: time.unix_ms(),
                account: &account,
                content: &request.content,
                host: &request.host,
            };
            methods.call(&route, &request.query, &request.body)
        };
        let done = if self.state.options.is_sequential { Ok(work()) } else { tokio::task::spawn_blocking(work).await };
        match done {
            Ok(Ok(response)) => response,
            Ok(Err(error)) => self.error_response(error),
            Err(error) => {
                tracing::error!(event = "emulator.failed", %error, "a method of the emulator ended in an unforeseen way");
                ApiError::internal().into()
            }
        }
    }

    fn answer_token_request(&self, request: &ApiRequest) -> ApiResponse {
        lock(&self.state.stats).tokens += 1;
        let EmulatorState { tokens, time, random, .. } = &*self.state;
        let granted = tokens.grant(&request.body, &request.host, time.unix_ms(), time.monotonic_ms(), random.as_ref());
        granted.map_or_else(ApiResponse::from, ApiResponse::json)
    }

    /// Returns the calling account, or a refusal: 401, then 403, then 429.
    fn authorize(&self, request: &ApiRequest, route: &Route) -> Result<String, ApiResponse> {
        let EmulatorState { tokens, time, .. } = &*self.state;
        let (name, metric, _) = route.api.info();
        let in_query = request.query.word("accessToken").map(|token| format!("Bearer {token}"));
        let by_key = request.query.word("key").map(|key| format!("{API_KEY}{key}"));
        let authorization = request.authorization.as_deref().or(in_query.as_deref()).or(by_key.as_deref());
        let has_key = authorization.is_some_and(|authorization| authorization.starts_with(API_KEY));
        let bearer = if has_key && metric == Some(QuotaMetric::Read) && request.method == Method::GET {
            self.check_public_reader(&route.id)?
        } else {
            tokens.check(authorization, time.monotonic_ms())?
        };
        check_scope(&bearer, &request.method, route.api)?;
        if let Some(metric) = metric {
            self.take_quota(&bearer, metric)?;
        }
        lock(&self.state.stats).count(name, metric);
        Ok(bearer.account)
    }

    /// Returns the holder of an API key, who may read what is shared with everybody.
    fn check_public_reader(&self, id: &str) -> Result<Bearer, ApiError> {
        let public = permissions::is_public(&self.state.store, id)?;
        let bearer = Bearer { account: "an API key".to_owned(), access: AccessLevel::Read };
        if public { Ok(bearer) } else { Err(ApiError::permission_denied()) }
    }

    fn take_quota(&self, bearer: &Bearer, metric: QuotaMetric) -> Result<(), ApiResponse> {
        let now = self.state.time.monotonic_ms();
        lock(&self.state.quota).take(&bearer.account, metric, now).map_err(|error| {
            lock(&self.state.stats).throttled += 1;
            let mut response = ApiResponse::from(error);
            if self.state.options.sends_retry_after {
                response.headers.push(("retry-after", QuotaCounter::seconds_left(now).to_string()));
            }
            response
        })
    }
}

impl From<TokenError> for ApiResponse {
    fn from(error: TokenError) -> Self {
        Self {
            status: error.code,
            content: ResponseContent::Json(error.to_json()),
            headers: Vec::new(),
            is_truncated: false,
        }
    }
}

/// Rejects a token without the scopes that the call needs.
fn check_scope(bearer: &Bearer, method: &Method, api: ApiMethod) -> Result<(), ApiError> {
    let needed = match api {
        ApiMethod::DriveAbout | ApiMethod::DriveGet | ApiMethod::DriveList => AccessLevel::Metadata,
        _ if *method == Method::GET => AccessLevel::Read,
        _ => AccessLevel::Write,
    };
    if bearer.access >= needed {
        return Ok(());
    }
    let details = json!([{
        "@type": "type.googleapis.com/google.rpc.ErrorInfo",
        "reason": "ACCESS_TOKEN_SCOPE_INSUFFICIENT",
        "domain": "googleapis.com",
        "metadata": {"service": "sheets.googleapis.com"}
    }]);
    let message = "Request had insufficient authentication scopes.".to_owned();
    Err(ApiError { message, details: Some(details), ..ApiError::permission_denied() })
}
