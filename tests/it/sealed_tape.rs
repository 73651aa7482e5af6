// SPDX-License-Identifier: BSD-2-Clause
//! `--encrypt` to tapes: whole records, which age(1), capdump and caprestore read as they are on the tape.

#![cfg(target_os = "linux")]

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use capdump_support::age::{self, Key};
use capdump_support::caprestore::{self, differences, run_in};
use capdump_support::decode::Dump;
use capdump_support::mounts::Tmpfs;
use capdump_support::peer::{self, Answer, Peer};
use capdump_support::program::{Ran, TempDir, is_root, run, skipped, without_tty};
use capdump_support::pty::Session;
use capdump_support::zstd;

use crate::compress::{LIMIT, assert_hold, image, list, stdout};

fn can_run() -> bool {
    age::available() && zstd::available()
}

/// A real rmt, of tar or of dump.
fn rmt() -> Option<PathBuf> {
    let names = ["/usr/sbin/rmt-tar", "/usr/sbin/rmt-dump", "/usr/sbin/rmt", "/etc/rmt"];
    let found = names.into_iter().map(PathBuf::from).find(|path| path.exists());
    if found.is_none() {
        skipped("there is no rmt(8)");
    }
    found
}

fn to_tape(mut command: Command, shell: &Path, key: &Key, options: &[&str], image: &Path) -> Command {
    command.env("SOURCE_DATE_EPOCH", "1700000000").env("RSH", shell);
    if let Some(rmt) = rmt() {
        command.env("RMT", rmt);
    }
    command.args(["-0", "--encrypt", &key.recipient]).args(options).arg(image);
    command
}

fn dump(shell: &Path, key: &Key, options: &[&str], image: &Path) -> Ran {
    let command = without_tty(Path::new(env!("CARGO_BIN_EXE_capdump")));
    run(&mut to_tape(command, shell, key, options, image), LIMIT)
}

/// The records that a peer was given.
fn records(peer: &Peer) -> Vec<Vec<u8>> {
    let log = peer.log.lock().unwrap();
    let written = log.commands.iter().filter_map(|command| match command {
        peer::Command::Write(bytes) => Some(bytes.clone()),
        _ => None,
    });
    written.collect()
}

#[test]
fn each_write_is_a_record() {
    if !can_run() {
        return;
    }
    let place = TempDir::new("capdump-sealed-tape");
    let (image, _) = image(&place);
    let key = Key::new(&place, "key");
    for (ntrec, more) in [
        ("1", &[][..]),
        ("10", &["--compress", "zstd:6"]),
        ("32", &["--workers", "1"]),
        ("60", &["--workers", "5"]),
        ("64", &["--recipients-file", "more"]),
        ("65", &[]),
        ("1000", &[]),
    ] {
        let dir = TempDir::new("capdump-sealed-tape");
        let others: String = (0..20).map(|n| Key::new(&dir, &format!("key{n}")).recipient + "\n").collect();
        let file = dir.join("more");
        fs::write(&file, others).unwrap();
        let peer = Peer::new(dir.path(), 3, |_| Answer::Done);
        let more: Vec<&str> = more
            .iter()
            .map(|&option| if option == "more" { file.to_str().unwrap() } else { option })
            .collect();
        let options = [&["-b", ntrec, "-B", "100000", "-f", "tapes:tape"], &more[..]].concat();
        dump(&peer.shell, &key, &options, &image).ok();
        let records = records(&peer);
        let length = ntrec.parse::<usize>().unwrap() << 10;
        assert!(records.len() > 2 && records.iter().all(|record| record.len() == length), "-b {ntrec}");
        let tape = dir.join("tape");
        fs::write(&tape, records.concat()).unwrap();
        let plain = stdout(&["-b", ntrec], &image);
        let decrypted = key.decrypt(&tape);
        assert!(zstd::unpack(&decrypted) == plain, "-b {ntrec}");
        // The table of frames is at the end, where zstd's programs look for it.
        assert!(decrypted.ends_with(&0x8f92_eab1_u32.to_le_bytes()), "-b {ntrec}");
    }
}

#[test]
fn files_and_pipes_are_whole_records_too() {
    if !can_run() {
        return;
    }
    let dir = TempDir::new("capdump-sealed-tape");
    let (image, _) = image(&dir);
    let key = Key::new(&dir, "key");
    let (out, piped) = (dir.join("out"), dir.join("piped"));
    for ntrec in [10, 60, 64, 1000] {
        let options = ["-a", "-b", &ntrec.to_string(), "--encrypt", &key.recipient];
        let cat = format!("cat >{}", piped.display());
        crate::compress::dump(&[&options[..], &["-f", out.to_str().unwrap()]].concat(), &image).ok();
        crate::compress::dump(&[&options[..], &["-P", &cat]].concat(), &image).ok();
        let plain = stdout(&options[..3], &image);
        for file in [&out, &piped] {
            assert!(fs::metadata(file).unwrap().len().is_multiple_of(ntrec << 10), "-b {ntrec}");
            assert!(zstd::unpack(&key.decrypt(file)) == plain, "-b {ntrec}");
        }
    }
}

