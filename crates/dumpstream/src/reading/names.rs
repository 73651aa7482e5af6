// SPDX-License-Identifier: BSD-2-Clause
//! The names of a dump's directories, kept to find the paths of an inode.

use crate::store::Store;
use ufs::Ino;

/// Most bytes of names, with 2 more for each: offsets have 32 bits.
pub const MOST_BYTES: u64 = 1 << 32;

/// Maximum length of a reported path in bytes: leading components are omitted.
const MOST_PATH: usize = 1 << 16;

/// No directory.
const NONE: u32 = u32::MAX;

/// A directory of the dump.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Directory {
    /// Its inode.
    pub ino: Ino,
    /// `c_mode`.
    pub mode: u16,
    /// `c_uid`.
    pub uid: u32,
    /// `c_gid`.
    pub gid: u32,
    /// `c_size` in bytes.
    pub size: u64,
    /// `c_mtime`, seconds since 1970.
    pub mtime: i64,
    /// Whether it is the root or below it; known when the names are closed.
    pub reachable: bool,
    /// Where its entries begin.
    start: u32,
    /// The directory that its name is in, by its number here.
    parent: u32,
    /// Its name's offset.
    name: u32,
}

impl Directory {
    /// A directory whose entries will follow.
    pub fn new(ino: Ino, mode: u16, owner: (u32, u32), size: u64, mtime: i64) -> Directory {
        let (uid, gid) = owner;
        Directory { ino, mode, uid, gid, size, mtime, reachable: false, start: 0, parent: NONE, name: 0 }
    }
}

/// Names, first filled directory by directory, then closed, then asked.
#[derive(Debug, Default)]
pub struct Names {
    /// Before each name its `d_type`.
    names: Store<1>,
    /// Inode in the upper half, offset of the name in the lower one; sorted when closed.
    index: Vec<u64>,
    /// In the order of the dump, which is that of `start`.
    directories: Vec<Directory>,
    closed: bool,
    /// The path of the directory that was requested last.
    cached: Option<(u32, Vec<u8>)>,
}

impl Names {
    /// The next directory; its entries follow.
    pub fn directory(&mut self, mut directory: Directory) {
        directory.start = u32::try_from(self.names.end()).unwrap_or(u32::MAX);
        self.directories.push(directory);
    }

    /// An entry of the last directory, with its `d_type`; `.` and `..` are not for here. False: there is no room left, or the name is
    /// too long.
    pub fn entry(&mut self, ino: Ino, kind: u8, name: &[u8]) -> bool {
        if self.index.try_reserve(1).is_err() {
            return false;
        }
        let place = self.names.push([kind], name, MOST_BYTES);
        let Some(offset) = place.and_then(|place| u32::try_from(place).ok()) else { return false };
        self.index.push(u64::from(ino.0) << 32 | u64::from(offset));
        true
    }

    /// All directories have been read. Paths can be requested from now on.
    pub fn close(&mut self) {
        self.index.sort_unstable();
        self.index.shrink_to_fit();
        self.closed = true;
        for at in 0..self.directories.len() {
            let ino = self.directories[at].ino;
            let found = self.entries(ino).next();
            if let (Some(offset), false) = (found, ino == Ino::ROOT) {
                self.directories[at].parent = self.holder(offset).unwrap_or(NONE);
                self.directories[at].name = offset;
            }
        }
        self.mark_reachable();
    }

    /// Walks up from each directory until something is known, and marks the way. A ring is never below the root.
    fn mark_reachable(&mut self) {
        let mut known = vec![false; self.directories.len()];
        let mut way = Vec::new();
        for from in 0..self.directories.len() {
            let mut at = from;
            let reachable = loop {
                if known[at] {
                    // A directory that is on this very way is not reachable yet: a ring.
                    break self.directories[at].reachable;
                }
                known[at] = true;
                way.push(at);
                let directory = &self.directories[at];
                match usize::try_from(directory.parent) {
                    _ if directory.ino == Ino::ROOT => break true,
                    Ok(parent) if directory.parent != NONE => at = parent,
                    _ => break false,
                }
            };
            way.drain(..).for_each(|at| self.directories[at].reachable = reachable);
        }
    }

    /// Whether paths can be requested.
    pub fn is_closed(&self) -> bool {
        self.closed
    }

    /// The directories, in the order of the dump.
    pub fn directories(&self) -> &[Directory] {
        &self.directories
    }

