//! SIGINT and SIGTERM, as calls.
//!
//! In scope: hearing them and saying which, and how often. Out of scope: what a run does about it (`runner`).

use std::fmt;
use std::io;
use std::sync::{Arc, OnceLock};

use tokio::task::JoinHandle;

/// A signal that asks the process to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Signal {
    /// SIGINT, as from Ctrl-C.
    Interrupt,
    /// SIGTERM, as from a service manager.
    Terminate,
}

impl Signal {
    /// Its name, `SIGINT` or `SIGTERM`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Interrupt => "SIGINT",
            Self::Terminate => "SIGTERM",
        }
    }
}

impl fmt::Display for Signal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Hears signals for as long as it lives.
#[derive(Debug)]
pub struct Watch {
    first: Arc<OnceLock<Signal>>,
    task: JoinHandle<()>,
}

impl Watch {
    /// Begins to listen, within a tokio runtime. Calls `on` for every signal, with its ordinal from 1: the first asks
    /// for a clean end, a second one means now.
    pub fn begin(mut on: impl FnMut(Signal, u32) + Send + 'static) -> io::Result<Self> {
        let first = Arc::new(OnceLock::new());
        let kept = Arc::clone(&first);
        let mut ears = Ears::new()?;
        let task = tokio::spawn(async move {
            let mut heard: u32 = 0;
            while let Some(signal) = ears.next().await {
                heard = heard.saturating_add(1);
                let _ = kept.set(signal);
                on(signal, heard);
            }
        });
        Ok(Self { first, task })
    }

    /// The first signal that came, if one did; it names the exit code.
    pub fn first(&self) -> Option<Signal> {
        self.first.get().copied()
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Has a write beyond this process's limit of file sizes fail (`EFBIG`), as on a full disk: unheard, SIGXFSZ kills the process in the
/// middle of whatever it does. Within a tokio runtime.
#[cfg(unix)]
pub fn outlive_file_limits() -> io::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    // What is heard stays heard when nobody listens any more.
    signal(SignalKind::from_raw(rustix::process::Signal::XFSZ.as_raw())).map(drop)
}

/// There is no such signal.
#[cfg(not(unix))]
pub fn outlive_file_limits() -> io::Result<()> {
    Ok(())
}

#[cfg(unix)]
struct Ears {
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
}

#[cfg(unix)]
impl Ears {
    fn new() -> io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self { interrupt: signal(SignalKind::interrupt())?, terminate: signal(SignalKind::terminate())? })
    }

    async fn next(&mut self) -> Option<Signal> {
        tokio::select! {
            heard = self.interrupt.recv() => heard.map(|()| Signal::Interrupt),
            heard = self.terminate.recv() => heard.map(|()| Signal::Terminate),
        }
    }
}

#[cfg(not(unix))]
struct Ears;

#[cfg(not(unix))]
impl Ears {
    fn new() -> io::Result<Self> {
        Ok(Self)
    }

    async fn next(&mut self) -> Option<Signal> {
        tokio::signal::ctrl_c().await.ok().map(|()| Signal::Interrupt)
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[tokio::test]
    async fn signals_are_told_by_name_and_number_and_the_first_is_kept() {
        let (tell, mut told) = tokio::sync::mpsc::unbounded_channel();
        let watch = Watch::begin(move |signal, nth| tell.send((signal, nth)).expect("the test listens"))
            .expect("signals can be heard");
        for (flag, signal, nth) in [("-TERM", Signal::Terminate, 1), ("-INT", Signal::Interrupt, 2)] {
            let me = std::process::id().to_string();
            std::process::Command::new("kill").args([flag, &me]).status().expect("kill runs");
            assert_eq!(told.recv().await, Some((signal, nth)));
        }
        assert_eq!(watch.first(), Some(Signal::Terminate));
    }
}
