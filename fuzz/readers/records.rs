//! Records × jq × types: one value or one failure, and the run continues.
//!
//! The first byte selects a column's type, the bytes up to a line break are an expression, and the
//! rest is the record.
use serde_json::{Value, json};
use sheetkeep::ledger::rows::row_builder::build_row;
use sheetkeep::ledger::values::columns::{ColumnType, Columns};
use sheetkeep::step::jq::program::Program;

/// Parses these bytes.
pub fn read_all(bytes: &[u8]) {
    let Some((kind, rest)) = bytes.split_first() else { return };
    let Ok(text) = std::str::from_utf8(rest) else { return };
    let (expression, record) = text.split_once('\n').unwrap_or((text, "null"));
    let record: Value = serde_json::from_str(record).unwrap_or_else(|_| Value::from(record));
    one_number_or_none(record.as_str().unwrap_or(expression));
    let program = match Program::compile(expression) {
        Ok(program) => program,
        Err(error) => {
            assert!(!error.format_caret(expression).is_empty());
            return;
        }
    };
    // An expression that may not end is evaluated in another process.
    let Some(made) = program.run_if_small(&record) else { return };
    assert_eq!(made, program.run(record), "the same record makes the same rows");
    let types = ColumnType::WORDS;
    let (_, kind) = &types[usize::from(*kind) % types.len()];
    let columns = Columns { types: vec![("c".to_owned(), *kind)], ..Columns::default() };
    for value in made.unwrap_or_default() {
        let text = value.to_string();
        assert_eq!(serde_json::from_str::<Value>(&text).ok().as_ref(), Some(&value), "it can be kept: {text}");
        let _ = (build_row(json!({"c": value}), &columns), build_row(value, &columns));
    }
}

fn one_number_or_none(text: &str) {
    thread_local! {
        static READERS: [Program; 2] =
            ["tonumber", "fromjson"].map(|source| Program::compile(source).expect("an expression"));
    }
    READERS.with(|readers| {
        for reader in readers {
            let made = reader.run(Value::from(text));
            assert!(made.as_ref().map_or(true, |values| values.len() == 1), "{text:?} makes {made:?}");
        }
    });
}
