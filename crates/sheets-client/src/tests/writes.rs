//! Writes: only the API's own envelope is definite, and a write that may have been applied is never
//! sent again.

use serde_json::{Value, json};

use crate::calls::call_counts::AttemptOutcome;
use crate::errors::call_error::{ErrorCause, Method};
use crate::errors::unknown_outcome::UnknownOutcome;
use crate::options::SheetsOptions;
use crate::sheets::BatchResult;
use crate::tests::stub::{SPREADSHEET_ID, Stub, StubResponse, book};
use crate::types::cell::{CellData, CellRow};
use crate::types::requests::{Batch, Request};
use sheetkeep_base::fault::Fault;
use sheetkeep_base::retry::RetryPolicy;

/// Creates a stub's response.
type ResponseFactory = Box<dyn Fn() -> StubResponse + Send + Sync>;

fn batch() -> Batch {
    let rows = vec![CellRow::from(vec![CellData::text("0042"), CellData::blank(), CellData::bool(true)])];
    let append = Request::AppendCells { sheet_id: 0, rows, fields: "userEnteredValue".into() };
    Batch::new(vec![Request::DeleteNamedRange { named_range_id: "1".to_owned() }, append])
}

fn answer_applied() -> StubResponse {
    StubResponse::json(
        200,
        &json!({"spreadsheetId": SPREADSHEET_ID, "replies": [{}, {}], "commentUpdateState": "NO_UPDATES_REQUESTED"}),
    )
}

/// Sends a batch. Returns the response, and how often the batch was sent.
async fn send_batch(response: impl Fn(usize) -> StubResponse + Send + Sync + 'static) -> (BatchResult, usize) {
    let stub = Stub::new(move |_, n| response(n));
    let result = stub.client().batch_update(&book(), &batch()).await;
    (result, stub.calls().len())
}

#[tokio::test(start_paused = true)]
async fn a_batch_goes_out_as_it_is_and_its_replies_come_back() {
    let stub = Stub::new(|_, _| answer_applied().with("date", "Sun, 22 Nov 2026 09:30:00 GMT"));
    let client = stub.client();
    let BatchResult::Applied(response) = client.batch_update(&book(), &batch()).await else { panic!("it was applied") };
    assert_eq!((response.replies.len(), response.updated), (2, None));
    let call = &stub.calls()[0];
    assert_eq!(call.line, format!("POST /v4/spreadsheets/{SPREADSHEET_ID}:batchUpdate?alt=json&prettyPrint=false"));
    assert_eq!(call.bearer().as_deref(), Some("test-token"));
    assert!(call.head.contains("content-type: application/json"), "{}", call.head);
    let body: Value = serde_json::from_str(&call.body).expect("JSON");
    assert_eq!(body.pointer("/requests/1/appendCells/rows/0/values/1"), Some(&json!({})));
    assert!(client.service_time().is_some());
    assert_eq!(client.calls().by_method.get(&(Method::BatchUpdate, AttemptOutcome::Done)), Some(&1));
}

