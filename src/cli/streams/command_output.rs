//! The output of the user's commands, passed on as it comes.

use std::sync::Arc;

use crate::cli::streams::terminal::Terminal;
use crate::command_retry::attempt::CommandOutput;

/// Passes the output of a command on to ours.
pub struct TerminalOutput(pub Arc<Terminal>);

impl CommandOutput for TerminalOutput {
    fn put_out(&self, bytes: &[u8]) {
        self.0.stdout().put_bytes(bytes);
    }

    fn put_err(&self, bytes: &[u8]) {
        self.0.stderr().put_bytes(bytes);
    }
}
