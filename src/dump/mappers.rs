// SPDX-License-Identifier: BSD-2-Clause
//! Pass I in several processes: each maps a share of the cylinder groups, the planner the first.
//!
//! A mapper reports nothing. A group in which it finds anything to report is mapped again by the planner, in its turn, so that messages and
//! their order do not depend on the number of processes; and so is the share of a mapper that did not complete.

use std::cell::Cell;
use std::io;
use std::ops::Range;

use crate::disk::Disk;
use crate::dump::passes::{Criteria, Error, MarkFiles, Notice};
use crate::event::{Child, Event, EventQueue, ExitStatus};
use crate::os::arena::Arena;
use crate::os::process::Orphan;
use crate::os::spawn::spawn;
use crate::sandbox;
use crate::sandbox::{DescriptorKind, Role};
use dumpstream::InodeMap;
use std::os::fd::AsFd;
use ufs::{ByteOffset, FileSystem, Ino, ReadAt, ReadError, Superblock};

/// Inodes of a share: with fewer, a process costs more than it saves.
const LEAST_INODES: u64 = 1 << 17;

/// Keys of their ends in the planner's queue.
const MAPPERS: u64 = 0x300;

/// Bytes in front of a result: the tape blocks, and whether pass II is needed.
const HEAD: usize = 16;

/// What a group of a result is.
const SOUND: u8 = 1;

/// Shares begin on a page.
const ALIGNMENT: usize = 1 << 16;

/// The mappers at work.
pub struct Mappers {
    arena: Arena,
    shares: Vec<Share>,
    children: Vec<Child>,
    running: usize,
}

/// Some groups, and where what was found in them stands in the arena.
#[derive(Clone)]
struct Share {
    groups: Range<u32>,
    words: Range<usize>,
    place: Range<usize>,
    completed: bool,
}

impl Share {
    fn new(sb: &Superblock, groups: Range<u32>, start: usize) -> Share {
        let (word, _) = InodeMap::place_of(Ino(groups.start.saturating_mul(sb.ipg).max(1)));
        let (last, _) = InodeMap::place_of(Ino(groups.end.saturating_mul(sb.ipg).saturating_sub(1).max(1)));
        let words = word..last + 1;
        let length = HEAD + (groups.len().next_multiple_of(8)) + 3 * 8 * words.len();
        let place = start..start + length;
        Share { groups, words, place, completed: false }
    }
}

impl Mappers {
    /// Forks mappers of `disk` for all groups but those that it gives, which are the planner's. None if they would not pay.
    ///
    /// Errors: those of mmap(2) and fork(2).
    pub fn start(
        sb: &Superblock,
        disk: &Disk<'_>,
        criteria: Criteria,
        processes: u32,
        queue: &mut EventQueue,
    ) -> io::Result<Option<(Range<u32>, Mappers)>> {
        let most = u32::try_from(sb.max_inodes() / LEAST_INODES).unwrap_or(u32::MAX);
        let processes = processes.min(most).min(sb.ncg);
        // Past the cache the disk is waited for, and one process has enough reads under way.
        if processes < 2 || disk.uncached.is_some() {
            return Ok(None);
        }
        let mut shares = Vec::new();
        let mut start = 0_usize;
        for index in 1..processes {
            let from = |index: u32| (u64::from(sb.ncg) * u64::from(index) / u64::from(processes)) as u32;
            let share = Share::new(sb, from(index)..from(index + 1), start);
            start = share.place.end.next_multiple_of(ALIGNMENT);
            shares.push(share);
        }
        let ours = 0..shares.first().map_or(sb.ncg, |share| share.groups.start);
        let mut mappers = Mappers { arena: Arena::new(start)?, shares, children: Vec::new(), running: 0 };
        for index in 0..mappers.shares.len() {
            let share = mappers.shares[index].clone();
            let arena = &mut mappers.arena;
            let child = spawn(&[disk.fd], Orphan::Dies, || {
                let entered = sandbox::enter(Role::Worker);
                let mapped = entered.is_ok() && map(sb, disk, criteria, &share, arena).is_ok();
                i32::from(!mapped)
            })?;
            sandbox::limit(child.as_fd(), DescriptorKind::ProcessDescriptor).map_err(io::Error::other)?;
            queue.add_child(&child, MAPPERS + index as u64)?;
            mappers.children.push(child);
            mappers.running += 1;
        }
        Ok(Some((ours, mappers)))
    }

