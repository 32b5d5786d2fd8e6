//! Whether a program uses the idempotency key that it gets.
//!
//! In scope: looking for the variable's name in the command and its files. Out of scope: what the
//! program does with it.

use std::path::Path;

use crate::step::command::command_step::CommandSettings;

/// The end of the variable's name, `SHEETKEEP_IDEMPOTENCY_KEY`, which scripts may put together.
const NAME: &str = "IDEMPOTENCY_KEY";
/// Larger files are not read, and count as files without the name.
const MAX_BYTES: u64 = 32 << 20;

/// Returns true if the words of the command, or the files that they name, contain the name of the
/// variable with the idempotency key. A program that does not read the key can't pass it on.
pub fn reads_idempotency_key(command: &CommandSettings) -> bool {
    let program = command.find_program().ok();
    let files = command.words.iter().map(|word| command.folder.join(word)).chain(program);
    command.words.iter().any(|word| word.contains(NAME)) || files.into_iter().any(|file| mentions_key(&file))
}

fn mentions_key(file: &Path) -> bool {
    let is_small = file.metadata().is_ok_and(|known| known.is_file() && known.len() <= MAX_BYTES);
    let bytes = if is_small { std::fs::read(file).unwrap_or_default() } else { Vec::new() };
    memchr::memmem::find(&bytes, NAME.as_bytes()).is_some()
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    fn make_command(folder: &Path, words: &[&str]) -> CommandSettings {
        CommandSettings {
            words: words.iter().map(|word| (*word).to_owned()).collect(),
            timeout_ms: 1,
            folder: folder.to_owned(),
            job: "j".to_owned(),
            variables: Vec::new(),
        }
    }

    #[test]
    fn the_key_is_found_in_words_and_in_scripts() {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::write(folder.path().join("send.py"), "os.environ['SHEETKEEP_IDEMPOTENCY_KEY']").expect("a file");
        std::fs::write(folder.path().join("append.py"), "print('sent')").expect("a file");
        let reads = |words: &[&str]| reads_idempotency_key(&make_command(folder.path(), words));
        assert!(reads(&["sh", "-c", "send --key $SHEETKEEP_IDEMPOTENCY_KEY"]));
        assert!(reads(&["python3", "send.py"]));
        assert!(!reads(&["sh", "append.py"]) && !reads(&["sh", "-c", "echo x >> sent.txt"]));
    }
}
