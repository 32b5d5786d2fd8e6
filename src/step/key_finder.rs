//! Finds an item's key and version with jq.
//!
//! In scope: which jq results can be a key or a version. Out of scope: what a key is
//! (`ledger::items::key`).

use futures_util::future::{BoxFuture, FutureExt};
use serde_json::Value;

use crate::ledger::items::key::{Key, KeyError, MAX_VERSION_CHARS, Version, hash_texts};
use crate::ledger::values::coerce::format_number;
use crate::ledger::values::exact_number;
use crate::ledger::values::json_path::MemberPath;
use crate::port::evaluator::EvaluationError;
use crate::port::step::{IdentifyError, Identity, KeyFinder};
use crate::step::expression::Expression;

/// Where a record's version comes from.
#[derive(Debug, Clone)]
pub enum VersionSource {
    /// A jq expression.
    Named(Expression),
    /// The record's content: other content is another version.
    Content,
    /// Records have no version.
    None,
}

/// Finds the key and version of a record.
#[derive(Debug)]
pub struct JqKeyFinder {
    key: Expression,
    versions: VersionSource,
}

impl JqKeyFinder {
    /// Returns the error of a record without a key. If a member is missing, it names those that are there.
    fn describe_missing_key(&self, body: &Value) -> IdentifyError {
        let (Some(path), Value::Object(members)) = (self.key.path(), body) else { return KeyError::Missing.into() };
        let is_there = path.members().first().is_none_or(|name| members.contains_key(name));
        if is_there || members.is_empty() {
            return KeyError::Missing.into();
        }
        let shown: Vec<String> = members.keys().take(SHOWN_MEMBERS).map(|name| format!("{name:?}")).collect();
        let more = if members.len() > SHOWN_MEMBERS { ", …" } else { "" };
        IdentifyError::KeyMissing { path: self.key.source().to_owned(), members: shown.join(", ") + more }
    }

    /// Creates a finder that reads the key with `key`.
    pub fn new(key: Expression, versions: VersionSource) -> Self {
        Self { key, versions }
    }
}

impl KeyFinder for JqKeyFinder {
    /// A text is used unchanged, a number by its digits (42 is `42`), also a number that a double
    /// can't represent. Null or no result is a missing key, or no version.
    fn identify<'a>(&'a self, body: &'a Value) -> BoxFuture<'a, Identity> {
        async move {
            let (key, version) = self.find_identity(body).await?;
            match &self.versions {
                VersionSource::Content => Ok((key, Version(hash_content(body)))),
                VersionSource::Named(_) | VersionSource::None => Ok((key, version)),
            }
        }
        .boxed()
    }

    fn identify_reduced<'a>(&'a self, body: &'a Value) -> BoxFuture<'a, Identity> {
        self.find_identity(body).boxed()
    }
    fn paths(&self) -> Vec<(&'static str, MemberPath)> {
        let version = match &self.versions {
            VersionSource::Named(program) => Some(program),
            VersionSource::Content | VersionSource::None => None,
        };
        let programs = [("key", Some(&self.key)), ("version", version)];
        programs.into_iter().filter_map(|(what, program)| Some((what, program?.path()?.clone()))).collect()
    }
}

impl JqKeyFinder {
    async fn find_identity(&self, body: &Value) -> Identity {
        let key = match evaluate_single_value("key", &self.key, body).await? {
            // A key of blanks is one that people can't see.
            Some(text) if text.trim().is_empty() => return Err(KeyError::Empty.into()),
            Some(text) => Key::new(text)?,
            None => return Err(self.describe_missing_key(body)),
        };
        let version = match &self.versions {
            VersionSource::Named(version) => {
                check_length(version, evaluate_single_value("version", version, body).await?.unwrap_or_default())?
            }
            VersionSource::Content | VersionSource::None => String::new(),
        };
        Ok((key, Version(version)))
    }
}

/// Names of members that are shown of a record without a key.
const SHOWN_MEMBERS: usize = 5;

/// Returns `#` and 16 hexadecimal digits of a hash of the record, independent of the order of its
/// members.
fn hash_content(body: &Value) -> String {
    let mut body = body.clone();
    body.sort_all_objects();
    let digest = hash_texts(&[&body.to_string()]);
    format!("#{}", data_encoding::HEXLOWER.encode(digest.get(..8).unwrap_or(&digest)))
}

/// Limits a version to a length that fits a cell and is readable.
fn check_length(expression: &Expression, version: String) -> Result<String, IdentifyError> {
    let chars = version.chars().count();
    if chars <= MAX_VERSION_CHARS {
        return Ok(version);
    }
    let why = format!("it yields a text of {chars} characters; at most 1,000 are taken");
    Err(IdentifyError::Expression { what: "version", expression: expression.source().to_owned(), why })
}

