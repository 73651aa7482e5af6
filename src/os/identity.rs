// SPDX-License-Identifier: BSD-2-Clause
//! The identity of files and disks, independent of their names: only facts, no decisions.

use crate::os::half;
use std::ffi::OsString;
use std::fs::{self, File, Metadata};
use std::io;
use std::os::fd::BorrowedFd;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};

/// Most symbolic links that are followed to a file that does not exist, as the kernels do (`SYMLOOP_MAX`, `MAXSYMLINKS`).
const MOST_LINKS: usize = 40;

/// One thing that bytes are written to or read from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Identity {
    /// A regular file.
    File {
        /// Its file system (`st_dev`).
        device: u64,
        /// Its inode (`st_ino`).
        inode: u64,
        /// When it was made, in nanoseconds since 1970, where that is known: an inode number may be used again.
        born: Option<u128>,
    },
    /// A name that no file has yet.
    Absent {
        /// The file system of its directory.
        device: u64,
        /// The inode of its directory.
        inode: u64,
        /// The name in it.
        name: OsString,
    },
    /// A disk by its device number.
    #[cfg_attr(target_os = "freebsd", allow(dead_code, reason = "there it is a provider"))]
    Disk {
        /// `st_rdev`.
        number: u64,
        /// Counts the media of the drive, where the system does.
        medium: Option<u64>,
    },
    /// A disk by the name of its GEOM provider.
    #[cfg_attr(target_os = "linux", allow(dead_code, reason = "Linux has no GEOM"))]
    Provider(OsString),
}

impl Identity {
    /// Whether both are the same thing.
    pub fn is(&self, other: &Identity) -> bool {
        use Identity::{Disk, File};
        match (self, other) {
            (
                File { device, inode, born },
                File { device: other_device, inode: other_inode, born: other_born },
            ) => {
                (device, inode) == (other_device, other_inode)
                    && born.zip(*other_born).is_none_or(|(one, two)| one == two)
            }
            (Disk { number, medium }, Disk { number: other_number, medium: other_medium }) => {
                number == other_number && medium.zip(*other_medium).is_none_or(|(one, two)| one == two)
            }
            _ => self == other,
        }
    }
}

/// A file, a disk or something else, as far as it can be compared. What keeps no bytes has no identity: a pipe, a terminal, a tape,
/// `/dev/null`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Object {
    /// Everything that it is: a loop device is its file as well, and a label its disk.
    pub same: Vec<Identity>,
    /// Everything that it is a part of: a partition is within its disk.
    pub within: Vec<Identity>,
    /// Bytes of a regular file.
    pub size: u64,
}

impl Object {
    /// Whether it is an existing regular file.
    pub fn is_file(&self) -> bool {
        matches!(self.same[..], [Identity::File { .. }])
    }

    /// Whether its medium may change under the same name: a disk for which the system does not distinguish media.
    pub fn is_changeable(&self) -> bool {
        let all = self.same.iter().chain(&self.within);
        !self.same.is_empty() && all.into_iter().all(|identity| matches!(identity, Identity::Provider(_)))
    }

    /// Whether no file has the name.
    pub fn is_absent(&self) -> bool {
        matches!(self.same[..], [Identity::Absent { .. }])
    }
}

/// The object that a descriptor refers to.
pub fn of_descriptor(fd: BorrowedFd<'_>) -> io::Result<Object> {
    Ok(of_metadata(&File::from(fd.try_clone_to_owned()?).metadata()?))
}

/// The object of that name; links are followed. Nothing is opened for it but a loop device, to read.
///
/// Errors: those of stat(2), but for `ENOENT` when the directory exists.
pub fn of_path(path: &Path) -> io::Result<Object> {
    match fs::metadata(path) {
        Ok(meta) => Ok(of_metadata(&meta)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let path = made_at(path)?;
            let (Some(above), Some(name)) = (path.parent(), path.file_name()) else { return Err(error) };
            let meta = fs::metadata(above)?;
            let name = name.to_owned();
            let absent = Identity::Absent { device: meta.dev(), inode: meta.ino(), name };
            Ok(Object { same: vec![absent], ..Object::default() })
        }
        Err(error) => Err(error),
    }
}

