//! Whether a stage is done: its checkpoint, compared with the file that is there.
//!
//! In scope: the verdict on one stage. Out of scope: what follows from it
//! (`app::stages::stage_source`, `app::stages::stage_state`).

use std::io;
use std::path::Path;

use crate::app::stages::artifact::Artifact;
use crate::app::stages::checkpoint::{is_made_from, make_version};
use crate::app::stages::stage_plan::PlannedStage;
use crate::ledger::processed::processed_index::ProcessedIndex;

/// The verdict on a stage.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StageVerdict {
    /// It is done, and its file, if it makes one, is what the checkpoint says.
    Done(Option<Artifact>),
    /// It is not done.
    Open,
    /// It is done, and its file is not what the checkpoint says; the text is a clause about the
    /// file.
    Changed(String),
    /// Its failure waits for an answer of a person.
    Exhausted,
}

/// Judges a stage whose file is at `file`; `input` is the file that it reads. It blocks.
pub fn judge_stage(
    stage: &PlannedStage,
    file: Option<&Path>,
    input: Option<&Artifact>,
    index: &ProcessedIndex,
) -> StageVerdict {
    let (Some(path), Some(file)) = (&stage.artifact, file) else {
        let version = make_version(None, input);
        return match (index.is_done_by_now(&stage.key, &version), index.would_admit(&stage.key, &version)) {
            (true, _) => StageVerdict::Done(None),
            (false, true) => StageVerdict::Open,
            (false, false) => StageVerdict::Exhausted,
        };
    };
    // Its input is what its own checkpoint says. So if this stage was never done with that input, a
    // run has made the input anew since. This file is then out of date, whatever is in it.
    if !index.done_texts(&stage.key).any(|version| is_made_from(version, input)) {
        return StageVerdict::Open;
    }
    match Artifact::read(file, path) {
        Ok(artifact) if index.is_done_by_now(&stage.key, &make_version(Some(&artifact), input)) => {
            StageVerdict::Done(Some(artifact))
        }
        Ok(_) => StageVerdict::Changed(format!("{path} is not what its checkpoint says: it has changed since")),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            StageVerdict::Changed(format!("{path} is missing, and its checkpoint says that it was made"))
        }
        Err(error) => StageVerdict::Changed(format!("{path} can't be compared with its checkpoint: {error}")),
    }
}
