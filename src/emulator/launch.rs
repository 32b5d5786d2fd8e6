//! Running the emulator as a server of its own: what `sheetkeep emulate` does.
//!
//! In scope: opening, listening on loopback, writing the credentials file, telling the URL, serving until told to stop.
//! Out of scope: the command line, signals, printing.

use std::future::Future;
use std::io;
use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;
use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use crate::emulator::options::EmulatorOptions;
use crate::emulator::server::listen;
use crate::emulator::service::Emulator;
use crate::emulator::storage::StorageError;
use crate::emulator::test_key::service_account;
use crate::fault::Fault;
use crate::port::chance::Chance;
use crate::port::clock::Clock;

/// What the emulator is launched with.
#[derive(Debug, Clone, Default)]
pub struct LaunchOptions {
    /// The address to listen on; this machine only unless told.
    pub host: Option<IpAddr>,
    /// The port; 0 for any free one.
    pub port: u16,
    /// Where to write a throw-away service-account key whose `token_uri` is this server.
    pub credentials: Option<PathBuf>,
    /// How it is to behave.
    pub emulator: EmulatorOptions,
}

/// Why the emulator could not run.
#[derive(Debug, thiserror::Error)]
pub enum LaunchError {
    /// The spreadsheet file.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// The port.
    #[error("failed to listen on {host}:{port}: {cause}; choose another port, or 0 for any free one")]
    Listen {
        /// The address asked for.
        host: IpAddr,
        /// The port asked for.
        port: u16,
        /// What the system said.
        cause: io::Error,
    },
    /// The credentials file.
    #[error("failed to write the test credentials to {}: {cause}; check the path and its permissions", path.display())]
    Credentials {
        /// The file.
        path: PathBuf,
        /// What the system said.
        cause: io::Error,
    },
}

impl LaunchError {
    /// What to do about it.
    pub fn fault(&self) -> Fault {
        match self {
            Self::Storage(error) => error.fault(),
            Self::Listen { .. } | Self::Credentials { .. } => Fault::Denied,
        }
    }
}

/// Runs an emulator until `stop` resolves, and then until its calls in hand are answered. `ready` gets its URL, such as
/// `http://127.0.0.1:8080`, once it listens and the credentials file is there.
pub async fn launch(
    options: LaunchOptions,
    clock: Arc<dyn Clock>,
    chance: Arc<dyn Chance>,
    ready: impl FnOnce(&str),
    stop: impl Future<Output = ()>,
) -> Result<(), LaunchError> {
    let LaunchOptions { host, port, credentials, emulator } = options;
    let host = host.unwrap_or(IpAddr::V4(Ipv4Addr::LOCALHOST));
    let emulator = Emulator::open(emulator, clock, chance)?;
    let (listener, address) = listen(host, port).await.map_err(|cause| LaunchError::Listen { host, port, cause })?;
    let url = format!("http://{address}");
    if let Some(path) = credentials {
        let text = format!("{:#}\n", service_account(&url));
        tokio::fs::write(&path, text).await.map_err(|cause| LaunchError::Credentials { path, cause })?;
    }
    ready(&url);
    let token = CancellationToken::new();
    let serving = emulator.serve(listener, token.clone());
    let mut serving = std::pin::pin!(serving);
    tokio::select! {
        () = serving.as_mut() => {}
        () = stop => {
            token.cancel();
            serving.await;
        }
    }
    Ok(())
}
