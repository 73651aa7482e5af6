// SPDX-License-Identifier: BSD-2-Clause
//! Resolves the operand to the object to read: fstab, mounts, devices, and the snapshot of `-L`.

use std::ffi::{OsStr, OsString};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use crate::dump::snapshot;
use crate::dump::snapshot::Snapshot;
use crate::fstab;
use crate::fstab::Fstab;
use crate::operator::{FilesMessage, Operator, Refusal, Remark};
use crate::os::disk;
use crate::os::disk::Kind;
use crate::os::errno::strerror;
use crate::os::host;
use crate::os::mounts;
use crate::os::mounts::{Holding, Mount};
use crate::os::provider;
use dumpstream::escape;

/// What will be read.
pub struct Target {
    /// The disk, image or snapshot.
    pub fd: OwnedFd,
    /// The disk's name in messages and in dumpdates. Of a snapshot too, the name of the live disk.
    pub disk: OsString,
    /// What headers call it (`c_dev`).
    pub dev: OsString,
    /// Where fstab or the mount table puts it; none of an unlisted file system.
    pub mount_point: Option<OsString>,
    /// When the snapshot was made, seconds since 1970; none if it is none.
    pub snapshot: Option<i64>,
    /// Keeps the file system of the snapshot mounted.
    pub held: Option<OwnedFd>,
    /// Bytes in a sector: reads are whole sectors.
    pub sector: u32,
    /// Available bytes; `u64::MAX` if that cannot be known.
    pub media: u64,
    /// Whether the file system is mounted for writing, or this is a snapshot of one that is: then it is not marked as clean.
    pub live: bool,
    /// Whether it is a device, on which no file system can be larger than [`Target::media`].
    pub device: bool,
}

impl Target {
    /// Adds the name of a partition to those of the disk, so that dumps of different partitions can be distinguished.
    pub fn add_partition(&mut self, name: &str) {
        for disk in [&mut self.disk, &mut self.dev] {
            disk.push(":");
            disk.push(name);
        }
    }

    /// What headers call the file system (`c_filesys`).
    pub fn filesys(&self) -> &OsStr {
        self.mount_point.as_deref().unwrap_or(OsStr::new("an unlisted file system"))
    }
}

/// Opens what `operand` names, or with `snapshot` a snapshot of it. None: it cannot be dumped, and this has been reported
/// why.
pub fn open(operand: &OsStr, snapshot: bool, operator: &mut Operator) -> Option<Target> {
    // A system that does not say what is mounted is one without mounts, as in dump.
    let mounts = mounts::ufs_mounts().unwrap_or_default();
    let fstab = read_fstab(&mounts, operator);
    let named = match resolve(operand, &fstab, &mounts, &Files) {
        Ok(named) => named,
        Err(Unknown(name)) => {
            refuse_unknown(&name, operator);
            return None;
        }
    };
    let opened = disk::open_disk(Path::new(&named.disk));
    let mount = mounted_at(&mounts, &named.disk, opened.as_ref().ok().map(AsFd::as_fd));
    let taken = match snapshot::decide(mount, snapshot, operator) {
        Some(mount) => Some(snapshot::take(mount, operator)?),
        None => None,
    };
    let live = mount.is_some_and(|mount| !mount.read_only);
    // In a jail only its own mounts are visible.
    let unknown = mount.is_none() && host::is_jail();
    if unknown {
        let disk = escape::name(&named.disk);
        operator.say(Remark(format_args!("WARNING: in a jail, it is not known whether {disk} is mounted")));
    }
    if mount.is_some() || unknown {
        mounts::sync();
    }
    let (fd, date, held) = match taken {
        Some(Snapshot { fd, date, directory }) => (fd, Some(date), Some(directory)),
        None => match opened {
            Ok(fd) => (fd, None, None),
            Err(error) => {
                operator.refuse(Refusal::CannotOpen { name: &named.disk, reason: &strerror(&error) });
                if host::is_jail() {
                    operator.refuse(Refusal::InJail);
                }
                return None;
            }
        },
    };
    let target = examine(named, fd, date, operator)?;
    Some(Target { live, held, ..target })
}

/// Reports that `name` is no file system, and what it is in.
fn refuse_unknown(name: &OsStr, operator: &mut Operator) {
    operator.refuse(Refusal::UnknownFileSystem(name));
    if let Some(Holding { kind, from, on }) = mounts::holding(Path::new(name)) {
        operator.refuse(Refusal::IsIn { name, kind: &kind, from: &from, on: &on });
    }
}

