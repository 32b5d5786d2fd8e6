//! Files and folders with access for their owner only, whatever the umask.
//!
//! In scope: creating them (0600, 0700), opening them without following a link, checking who else
//! may read one.
//! Out of scope: their content. On systems without such modes, the system's own rules apply.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

/// Returns the folder of a file: the working directory for a name alone.
pub fn find_parent_folder(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Creates the folder and its missing parents for the owner only. Existing folders are unchanged.
pub fn make_folder(path: &Path) -> io::Result<()> {
    let missing: Vec<&Path> = path.ancestors().take_while(|folder| is_named(folder) && !folder.exists()).collect();
    for folder in missing.into_iter().rev() {
        let mut builder = DirBuilder::new();
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        match builder.create(folder) {
            Ok(()) => restrict_access(folder, 0o700)?,
            // Another process was faster.
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error),
        }
    }
    if path.is_dir() { Ok(()) } else { Err(io::ErrorKind::NotADirectory.into()) }
}

fn is_named(folder: &Path) -> bool {
    !folder.as_os_str().is_empty()
}

#[cfg_attr(not(unix), expect(unused_variables, clippy::unnecessary_wraps, reason = "there are no such modes"))]
fn restrict_access(path: &Path, mode: u32) -> io::Result<()> {
    #[cfg(unix)]
    std::fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(mode))?;
    Ok(())
}

/// Returns options to open a file: new files for the owner only, and never through a link.
pub fn make_open_options() -> OpenOptions {
    let mut options = OpenOptions::new();
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        options.mode(0o600).custom_flags(rustix::fs::OFlags::NOFOLLOW.bits().cast_signed());
    }
    options
}

/// Creates a new file; fails with `AlreadyExists` if it exists.
pub fn create_new(path: &Path) -> io::Result<File> {
    restore_mode(make_open_options().create_new(true).read(true).append(true).open(path)?)
}

/// Opens a file for appending, and creates it if it does not exist.
pub fn open_to_append(path: &Path) -> io::Result<File> {
    match create_new(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            make_open_options().append(true).open(path).map_err(|error| explain_error(path, error))
        }
        made => made,
    }
}

/// Opens a file for reading and writing, and creates it if it does not exist. Its content stays.
pub fn open_or_create(path: &Path) -> io::Result<File> {
    match create_new(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            make_open_options().read(true).write(true).open(path).map_err(|error| explain_error(path, error))
        }
        made => {
            drop(made?);
            make_open_options().read(true).write(true).open(path)
        }
    }
}

/// Replaces a file's contents as a whole, durably: a crash leaves the old contents or the new ones.
/// The folder must exist.
pub fn write_atomically(path: &Path, contents: &[u8]) -> io::Result<()> {
    replace(path, contents, 0o600)
}

/// Replaces a file's contents as `write_atomically` does, and lets everybody read it: what another
/// user's program collects, and what holds no secret.
pub fn publish_atomically(path: &Path, contents: &[u8]) -> io::Result<()> {
    replace(path, contents, 0o644)
}

fn replace(path: &Path, contents: &[u8], mode: u32) -> io::Result<()> {
    let folder = path.parent().filter(|folder| is_named(folder)).unwrap_or(Path::new("."));
    let name = path.file_name().ok_or(io::ErrorKind::InvalidInput)?;
    let mut beside_name = name.to_owned();
    beside_name.push(format!(".{}.new", std::process::id()));
    let beside = folder.join(beside_name);
    // Only this code writes this name, so an existing file was left by a dead process.
    let _ = std::fs::remove_file(&beside);
    let written = create_new(&beside).and_then(|mut file| {
        file.write_all(contents)?;
        if mode != 0o600 {
            restrict_access(&beside, mode)?;
        }
        file.sync_all()?;
        std::fs::rename(&beside, path)
    });
    if written.is_err() {
        let _ = std::fs::remove_file(&beside);
    }
    written?;
    File::open(folder)?.sync_all()
}

/// Checks whether this user may create files in the folder, without creating one.
pub fn check_writable(folder: &Path) -> io::Result<()> {
    #[cfg(unix)]
    rustix::fs::access(folder, rustix::fs::Access::WRITE_OK | rustix::fs::Access::EXEC_OK)?;
    if folder.is_dir() { Ok(()) } else { Err(io::ErrorKind::NotADirectory.into()) }
}

