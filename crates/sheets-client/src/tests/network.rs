//! Tests over real sockets on this machine.

use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;

use crate::auth::credentials::Credentials;
use crate::calls::call_counts::AttemptOutcome;
use crate::errors::call_error::{ErrorCause, Method};
use crate::options::{ConnectError, Deadlines, SheetsOptions};
use crate::sheets::{BatchResult, Sheets};
use crate::tests::stub::{Stub, book, one_range, one_value};
use crate::transport::connect::Transport;
use crate::transport::proxy::{Proxies, Proxy};
use crate::types::requests::{Batch, Request};
use sheetkeep_base::retry::RetryPolicy;
use sheetkeep_base::system::{SeededRng, SystemClock};

fn options(url: String) -> SheetsOptions {
    let credentials = Credentials::from_token("test-token").expect("a token");
    let retry = RetryPolicy { base_ms: 1, cap_ms: 5, max_attempts: 3, ..RetryPolicy::default() };
    let network = Transport::Network { ca_file: None, proxies: Proxies::default() };
    SheetsOptions { api_url: Some(url), retry, ..SheetsOptions::new(credentials, network) }
}

fn connect(options: SheetsOptions) -> Result<Sheets, ConnectError> {
    Sheets::connect(options, Arc::new(SystemClock::new()), Arc::new(SeededRng::new(1)))
}

#[tokio::test]
async fn a_loopback_server_is_reached_without_tls() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    let stub = Stub::new(|_, _| one_value());
    let serving = stub.clone();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(serving.clone().serve(stream));
        }
    });
    let client = connect(options(url)).expect("a client");
    for _ in 0..3 {
        client.read_values(&book(), &one_range()).await.expect("read");
    }
    assert_eq!(stub.calls().len(), 3);
}

#[tokio::test]
async fn a_service_that_is_not_there_was_sent_nothing() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    drop(listener);
    let client = connect(options(url)).expect("a client");
    let batch = Batch::new(vec![Request::DeleteSheet { sheet_id: 1 }]);
    let BatchResult::NotExecuted(error) = client.batch_update(&book(), &batch).await else { panic!("never sent") };
    assert!(matches!(error.cause, ErrorCause::Unreachable(_)), "{error:?}");
    assert_eq!((error.attempts, client.calls().writes), (3, 0));
    assert_eq!(client.calls().by_method.get(&(Method::BatchUpdate, AttemptOutcome::Unsent)), Some(&3));
}

#[tokio::test]
async fn plain_http_and_a_missing_certificate_file_send_nothing() {
    assert!(matches!(connect(options("http://example.com/".to_owned())), Err(ConnectError::Address(_))));
    let network = Transport::Network { ca_file: Some("/nowhere/ca.pem".into()), proxies: Proxies::default() };
    let refused = connect(SheetsOptions { transport: network, ..options("https://example.com/".to_owned()) });
    assert!(matches!(refused, Err(ConnectError::Roots(_))));
}

#[tokio::test]
async fn a_proxy_that_never_answers_is_given_up_at_the_deadline() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address").to_string();
    let proxy = |variable| Proxy::parse(variable, &address).ok();
    let network = Transport::Network { ca_file: None, proxies: Proxies::new(proxy("HTTPS_PROXY"), None, None) };
    let deadlines = Deadlines { connect: Duration::from_millis(50), ..Deadlines::default() };
    let silent = options("https://sheets.example/".to_owned());
    let client = connect(SheetsOptions { transport: network, deadlines, ..silent }).expect("a client");
    let error = client.read_values(&book(), &one_range()).await.expect_err("no response").to_string();
    assert!(error.contains(&format!("the proxy http://{address} of HTTPS_PROXY gave no response within")), "{error}");
}
