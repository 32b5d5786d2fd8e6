//! Reads: retried after every passing failure, within their limits.

use serde_json::json;

use crate::calls::call_counts::AttemptOutcome;
use crate::calls::quota::QuotaUser;
use crate::errors::call_error::{ErrorCause, Method};
use crate::errors::unknown_outcome::UnknownOutcome;
use crate::options::SheetsOptions;
use crate::tests::stub::{SPREADSHEET_ID, Stub, StubResponse, book, one_range, one_value};
use crate::types::response_types::NamedRangeInfo;
use sheetkeep_base::fault::Fault;
use sheetkeep_base::retry::{GiveUpReason, RetryPolicy};
use sheetkeep_base::time::Timestamp;

#[tokio::test(start_paused = true)]
async fn metadata_comes_as_light_types_and_zeroes_are_filled_in() {
    let stub = Stub::new(|_, _| {
        StubResponse::json(
            200,
            &json!({
                "spreadsheetId": SPREADSHEET_ID,
                "properties": {"title": "Book", "locale": "en_US", "timeZone": "Europe/Berlin"},
                "sheets": [
                    {"properties": {"title": "A", "gridProperties": {"rowCount": 1000, "columnCount": 26}}},
                    {"properties": {"sheetId": 7, "title": "B", "index": 1, "hidden": true}}
                ],
                "namedRanges": [{"namedRangeId": "12", "name": "n", "range": {"endRowIndex": 1}}]
            }),
        )
        .with("date", "Sun, 22 Nov 2026 09:30:00 GMT")
    });
    let client = stub.client();
    let read = client.read_metadata(&book()).await.expect("read");
    assert_eq!((read.tabs[0].sheet_id, read.tabs[0].rows, read.tabs[0].is_hidden), (0, 1_000, false));
    assert_eq!((read.tabs[1].sheet_id, read.tabs[1].rows, read.tabs[1].is_hidden), (7, 0, true));
    let named = NamedRangeInfo { id: "12".into(), name: "n".into(), sheet_id: 0, start_row: 0, start_column: 0 };
    assert_eq!(read.named_ranges, [named]);
    assert_eq!(client.service_time(), Timestamp::parse("2026-11-22T09:30:00Z").map(|t| (t, 0)));
    let call = &stub.calls()[0];
    assert!(call.line.starts_with(&format!("GET /v4/spreadsheets/{SPREADSHEET_ID}?")), "{}", call.line);
    assert!(call.line.contains("prettyPrint=false") && call.line.contains("fields=spreadsheetId"), "{}", call.line);
    assert_eq!(call.bearer().as_deref(), Some("test-token"));
}

