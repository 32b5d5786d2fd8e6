//! Finds the file of a program, and explains why it can't be started, as its author can correct it.
//!
//! In scope: the search path, what the file itself shows, and which variables a program does not
//! receive. Out of scope: starting it
//! (`step::command::command_step`, `app::stages::stage_command`, `alert_delivery::program`).

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use which::WhichConfig;
use which::sys::RealSys;

/// Bytes of a file that are examined.
const HEAD_BYTES: u64 = 512;

/// Environment variables with secrets of sheetkeep. Programs of steps and of alert channels do not
/// receive them; those of stages do, because they may run a job (docs/stages.md).
pub const WITHHELD_VARIABLES: [&str; 1] = ["SHEETKEEP_CREDENTIALS_JSON"];
/// The search path if the environment contains none, as in the C library (glibc, `execvp`).
const DEFAULT_PATH: &str = "/bin:/usr/bin";

/// Finds a program without running it: a name with a slash is a path from `folder`. Returns its
/// path, or why it can't be run.
pub fn find_program(program: &str, folder: &Path) -> Result<PathBuf, String> {
    let search = || WhichConfig::new_with_sys(RealSys).binary_name(program.into()).custom_cwd(folder.to_owned());
    let found = match search().system_path_list().first_result() {
        Err(which::Error::CannotGetCurrentDirAndPathListEmpty) => {
            search().custom_path_list(DEFAULT_PATH.into()).first_result()
        }
        found => found,
    };
    let found = found.map_err(|_| explain_unusable_program(program, folder))?;
    // What is found by a path begins with the folder already.
    match explain_damaged_script(&found, program).or_else(|| explain_damaged_script(&folder.join(&found), program)) {
        Some(why) => Err(format!("{program} {why}")),
        None => Ok(found),
    }
}

/// Explains why no program of this name was found; a name with a slash is a path from `folder`.
fn explain_unusable_program(program: &str, folder: &Path) -> String {
    let path = folder.join(program);
    if program.is_empty() || !program.contains('/') {
        let three = format!("{program}3");
        let advice = if !program.is_empty() && path.is_file() {
            format!("; to run the file beside the job file, write ./{program}")
        } else if !program.is_empty() && which::which(&three).is_ok() {
            format!("; {three} is there")
        } else {
            String::new()
        };
        return format!(
            "{program} was not found: no folder of PATH has a program of this name that may be executed{advice}"
        );
    }
    if path.is_dir() {
        return format!("{program} is a folder");
    }
    if path.is_file() {
        return format!("{program} may not be executed: chmod +x {program}");
    }
    if let Ok(target) = std::fs::read_link(&path) {
        return format!("{program} is a link to {}, and that is not there", target.display());
    }
    let similar = find_similar_file(&path).map(|name| format!(": did you mean {name} beside it?")).unwrap_or_default();
    format!("{program} is not there{similar}")
}

/// Returns the name of a file in the folder of a missing one that differs in case or ending only.
fn find_similar_file(path: &Path) -> Option<String> {
    let stem = |name: &str| name.split('.').next().unwrap_or_default().to_lowercase();
    let wanted = stem(path.file_name()?.to_str()?);
    let names = std::fs::read_dir(path.parent()?).ok()?.flatten();
    names.filter_map(|entry| entry.file_name().into_string().ok()).filter(|name| stem(name) == wanted).min()
}

/// Explains why the system can't start this script, named `shown`; `None` for any other file, and
/// for a script that it can start.
fn explain_damaged_script(path: &Path, shown: &str) -> Option<String> {
    let mut head = Vec::new();
    File::open(path).ok()?.take(HEAD_BYTES).read_to_end(&mut head).ok()?;
    let Some(first) = head.strip_prefix(b"#!") else {
        if head.starts_with(b"\xef\xbb\xbf#!") {
            return Some(format!(
                "begins with a byte order mark before its #! line; save it as UTF-8 without one: sed -i '1s/^\\xef\\xbb\\xbf//' {shown}"
            ));
        }
        let is_text = !head.is_empty() && !head.contains(&0) && std::str::from_utf8(&head).is_ok();
        return is_text.then(|| {
            "has no #! line, which names its interpreter: make #!/bin/sh (or #!/usr/bin/env python3) its first line"
                .to_owned()
        });
    };
    let end = first.iter().position(|byte| *byte == b'\n')?;
    let line = first.get(..end)?;
    if line.ends_with(b"\r") {
        return Some(format!(
            "has the line ends of Windows (CRLF), so its #! line names no program: sed -i 's/\\r$//' {shown}"
        ));
    }
    let line = String::from_utf8_lossy(line);
    let interpreter = line.split_whitespace().next()?;
    (interpreter.starts_with('/') && !Path::new(interpreter).exists()).then(|| {
        let name = interpreter.rsplit('/').next().unwrap_or_default();
        let found = which::which(name).map(|path| format!(", as {}", path.display())).unwrap_or_default();
        format!(
            "names {interpreter} in its #! line, and that program is not there: correct the line{found}, or install that program"
        )
    })
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn what_a_script_lacks_is_named_with_its_remedy() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("x.sh");
        for (text, why) in [
            (&b"echo 1\n"[..], "has no #! line"),
            (b"#!/bin/sh\r\necho 1\r\n", "has the line ends of Windows (CRLF)"),
            (b"\xef\xbb\xbf#!/bin/sh\n", "begins with a byte order mark"),
            (b"#!/no/such/shell -e\n", "names /no/such/shell in its #! line"),
        ] {
            std::fs::write(&path, text).expect("a file");
            let found = explain_damaged_script(&path, "x.sh").expect("it is damaged");
            assert!(found.starts_with(why), "{found}");
        }
        for text in [&b"#!/bin/sh\necho 1\n"[..], b"\x7fELF\0\0", b"", b"#!/usr/bin/env sh\n"] {
            std::fs::write(&path, text).expect("a file");
            assert_eq!(explain_damaged_script(&path, "x.sh"), None);
        }
        assert!(explain_unusable_program("./x.sh", folder.path()).contains("may not be executed: chmod +x"));
        assert!(explain_unusable_program("./y.sh", folder.path()).ends_with("./y.sh is not there"));
        assert!(explain_unusable_program("./X.py", folder.path()).ends_with("did you mean x.sh beside it?"));
        std::os::unix::fs::symlink("gone.sh", folder.path().join("l.sh")).expect("a link");
        assert!(
            explain_unusable_program("./l.sh", folder.path()).ends_with("is a link to gone.sh, and that is not there")
        );
        assert!(explain_unusable_program("x.sh", folder.path()).contains("write ./x.sh"));
    }
}
