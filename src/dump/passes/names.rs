// SPDX-License-Identifier: BSD-2-Clause
//! Names: the blocks and entries of a directory, and the resolution of paths.

use std::fmt;
use std::ops::ControlFlow;

use crate::dump::passes::{Error, Notice, sound};
use ufs::Buffer;
use ufs::{BlockMap, Dinode, DirEntry, FileSystem, FileType, ReadAt, dir_entries};
use ufs::{FileBlock, Ino};

/// Why a path names nothing. The text is as much of the path as was looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PathFault {
    /// A directory has no such entry.
    Missing(Vec<u8>),
    /// Something in the middle of the path is not a directory. Symbolic links are not followed.
    NotDirectory(Vec<u8>),
    /// `..` leads out of the root.
    Outside(Vec<u8>),
}

impl fmt::Display for PathFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (what, path) = match self {
            PathFault::Missing(path) => ("is not in the file system", path),
            PathFault::NotDirectory(path) => ("is not a directory of the file system", path),
            PathFault::Outside(path) => ("leads out of the file system", path),
        };
        write!(f, "{} {what}", String::from_utf8_lossy(path))
    }
}

/// Why nothing was found.
#[derive(Debug)]
pub enum NotFound {
    /// The path names nothing.
    Path(PathFault),
    /// The disk cannot be read.
    Pass(Error),
}

impl From<PathFault> for NotFound {
    fn from(fault: PathFault) -> NotFound {
        NotFound::Path(fault)
    }
}

impl From<Error> for NotFound {
    fn from(error: Error) -> NotFound {
        NotFound::Pass(error)
    }
}

/// Follows `path` from the root: the inodes on the way, the root first, what is named last.
///
/// Errors: the path names nothing, or the disk cannot be read.
pub fn find<R: ReadAt>(
    fs: &FileSystem<R>,
    path: &[u8],
    notify: &mut dyn FnMut(Notice),
) -> Result<Vec<Ino>, NotFound> {
    let mut way = vec![Ino::ROOT];
    let mut block = Buffer::default();
    // Where the part of the path that is done with ends, and where the next name begins.
    let (mut done, mut end) = (0, 0);
    for name in path.split(|&byte| byte == b'/') {
        end += name.len();
        let so_far = path.get(..end).unwrap_or(path).to_vec();
        end += 1;
        let before = path.get(..done).unwrap_or_default();
        done = so_far.len();
        match name {
            b"" | b"." => continue,
            b".." if way.len() == 1 => return Err(PathFault::Outside(so_far).into()),
            b".." => {
                way.pop();
                continue;
            }
            _ => {}
        }
        let directory = way.last().copied().unwrap_or(Ino::ROOT);
        let mut found = None;
        let is_directory = each_entry(fs, directory, &mut block, notify, &mut |entry| {
            if entry.name == name && u64::from(entry.ino.0) < fs.superblock().max_inodes() {
                found = Some(entry.ino);
                return ControlFlow::Break(());
            }
            ControlFlow::Continue(())
        })?;
        match found {
            Some(ino) => way.push(ino),
            None if is_directory => return Err(PathFault::Missing(so_far).into()),
            None => return Err(PathFault::NotDirectory(before.to_vec()).into()),
        }
    }
    Ok(way)
}

/// Gives each entry of a directory to `visit`, but not `.` and `..`, until that breaks off. False: it is not a directory.
///
/// Damage to the directory is reported. Errors: the disk cannot be read.
pub(super) fn each_entry<R: ReadAt>(
    fs: &FileSystem<R>,
    directory: Ino,
    block: &mut Buffer,
    notify: &mut dyn FnMut(Notice),
    visit: &mut dyn FnMut(&DirEntry<'_>) -> ControlFlow<()>,
) -> Result<bool, Error> {
    let sb = fs.superblock();
    let inode = sound(fs.inode(directory), notify)?;
    let Some(inode) = inode.filter(|inode| inode.file_type() == FileType::Dir) else { return Ok(false) };
    each_block(fs, directory, &inode, block, notify, &mut |bytes, notify| {
        for entry in dir_entries(bytes, sb.order, sb.old_directories) {
            match entry {
                Ok(entry) if entry.is_dot() => {}
                Ok(entry) if visit(&entry).is_break() => return Ok(ControlFlow::Break(())),
                Ok(_) => {}
                Err(_) => {
                    notify(Notice::CorruptDirectory(directory));
                    break;
                }
            }
        }
        Ok(ControlFlow::Continue(()))
    })?;
    Ok(true)
}

/// What is done with the used bytes of a block of a directory; a break leaves the others unread.
pub(super) type Visit<'v> = dyn FnMut(&[u8], &mut dyn FnMut(Notice)) -> Result<ControlFlow<()>, Error> + 'v;

/// Calls `visit` for each block of a directory. Invalid addresses are reported.
///
/// Errors: the disk cannot be read, and those of `visit`.
pub(super) fn each_block<R: ReadAt>(
    fs: &FileSystem<R>,
    directory: Ino,
    inode: &Dinode,
    block: &mut Buffer,
    notify: &mut dyn FnMut(Notice),
    visit: &mut Visit<'_>,
) -> Result<(), Error> {
    let sb = fs.superblock();
    fs.disk().reading(directory);
    let size = match inode.size(sb) {
        Ok(size) => size,
        Err(error) => {
            notify(Notice::Damaged(error));
            return Ok(());
        }
    };
    let bsize = u64::from(sb.bsize);
    let mut map = BlockMap::new(inode, size);
    while let Some(mut segment) = map.next(fs).map_err(Error::Read)? {
        if let Some(fault) = segment.fault.take() {
            notify(Notice::Damaged(fault));
        }
        for (at, &address) in
            (segment.first.0..).zip(segment.addresses()).filter(|&(_, &address)| address != 0)
        {
            let frags = sb.frags_of(sb.block_size(size, FileBlock(at)));
            let addr = match sb.check_data(directory, FileBlock(at), address, frags) {
                Ok(addr) => addr,
                Err(error) => {
                    notify(Notice::Damaged(error));
                    continue;
                }
            };
            let used = size.bytes().saturating_sub(at * bsize).min(bsize) as usize;
            // Whole fragments are read, as they stand on the disk; a disk need not read less.
            block.set_length(used.next_multiple_of(sb.fsize as usize));
            fs.disk().read_at(sb.offset_of(addr), block).map_err(Error::Read)?;
            block.set_length(used);
            if visit(block, notify)?.is_break() {
                return Ok(());
            }
        }
    }
    Ok(())
}
