use serde_json::json;

use super::*;

fn refusal(code: u16, message: &str, details: &Value) -> ApiError {
    let body = json!({"error": {"code": code, "message": message, "status": "X", "details": details}});
    ApiError::read(code, &body).expect("an envelope")
}

#[test]
fn the_refused_request_is_read_from_the_recorded_message() {
    let read = refusal(400, "Invalid requests[2].updateCells: No grid with id: 999999", &json!([]));
    assert_eq!((read.request, read.kind.as_deref()), (Some(2), Some("updateCells")));
    assert_eq!(read.fault(), Fault::Inconsistent);
    let other = refusal(400, "Invalid data[1]: Unable to parse range: NoSuchTab!A1", &json!([]));
    assert_eq!((other.request, other.kind), (None, None));
    let shape = refusal(400, "Invalid value at 'requests[0].add_sheet' (x), \"y\"", &json!([]));
    assert_eq!(shape.request, Some(0));
}

#[test]
fn the_recorded_429_is_throttled_and_its_reason_is_read() {
    let read = refusal(
        429,
        "Quota exceeded for quota metric 'Read requests'",
        &json!([{"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "RATE_LIMIT_EXCEEDED"}]),
    );
    assert_eq!((read.fault(), read.reason.as_deref()), (Fault::Throttled, Some("RATE_LIMIT_EXCEEDED")));
}

#[test]
fn a_body_without_a_matching_envelope_is_no_answer() {
    for body in [json!("x"), json!({}), json!({"error": "invalid_grant"}), json!({"error": {"code": 500}}), json!(null)]
    {
        assert_eq!(ApiError::read(400, &body), None, "{body}");
    }
}

#[test]
fn a_missing_share_names_the_account_to_share_with() {
    let read = refusal(403, "The caller does not have permission", &json!([]));
    let advice = read.advice(Some("robot@project.iam.gserviceaccount.com")).expect("advice");
    assert!(advice.contains("robot@project.iam.gserviceaccount.com") && advice.contains("editor"), "{advice}");
    assert_eq!(read.fault(), Fault::Denied);
}

#[test]
fn a_disabled_api_names_where_to_enable_it() {
    let details = json!([{"reason": "SERVICE_DISABLED", "metadata": {"activationUrl": "https://console.example/on"}}]);
    let read = refusal(403, "Google Sheets API has not been used", &details);
    assert!(read.advice(None).expect("advice").contains("https://console.example/on"));
}

#[test]
fn a_service_message_is_shortened_without_control_characters() {
    let read = refusal(400, &format!("a\u{1b}[31m\n{}", "x".repeat(5_000)), &json!([]));
    assert!(read.message.chars().count() <= 1_000 && !read.message.contains(['\u{1b}', '\n']));
}
