// SPDX-License-Identifier: BSD-2-Clause
//! The names of an index: it takes no other file's place, no other file gets its name, and it stays only if the dump is recorded.

#![cfg(target_os = "linux")]

use std::fs::{self, File};
use std::io::Read;
use std::path::PathBuf;
use std::process::Child;
use std::time::Duration;

use crate::indexed::{LIMIT, capdump, dump};
use capdump_support::index::read;
use capdump_support::program::{self, TempDir};
use capdump_support::{fifo, procs, small};
use nix::fcntl::{Flock, FlockArg};
use nix::sys::signal::Signal;
use nix::sys::stat::Mode;
use nix::unistd::mkfifo;

/// Something that is an index and not that of this dump.
const OLD: &str = "capdump-index\tversion=1\tdate=5\tlevel=0\tlabel=none\tfilesystem=/old\n";

/// A dump to a FIFO that is not read yet: its index is made and not written.
struct Held {
    dir: TempDir,
    child: Child,
}

impl Held {
    /// Starts it, with an older index or none.
    fn start(old: Option<&str>) -> Held {
        let dir = TempDir::new("capdump-index-names");
        small::mixed(&dir.join("image"));
        fs::write(dir.join("dates"), "").unwrap();
        mkfifo(&dir.join("fifo"), Mode::from_bits_truncate(0o600)).unwrap();
        if let Some(old) = old {
            fs::write(dir.join("ix"), old).unwrap();
        }
        let mut command =
            capdump(&["-0au", "--batch", "-D", "dates", "--index", "ix", "-f", "fifo", "image"]);
        command.current_dir(dir.path()).stderr(File::create(dir.join("err")).unwrap());
        let child = command.spawn().unwrap();
        let held = Held { dir, child };
        assert!(procs::until(LIMIT, || held.unfinished().exists()));
        held
    }

    fn unfinished(&self) -> PathBuf {
        self.dir.join(&format!("ix.{}", self.child.id()))
    }

    fn read_fifo(&self) {
        let mut fifo = fifo::reader(&self.dir.join("fifo"));
        fifo.read_to_end(&mut Vec::new()).unwrap();
    }

    /// Reads the dump; gives the exit code and the messages.
    fn end(&mut self) -> (Option<i32>, String) {
        self.read_fifo();
        let status = program::wait(&mut self.child, LIMIT).unwrap();
        let gone = || procs::session(self.child.id()).is_empty();
        assert!(procs::until(Duration::from_secs(5), gone));
        (status.code(), fs::read_to_string(self.dir.join("err")).unwrap())
    }

    /// The content of the index's name, if there is one.
    fn index(&self) -> Option<String> {
        fs::read_to_string(self.dir.join("ix")).ok()
    }

    /// Names beside the index's that begin as it does.
    fn left(&self) -> Vec<String> {
        let names = fs::read_dir(self.dir.path()).unwrap();
        let names = names.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        names.filter(|name| name.starts_with("ix.")).collect()
    }

    fn is_recorded(&self) -> bool {
        !fs::read_to_string(self.dir.join("dates")).unwrap_or_default().is_empty()
    }

    #[track_caller]
    fn refused(&mut self, said: &str) {
        let (code, text) = self.end();
        assert_eq!(code, Some(3), "{text}");
        assert!(text.contains(said) && !text.contains("DUMP IS DONE"), "{text}");
        assert!(!self.is_recorded());
    }
}

#[test]
fn a_file_that_came_meanwhile_stays() {
    for old in [None, Some(OLD)] {
        let mut held = Held::start(old);
        let name = held.dir.join("ix");
        fs::write(held.dir.join("notes"), "my notes").unwrap();
        fs::rename(held.dir.join("notes"), &name).unwrap();
        held.refused(&format!("{} was replaced by another file", name.display()));
        assert_eq!(held.index().as_deref(), Some("my notes"));
        assert_eq!(held.left(), [""; 0]);
    }
}

#[test]
fn no_other_file_gets_its_name() {
    for old in [None, Some(OLD)] {
        let mut held = Held::start(old);
        let unfinished = held.unfinished();
        fs::write(held.dir.join("notes"), "not yours").unwrap();
        fs::rename(held.dir.join("notes"), &unfinished).unwrap();
        held.refused(&format!("{} was replaced by another file", unfinished.display()));
        assert_eq!(held.index().as_deref(), old);
        assert_eq!(fs::read_to_string(&unfinished).unwrap(), "not yours", "nor is it removed");
    }
    let mut held = Held::start(None);
    fs::remove_file(held.unfinished()).unwrap();
    held.refused("ix: No such file or directory");
    assert_eq!(held.index(), None);
}