/// Where a file of that name would be made, with the directory's full path: links without a file are followed.
pub fn made_at(path: &Path) -> io::Result<PathBuf> {
    let mut path = path.to_owned();
    for _ in 0..MOST_LINKS {
        let above = match path.parent() {
            Some(above) if !above.as_os_str().is_empty() => above,
            _ => Path::new("."),
        };
        let name = path.file_name().ok_or(io::ErrorKind::NotFound)?;
        let above = fs::canonicalize(above)?;
        let whole = above.join(name);
        match fs::read_link(&whole) {
            Ok(target) => path = above.join(target),
            Err(_) => return Ok(whole),
        }
    }
    Err(io::Error::from_raw_os_error(libc::ELOOP))
}

fn of_metadata(meta: &Metadata) -> Object {
    let kind = meta.file_type();
    if kind.is_file() {
        let born = half::identity::born(meta);
        let file = Identity::File { device: meta.dev(), inode: meta.ino(), born };
        Object { same: vec![file], within: Vec::new(), size: meta.len() }
    } else if kind.is_block_device() || kind.is_char_device() {
        half::identity::disk(meta.rdev(), kind.is_block_device())
    } else {
        Object::default()
    }
}

/// The file of that name as what a disk is made of; none if it cannot be found.
pub(super) fn backing(path: &Path) -> Option<Object> {
    fs::metadata(path).ok().map(|meta| of_metadata(&meta))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::fd::AsFd;
    use std::os::unix::fs::symlink;

    fn folder(name: &str) -> PathBuf {
        let path = std::env::temp_dir().join(format!("capdump-identity-{name}-{}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        path
    }

    #[test]
    fn a_file_is_the_same_by_all_its_names() {
        let dir = folder("names");
        let [file, link, soft, other] = ["file", "link", "soft", "other"].map(|name| dir.join(name));
        fs::write(&file, "x").unwrap();
        fs::write(&other, "x").unwrap();
        fs::hard_link(&file, &link).unwrap();
        symlink("file", &soft).unwrap();
        let one = of_path(&file).unwrap();
        assert!(one.is_file() && one.size == 1);
        let open = File::open(&file).unwrap();
        for same in [of_path(&link).unwrap(), of_path(&soft).unwrap(), of_descriptor(open.as_fd()).unwrap()] {
            assert!(one.same[0].is(&same.same[0]));
        }
        assert!(!one.same[0].is(&of_path(&other).unwrap().same[0]));
        fs::remove_dir_all(dir).unwrap();
    }

    #[test]
    fn a_file_that_is_not_there_has_a_place() {
        let dir = folder("absent");
        symlink("new", dir.join("soft")).unwrap();
        symlink(&dir, dir.join("self")).unwrap();
        symlink("round", dir.join("round")).unwrap();
        let one = of_path(&dir.join("new")).unwrap();
        assert!(one.is_absent());
        assert_eq!(one, of_path(&dir.join("soft")).unwrap());
        assert_eq!(one, of_path(&dir.join("self/soft")).unwrap());
        assert_ne!(one, of_path(&dir.join("newer")).unwrap());
        assert!(of_path(&dir.join("none/new")).is_err());
        assert!(of_path(&dir.join("round")).is_err());
        fs::remove_dir_all(dir).unwrap();
    }

    #[test]
    fn what_keeps_no_bytes_has_none() {
        for path in ["/dev/null", "/dev/tty", "/"] {
            let object = fs::metadata(path).map(|meta| of_metadata(&meta)).unwrap();
            assert_eq!(object, Object::default(), "{path}");
        }
        let (reader, _writer) = io::pipe().unwrap();
        assert_eq!(of_descriptor(reader.as_fd()).unwrap(), Object::default());
    }

    #[test]
    fn an_inode_that_is_used_again_is_another_file() {
        let file = |born| Identity::File { device: 1, inode: 2, born };
        assert!(file(None).is(&file(Some(3))) && file(Some(3)).is(&file(Some(3))));
        assert!(!file(Some(3)).is(&file(Some(4))));
        let disk = |medium| Identity::Disk { number: 7, medium };
        assert!(disk(None).is(&disk(Some(1))) && !disk(Some(1)).is(&disk(Some(2))));
        assert!(!file(None).is(&disk(None)));
    }
}