#[tokio::test(start_paused = true)]
async fn whatever_leaves_the_outcome_open_is_lost_after_one_send() {
    let whole = json!({"spreadsheetId": SPREADSHEET_ID, "replies": [{}, {}]}).to_string();
    let cut = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{}", whole.len(), &whole[..20]);
    let open: Vec<(&str, ResponseFactory)> = vec![
        (
            "503 in the API's words",
            Box::new(|| StubResponse::error(503, "UNAVAILABLE", "The service is currently unavailable.")),
        ),
        ("500", Box::new(|| StubResponse::error(500, "INTERNAL", "Internal error encountered."))),
        ("502 in HTML", Box::new(|| StubResponse::html(502))),
        ("an empty 504", Box::new(|| StubResponse::Whole(504, vec![], String::new()))),
        ("a reset", Box::new(|| StubResponse::Bytes(String::new()))),
        ("a head that breaks off", Box::new(|| StubResponse::Bytes("HTTP/1.1 200 O".to_owned()))),
        ("a body that breaks off", Box::new(move || StubResponse::Bytes(cut.clone()))),
        ("200 in HTML", Box::new(|| StubResponse::html(200))),
        ("204", Box::new(|| StubResponse::Whole(204, vec![], String::new()))),
        (
            "302",
            Box::new(|| {
                StubResponse::Whole(302, vec![("location", "https://login.example/".to_owned())], String::new())
            }),
        ),
        ("an empty object", Box::new(|| StubResponse::json(200, &json!({})))),
        ("an error with 200", Box::new(|| StubResponse::json(200, &json!({"error": {"code": 400, "message": "x"}})))),
        (
            "a reply too few",
            Box::new(|| StubResponse::json(200, &json!({"spreadsheetId": SPREADSHEET_ID, "replies": [{}]}))),
        ),
        (
            "another spreadsheet",
            Box::new(|| StubResponse::json(200, &json!({"spreadsheetId": "x", "replies": [{}, {}]}))),
        ),
        ("400 in HTML", Box::new(|| StubResponse::html(400))),
        ("a proxy's 401", Box::new(|| StubResponse::html(401))),
        ("a proxy's 429", Box::new(|| StubResponse::html(429))),
        (
            "an envelope of another code",
            Box::new(|| StubResponse::json(400, &json!({"error": {"code": 500, "message": "x"}}))),
        ),
        ("409", Box::new(|| StubResponse::error(409, "ABORTED", "x"))),
        ("silence", Box::new(|| StubResponse::Stall(String::new()))),
        (
            "silence in the body",
            Box::new(|| StubResponse::Stall("HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n{".to_owned())),
        ),
    ];
    for (what, response) in open {
        let (result, sends) = send_batch(move |_| response()).await;
        assert!(matches!(result, BatchResult::OutcomeUnknown(_)), "{what}: {result:?}");
        assert_eq!(sends, 1, "{what}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_refusal_names_the_request_that_was_refused() {
    let recorded = "Invalid requests[2].updateCells: No grid with id: 999999";
    let (result, sends) = send_batch(move |_| StubResponse::error(400, "INVALID_ARGUMENT", recorded)).await;
    let BatchResult::Refused(refusal) = result else { panic!("{result:?}") };
    assert_eq!((refusal.code, refusal.request, refusal.kind.as_deref(), sends), (400, Some(2), Some("updateCells"), 1));
    let (result, _) =
        send_batch(|_| StubResponse::error(403, "PERMISSION_DENIED", "The caller does not have permission")).await;
    assert!(matches!(result, BatchResult::Refused(refusal) if refusal.fault() == Fault::Denied));
    let (result, _) = send_batch(|_| StubResponse::error(404, "NOT_FOUND", "Requested entity was not found.")).await;
    assert!(matches!(result, BatchResult::Refused(refusal) if refusal.code == 404));
}

#[tokio::test(start_paused = true)]
async fn too_large_and_too_slow_ask_for_less() {
    for status in [408, 413] {
        let (result, sends) = send_batch(move |_| StubResponse::html(status)).await;
        assert!(matches!(result, BatchResult::TooLarge(_)), "{result:?}");
        assert_eq!(sends, 1);
    }
}

#[tokio::test(start_paused = true)]
async fn a_429_was_not_executed_and_is_sent_again() {
    let throttled =
        || StubResponse::error(429, "RESOURCE_EXHAUSTED", "Quota exceeded for quota metric 'Write requests'");
    let (result, sends) = send_batch(move |n| if n == 0 { throttled() } else { answer_applied() }).await;
    assert!(matches!(result, BatchResult::Applied(_)));
    assert_eq!(sends, 2);
    let (result, sends) = send_batch(move |_| throttled()).await;
    let BatchResult::NotExecuted(error) = result else { panic!("{result:?}") };
    assert_eq!(error.fault(), Fault::Throttled);
    assert!(sends > 9, "time bounds a 429, not the number of attempts: {sends}");
}

#[tokio::test(start_paused = true)]
async fn a_lost_answer_after_a_429_is_still_lost() {
    let (result, sends) = send_batch(|n| match n {
        0 => StubResponse::error(429, "RESOURCE_EXHAUSTED", "Quota exceeded"),
        _ => StubResponse::html(503),
    })
    .await;
    assert_eq!((result, sends), (BatchResult::OutcomeUnknown(UnknownOutcome::Status(503)), 2));
}

#[tokio::test(start_paused = true)]
async fn a_batch_s_answer_that_is_too_long_is_lost() {
    let stub = Stub::new(|_, _| {
        StubResponse::json(
            200,
            &json!({"spreadsheetId": SPREADSHEET_ID, "replies": [{}, {}], "updatedSpreadsheet": "x".repeat(20_000)}),
        )
    });
    let client = stub.client_with(SheetsOptions { response_limit: 10_000, ..stub.options() });
    let result = client.batch_update(&book(), &batch()).await;
    assert_eq!(result, BatchResult::OutcomeUnknown(UnknownOutcome::Oversized { limit_bytes: 10_000 }));
}

#[tokio::test(start_paused = true)]
async fn what_was_asked_to_be_read_back_comes_with_the_answer() {
    let stub = Stub::new(|_, _| {
        StubResponse::json(
            200,
            &json!({"spreadsheetId": SPREADSHEET_ID, "replies": [{}, {}], "updatedSpreadsheet": {"sheets": []}}),
        )
    });
    let asked = batch().with_response_ranges(vec!["'A'!A1:B2".to_owned()]);
    let BatchResult::Applied(response) = stub.client().batch_update(&book(), &asked).await else { panic!("applied") };
    assert_eq!(response.updated, Some(json!({"sheets": []})));
    let body: Value = serde_json::from_str(&stub.calls()[0].body).expect("JSON");
    assert_eq!(body["responseRanges"], json!(["'A'!A1:B2"]));
    assert_eq!((&body["includeSpreadsheetInResponse"], &body["responseIncludeGridData"]), (&json!(true), &json!(true)));
}

#[tokio::test(start_paused = true)]
async fn a_spreadsheet_whose_making_was_lost_is_not_made_twice() {
    let stub = Stub::new(|_, _| StubResponse::html(503));
    let error = stub.client().create("Book").await.expect_err("lost");
    assert_eq!((error.cause, stub.calls().len()), (ErrorCause::Lost(UnknownOutcome::Status(503)), 1));
    let stub =
        Stub::new(|_, _| StubResponse::json(200, &json!({"spreadsheetId": "new_1", "spreadsheetUrl": "https://x/"})));
    let made = stub.client().create("Book").await.expect("made");
    assert_eq!((made.id.as_str(), made.url.as_str()), ("new_1", "https://x/"));
    assert!(stub.calls()[0].body.contains("\"title\":\"Book\""));
}

#[tokio::test(start_paused = true)]
async fn no_minute_has_more_than_fifty_writes() {
    let stub = Stub::new(|seen, _| {
        if seen.line.starts_with("POST") {
            answer_applied()
        } else {
            StubResponse::json(200, &json!({"spreadsheetId": SPREADSHEET_ID}))
        }
    });
    let client = stub.client();
    for _ in 0..60 {
        client.batch_update(&book(), &batch()).await;
        client.read_metadata(&book()).await.expect("read");
    }
    let at: Vec<u64> = stub.calls().iter().filter(|s| s.line.starts_with("POST")).map(|s| s.at_ms).collect();
    assert!(at[49] < 1_000 && at[50] >= 60_000, "{at:?}");
    let counts = client.calls();
    assert_eq!((counts.reads, counts.writes, counts.tokens), (60, 60, 0));
}

#[tokio::test(start_paused = true)]
async fn only_401_and_429_let_a_write_go_out_again() {
    for status in (200..600).filter(|s| *s != 304) {
        for (in_words, response) in [
            (true, StubResponse::error as fn(u16, &str, &str) -> StubResponse),
            (false, |status, _, _| StubResponse::html(status)),
        ] {
            let stub = Stub::new(move |_, _| response(status, "X", "x"));
            let retry = RetryPolicy { max_attempts: 2, max_elapsed_ms: 1_500, ..RetryPolicy::default() };
            let client = stub.client_with(SheetsOptions { retry, ..stub.options() });
            let result = client.batch_update(&book(), &batch()).await;
            let sends = if in_words && matches!(status, 401 | 429) { 2 } else { 1 };
            assert_eq!(stub.calls().len(), sends, "{status} {in_words}: {result:?}");
            let fits = match (status, in_words) {
                (408 | 413, _) => matches!(result, BatchResult::TooLarge(_)),
                (401 | 429, true) => matches!(result, BatchResult::NotExecuted(_)),
                (400 | 403 | 404, true) => matches!(result, BatchResult::Refused(_)),
                _ => matches!(result, BatchResult::OutcomeUnknown(_)),
            };
            assert!(fits, "{status} {in_words}: {result:?}");
        }
    }
}
