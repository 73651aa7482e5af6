// SPDX-License-Identifier: BSD-2-Clause
//! The state that is kept in the target between the levels of a chain, and while one is restored. Pure.
//!
//! A line that names the format; then numbers in little-endian order: version, phase, the dump that is taken or has been, the one that the
//! table is of, if any, and the table; last the BLAKE3 digest of all that. Texts and names have their length before them.

use std::fmt;
use std::io;

use crate::os::errno::strerror;
use crate::restore::table::Table;
use dumpstream::Identity;
use ufs::Ino;

/// Its file, in the target (`RESTORESYMTABLE`, sbin/restore).
pub const STATE: &[u8] = b"restoresymtable";

/// The file that it is written to before it gets its name.
pub const STATE_NEW: &[u8] = b"restoresymtable.new";

/// The directory for what is on its way to another name.
pub const STAGE: &[u8] = b"restoresymtable.d";

/// What it begins with.
const MAGIC: &[u8] = b"caprestore state\n";

/// The version of the format.
const VERSION: u32 = 1;

/// Bytes of a piece of it, at most.
const PIECE: usize = 256 << 10;

/// Bytes of the digest.
const DIGEST: usize = 32;

/// How far a dump has been taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    /// What has another name now is moved aside. The table is that of the dump before, up to [`Phase::Place`].
    Stage,
    /// What is no more is removed.
    Remove,
    /// Directories are made and moved to their places, and links are made.
    Place,
    /// Files are extracted. The table is that of this dump.
    Extract,
    /// All is done.
    Done,
}

const PHASES: [Phase; 5] = [Phase::Stage, Phase::Remove, Phase::Place, Phase::Extract, Phase::Done];

/// Which dump it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DumpId {
    /// `c_date`.
    pub date: i64,
    /// `c_ddate`.
    pub ddate: i64,
    /// `c_level`.
    pub level: i32,
    /// `c_filesys`.
    pub filesys: Vec<u8>,
    /// `c_dev`.
    pub dev: Vec<u8>,
    /// `c_host`.
    pub host: Vec<u8>,
}

impl DumpId {
    /// That of a header.
    pub fn of(identity: &Identity) -> DumpId {
        let Identity { date, ddate, level, filesys, dev, host, .. } = identity.clone();
        DumpId { date, ddate, level, filesys, dev, host }
    }

    /// Whether both are of the same file system, as far as their headers say.
    pub fn is_of_same(&self, other: &DumpId) -> bool {
        // The name of a disk can change, and so can that of its mount point.
        self.host == other.host && (self.filesys == other.filesys || self.dev == other.dev)
    }
}

/// The state.
#[derive(Clone, Debug)]
pub struct State {
    /// How far it is.
    pub phase: Phase,
    /// The dump that is taken, or that was taken last.
    pub dump: DumpId,
    /// The tree.
    pub table: Table,
}

/// Why bytes are no state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BadState {
    /// Another program has written it.
    Foreign,
    /// A later version has written it.
    Version(u32),
    /// It is damaged.
    Damaged,
    /// It cannot be read (errno).
    Unreadable(i32),
}

impl fmt::Display for BadState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            BadState::Foreign => f.write_str(
                "not written by caprestore; finish this chain with the program that began it, or restore level 0 again",
            ),
            BadState::Version(version) => write!(f, "of version {version}, which is not supported"),
            BadState::Damaged => f.write_str("damaged: its checksum is wrong"),
            BadState::Unreadable(errno) => f.write_str(&strerror(&io::Error::from_raw_os_error(*errno))),
        }
    }
}

/// Gives the bytes of the file that says how far a dump has been taken, piece by piece.
pub fn encode(phase: Phase, dump: &DumpId, table: &Table, give: impl FnMut(&[u8])) {
    let mut out = Out { piece: MAGIC.to_vec(), digest: blake3::Hasher::new(), give };
    out.word(VERSION);
    out.bytes(&[phase as u8]);
    let DumpId { date, ddate, level, filesys, dev, host } = dump;
    out.long(date.cast_unsigned());
    out.long(ddate.cast_unsigned());
    out.word(level.cast_unsigned());
    [filesys, dev, host].iter().for_each(|text| out.text(text));
    out.long(table.len() as u64 - 1);
    for number in 1..table.len() {
        let node = table.node(number);
        out.word(node.ino.0);
        out.word(table.parent(number) as u32);
        out.text(node.name);
    }
    out.long(table.leaves().count() as u64);
    for (ino, directory, name) in table.leaves() {
        out.word(ino.0);
        out.word(directory as u32);
        out.text(name);
    }
    out.end();
}

impl State {
    /// The state in a file.
    pub fn decode(bytes: &[u8]) -> Result<State, BadState> {
        let rest = bytes.strip_prefix(MAGIC).ok_or(BadState::Foreign)?;
        let mut input = In(rest);
        let version = input.word().ok_or(BadState::Damaged)?;
        if version != VERSION {
            return Err(BadState::Version(version));
        }
        let (body, digest) = bytes.split_last_chunk::<DIGEST>().ok_or(BadState::Damaged)?;
        if blake3::hash(body) != *digest {
            return Err(BadState::Damaged);
        }
        input.0 = &rest[4..rest.len() - DIGEST];
        input.state().filter(|_| input.0.is_empty()).ok_or(BadState::Damaged)
    }
}

