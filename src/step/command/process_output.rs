//! What comes out of a program while it runs.
//!
//! In scope: its two pipes, at the same time and within bounds. Out of scope: what its words mean (`step::command::command`), and what goes into it
//! (`step::command::stdin_file`).

use std::io;

use tokio::io::{AsyncRead, AsyncReadExt};

/// Bytes of one read.
const CHUNK: usize = 16 << 10;

/// What a program says on one of its pipes; what was read stays when the rest is no longer waited for.
pub struct ProgramOutput<P> {
    pipe: Option<P>,
    most: usize,
    /// The first bytes: at most one more than are taken, so that too much is known from just enough.
    pub bytes: Vec<u8>,
    /// Why it could not be listened to.
    pub error: Option<io::Error>,
}

impl<P: AsyncRead + Unpin> ProgramOutput<P> {
    /// Listens to a pipe; keeps `most` bytes and one more.
    pub fn of(pipe: Option<P>, most: usize) -> Self {
        Self { pipe, most: most + 1, bytes: Vec::new(), error: None }
    }

    /// Reads to the pipe's end.
    pub async fn listen(&mut self) {
        let Some(pipe) = &mut self.pipe else { return };
        let mut chunk = vec![0; CHUNK];
        loop {
            match pipe.read(&mut chunk).await {
                Ok(0) => return,
                Ok(count) => {
                    let room = self.most.saturating_sub(self.bytes.len()).min(count);
                    self.bytes.extend_from_slice(chunk.get(..room).unwrap_or_default());
                }
                Err(error) => {
                    self.error = Some(error);
                    return;
                }
            }
        }
    }
}