#[tokio::test(start_paused = true)]
async fn values_come_in_the_order_asked_and_empty_ranges_have_no_rows() {
    let stub = Stub::new(|_, _| {
        let ranges = json!([{"range": "B!A1:A2", "values": [["b", 1.5], [], [true]]}, {"range": "A!A1:A2"}]);
        StubResponse::json(200, &json!({"spreadsheetId": SPREADSHEET_ID, "valueRanges": ranges}))
    });
    let ranges = ["'B #1'!A:A".to_owned(), "'A'!A:A".to_owned()];
    let read = stub.client().read_values(&book(), &ranges).await.expect("read");
    assert_eq!(read, [vec![vec![json!("b"), json!(1.5)], vec![], vec![json!(true)]], vec![]]);
    let line = &stub.calls()[0].line;
    assert!(line.contains("/values:batchGet?") && line.contains("%23"), "{line}");
    assert!(
        line.contains("valueRenderOption=UNFORMATTED_VALUE") && line.contains("dateTimeRenderOption=SERIAL_NUMBER")
    );
    assert!(stub.client().read_values(&book(), &[]).await.expect("nothing asked").is_empty());
    assert_eq!(stub.calls().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn whatever_passes_is_tried_again() {
    let stub = Stub::new(|_, n| match n {
        0 => StubResponse::html(503),
        1 => StubResponse::Bytes("HTTP/1.1 200 OK\r\ncontent-length: 500\r\n\r\n{\"spreadsheetId\"".to_owned()),
        2 => StubResponse::Bytes(String::new()),
        3 => StubResponse::html(200),
        4 => StubResponse::error(500, "INTERNAL", "Internal error encountered."),
        5 => StubResponse::Stall(String::new()),
        6 => StubResponse::json(200, &json!({})),
        _ => one_value(),
    });
    let client = stub.client();
    client.read_values(&book(), &one_range()).await.expect("read in the end");
    let counts = client.calls();
    assert_eq!((counts.reads, counts.writes, counts.retries), (8, 0, 7));
    assert_eq!(counts.by_method.get(&(Method::Values, AttemptOutcome::Lost)), Some(&7));
    assert_eq!(counts.by_method.get(&(Method::Values, AttemptOutcome::Done)), Some(&1));
}

#[tokio::test(start_paused = true)]
async fn five_429s_with_retry_after_60_take_five_minutes() {
    let stub = Stub::new(|_, n| match n {
        0..5 => StubResponse::error(429, "RESOURCE_EXHAUSTED", "Quota exceeded").with("retry-after", "60"),
        _ => one_value(),
    });
    let client = stub.client();
    client.read_values(&book(), &one_range()).await.expect("read in the end");
    let at: Vec<u64> = stub.calls().iter().map(|s| s.at_ms).collect();
    assert_eq!(at.len(), 6);
    for pair in at.windows(2) {
        assert!((60_000..=61_100).contains(&(pair[1] - pair[0])), "{at:?}");
    }
    assert_eq!(client.calls().throttled, 5);
}

#[tokio::test(start_paused = true)]
async fn a_retry_after_date_is_measured_against_the_reply_date() {
    let stub = Stub::new(|_, n| match n {
        0 => StubResponse::html(503)
            .with("date", "Wed, 01 Jan 2020 00:00:00 GMT")
            .with("retry-after", "Wed, 01 Jan 2020 00:00:45 GMT"),
        _ => one_value(),
    });
    stub.client().read_values(&book(), &one_range()).await.expect("read");
    assert!((45_000..=46_100).contains(&stub.calls()[1].at_ms), "{}", stub.calls()[1].at_ms);
}

#[tokio::test(start_paused = true)]
async fn a_quota_that_never_refills_ends_a_call_after_three_minutes() {
    let stub = Stub::new(|_, _| StubResponse::error(429, "RESOURCE_EXHAUSTED", "Quota exceeded"));
    let options = SheetsOptions { retry: RetryPolicy::default(), ..stub.options() };
    let error = stub.client_with(options).read_values(&book(), &one_range()).await.expect_err("throttled");
    assert_eq!(error.fault(), Fault::Throttled);
    assert!((160_000..=180_000).contains(&error.elapsed_ms), "{error:?}");
    assert!((18..=40).contains(&error.attempts), "{error:?}");
    let words = "another program may use up the same account's or project's quota of reads a minute";
    assert!(error.to_string().contains(words), "{error}");
}

#[tokio::test(start_paused = true)]
async fn a_quota_that_refills_is_met_within_ten_seconds() {
    for left_ms in [5_000, 15_000, 30_000, 50_000, 60_000] {
        let stub = Stub::new(move |seen, _| match seen.at_ms {
            at_ms if at_ms >= left_ms => one_value(),
            _ => StubResponse::error(429, "RESOURCE_EXHAUSTED", "Quota exceeded"),
        });
        let client = stub.client();
        client.read_values(&book(), &one_range()).await.expect("read once the quota is full again");
        let at_ms = stub.calls().last().map(|call| call.at_ms).unwrap_or_default();
        assert!((left_ms..=left_ms + 10_000).contains(&at_ms), "{left_ms} {at_ms}");
        assert!(matches!(client.calls().quota_user, Some(QuotaUser::Other { .. })), "{left_ms}");
    }
}

#[tokio::test(start_paused = true)]
async fn every_4th_call_answered_429_costs_a_second_each() {
    let stub = Stub::new(|_, n| match n % 4 {
        3 => StubResponse::error(429, "RESOURCE_EXHAUSTED", "Quota exceeded"),
        _ => one_value(),
    });
    let client = stub.client();
    for _ in 0..14 {
        client.read_values(&book(), &one_range()).await.expect("read");
    }
    let at_ms = stub.calls().last().map(|call| call.at_ms).unwrap_or_default();
    assert!(at_ms <= 5_000, "{at_ms}");
    assert_eq!((client.calls().throttled, client.calls().quota_user), (4, None));
}

#[tokio::test(start_paused = true)]
async fn attempts_and_elapsed_time_are_bounded() {
    let stub = Stub::new(|_, _| StubResponse::html(503));
    let retry = RetryPolicy { max_attempts: 3, ..RetryPolicy::default() };
    let error =
        stub.client_with(SheetsOptions { retry, ..stub.options() }).read_metadata(&book()).await.expect_err("down");
    assert_eq!((error.attempts, error.give_up_reason, stub.calls().len()), (3, Some(GiveUpReason::Attempts), 3));
    assert_eq!(error.fault(), Fault::Transient);

    let stub = Stub::new(|_, _| StubResponse::html(503).with("retry-after", "3600"));
    let error = stub.client().read_metadata(&book()).await.expect_err("down");
    assert_eq!(stub.calls().len(), 1);
    assert!(
        error.to_string().ends_with("; try again in 3601 s") || error.to_string().ends_with("; try again in 3600 s"),
        "{error}"
    );
}

#[tokio::test(start_paused = true)]
async fn all_calls_share_one_budget_of_retries() {
    let stub = Stub::new(|_, _| StubResponse::html(503));
    let client = stub.client_with(SheetsOptions { retry_budget: 10, ..stub.options() });
    for _ in 0..5 {
        client.read_metadata(&book()).await.expect_err("down");
    }
    assert_eq!(stub.calls().len(), 15);
    assert_eq!(client.read_metadata(&book()).await.expect_err("down").give_up_reason, Some(GiveUpReason::Budget));
}

#[tokio::test(start_paused = true)]
async fn no_minute_sees_more_than_fifty_reads() {
    let stub = Stub::new(|_, _| one_value());
    let client = stub.client();
    for _ in 0..120 {
        client.read_values(&book(), &one_range()).await.expect("read");
    }
    let at: Vec<u64> = stub.calls().iter().map(|s| s.at_ms).collect();
    assert!(at.iter().zip(&at[50..]).all(|(first, last)| last - first >= 60_000), "{at:?}");
}

#[tokio::test(start_paused = true)]
async fn a_reply_that_is_too_long_is_cut_off_and_not_repeated() {
    let stub = Stub::new(|_, _| StubResponse::json(200, &json!({"spreadsheetId": "x".repeat(200_000)})));
    let client = stub.client_with(SheetsOptions { response_limit: 10_000, ..stub.options() });
    let error = client.read_metadata(&book()).await.expect_err("too long");
    assert_eq!(error.cause, ErrorCause::Lost(UnknownOutcome::Oversized { limit_bytes: 10_000 }));
    assert_eq!(stub.calls().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_silent_service_is_given_up_after_the_deadline() {
    let stub = Stub::new(|_, _| StubResponse::Stall(String::new()));
    let retry = RetryPolicy { max_attempts: 1, ..RetryPolicy::default() };
    let error =
        stub.client_with(SheetsOptions { retry, ..stub.options() }).read_metadata(&book()).await.expect_err("silent");
    assert_eq!(error.cause, ErrorCause::Lost(UnknownOutcome::TimedOut { after_ms: 120_000 }));
}

#[tokio::test(start_paused = true)]
async fn a_permanent_failure_is_reported_at_once_with_advice() {
    let stub = Stub::new(|_, _| StubResponse::error(404, "NOT_FOUND", "Requested entity was not found."));
    let error = stub.robot().read_metadata(&book()).await.expect_err("refused");
    assert_eq!((error.fault(), stub.calls().len()), (Fault::Denied, 1));
    let message = error.to_string();
    assert!(message.contains("not found; check the spreadsheet's id") && message.contains("robot@test"), "{message}");
}

/// Returns responses that are not the API's: the envelope is missing or truncated, or something
/// else responds.
fn broken_answers(status: u16) -> [(StubResponse, bool); 4] {
    let whole = json!({"error": {"code": status, "message": "No.", "status": "X"}}).to_string();
    let json = |body: &str| {
        StubResponse::Whole(
            status,
            vec![("content-type", "application/json; charset=UTF-8".to_owned())],
            body.to_owned(),
        )
    };
    let cut = format!("HTTP/1.1 {status} No\r\ncontent-type: application/json\r\ncontent-length: 999\r\n\r\n{whole}");
    [
        (json(&whole[..30]), false),
        (json(""), false),
        (StubResponse::Bytes(cut[..cut.len() - 9].to_owned()), false),
        (StubResponse::html(status), true),
    ]
}

#[tokio::test(start_paused = true)]
async fn a_broken_answer_never_says_that_access_is_missing() {
    for status in [400, 401, 403, 404, 409, 410, 429, 500, 503] {
        for nth in 0..4 {
            let broken = move || broken_answers(status).into_iter().nth(nth).expect("there are four");
            let stub = Stub::new(move |_, _| broken().0);
            let error = stub.client().read_metadata(&book()).await.expect_err("no response");
            let message = format!("{status}, {nth}: {error}");
            let expected = if status == 429 { Fault::Throttled } else { Fault::Transient };
            assert_eq!(error.fault(), expected, "{message}");
            let is_page = broken().1 && status < 500 && status != 429;
            assert_eq!(error.cause.is_foreign(), is_page, "{message}");
            assert!(!message.contains("shar") && !message.contains("html"), "{message}");
            assert!(stub.calls().len() > 1, "it may pass: {message}");
            // A complete response at the next attempt counts.
            let stub =
                Stub::new(move |_, n| if n == 0 { broken().0 } else { StubResponse::error(404, "NOT_FOUND", "Gone.") });
            let error = stub.client().read_metadata(&book()).await.expect_err("refused");
            assert_eq!(error.fault(), Fault::Denied, "{message}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn the_bound_is_on_one_answer_and_not_on_a_connection() {
    let padding = "x".repeat(9_000);
    let stub =
        Stub::new(move |_, _| StubResponse::json(200, &json!({"spreadsheetId": SPREADSHEET_ID, "unknown": padding})));
    let client = stub.client_with(SheetsOptions { response_limit: 10_000, ..stub.options() });
    for _ in 0..40 {
        client.read_metadata(&book()).await.expect("each response is short enough");
    }
    assert_eq!(stub.calls().len(), 40);
}

#[tokio::test(start_paused = true)]
async fn a_429_is_not_waited_for_when_its_wait_would_end_too_late() {
    let stub = Stub::new(|_, _| StubResponse::error(429, "RESOURCE_EXHAUSTED", "Quota exceeded"));
    let retry = RetryPolicy { max_elapsed_ms: 400, ..RetryPolicy::default() };
    let error =
        stub.client_with(SheetsOptions { retry, ..stub.options() }).read_metadata(&book()).await.expect_err("full");
    assert!(matches!(error.give_up_reason, Some(GiveUpReason::Elapsed { next_ms: 500..=1_000 })), "{error:?}");
    assert_eq!(stub.calls().len(), 1);
}