    /// All that is named, once for each name: inode and offset, by inode.
    pub fn all(&self) -> impl Iterator<Item = (Ino, u32)> + '_ {
        self.index.iter().map(|&entry| split(entry))
    }

    /// The first inode that has a name and is not below `from`; none before the names are closed.
    pub fn next_named(&self, from: Ino) -> Option<Ino> {
        if !self.closed {
            return None;
        }
        let first = self.index.partition_point(|&entry| split(entry).0 < from);
        self.index.get(first).map(|&entry| split(entry).0)
    }

    /// The names of an inode, by their offsets.
    pub fn entries(&self, ino: Ino) -> impl Iterator<Item = u32> + use<'_> {
        let first = self.index.partition_point(|&entry| split(entry).0 < ino);
        self.index[first..].iter().map(|&entry| split(entry)).take_while(move |e| e.0 == ino).map(|e| e.1)
    }

    /// `d_type` and name of an entry.
    pub fn at(&self, offset: u32) -> (u8, &[u8]) {
        self.names.at(offset.into()).map_or((0, &[]), |([kind], name)| (kind, name))
    }

    /// The number among [`Names::directories`] of the directory that an entry is in.
    pub fn holder_number(&self, offset: u32) -> Option<usize> {
        self.holder(offset).map(|holder| holder as usize)
    }

    /// The number of the directory above a directory, when the names are closed.
    pub fn above(&self, number: usize) -> Option<usize> {
        let parent = self.directories.get(number)?.parent;
        (parent != NONE).then_some(parent as usize)
    }

    /// The directory that an entry is in.
    fn holder(&self, offset: u32) -> Option<u32> {
        let after = self.directories.partition_point(|directory| directory.start <= offset);
        u32::try_from(after.checked_sub(1)?).ok()
    }

    /// The inode of the directory that an entry is in.
    pub fn parent(&self, offset: u32) -> Option<Ino> {
        Some(self.directories.get(self.holder(offset)? as usize)?.ino)
    }

    /// The path of an entry, `./` in front; none when its directory is not below the root, or before the names are closed.
    pub fn path(&mut self, offset: u32) -> Option<Vec<u8>> {
        let holder = self.holder(offset).filter(|_| self.closed)?;
        if !self.directories.get(holder as usize)?.reachable {
            return None;
        }
        if self.cached.as_ref().is_none_or(|cached| cached.0 != holder) {
            self.cached = Some((holder, self.climb(holder)));
        }
        let (above, name) = (&self.cached.as_ref()?.1, self.at(offset).1);
        Some([above.as_slice(), b"/", name].concat())
    }

    /// The path of the first name of an inode; `.` is the root's.
    pub fn path_of(&mut self, ino: Ino) -> Option<Vec<u8>> {
        if ino == Ino::ROOT {
            return Some(b".".to_vec());
        }
        let offsets: Vec<u32> = self.entries(ino).take(8).collect();
        offsets.into_iter().find_map(|offset| self.path(offset))
    }

    fn climb(&self, from: u32) -> Vec<u8> {
        let mut parts: Vec<&[u8]> = Vec::new();
        let (mut at, mut length) = (from, 1);
        while let Some(directory) = self.directories.get(at as usize)
            && directory.ino != Ino::ROOT
        {
            let name = self.at(directory.name).1;
            length += name.len() + 1;
            if length > MOST_PATH {
                parts.push(b"...");
                break;
            }
            parts.push(name);
            at = directory.parent;
        }
        parts.push(b".");
        parts.reverse();
        parts.join(&b'/')
    }
}

fn split(entry: u64) -> (Ino, u32) {
    (Ino((entry >> 32) as u32), entry as u32)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn directory(ino: u32) -> Directory {
        Directory::new(Ino(ino), 0o40755, (0, 0), 512, 0)
    }

    fn text(path: Option<Vec<u8>>) -> String {
        String::from_utf8(path.unwrap_or_default()).unwrap()
    }

    #[test]
    fn paths_of_a_tree() {
        let mut names = Names::default();
        names.directory(directory(2));
        assert!(names.entry(Ino(3), 4, b"a") && names.entry(Ino(9), 8, b"file"));
        names.directory(directory(3));
        assert!(names.entry(Ino(4), 4, b"b") && names.entry(Ino(9), 8, b"link"));
        names.directory(directory(4));
        assert!(names.entry(Ino(10), 8, b"deep"));
        assert_eq!(names.path_of(Ino(9)), None, "before the names are closed");
        names.close();
        assert_eq!(text(names.path_of(Ino(10))), "./a/b/deep");
        assert_eq!(text(names.path_of(Ino(4))), "./a/b");
        assert_eq!(text(names.path_of(Ino::ROOT)), ".");
        let both: Vec<u32> = names.entries(Ino(9)).collect();
        let paths: Vec<String> = both.into_iter().map(|at| text(names.path(at))).collect();
        assert_eq!(paths, ["./file", "./a/link"]);
        assert_eq!(names.path_of(Ino(11)), None);
    }

    #[test]
    fn rings_and_orphans_have_no_path() {
        let mut names = Names::default();
        names.directory(directory(2));
        names.directory(directory(5));
        assert!(names.entry(Ino(6), 4, b"down"));
        names.directory(directory(6));
        assert!(names.entry(Ino(5), 4, b"up") && names.entry(Ino(20), 8, b"lost"));
        names.directory(directory(7));
        assert!(names.entry(Ino(21), 8, b"orphaned"));
        names.close();
        for ino in [5, 6, 20, 21] {
            assert_eq!(names.path_of(Ino(ino)), None, "{ino}");
        }
        assert_eq!(names.directories().iter().filter(|d| d.reachable).count(), 1);
    }

    #[test]
    #[cfg_attr(miri, ignore = "megabytes of names, each byte of them interpreted")]
    fn names_fill_many_pieces() {
        let mut names = Names::default();
        names.directory(directory(2));
        let long = [b'n'; 251];
        for ino in 3..20_003_u32 {
            let name = [long.as_slice(), &ino.to_le_bytes()].concat();
            assert!(names.entry(Ino(ino), 8, &name));
        }
        names.close();
        assert!(names.names.end() > 4 << 20);
        for ino in [3, 4096, 4097, 20_002] {
            let path = names.path_of(Ino(ino)).unwrap();
            assert!(path.starts_with(b"./nnn") && path.ends_with(&ino.to_le_bytes()), "{ino}");
        }
    }
}