#[test]
fn volumes_of_a_remote_tape_are_read_back() {
    let Some(rmt) = rmt() else { return };
    if !can_run() {
        return;
    }
    let dir = TempDir::new("capdump-sealed-tape");
    let (image, spec) = image(&dir);
    let key = Key::new(&dir, "key");
    let shell = peer::script(&dir.join("rsh"), "for last; do :; done; exec \"$last\"");
    for (ntrec, limit, least) in [("10", "2000", 5), ("10", "400", 15), ("32", "3000", 3), ("60", "250", 40)]
    {
        let all: Vec<PathBuf> = (0..200).map(|n| dir.join(&format!("v{n}"))).collect();
        let (to, index) = (format!("tapes:{}", list(&all)), dir.join("index").display().to_string());
        dump(&shell, &key, &["-b", ntrec, "-B", limit, "--index", &index, "-f", &to], &image).ok();
        let names: Vec<PathBuf> = all.into_iter().filter(|name| name.exists()).collect();
        assert!(names.len() >= least, "{limit}: {}", names.len());
        let (limit, record) = (limit.parse::<u64>().unwrap() << 10, ntrec.parse::<u64>().unwrap() << 10);
        let lengths: Vec<u64> = names.iter().map(|name| fs::metadata(name).unwrap().len()).collect();
        assert!(
            lengths.iter().all(|&length| length <= limit && length.is_multiple_of(record)),
            "{lengths:?}"
        );
        let volumes: Vec<Vec<u8>> = names.iter().map(|name| key.decrypt(name)).collect();
        assert_hold(&volumes, &spec, ntrec.parse().unwrap());
        let identity = ["--identity", key.file.to_str().unwrap()];
        for options in [&["--check"][..], &["--check", "--index", &index], &["--list", "--index", &index]] {
            let mut command = without_tty(Path::new(env!("CARGO_BIN_EXE_capdump")));
            let ran = run(command.args(options).args(identity).args(&names), LIMIT).ok();
            assert!(!ran.stderr.contains("ignoring"), "{}", ran.stderr);
        }
        if is_root() {
            let plain = Dump::one(stdout(&[], &image)).unwrap();
            for (option, more) in [("-rf", &[][..]), ("-xf", &[]), ("-xf", &["--index", &index])] {
                let into = dir.join("into");
                let mut command = caprestore::command(Path::new(env!("CARGO_BIN_EXE_caprestore")));
                command
                    .env("RSH", &shell)
                    .env("RMT", &rmt)
                    .arg(option)
                    .arg(format!("tapes:{}", list(&names)));
                let ran = run_in(command.args(identity).args(more).arg("-y"), &into, "y\n").ok();
                assert_eq!(differences(&into, &plain), [""; 0], "{option} {}", ran.stderr);
                fs::remove_dir_all(&into).unwrap();
            }
        }
        names.iter().for_each(|name| fs::remove_file(name).unwrap());
    }
    if !is_root() {
        skipped("owners need root");
    }
}

/// The volume cannot be ended there, so it is written again.
#[test]
fn a_medium_that_ends_before_the_volume_is_reported() {
    if !can_run() {
        return;
    }
    let dir = TempDir::new("capdump-sealed-tape");
    let (image, _) = image(&dir);
    let key = Key::new(&dir, "key");
    let mut writes = 0;
    let peer = Peer::new(dir.path(), 3, move |command| {
        writes += u32::from(matches!(command, peer::Command::Write(_)));
        match writes {
            200.. => Answer::Says(b"E28\nNo space left on device\n".to_vec()),
            _ => Answer::Done,
        }
    });
    let ran = dump(&peer.shell, &key, &["-B", "20000", "-f", "tapes:tape"], &image);
    assert_eq!(ran.code(), 3, "{}", ran.stderr);
    let said =
        "tape: the medium ended before the size of a volume (-B): an encrypted volume must fit on it\n";
    assert!(ran.stderr.contains(said) && ran.stderr.contains("into volume 1"), "{}", ran.stderr);
    assert!(!ran.stderr.contains("DUMP IS DONE"), "{}", ran.stderr);
}

#[test]
fn a_volume_is_written_again_on_another_medium() {
    if rmt().is_none() || !can_run() {
        return;
    }
    if !is_root() {
        return skipped("mounting a small tmpfs needs root");
    }
    let dir = TempDir::new("capdump-sealed-tape");
    let (image, spec) = image(&dir);
    let key = Key::new(&dir, "key");
    let medium = Tmpfs::new(&dir.join("tmpfs"), 3000);
    let (tape, second) = (dir.join("tape"), dir.join("second"));
    fs::write(medium.path().join("tape"), b"").unwrap();
    symlink(medium.path().join("tape"), &tape).unwrap();
    let shell = peer::script(&dir.join("rsh"), "for last; do :; done; exec \"$last\"");
    let to = format!("tapes:{},{}", tape.display(), second.display());
    let command = Session::command(Path::new(env!("CARGO_BIN_EXE_capdump")));
    let mut session = Session::start(to_tape(command, &shell, &key, &["-B", "6000", "-f", &to], &image));
    session.expect("Do you want to restart?", LIMIT);
    fs::remove_file(&tape).unwrap();
    fs::write(&tape, b"").unwrap();
    session.send("yes");
    let (status, shown) = session.finish(LIMIT);
    assert_eq!(status.and_then(|status| status.code()), Some(0), "{shown}");
    let volumes = [tape, second].map(|name| key.decrypt(&name));
    assert_hold(&volumes, &spec, 10);
}

#[test]
fn a_tape_requires_the_size_of_a_volume() {
    if !can_run() {
        return;
    }
    let dir = TempDir::new("capdump-sealed-tape");
    let (image, _) = image(&dir);
    let key = Key::new(&dir, "key");
    let ran = dump(Path::new("false"), &key, &["-a", "-f", "tapes:tape"], &image);
    assert_eq!(ran.code(), 1, "{}", ran.stderr);
    assert!(ran.stderr.contains("an encrypted dump to a remote tape requires -B"), "{}", ran.stderr);
}