/// Reads fstab(5); reports if it does not exist.
pub fn read_fstab(mounts: &[Mount], operator: &mut Operator) -> Fstab {
    let path = std::env::var_os("PATH_FSTAB").unwrap_or_else(|| fstab::PATH.into());
    let root = mounts.iter().rev().find(|mount| mount.on == "/").map(|mount| mount.from.as_os_str());
    match std::fs::read(&path) {
        Ok(text) => Fstab::parse(&text, root.filter(|root| Files.is_device(root))),
        Err(error) => {
            operator.say(FilesMessage::CannotOpenFstab { path: &path, reason: &strerror(&error) });
            Fstab::default()
        }
    }
}

/// Learns of the open descriptor what the dump has to know.
fn examine(named: Named, fd: OwnedFd, snapshot: Option<i64>, operator: &mut Operator) -> Option<Target> {
    let Named { disk, dev, mount_point } = named;
    let kind = match disk::kind(fd.as_fd()) {
        Ok(Kind::Directory) => {
            refuse_unknown(&disk, operator);
            return None;
        }
        Ok(kind) => kind,
        Err(error) => {
            operator.refuse(Refusal::CannotStat { name: &disk, reason: &strerror(&error) });
            return None;
        }
    };
    let sector = disk::sector_size(fd.as_fd()).unwrap_or(512);
    let size = disk::media_size(fd.as_fd());
    let device = size.is_ok() && matches!(kind, Kind::Block | Kind::Character);
    let media = size.unwrap_or(u64::MAX);
    Some(Target { fd, disk, dev, mount_point, snapshot, held: None, sector, media, live: false, device })
}

/// The mount of a disk: the first of its name, as in dump, or else of another name of the same device.
fn mounted_at<'a>(mounts: &'a [Mount], name: &OsStr, fd: Option<BorrowedFd<'_>>) -> Option<&'a Mount> {
    let by_name = mounts.iter().find(|mount| mount.from == name);
    by_name.or_else(|| {
        let fd = fd?;
        mounts.iter().find(|mount| provider::is_same(fd, &mount.from))
    })
}

/// The names of what will be read.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Named {
    disk: OsString,
    dev: OsString,
    mount_point: Option<OsString>,
}

/// A name that no file system has.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Unknown(OsString);

/// What [`resolve`] has to know of the files that there are.
trait Names {
    /// Whether it is a device.
    fn is_device(&self, name: &OsStr) -> bool;
    /// Whether there is such a file, of whatever kind but a directory.
    fn is_file(&self, name: &OsStr) -> bool;
    /// The device file of a name that may lack `/dev/`.
    fn device_path(&self, name: &OsStr) -> Option<OsString>;
}

/// Finds the operand: a name that fstab lists, as dump does, the first slash left out or not; a file; a mount point that
/// fstab does not list; the end of a device's name.
fn resolve(operand: &OsStr, fstab: &Fstab, mounts: &[Mount], files: &impl Names) -> Result<Named, Unknown> {
    if let Some(entry) = fstab.search(operand) {
        return listed(entry, mounts, files);
    }
    let plain = |name: &OsStr| Named { disk: name.to_owned(), dev: name.to_owned(), mount_point: None };
    if files.is_file(operand) {
        return Ok(plain(operand));
    }
    if let Some(mount) = mount_on(mounts, operand) {
        return Ok(Named { mount_point: Some(mount.on.clone()), ..plain(&mount.from) });
    }
    match files.device_path(operand) {
        Some(path) => match fstab.search(&path) {
            Some(entry) => listed(entry, mounts, files),
            None => Ok(plain(&path)),
        },
        // Opening it returns the reason.
        None => Ok(plain(operand)),
    }
}

/// A file system that fstab lists. If its device does not exist because it is mounted under another name, that name is used.
fn listed(entry: &fstab::Entry, mounts: &[Mount], files: &impl Names) -> Result<Named, Unknown> {
    let mounted = || mount_on(mounts, &entry.file).map(|mount| &mount.from);
    let spec = [Some(&entry.spec), mounted()].into_iter().flatten().find(|spec| files.is_device(spec));
    match spec {
        Some(spec) => {
            Ok(Named { disk: spec.clone(), dev: spec.clone(), mount_point: Some(entry.file.clone()) })
        }
        None => Err(Unknown(entry.spec.clone())),
    }
}

/// The mount that is seen at a directory; slashes at its ends do not count.
fn mount_on<'a>(mounts: &'a [Mount], directory: &OsStr) -> Option<&'a Mount> {
    let trim = |name: &'_ OsStr| -> Vec<u8> {
        let name = name.as_bytes();
        let start = name.iter().position(|&byte| byte != b'/').unwrap_or(name.len());
        let end = name.iter().rposition(|&byte| byte != b'/').map_or(start, |at| at + 1);
        name[start..end].to_vec()
    };
    let wanted = trim(directory);
    let is_name = !directory.as_bytes().is_empty();
    mounts.iter().rev().find(|mount| is_name && trim(&mount.on) == wanted)
}

