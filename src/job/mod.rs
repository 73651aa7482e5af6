// SPDX-License-Identifier: BSD-2-Clause
//! The job: the validated command line, and the estimate of tapes.

mod estimate;
mod inode_list;
mod names;
mod reading;
mod remote;

use std::ffi::OsString;
use std::path::PathBuf;

use crate::compress::{Form, Level};
use agefile::{NONCE, Recipient};
use dumpstream::TP_BSIZE;
pub use estimate::estimate;
pub use inode_list::{BadLine, inode_list};
pub use names::Names;
pub use reading::{Purpose, Reading, Sample};
pub use remote::{BadRemote, Remote};

/// A dump to be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Job {
    /// The level (`c_level`), 0 or more.
    pub level: i32,
    /// The disk or file system as the command line names it.
    pub operand: OsString,
    /// The partition of the disk that has the file system; none where the disk is the file system.
    pub partition: Option<String>,
    /// The copy of the superblock that is read in its place, in sectors of 512 bytes.
    pub superblock: Option<u64>,
    /// Where the volumes go.
    pub output: Output,
    /// Tape blocks (1024 bytes) in a record, 1 to 1000.
    pub ntrec: u32,
    /// When a volume is full.
    pub limit: Limit,
    /// The least level that leaves out files with the nodump flag, 0 to 10.
    pub honor_level: i32,
    /// Whether the dump is entered in the dumpdates file.
    pub update_dumpdates: bool,
    /// The dumpdates file.
    pub dumpdates: PathBuf,
    /// From when on changes are dumped.
    pub since: Since,
    /// 0; 1: `-r`, no dates of the dump; 2: `-R`, nor access and modification times. Level is 0 if not 0.
    pub rsync_friendly: u8,
    /// Stop after the estimate.
    pub estimate_only: bool,
    /// Then list what a dump would hold.
    pub list: Option<ListStyle>,
    /// Notify the operator group when the dump needs attention.
    pub notify: bool,
    /// Dump a snapshot of a mounted file system.
    pub snapshot: bool,
    /// Processes that read the disk, 1 to 16; see [`Job::workers`] if there is none.
    pub workers: Option<u8>,
    /// What the headers call the dump (`c_label`), at most [`MOST_LABEL`] bytes.
    pub label: OsString,
    /// The part of the file system that is dumped.
    pub selection: Selection,
    /// Read errors after which the operator is asked whether to go on; 0: never.
    pub max_read_errors: u32,
    /// Do not ask questions: abort the dump instead.
    pub batch: bool,
    /// The command that changes the medium between two volumes.
    pub volume_script: Option<OsString>,
    /// Seconds to wait for an autoloader to bring the next medium before the operator is asked.
    pub autoload: Option<u32>,
    /// Whether unreadable data counts for the exit status.
    pub strict: bool,
    /// How the operator is shown how far the dump is.
    pub progress: ProgressStyle,
    /// How hard volumes are compressed; on a tape only what is encrypted.
    pub compress: Option<Level>,
    /// To whom volumes are encrypted; then they are compressed, too.
    pub encrypt: Vec<Recipient>,
    /// Files with more of them.
    pub recipients_files: Vec<PathBuf>,
    /// Read each volume back when it is written; only with outputs that have names here.
    pub verify: bool,
    /// Where an index of the dump is written to.
    pub index: Option<PathBuf>,
    /// The key that signs the index.
    pub sign: Option<PathBuf>,
}

/// Most bytes of a label: the header's field has 16, the last of them NUL (`LBLSIZE`, protocols/dumprestore.h).
pub const MOST_LABEL: usize = 15;

/// Most workers unless the command line says otherwise, as dump has (`SLAVES`, sbin/dump/tape.c).
const WORKERS: usize = 3;
/// Fewest: while one waits for the disk or the medium, another goes on.
const FEWEST: usize = 2;
/// Fewest where the disk is read past the page cache.
const UNCACHED: usize = 4;
/// Most workers that compress: one for each processor, as far as `--workers` goes.
const MOST_COMPRESSING: usize = 16;

/// What of the file system is dumped. Paths are as on the command line.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selection {
    /// Files and directories, with all below them; empty: everything.
    pub paths: Vec<OsString>,
    /// Files and directories that are left out, with all below them.
    pub excluded: Vec<OsString>,
    /// The same by inode number.
    pub excluded_inodes: Vec<u32>,
    /// Files of inode numbers that are left out.
    pub exclude_files: Vec<PathBuf>,
}

/// What a listing is written as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ListStyle {
    /// For people.
    Text,
    /// Lines of JSON.
    Json,
}

/// How the operator is shown how far the dump is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ProgressStyle {
    /// A bar on a terminal that can move its cursor, else dump's lines.
    #[default]
    Fitting,
    /// Not at all.
    None,
    /// dump's lines.
    Plain,
    /// A bar.
    Bar,
    /// Lines of JSON on this descriptor, and nothing on standard error.
    Json(i32),
}

impl Job {
    /// Whether files with the nodump flag are left out at this level.
    pub fn honors_nodump(&self) -> bool {
        self.level >= self.honor_level
    }

