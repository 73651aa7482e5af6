// SPDX-License-Identifier: BSD-2-Clause
//! `--index` of a dump: what it lists is what the dump holds, and where it says.

#![cfg(target_os = "linux")]

use std::collections::BTreeMap;
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

use crate::indexed::{LIMIT, capdump, dump};
use capdump_support::decode::{Dump, S_IFDIR};
use capdump_support::fuse::{self, Faults, Served};
use capdump_support::header::{Header, Kind};
use capdump_support::index::{Line, read};
use capdump_support::makefs::makefs;
use capdump_support::program::{TempDir, have, run, skipped, without_tty};
use capdump_support::pty::Session;
use capdump_support::ufs_writer::content::{Content, Fill};
use capdump_support::ufs_writer::geometry::Geometry;
use capdump_support::ufs_writer::inode::{Attrs, What};
use capdump_support::ufs_writer::{ROOT, Writer};
use capdump_support::{restore, small, tree};
use nix::errno::Errno;

const MIB: u64 = 1 << 20;

fn list(names: &[PathBuf]) -> String {
    names.iter().map(|name| name.display().to_string()).collect::<Vec<_>>().join(",")
}

/// The stream of a volume, and with its frames: by their places, where each begins in the stream.
fn unpacked(volume: &[u8]) -> (Vec<u8>, BTreeMap<usize, usize>) {
    let (mut stream, mut frames, mut rest) = (Vec::new(), BTreeMap::new(), volume);
    while rest.starts_with(&0xFD2F_B528_u32.to_le_bytes()) {
        frames.insert(volume.len() - rest.len(), stream.len());
        let mut decoder = zstd::Decoder::with_buffer(&mut rest).unwrap().single_frame();
        decoder.read_to_end(&mut stream).unwrap();
        drop(decoder);
    }
    (stream, frames)
}

/// Checks an index against the volumes of its dump: the paths with their inodes, each header at its place, and the file's end.
fn assert_right(index: &Path, names: &[PathBuf]) -> Vec<Line> {
    let (head, lines) = read(index);
    let raw: Vec<Vec<u8>> = names.iter().map_while(|name| fs::read(name).ok()).collect();
    let is_packed = lines[0].frame.is_some();
    let (volumes, frames): (Vec<Vec<u8>>, Vec<BTreeMap<usize, usize>>) = match is_packed {
        true => raw.iter().map(|volume| unpacked(volume)).unzip(),
        false => (raw, Vec::new()),
    };
    let decoded = Dump::decode(&volumes).unwrap();
    let mut paths = decoded.paths().unwrap();
    paths.retain(|_, ino| decoded.files.contains_key(ino));
    let dumped: BTreeMap<Vec<u8>, u32> =
        paths.into_iter().map(|(path, ino)| ([b".", path.as_slice()].concat(), ino)).collect();
    let listed: BTreeMap<Vec<u8>, u32> = lines.iter().map(|line| (line.path.clone(), line.ino)).collect();
    assert!(listed == dumped, "{} names, {} on the dump", listed.len(), dumped.len());
    let first = decoded.files.iter().filter(|(_, file)| file.kind() != S_IFDIR).map(|(ino, _)| *ino).min();
    let first = first.and_then(|ino| lines.iter().find(|line| line.ino == ino));
    let files = first.map(|line| format!("{}:{}", line.volume, line.offset));
    assert_eq!(head.split_once("\tfiles=").map(|(_, place)| place.to_owned()), files, "{head}");
    for line in &lines {
        let stream = &volumes[line.volume - 1];
        let header = |at: usize| Header::parse(stream.get(at..at + 1024)?);
        let own = header(line.offset).unwrap_or_else(|| panic!("no header: {line:?}"));
        assert_eq!((own.kind(), own.u32("c_inumber")), (Kind::Inode, line.ino), "{line:?}");
        assert_eq!(own.u32("c_volume") as usize, line.volume, "{line:?}");
        if let Some((frame, start)) = line.frame {
            assert_eq!(frames[line.volume - 1].get(&frame), Some(&start), "{line:?}");
            let next = frames[line.volume - 1].range(frame + 1..).next();
            assert!(start <= line.offset && next.is_none_or(|(_, next)| line.offset < *next), "{line:?}");
        }
        // Where the file ends on another volume, only its headers tell how long it is.
        let end = line.offset + line.blocks * 1024;
        if line.volume == volumes.len() || end < stream.len() {
            assert!(matches!(header(end).unwrap().kind(), Kind::Inode | Kind::End), "{line:?}");
        }
    }
    lines
}