    /// Takes note of an event of the planner's queue.
    pub fn take(&mut self, event: &Event) {
        if let Event::ChildExited { key, status } = event
            && let Some(index) = key.checked_sub(MAPPERS)
            && let Some(share) = self.shares.get_mut(index as usize)
        {
            share.completed = *status == ExitStatus::Exited(0);
            self.running -= 1;
        }
    }

    /// Whether all have ended.
    pub fn have_ended(&self) -> bool {
        self.running == 0
    }

    /// Puts what was found into `files`. Gives the groups that are to be mapped again.
    pub fn merge(&self, files: &mut MarkFiles) -> Vec<Range<u32>> {
        let mut again = Vec::new();
        for share in &self.shares {
            if !share.completed {
                again.push(share.groups.clone());
                continue;
            }
            let bytes = self.arena.slice(share.place.clone());
            let (head, rest) = bytes.split_at(HEAD);
            let (groups, maps) = rest.split_at(share.groups.len().next_multiple_of(8));
            let (numbers, _) = head.as_chunks::<8>();
            files.tape_blocks = files.tape_blocks.saturating_add(i64::from_ne_bytes(numbers[0]));
            files.directory_skipped |= numbers[1] != [0; 8];
            let mut words = maps.as_chunks::<8>().0.iter().map(|bytes| u64::from_ne_bytes(*bytes));
            for map in [&mut files.maps.used, &mut files.maps.dirs, &mut files.maps.dump] {
                share.words.clone().zip(&mut words).for_each(|(word, bits)| map.insert_word(word, bits));
            }
            let unsound = share.groups.clone().zip(groups).filter(|&(_, &state)| state != SOUND);
            again.extend(unsound.map(|(group, _)| group..group + 1));
        }
        again
    }
}

impl Drop for Mappers {
    fn drop(&mut self) {
        for child in &self.children {
            // One that has ended already is as good.
            let _ = child.kill();
        }
    }
}

/// Maps a share, in a process of its own.
///
/// Errors: the disk cannot be read at all, or a group is damaged where its map of inodes is needed.
fn map(
    sb: &Superblock,
    disk: &Disk<'_>,
    criteria: Criteria,
    share: &Share,
    arena: &mut Arena,
) -> Result<(), Error> {
    let fs = FileSystem::with_superblock(sb.clone(), Quiet { disk, failed: Cell::new(false) });
    let mut files = MarkFiles::new(sb, criteria);
    let result = arena.slice_mut(share.place.clone());
    let (head, rest) = result.split_at_mut(HEAD);
    let (groups, maps) = rest.split_at_mut(share.groups.len().next_multiple_of(8));
    files.share(share.groups.clone());
    for state in &mut groups[..share.groups.len()] {
        let (blocks, hashes) = (files.tape_blocks, files.wrong_hashes());
        let mut sound = true;
        files.map_next(&fs, &mut |_: Notice| sound = false)?;
        sound &= !fs.disk().failed.take() && files.wrong_hashes() == hashes;
        // What it found stays in the maps: it will be found again.
        match sound {
            true => *state = SOUND,
            false => files.tape_blocks = blocks,
        }
    }
    head[..8].copy_from_slice(&files.tape_blocks.to_ne_bytes());
    head[8..].copy_from_slice(&u64::from(files.directory_skipped).to_ne_bytes());
    let words = [&files.maps.used, &files.maps.dirs, &files.maps.dump]
        .map(|map| map.words().get(share.words.clone()).unwrap_or_default());
    for (bytes, word) in maps.as_chunks_mut::<8>().0.iter_mut().zip(words.into_iter().flatten()) {
        *bytes = word.to_ne_bytes();
    }
    Ok(())
}

/// A disk that takes note of what cannot be read, and reports nothing.
struct Quiet<'a> {
    disk: &'a Disk<'a>,
    failed: Cell<bool>,
}

impl ReadAt for Quiet<'_> {
    fn read_at(&self, offset: ByteOffset, buf: &mut [u8]) -> Result<(), ReadError> {
        if !self.disk.read_whole(offset, buf) {
            self.failed.set(true);
            buf.fill(0);
        }
        Ok(())
    }

    fn try_read_at(&self, offset: ByteOffset, buf: &mut [u8]) -> bool {
        self.disk.read_whole(offset, buf)
    }
}
