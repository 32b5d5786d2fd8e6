//! TLS before an emulator: a remote service, simulated on this machine.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::sync::Arc;
use std::thread;

use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};

use crate::temp_project::TempProject;

/// An https service that forwards each request to an emulator, until the test's process ends.
pub struct TlsProxy {
    /// Its root URL; its certificate is for this name.
    pub url: String,
    /// The certificate, to be trusted.
    pub certificate: PathBuf,
}

impl TlsProxy {
    /// Starts one before the service at `url`.
    pub fn start(project: &TempProject, url: &str) -> Self {
        let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).expect("a certificate");
        project.write("ca.pem", &made.cert.pem());
        let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(made.signing_key.serialize_der()));
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_no_client_auth()
            .with_single_cert(vec![made.cert.der().clone()], key)
            .expect("a certificate and its key");
        let (config, to) = (Arc::new(config), url.trim_start_matches("http://").to_owned());
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("an address").port();
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (config, to) = (Arc::clone(&config), to.clone());
                thread::spawn(move || {
                    let connection = ServerConnection::new(config).ok()?;
                    relay(StreamOwned::new(connection, stream), &to)
                });
            }
        });
        Self { url: format!("https://localhost:{port}"), certificate: project.path("ca.pem") }
    }
}

/// Forwards one request, and returns its response.
fn relay(mut client: StreamOwned<ServerConnection, TcpStream>, to: &str) -> Option<()> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        client.read_exact(&mut byte).ok()?;
        head.push(byte[0]);
    }
    let head = String::from_utf8(head).ok()?;
    let length = head.lines().find_map(|line| line.to_ascii_lowercase().strip_prefix("content-length: ")?.parse().ok());
    let mut body = vec![0; length.unwrap_or(0)];
    client.read_exact(&mut body).ok()?;
    let mut server = TcpStream::connect(to).ok()?;
    server
        .write_all(format!("{}connection: close\r\n\r\n", head.trim_end_matches("\r\n").to_owned() + "\r\n").as_bytes())
        .ok()?;
    server.write_all(&body).ok()?;
    let mut answer = Vec::new();
    server.read_to_end(&mut answer).ok()?;
    client.write_all(&answer).ok()?;
    client.conn.send_close_notify();
    client.flush().ok()
}