#[test]
fn it_has_what_restore_lists() {
    if !have("makefs") {
        return skipped("makefs(8) is not there");
    }
    let dir = TempDir::new("capdump-index");
    tree::mixed(&dir.join("source"));
    makefs(&dir.join("image"), &dir.join("source"), 2, (8192, 1024), &[]);
    let (out, index) = (dir.join("out"), dir.join("index"));
    let to = out.display().to_string();
    let mut first = Vec::new();
    for workers in ["1", "2", "3", "4"] {
        let ran = dump(&["-a", "--workers", workers, "-f", &to], &index, &dir.join("image")).ok();
        let (head, lines) = read(&index);
        assert!(
            head.starts_with("capdump-index\tversion=1\tdate=1700000000\tlevel=0\tlabel=none\t"),
            "{head}"
        );
        let said = format!("  DUMP: index of {} names in {}\n", lines.len(), index.display());
        assert!(ran.stderr.contains(&said), "{}", ran.stderr);
        let written = fs::read(&index).unwrap();
        assert!(first.is_empty() || first == written, "--workers {workers}");
        first = written;
    }
    let lines = assert_right(&index, std::slice::from_ref(&out));
    let hard: Vec<&Line> = lines.iter().filter(|line| line.printed.contains("hard")).collect();
    assert!(hard.len() == 3 && hard.iter().all(|line| line.offset == hard[0].offset));
    if restore::available() {
        let ran = run(restore::command(dir.path()).arg("-tf").arg(&out), LIMIT).ok();
        let text = String::from_utf8(ran.stdout).unwrap();
        let names = text.lines().filter_map(|line| line.split_once('\t'));
        let mut listed: Vec<(u32, String)> =
            names.filter_map(|(ino, path)| Some((ino.trim().parse().ok()?, path.to_owned()))).collect();
        let mut indexed: Vec<(u32, String)> =
            lines.iter().map(|line| (line.ino, line.printed.clone())).collect();
        listed.sort();
        indexed.sort();
        assert!(listed.len() > 300);
        assert_eq!(indexed, listed);
    }
}

/// An image of some 14 MB with a directory of 2 MB, so that directories and headers are on several volumes.
fn image(dir: &TempDir) -> PathBuf {
    let path = dir.join("image");
    let geometry = Geometry::new(2, (32768, 4096), 1, 10_000, 32 << 20);
    let mut w = Writer::create(&path, &geometry, &Attrs::perm(0o755));
    let big = w.mkdir(ROOT, b"big", &Attrs::perm(0o755));
    for n in 0..8000 {
        let name = format!("{n:05}{}", "n".repeat(240));
        w.add(big, name.as_bytes(), &Attrs::default(), &What::File(Content::default()));
    }
    let data = w.mkdir(ROOT, b"data", &Attrs::perm(0o755));
    for n in 0..120 {
        let what = What::File(Content::full(n * 331 % 40_000, 32768, Fill::Pattern(n)));
        w.add(data, format!("file{n}").as_bytes(), &Attrs::default(), &what);
    }
    let what = What::File(Content::full(800_001, 32768, Fill::Pattern(5)));
    let ino = w.add(ROOT, b"large", &Attrs::default(), &what);
    w.link(data, b"larger", ino, &what);
    let strange: [&[u8]; 6] = [b"tab\tin", b"line\nend", b"back\\slash", b"\xff\xfe", b"\x7f", b"a b"];
    for name in strange {
        w.add(data, name, &Attrs::default(), &What::Link(b"x".to_vec()));
    }
    w.finish();
    path
}