    /// Processes that read the disk, where so many processors run them: as many, as far as that is sensible. With two processors a
    /// third worker has to wait for one whenever its turn comes, and the whole ring with it. Workers that compress are as many as
    /// processors, which they keep busy.
    /// Past the page cache they wait for the disk: there more are of use than there are processors.
    pub fn workers(&self, processors: usize, is_cached: bool) -> u8 {
        let fewest = if is_cached { FEWEST } else { UNCACHED };
        self.workers.unwrap_or(match self.compress {
            Some(_) => processors.clamp(fewest, MOST_COMPRESSING) as u8,
            None if !is_cached => UNCACHED as u8,
            None => processors.clamp(FEWEST, WORKERS) as u8,
        })
    }

    /// Whether volumes are encrypted.
    pub fn is_encrypted(&self) -> bool {
        !self.encrypt.is_empty() || !self.recipients_files.is_empty()
    }

    /// What chunks become on a medium.
    pub fn form(&self) -> Form {
        match (&self.encrypt[..], self.compress) {
            ([], None) => Form::Records,
            ([], Some(_)) => Form::Frames,
            (recipients, _) => Form::Sealed {
                head: (agefile::header_length(recipients.len()) + NONCE) as u64,
                record: u64::from(self.ntrec) * TP_BSIZE as u64,
            },
        }
    }

    /// Records that a volume takes; none for as many as its medium does, or where volumes have frames in place of records.
    pub fn record_limit(&self) -> Option<u64> {
        self.records().filter(|_| self.compress.is_none())
    }

    /// Bytes of frames that a volume takes; none for as many as its medium does, or where volumes have records.
    pub fn frame_limit(&self) -> Option<u64> {
        let records = self.compress.and(self.records())?;
        Some(records.saturating_mul(u64::from(self.ntrec) * TP_BSIZE as u64))
    }

    fn records(&self) -> Option<u64> {
        match (&self.output, self.limit) {
            (Output::Stdout, _) => None,
            (_, limit) => limit.records(self.ntrec),
        }
    }
}

/// Where the volumes go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Output {
    /// Standard output: one volume without end.
    Stdout,
    /// Files or devices, one after the other. Volumes after the last name go to that name again.
    Names(Names),
    /// A command of the shell for each volume, which reads the volume on its standard input.
    Command(OsString),
    /// A tape of another host.
    Remote(Remote),
}

impl Output {
    /// The output as messages name it: for a remote tape the part after the host.
    pub fn name(&self) -> OsString {
        match self {
            Output::Stdout => "standard output".into(),
            Output::Command(_) => "child pipeline process".into(),
            Output::Names(names) => names.joined(),
            Output::Remote(remote) => remote.names.joined(),
        }
    }

    /// The remote host as messages name it, with the user.
    pub fn host(&self) -> Option<OsString> {
        match self {
            Output::Remote(remote) => Some(remote.shown()),
            _ => None,
        }
    }

    /// The names of the volumes, if they have some.
    pub fn names(&self) -> Option<&Names> {
        match self {
            Output::Names(names) | Output::Remote(Remote { names, .. }) => Some(names),
            _ => None,
        }
    }
}

/// When a volume is full.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limit {
    /// At the end of the medium.
    Unlimited,
    /// After this many tape blocks, a whole number of records (`-B`).
    BlocksPerFile(u64),
    /// When the records would have used up the tape.
    Tape(Tape),
}

impl Limit {
    /// Records of `ntrec` tape blocks that a volume takes; none for as many as its medium does.
    pub fn records(self, ntrec: u32) -> Option<u64> {
        match self {
            Limit::Unlimited => None,
            Limit::BlocksPerFile(blocks) => Some(blocks / u64::from(ntrec)),
            // The tape is full with the record that takes it past its end.
            Limit::Tape(tape) => {
                Some(u64::try_from(tape.tsize / tape.tenths.max(1)).unwrap_or(0).saturating_add(1))
            }
        }
    }
}

/// A tape of known length. Lengths are in tenths of an inch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tape {
    /// Length of the tape. The volume is full when the records' lengths add up to more.
    pub tsize: i64,
    /// Bytes in a tenth of an inch.
    pub density: i32,
    /// Whether it is a cartridge tape.
    pub cartridge: bool,
    /// Length of one record and the gap after it.
    pub tenths: i64,
}

impl Tape {
    /// The length of one record of `ntrec` tape blocks and its gap (`alloctape`, sbin/dump/tape.c).
    pub(crate) fn new(tsize: i64, density: i32, cartridge: bool, ntrec: u32) -> Tape {
        let gap = match (cartridge, density) {
            (true, _) => 16,
            (false, 625) => 5,
            (false, _) => 8,
        };
        let bytes = i64::from(ntrec) * 1024;
        Tape { tsize, density, cartridge, tenths: bytes / i64::from(density.max(1)) + gap }
    }
}

/// From when on changes are dumped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Since {
    /// The newest dump of a lower level in the dumpdates file.
    Dumpdates,
    /// This date (`-T`), in seconds since 1970.
    Date(i64),
}
