//! Converts JSON values to jaq's values and back.
//!
//! In scope: both conversions, exact for every number, also for one that a double can't represent
//! (`ledger::values::exact_number`). jq passes such a number on unchanged, and calculates with the
//! nearest double. Out of scope: running jq (`step::jq::program`).

use jaq_json::{Map, Num, Val};
use serde_json::{Number, Value};

use crate::ledger::values::exact_number;

/// Maximum nesting of a result. Results are parsed again later, and `serde_json` parses 127 levels.
const MAX_DEPTH: usize = 126;

/// Converts to jaq's value.
pub(crate) fn to_jaq(value: Value) -> Val {
    match value {
        Value::Null => Val::Null,
        Value::Bool(b) => Val::Bool(b),
        Value::Number(number) => Val::Num(convert_number_to_jaq(&number)),
        Value::String(text) => match exact_number::read_marked_digits(&text) {
            Some(digits) => Val::Num(convert_digits_to_jaq(digits)),
            None => Val::utf8_str(text),
        },
        Value::Array(items) => Val::Arr(items.into_iter().map(to_jaq).collect::<Vec<_>>().into()),
        Value::Object(members) => {
            Val::obj(members.into_iter().map(|(name, value)| (Val::utf8_str(name), to_jaq(value))).collect::<Map>())
        }
    }
}

fn convert_number_to_jaq(number: &Number) -> Num {
    match (number.as_i64(), number.as_u64()) {
        (Some(i), _) => Num::from_integral(i),
        (None, Some(u)) => Num::from_integral(u),
        (None, None) => Num::Float(number.as_f64().unwrap_or(f64::NAN)),
    }
}

/// Converts a number as written: a whole one of any length, or a decimal one.
fn convert_digits_to_jaq(digits: &str) -> Num {
    Num::from_str_radix(digits, 10).unwrap_or_else(|| Num::Dec(digits.to_owned().into()))
}

/// Converts to a `serde_json` value. The error names the path of the value that can't be
/// represented. That is a number that is not finite, invalid UTF-8, or a member whose name is not a
/// text.
pub(crate) fn from_jaq(value: &Val) -> Result<Value, String> {
    convert(value, 0).map_err(|UnrepresentableValue { path, why }| {
        let path: String = path.into_iter().rev().collect();
        format!("{} {why}", if path.is_empty() { "the result" } else { &path })
    })
}

/// The value that can't be represented, and its path, from the innermost segment outwards.
struct UnrepresentableValue {
    path: Vec<String>,
    why: &'static str,
}

impl UnrepresentableValue {
    fn new_at_path(why: &'static str) -> Self {
        Self { path: Vec::new(), why }
    }

    fn with_segment(mut self, segment: String) -> Self {
        self.path.push(segment);
        self
    }
}

fn convert(value: &Val, depth: usize) -> Result<Value, UnrepresentableValue> {
    if depth > MAX_DEPTH {
        return Err(UnrepresentableValue::new_at_path("is nested more than 126 deep"));
    }
    match value {
        Val::Null => Ok(Value::Null),
        Val::Bool(b) => Ok(Value::Bool(*b)),
        Val::Num(number) => convert_number_from_jaq(number),
        Val::BStr(bytes) | Val::TStr(bytes) => decode_text(bytes).map(Value::String),
        Val::Arr(items) => {
            let convert_item = |(at, item)| convert(item, depth + 1).map_err(|e| e.with_segment(format!("[{at}]")));
            items.iter().enumerate().map(convert_item).collect::<Result<_, _>>().map(Value::Array)
        }
        Val::Obj(members) => {
            let convert_member = |(name, value): (&Val, &Val)| {
                let name = match name {
                    Val::BStr(bytes) | Val::TStr(bytes) => decode_text(bytes)?,
                    _ => return Err(UnrepresentableValue::new_at_path("has a member whose name is not a text")),
                };
                let value = convert(value, depth + 1).map_err(|e| e.with_segment(format!(".{name}")))?;
                Ok((name, value))
            };
            members.iter().map(convert_member).collect::<Result<_, _>>().map(Value::Object)
        }
    }
}

fn decode_text(bytes: &[u8]) -> Result<String, UnrepresentableValue> {
    std::str::from_utf8(bytes).map(str::to_owned).map_err(|_| UnrepresentableValue::new_at_path("is not valid UTF-8"))
}

fn convert_number_from_jaq(number: &Num) -> Result<Value, UnrepresentableValue> {
    let float = match number {
        Num::Int(i) => return Ok(Value::from(*i)),
        Num::BigInt(big) => {
            let digits = big.to_string();
            return Ok(digits
                .parse::<i64>()
                .map(Value::from)
                .or_else(|_| digits.parse::<u64>().map(Value::from))
                .unwrap_or_else(|_| exact_number::from_token(&digits)));
        }
        Num::Float(f) => *f,
        Num::Dec(digits) => match exact_number::from_inexact(digits) {
            Some(literal) => return Ok(literal),
            None => digits.parse().unwrap_or(f64::NAN),
        },
    };
    Number::from_f64(float)
        .map(Value::Number)
        .ok_or_else(|| UnrepresentableValue::new_at_path("is not a finite number"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    proptest! {
        #[test]
        fn every_number_comes_back_as_it_went_in(i in any::<i64>(), u in any::<u64>(), f in any::<f64>()) {
            for value in [json!(i), json!(u), json!(f)] {
                prop_assert_eq!(from_jaq(&to_jaq(value.clone())), Ok(value));
            }
        }
    }

    #[test]
    fn a_number_that_no_double_holds_goes_through_as_it_is_written() {
        for digits in ["1234567890123456.789", "1e-400", "1E400", "-0.1234567890123456789", "12345678901234567890123"] {
            let value = json!({"a": [exact_number::from_token(digits)]});
            assert_eq!(from_jaq(&to_jaq(value.clone())), Ok(value));
        }
    }

    #[test]
    fn members_keep_their_order_and_nesting() {
        let value = json!({"z": [1, {"b": null, "a": "ü"}], "a": true, "m": {}});
        let back = from_jaq(&to_jaq(value.clone())).expect("the same value");
        assert_eq!(back.to_string(), value.to_string());
    }

    #[test]
    fn what_json_can_not_hold_is_named_by_its_path() {
        let inner = Val::Arr(vec![Val::Null, Val::Num(Num::Float(f64::NAN))].into());
        let value = Val::obj([(Val::utf8_str("a"), inner)].into_iter().collect());
        assert_eq!(from_jaq(&value), Err(".a[1] is not a finite number".into()));
        assert_eq!(from_jaq(&Val::Num(Num::Float(f64::INFINITY))), Err("the result is not a finite number".into()));
        assert_eq!(from_jaq(&Val::byte_str(vec![0xff])), Err("the result is not valid UTF-8".into()));
    }
}
