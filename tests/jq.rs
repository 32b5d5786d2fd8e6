//! Expressions and their results in jq 1.7: the product must return the same.
//!
//! In scope: the examples of jq's manual and the shapes of its test suite, with inputs of our own;
//! each was run with jq 1.7. Out of scope: the differences (`docs/jq.md`); the tests at the end
//! check some of them.

#![expect(clippy::panic, reason = "the helpers of a test are part of the test")]

use serde_json::{Value, json};
use sheetkeep::step::jq::program::Program;

/// Expressions, each with its input and its outputs in order as JSON, or `error`.
const CASES: &str = include_str!("jq/cases.jsonl");

fn run_expression(expression: &str, input: Value) -> Option<Vec<Value>> {
    let program = Program::compile(expression).unwrap_or_else(|error| panic!("{expression}: {}", error.message));
    program.run(input).ok()
}

#[test]
fn expressions_make_what_jq_makes_of_the_same_input() {
    for line in CASES.lines() {
        let (expression, input, wanted): (String, String, String) = serde_json::from_str(line).expect("three texts");
        let input: Value = serde_json::from_str(&input).expect("the table holds JSON");
        let values = || serde_json::Deserializer::from_str(&wanted).into_iter().collect::<Result<Vec<Value>, _>>();
        let wanted = (wanted != "error").then(|| values().expect("the table holds JSON"));
        assert_eq!(run_expression(&expression, input.clone()), wanted, "{expression} on {input}");
    }
    assert_eq!(CASES.lines().count(), 412);
}

#[test]
fn a_text_that_is_no_one_number_is_an_error() {
    for text in [
        "10 500",
        "",
        "2024-05-01",
        "1,5",
        "0x10",
        "1_000",
        "--1",
        "nan",
        "Infinity",
        "1e999",
        "true",
        "[1]",
        "1 2",
        "٣",
    ] {
        assert_eq!(run_expression("tonumber", json!(text)), None, "{text:?}");
        assert_eq!(run_expression("tonumber? // 0", json!(text)), Some(vec![json!(0)]), "{text:?}");
    }
    for (text, number) in
        [(".5", json!(0.5)), (" 5 ", json!(5)), ("+7", json!(7)), ("007", json!(7)), ("-1.", json!(-1))]
    {
        assert_eq!(run_expression("tonumber", json!(text)), Some(vec![number]), "{text:?}");
    }
}

#[test]
fn a_json_text_makes_exactly_one_value() {
    for text in ["", " ", "1 2", "{\"a\":1}{\"a\":2}", "1 # one", "NaN", "{1:2}", "b\"x\"", "[1,]", "'a'"] {
        assert_eq!(run_expression("fromjson", json!(text)), None, "{text:?}");
    }
    assert_eq!(run_expression("fromjson", json!(" {\"a\": [1, 2.5]} ")), Some(vec![json!({"a": [1, 2.5]})]));
    assert_eq!(run_expression("fromjson | .a", json!("{\"a\":1,\"a\":2}")), Some(vec![json!(2)]));
}

#[test]
fn what_would_never_end_or_end_the_process_is_an_error() {
    for expression in
        ["[range(0; 10; 0)]", "\"x\" * 1e12", "(.a *= 1e12)", "limit(-1; .)", "1 / 0", "1 % 0", "nth(-1; .)"]
    {
        assert_eq!(run_expression(expression, json!({"a": "x"})), None, "{expression}");
    }
}

#[test]
fn a_quotient_that_is_whole_is_written_without_a_fraction() {
    let record = json!({"total": 6, "n": 4});
    assert_eq!(run_expression(r#""\(.total / 2) of \(.n / 8)""#, record.clone()), Some(vec![json!("3 of 0.5")]));
    assert_eq!(run_expression("[.total / 2] | tojson", record), Some(vec![json!("[3]")]));
}

#[test]
fn members_keep_their_order_when_one_is_deleted() {
    let rows = run_expression("del(.a)", json!({"a": 1, "b": 2, "c": 3})).expect("an object");
    assert_eq!(rows.iter().map(Value::to_string).collect::<Vec<_>>(), [r#"{"b":2,"c":3}"#]);
}
