// SPDX-License-Identifier: BSD-2-Clause
//! A dump within one process: the four passes over an image in memory, to volumes in memory.
//!
//! What the planner does between its processes is done here in its order; a disk that has gone bad ends it as an operator's
//! "no" would. Shared by the tests and by the fuzz targets (fuzz/).

use std::cell::Cell;
use std::fmt;
use std::rc::Rc;

use capdump::internals::Indexing;
use capdump::internals::{Chunk, Ended, Filler, Limit, Shape, What};
use capdump::internals::{Criteria, Maps, MarkDirs, MarkFiles, Notice, Stream, passes};
use dumpstream::RecordType;
use dumpstream::TP_BSIZE;
use dumpstream::decode;
use dumpstream::{Encoder, Identity};
use ufs::{self, FileSystem, FileType, ReadAt, ReadError, Superblock};
use ufs::{ByteOffset, Ino};

/// Reads that may fail before the operator is asked (`BREADEMAX`, sbin/dump/traverse.c); here the answer is no.
const MOST_FAULTS: u32 = 32;

/// An image as a disk: what is past its end is zeros, as the planner has it.
pub struct Memory<'a> {
    bytes: &'a [u8],
    faults: Cell<u32>,
    /// Until the superblock is known a read that fails is an error.
    forgiving: Cell<bool>,
}

impl<'a> Memory<'a> {
    /// The image.
    pub fn new(bytes: &'a [u8]) -> Memory<'a> {
        Memory { bytes, faults: Cell::new(0), forgiving: Cell::new(false) }
    }
}

impl ReadAt for Memory<'_> {
    fn read_at(&self, offset: ByteOffset, buf: &mut [u8]) -> Result<(), ReadError> {
        if self.try_read_at(offset, buf) {
            return Ok(());
        }
        let start = usize::try_from(offset.0).unwrap_or(usize::MAX);
        let there = self.bytes.get(start..).unwrap_or_default();
        let length = there.len().min(buf.len());
        buf[..length].copy_from_slice(&there[..length]);
        buf[length..].fill(0);
        self.faults.set(self.faults.get() + 1);
        if !self.forgiving.get() || self.faults.get() > MOST_FAULTS {
            return Err(ReadError { offset, reason: "the image ends".to_owned() });
        }
        Ok(())
    }

    fn try_read_at(&self, offset: ByteOffset, buf: &mut [u8]) -> bool {
        self.bytes.read_at(offset, buf).is_ok()
    }
}

/// What is asked of a dump.
#[derive(Clone, Debug)]
pub struct Options {
    /// Seconds since 1970; none for a full dump.
    pub since: Option<i64>,
    /// Whether the flag nodump counts.
    pub honor_nodump: bool,
    /// `-R`.
    pub no_access_time: bool,
    /// Tape blocks of a record.
    pub ntrec: u32,
    /// What a volume takes.
    pub limit: Limit,
    /// Records after which a chunk meets the end of its medium, one for each time that happens.
    pub ends: Vec<u32>,
    /// Tape blocks after which it is given up: a file may be mostly holes.
    pub most_blocks: u64,
    /// What stands in a chunk's memory before it is filled.
    pub poison: u8,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            since: None,
            honor_nodump: false,
            no_access_time: false,
            ntrec: 10,
            limit: Limit::Unlimited,
            ends: Vec::new(),
            most_blocks: u64::MAX,
            poison: 0,
        }
    }
}

/// A dump that came to its end, or to [`Options::most_blocks`].
#[derive(Debug, Default)]
pub struct Dumped {
    /// The volumes.
    pub volumes: Vec<Vec<u8>>,
    /// What the operator would have been told.
    pub notices: Vec<Notice>,
    /// Whether it came to its end.
    pub whole: bool,
    /// Inodes of the map that are of no type that can be dumped.
    pub may_miss: Vec<u32>,
}

/// Why there is no dump.
#[derive(Debug)]
pub enum Refused {
    /// The superblock (exit code 1).
    Superblock(ufs::Error),
    /// A pass (exit code 3).
    Pass(passes::Error),
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Refused::Superblock(error) => error.fmt(f),
            Refused::Pass(error) => error.fmt(f),
        }
    }
}

impl From<passes::Error> for Refused {
    fn from(error: passes::Error) -> Refused {
        Refused::Pass(error)
    }
}

/// Dumps `image`.
///
/// Errors: what the operator would be told before the exit code 1 or 3.
pub fn dump(image: &[u8], options: &Options) -> Result<Dumped, Refused> {
    let disk = Memory::new(image);
    let (sb, warnings) = Superblock::find(&disk).map_err(Refused::Superblock)?;
    disk.forgiving.set(true);
    let mut fs = FileSystem::with_superblock(sb, disk);
    fs.settle_directories().map_err(Refused::Superblock)?;
    let mut dumped =
        Dumped { notices: warnings.into_iter().map(Notice::Warning).collect(), ..Dumped::default() };
    let maps = map(&fs, options, &mut dumped.notices)?;
    dumped.may_miss = not_dumped(&fs, &maps);
    let stream = Stream::new(Rc::new(maps), fs.superblock().max_inodes(), options.no_access_time);
    let stream = stream.with_losses(dumped.notices.iter().any(|notice| notice.loss().is_some()));
    write(&fs, options, stream, &mut dumped)?;
    Ok(dumped)
}

