use jaq_core::load::parse;
use serde_json::json;

use super::*;

fn is_small(expression: &str) -> bool {
    let term = parse(expression, |parser| parser.term()).expect("jq");
    let record = json!({"id": "x".repeat(200), "n": 5, "items": [{"a": 1}, {"a": 2}]});
    bound_cost(&term).is_some_and(|cost| cost.is_small_for(&record))
}

#[test]
fn what_jobs_usually_say_is_known_to_end() {
    for expression in [
        ".",
        ".id",
        "{id, time: (.properties.time/1000 | todate), magnitude: .properties.mag, place: .properties.place}",
        ".items[] | {id: .a, total: (.price * .quantity), name: \"\\(.a) of \\(.b)\"}",
        "select(.n > 3 and (.id | startswith(\"x\"))) | {id, n: (.n | tonumber? // 0)}",
        ". as $all | .items[] | {a, id: $all.id, b: ([.c[]?] | join(\", \"))}",
        "if .n == 1 then {a: .id} elif .n == 2 then {b: .id} else empty end",
        "[.items[].a] | {sum: add, n: length, most: max}",
        ".items | map(select(.a > 1)) | sort_by(.a) | {n: length, first: .[0].a}",
        "del(.items) | with_entries(.key |= ascii_downcase)",
        ".id | gsub(\"\\\\s+\"; \" \") | test(\"^[a-z]+$\"; \"i\")",
        ".a.b += 1 | .c = .d * 1.5",
        "[range(10)] | length",
    ] {
        assert!(is_small(expression), "{expression}");
    }
}

#[test]
fn what_may_never_end_is_not_taken_to_end() {
    for expression in [
        "def f: f; f",
        "def f: 1 + f; f",
        "until(. >= 10; . + $p)",
        "0 | until(. >= 10; . + 0)",
        ".p as $p | 0 | until(. >= 10; . + $p)",
        "[range(0; .total; .page)]",
        "[range(.n)]",
        "range(1e12)",
        "range(0; 1; 1e-9)",
        "repeat(.)",
        "while(true; .)",
        "recurse(.)",
        "reduce range(100) as $i (\"x\"; . + .)",
        "limit(3; repeat(1))",
        "last(range(1e9))",
        "walk([., .])",
        "combinations",
        "test(.re)",
        "test(\"(a{1000}){1000}\")",
        &format!("[.]{}", " | [.[], .[]]".repeat(64)),
        &format!(".[]{}", " | .[]".repeat(10)),
    ] {
        assert!(!is_small(expression), "{expression}");
    }
}
