use tokio::io::AsyncWriteExt;

use super::*;
use crate::options::EmulatorOptions;
use crate::random::SeededRandom;
use crate::time::SystemTimeSource;

/// Starts an emulator on a real socket, and returns its address.
async fn serve_emulator() -> (Emulator, SocketAddr) {
    let clock = Arc::new(SystemTimeSource::new());
    let emulator = Emulator::open(EmulatorOptions::default(), clock, Arc::new(SeededRandom::new(1))).unwrap();
    let (listener, address) = listen("127.0.0.1".parse().unwrap(), 0).await.unwrap();
    let serving = emulator.clone();
    tokio::spawn(async move { serving.serve(listener, CancellationToken::new()).await });
    (emulator, address)
}

/// Returns the response until the connection ends, and the seconds until then.
async fn read_response(emulator: &Emulator, stream: &mut TcpStream) -> (String, u64) {
    let began = emulator.time_source().monotonic_ms();
    let mut heard = Vec::new();
    // A connection that is cut off has ended too.
    let _ = stream.read_to_end(&mut heard).await;
    let waited = emulator.time_source().monotonic_ms() - began;
    (String::from_utf8(heard).unwrap(), waited / 1_000)
}

const CALL: &str = "GET /_emulator/stats HTTP/1.1\r\nHost: localhost\r\n\r\n";

#[tokio::test(start_paused = true)]
async fn a_silent_connection_ends_after_ten_seconds() {
    let (emulator, address) = serve_emulator().await;
    for half in ["", "G", "PRI * HTTP/2.0\r\n", "GET /_emulator/stats HTTP/1.1\r\nHost: local"] {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(half.as_bytes()).await.unwrap();
        let (heard, seconds) = read_response(&emulator, &mut stream).await;
        assert!(heard.is_empty() && (10..=11).contains(&seconds), "{half:?}: {heard:?} after {seconds} s");
    }
}

#[tokio::test(start_paused = true)]
async fn a_body_that_does_not_come_ends_after_a_minute() {
    let (emulator, address) = serve_emulator().await;
    let mut stream = TcpStream::connect(address).await.unwrap();
    let slow =
        "POST /_emulator/faults HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\nConnection: close\r\n\r\n[";
    stream.write_all(slow.as_bytes()).await.unwrap();
    let (heard, seconds) = read_response(&emulator, &mut stream).await;
    assert!(heard.starts_with("HTTP/1.1 408 ") && (60..=61).contains(&seconds), "{heard:?} after {seconds} s");
}

#[tokio::test(start_paused = true)]
async fn an_idle_connection_that_has_called_stays_for_minutes() {
    let (emulator, address) = serve_emulator().await;
    let mut stream = TcpStream::connect(address).await.unwrap();
    for _ in 0..2 {
        stream.write_all(CALL.as_bytes()).await.unwrap();
        let mut answer = [0; 16];
        stream.read_exact(&mut answer).await.unwrap();
        assert_eq!(&answer[..12], b"HTTP/1.1 200");
        let mut rest = vec![0; 4096];
        let _ = stream.read(&mut rest).await.unwrap();
        sleep(Duration::from_mins(1)).await;
    }
    let (_, seconds) = read_response(&emulator, &mut stream).await;
    assert!((120..=240).contains(&seconds), "{seconds} s");
}

/// Opens a connection that has sent this many bytes of a body and owes one more.
async fn with_a_body(address: SocketAddr, bytes: usize) -> TcpStream {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let length = bytes + 1;
    let head = format!("POST /_emulator/faults HTTP/1.1\r\nHost: localhost\r\nContent-Length: {length}\r\n\r\n");
    stream.write_all(head.as_bytes()).await.unwrap();
    // The server does not read what it rejects.
    let _ = stream.write_all(&vec![b' '; bytes]).await;
    stream
}

#[tokio::test]
async fn bodies_that_are_too_much_together_are_refused() {
    let (_, address) = serve_emulator().await;
    let answered = (0..6).map(|_| {
        Box::pin(async move {
            let (mut stream, mut answer) = (with_a_body(address, 63 << 20).await, [0; 12]);
            stream.read_exact(&mut answer).await.map(|_| answer)
        })
    });
    // Each connection owes a byte, so that only a rejected one is answered.
    let (answer, _, others) = futures_util::future::select_all(answered).await;
    // If the connection is cut while it sends, the response may be lost.
    assert_eq!(&answer.unwrap_or(*b"HTTP/1.1 503"), b"HTTP/1.1 503");
    let (mut small, mut answer) = (TcpStream::connect(address).await.unwrap(), [0; 12]);
    small.write_all(CALL.as_bytes()).await.unwrap();
    small.read_exact(&mut answer).await.unwrap();
    assert_eq!(&answer, b"HTTP/1.1 200", "a small call continues");
    drop(others);
}
