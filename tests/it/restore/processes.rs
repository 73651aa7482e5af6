// SPDX-License-Identifier: BSD-2-Clause
//! SECURITY.md's table of the processes of caprestore, compared with what runs: sandboxes, and who holds the dump and the target.

#![cfg(target_os = "linux")]

use std::fs;
use std::io::Write;
use std::path::PathBuf;
use std::time::Duration;

use capdump_support::caprestore::Place;
use capdump_support::program::{self, skipped};
use capdump_support::stream_writer::Stream;
use capdump_support::{fifo, procs};
use nix::sys::signal::Signal;

use super::caprestore;

const LIMIT: Duration = Duration::from_secs(20);

/// Whether the row of a process says that it is sandboxed.
fn by_the_table(process: &str) -> bool {
    let text = include_str!("../../../SECURITY.md");
    let start = text.find("| process of caprestore |").expect("the table");
    let row = text[start..].lines().find(|line| line.starts_with(&format!("| {process} |"))).expect(process);
    row.split('|').nth(3).unwrap().trim() == "yes"
}

fn is_sandboxed(id: u32) -> bool {
    procs::status(id, "Seccomp").as_deref() == Some("2")
}

/// What a process holds open beside the standard streams.
fn held(id: u32) -> Vec<PathBuf> {
    let fds = fs::read_dir(format!("/proc/{id}/fd")).unwrap().flatten();
    let fds = fds.filter(|fd| fd.file_name().to_str().is_some_and(|name| name.len() > 1 || name > "2"));
    fds.filter_map(|fd| fs::read_link(fd.path()).ok()).collect()
}

#[test]
fn a_reader_and_writers() {
    holders("-rf", "writer", 3);
}

#[test]
fn a_reader_and_a_comparer() {
    holders("-Cf", "comparer", 1);
}

/// Checks who holds what with this option, where so many processes of this name have the target.
fn holders(option: &str, process: &str, count: usize) {
    if !program::is_root() {
        return skipped("looking into sandboxed processes needs root");
    }
    let place = Place::new();
    let (fifo, into) = (place.join("dump"), place.join("into"));
    fs::create_dir(&into).unwrap();
    nix::unistd::mkfifo(&fifo, nix::sys::stat::Mode::S_IRWXU).unwrap();
    let mut command = caprestore();
    let mut child = command.args(["--jobs", "3", option]).arg(&fifo).current_dir(&into).spawn().unwrap();
    // The rest does not come, so that all of them wait.
    let mut stream = Stream::new();
    stream.directory(2, 2, &[(b"file", 4, 8)]).file(4, &[b'x'; 100_000]);
    let mut writer = fifo::writer(&fifo);
    writer.write_all(&stream.bytes()[..20_480]).unwrap();
    let all = || procs::descendants(child.id());
    assert!(procs::until(LIMIT, || all().len() == count + 1 && all().iter().all(|&id| is_sandboxed(id))));
    let (readers, writers): (Vec<u32>, Vec<u32>) =
        all().into_iter().partition(|&id| held(id).contains(&fifo));
    let [reader] = readers[..] else { panic!("{readers:?} {writers:?}") };
    assert_eq!(by_the_table("monitor"), is_sandboxed(child.id()));
    assert!(by_the_table("reader") && by_the_table(process));
    assert!(!held(reader).contains(&into), "{:?}", held(reader));
    for id in writers {
        let held = held(id);
        let sockets = held.iter().filter(|path| path.to_string_lossy().starts_with("socket:"));
        assert_eq!(sockets.count(), 1, "{held:?}");
        // Its root is the target.
        assert_eq!(fs::read_link(format!("/proc/{id}/root")).unwrap(), into);
    }
    drop(writer);
    procs::send(child.id(), Signal::SIGTERM);
    assert!(program::wait(&mut child, LIMIT).is_some());
    assert!(procs::until(LIMIT, || procs::descendants(child.id()).is_empty()));
}
