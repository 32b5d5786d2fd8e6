//! The signals that the command's process group receives as this process does.

use std::io;

use sheetkeep_base::process_group::GroupSignal;

/// A signal that asks for the end; no further attempt is made after it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum StopSignal {
    /// SIGINT.
    Interrupt,
    /// SIGTERM.
    Terminate,
    /// SIGHUP.
    HangUp,
}

impl StopSignal {
    /// Returns its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Interrupt => "SIGINT",
            Self::Terminate => "SIGTERM",
            Self::HangUp => "SIGHUP",
        }
    }

    /// Returns the exit code of a process that it ended, as shells count: 128 + its number.
    pub fn exit_code(self) -> u8 {
        match self {
            Self::HangUp => 129,
            Self::Interrupt => 130,
            Self::Terminate => 143,
        }
    }
}

impl From<StopSignal> for GroupSignal {
    fn from(signal: StopSignal) -> Self {
        match signal {
            StopSignal::Interrupt => Self::Interrupt,
            StopSignal::Terminate => Self::Terminate,
            StopSignal::HangUp => Self::HangUp,
        }
    }
}

/// Receives the signals that are only passed on: SIGQUIT, SIGUSR1 and SIGUSR2.
#[cfg(unix)]
pub(crate) struct RelayedSignals {
    quit: tokio::signal::unix::Signal,
    user1: tokio::signal::unix::Signal,
    user2: tokio::signal::unix::Signal,
}

#[cfg(unix)]
impl RelayedSignals {
    /// Starts to receive, within a tokio runtime.
    pub(crate) fn new() -> io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self {
            quit: signal(SignalKind::quit())?,
            user1: signal(SignalKind::user_defined1())?,
            user2: signal(SignalKind::user_defined2())?,
        })
    }

    /// Waits for the next.
    pub(crate) async fn next(&mut self) -> GroupSignal {
        tokio::select! {
            _ = self.quit.recv() => GroupSignal::Quit,
            _ = self.user1.recv() => GroupSignal::User1,
            _ = self.user2.recv() => GroupSignal::User2,
        }
    }
}

/// This system has no such signals.
#[cfg(not(unix))]
pub(crate) struct RelayedSignals;

#[cfg(not(unix))]
impl RelayedSignals {
    pub(crate) fn new() -> io::Result<Self> {
        Ok(Self)
    }

    pub(crate) async fn next(&mut self) -> GroupSignal {
        std::future::pending().await
    }
}