/// Names for so many volumes.
fn volumes(dir: &TempDir, count: usize) -> Vec<PathBuf> {
    (1..=count).map(|n| dir.join(&format!("v{n}"))).collect()
}

/// Fetches files by the index, and holds them against those of the whole dump.
fn assert_emits(dir: &TempDir, index: &Path, names: &[PathBuf], whole: &Dump) {
    let small = dir.join("small");
    let mut command = capdump(&["--emit", "large", "--emit", "data/file77", "--emit", "data/file119"]);
    let there = names.iter().filter(|name| name.exists());
    let ran = run(command.arg("--index").arg(index).arg("-f").arg(&small).args(there), LIMIT).ok();
    assert!(ran.stderr.contains(" tape blocks written"), "{}", ran.stderr);
    let small = Dump::one(fs::read(small).unwrap()).unwrap();
    let (found, wanted) = (small.paths().unwrap(), whole.paths().unwrap());
    assert_eq!(found.len(), 5);
    for (path, ino) in &found {
        assert_eq!(ino, &wanted[path]);
        if small.files[ino].size > 0 && !path.is_empty() && path != b"/data" {
            assert!(small.content(&small.files[ino]) == whole.content(&whole.files[ino]), "{path:?}");
        }
    }
}

fn whole(image: &Path) -> Dump {
    let ran = run(capdump(&["-0", "-f", "-"]).arg(image), LIMIT).ok();
    Dump::one(ran.stdout).unwrap()
}

#[test]
fn of_several_volumes_plain_and_compressed() {
    let dir = TempDir::new("capdump-index");
    let image = image(&dir);
    let whole = whole(&image);
    for options in [
        &["-B", "1500"][..],
        &["-B", "700", "-b", "32"],
        &["-B", "500", "--compress", "zstd:1", "-b", "32"],
        &["-a", "--compress", "zstd"],
        &["-B", "400", "--verify", "--compress", "zstd:1"],
    ] {
        let names = volumes(&dir, 40);
        let index = dir.join("index");
        let files = list(&names);
        dump(&[options, &["-f", &files]].concat(), &index, &image).ok();
        let lines = assert_right(&index, &names);
        let last = lines.iter().map(|line| line.volume).max().unwrap();
        assert!(options.contains(&"-a") || last > 2, "{options:?}: {last}");
        assert!(lines.iter().any(|line| line.printed == "./data/tab\\011in"));
        assert!(lines.iter().any(|line| line.printed == "./data/back\\134slash"));
        let (large, linked) =
            ["./large", "./data/larger"].map(|p| lines.iter().find(|l| l.printed == p)).into();
        assert_eq!(large.unwrap().offset, linked.unwrap().offset);
        assert_emits(&dir, &index, &names, &whole);
        names.iter().for_each(|name| _ = fs::remove_file(name));
    }
}

#[test]
fn of_a_dump_to_a_pipe() {
    let dir = TempDir::new("capdump-index");
    small::mixed(&dir.join("image"));
    let index = dir.join("index");
    let ran = dump(&["-f", "-"], &index, &dir.join("image")).ok();
    fs::write(dir.join("out"), ran.stdout).unwrap();
    assert_right(&index, &[dir.join("out")]);
    // Neither the dump nor what is said of it is another without.
    let plain = run(capdump(&["-0", "-f", "-"]).arg(dir.join("image")), LIMIT).ok();
    assert!(plain.stdout == fs::read(dir.join("out")).unwrap());
    let said: Vec<&str> = ran.stderr.lines().filter(|line| !line.contains("index of ")).collect();
    assert_eq!(said, plain.stderr.lines().collect::<Vec<_>>());
    let to = format!("cat >{}", dir.join("piped").display());
    dump(&["-a", "-P", &to], &index, &dir.join("image")).ok();
    assert_right(&index, &[dir.join("piped")]);
}

