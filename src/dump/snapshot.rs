// SPDX-License-Identifier: BSD-2-Clause
//! `-L`: decides whether to create a snapshot, and creates it.

use std::ffi::OsString;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;

use crate::operator::{FilesMessage, Operator, Refusal};
use crate::os::disk;
use crate::os::disk::Kind;
use crate::os::errno::strerror;
use crate::os::mounts::Mount;
use crate::os::snapshot;
use crate::os::snapshot::Failure;

/// The mount to be snapshot, if any. Warns if `-L` is not possible, and if it is missing.
pub fn decide<'a>(mount: Option<&'a Mount>, wanted: bool, operator: &mut Operator) -> Option<&'a Mount> {
    let remark = match mount {
        None => wanted.then_some(FilesMessage::SnapshotOfUnmounted),
        Some(mount) if mount.read_only => wanted.then_some(FilesMessage::SnapshotOfReadOnly),
        Some(_) if !wanted => Some(FilesMessage::ShouldUseSnapshot),
        Some(_) if !snapshot::AVAILABLE => Some(FilesMessage::SnapshotOfUnmounted),
        Some(mount) => {
            let directory = snap_directory(mount);
            if matches!(disk::kind_of_path(Path::new(&directory)), Ok(Kind::Directory)) {
                return Some(mount);
            }
            operator.say(FilesMessage::NoSnapDirectory(&directory));
            Some(FilesMessage::SnapshotDowngraded)
        }
    };
    if let Some(remark) = remark {
        operator.say(remark);
    }
    None
}

/// A snapshot that has been made.
pub struct Snapshot {
    /// Its only descriptor: it has no name, and exists no longer than this.
    pub fd: OwnedFd,
    /// When it was made, in seconds since 1970.
    pub date: i64,
    /// Its directory. While it is open, umount(8) reports that the file system is busy; an open snapshot alone does not keep it
    /// mounted, and nothing can be read from it after that.
    pub directory: OwnedFd,
}

/// Makes the snapshot. None: it could not be created, and the reason has been reported.
pub fn take(mount: &Mount, operator: &mut Operator) -> Option<Snapshot> {
    let directory = snap_directory(mount);
    let mut name = directory.clone();
    name.push("/dump_snapshot");
    let held = match disk::open_disk(Path::new(&directory)) {
        Ok(held) => held,
        Err(error) => {
            operator.refuse(Refusal::CannotOpen { name: &directory, reason: &strerror(&error) });
            return None;
        }
    };
    let fd = match snapshot::create(Path::new(&directory), Path::new(&name)) {
        Ok(fd) => fd,
        Err(Failure::Create(error)) => {
            operator.refuse(Refusal::CannotCreate { name: &name, reason: &strerror(&error) });
            operator.refuse(Refusal::SnapshotNeeds);
            return None;
        }
        Err(Failure::Open(error)) => {
            operator.refuse(Refusal::CannotOpen { name: &name, reason: &strerror(&error) });
            return None;
        }
    };
    match snapshot::date(fd.as_fd()) {
        Ok(date) => Some(Snapshot { fd, date, directory: held }),
        Err(error) => {
            operator.refuse(Refusal::CannotStat { name: &name, reason: &strerror(&error) });
            None
        }
    }
}

/// Where dump keeps snapshots; its name as dump has it, with two slashes for the root.
fn snap_directory(mount: &Mount) -> OsString {
    let mut name = mount.on.clone();
    name.push("/.snap");
    name
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{self, Write};
    use std::sync::{Arc, Mutex};

    #[derive(Clone, Default)]
    struct Heard(Arc<Mutex<Vec<u8>>>);

    impl Write for Heard {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().expect("one thread").write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn told(mount: Option<(&str, bool)>, wanted: bool) -> (bool, String) {
        let heard = Heard::default();
        let mut operator = Operator::new("capdump".to_owned(), Box::new(heard.clone()));
        let mount = mount.map(|(on, read_only)| Mount { from: "/dev/x".into(), on: on.into(), read_only });
        let decided = decide(mount.as_ref(), wanted, &mut operator).is_some();
        let text = heard.0.lock().expect("one thread").clone();
        (decided, String::from_utf8(text).expect("dump's words"))
    }

    #[test]
    fn warns_as_dump_does() {
        assert_eq!(told(None, false), (false, String::new()));
        let unmounted = "  DUMP: WARNING: Cannot use -L on an unmounted filesystem.\n";
        assert_eq!(told(None, true), (false, unmounted.to_owned()));
        assert_eq!(told(Some(("/x", true)), false), (false, String::new()));
        let read_only = "  DUMP: WARNING: -L ignored for read-only filesystem.\n";
        assert_eq!(told(Some(("/x", true)), true), (false, read_only.to_owned()));
        let live = "  DUMP: WARNING: should use -L when dumping live read-write filesystems!\n";
        assert_eq!(told(Some(("/x", false)), false), (false, live.to_owned()));
        let no_directory = "  DUMP: WARNING: -L requested but snapshot location /no such/.snap\n  DUMP:          is not a \
            directory: dump downgraded, -L ignored\n";
        let expected = if snapshot::AVAILABLE { no_directory } else { unmounted };
        assert_eq!(told(Some(("/no such", false)), true), (false, expected.to_owned()));
    }
}
