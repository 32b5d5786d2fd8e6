//! The builder: configures an emulator and serves it on loopback.
//!
//! In scope: the options that tests need, a running emulator with its base URL and credentials.
//! Out of scope: the command line's way to start a server (`http::launch`).

use std::fmt;
use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::api::quota::QuotaLimits;
use crate::auth::test_credentials::build_service_account_key;
use crate::batch::context::UnknownBehaviors;
use crate::emulator::Emulator;
use crate::fault::inject::FaultRule;
use crate::http::launch::LaunchError;
use crate::http::server::listen;
use crate::input::loaded_tab::LoadedTab;
use crate::options::{EmulatorOptions, Latency};
use crate::random::{RandomSource, SeededRandom, SystemRandomSource};
use crate::storage::error::StorageError;
use crate::time::{SystemTimeSource, TimeSource};

/// Configures an [`Emulator`]. The default keeps spreadsheets in memory, without quotas and faults.
#[must_use = "a builder does nothing until `build` or `spawn`"]
#[derive(Default)]
pub struct EmulatorBuilder {
    options: EmulatorOptions,
    port: u16,
    time: Option<Arc<dyn TimeSource>>,
    random: Option<Arc<dyn RandomSource>>,
}

impl fmt::Debug for EmulatorBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EmulatorBuilder").field("options", &self.options).finish_non_exhaustive()
    }
}

impl Emulator {
    /// Starts to configure an emulator.
    pub fn builder() -> EmulatorBuilder {
        EmulatorBuilder::default()
    }
}

impl EmulatorBuilder {
    /// Keeps spreadsheets in this file instead of in memory. A missing file is created.
    pub fn file(mut self, path: impl Into<PathBuf>) -> Self {
        self.options.file = Some(path.into());
        self
    }

    /// Creates an empty spreadsheet with this id, unless the file already holds one.
    pub fn spreadsheet(mut self, id: impl Into<String>) -> Self {
        self.options.spreadsheet_id = Some(id.into());
        self
    }

    /// Gives the initial spreadsheet a tab from the start, instead of an empty `Sheet1`;
    /// repeatable. Set its id with [`EmulatorBuilder::spreadsheet`].
    pub fn tab(mut self, tab: LoadedTab) -> Self {
        self.options.tabs.push(tab);
        self
    }

    /// Accepts this bearer token, beside the tokens that clients request with
    /// [`RunningEmulator::credentials`].
    pub fn token(mut self, token: impl Into<String>) -> Self {
        self.options.trusted_token = Some(token.into());
        self
    }

    /// Draws ids, tokens and random faults from a sequence with this seed.
    pub fn seed(mut self, seed: u64) -> Self {
        self.random = Some(Arc::new(SeededRandom::new(seed)));
        self
    }

    /// Answers 429 beyond these limits, as Google does.
    pub fn quota(mut self, limits: QuotaLimits) -> Self {
        self.options.quota = Some(limits);
        self
    }

    /// Delays every call by this time.
    pub fn latency(mut self, latency: Duration) -> Self {
        self.options.latency = Latency(latency);
        self
    }

    /// Adds a fault. Faults are tried in the order in which they were added.
    pub fn fault(mut self, rule: FaultRule) -> Self {
        self.options.faults.push(rule);
        self
    }

    /// Chooses the behaviours that Google does not document.
    pub fn behaviors(mut self, behaviors: UnknownBehaviors) -> Self {
        self.options.behaviors = behaviors;
        self
    }

    /// Reads time from this source instead of from the machine's clock.
    pub fn time_source(mut self, time: impl TimeSource + 'static) -> Self {
        self.time = Some(Arc::new(time));
        self
    }

    /// Listens on this port; the default, 0, takes a free one.
    pub fn port(mut self, port: u16) -> Self {
        self.port = port;
        self
    }

