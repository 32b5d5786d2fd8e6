//! What this machine has to have before a command begins: open files and threads, and the runtime made of them.
//!
//! In scope: asking for as much as a run needs at the same time, and a clear error where that is refused. Out of scope: what is refused
//! later, which is an error of whoever asks (`machine`).
//!
//! The runtime takes it for granted that it gets its threads: it panics where the first is refused, and waits for ever where a later one
//! is. So they are asked for beforehand, and those that block are begun at once and kept to the end.

use std::io;
use std::panic::catch_unwind;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::Duration;

use tokio::runtime::{Builder, Runtime};

use crate::cli::signals::outlive_file_limits;
use crate::machine::MachineTrouble;

/// The deep types of google-sheets4 want more stack than a thread's usual 2 MiB when they are built without optimisation.
const STACK_BYTES: usize = 8 << 20;
/// Threads that run tasks.
const WORKERS: usize = 2;
/// Threads that may block: one reads the source, one writes the journal, one is the embedded sheet's, one looks up names.
const BLOCKING: usize = 4;
/// Threads that are asked for when they are needed: the one that reads standard input, and the progress bar's.
const SPARE: usize = 2;
/// Pipes that are open at one time, two files each: the embedded sheet, the locks and the journal, a program with its pipes.
const PIPES: usize = 9;
/// Longer than any run: a thread that was had is not given back.
const KEPT: Duration = Duration::from_hours(365 * 24);
/// How long a thread that was granted may take to begin.
const BEGIN: Duration = Duration::from_secs(10);

/// A runtime with all the threads that it will need, or what this machine refuses.
pub fn runtime() -> Result<Runtime, MachineTrouble> {
    ensure_open_files()?;
    ensure_threads_start(WORKERS + BLOCKING + SPARE)?;
    let built = catch_unwind(|| {
        let mut builder = Builder::new_multi_thread();
        builder.worker_threads(WORKERS).thread_stack_size(STACK_BYTES).thread_keep_alive(KEPT).enable_all().build()
    });
    let refused = |why: String| MachineTrouble::resource(format!("the runtime can't be started: {why}"));
    let runtime = match built {
        Ok(Ok(runtime)) => runtime,
        Ok(Err(error)) => return Err(refused(error.to_string())),
        Err(_) => return Err(refused("see the message above".to_owned())),
    };
    let listening = {
        let _inside = runtime.enter();
        outlive_file_limits()
    };
    listening.map_err(|error| refused(error.to_string()))?;
    if begin_blocking_threads(&runtime) {
        return Ok(runtime);
    }
    runtime.shutdown_background();
    Err(refused("its threads do not start".to_owned()))
}

fn ensure_open_files() -> Result<(), MachineTrouble> {
    let pipes: Result<Vec<_>, io::Error> = (0..PIPES).map(|_| io::pipe()).collect();
    let refused = |error| MachineTrouble::resource(format!("too few files may be open at the same time: {error}"));
    pipes.map(drop).map_err(refused)
}

/// Begins as many threads as will be needed, all at the same time, and lets them go again.
fn ensure_threads_start(count: usize) -> Result<(), MachineTrouble> {
    let (keep, waiting) = channel::<()>();
    let waiting = std::sync::Arc::new(std::sync::Mutex::new(waiting));
    let begun: Result<Vec<_>, io::Error> = (0..count)
        .map(|_| {
            let waiting = std::sync::Arc::clone(&waiting);
            let wait = move || drop(waiting.lock().map(|waiting| waiting.recv()));
            std::thread::Builder::new().stack_size(STACK_BYTES).spawn(wait)
        })
        .collect();
    drop(keep);
    let refused = |error| {
        MachineTrouble::resource(format!(
            "{count} threads are needed at the same time, and no more may be had: {error}"
        ))
    };
    for thread in begun.map_err(refused)? {
        // It does nothing but wait.
        let _ended = thread.join();
    }
    Ok(())
}

/// Has the runtime begin its blocking threads now; whether all of them did.
fn begin_blocking_threads(runtime: &Runtime) -> bool {
    let (tell, told) = channel();
    let mut holds = Vec::new();
    for _ in 0..BLOCKING {
        let (keep, waiting) = channel::<()>();
        holds.push(keep);
        let tell = tell.clone();
        runtime.spawn_blocking(move || wait(&waiting, tell.send(()).is_ok()));
    }
    (0..BLOCKING).all(|_| told.recv_timeout(BEGIN) != Err(RecvTimeoutError::Timeout))
}

/// Keeps a thread from taking the next task before every one of them has begun.
fn wait(held: &Receiver<()>, is_awaited: bool) {
    if is_awaited {
        let _let_go = held.recv();
    }
}
