use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::source::bytes::dripping_reader::DrippingReader;

fn split(text: &[u8], path: &str) -> (Vec<String>, Option<SplitError>) {
    let path = MemberPath::parse(path.trim_end_matches("[]")).or_else(|| MemberPath::parse(".")).expect("a plain path");
    let mut splitter = Splitter::new(DrippingReader(text, 1), path, 1_000);
    let mut elements = Vec::new();
    loop {
        match splitter.next() {
            Ok(Some((element, _))) => elements.push(String::from_utf8_lossy(element).into_owned()),
            Ok(None) => return (elements, None),
            Err(stop) => return (elements, Some(stop)),
        }
    }
}

fn split_broken(text: &str, path: &str) -> String {
    match split(text.as_bytes(), path).1 {
        Some(
            SplitError::Broken(position, why)
            | SplitError::NotAnArray(position, why)
            | SplitError::RepeatedMember(position, why),
        ) => {
            format!("{}:{} {why}", position.line, position.column)
        }
        Some(SplitError::CutOff(position)) => format!("{}:{} cut off", position.line, position.column),
        other => format!("{other:?}"),
    }
}

#[test]
fn elements_are_found_by_their_brackets_and_texts() {
    let text = br#" {"x": {"features": [9]}, "f\u0065atures" : [ {"a": "]}\\\""} , [1,[2]],"t", NaN ,-1.5e3, null ], "y": [{}] } "#;
    let (elements, stop) = split(text, ".features[]");
    assert!(stop.is_none(), "{stop:?}");
    assert_eq!(elements, [r#"{"a": "]}\\\""}"#, "[1,[2]]", "\"t\"", "NaN", "-1.5e3", "null"]);
    assert_eq!(split(b"[]", ".[]").0.len(), 0);
    assert!(split(b"{\"a\": {\"b\": [] } }", ".a.b[]").1.is_none());
}

#[test]
fn a_document_cut_off_anywhere_is_noticed_after_its_elements() {
    let text = br#"{"a": [{"n": 1}, {"n": 2}], "b": {"c": [1]}}"#;
    for end in 0..text.len() {
        let (elements, stop) = split(&text[..end], ".a[]");
        assert!(matches!(stop, Some(SplitError::CutOff(position)) if position.offset == end as u64), "{end}: {stop:?}");
        let whole = [15, 25].iter().filter(|border| **border <= end).count();
        assert_eq!(elements.len(), whole, "{end}");
    }
}

#[test]
fn what_can_not_be_resynchronised_breaks_the_walk_at_its_place() {
    for (text, path, message) in [
        ("[1 2]", ".[]", "1:4 found `2`, where the document needs a comma or a closing bracket after the element"),
        ("[{}\n{}]", ".[]", "2:1 found `{`, where the document needs a comma or a closing bracket after the element"),
        ("[1,]", ".[]", "1:4 found `]`, where the document needs an element after the comma"),
        ("[,1]", ".[]", "1:2 found `,`, where the document needs a value"),
        ("[{\"a\":[1}]", ".[]", "1:9 found `}`, where the document needs `]`, which would close what is open"),
        ("[1] x", ".[]", "1:5 found `x`, where the document needs the end of the document"),
        ("{\"a\":1}", ".[]", "1:1 items is .[], which needs an array at ., but found an object"),
        ("{\"a\":{}}", ".a[]", "1:6 items is .a[], which needs an array at .a, but found an object"),
        ("[]", ".a[]", "1:1 items is .a[], which needs an object at ., but found an array"),
        ("{\"b\":{}}", ".b.c[]", "1:7 items is .b.c[], but the object at .b has no member \"c\""),
        ("{\"b\":1}", ".a[]", "1:7 items is .a[], but the object at . has no member \"a\""),
        ("", ".a[]", "1:1 cut off"),
    ] {
        assert_eq!(split_broken(text, path), message, "{text}");
    }
    assert!(split_broken(&format!("[\"{}\"]", "x".repeat(2_000)), ".[]").contains("longer than 1000 bytes"));
}

#[test]
fn a_repeated_member_of_the_path_is_an_error() {
    for (text, path, at) in [
        (
            r#"{"data":[1],"data":[2]}"#,
            ".data[]",
            "1:13 items is .data[], and the object at . has the member \"data\" twice",
        ),
        (r#"{"data":[1],"d\u0061ta":null}"#, ".data[]", "1:13 items is .data[], and the object at . has the member"),
        (
            r#"{"a":{"b":[1],"c":0,"b":[2]}}"#,
            ".a.b[]",
            "1:21 items is .a.b[], and the object at .a has the member \"b\"",
        ),
        (
            r#"{"a":{"b":[1]},"a":{"b":[2]}}"#,
            ".a.b[]",
            "1:16 items is .a.b[], and the object at . has the member \"a\"",
        ),
    ] {
        let message = split_broken(text, path);
        assert!(message.starts_with(at), "{message}");
        assert_eq!(split(text.as_bytes(), path).0, ["1"]);
    }
    assert!(split(br#"{"a":{"b":[1]},"b":[2],"c":{"a":1}}"#, ".a.b[]").1.is_none());
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![Just(json!(null)), any::<i32>().prop_map(Value::from), "(?s).{0,9}".prop_map(Value::from)];
    leaf.prop_recursive(3, 20, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::hash_map(".{0,3}", inner, 0..4).prop_map(|m| Value::Object(m.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn the_elements_of_any_array_come_out_whole(items in prop::collection::vec(any_json(), 0..6), pretty in any::<bool>(), tail in any_json()) {
        let document = json!({"head": tail.clone(), "in": {"items": items}, "tail": tail});
        let text = if pretty { serde_json::to_string_pretty(&document) } else { serde_json::to_string(&document) };
        let (elements, stop) = split(text.expect("json").as_bytes(), ".in.items[]");
        prop_assert!(stop.is_none(), "{:?}", stop);
        let read: Vec<Value> = elements.iter().map(|e| serde_json::from_str(e).expect("json")).collect();
        prop_assert_eq!(Value::from(read), document["in"]["items"].clone());
    }

    #[test]
    fn no_bytes_make_the_walk_panic_or_hang(text in prop::collection::vec(prop::sample::select(b"[]{}\",:\\ 1a\n".as_slice()), 0..60)) {
        split(&text, ".[]");
        split(&text, ".a[]");
    }
}
