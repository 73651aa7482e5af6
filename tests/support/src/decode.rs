// SPDX-License-Identifier: BSD-2-Clause
//! Decodes a dump of one or more volumes into its maps, files and tree.

use std::collections::{BTreeMap, BTreeSet};

use crate::directory;
use crate::header::{BLOCK, Header, Kind};
use crate::listing::{ContentHash, Entry, Listing, Time};

/// Type bits of a mode.
pub const S_IFMT: u32 = 0o170_000;
/// A directory.
pub const S_IFDIR: u32 = 0o040_000;
/// A regular file.
pub const S_IFREG: u32 = 0o100_000;
/// A symbolic link.
pub const S_IFLNK: u32 = 0o120_000;
/// A character device.
pub const S_IFCHR: u32 = 0o020_000;
/// A block device.
pub const S_IFBLK: u32 = 0o060_000;

/// Data that stands in one piece, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Run {
    /// Offset in the file.
    pub at: u64,
    /// Offset in the joined stream.
    pub stream: usize,
    /// Length.
    pub len: usize,
}

/// One file of a dump.
#[derive(Clone, Debug, Default)]
pub struct File {
    /// `c_mode`.
    pub mode: u32,
    /// `c_uid`.
    pub uid: u32,
    /// `c_gid`.
    pub gid: u32,
    /// `c_size`, bytes.
    pub size: u64,
    /// `c_rdev`.
    pub rdev: u32,
    /// `c_file_flags`.
    pub flags: u32,
    /// `c_atime`, `c_atimensec`.
    pub atime: Time,
    /// `c_mtime`, `c_mtimensec`.
    pub mtime: Time,
    /// `c_birthtime`, `c_birthtimensec`.
    pub birthtime: Time,
    /// `c_extsize`, bytes.
    pub extsize: usize,
    /// The extended attributes, as they are on disk.
    pub ext: Vec<u8>,
    /// The data; what is between is a hole.
    pub runs: Vec<Run>,
    /// Tape blocks announced so far, holes included.
    pub announced: u64,
}

impl File {
    fn new(header: Header) -> File {
        let time = |s: &str, ns: &str| (header.i64(s), header.u32(ns).cast_signed());
        File {
            mode: header.u32("c_mode"),
            uid: header.u32("c_uid"),
            gid: header.u32("c_gid"),
            size: header.u64("c_size"),
            rdev: header.u32("c_rdev"),
            flags: header.u32("c_file_flags"),
            atime: time("c_atime", "c_atimensec"),
            mtime: time("c_mtime", "c_mtimensec"),
            birthtime: time("c_birthtime", "c_birthtimensec"),
            extsize: header.u32("c_extsize") as usize,
            ..File::default()
        }
    }

    /// The type bits of the mode.
    pub fn kind(&self) -> u32 {
        self.mode & S_IFMT
    }

    /// Tape blocks of data that the size asks for; attributes come after them.
    pub fn data_blocks(&self) -> u64 {
        match self.kind() {
            S_IFDIR | S_IFREG | S_IFLNK => self.size.div_ceil(BLOCK as u64),
            _ => 0,
        }
    }

    /// Where the data is, as (offset, length) in bytes, up to the tape block that holds the last byte.
    pub fn places(&self) -> Vec<(u64, u64)> {
        let mut out: Vec<(u64, u64)> = Vec::new();
        let limit = self.size.next_multiple_of(BLOCK as u64);
        for run in &self.runs {
            let len = limit.saturating_sub(run.at).min(run.len as u64);
            match out.last_mut() {
                Some(last) if last.0 + last.1 == run.at => last.1 += len,
                _ if len > 0 => out.push((run.at, len)),
                _ => {}
            }
        }
        out
    }

    /// Takes the blocks that one header announces; `at` is where they begin in `joined`.
    fn take(&mut self, header: Header, mut at: usize, joined: &[u8]) {
        for &entry in header.addrs() {
            let n = self.announced;
            self.announced += 1;
            let is_ext = n >= self.data_blocks() && self.extsize > 0;
            let room = self.extsize.saturating_sub(self.ext.len()).min(BLOCK);
            match (is_ext, entry) {
                (true, 0) => self.ext.resize(self.ext.len() + room, 0),
                (true, _) => self.ext.extend_from_slice(&joined[at..at + room]),
                (false, 0) => {}
                (false, _) => self.add_run(n * BLOCK as u64, at),
            }
            at += if entry == 0 { 0 } else { BLOCK };
        }
    }

