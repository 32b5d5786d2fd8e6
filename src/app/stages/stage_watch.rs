//! What takes part in each command of a stage: the counts and the kills of a drill.
//!
//! In scope: the moments at which it takes part. Out of scope: what it does there (`app::drill`).

use std::path::Path;

use futures_util::future::BoxFuture;

/// The command of a stage that is about to run.
#[derive(Debug, Clone, Copy)]
pub struct StageCall<'a> {
    /// The name of the stage.
    pub name: &'a str,
    /// The key of stage and run.
    pub key: &'a str,
    /// The path of the file that it makes, as the job file has it.
    pub artifact: Option<&'a str>,
    /// The file that it reads.
    pub input: Option<&'a Path>,
    /// Where it has to write its file; `None` for a stage that makes none.
    pub output: Option<&'a Path>,
}

/// What becomes of a command.
pub enum WatchedCommand {
    /// It is not run: what it would make is there.
    Simulated,
    /// It is run. The value is kept until it has ended.
    Executed(Box<dyn Send>),
}

/// Takes part in the commands of a run.
pub trait StageWatch: Send + Sync {
    /// Called when a command begins.
    fn begin<'a>(&'a self, call: StageCall<'a>) -> BoxFuture<'a, std::io::Result<WatchedCommand>>;

    /// Called after a command has succeeded, before its file is in its place.
    fn end<'a>(&'a self, call: StageCall<'a>) -> BoxFuture<'a, ()>;
}