/// Writes numbers and texts.
struct Out<F: FnMut(&[u8])> {
    piece: Vec<u8>,
    /// Of the pieces that have been given.
    digest: blake3::Hasher,
    give: F,
}

impl<F: FnMut(&[u8])> Out<F> {
    fn bytes(&mut self, bytes: &[u8]) {
        if self.piece.len() + bytes.len() > PIECE {
            self.flush();
        }
        self.piece.extend_from_slice(bytes);
    }

    fn flush(&mut self) {
        self.digest.update(&self.piece);
        (self.give)(&self.piece);
        self.piece.clear();
    }

    fn word(&mut self, value: u32) {
        self.bytes(&value.to_le_bytes());
    }

    fn long(&mut self, value: u64) {
        self.bytes(&value.to_le_bytes());
    }

    /// A text of at most 255 bytes.
    fn text(&mut self, text: &[u8]) {
        let text = &text[..text.len().min(255)];
        self.bytes(&[text.len() as u8]);
        self.bytes(text);
    }

    fn end(mut self) {
        self.flush();
        (self.give)(self.digest.finalize().as_bytes());
    }
}

/// Reads them back.
struct In<'a>(&'a [u8]);

impl<'a> In<'a> {
    fn part<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (part, rest) = self.0.split_first_chunk::<N>()?;
        self.0 = rest;
        Some(*part)
    }

    fn word(&mut self) -> Option<u32> {
        self.part().map(u32::from_le_bytes)
    }

    fn long(&mut self) -> Option<u64> {
        self.part().map(u64::from_le_bytes)
    }

    fn text(&mut self) -> Option<&'a [u8]> {
        let [length] = self.part()?;
        let (text, rest) = self.0.split_at_checked(length.into())?;
        self.0 = rest;
        Some(text)
    }

    fn state(&mut self) -> Option<State> {
        let [phase] = self.part()?;
        let phase = *PHASES.get(usize::from(phase))?;
        let (date, ddate) = (self.long()?.cast_signed(), self.long()?.cast_signed());
        let level = self.word()?.cast_signed();
        let mut text = || self.text().map(<[u8]>::to_vec);
        let dump = DumpId { date, ddate, level, filesys: text()?, dev: text()?, host: text()? };
        let mut table = Table::default();
        for _ in 0..self.long()? {
            let (ino, parent) = (Ino(self.word()?), self.word()? as usize);
            table.add_directory(ino, parent, self.text()?)?;
        }
        for _ in 0..self.long()? {
            let (ino, directory) = (Ino(self.word()?), self.word()? as usize);
            table.add_leaf(ino, directory, self.text()?).then_some(())?;
        }
        table.settle();
        Some(State { phase, dump, table })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state() -> State {
        let mut table = Table::default();
        let a = table.add_directory(Ino(3), 0, b"a").unwrap();
        table.add_leaf(Ino(7), a, b"f");
        table.add_leaf(Ino(7), 0, &[b'n'; 255]);
        table.settle();
        let (filesys, dev, host) = (b"/usr".to_vec(), b"/dev/da0".to_vec(), b"h".to_vec());
        let dump = DumpId { date: 1_700_000_000, ddate: 0, level: 1, filesys, dev, host };
        State { phase: Phase::Extract, dump, table }
    }

    impl State {
        fn encode(&self) -> Vec<u8> {
            let mut bytes = Vec::new();
            encode(self.phase, &self.dump, &self.table, |piece| bytes.extend_from_slice(piece));
            bytes
        }
    }

    #[test]
    fn a_state_comes_back() {
        let bytes = state().encode();
        let found = State::decode(&bytes).unwrap();
        assert_eq!((found.phase, &found.dump), (Phase::Extract, &state().dump));
        assert_eq!(found.table.len(), 2);
        assert_eq!(found.table.find(1, b"f"), Some(Ino(7)));
        assert_eq!(found.encode(), bytes);
        assert_eq!(PHASES.map(|phase| phase as usize), [0, 1, 2, 3, 4]);
    }

    #[test]
    fn any_change_is_found() {
        let bytes = state().encode();
        for at in 0..bytes.len() {
            let mut bad = bytes.clone();
            bad[at] ^= 1;
            assert!(State::decode(&bad).is_err(), "{at}");
            assert!(State::decode(&bytes[..at]).is_err(), "{at}");
        }
        assert_eq!(State::decode(b"\0\0\0table of another").unwrap_err(), BadState::Foreign);
    }

    #[test]
    fn the_same_file_system() {
        let one = state().dump;
        assert!(one.is_of_same(&DumpId { dev: b"/dev/da1".to_vec(), ..one.clone() }));
        assert!(one.is_of_same(&DumpId { filesys: b"/mnt".to_vec(), ..one.clone() }));
        assert!(!one.is_of_same(&DumpId { host: b"other".to_vec(), ..one.clone() }));
    }
}
