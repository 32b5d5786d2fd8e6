//! An API that is asked for what is new since the last run.
//!
//!     cargo run --example api_watermark
//!
//! The watermark is the last `updated` before which every order is settled. It is stored in the
//! commit that writes the rows, so that a crash can't set it too far.
#![expect(clippy::print_stdout, reason = "an example prints what it shows")]

use std::error::Error;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::{Value, json};
use sheetkeep::job::{Job, JobSource, memory_store};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// Orders of the API, in the order of their change.
type Orders = Arc<Mutex<Vec<Value>>>;

/// Serves `GET /orders?since=…`.
async fn serve(listener: TcpListener, orders: Orders) {
    while let Ok((mut stream, _)) = listener.accept().await {
        let mut request = vec![0; 4_096];
        let length = stream.read(&mut request).await.unwrap_or(0);
        let request = String::from_utf8_lossy(&request[..length]).into_owned();
        let since = request.split("since=").nth(1).and_then(|rest| rest.split(' ').next()).unwrap_or_default();
        let orders = orders.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let is_new = |order: &Value| order["updated"].as_str().is_some_and(|updated| updated >= since);
        let body = orders.into_iter().filter(is_new).collect::<Value>().to_string();
        let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", body.len());
        if let Err(error) = stream.write_all((head + &body).as_bytes()).await {
            println!("the answer was not taken: {error}");
        }
    }
}

/// Asks the API for the orders from this watermark on.
async fn fetch(api: SocketAddr, since: Option<String>) -> Result<Vec<Value>, Box<dyn Error + Send + Sync>> {
    println!("asked for orders since {}", since.as_deref().unwrap_or("ever"));
    let mut stream = TcpStream::connect(api).await?;
    let path = format!("/orders?since={}", since.unwrap_or_default());
    stream.write_all(format!("GET {path} HTTP/1.1\r\nhost: {api}\r\n\r\n").as_bytes()).await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    let (_, body) = answer.split_once("\r\n\r\n").ok_or("no body")?;
    Ok(serde_json::from_str(body)?)
}

/// Runs the example, and checks what it shows.
#[tokio::main(flavor = "current_thread")]
pub async fn main() -> Result<(), Box<dyn Error>> {
    let orders: Orders = Arc::new(Mutex::new(vec![
        json!({"id": "a", "updated": "2026-11-29T08:10", "total": 12.5}),
        json!({"id": "b", "updated": "2026-11-29T08:40", "total": 7}),
    ]));
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let api = listener.local_addr()?;
    tokio::spawn(serve(listener, Arc::clone(&orders)));

    let store = memory_store();
    let job = Job::builder("orders")
        .source(JobSource::with_watermark("updated", move |since| fetch(api, since)))
        .key(".id")
        .version(".updated")
        .upsert("id")
        .column("total", "number")
        .in_memory(&store)
        .build()?;

    let first = job.run().await?;
    // One order changes, and one is new.
    *orders.lock().unwrap_or_else(PoisonError::into_inner) = vec![
        json!({"id": "b", "updated": "2026-11-29T08:40", "total": 7}),
        json!({"id": "a", "updated": "2026-11-29T09:05", "total": 11}),
        json!({"id": "c", "updated": "2026-11-29T09:20", "total": 3}),
    ];
    let second = job.run().await?;
    let watermark = job.read_watermark().await?;
    println!("rows: {}", Value::from(store.rows("orders")));
    println!("the next run asks for orders since {}", watermark.as_deref().unwrap_or("ever"));
    assert_eq!((first.new, second.new, store.rows("orders").len()), (2, 2, 3));
    assert_eq!(watermark.as_deref(), Some("2026-11-29T09:20"));
    Ok(())
}