/// Passes I and II.
fn map(
    fs: &FileSystem<Memory<'_>>,
    options: &Options,
    notices: &mut Vec<Notice>,
) -> Result<Maps, passes::Error> {
    let since = options.since.unwrap_or(i64::MIN);
    let criteria = Criteria { since, honor_nodump: options.honor_nodump };
    let mut notify = |notice| notices.push(notice);
    let mut files = MarkFiles::new(fs.superblock(), criteria);
    while files.step(fs, &mut notify)? {}
    let MarkFiles { mut maps, mut tape_blocks, directory_skipped, .. } = files;
    if directory_skipped {
        let mut dirs = MarkDirs::new(criteria);
        while dirs.step(fs, &mut maps, &mut tape_blocks, &mut notify)? {}
    }
    Ok(maps)
}

/// Inodes of the map that pass III and IV leave out.
fn not_dumped(fs: &FileSystem<Memory<'_>>, maps: &Maps) -> Vec<u32> {
    let left_out = |ino: &Ino| match fs.inode(*ino) {
        Ok(inode) => {
            matches!(inode.file_type(), FileType::Free | FileType::Whiteout | FileType::Undefined(_))
        }
        Err(_) => true,
    };
    maps.dump.iter().filter(left_out).map(|ino| ino.0).collect()
}

fn identity(options: &Options) -> Identity {
    Identity {
        label: b"none".to_vec(),
        level: i32::from(options.since.is_some()),
        filesys: b"an unlisted file system".to_vec(),
        dev: b"image".to_vec(),
        host: b"host".to_vec(),
        date: 1_750_000_000,
        ddate: options.since.unwrap_or(0),
    }
}

/// Passes III and IV.
fn write(
    fs: &FileSystem<Memory<'_>>,
    options: &Options,
    stream: Stream,
    dumped: &mut Dumped,
) -> Result<(), passes::Error> {
    let ntrec = options.ntrec;
    let shape =
        Shape { record_blocks: ntrec, chunk_blocks: (64 / ntrec).max(1) * ntrec, limit: options.limit };
    let mut filler = Filler::new(Encoder::new(&identity(options)), shape, stream);
    let mut buffer = vec![0; shape.chunk_blocks as usize * TP_BSIZE];
    let mut ends = options.ends.iter();
    let mut indexing = Indexing::new(0);
    let (mut blocks, mut ended) = (0, Ended::Volume);
    while ended != Ended::Dump && blocks < options.most_blocks {
        if ended == Ended::Volume {
            filler.begin_volume();
            indexing.begin_volume();
            dumped.volumes.push(Vec::new());
        }
        let mut chunk = Chunk::default();
        buffer.fill(options.poison);
        ended = filler.fill(fs, &mut buffer, &mut chunk)?;
        assert_eq!(u64::from(chunk.padding()), filler.padding(), "of the chunk, of the dump");
        read_data(fs, &chunk, &mut buffer)?;
        let records = chunk.blocks / ntrec;
        let mut taken = chunk.blocks;
        if let Some(room) = ends.next().filter(|&&room| room < records) {
            // A medium that takes no record at all is refused by the planner.
            let fresh = dumped.volumes.last().is_some_and(Vec::is_empty);
            taken = (*room).max(u32::from(fresh)) * ntrec;
        }
        indexing.wrote(&chunk, taken, &buffer, None);
        if taken < chunk.blocks {
            filler.give_back(chunk.leftovers(&buffer, taken));
            ended = Ended::Volume;
        } else {
            dumped.notices.extend(chunk.notices.into_iter().map(|(_, notice)| notice));
        }
        if let Some(volume) = dumped.volumes.last_mut() {
            volume.extend_from_slice(&buffer[..taken as usize * TP_BSIZE]);
        }
        blocks += u64::from(taken);
    }
    dumped.whole = ended == Ended::Dump;
    check_index(&indexing, &dumped.volumes);
    Ok(())
}

/// The index of a dump, whatever names and inodes are on it: each line leads to a header of its inode.
///
/// Panics if not.
fn check_index(indexing: &Indexing, volumes: &[Vec<u8>]) {
    let mut walk = indexing.walk();
    while let Some(line) = walk.next_line() {
        let (volume, block) = (line.volume as usize - 1, line.offset as usize / TP_BSIZE);
        let header = decode(&volumes[volume].as_chunks::<TP_BSIZE>().0[block]).expect("a header");
        assert_eq!((header.header.kind, header.header.inumber), (RecordType::Inode, line.ino), "{line:?}");
    }
}

/// What a worker does: reads the data of a chunk.
fn read_data(fs: &FileSystem<Memory<'_>>, chunk: &Chunk, buffer: &mut [u8]) -> Result<(), passes::Error> {
    for piece in &chunk.pieces {
        if let What::Disk(offset) = piece.what {
            let start = piece.at as usize * TP_BSIZE;
            let room = &mut buffer[start..start + piece.blocks as usize * TP_BSIZE];
            fs.disk().read_at(offset, room).map_err(passes::Error::Read)?;
        }
    }
    Ok(())
}