    fn add_run(&mut self, at: u64, stream: usize) {
        match self.runs.last_mut() {
            Some(r) if r.at + r.len as u64 == at && r.stream + r.len == stream => r.len += BLOCK,
            _ => self.runs.push(Run { at, stream, len: BLOCK }),
        }
    }
}

/// Where a later volume begins.
#[derive(Clone, Debug)]
pub struct Break {
    /// Its `TS_TAPE` header.
    pub header: Vec<u8>,
    /// The tape block of the joined stream that follows the header.
    pub at: usize,
}

/// A whole dump.
#[derive(Debug, Default)]
pub struct Dump {
    /// All volumes, without the volume headers of the later ones.
    pub joined: Vec<u8>,
    /// Where the later volumes begin.
    pub breaks: Vec<Break>,
    /// Inodes in use (`TS_CLRI`); bit n-1 stands for inode n.
    pub clri: Vec<u8>,
    /// Inodes on this dump (`TS_BITS`).
    pub bits: Vec<u8>,
    /// The files, by inode.
    pub files: BTreeMap<u32, File>,
    /// Inodes in the order of the stream.
    pub order: Vec<u32>,
    /// `maxino`, from `TS_CLRI`.
    pub maxino: u64,
}

impl Dump {
    /// Decodes one volume.
    ///
    /// Errors: a line that names the tape block.
    pub fn one(stream: Vec<u8>) -> Result<Dump, String> {
        Dump::decode(&[stream])
    }

    /// Decodes the volumes of a dump, in order.
    ///
    /// Errors: a line that names the tape block: no header where one should be, or a stream cut short.
    pub fn decode(volumes: &[Vec<u8>]) -> Result<Dump, String> {
        let mut dump = Dump::join(volumes)?;
        let joined = std::mem::take(&mut dump.joined);
        let (mut n, mut current) = (0, 0);
        while n * BLOCK < joined.len() {
            let header = Header::parse(&joined[n * BLOCK..(n + 1) * BLOCK])
                .ok_or_else(|| format!("tape block {n} is not a header"))?;
            let data = (n + 1) * BLOCK..(n + 1 + header.follow()) * BLOCK;
            if data.end > joined.len() {
                return Err(format!("tape block {n} announces more than there is"));
            }
            n += 1 + header.follow();
            dump.take(header, data, &joined, &mut current)?;
        }
        dump.joined = joined;
        Ok(dump)
    }

    fn join(volumes: &[Vec<u8>]) -> Result<Dump, String> {
        let mut dump = Dump::default();
        for (n, volume) in volumes.iter().enumerate() {
            if !volume.len().is_multiple_of(BLOCK) || volume.is_empty() {
                return Err(format!("volume {}: {} bytes", n + 1, volume.len()));
            }
            let head = Header::parse(&volume[..BLOCK])
                .filter(|h| h.kind() == Kind::Tape)
                .ok_or_else(|| format!("volume {} does not begin with TS_TAPE", n + 1))?;
            if n == 0 {
                dump.joined.extend_from_slice(volume);
                continue;
            }
            let at = dump.joined.len() / BLOCK;
            dump.breaks.push(Break { header: head.bytes().to_vec(), at });
            dump.joined.extend_from_slice(&volume[BLOCK..]);
        }
        Ok(dump)
    }

    fn take(
        &mut self,
        header: Header,
        data: std::ops::Range<usize>,
        joined: &[u8],
        current: &mut u32,
    ) -> Result<(), String> {
        let ino = header.u32("c_inumber");
        match header.kind() {
            Kind::Tape | Kind::End => {}
            Kind::Clri => {
                self.maxino = u64::from(ino) + 1;
                self.clri = joined[data].to_vec();
            }
            Kind::Bits => self.bits = joined[data].to_vec(),
            Kind::Inode => {
                let mut file = File::new(header);
                file.take(header, data.start, joined);
                if self.files.insert(ino, file).is_some() {
                    return Err(format!("inode {ino} is there twice"));
                }
                self.order.push(ino);
                *current = ino;
            }
            Kind::Addr => {
                let file = self.files.get_mut(&ino).filter(|_| *current == ino);
                let file = file.ok_or_else(|| format!("TS_ADDR of inode {ino} out of place"))?;
                file.take(header, data.start, joined);
            }
        }
        Ok(())
    }

