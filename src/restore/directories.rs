// SPDX-License-Identifier: BSD-2-Clause
//! The writer's directories: the reader's numbers for them, and a few that are open.
//!
//! A directory is opened name by name from the target or from one that is open, and never through a symbolic link. Once it has been open,
//! it must be the same one when it is opened again.

use std::collections::HashMap;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use crate::os::disk::identity;
use crate::os::tree;
use crate::restore::wire::{DirectoryId, TARGET};

/// Directories that are open at once.
const OPEN: usize = 200;

/// A directory that has a number.
struct Directory {
    parent: DirectoryId,
    name: Vec<u8>,
    /// File system and inode, once it has been open.
    identity: Option<(u64, u64)>,
    /// Whether what is made in it gets an ACL from it, once that has been asked.
    bequeaths: Option<bool>,
}

/// All directories.
pub struct Directories {
    target: OwnedFd,
    target_bequeaths: bool,
    known: HashMap<DirectoryId, Directory>,
    /// Open ones, with when they were used last.
    open: HashMap<DirectoryId, (OwnedFd, u64)>,
    used: u64,
}

/// Whether it can be a name: one component.
pub fn is_name(name: &[u8]) -> bool {
    !matches!(name, b"" | b"." | b"..")
        && name.len() <= 255
        && !name.iter().any(|&byte| matches!(byte, 0 | b'/'))
}

/// The error for what no reader of ours sends.
pub fn refused() -> io::Error {
    io::Error::from_raw_os_error(libc::EINVAL)
}

impl Directories {
    /// With the target only.
    pub fn new(target: OwnedFd) -> Directories {
        let target_bequeaths = tree::bequeaths(target.as_fd());
        Directories { target, target_bequeaths, known: HashMap::new(), open: HashMap::new(), used: 0 }
    }