/// Opens a file for reading.
pub fn open(path: &Path) -> io::Result<File> {
    make_open_options().read(true).open(path).map_err(|error| explain_error(path, error))
}

/// The umask may remove the owner's rights, so the mode is set again.
fn restore_mode(file: File) -> io::Result<File> {
    #[cfg(unix)]
    file.set_permissions(std::os::unix::fs::PermissionsExt::from_mode(0o600))?;
    Ok(file)
}

fn explain_error(path: &Path, error: io::Error) -> io::Error {
    if std::fs::symlink_metadata(path).is_ok_and(|about| about.is_symlink()) {
        let why = format!("{} is a symbolic link, which is not followed here; remove it", path.display());
        return io::Error::new(error.kind(), why);
    }
    error
}

/// Returns who else may read the file: `others`, `its group`; `None` if only the owner, or if it
/// does not exist.
pub fn find_other_readers(path: &Path) -> Option<&'static str> {
    #[cfg(unix)]
    {
        let about = std::fs::metadata(path).ok().filter(std::fs::Metadata::is_file)?;
        let mode = std::os::unix::fs::PermissionsExt::mode(&about.permissions());
        match mode & 0o077 {
            0 => None,
            rights if rights & 0o007 != 0 => Some("others"),
            _ => Some("its group"),
        }
    }
    #[cfg(not(unix))]
    {
        let _ = path;
        None
    }
}

/// Returns the target of a path that is a link.
pub fn link_target(path: &Path) -> Option<PathBuf> {
    let is_link = std::fs::symlink_metadata(path).is_ok_and(|about| about.is_symlink());
    is_link.then(|| path.canonicalize().ok()).flatten()
}

#[cfg(all(test, unix))]
mod tests {
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    fn mode(path: &Path) -> u32 {
        std::fs::metadata(path).expect("it is there").permissions().mode() & 0o777
    }

    #[test]
    fn what_is_made_is_its_owners_alone_and_what_is_there_stays() {
        let folder = tempfile::tempdir().expect("a folder");
        let deep = folder.path().join("a/b");
        make_folder(&deep).expect("made");
        make_folder(&deep).expect("there");
        assert_eq!((mode(&deep), mode(&folder.path().join("a"))), (0o700, 0o700));
        let file = deep.join("f");
        drop(open_or_create(&file).expect("made"));
        std::fs::write(&file, "kept").expect("written");
        drop(open_or_create(&file).expect("there"));
        assert_eq!((mode(&file), std::fs::read_to_string(&file).expect("text").as_str()), (0o600, "kept"));
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o644)).expect("changed");
        assert_eq!((mode(&file), find_other_readers(&file)), (0o644, Some("others")));
        assert!(make_folder(&file).is_err());
    }

    #[test]
    fn a_file_is_replaced_as_a_whole_or_not_at_all() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("f.json");
        for contents in ["old and long", "new"] {
            write_atomically(&file, contents.as_bytes()).expect("written");
            assert_eq!(std::fs::read_to_string(&file).expect("text"), contents);
        }
        assert_eq!(mode(&file), 0o600);
        assert!(write_atomically(&folder.path().join("none/f"), b"x").is_err());
        assert!(write_atomically(folder.path(), b"x").is_err());
        let names: Vec<_> =
            std::fs::read_dir(folder.path()).expect("a list").flatten().map(|e| e.file_name()).collect();
        assert_eq!(names, ["f.json"], "no file is left beside it");
    }

    #[test]
    fn a_link_is_not_followed() {
        let folder = tempfile::tempdir().expect("a folder");
        let (real, link) = (folder.path().join("real"), folder.path().join("link"));
        symlink(&real, &link).expect("a link");
        assert!(open_or_create(&link).is_err() && !real.exists());
        std::fs::write(&real, "").expect("made");
        let message = open_or_create(&link).expect_err("a link").to_string();
        assert!(message.contains("symbolic link") && open(&link).is_err(), "{message}");
        assert_eq!(link_target(&link), real.canonicalize().ok());
    }
}
