// SPDX-License-Identifier: BSD-2-Clause
//! The messages of restore(8), word for word where it has them (FreeBSD's sbin/restore): programs and people know them. They have no prefix.

use std::ffi::OsStr;
use std::fmt;
use std::io::{self, Write};
use std::os::unix::ffi::OsStrExt;

use crate::operator::{FindingLine, Operator, Results};
use dumpstream::escape;

/// Text from a dump, escaped.
pub struct Shown<'a>(pub &'a [u8]);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&escape::name(OsStr::from_bytes(self.0)))
    }
}

/// A line on standard error, without its newline.
#[allow(missing_docs, reason = "the fields are what the line says of them")]
pub enum Restoring<'a> {
    /// Which dump it is.
    LevelOf { level: i32, filesys: &'a [u8], host: &'a [u8], dev: &'a [u8] },
    /// Its label.
    Label(&'a [u8]),
    /// The input could not be opened.
    CannotStart { name: &'a [u8], reason: &'a str },
    /// The input ends before its first byte, or cannot be read.
    TapeRead(&'a str),
    /// The input is too short for one record.
    BlockSize(u64),
    /// The input does not begin with a header.
    NotADump,
    /// The same of a further volume.
    NotDumpTape,
    /// The first volume is another one.
    NotVolumeOne,
    /// `TS_CLRI` is missing.
    NoRemovalList,
    /// Another volume than the one wanted.
    WrongVolume(u32),
    /// A volume of another dump: its date, the wanted one.
    WrongDate { got: &'a str, wanted: &'a str },
    /// The input is not a tape.
    SkipFiles(&'a str),
    /// Other dumps than the first one on a pipe.
    ManyOnPipe,
    /// A name that is not on the dump.
    NotOnTape(&'a [u8]),
    /// A file that should have come.
    NotFound(&'a [u8]),
    /// A directory or node that was there before, or could not be made or removed.
    Warning { path: &'a [u8], reason: &'a str },
    /// A file, FIFO or device could not be made: what it is.
    CannotCreate { path: &'a [u8], what: &'a str, reason: &'a str },
    /// A link could not be made: `symbolic` or `hard`, what it links to.
    CannotLink { kind: &'a str, path: &'a [u8], to: &'a [u8], reason: &'a str },
    /// A whiteout could not be created or deleted.
    CannotWhiteOut { act: &'a str, path: &'a [u8], reason: &'a str },
    /// Data could not be written.
    WriteError { ino: u32, path: &'a [u8], reason: &'a str },
    /// Something else of a file could not be set.
    CannotSet { path: &'a [u8], what: &'a str, reason: &'a str },
    /// `c_mode` has no type that is known.
    UnknownMode { path: &'a [u8], mode: u16 },
    /// Damage that was found.
    Finding(FindingLine<'a>),
    /// Something of our own, in one line.
    Note(fmt::Arguments<'a>),
}

impl fmt::Display for Restoring<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Restoring::LevelOf { level, filesys, host, dev } => {
                write!(f, "Level {level} dump of {} on {}:{}", Shown(filesys), Shown(host), Shown(dev))
            }
            Restoring::Label(label) => write!(f, "Label: {}", Shown(label)),
            Restoring::CannotStart { name, reason } => write!(f, "{}: {reason}", Shown(name)),
            Restoring::TapeRead(reason) => write!(f, "tape read error: {reason}"),
            Restoring::BlockSize(bytes) => {
                write!(f, "Tape block size ({bytes}) is not a multiple of dump block size (1024)")
            }
            Restoring::NotADump => f.write_str("Tape is not a dump tape"),
            Restoring::NotDumpTape => f.write_str("tape is not dump tape"),
            Restoring::NotVolumeOne => f.write_str("Tape is not volume 1 of the dump"),
            Restoring::NoRemovalList => f.write_str("Cannot find file removal list"),
            Restoring::WrongVolume(found) => write!(f, "Wrong volume ({found})"),
            Restoring::WrongDate { got, wanted } => {
                write!(f, "Wrong dump date\n\tgot: {got}\n\twanted: {wanted}")
            }
            Restoring::SkipFiles(reason) => write!(f, "ioctl MTFSF: {reason}"),
            Restoring::ManyOnPipe => f.write_str("Cannot have multiple dumps on pipe input"),
            Restoring::NotOnTape(path) => write!(f, "{} is not on the tape", Shown(path)),
            Restoring::NotFound(path) => write!(f, "{}: not found on tape", Shown(path)),
            Restoring::Warning { path, reason } => write!(f, "warning: {}: {reason}", Shown(path)),
            Restoring::CannotCreate { path, what, reason } => {
                write!(f, "{}: cannot create {what}: {reason}", Shown(path))
            }
            Restoring::CannotLink { kind, path, to, reason } => {
                write!(f, "warning: cannot create {kind} link {}->{}: {reason}", Shown(path), Shown(to))
            }
            Restoring::CannotWhiteOut { act, path, reason } => {
                write!(f, "warning: cannot {act} whiteout {}: {reason}", Shown(path))
            }
            Restoring::WriteError { ino, path, reason } => {
                write!(f, "write error extracting inode {ino}, name {}\nwrite: {reason}", Shown(path))
            }
            Restoring::CannotSet { path, what, reason } => {
                write!(f, "{}: cannot set {what}: {reason}", Shown(path))
            }
            Restoring::UnknownMode { path, mode } => {
                write!(f, "{}: unknown file mode 0{mode:o}", Shown(path))
            }
            Restoring::Finding(line) => line.fmt(f),
            Restoring::Note(text) => text.fmt(f),
        }
    }
}

impl Restoring<'_> {
    /// The path of what has failed, if that is what the line says.
    pub fn failed(&self) -> Option<&[u8]> {
        match self {
            Restoring::NotOnTape(path) | Restoring::NotFound(path) => Some(path),
            Restoring::CannotCreate { path, .. }
            | Restoring::CannotLink { path, .. }
            | Restoring::WriteError { path, .. }
            | Restoring::CannotSet { path, .. }
            | Restoring::UnknownMode { path, .. } => Some(path),
            Restoring::Finding(FindingLine { path: Some(path), finding, .. })
                if finding.fault.is_damage() =>
            {
                Some(path)
            }
            _ => None,
        }
    }
}

impl Operator {
    /// Prints a line of restore's.
    pub fn tell(&mut self, message: &Restoring<'_>) {
        let text = message.to_string();
        let lines: Vec<_> = text.split('\n').map(tabbed).collect();
        self.print(&format!("{}\n", lines.join("\n")));
    }
}

/// A line that is escaped but for a tab at its start.
fn tabbed(text: &str) -> String {
    match text.strip_prefix('\t') {
        Some(rest) => format!("\t{}", escape::line(rest)),
        None => escape::line(text).into_owned(),
    }
}

/// Results on standard output: the listing, and what `-v` reports.
pub struct Lines {
    out: io::BufWriter<Box<dyn Write>>,
    /// Lines of JSON, in the place of others.
    results: Option<Results>,
    /// Why no more can be written.
    broken: Option<io::Error>,
}

impl Lines {
    /// Lines that go to `out`.
    pub fn new(out: Box<dyn Write>) -> Lines {
        Lines { out: io::BufWriter::with_capacity(1 << 16, out), results: None, broken: None }
    }

    /// Lines of JSON.
    pub fn json(results: Results) -> Lines {
        Lines { results: Some(results), ..Lines::new(Box::new(io::sink())) }
    }

    /// Writes a line of JSON, if that is wanted.
    pub fn write(&mut self, write: impl FnOnce(&mut Results) -> io::Result<()>) {
        if let Some(results) = self.results.as_mut().filter(|_| self.broken.is_none()) {
            self.broken = write(results).err();
        }
    }

    /// Writes the contents of a file.
    pub fn bytes(&mut self, bytes: &[u8]) {
        if self.broken.is_none() {
            self.broken = self.out.write_all(bytes).err();
        }
    }

    /// Writes so many zeros.
    pub fn zeros(&mut self, mut count: u64) {
        let zeros = [0; 4096];
        while count > 0 && self.broken.is_none() {
            let part = count.min(zeros.len() as u64);
            self.bytes(&zeros[..part as usize]);
            count -= part;
        }
    }

    /// Prints a line, as it is; names in it are [`Shown`].
    pub fn line(&mut self, text: fmt::Arguments<'_>) {
        if self.broken.is_none() {
            self.broken = writeln!(self.out, "{text}").err();
        }
    }

    /// A file of `-t`; `kind` is what `-v` puts before it.
    pub fn listed(&mut self, kind: &str, ino: u32, path: &[u8]) {
        if self.broken.is_none() {
            let name = escape::escape(path);
            let head = write!(self.out, "{kind}{ino:10}\t");
            self.broken = head.and_then(|()| self.out.write_all(&name)).err();
            self.broken = self.broken.take().or_else(|| self.out.write_all(b"\n").err());
        }
    }

    /// Writes what is held. To be called before a question.
    pub fn flush(&mut self) {
        if self.broken.is_none() {
            self.broken = self.out.flush().err();
        }
        self.write(Results::flush);
    }

    /// Why lines were lost.
    pub fn broken(&self) -> Option<&io::Error> {
        self.broken.as_ref()
    }
}