#[test]
fn an_older_index_may_go_or_grow() {
    let mut held = Held::start(Some(OLD));
    fs::remove_file(held.dir.join("ix")).unwrap();
    let (code, text) = held.end();
    assert_eq!(code, Some(0), "{text}");
    assert!(read(&held.dir.join("ix")).1.len() > 5 && held.is_recorded());
    assert_eq!(held.left(), [""; 0]);
    let mut held = Held::start(Some(OLD));
    let (code, text) = held.end();
    assert_eq!(code, Some(0), "{text}");
    assert!(read(&held.dir.join("ix")).1.len() > 5 && held.is_recorded());
    assert_eq!(held.left(), [""; 0]);
}

#[test]
fn without_the_record_there_is_no_index() {
    for old in [None, Some(OLD)] {
        let mut held = Held::start(old);
        fs::remove_file(held.dir.join("dates")).unwrap();
        held.refused("it was removed or replaced while the dump ran");
        assert_eq!(held.index().as_deref(), old);
        assert_eq!(held.left(), [""; 0]);
    }
}

/// Another holds the dumpdates file when the dump is ended.
#[test]
fn an_end_while_the_record_waits_leaves_no_index() {
    for (old, signal) in [(None, Signal::SIGTERM), (Some(OLD), Signal::SIGTERM), (None, Signal::SIGKILL)] {
        let mut held = Held::start(old);
        let dates = File::options().read(true).write(true).open(held.dir.join("dates")).unwrap();
        let lock = Flock::lock(dates, FlockArg::LockExclusive).unwrap();
        let fifo = held.dir.join("fifo");
        // The dump holds the FIFO until it is recorded.
        let reader = std::thread::spawn(move || fifo::reader(&fifo).read_to_end(&mut Vec::new()).unwrap());
        let said = || fs::read_to_string(held.dir.join("err")).unwrap();
        assert!(
            procs::until(LIMIT, || said().contains("waiting for another process to unlock")),
            "{}",
            said()
        );
        procs::send(held.child.id(), signal);
        assert!(!program::wait(&mut held.child, LIMIT).unwrap().success());
        assert!(procs::until(Duration::from_secs(5), || procs::session(held.child.id()).is_empty()));
        drop(lock);
        reader.join().unwrap();
        assert_eq!(held.index().as_deref(), old, "{signal}");
        assert_eq!(held.left(), [""; 0]);
        assert!(!held.is_recorded());
    }
}

#[test]
fn two_dumps_at_once_do_not_share_an_index() {
    for old in [None, Some(OLD)] {
        let mut held = Held::start(old);
        let index = held.dir.join("ix");
        let ran = dump(&["-a", "-f", "/dev/null"], &index, &held.dir.join("image"));
        assert_eq!(ran.code(), 1, "{}", ran.stderr);
        assert!(ran.stderr.contains("it is being written by another dump"), "{}", ran.stderr);
        assert!(held.unfinished().exists());
        assert_eq!(held.index().as_deref(), old);
        let (code, text) = held.end();
        assert_eq!(code, Some(0), "{text}");
        // What a dump left that did not end well is in nobody's way.
        fs::write(held.dir.join("ix.1"), "").unwrap();
        dump(&["-a", "-f", "/dev/null"], &index, &held.dir.join("image")).ok();
        assert_eq!(held.left(), ["ix.1"]);
    }
}

/// What an entry says of the type does not hide what is below a directory, nor make a directory of a file.
#[test]
fn the_inode_says_what_a_directory_is() {
    let dir = TempDir::new("capdump-index-names");
    let image = dir.join("image");
    small::mixed(&image);
    dump(&["-a", "-f", "/dev/null"], &dir.join("ix"), &image).ok();
    let names = |index: &str| -> Vec<String> {
        let text = fs::read_to_string(dir.join(index)).unwrap();
        text.lines().skip(1).map(|line| line.split('\t').next().unwrap().to_owned()).collect()
    };
    let right = names("ix");
    assert!(right.iter().any(|name| name.ends_with("dir/small")), "{right:?}");
    let good = fs::read(&image).unwrap();
    for (entry, kind) in [(b"\x04\x03dir\0", 8), (b"\x04\x03dir\0", 14), (b"\x08\x04file", 4)] {
        let mut bytes = good.clone();
        let at = bytes.windows(6).position(|window| window == entry).unwrap();
        bytes[at] = kind;
        fs::write(&image, bytes).unwrap();
        fs::remove_file(dir.join("ix")).unwrap();
        dump(&["-a", "-f", "/dev/null"], &dir.join("ix"), &image).ok();
        assert_eq!(names("ix"), right, "{kind}");
    }
}
