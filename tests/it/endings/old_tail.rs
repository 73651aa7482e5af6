// SPDX-License-Identifier: BSD-2-Clause
//! A file that is dumped over: of what it held nothing is left behind an unfinished dump, and it is left alone until the first byte is written.

use std::fs::{self, OpenOptions};
use std::io::{Read, Write};
use std::path::Path;
use std::time::Duration;

use capdump_support::procs;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::Place;
use capdump_support::program::{have, skipped};

const MIB: u64 = 1 << 20;

/// What an older and longer file holds.
fn old() -> Vec<u8> {
    vec![b'o'; 6 << 20]
}

fn has_old(bytes: &[u8]) -> bool {
    bytes.windows(512).any(|window| window.iter().all(|&byte| byte == b'o'))
}

#[test]
fn an_aborted_dump_leaves_nothing_of_the_older_one() {
    let place = Place::of_size(4 * MIB);
    fs::write(place.join("d"), old()).unwrap();
    // In units of 512 bytes.
    let ran = place.sh("ulimit -f 4000; exec \"$C\" -0uaD dd -f d \"$I\"");
    assert_eq!(ran.code(), 3, "{}", ran.stderr);
    let left = fs::read(place.join("d")).unwrap();
    assert!(left.len() as u64 <= 2 * MIB && !left.is_empty(), "{}", left.len());
    assert!(!has_old(&left));
    assert_eq!(place.check("d"), 3);
    assert!(!place.is_recorded());
}

#[test]
fn an_older_dump_and_half_of_a_newer_one_are_no_dump() {
    let place = Place::of_size(4 * MIB);
    place.whole("d");
    let ran = place.sh("ulimit -f 4000; exec \"$C\" -0af d \"$I\"");
    assert_eq!((ran.code(), place.check("d")), (3, 3), "{}", ran.stderr);
}

#[test]
fn a_killed_dump_leaves_nothing_of_the_older_one() {
    let place = Place::of_size(40 * MIB);
    let mut stopped = 0;
    for round in 0..20 {
        fs::write(place.join("d"), vec![b'o'; 60 << 20]).unwrap();
        let mut child =
            place.sh_command("exec \"$C\" -0a --workers 1 -f d \"$I\" 2>/dev/null").spawn().unwrap();
        let begun = || fs::metadata(place.join("d")).unwrap().len() < 60 << 20;
        assert!(procs::until(Duration::from_secs(20), begun));
        std::thread::sleep(Duration::from_millis(round));
        kill(Pid::from_raw(child.id() as i32), Signal::SIGKILL).unwrap();
        let whole = child.wait().unwrap().success();
        assert!(procs::until(Duration::from_secs(2), || procs::session(child.id()).is_empty()));
        let mut left = Vec::new();
        fs::File::open(place.join("d")).unwrap().read_to_end(&mut left).unwrap();
        assert!(!has_old(&left), "round {round}");
        if !whole && left.len() < 40 << 20 {
            stopped += 1;
            assert_eq!(place.check("d"), 3, "round {round}");
        }
    }
    assert!(stopped > 0, "every dump was too fast to be killed");
}

#[test]
fn standard_output_is_cut_where_it_stands() {
    let place = Place::new();
    let whole = place.whole("whole");
    fs::write(place.join("d"), old()).unwrap();
    let ran = place.sh("(printf head; exec \"$C\" -0af - \"$I\") 1<>d");
    assert_eq!(ran.code(), 0, "{}", ran.stderr);
    let left = fs::read(place.join("d")).unwrap();
    assert!(left.starts_with(b"head") && left.len() == 4 + whole.len(), "{}", left.len());

    fs::write(place.join("d"), old()).unwrap();
    let ran = place.sh("ulimit -f 100; exec \"$C\" -0af - \"$I\" 1<>d");
    assert_eq!(ran.code(), 3, "{}", ran.stderr);
    assert!(ran.stderr.contains("File too large"), "{}", ran.stderr);
    assert!(!has_old(&fs::read(place.join("d")).unwrap()));
}

