//! What a command needs from this machine before it starts: open files, threads, and the runtime.
//!
//! In scope: requesting as much as a run needs at the same time, and a clear error if that is
//! refused. Out of scope: later refusals, which are errors of the code that needs the resource
//! (`machine`).
//!
//! The runtime assumes that it gets its threads. It panics if the first one is refused, and waits
//! for ever if a later one is. So they are requested beforehand, and blocking threads are started
//! immediately and kept.

use std::io;
use std::panic::catch_unwind;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::Duration;

use tokio::runtime::{Builder, Runtime};

use crate::cli::signals::outlive_file_limits;
use crate::machine::MachineError;

/// The deep types of google-sheets4 need more stack than the usual 2 MiB when built without
/// optimisation.
const STACK_BYTES: usize = 8 << 20;
/// Threads that run tasks.
const WORKERS: usize = 2;
/// Threads that may block: source reader, journal writer, embedded sheet, name lookup.
const BLOCKING: usize = 4;
/// Threads that are started on demand: the reader of standard input, and the progress bar's.
const SPARE_THREADS: usize = 2;
/// Pipes that are open at one time, two files each: embedded sheet, locks, journal, a program.
const PIPES: usize = 9;
/// Longer than any run: a started thread is kept.
const THREAD_KEEP_ALIVE: Duration = Duration::from_hours(365 * 24);
/// Memory beside the stacks: what a thread needs while it starts. A thread that gets a stack and
/// nothing else ends the process.
const START_BYTES: usize = 8 << 20;
/// How long a granted thread may take to start.
const BEGIN: Duration = Duration::from_secs(10);

/// Returns a runtime with all threads that it will need, or what this machine refuses.
pub fn build_runtime() -> Result<Runtime, MachineError> {
    ensure_open_files()?;
    ensure_threads_start(WORKERS + BLOCKING + SPARE_THREADS)?;
    let built = catch_unwind(|| {
        let mut builder = Builder::new_multi_thread();
        builder
            .worker_threads(WORKERS)
            .thread_stack_size(STACK_BYTES)
            .thread_keep_alive(THREAD_KEEP_ALIVE)
            .enable_all()
            .build()
    });
    let refused = |why: String| MachineError::resource(format!("the runtime can't be started: {why}"));
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

fn ensure_open_files() -> Result<(), MachineError> {
    let pipes: Result<Vec<_>, io::Error> = (0..PIPES).map(|_| io::pipe()).collect();
    let refused = |error| MachineError::resource(format!("too few files may be open at the same time: {error}"));
    pipes.map(drop).map_err(refused)
}

/// Starts as many threads as will be needed at the same time, and ends them again.
fn ensure_threads_start(count: usize) -> Result<(), MachineError> {
    let refused = |error: &dyn std::fmt::Display| {
        MachineError::resource(format!("{count} threads are needed at the same time, and no more may be had: {error}"))
    };
    // Reserved and released: only the address space counts.
    Vec::<u8>::new().try_reserve_exact(count * STACK_BYTES + START_BYTES).map_err(|error| refused(&error))?;
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
    for thread in begun.map_err(|error| refused(&error))? {
        // The thread only waits.
        let _ended = thread.join();
    }
    Ok(())
}

/// Starts the runtime's blocking threads; returns whether all of them started.
fn begin_blocking_threads(runtime: &Runtime) -> bool {
    let (sender, receiver) = channel();
    let mut holds = Vec::new();
    for _ in 0..BLOCKING {
        let (keep, waiting) = channel::<()>();
        holds.push(keep);
        let sender = sender.clone();
        runtime.spawn_blocking(move || wait(&waiting, sender.send(()).is_ok()));
    }
    (0..BLOCKING).all(|_| receiver.recv_timeout(BEGIN) != Err(RecvTimeoutError::Timeout))
}

/// Keeps a thread from taking the next task before all of them have started.
fn wait(held: &Receiver<()>, is_awaited: bool) {
    if is_awaited {
        let _let_go = held.recv();
    }
}
