// SPDX-License-Identifier: BSD-2-Clause
//! Pipes: a dump is done when it has been read, and a reader that leaves before that makes it fail.

use std::fs::{self, File};
use std::io::Read;
use std::os::unix::net::UnixStream;
use std::process::Stdio;
use std::time::{Duration, Instant};

use capdump_support::{procs, program};
use nix::sys::signal::{Signal, kill};
use nix::sys::stat::Mode;
use nix::unistd::{Pid, mkfifo};

use super::{LIMIT, Place};

/// The last header's type (protocols/dumprestore.h).
const TS_END: u32 = 5;

#[test]
fn a_reader_that_leaves_makes_the_dump_fail() {
    let place = Place::new();
    for (update, wait) in
        [("-u -D dd", "sleep 0.5"), ("", "sleep 0.5"), ("-u -D dd", "head -c 10240 >/dev/null")]
    {
        let ran = place.sh(&format!("{{ \"$C\" -0a {update} -f - \"$I\"; echo $? >rc; }} | {wait}"));
        let until = || fs::read_to_string(place.join("rc")).is_ok_and(|status| status == "3\n");
        assert!(procs::until(Duration::from_secs(5), until), "{wait}: {}", ran.stderr);
        assert!(ran.stderr.contains("  DUMP: Broken pipe\n"), "{}", ran.stderr);
        assert!(!ran.stderr.contains("DUMP IS DONE") && !place.is_recorded(), "{}", ran.stderr);
        fs::remove_file(place.join("rc")).unwrap();
    }
}

#[test]
fn a_reader_that_has_read_all_may_leave() {
    let place = Place::new();
    let whole = place.whole("d");
    let read = format!("head -c {} >e", whole.len());
    for reader in [read.as_str(), "cat >e", "(sleep 0.5; cat >e)"] {
        fs::write(place.join("dd"), "").unwrap();
        let ran = place.sh(&format!("{{ \"$C\" -0uaD dd -f - \"$I\"; echo $? >rc; }} | {reader}; sleep 0.3"));
        assert_eq!(fs::read_to_string(place.join("rc")).unwrap(), "0\n", "{reader}: {}", ran.stderr);
        assert!(place.is_recorded(), "{reader}");
        assert_eq!(fs::read(place.join("e")).unwrap().len(), whole.len(), "{reader}");
    }
}

/// restore(8) without `-b` leaves the end of a long record unread: behind the end of the dump there is nothing for it.
#[test]
fn what_fills_the_last_record_need_not_be_read() {
    let place = Place::new();
    place.sh("exec \"$C\" -0a -b 64 -f d \"$I\"").ok();
    let whole = fs::read(place.join("d")).unwrap();
    let is_end = |block: &&[u8]| block[..4] == TS_END.to_le_bytes();
    let ends = whole.chunks(1024).rev().take_while(is_end).count();
    assert!(ends > 2, "{ends}");
    for (unread, status) in [(0, "0\n"), (1, "0\n"), (ends - 1, "0\n"), (ends, "3\n"), (ends + 1, "3\n")] {
        let _ = fs::remove_file(place.join("rc"));
        let read = whole.len() - unread * 1024;
        let ran = place.sh(&format!("{{ \"$C\" -0a -b 64 -f - \"$I\"; echo $? >rc; }} | head -c {read} >e"));
        let ended = || fs::read_to_string(place.join("rc")).is_ok_and(|got| got == status);
        assert!(procs::until(Duration::from_secs(5), ended), "{unread} of {ends}: {}", ran.stderr);
    }
}

#[test]
fn a_fifo_is_waited_for() {
    let place = Place::new();
    mkfifo(&place.join("fifo"), Mode::from_bits_truncate(0o600)).unwrap();
    let ran = place.sh("exec 3<>fifo; (sleep 0.7; cat <fifo >e) 3<&- & \"$C\" -0uaD dd -f fifo \"$I\"");
    assert_eq!(ran.code(), 0, "{}", ran.stderr);
    assert!(ran.took > Duration::from_millis(600), "{:?}", ran.took);
    fs::write(place.join("dd"), "").unwrap();
    let ran = place.sh("(exec 3<fifo; sleep 0.5) & exec \"$C\" -0uaD dd -f fifo \"$I\"");
    assert_eq!(ran.code(), 3, "{}", ran.stderr);
    assert!(ran.stderr.contains("Broken pipe") && !place.is_recorded(), "{}", ran.stderr);
}

#[test]
fn a_socket_is_waited_for() {
    let place = Place::new();
    for (reads, status) in [(true, 0), (false, 3)] {
        fs::write(place.join("dd"), "").unwrap();
        let (mut ours, theirs) = UnixStream::pair().unwrap();
        let mut command = place.sh_command("exec \"$C\" -0uaD dd -f - \"$I\" 2>err");
        let mut child = command.stdout(Stdio::from(std::os::fd::OwnedFd::from(theirs))).spawn().unwrap();
        drop(command);
        std::thread::sleep(Duration::from_millis(300));
        let mut bytes = Vec::new();
        if reads {
            ours.read_to_end(&mut bytes).unwrap();
        }
        drop(ours);
        let ended = program::wait(&mut child, LIMIT).unwrap();
        let err = fs::read_to_string(place.join("err")).unwrap();
        assert_eq!(ended.code(), Some(status), "{err}");
        assert_eq!(place.is_recorded(), reads, "{err}");
    }
}

#[test]
fn signals_end_the_wait() {
    let place = Place::new();
    mkfifo(&place.join("fifo"), Mode::from_bits_truncate(0o600)).unwrap();
    for signal in [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP] {
        let _reader = File::options().read(true).write(true).open(place.join("fifo")).unwrap();
        let script = "exec \"$C\" -0uaD dd -f fifo \"$I\" 2>err";
        let mut child = place.sh_command(script).spawn().unwrap();
        let waits = || fs::read_to_string(place.join("err")).is_ok_and(|err| err.contains("regular files"));
        assert!(procs::until(Duration::from_secs(10), waits));
        std::thread::sleep(Duration::from_millis(300));
        assert!(child.try_wait().unwrap().is_none(), "{signal}: it has not been read");
        let start = Instant::now();
        kill(Pid::from_raw(child.id() as i32), signal).unwrap();
        let ended = program::wait(&mut child, LIMIT).unwrap();
        assert_eq!(ended.code(), Some(3), "{signal}");
        assert!(start.elapsed() < Duration::from_secs(3), "{signal}: {:?}", start.elapsed());
        assert!(!place.is_recorded());
        fs::remove_file(place.join("err")).unwrap();
    }
}

#[test]
fn a_command_has_to_read_what_it_is_given() {
    let place = Place::new();
    for (command, said) in [
        ("sleep 0.4", "Broken pipe"),
        ("sleep 0.4; exit 7", "exit status 7"),
        ("sleep 0.4; kill -9 $$", "killed by signal 9"),
        ("cat >/dev/null; exit 5", "exit status 5"),
        ("cat >/dev/null; kill -15 $$", "killed by signal 15"),
    ] {
        let ran = place.capdump(["-0uaD", "dd", "-P", command, "image"]);
        assert_eq!(ran.code(), 3, "{command}: {}", ran.stderr);
        assert!(ran.stderr.contains(said), "{command}: {}", ran.stderr);
        assert!(!place.is_recorded(), "{command}");
    }
    let ran = place.capdump(["-0uaD", "dd", "-P", "sleep 0.4; cat >e", "image"]);
    assert_eq!(ran.code(), 0, "{}", ran.stderr);
    assert!(place.is_recorded());
}
