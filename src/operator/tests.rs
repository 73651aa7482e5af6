// SPDX-License-Identifier: BSD-2-Clause
//! Tests of the exact wording of messages.

use std::cell::RefCell;
use std::ffi::OsStr;
use std::rc::Rc;

use crate::operator::*;

/// A standard error that keeps each write.
#[derive(Clone, Default)]
struct Sink(Rc<RefCell<Vec<String>>>);

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.borrow_mut().push(String::from_utf8_lossy(bytes).into_owned());
        Ok(bytes.len())
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A standard error that is closed.
struct Closed;

impl Write for Closed {
    fn write(&mut self, _: &[u8]) -> io::Result<usize> {
        Err(io::ErrorKind::BrokenPipe.into())
    }
    fn flush(&mut self) -> io::Result<()> {
        Err(io::ErrorKind::BrokenPipe.into())
    }
}

fn operator() -> (Operator, Sink) {
    let sink = Sink::default();
    (Operator::new("dump".into(), Box::new(sink.clone())), sink)
}

const DISK: &str = "/dev/da0";
const REASON: &str = "Device not configured";
const DATE: Option<&str> = Some("Tue Nov 14 22:13:20 2023");

/// Says the messages and compares each with what is to be written, which is one line in one write.
fn check<L: Line>(messages: impl IntoIterator<Item = (L, &'static str)>) {
    let (mut operator, sink) = operator();
    for (message, want) in messages {
        operator.say(message);
        let said = std::mem::take(&mut *sink.0.borrow_mut());
        assert_eq!(said, [format!("  DUMP: {want}\n")]);
    }
}

#[test]
fn the_course_of_a_dump() {
    use Message::*;
    let disk = OsStr::new(DISK);
    let out = OsStr::new("out");
    let percent = &State::Percent { percent: 9.5, seconds: 3661, date: "then".into() };
    check([
        (DateOfThis { level: 0, date: DATE }, "Date of this level 0 dump: Tue Nov 14 22:13:20 2023"),
        (DateOfThis { level: 0, date: None }, "Date of this level 0 dump: the epoch"),
        (DateOfLast { level: Some(1), date: None }, "Date of last level 1 dump: the epoch"),
        (
            DateOfLast { level: None, date: DATE },
            "Date of last (level unknown) dump: Tue Nov 14 22:13:20 2023",
        ),
        (
            Dumping { snapshot: false, disk, mount_point: None, output: out, host: None },
            "Dumping /dev/da0 to out",
        ),
        (
            Dumping {
                snapshot: true,
                disk,
                mount_point: Some(OsStr::new("/usr")),
                output: out,
                host: Some(OsStr::new("far")),
            },
            "Dumping snapshot of /dev/da0 (/usr) to out on host far",
        ),
        (MappingFiles, "mapping (Pass I) [regular files]"),
        (MappingDirectories, "mapping (Pass II) [directories]"),
        (Estimated { blocks: 3878, tapes: None }, "estimated 3878 tape blocks."),
        (Estimated { blocks: 3904, tapes: Some(5.525_714) }, "estimated 3904 tape blocks on 5.53 tape(s)."),
        (DumpingDirectories, "dumping (Pass III) [directories]"),
        (DumpingFiles, "dumping (Pass IV) [regular files]"),
        (Progress(percent), "9.50% done, finished in 1:01 at then"),
        (Progress(&State::Soon), "99.99% done, finished soon"),
        (Written { blocks: 25, volumes: None }, "DUMP: 25 tape blocks"),
        (Written { blocks: 25, volumes: Some(1) }, "DUMP: 25 tape blocks on 1 volume"),
        (Written { blocks: 3895, volumes: Some(6) }, "DUMP: 3895 tape blocks on 6 volumes"),
        (Finished { seconds: 0, blocks: 9 }, "finished in less than a second"),
        (Finished { seconds: -5, blocks: 9 }, "finished in less than a second"),
        (Finished { seconds: 7, blocks: 1000 }, "finished in 7 seconds, throughput 142 KBytes/sec"),
        (Recorded { level: 2, date: DATE }, "level 2 dump on Tue Nov 14 22:13:20 2023"),
        (Closing(out), "Closing out"),
        (Done, "DUMP IS DONE"),
    ]);
}

#[test]
fn volumes_and_outputs() {
    use MediaMessage::*;
    let out = OsStr::new("out");
    check([
        (DumpingVolume { volume: 2, output: out }, "Dumping volume 2 on out"),
        (VolumeBegins { volume: 2, inode: 22 }, "Volume 2 begins with blocks from inode 22"),
        (EndOfTape, "End of tape detected"),
        (ChangeVolumes { volume: 2 }, "Change Volumes: Mount volume #2"),
        (WriteErrorInVolume { blocks: 640, volume: 1 }, "write error 640 blocks into volume 1"),
        (ClosingVolume, "Closing this volume.  Prepare to restart with new media;"),
        (WillBeRewritten, "this dump volume will be rewritten."),
        (WriteErrorOn(OsStr::new("standard output")), "write error on standard output"),
        (CannotRecover, "Cannot recover"),
        (CannotOpenOutput(out), "Cannot open output \"out\"."),
        (CannotOpenPipeline(OsStr::new("cat")), "Cannot open output pipeline \"cat\"."),
        (EotAtStart, "EOT detected at start of the tape!"),
    ]);
}

#[test]
fn early_ends() {
    use StopMessage::*;
    check([
        (Aborted, "The ENTIRE dump is aborted."),
        (Interrupted, "Interrupt received."),
        (BrokenPipe, "Broken pipe"),
        (NoTty { reason: REASON }, "fopen on /dev/tty fails: Device not configured"),
        (
            NotAsked(Question::VolumeReady),
            "Is the new volume mounted and ready to go? (--batch: not asked, taken as \"no\")",
        ),
        (
            NotAskedWithoutTty(Question::Abort),
            "Do you want to abort? (no terminal: not asked, taken as \"yes\")",
        ),
        (ExcessiveQueries, "excessive operator query failures"),
    ]);
}

#[test]
fn disk_troubles() {
    use DiskMessage::*;
    let disk = OsStr::new(DISK);
    check([
        (
            ReadError { disk, reason: REASON, block: 4896, count: 8192 },
            "read error from /dev/da0: Device not configured: [block 4896]: count=8192",
        ),
        (
            ShortReadError { disk, block: 4896, count: 8192, got: 512 },
            "short read error from /dev/da0: [block 4896]: count=8192, got=512",
        ),
        (
            SectorReadError { disk, reason: REASON, sector: 4897, count: 512 },
            "read error from /dev/da0: Device not configured: [sector 4897]: count=512",
        ),
        (
            SectorShortRead { disk, sector: 4897, count: 512, got: 0 },
            "short read from /dev/da0: [sector 4897]: count=512, got=0",
        ),
        (TooManyReadErrors { disk, most: 32 }, "More than 32 block read errors from /dev/da0"),
        (Unrecoverable, "This is an unrecoverable error."),
        (CorruptedDirectory { inode: 5 }, "corrupted directory, inumber 5"),
        (CorruptedEntry { inode: 900, maxino: 512 }, "corrupted directory entry, d_ino 900 >= 512"),
        (UndefinedType { mode: 0o160_000 }, "Warning: undefined file type 0160000"),
    ]);
}

#[test]
fn files_and_snapshot() {
    use FilesMessage::*;
    let too_long = crate::dumpdates::DumpdatesError::NameTooLong(DISK.into());
    let path = OsStr::new("/etc/dumpdates");
    check([
        (
            CannotOpenFstab { path: OsStr::new("/etc/fstab"), reason: REASON },
            "Can't open /etc/fstab for dump table information: Device not configured",
        ),
        (NoDumpdates { path }, "WARNING: no file `/etc/dumpdates', making an empty one"),
        (
            CannotReadDumpdates { path, reason: REASON },
            "WARNING: cannot read /etc/dumpdates: Device not configured",
        ),
        (
            CannotCreateDumpdates { path, reason: REASON },
            "WARNING: cannot create /etc/dumpdates: Device not configured",
        ),
        (
            CannotRewriteDumpdates { path, reason: REASON },
            "cannot rewrite /etc/dumpdates: Device not configured",
        ),
        (UnknownFormat { path, line: 7 }, "Unknown intermediate format in /etc/dumpdates, line 7"),
        (CannotRecord(&too_long), "Name '/dev/da0' exceeds DUMPFMTLEN (53) bytes"),
        (SnapshotOfReadOnly, "WARNING: -L ignored for read-only filesystem."),
        (ShouldUseSnapshot, "WARNING: should use -L when dumping live read-write filesystems!"),
        (NoSnapDirectory(OsStr::new("/usr/.snap")), "WARNING: -L requested but snapshot location /usr/.snap"),
        (SnapshotDowngraded, "         is not a directory: dump downgraded, -L ignored"),
        (SnapshotOfUnmounted, "WARNING: Cannot use -L on an unmounted filesystem."),
    ]);
}

#[test]
fn amanda_finds_the_sizes() {
    let (mut operator, sink) = operator();
    operator.say(Message::Estimated { blocks: 20, tapes: None });
    operator.say(Message::Written { blocks: 25, volumes: None });
    let said = sink.0.borrow().concat();
    assert_eq!(said, "  DUMP: estimated 20 tape blocks.\n  DUMP: DUMP: 25 tape blocks\n");
}

#[test]
fn refusals_carry_the_programs_name() {
    let (mut operator, sink) = operator();
    let (name, reason) = (OsStr::new(DISK), "No such file or directory");
    operator.refuse(Refusal::CannotOpen { name, reason });
    operator.refuse(Refusal::CannotStat { name, reason });
    operator.refuse(Refusal::CannotCreate { name, reason });
    operator.refuse(Refusal::UnknownFileSystem(name));
    operator.refuse(Refusal::NoSuperblock { reason });
    operator.refuse(Refusal::BadSuperblock { reason });
    operator.refuse(Refusal::LargerThanProvider { name, size: 1_048_576, media: 524_288 });
    operator.connected("far");
    let want = [
        "dump: Cannot open /dev/da0: No such file or directory\n",
        "dump: /dev/da0: stat: No such file or directory\n",
        "dump: Cannot create /dev/da0: No such file or directory\n",
        "dump: /dev/da0: unknown file system\n",
        "dump: Cannot find file system superblock: No such file or directory\n",
        "dump: Unable to read file system superblock: No such file or directory\n",
        "dump: /dev/da0: the file system has 1048576 bytes, its provider only 524288\n",
        "Connection to far established.\n",
    ];
    assert_eq!(*sink.0.borrow(), want);
}

#[test]
fn broadcasts_repeat_the_last_message() {
    let (mut operator, _) = operator();
    let head = "\x07\x07\x07Message from the dump program to all operators\n\n\
                DUMP: NEEDS ATTENTION: ";
    assert_eq!(operator.broadcast(Attention::Question), head);
    operator.say(MediaMessage::ChangeVolumes { volume: 2 });
    let last = "Change Volumes: Mount volume #2\n";
    for (attention, tail) in [
        (Attention::Question, ""),
        (Attention::WriteError, "DUMP WRITE ERROR!\n"),
        (Attention::ChangeVolumes, "CHANGE DUMP VOLUMES!\x07\x07\n"),
        (Attention::Ailing, "DUMP IS AILING!\n"),
        (Attention::Done, "DUMP IS DONE!\x07\x07\n"),
    ] {
        assert_eq!(operator.broadcast(attention), format!("{head}{last}{tail}"));
    }
    // Questions and bells are not messages.
    operator.print("\x07\x07");
    assert!(operator.broadcast(Attention::Question).ends_with(last));
}

#[test]
fn a_closed_standard_error_does_no_harm() {
    let mut operator = Operator::new("dump".into(), Box::new(Closed));
    operator.say(MediaMessage::ChangeVolumes { volume: 3 });
    operator.refuse(Refusal::UnknownFileSystem(OsStr::new(DISK)));
    assert!(operator.broadcast(Attention::Question).ends_with("Mount volume #3\n"));
}
