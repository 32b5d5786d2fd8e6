//! Reads the output of a program while it runs.
//!
//! In scope: both pipes, concurrently and with limits. Out of scope: what the output means
//! (`step::command::command_step`), and the program's input (`step::command::stdin_file`).

use std::io;

use tokio::io::{AsyncRead, AsyncReadExt};

/// Bytes per read.
const CHUNK: usize = 16 << 10;

/// The output of a program on one pipe. The bytes that were read remain when reading is cancelled.
pub struct ProgramOutput<P> {
    pipe: Option<P>,
    limit: usize,
    /// The first bytes: at most one more than the limit, so that too many can be distinguished from
    /// just enough.
    pub bytes: Vec<u8>,
    /// Why the pipe could not be read.
    pub error: Option<io::Error>,
}

impl<P: AsyncRead + Unpin> ProgramOutput<P> {
    /// Creates a reader of a pipe that keeps `limit` bytes and one more.
    pub fn new(pipe: Option<P>, limit: usize) -> Self {
        Self { pipe, limit: limit + 1, bytes: Vec::new(), error: None }
    }

    /// Reads to the end of the pipe.
    pub async fn read_to_end(&mut self) {
        let Some(pipe) = &mut self.pipe else { return };
        let mut chunk = vec![0; CHUNK];
        loop {
            match pipe.read(&mut chunk).await {
                Ok(0) => return,
                Ok(count) => {
                    let space = self.limit.saturating_sub(self.bytes.len()).min(count);
                    self.bytes.extend_from_slice(chunk.get(..space).unwrap_or_default());
                }
                Err(error) => {
                    self.error = Some(error);
                    return;
                }
            }
        }
    }
}