    /// Opens the emulator without a listener, for [`Emulator::handle`] and
    /// [`Emulator::serve_stream`].
    pub fn build(self) -> Result<Emulator, StorageError> {
        let time = self.time.unwrap_or_else(|| Arc::new(SystemTimeSource::new()));
        let random = self.random.unwrap_or_else(|| Arc::new(SystemRandomSource));
        Emulator::open(self.options, time, random)
    }

    /// Opens the emulator and serves it on loopback, on a task of the current tokio runtime.
    pub async fn spawn(self) -> Result<RunningEmulator, LaunchError> {
        let (host, port) = (IpAddr::V4(Ipv4Addr::LOCALHOST), self.port);
        let emulator = self.build()?;
        let (listener, address) =
            listen(host, port).await.map_err(|cause| LaunchError::Listen { host, port, cause })?;
        let (stop, served) = (CancellationToken::new(), emulator.clone());
        let until = stop.clone();
        let serving = tokio::spawn(async move { served.serve(listener, until).await });
        Ok(RunningEmulator { emulator, base_url: format!("http://{address}"), stop, serving: Some(serving) })
    }
}

/// An emulator that is served on loopback. It stops when this value is dropped: it accepts no
/// further connection, and answers the calls in progress as long as the runtime runs.
#[derive(Debug)]
pub struct RunningEmulator {
    emulator: Emulator,
    base_url: String,
    stop: CancellationToken,
    serving: Option<JoinHandle<()>>,
}

impl RunningEmulator {
    /// The URL to use instead of `https://sheets.googleapis.com`, such as
    /// `http://127.0.0.1:41234`.
    pub fn base_url(&self) -> &str {
        &self.base_url
    }

    /// The key file of a test service account, as JSON. Its `token_uri` is this emulator.
    pub fn credentials(&self) -> Value {
        build_service_account_key(&self.base_url)
    }

    /// The emulator itself: statistics, faults to come, delayed writes.
    pub fn emulator(&self) -> &Emulator {
        &self.emulator
    }

    /// Stops accepting connections and waits until the calls in progress are answered.
    pub async fn shutdown(mut self) {
        self.stop.cancel();
        if let Some(serving) = self.serving.take() {
            // The task ends with an error only when it panicked, or when the runtime stops.
            let _ = serving.await;
        }
    }
}

impl Drop for RunningEmulator {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpStream;

    use super::*;

    async fn get(url: &str, path: &str, token: &str) -> String {
        let address = url.strip_prefix("http://").unwrap();
        let mut stream = TcpStream::connect(address).await.unwrap();
        let head = format!(
            "GET {path} HTTP/1.1\r\nhost: {address}\r\nauthorization: Bearer {token}\r\nconnection: close\r\n\r\n"
        );
        stream.write_all(head.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        answer
    }

    #[tokio::test]
    async fn a_spawned_emulator_answers_until_it_is_shut_down() {
        let running = Emulator::builder().spreadsheet("s").token("secret").seed(1).spawn().await.unwrap();
        let path = "/v4/spreadsheets/s/values/A1";
        assert!(get(running.base_url(), path, "secret").await.starts_with("HTTP/1.1 200 OK"));
        assert!(get(running.base_url(), path, "other").await.starts_with("HTTP/1.1 401 "));
        assert_eq!(running.emulator().stats().reads, 1);
        assert_eq!(running.credentials()["token_uri"], format!("{}/token", running.base_url()));
        let address = running.base_url().strip_prefix("http://").unwrap().to_owned();
        running.shutdown().await;
        assert!(TcpStream::connect(address).await.is_err());
    }

    #[tokio::test]
    async fn a_dropped_emulator_frees_its_port() {
        let running = Emulator::builder().spawn().await.unwrap();
        let address = running.base_url().strip_prefix("http://").unwrap().to_owned();
        drop(running);
        let closed = async {
            while TcpStream::connect(&address).await.is_ok() {
                tokio::task::yield_now().await;
            }
        };
        assert!(tokio::time::timeout(Duration::from_secs(10), closed).await.is_ok());
    }
}