/// The files of this system.
struct Files;

impl Names for Files {
    fn is_device(&self, name: &OsStr) -> bool {
        matches!(disk::kind_of_path(Path::new(name)), Ok(Kind::Block | Kind::Character))
    }

    fn is_file(&self, name: &OsStr) -> bool {
        matches!(disk::kind_of_path(Path::new(name)), Ok(kind) if kind != Kind::Directory)
    }

    fn device_path(&self, name: &OsStr) -> Option<OsString> {
        provider::device_path(name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FSTAB: &str = "/dev/ada0p2 / ufs rw 1 1\n/dev/ufs/usr /usr ufs rw 2 2\n/dev/gone /gone ufs rw 2 2\n\
        /dev/lost /lost ufs rw 2 2\n";

    struct Fake;

    impl Names for Fake {
        fn is_device(&self, name: &OsStr) -> bool {
            let devices = ["/dev/ada0p2", "/dev/ufs/usr", "/dev/da0p1", "/dev/md0"];
            devices.contains(&name.to_str().expect("the test's names are text"))
        }

        fn is_file(&self, name: &OsStr) -> bool {
            self.is_device(name) || name == "disk.img"
        }

        fn device_path(&self, name: &OsStr) -> Option<OsString> {
            let path = Path::new("/dev").join(name).into_os_string();
            self.is_device(&path).then_some(path)
        }
    }

    fn mount(from: &str, on: &str) -> Mount {
        Mount { from: from.into(), on: on.into(), read_only: false }
    }

    fn found(operand: &str) -> (String, String) {
        let mounts = [mount("/dev/ada0p2", "/"), mount("/dev/md0", "/mnt/a b"), mount("/dev/da0p1", "/gone")];
        let fstab = Fstab::parse(FSTAB.as_bytes(), None);
        match resolve(OsStr::new(operand), &fstab, &mounts, &Fake) {
            Ok(named) => {
                assert_eq!(named.disk, named.dev);
                let on = named.mount_point.map_or("-".to_owned(), |on| on.into_string().expect("text"));
                (named.disk.into_string().expect("text"), on)
            }
            Err(Unknown(name)) => ("unknown".to_owned(), name.into_string().expect("text")),
        }
    }

    fn pair(disk: &str, on: &str) -> (String, String) {
        (disk.to_owned(), on.to_owned())
    }

    #[test]
    fn names_that_fstab_lists() {
        for operand in ["/", "/dev/ada0p2", "dev/ada0p2", "ada0p2"] {
            assert_eq!(found(operand), pair("/dev/ada0p2", "/"), "{operand}");
        }
        for operand in ["/usr", "usr", "/dev/ufs/usr", "ufs/usr"] {
            assert_eq!(found(operand), pair("/dev/ufs/usr", "/usr"), "{operand}");
        }
    }

    #[test]
    fn names_that_fstab_does_not_list() {
        assert_eq!(found("/dev/md0"), pair("/dev/md0", "-"));
        assert_eq!(found("md0"), pair("/dev/md0", "-"));
        assert_eq!(found("disk.img"), pair("disk.img", "-"));
        for operand in ["/mnt/a b", "mnt/a b", "/mnt/a b/"] {
            assert_eq!(found(operand), pair("/dev/md0", "/mnt/a b"), "{operand}");
        }
        for operand in ["/mnt", "nothing", "/dev/da9"] {
            assert_eq!(found(operand), pair(operand, "-"), "left to open(2): {operand}");
        }
    }

    #[test]
    fn a_device_that_is_gone_is_looked_for_at_its_mount_point() {
        assert_eq!(found("/gone"), pair("/dev/da0p1", "/gone"));
        assert_eq!(found("/lost"), pair("unknown", "/dev/lost"));
    }

    #[test]
    fn the_mount_on_top_counts() {
        let mounts = [mount("/dev/a", "/x"), mount("/dev/b", "/x"), mount("/dev/root", "/")];
        assert_eq!(mount_on(&mounts, OsStr::new("/x")).map(|m| m.from.clone()), Some("/dev/b".into()));
        assert_eq!(mount_on(&mounts, OsStr::new("/")).map(|m| m.from.clone()), Some("/dev/root".into()));
        assert_eq!(mount_on(&mounts, OsStr::new("")), None);
    }

    #[test]
    fn mounts_go_by_the_device_name() {
        let mounts = [mount("/dev/a", "/x"), mount("/dev/b", "/y")];
        assert_eq!(mounted_at(&mounts, OsStr::new("/dev/b"), None), Some(&mounts[1]));
        assert_eq!(mounted_at(&mounts, OsStr::new("/dev/c"), None), None);
    }
}