#[test]
fn a_file_that_is_appended_to_keeps_what_it_has() {
    let place = Place::new();
    let whole = place.whole("whole");
    fs::write(place.join("d"), "before").unwrap();
    place.sh("exec \"$C\" -0af - \"$I\" >>d").ok();
    let left = fs::read(place.join("d")).unwrap();
    assert!(left.starts_with(b"before") && left.len() == 6 + whole.len());
    let ran = place.sh("exec \"$C\" --emit . whole >>d");
    assert_eq!(ran.code(), 0, "{}", ran.stderr);
    let longer = fs::read(place.join("d")).unwrap();
    assert!(longer.len() > left.len() && longer.starts_with(&left));
}

#[test]
fn a_dump_that_is_refused_leaves_the_older_one() {
    let place = Place::new();
    fs::write(place.join("d"), old()).unwrap();
    fs::write(place.join("zeros"), vec![0; 1 << 20]).unwrap();
    for args in
        [&["-0af", "d", "zeros"][..], &["-0af", "d", "image", "no/such/path"], &["-S", "-f", "d", "image"]]
    {
        let ran = place.capdump(args);
        assert!(ran.code() == 1 || args[0] == "-S", "{args:?}: {}", ran.stderr);
        assert_eq!(fs::read(place.join("d")).unwrap(), old(), "{args:?}");
    }
}

#[test]
fn a_smaller_dump_is_cut_too() {
    let place = Place::of_size(4 * MIB);
    place.whole("whole");
    fs::write(place.join("d"), old()).unwrap();
    let ran = place.capdump(["--emit", "no/such/path", "-f", "d", "whole"]);
    assert_eq!(ran.code(), 1, "{}", ran.stderr);
    assert_eq!(fs::read(place.join("d")).unwrap(), old());
    for output in ["-f d", "1<>d"] {
        fs::write(place.join("d"), old()).unwrap();
        let ran = place.sh(&format!("ulimit -f 4000; exec \"$C\" --emit . {output} whole"));
        assert_eq!(ran.code(), 3, "{}", ran.stderr);
        assert!(ran.stderr.contains("File too large"), "{}", ran.stderr);
        assert!(!has_old(&fs::read(place.join("d")).unwrap()));
        assert_eq!(place.check("d"), 3);
    }
}

/// GNU's rmt(8), as most are on Linux, knows open flags by name.
#[test]
fn a_remote_file_is_cut_where_the_other_side_can() {
    let rmt = Path::new("/usr/sbin/rmt-tar");
    if !rmt.exists() {
        return capdump_support::program::skipped("a remote file is cut: no /usr/sbin/rmt-tar");
    }
    let place = Place::new();
    let whole = place.whole("whole");
    let shell = capdump_support::peer::script(&place.join("rsh"), "exec /usr/sbin/rmt-tar");
    for name in ["d", "new"] {
        let mut file = OpenOptions::new().create(true).append(true).open(place.join("d")).unwrap();
        file.write_all(&old()).unwrap();
        let out = place.join(name);
        let ran =
            place.sh(&format!("RSH={} exec \"$C\" -0af host:{} \"$I\"", shell.display(), out.display()));
        assert_eq!(ran.code(), 0, "{}", ran.stderr);
        assert_eq!(fs::metadata(&out).unwrap().len(), whole.len() as u64, "{name}");
    }
}

/// The planner may have written the whole dump when the monitor, its parent, next gets the processor.
#[test]
fn a_slow_monitor_knows_where_the_dump_begins_on_standard_output() {
    if !have("strace") {
        return skipped("no strace");
    }
    let place = Place::new();
    // Only the process that is started is traced.
    let slow = "strace -qq -o trace -e trace=lseek,fstat -e inject=lseek,fstat:delay_enter=100000 \"$C\" -0a --batch -f - \"$I\"";
    let ran = place.sh(&format!("{slow} >d")).ok();
    assert!(ran.stderr.contains("DUMP IS DONE"), "{}", ran.stderr);
    assert_eq!(place.check("d"), 0);
    // Behind what the caller has there, and at the end of the file wherever that is.
    let whole = fs::metadata(place.join("d")).unwrap().len();
    place.sh(&format!("{{ echo before; {slow}; }} >d")).ok();
    assert_eq!(fs::metadata(place.join("d")).unwrap().len(), whole + 7);
    place.sh(&format!("{slow} >>d")).ok();
    assert_eq!(fs::metadata(place.join("d")).unwrap().len(), 2 * whole + 7);
}