/// Returns the one text or number that `expression` yields; `None` for null or no result.
async fn evaluate_single_value(
    what: &'static str,
    expression: &Expression,
    body: &Value,
) -> Result<Option<String>, IdentifyError> {
    let failed = |why: String| IdentifyError::Expression { what, expression: expression.source().to_owned(), why };
    let mut values = expression.evaluate(body).await.map_err(|error| match error {
        EvaluationError::Rejected(why) => failed(why),
        EvaluationError::Machine(machine_error) => IdentifyError::Machine(machine_error),
    })?;
    if values.len() > 1 {
        return Err(failed(format!("it yields {} values, where one is needed", values.len())));
    }
    match values.pop() {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(exact_number::remove_number_mark(text))),
        Some(Value::Number(number)) => Ok(Some(format_number(&number))),
        Some(Value::Bool(b)) => Err(failed(format!("it yields {b}, where a text or a number is needed"))),
        Some(Value::Array(_)) => Err(failed("it yields an array, where a text or a number is needed".into())),
        Some(Value::Object(_)) => Err(failed("it yields an object, where a text or a number is needed".into())),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::step::jq::program::Program;

    fn expression(source: &str) -> Expression {
        Expression::new_unbounded(Program::compile(source).expect("a valid expression"))
    }

    fn find(key: &str, body: &Value) -> Result<(String, String), IdentifyError> {
        let key_finder = JqKeyFinder::new(expression(key), VersionSource::Named(expression(".v")));
        let found = key_finder.identify(body).now_or_never().expect("it is evaluated here")?;
        Ok((found.0.as_str().to_owned(), found.1.0))
    }

    #[test]
    fn a_version_that_no_cell_would_take_is_refused_with_its_item() {
        let long = |n| json!({"id": "a", "v": "x".repeat(n)});
        assert_eq!(find(".id", &long(1_000)).map(|found| found.1.len()), Ok(1_000));
        let refused = find(".id", &long(1_001)).expect_err("too long");
        assert!(refused.to_string().contains("1001 characters"), "{refused}");
    }

    #[test]
    fn a_version_by_content_is_another_one_only_when_the_content_is() {
        let key_finder = JqKeyFinder::new(expression(".id"), VersionSource::Content);
        let version = |body: Value| key_finder.identify(&body).now_or_never().expect("found here").expect("a key").1.0;
        let one = version(json!({"id": "a", "n": {"x": 1, "y": [2]}}));
        assert_eq!(one, version(json!({"n": {"y": [2], "x": 1}, "id": "a"})));
        assert_ne!(one, version(json!({"id": "a", "n": {"x": 1, "y": [3]}})));
        assert_eq!((one.len(), &one[..1]), (17, "#"));
    }

    #[test]
    fn a_text_is_taken_to_the_letter_and_a_number_by_its_digits() {
        for (body, key) in [
            (json!({"id": "0042"}), "0042"),
            (json!({"id": 42}), "42"),
            (json!({"id": 42.0}), "42"),
            (json!({"id": 1.5}), "1.5"),
            (json!({"id": 9_007_199_254_740_993_u64}), "9007199254740993"),
            (json!({"id": "12345678901234567890"}), "12345678901234567890"),
            (json!({"id": " a "}), " a "),
            (json!({"id": exact_number::from_token("1234567890123456.789")}), "1234567890123456.789"),
            (json!({"id": exact_number::from_token("9007199254740993.0")}), "9007199254740993.0"),
        ] {
            assert_eq!(find(".id", &body), Ok((key.into(), String::new())), "{body}");
        }
        assert_eq!(find(".id", &json!({"id": "a", "v": 7})), Ok(("a".into(), "7".into())));
    }

    #[test]
    fn a_record_without_a_usable_key_says_which_and_why() {
        assert_eq!(find(".id", &json!({})), Err(IdentifyError::Key(KeyError::Missing)));
        assert_eq!(find("empty", &json!({})), Err(IdentifyError::Key(KeyError::Missing)));
        assert_eq!(find(".id", &json!({"id": ""})), Err(IdentifyError::Key(KeyError::Empty)));
        for (body, why) in [
            (json!({"id": true}), "key .id failed on the record: it yields true, where a text or a number is needed"),
            (json!({"id": []}), "key .id failed on the record: it yields an array, where a text or a number is needed"),
            (json!([1]), "key .id failed on the record: cannot index [1] with \"id\""),
        ] {
            assert_eq!(find(".id", &body).map_err(|e| e.to_string()), Err(why.to_owned()));
        }
        assert!(find(".[]", &json!(["a", "b"])).is_err());
    }
}
