//! The crate google-sheets4 by itself, as its documentation shows it: `values.append`, a batch of
//! rows at a time, without retries.
//!
//! ```text
//! google_sheets4 URL KEY.json SPREADSHEET ROWS.csv BATCH
//! ```
//!
//! `benches/run scale` builds it and compares with it. It is a `[[bench]]` without a harness only
//! so that neither `cargo build` nor `cargo test` builds it.

use std::error::Error;
use std::io::{self, Write};

use google_sheets4::api::ValueRange;
use google_sheets4::hyper_util::client::legacy::Client;
use google_sheets4::hyper_util::rt::TokioExecutor;
use google_sheets4::{Sheets, hyper_rustls, yup_oauth2};
use serde_json::Value;

const SCOPE: &str = "https://www.googleapis.com/auth/spreadsheets";

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [url, key, spreadsheet, rows, batch] = arguments.as_slice() else {
        return Err("usage: google_sheets4 URL KEY.json SPREADSHEET ROWS.csv BATCH".into());
    };
    let batch: usize = batch.parse()?;
    let connector = || {
        Ok::<_, io::Error>(
            hyper_rustls::HttpsConnectorBuilder::new().with_webpki_roots().https_or_http().enable_http1().build(),
        )
    };
    let key = yup_oauth2::read_service_account_key(key).await?;
    let client =
        yup_oauth2::client::CustomHyperClientBuilder::from(Client::builder(TokioExecutor::new()).build(connector()?));
    let login = yup_oauth2::ServiceAccountAuthenticator::with_client(key, client).build().await?;
    let mut hub = Sheets::new(Client::builder(TokioExecutor::new()).build(connector()?), login);
    hub.base_url(format!("{url}/"));
    hub.root_url(format!("{url}/"));

    let mut added = 0_usize;
    let mut values: Vec<Vec<Value>> = Vec::with_capacity(batch);
    let mut records = csv::Reader::from_path(rows)?.into_records();
    loop {
        let record = records.next().transpose()?;
        let ended = record.is_none();
        values.extend(record.map(|record| record.iter().map(Value::from).collect::<Vec<_>>()));
        if values.len() == batch || (ended && !values.is_empty()) {
            added += values.len();
            let range = ValueRange { values: Some(std::mem::take(&mut values)), ..ValueRange::default() };
            let call = hub.spreadsheets().values_append(range, spreadsheet, "Sheet1");
            call.value_input_option("RAW").add_scope(SCOPE).doit().await?;
        }
        if ended {
            break;
        }
    }
    writeln!(io::stdout(), "{added} rows added")?;
    Ok(())
}
