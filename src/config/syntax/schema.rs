//! The JSON schema of a job file, for editors.
//!
//! In scope: deriving it from the types that read the file, so that the two can't differ. Out of
//! scope: checking a file (`config::syntax::keys`).

use schemars::schema_for;
use serde_json::Value;

use crate::config::syntax::raw::JobFile;

/// Returns the schema (JSON Schema 2020-12) of a job file. It is shipped as
/// `docs/job-file.schema.json`.
pub fn make_job_file_schema() -> Value {
    let mut schema = schema_for!(JobFile).to_value();
    remove_null(&mut schema);
    schema
}

/// Removes null from the schema: TOML has none, and optional keys are simply not required.
fn remove_null(schema: &mut Value) {
    match schema {
        Value::Array(items) => items.iter_mut().for_each(remove_null),
        Value::Object(members) => {
            members.retain(|name, value| !(name == "default" && value.is_null()));
            members.values_mut().for_each(remove_null);
            if let Some(Value::Array(kinds)) = members.get("type")
                && let [kind, Value::String(null)] = kinds.as_slice()
                && null == "null"
            {
                let kind = kind.clone();
                members.insert("type".into(), kind);
            }
            if let Some(Value::Array(choices)) = members.get("anyOf")
                && let [Value::Object(choice), null] = choices.as_slice()
                && null.get("type").is_some_and(|kind| kind == "null")
            {
                let choice = choice.clone();
                members.remove("anyOf");
                members.extend(choice);
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shipped_schema_is_the_one_that_job_files_are_read_by() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/job-file.schema.json");
        let mut made = serde_json::to_string_pretty(&make_job_file_schema()).expect("JSON");
        made.push('\n');
        let shipped = std::fs::read_to_string(path).unwrap_or_default();
        if shipped != made {
            let fresh = std::env::temp_dir().join("job-file.schema.json");
            std::fs::write(&fresh, made).expect("a file");
            panic!("docs/job-file.schema.json is stale; the fresh one is {}", fresh.display());
        }
    }
}
