// SPDX-License-Identifier: BSD-2-Clause
//! Resolves the paths and inode numbers of the command line.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;

use crate::dump::console::Console;
use crate::dump::passes::{Maps, NotFound, Wanted, find};
use crate::dump::read_errors::ReadErrors;
use crate::dump::source::Source;
use crate::dump::stop::Stop;
use crate::job::Selection;
use crate::operator::Refusal;
use ufs::FileSystem;
use ufs::Ino;

/// Finds the selected files. None: one does not exist, which has been reported.
///
/// Errors: the disk cannot be read.
pub fn find_wanted(
    (selection, more_excluded): (&Selection, &[u32]),
    mount_point: Option<&OsStr>,
    console: &Console<'_>,
    errors: &ReadErrors<'_>,
    fs: &FileSystem<Source<'_>>,
    maps: &Maps,
) -> Result<Option<Wanted>, Stop> {
    let mut wanted = Wanted::default();
    let refuse = |refusal: Refusal<'_>| {
        console.operator().refuse(refusal);
        Ok(None)
    };
    for path in &selection.excluded {
        let Some(way) = follow(mount_point, console, errors, fs, path)? else { return Ok(None) };
        match way.last() {
            Some(&ino) if ino != Ino::ROOT => _ = wanted.excluded.insert(ino),
            _ => return refuse(Refusal::ExcludedRoot),
        }
    }
    for &ino in selection.excluded_inodes.iter().chain(more_excluded) {
        let max_inodes = fs.superblock().max_inodes();
        let ino = Ino(ino);
        if ino == Ino::ROOT {
            return refuse(Refusal::ExcludedRoot);
        }
        if u64::from(ino.0) >= max_inodes {
            return refuse(Refusal::NoSuchInode { inode: ino.0, inodes: max_inodes });
        }
        if !maps.used.contains(ino) && !maps.dirs.contains(ino) {
            return refuse(Refusal::FreeInode { inode: ino.0 });
        }
        wanted.excluded.insert(ino);
    }
    for path in &selection.paths {
        let Some(way) = follow(mount_point, console, errors, fs, path)? else { return Ok(None) };
        if let Some(excluded) = way.iter().find(|ino| wanted.excluded.contains(ino)) {
            return refuse(Refusal::IncludedAndExcluded { path, inode: excluded.0 });
        }
        wanted.included.push(way);
    }
    Ok(Some(wanted))
}

/// The inodes from the root to what `path` names; none if there is no such path, which has been reported.
fn follow(
    mount_point: Option<&OsStr>,
    console: &Console<'_>,
    errors: &ReadErrors<'_>,
    fs: &FileSystem<Source<'_>>,
    path: &OsString,
) -> Result<Option<Vec<Ino>>, Stop> {
    let refuse = |reason: &str| {
        console.operator().refuse(Refusal::NoSuchPath { path, reason });
        Ok(None)
    };
    let Some(inside) = inside(path.as_bytes(), mount_point) else {
        let on = mount_point.unwrap_or_default();
        return refuse(&format!("is not below {}", on.display()));
    };
    let found = find(fs, inside, &mut |notice| errors.notice(notice));
    match found {
        Ok(way) => Ok(Some(way)),
        Err(NotFound::Path(fault)) => refuse(&fault.to_string()),
        Err(NotFound::Pass(error)) => Err(errors.stop(error)),
    }
}

/// The path from the root of the file system. One that begins with a slash is a path of this machine, where the file system is
/// mounted; where it has no mount point all paths begin at its root. None: it is not below the mount point.
fn inside<'p>(path: &'p [u8], mount_point: Option<&OsStr>) -> Option<&'p [u8]> {
    let Some(on) = mount_point else { return Some(path) };
    if !path.starts_with(b"/") {
        return Some(path);
    }
    let on = on.as_bytes();
    let on = on.strip_suffix(b"/").unwrap_or(on);
    path.strip_prefix(on).filter(|rest| rest.is_empty() || rest.starts_with(b"/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_of_this_machine_begin_with_the_mount_point() {
        let usr = Some(OsStr::new("/usr"));
        let got = |path: &'static str, on| {
            inside(path.as_bytes(), on).map(|rest| std::str::from_utf8(rest).unwrap())
        };
        assert_eq!(got("/usr/bin", usr), Some("/bin"));
        assert_eq!(got("/usr", usr), Some(""));
        assert_eq!(got("bin", usr), Some("bin"));
        assert_eq!(got("/usrlocal", usr), None);
        assert_eq!(got("/home/x", usr), None);
        assert_eq!(got("/bin", Some(OsStr::new("/"))), Some("/bin"));
        assert_eq!(got("/bin", None), Some("/bin"));
    }
}
