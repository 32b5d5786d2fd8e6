//! An item as a program's standard input: a file without a name that holds all of it before the program starts.
//!
//! In scope: making that file, filling it, its place when the program begins to read. Out of scope: starting the program
//! (`step::command::command`).
//!
//! A pipe takes an item in portions, the later ones while the program runs already. A run that is killed in between would leave a program
//! that takes what has come so far for the whole item. Nothing that happens to the run takes anything away from a file.

use std::fs::File;
use std::io::{self, Seek, SeekFrom, Write};

/// The mode of the file: for its owner alone.
#[cfg(unix)]
const OWNER_ONLY: u32 = 0o600;

/// A file without a name that holds these bytes, to be read from its beginning. It is gone once nobody has it open any more.
pub fn whole(bytes: &[u8]) -> io::Result<File> {
    let mut file = nameless()?;
    file.write_all(bytes)?;
    file.seek(SeekFrom::Start(0))?;
    Ok(file)
}

/// In memory, so that an item leaves no trace on a disk and a full disk stops no program; on a disk where the system has no such files, or
/// does not allow them.
#[cfg(target_os = "linux")]
fn nameless() -> io::Result<File> {
    use rustix::io::Errno;
    match in_memory() {
        Err(Errno::NOSYS | Errno::PERM | Errno::ACCESS) => on_disk(),
        made => Ok(made?),
    }
}

#[cfg(target_os = "linux")]
fn in_memory() -> rustix::io::Result<File> {
    use rustix::fs::{MemfdFlags, Mode, fchmod, memfd_create};
    use rustix::io::Errno;
    // Kernels before 6.3 do not know the flag by which such a file can't be executed.
    let made = match memfd_create(NAME, MemfdFlags::CLOEXEC | MemfdFlags::NOEXEC_SEAL) {
        Err(Errno::INVAL) => memfd_create(NAME, MemfdFlags::CLOEXEC),
        made => made,
    }?;
    fchmod(&made, Mode::from_raw_mode(OWNER_ONLY))?;
    Ok(made.into())
}

/// What tools that list open files call it.
#[cfg(target_os = "linux")]
const NAME: &str = "sheetkeep-item";

#[cfg(not(target_os = "linux"))]
fn nameless() -> io::Result<File> {
    on_disk()
}

/// It loses its name as soon as it is made.
fn on_disk() -> io::Result<File> {
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
            let on_disk = || on_disk().and_then(|mut file| file.write_all(&bytes).and(file.rewind()).map(|()| file));
            for file in [whole(&bytes), on_disk()] {
                let mut file = file.expect("there is room");
                let known = file.metadata().expect("it is open");
                let said = (known.is_file(), known.len(), known.nlink(), known.permissions().mode() & 0o777);
                assert_eq!(said, (true, size as u64, 0, OWNER_ONLY));
                let mut read = Vec::new();
                file.read_to_end(&mut read).expect("it can be read");
                assert!(read == bytes, "{size}");
            }
        }
    }
}
