//! The worker process: reads expressions and inputs from standard input, writes values to standard
//! output.
//!
//! In scope: its three threads and its memory limits. Out of scope: time limits, which the parent
//! process enforces.
//!
//! It ends as soon as standard input does: the parent process has ended or needs no more values.

#![expect(clippy::disallowed_methods, reason = "the process is nothing but this, and ends whatever its threads are at")]

use std::io::{self, Read, Write};
use std::process::exit;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;

use crate::step::jq::program::Program;
use crate::step::worker::frame::{
    EVALUATION, EXPRESSION, FAILURE, READY_FRAME, VALUES, parse_frame, parse_u32, parse_u64, put_frame, put_value,
};

/// The command-line argument that makes a process a worker.
pub const WORKER_ARGUMENT: &str = "evaluate-jq";

/// Stack of the evaluating thread, with room for legitimate deep recursion.
const STACK: usize = 64 << 20;
/// Memory beside the values: the program itself, its threads' stacks and buffers.
const BASE_MEMORY: u64 = (STACK as u64) + (64 << 20);
/// Address space beside that: what the C library reserves and never touches.
const RESERVED_ADDRESS_SPACE: u64 = 512 << 20;
/// Frames that wait to be evaluated.
const MAX_WAITING_FRAMES: usize = 512;
/// Replies that are written in one step, in bytes.
const MAX_WRITE_BYTES: usize = 1 << 16;

/// The exit code of a worker that can't start a thread.
pub(crate) const NO_THREAD: u8 = 71;

/// A received frame.
type ReceivedFrame = (u8, Vec<u8>);

/// Serves until standard input ends. Returns the exit code of the process.
pub fn serve_evaluations() -> u8 {
    std::panic::set_hook(Box::new(|_| {}));
    disable_core_dumps();
    let (frames, to_evaluate) = sync_channel(MAX_WAITING_FRAMES);
    let (answers, to_write) = sync_channel(MAX_WAITING_FRAMES);
    // A reply is written immediately, whatever the next evaluation does.
    let writing = thread::Builder::new().spawn(move || write(&to_write));
    let evaluating = thread::Builder::new().stack_size(STACK).spawn(move || answer_frames(&to_evaluate, &answers));
    if writing.is_err() || evaluating.is_err() {
        return NO_THREAD;
    }
    read(&frames);
    // The parent no longer waits for the current evaluation.
    exit(0)
}

fn read(sender: &SyncSender<ReceivedFrame>) {
    let mut bytes = Vec::new();
    let mut chunk = vec![0; 1 << 16];
    let mut input = io::stdin().lock();
    loop {
        let mut at = 0;
        while let Ok(Some((kind, rest, length))) = parse_frame(bytes.get(at..).unwrap_or_default()) {
            if sender.send((kind, rest.to_vec())).is_err() {
                return;
            }
            at += length;
        }
        bytes.drain(..at);
        match input.read(&mut chunk) {
            Ok(0) => return,
            Ok(n) => bytes.extend_from_slice(chunk.get(..n).unwrap_or_default()),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(_) => return,
        }
    }
}

fn answer_frames(frames: &Receiver<ReceivedFrame>, answers: &SyncSender<Vec<u8>>) {
    let mut programs = Vec::new();
    let mut limited = 0;
    let mut out = Vec::new();
    put_frame(&mut out, READY_FRAME, |_| {});
    while answers.send(std::mem::take(&mut out)).is_ok() {
        let Ok((kind, rest)) = frames.recv() else { return };
        match kind {
            EXPRESSION => programs.push(Program::compile(&String::from_utf8_lossy(&rest))),
            EVALUATION => evaluate(&rest, &programs, &mut limited, &mut out),
            _ => exit(70),
        }
    }
}

fn write(answers: &Receiver<Vec<u8>>) {
    let mut output = io::stdout().lock();
    while let Ok(mut out) = answers.recv() {
        while out.len() < MAX_WRITE_BYTES
            && let Ok(more) = answers.try_recv()
        {
            out.extend_from_slice(&more);
        }
        if output.write_all(&out).and_then(|()| output.flush()).is_err() {
            exit(0);
        }
    }
}

fn evaluate(
    rest: &[u8],
    programs: &[Result<Program, crate::step::jq::syntax::SyntaxError>],
    limited: &mut u64,
    out: &mut Vec<u8>,
) {
    let read = || {
        let (program, rest) = parse_u32(rest)?;
        let (most, rest) = parse_u32(rest)?;
        let (memory, json) = parse_u64(rest)?;
        let program = programs.get(usize::try_from(program).ok()?)?.as_ref().ok()?;
        Some((program, usize::try_from(most).ok()?, memory, json))
    };
    let Some((program, most, memory, json)) = read() else { exit(70) };
    if *limited != memory {
        *limited = memory;
        limit_memory(memory);
    }
    let values = match serde_json::from_slice(json) {
        Ok(input) => program.run_at_most(input, most).map_err(|error| error.to_string()),
        Err(error) => Err(format!("the record can't be handed over: {error}")),
    };
    match values {
        Ok(values) => put_frame(out, VALUES, |out| values.iter().for_each(|value| put_value(out, value))),
        Err(why) => put_frame(out, FAILURE, |out| out.extend_from_slice(why.as_bytes())),
    }
}

/// Limits the memory of the process for values; it ends if it requests more.
#[cfg(unix)]
fn limit_memory(memory: u64) {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let data = memory.saturating_add(BASE_MEMORY);
    for (resource, most) in [(Resource::Data, data), (Resource::As, data.saturating_add(RESERVED_ADDRESS_SPACE))] {
        let maximum = getrlimit(resource).maximum;
        let current = Some(maximum.map_or(most, |maximum| most.min(maximum)));
        // On a system without such a limit none is set.
        let _ = setrlimit(resource, Rlimit { current, maximum });
    }
}

#[cfg(not(unix))]
fn limit_memory(_: u64) {}

/// Disables core dumps, so that a process that ends for lack of memory leaves no record on the
/// disk.
#[cfg(unix)]
fn disable_core_dumps() {
    use rustix::process::{Resource, Rlimit, setrlimit};
    let _ = setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) });
}

#[cfg(not(unix))]
fn disable_core_dumps() {}
