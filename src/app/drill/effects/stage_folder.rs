//! The folder in which the stages of a drill run, in place of the job's own.
//!
//! In scope: making it, copying the job's files for commands that really run. Out of scope: what
//! stages do there (`app::stages`).

use std::io;
use std::path::{Component, Path};

use crate::app::error::AppError;
use crate::app::stages::stage_plan::PlannedStage;
use crate::machine::MachineError;

/// Maximum size of a copy.
const MAX_BYTES: u64 = 512 << 20;
/// Folders that no command needs.
const LEFT_OUT: [&str; 3] = [".git", "node_modules", "target"];
/// How names of the temporary folders of drills begin. They may be below the job's own folder, and a
/// copy must not contain itself.
pub const DRILL_FOLDER_PREFIX: &str = "sheetkeep-drill-";

/// Returns the first stage whose file would be outside of the folder.
pub fn find_outside_stage(stages: &[PlannedStage]) -> Option<&PlannedStage> {
    let is_inside =
        |path: &str| Path::new(path).components().all(|part| matches!(part, Component::Normal(_) | Component::CurDir));
    stages.iter().find(|stage| stage.artifact.as_deref().is_some_and(|path| !is_inside(path)))
}

/// Copies the files of a job's folder to `target`, for commands that really run.
pub fn copy_job_folder(from: &Path, target: &Path) -> Result<(), AppError> {
    let from = if from.as_os_str().is_empty() { Path::new(".") } else { from };
    let mut left = MAX_BYTES;
    copy_folder(from, target, &mut left).map_err(|error| {
        let why = format!("the folder {} can't be copied for the drill: {error}", from.display());
        AppError::Machine(MachineError::storage(why))
    })
}

fn copy_folder(from: &Path, target: &Path, left: &mut u64) -> io::Result<()> {
    std::fs::create_dir_all(target)?;
    for entry in std::fs::read_dir(from)? {
        let entry = entry?;
        let (path, name, kind) = (entry.path(), entry.file_name(), entry.file_type()?);
        let is_left_out = LEFT_OUT.iter().any(|known| name == *known)
            || name.as_encoded_bytes().starts_with(DRILL_FOLDER_PREFIX.as_bytes());
        if kind.is_dir() && !is_left_out {
            copy_folder(&path, &target.join(&name), left)?;
        } else if path.is_file() {
            // A link to a file becomes a copy of it; one to a folder is left out.
            let bytes = path.metadata()?.len();
            let is_too_large =
                "it has more than 512 MB; a job file in a folder of its own is copied with that folder only";
            *left = left.checked_sub(bytes).ok_or_else(|| io::Error::other(is_too_large))?;
            std::fs::copy(&path, target.join(&name))?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    #[test]
    fn files_outside_of_the_folder_are_found() {
        for (path, is_outside) in
            [("data/a", false), ("./a", false), ("/tmp/a", true), ("../a", true), ("a/../b", true)]
        {
            assert_eq!(
                find_outside_stage(&[PlannedStage::new_for_test("ok", "ok"), PlannedStage::new_for_test("odd", path)])
                    .is_some(),
                is_outside,
                "{path}"
            );
        }
    }

    #[test]
    fn a_copy_has_the_files_and_not_the_repository() {
        let (from, to) = (tempfile::tempdir().expect("a folder"), tempfile::tempdir().expect("a folder"));
        for folder in ["sub", ".git"] {
            std::fs::create_dir(from.path().join(folder)).expect("a folder");
            std::fs::write(from.path().join(folder).join("file"), "x").expect("written");
        }
        let target = to.path().join("copy");
        copy_job_folder(from.path(), &target).expect("copied");
        assert!(target.join("sub/file").exists() && !target.join(".git").exists());
        assert!(copy_job_folder(&from.path().join("none"), &target).is_err());
    }

    #[test]
    fn a_copy_below_the_folder_does_not_contain_itself() {
        let from = tempfile::tempdir().expect("a folder");
        std::fs::write(from.path().join("file"), "x").expect("written");
        let drill = tempfile::Builder::new().prefix(DRILL_FOLDER_PREFIX).tempdir_in(from.path()).expect("a folder");
        let target = drill.path().join("files");
        copy_job_folder(from.path(), &target).expect("copied");
        let copied: Vec<_> = std::fs::read_dir(&target).expect("a folder").collect();
        assert_eq!(copied.len(), 1, "{copied:?}");
    }
}