    /// The target.
    pub fn target(&self) -> BorrowedFd<'_> {
        self.target.as_fd()
    }

    /// Gives a directory a number. Its parent has one already, so that there is a way from the target.
    ///
    /// Errors: the number is taken, the parent has none, or the name is none.
    pub fn add(&mut self, id: DirectoryId, parent: DirectoryId, name: &[u8]) -> io::Result<()> {
        let has_parent = parent == TARGET || self.known.contains_key(&parent);
        if id == TARGET || !has_parent || !is_name(name) || self.known.contains_key(&id) {
            return Err(refused());
        }
        self.known.insert(id, Directory { parent, name: name.to_vec(), identity: None, bequeaths: None });
        Ok(())
    }

    /// A directory has another parent and name now.
    ///
    /// Errors: one of them has no number, the name is none, or it would be below itself.
    pub fn moved(&mut self, id: DirectoryId, parent: DirectoryId, name: &[u8]) -> io::Result<()> {
        if !is_name(name) {
            return Err(refused());
        }
        // Below itself there would be no way from the target.
        let mut at = parent;
        while at != TARGET {
            if at == id {
                return Err(refused());
            }
            at = self.known.get(&at).ok_or_else(refused)?.parent;
        }
        let directory = self.known.get_mut(&id).ok_or_else(refused)?;
        (directory.parent, directory.name) = (parent, name.to_vec());
        Ok(())
    }

    /// The directory, open.
    ///
    /// Errors: those of openat(2); `ESTALE` when another one has its name now.
    pub fn get(&mut self, id: DirectoryId) -> io::Result<BorrowedFd<'_>> {
        if id == TARGET {
            return Ok(self.target.as_fd());
        }
        self.used += 1;
        if !self.open.contains_key(&id) {
            self.open(id)?;
        }
        let open = self.open.get_mut(&id).ok_or_else(refused)?;
        open.1 = self.used;
        Ok(open.0.as_fd())
    }

    /// Whether what is made in a directory gets an ACL from it, or has.
    pub fn bequeaths(&mut self, id: DirectoryId) -> bool {
        if id == TARGET {
            return self.target_bequeaths;
        }
        if let Some(known) = self.known.get(&id).and_then(|directory| directory.bequeaths) {
            return known;
        }
        // If that cannot be found out, it may.
        let Ok(found) = self.get(id).map(tree::bequeaths) else { return true };
        if let Some(directory) = self.known.get_mut(&id) {
            directory.bequeaths = Some(found);
        }
        found
    }

    /// Whether a directory got an ACL from the one above it, if it was made here.
    pub fn was_bequeathed(&mut self, id: DirectoryId) -> bool {
        let parent = self.known.get(&id).map(|directory| directory.parent);
        parent.is_some_and(|parent| self.bequeaths(parent))
    }

    /// A directory has other attributes now.
    pub fn changed(&mut self, id: DirectoryId) {
        if !self.bequeaths(id) {
            let found = self.get(id).map_or(true, tree::bequeaths);
            match self.known.get_mut(&id) {
                Some(directory) => directory.bequeaths = Some(found),
                None => self.target_bequeaths |= found,
            }
        }
    }

    /// Opens a directory from the nearest one above it that is open.
    fn open(&mut self, id: DirectoryId) -> io::Result<()> {
        let mut way = vec![id];
        let mut at = self.known.get(&id).ok_or_else(refused)?.parent;
        while at != TARGET && !self.open.contains_key(&at) {
            way.push(at);
            at = self.known.get(&at).ok_or_else(refused)?.parent;
        }
        for id in way.into_iter().rev() {
            if self.open.len() >= OPEN {
                self.close_oldest(at);
            }
            let directory = self.known.get_mut(&id).ok_or_else(refused)?;
            let above = match self.open.get(&at) {
                Some((fd, _)) => fd.as_fd(),
                None => self.target.as_fd(),
            };
            let fd = tree::open_below(above, &directory.name)?;
            let found = identity(fd.as_fd())?;
            if *directory.identity.get_or_insert(found) != found {
                return Err(io::Error::from_raw_os_error(libc::ESTALE));
            }
            self.open.insert(id, (fd, self.used));
            at = id;
        }
        Ok(())
    }

    /// Closes the half that was not used for longest, but `keep`.
    fn close_oldest(&mut self, keep: DirectoryId) {
        let mut times: Vec<u64> = self.open.values().map(|(_, used)| *used).collect();
        times.sort_unstable();
        let middle = times[times.len() / 2];
        // Those of one way down have the same time.
        let mut left = OPEN / 2;
        self.open.retain(|&id, (_, used)| {
            let stays = id == keep || *used > middle || (*used == middle && left > OPEN / 4);
            left = left.saturating_sub(usize::from(stays));
            stays
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::PathBuf;

    struct Folder(PathBuf);

    impl Folder {
        fn new(name: &str) -> Folder {
            let path = std::env::temp_dir().join(format!("capdump-{name}-{}", std::process::id()));
            std::fs::create_dir_all(&path).unwrap();
            Folder(path)
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            _ = std::fs::remove_dir_all(&self.0);
        }
    }

    #[test]
    fn names_are_single_components() {
        for bad in [&b""[..], b".", b"..", b"a/b", b"/", b"a\0", &[b'x'; 256]] {
            assert!(!is_name(bad), "{bad:?}");
        }
        assert!(is_name(b"...") && is_name(&[b'x'; 255]) && is_name(b"\xff\n"));
    }

    #[test]
    fn many_directories_are_opened_again() {
        let folder = Folder::new("directories");
        let mut path = folder.0.clone();
        let mut directories = Directories::new(tree::open_directory(&folder.0).unwrap());
        for id in 1..=400 {
            path.push("d");
            std::fs::create_dir(&path).unwrap();
            directories.add(id, id - 1, b"d").unwrap();
        }
        for id in (1..=400).rev().chain(1..=400) {
            let inode = identity(directories.get(id).unwrap()).unwrap().1;
            assert!(inode > 0 && directories.open.len() <= OPEN + 1, "{}", directories.open.len());
        }
    }

    #[test]
    fn links_and_other_directories_are_refused() {
        let folder = Folder::new("links");
        let (real, link) = (folder.0.join("real"), folder.0.join("link"));
        std::fs::create_dir(&real).unwrap();
        std::os::unix::fs::symlink("real", &link).unwrap();
        let mut directories = Directories::new(tree::open_directory(&folder.0).unwrap());
        directories.add(1, TARGET, b"link").unwrap();
        directories.add(2, TARGET, b"real").unwrap();
        assert!(directories.get(1).is_err());
        directories.get(2).unwrap();
        directories.open.clear();
        std::fs::rename(&real, folder.0.join("aside")).unwrap();
        std::fs::create_dir(&real).unwrap();
        assert_eq!(directories.get(2).unwrap_err().raw_os_error(), Some(libc::ESTALE));
        for (id, parent, name) in [(0, 0, "x"), (2, 0, "x"), (3, 9, "x"), (3, 0, "..")] {
            assert!(directories.add(id, parent, name.as_bytes()).is_err());
        }
        directories.add(3, 2, b"below").unwrap();
        assert!(directories.moved(2, 3, b"round").is_err());
        assert!(directories.moved(3, TARGET, b"../out").is_err() && directories.moved(3, 2, b"..").is_err());
    }
}
