//! Checks the tables of `docs/emulator.md`: each method and each kind of request is sent to the
//! emulator.

use std::collections::HashSet;
use std::fmt::Write;
use std::sync::Arc;

use crate::api::call::{ApiRequest, QueryParams};
use crate::api::route::Route;
use crate::emulator::Emulator;
use crate::error::NOT_IMPLEMENTED;
use crate::options::EmulatorOptions;
use crate::random::SeededRandom;
use crate::schema::support::{REQUEST_SUPPORT, SUPPORTED_METHODS, SupportLevel, list_request_kinds};
use crate::time::SimulatedTimeSource;
use hyper::Method;
use serde_json::json;

const DOCUMENT: &str = include_str!("../../../../../docs/emulator.md");
const TOKEN: &str = "a-token-of-this-test";
const ID: &str = "x";

fn emulator() -> Emulator {
    let options = EmulatorOptions {
        spreadsheet_id: Some(ID.to_owned()),
        trusted_token: Some(TOKEN.to_owned()),
        ..EmulatorOptions::default()
    };
    let clock = Arc::new(SimulatedTimeSource::starting_at(0));
    Emulator::open(options, clock, Arc::new(SeededRandom::new(1))).expect("memory is there")
}

/// Returns the status of a new emulator's response.
async fn status(verb: &str, path: &str, body: String) -> u16 {
    let call = ApiRequest {
        method: method(verb),
        path: path.to_owned(),
        query: QueryParams::default(),
        host: "localhost".to_owned(),
        authorization: Some(format!("Bearer {TOKEN}")),
        content: crate::api::call::ContentHeaders::default(),
        body: body.into_bytes().into(),
    };
    emulator().handle(call).await.expect("no fault was asked for").status
}

fn method(verb: &str) -> Method {
    Method::from_bytes(verb.as_bytes()).expect("a verb")
}

/// Returns the path with its placeholders replaced.
fn fill_path(path: &str) -> String {
    let path = path.replace("{id}", ID).replace("{range}", "A1");
    let path = path.replace("{permissionId}", "1");
    path.replace("{sheetId}", "0").replace("{metadataId}", "1")
}

async fn methods_table() -> String {
    let mut table = "| method | call | |\n|---|---|---|\n".to_owned();
    for (verb, path) in SUPPORTED_METHODS {
        let route = Route::find(&method(verb), &fill_path(path)).expect("SUPPORTED_METHODS holds methods");
        let status = status(verb, &fill_path(path), "{}".to_owned()).await;
        let reach = if status == NOT_IMPLEMENTED { "not implemented" } else { "implemented" };
        writeln!(table, "| `{}` | `{verb} {path}` | {reach} |", route.api.info().0).expect("a text takes it");
    }
    table
}

async fn kinds_table() -> String {
    let mut table = "| request | | to know |\n|---|---|---|\n".to_owned();
    for kind in list_request_kinds() {
        let body = json!({"requests": [{ kind: {} }]}).to_string();
        let status = status("POST", &format!("/v4/spreadsheets/{ID}:batchUpdate"), body).await;
        let declared = REQUEST_SUPPORT.iter().find(|(answered, ..)| *answered == kind);
        assert_eq!(
            declared.is_none(),
            status == NOT_IMPLEMENTED,
            "{kind} answers {status}: schema/support.rs is wrong"
        );
        let (reach, note) = match declared {
            Some((_, SupportLevel::Implemented, note)) => ("implemented", *note),
            Some((_, SupportLevel::StoredOnly, note)) => ("kept as sent", *note),
            None => ("not implemented", ""),
        };
        writeln!(table, "| `{kind}` | {reach} | {note} |").expect("a text takes it");
    }
    table
}

/// Compares a table of the document with the current one, which is written to a temporary file.
fn compare(name: &str, fresh: &str) {
    let got = DOCUMENT.split(&format!("<!-- {name} -->\n")).nth(1).and_then(|rest| rest.split("<!-- end -->").next());
    let path = std::env::temp_dir().join(format!("emulator-{name}.md"));
    std::fs::write(&path, fresh).expect("a folder for files that may go");
    assert!(got == Some(fresh), "docs/emulator.md: the table of {name} is stale; the fresh one is {}", path.display());
}

#[tokio::test]
async fn the_table_of_methods_is_what_the_emulator_answers() {
    compare("methods", &methods_table().await);
}

#[tokio::test]
async fn the_table_of_requests_is_what_the_emulator_answers() {
    compare("requests", &kinds_table().await);
}

#[test]
fn every_method_and_every_kind_is_in_the_tables() {
    let named = SUPPORTED_METHODS.iter().filter_map(|(verb, path)| Route::find(&method(verb), &fill_path(path)));
    let named: HashSet<&str> = named.map(|route| route.api.info().0).collect();
    assert_eq!(named.len(), SUPPORTED_METHODS.len(), "no method is there twice");
    assert_eq!(named.iter().filter(|name| name.starts_with("spreadsheets.")).count(), 17);
    assert_eq!(list_request_kinds().len(), 74, "the kinds of revision 20261019");
    let declared: HashSet<&str> = REQUEST_SUPPORT.iter().map(|(kind, ..)| *kind).collect();
    assert_eq!(declared.len(), REQUEST_SUPPORT.len(), "no kind is declared twice");
    assert!(declared.iter().all(|kind| list_request_kinds().contains(kind)), "Google knows what is declared");
}