    /// The first header.
    ///
    /// Panics if the dump is empty.
    pub fn head(&self) -> Header<'_> {
        Header::parse(&self.joined[..BLOCK]).expect("decode() has seen it")
    }

    /// Whether `map` has the bit of an inode.
    pub fn has(map: &[u8], ino: u32) -> bool {
        let bit = (ino - 1) as usize;
        map.get(bit / 8).is_some_and(|b| b >> (bit % 8) & 1 == 1)
    }

    /// The inodes whose bits are set in `map`.
    pub fn inodes(map: &[u8]) -> Vec<u32> {
        let mut out = Vec::new();
        for (n, &byte) in (0_u32..).zip(map) {
            out.extend((0..8).filter(|bit| byte >> bit & 1 == 1).map(|bit| n * 8 + bit + 1));
        }
        out
    }

    /// A file's data as it is read: holes are zeros, and it ends at the size. For small files.
    pub fn content(&self, file: &File) -> Vec<u8> {
        let size = usize::try_from(file.size).expect("a file that fits into memory");
        let mut out = vec![0; size];
        for run in &file.runs {
            // A damaged size may be less than what is there.
            let at = size.min(usize::try_from(run.at).unwrap_or(usize::MAX));
            let len = run.len.min(size - at);
            out[at..at + len].copy_from_slice(&self.joined[run.stream..run.stream + len]);
        }
        out
    }

    /// The hash of a file's data up to its size.
    pub fn content_hash(&self, file: &File) -> u64 {
        let mut hash = ContentHash::default();
        for run in &file.runs {
            let len = file.size.saturating_sub(run.at).min(run.len as u64) as usize;
            hash.add(run.at, &self.joined[run.stream..run.stream + len]);
        }
        hash.finish()
    }

    /// The names of a directory and their inodes, `.` and `..` included.
    ///
    /// Errors: a line that names what is wrong with the directory.
    pub fn directory(&self, ino: u32) -> Result<Vec<(Vec<u8>, u32)>, String> {
        let file = self.files.get(&ino).ok_or_else(|| format!("inode {ino} is not on the dump"))?;
        if file.size > file.announced * BLOCK as u64 {
            return Err(format!(
                "inode {ino}: {} bytes of a directory in {} blocks",
                file.size, file.announced
            ));
        }
        directory::entries(&self.content(file)).map_err(|e| format!("inode {ino}: {e}"))
    }

    /// All paths from the root, with their inodes. Names of inodes that are not on the dump are left out: an
    /// increment has many, and an inode of an undefined type is never dumped.
    ///
    /// Errors: a damaged directory, a name twice, a directory with two names, so also directories in a ring.
    pub fn paths(&self) -> Result<BTreeMap<Vec<u8>, u32>, String> {
        let mut paths = BTreeMap::from([(Vec::new(), 2)]);
        let mut todo = vec![(Vec::new(), 2)];
        let mut seen = BTreeSet::new();
        while let Some((path, ino)) = todo.pop() {
            if !seen.insert(ino) {
                return Err(format!("inode {ino}: a directory with two names"));
            }
            for (name, child) in self.directory(ino)? {
                if name == b"." || name == b".." {
                    continue;
                }
                let Some(file) = self.files.get(&child) else {
                    continue;
                };
                let full = [path.as_slice(), b"/", &name].concat();
                if file.kind() == S_IFDIR {
                    todo.push((full.clone(), child));
                }
                if paths.insert(full, child).is_some() || paths.len() > 1_000_000 {
                    return Err(format!("inode {ino}: a name twice, or too many"));
                }
            }
        }
        Ok(paths)
    }

    /// What the tree of a full dump holds.
    ///
    /// Errors: as [`Dump::paths`].
    pub fn listing(&self) -> Result<Listing, String> {
        let paths = self.paths()?;
        let mut first = BTreeMap::new();
        for (path, ino) in &paths {
            first.entry(*ino).or_insert_with(|| path.clone());
        }
        let entry = |ino: &u32| self.entry(&self.files[ino], first[ino].clone());
        Ok(paths.iter().map(|(path, ino)| (path.clone(), entry(ino))).collect())
    }

    fn entry(&self, file: &File, same_as: Vec<u8>) -> Entry {
        let is_dir = file.kind() == S_IFDIR;
        let is_device = matches!(file.kind(), S_IFCHR | S_IFBLK);
        Entry {
            mode: file.mode,
            uid: file.uid,
            gid: file.gid,
            size: (!is_dir && !is_device).then_some(file.size),
            rdev: is_device.then_some(file.rdev),
            content: (!is_dir).then(|| self.content_hash(file)),
            same_as,
            atime: Some(file.atime),
            mtime: Some(file.mtime),
            birthtime: Some(file.birthtime),
            flags: Some(file.flags),
            ext: Some(file.ext.clone()),
            runs: (file.kind() == S_IFREG).then(|| file.places()),
        }
    }
}