#[test]
fn a_volume_that_is_written_again() {
    let dir = TempDir::new("capdump-index");
    let image = image(&dir);
    if !fuse::available() {
        return;
    }
    let whole = whole(&image);
    // Among directories, among files, and at the sync behind all; compressed too.
    let eio = |at| Faults { write_error_once: Some((at, Errno::EIO)), ..Faults::default() };
    let sync = Faults { sync_error_once: Some(Errno::EIO), ..Faults::default() };
    let zstd: &[&str] = &["--compress", "zstd:1"];
    for (bad, kib, faults, more) in [
        (0, "3000", eio(MIB + 5000), &[][..]),
        (1, "1500", eio(MIB + 5000), &[]),
        (1, "5000", eio(3 * MIB), &[]),
        (1, "5000", sync, &[]),
        (0, "200", eio(100_000), zstd),
    ] {
        let names = volumes(&dir, 20);
        fs::write(&names[bad], b"").unwrap();
        let served = Served::new(&dir.join("mnt"), &names[bad], faults);
        let mut to = names.clone();
        to[bad] = served.path();
        let index = dir.join("index");
        let mut command = Session::command(Path::new(env!("CARGO_BIN_EXE_capdump")));
        command.args(["-0", "-B", kib, "-f", &list(&to)]).args(more).arg("--index").arg(&index).arg(&image);
        let mut session = Session::start(command);
        session.expect("Do you want to restart?", LIMIT);
        session.send("yes");
        let (status, shown) = session.finish(LIMIT);
        assert_eq!(status.and_then(|s| s.code()), Some(0), "{shown}");
        assert!(shown.contains("this dump volume will be rewritten."), "{shown}");
        drop(served);
        assert_right(&index, &names);
        assert_emits(&dir, &index, &names, &whole);
        names.iter().for_each(|name| _ = fs::remove_file(name));
        fs::remove_file(index).unwrap();
    }
}

#[test]
fn a_medium_that_ends() {
    let dir = TempDir::new("capdump-index");
    let image = image(&dir);
    if !fuse::available() {
        return;
    }
    let whole = whole(&image);
    for (room, options) in [
        (MIB + 77_777, &["-a"][..]),
        (2 * MIB, &["-a", "-b", "64"]),
        (5 * MIB + 1, &["-a", "--verify"]),
        (300_000, &["-a", "--compress", "zstd:1"]),
    ] {
        let names = volumes(&dir, 2);
        fs::write(&names[0], b"").unwrap();
        let served = Served::new(&dir.join("mnt"), &names[0], Faults::room(room));
        let to = list(&[served.path(), names[1].clone()]);
        let index = dir.join("index");
        let ran = dump(&[options, &["-f", &to]].concat(), &index, &image).ok();
        assert!(ran.stderr.contains("End of tape detected"), "{}", ran.stderr);
        drop(served);
        let lines = assert_right(&index, &names);
        assert!([1, 2].iter().all(|n| lines.iter().any(|line| line.volume == *n)), "{room}");
        assert_emits(&dir, &index, &names, &whole);
        names.iter().for_each(|name| fs::remove_file(name).unwrap());
    }
}

/// restore needs the maps and the directories, and then the file; what comes behind it is not read.
#[test]
fn one_file_through_dd_and_restore() {
    if !have("makefs") || !restore::available() {
        return;
    }
    let dir = TempDir::new("capdump-index");
    tree::mixed(&dir.join("source"));
    makefs(&dir.join("image"), &dir.join("source"), 2, (8192, 1024), &[]);
    let index = dir.join("index");
    dump(&["-a", "-f", &dir.join("out").display().to_string()], &index, &dir.join("image")).ok();
    let (head, lines) = read(&index);
    let directories: usize = head.split_once("files=1:").unwrap().1.parse::<usize>().unwrap() / 1024;
    fs::create_dir(dir.join("into")).unwrap();
    for path in ["large", "holes", "deep/level0/level1/file", "size98305"] {
        let at = lines.iter().find(|line| line.printed == format!("./{path}")).unwrap().offset / 1024;
        let skip = at - directories;
        let command = format!(
            "(dd bs=1k count={directories}; dd bs=1k skip={skip}) <../out | restore -xf - -T .. ./{path}"
        );
        run(without_tty(Path::new("sh")).args(["-c", &command]).current_dir(dir.join("into")), LIMIT).ok();
        assert!(
            fs::read(dir.join("into").join(path)).unwrap()
                == fs::read(dir.join("source").join(path)).unwrap()
        );
    }
}

