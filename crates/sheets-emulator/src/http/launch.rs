//! Runs the emulator as a server, for a command line.
//!
//! In scope: opening, listening, writing the credentials file, reporting the URL, serving until a
//! stop.
//! Out of scope: arguments, signals, printing.

use std::fs;
use std::future::Future;
use std::io::{self, Write};
use std::net::{IpAddr, Ipv4Addr};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use crate::auth::test_credentials::{build_service_account_key, is_service_account};
use crate::emulator::{Emulator, StorageFailure};
use crate::http::server::listen;
use crate::options::EmulatorOptions;
use crate::random::RandomSource;
use crate::storage::store::StorageError;
use crate::time::TimeSource;

/// Options of a server.
#[derive(Debug, Clone, Default)]
pub struct LaunchOptions {
    /// The address to listen on; loopback by default.
    pub host: Option<IpAddr>,
    /// The port; 0 for any free one.
    pub port: u16,
    /// The file for a throw-away service-account key whose `token_uri` is this server.
    pub credentials: Option<PathBuf>,
    /// Options of the emulator.
    pub emulator: EmulatorOptions,
}

/// A server that listens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReadyServer {
    /// Its address, such as `http://127.0.0.1:8080`.
    pub url: String,
    /// Its spreadsheets: the id and the title of each, oldest first.
    pub spreadsheets: Vec<(String, String)>,
}

/// Why the server failed.
#[derive(Debug, thiserror::Error)]
pub enum LaunchError {
    /// The spreadsheet file cannot be opened.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// The spreadsheet file failed while it was served.
    #[error("{}", .0.why)]
    StorageFailure(StorageFailure),
    /// The port cannot be opened.
    #[error("failed to listen on {host}:{port}: {cause}; choose another port, or 0 for any free one")]
    Listen {
        /// The requested address.
        host: IpAddr,
        /// The requested port.
        port: u16,
        /// The system's error.
        cause: io::Error,
    },
    /// The credentials file cannot be written.
    #[error("failed to write the test credentials to {}: {cause}; check the path and its permissions", path.display())]
    Credentials {
        /// The file that was to get the credentials.
        path: PathBuf,
        /// The system's error.
        cause: io::Error,
    },
}

/// Writes the key, readable by its owner only. An empty file or an earlier key of an emulator is
/// replaced. Any other file is kept, because it may hold real credentials.
fn write_key(path: &Path, text: &str) -> io::Result<()> {
    match fs::read_to_string(path) {
        Ok(known) if !known.trim().is_empty() && !is_service_account(&known) => {
            let detail = "there is a file that is not a key of the emulator, which is left as it is";
            return Err(io::Error::new(io::ErrorKind::AlreadyExists, detail));
        }
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut options = fs::OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path)?;
    #[cfg(unix)]
    file.set_permissions(std::os::unix::fs::PermissionsExt::from_mode(0o600))?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

/// Runs an emulator until `stop` resolves and the active calls are answered. `ready` runs once it
/// listens and the credentials file is written.
pub async fn launch(
    options: LaunchOptions,
    clock: Arc<dyn TimeSource>,
    random: Arc<dyn RandomSource>,
    ready: impl FnOnce(&ReadyServer),
    stop: impl Future<Output = ()>,
) -> Result<(), LaunchError> {
    let LaunchOptions { host, port, credentials, emulator } = options;
    let host = host.unwrap_or(IpAddr::V4(Ipv4Addr::LOCALHOST));
    let emulator = Emulator::open(emulator, clock, random)?;
    let (listener, address) = listen(host, port).await.map_err(|cause| LaunchError::Listen { host, port, cause })?;
    let url = format!("http://{address}");
    if let Some(path) = credentials {
        let text = format!("{:#}\n", build_service_account_key(&url));
        let write = tokio::task::spawn_blocking(move || (write_key(&path, &text), path)).await;
        if let Ok((Err(cause), path)) = write {
            return Err(LaunchError::Credentials { path, cause });
        }
    }
    ready(&ReadyServer { url, spreadsheets: emulator.spreadsheets()? });
    let token = CancellationToken::new();
    let serving = emulator.serve(listener, token.clone());
    let mut serving = std::pin::pin!(serving);
    tokio::select! {
        () = serving.as_mut() => {}
        () = stop => {
            token.cancel();
            serving.await;
        }
        () = emulator.storage_failed() => {
            token.cancel();
            serving.await;
        }
    }
    emulator.storage_failure().map_or(Ok(()), |storage_failure| Err(LaunchError::StorageFailure(storage_failure)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_replaces_only_its_like_and_is_its_owners_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key.json");
        let key = |url: &str| build_service_account_key(url).to_string();
        write_key(&path, &key("http://127.0.0.1:1")).unwrap();
        write_key(&path, &key("http://127.0.0.1:2")).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), key("http://127.0.0.1:2"));
        #[cfg(unix)]
        assert_eq!(std::os::unix::fs::PermissionsExt::mode(&fs::metadata(&path).unwrap().permissions()) & 0o777, 0o600);
        let real = "{\"client_email\": \"me@example.com\"}";
        fs::write(&path, real).unwrap();
        let refused = write_key(&path, &key("http://127.0.0.1:3")).unwrap_err();
        assert_eq!(
            (refused.kind(), fs::read_to_string(&path).unwrap()),
            (io::ErrorKind::AlreadyExists, real.to_owned())
        );
    }
}
