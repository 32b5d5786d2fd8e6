//! An item as a program's standard input: an unnamed file that is complete before the program
//! starts.
//!
//! In scope: creating the file, writing it, its position when the program begins to read. Out of
//! scope: starting the program (`step::command::command_step`).
//!
//! A pipe delivers an item in portions, the later ones while the program is already running. If the
//! run were killed in between, the program would take the first portions for the whole item. A file
//! stays complete, whatever happens to the run.

use std::fs::File;
use std::io::{self, Seek, SeekFrom, Write};

/// File mode: access for the owner only.
#[cfg(unix)]
const OWNER_ONLY: u32 = 0o600;

/// Creates an unnamed file with these bytes, positioned at its beginning. It disappears once no
/// process has it open.
pub fn create(bytes: &[u8]) -> io::Result<File> {
    let mut file = create_unnamed()?;
    file.write_all(bytes)?;
    file.seek(SeekFrom::Start(0))?;
    Ok(file)
}

/// Creates the file in memory, so that an item leaves no trace on a disk and a full disk stops no
/// program. It is on a disk if the system has no such files or does not allow them.
#[cfg(target_os = "linux")]
fn create_unnamed() -> io::Result<File> {
    use rustix::io::Errno;
    match create_in_memory() {
        Err(Errno::NOSYS | Errno::PERM | Errno::ACCESS) => create_on_disk(),
        made => Ok(made?),
    }
}

#[cfg(target_os = "linux")]
fn create_in_memory() -> rustix::io::Result<File> {
    use rustix::fs::{MemfdFlags, Mode, fchmod, memfd_create};
    use rustix::io::Errno;
    // Kernels before 6.3 do not support the flag that makes such a file non-executable.
    let made = match memfd_create(NAME, MemfdFlags::CLOEXEC | MemfdFlags::NOEXEC_SEAL) {
        Err(Errno::INVAL) => memfd_create(NAME, MemfdFlags::CLOEXEC),
        made => made,
    }?;
    fchmod(&made, Mode::from_raw_mode(OWNER_ONLY))?;
    Ok(made.into())
}

/// The name that tools show for the open file.
#[cfg(target_os = "linux")]
const NAME: &str = "sheetkeep-item";

#[cfg(not(target_os = "linux"))]
fn create_unnamed() -> io::Result<File> {
    on_disk()
}

/// Creates the file on a disk and unlinks it immediately.
fn create_on_disk() -> io::Result<File> {
    let file = tempfile::tempfile()?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        file.set_permissions(std::fs::Permissions::from_mode(OWNER_ONLY))?;
    }
    Ok(file)
}

#[cfg(all(test, unix))]
mod tests {
    use std::io::Read;
    use std::os::unix::fs::{MetadataExt, PermissionsExt};

    use super::*;

    #[test]
    fn a_file_of_any_size_is_whole_nameless_and_its_owners() {
        for size in [0, 1, 65_536, 65_537, 3_000_000] {
            let bytes = vec![b'x'; size];
            let on_disk =
                || create_on_disk().and_then(|mut file| file.write_all(&bytes).and(file.rewind()).map(|()| file));
            for file in [create(&bytes), on_disk()] {
                let mut file = file.expect("there is room");
                let known = file.metadata().expect("it is open");
                let content = (known.is_file(), known.len(), known.nlink(), known.permissions().mode() & 0o777);
                assert_eq!(content, (true, size as u64, 0, OWNER_ONLY));
                let mut read = Vec::new();
                file.read_to_end(&mut read).expect("it can be read");
                assert!(read == bytes, "{size}");
            }
        }
    }
}