#[test]
fn one_file_through_restore() {
    if !have("makefs") || !restore::available() {
        return;
    }
    let dir = TempDir::new("capdump-index");
    tree::mixed(&dir.join("source"));
    makefs(&dir.join("image"), &dir.join("source"), 2, (8192, 1024), &[]);
    let (out, index) = (dir.join("out"), dir.join("index"));
    let to = out.display().to_string();
    dump(&["-a", "--compress", "zstd:1", "-f", &to], &index, &dir.join("image")).ok();
    for path in ["large", "deep/level0/level1/file", "names/00033nnnnnnnnnnnnn"] {
        let name = fs::read_dir(dir.join("source/names")).unwrap().map(|e| e.unwrap().file_name());
        let name = name.map(|n| n.into_string().unwrap()).find(|n| n.starts_with("00033")).unwrap();
        let path = if path.starts_with("names") { format!("names/{name}") } else { path.to_owned() };
        let small = dir.join("small");
        let mut command = capdump(&["--emit", &path]);
        run(command.arg("--index").arg(&index).arg("-f").arg(&small).arg(&out), LIMIT).ok();
        let into = dir.join("into");
        restore::restore(&small, &into);
        assert!(fs::read(into.join(&path)).unwrap() == fs::read(dir.join("source").join(&path)).unwrap());
        fs::remove_dir_all(into).unwrap();
    }
}

#[test]
fn parts_and_incremental_dumps_list_what_they_have() {
    let dir = TempDir::new("capdump-index");
    let (image, out, index) = (dir.join("image"), dir.join("out"), dir.join("index"));
    let mut w = Writer::create(&image, &Geometry::new(2, (8192, 1024), 1, 200, 8 << 20), &Attrs::perm(0o755));
    let new = (1_650_000_000, 0);
    let new = Attrs { mtime: new, ctime: new, ..Attrs::default() };
    let file = |n| What::File(Content::full(n, 8192, Fill::Pattern(n)));
    let [one, two] = [b"one", b"two"].map(|name| w.mkdir(ROOT, name, &Attrs::perm(0o755)));
    w.add(one, b"old", &Attrs::default(), &file(100));
    w.add(one, b"new", &new, &file(20_000));
    w.add(two, b"old", &Attrs::default(), &file(3000));
    w.finish();
    let paths = |options: &[&str]| {
        let mut command = capdump(&options[..options.len() - 2]);
        command.arg("-af").arg(&out).arg("--index").arg(&index).arg(&image);
        command.args(options[options.len() - 2..].iter().filter(|path| !path.is_empty()));
        run(&mut command, LIMIT).ok();
        let lines = assert_right(&index, std::slice::from_ref(&out));
        lines.into_iter().map(|line| line.printed).collect::<Vec<_>>()
    };
    assert_eq!(paths(&["-0", "", ""]), [".", "./one", "./one/new", "./one/old", "./two", "./two/old"]);
    // Directories hold names of what is not on the dump.
    assert_eq!(paths(&["-1", "-T", "Fri Jan  1 00:00:00 2021", "", ""]), [".", "./one", "./one/new"]);
    assert!(read(&index).0.contains("\tlevel=1\t"));
    assert_eq!(
        paths(&["-0", "--exclude", "one/new", "", ""]),
        [".", "./one", "./one/old", "./two", "./two/old"]
    );
    assert_eq!(paths(&["-0", "two", "one/old"]), [".", "./one", "./one/old", "./two", "./two/old"]);
    assert_eq!(paths(&["-0", "two", ""]), [".", "./two", "./two/old"]);
    assert_eq!(read(&index).0.split("filesystem=").nth(1).unwrap().split(' ').next(), Some("a"));
}
