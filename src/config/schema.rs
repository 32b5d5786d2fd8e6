//! The JSON schema of a job file, for editors.
//!
//! In scope: making it of the types that read the file, so that the two can't differ. Out of scope: checking a file (`config::keys`).

use schemars::schema_for;
use serde_json::Value;

use crate::config::raw::JobFile;

/// The schema (JSON Schema 2020-12) of a job file. It is shipped as `docs/job-file.schema.json`.
pub fn job_file_schema() -> Value {
    schema_for!(JobFile).to_value()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shipped_schema_is_the_one_that_job_files_are_read_by() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/job-file.schema.json");
        let mut made = serde_json::to_string_pretty(&job_file_schema()).expect("JSON");
        made.push('\n');
        let shipped = std::fs::read_to_string(path).unwrap_or_default();
        if shipped != made {
            let fresh = std::env::temp_dir().join("job-file.schema.json");
            std::fs::write(&fresh, made).expect("a file");
            panic!("docs/job-file.schema.json is stale; the fresh one is {}", fresh.display());
        }
    }
}
