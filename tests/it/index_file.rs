// SPDX-License-Identifier: BSD-2-Clause
//! The file of an index: it is there whole or not at all, takes the place of nothing else, and comes before the record of the dump.

#![cfg(target_os = "linux")]

use std::fs::{self, File};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Instant;

use crate::indexed::{LIMIT, capdump, dump};
use capdump_support::index::read;
use capdump_support::mounts::Tmpfs;
use capdump_support::program::{self, TempDir, have, is_root, run, skipped, without_tty};
use capdump_support::ufs_writer::content::Content;
use capdump_support::ufs_writer::geometry::Geometry;
use capdump_support::ufs_writer::inode::{Attrs, What};
use capdump_support::ufs_writer::{ROOT, Writer};
use capdump_support::{procs, small};
use nix::sys::signal::Signal;
use nix::sys::stat::Mode;
use nix::unistd::mkfifo;

/// An image of many names.
fn image(dir: &TempDir) -> PathBuf {
    let path = dir.join("image");
    let mut w =
        Writer::create(&path, &Geometry::new(2, (8192, 1024), 1, 20_000, 24 << 20), &Attrs::perm(0o755));
    for n in 0..8000 {
        let name = format!("{n:05}{}", "n".repeat(140));
        w.add(ROOT, name.as_bytes(), &Attrs::default(), &What::File(Content::default()));
    }
    w.finish();
    path
}

/// Something that is an index and not that of this dump.
const OLD: &str = "capdump-index\tversion=1\tdate=5\tlevel=0\tlabel=none\tfilesystem=/old\n";

/// The names in a folder.
fn names_in(dir: &Path) -> Vec<String> {
    let mut names: Vec<String> =
        fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn a_full_disk_keeps_the_old_index_and_the_record() {
    let dir = TempDir::new("capdump-index");
    let image = image(&dir);
    if !is_root() {
        return skipped("mounting a small tmpfs needs root");
    }
    let disk = Tmpfs::new(&dir.join("tmpfs"), 300);
    let (index, dates, out) = (disk.path().join("index"), dir.join("dates"), dir.join("out"));
    fs::write(&index, OLD).unwrap();
    fs::write(&dates, "").unwrap();
    let options = ["-a", "-u", "-D", &dates.display().to_string(), "-f", &out.display().to_string()];
    let ran = dump(&options, &index, &image);
    assert_eq!(ran.code(), 3, "{}", ran.stderr);
    let said = format!("  DUMP: the index {}: No space left on device\n", index.display());
    assert!(ran.stderr.contains(&said), "{}", ran.stderr);
    assert!(!ran.stderr.contains("DUMP IS DONE"), "{}", ran.stderr);
    assert_eq!(fs::read_to_string(&index).unwrap(), OLD);
    assert_eq!(names_in(disk.path()), ["index"]);
    assert_eq!(fs::read_to_string(&dates).unwrap(), "");
    // The dump itself is whole.
    run(capdump(&["--check"]).arg(&out), LIMIT).ok();
    // With room it is recorded, and the index is there.
    let index = dir.join("index");
    let ran = dump(&options, &index, &image).ok();
    assert_eq!(read(&index).1.len(), 8001);
    assert!(!fs::read_to_string(&dates).unwrap().is_empty());
    let at = |what: &str| ran.stderr.find(what).unwrap_or_else(|| panic!("{what}: {}", ran.stderr));
    assert!(at("index of ") < at("level 0 dump on") && at("level 0 dump on") < at("DUMP IS DONE"));
}

#[test]
fn a_folder_that_is_gone() {
    let dir = TempDir::new("capdump-index");
    small::mixed(&dir.join("image"));
    fs::create_dir(dir.join("folder")).unwrap();
    let index = dir.join("folder/index");
    // The command takes the folder away while the dump runs.
    let gone = format!("cat >/dev/null; rm -r {}", dir.join("folder").display());
    let ran = dump(&["-a", "-P", &gone], &index, &dir.join("image"));
    assert_eq!(ran.code(), 3, "{}", ran.stderr);
    assert!(ran.stderr.contains("folder/index: No such file or directory"), "{}", ran.stderr);
}

#[test]
fn what_is_replaced_keeps_its_permissions() {
    let dir = TempDir::new("capdump-index");
    small::mixed(&dir.join("image"));
    let (index, link) = (dir.join("index"), dir.join("link"));
    fs::write(&index, OLD).unwrap();
    fs::set_permissions(&index, fs::Permissions::from_mode(0o600)).unwrap();
    std::os::unix::fs::symlink("index", &link).unwrap();
    dump(&["-a", "-f", "/dev/null"], &link, &dir.join("image")).ok();
    assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
    assert_eq!(fs::metadata(&index).unwrap().permissions().mode() & 0o7777, 0o600);
    assert!(read(&index).1.len() > 5);
    assert_eq!(names_in(dir.path()), ["image", "index", "link"]);
}

#[test]
fn killed_it_leaves_none() {
    let dir = TempDir::new("capdump-index");
    let image = dir.join("image");
    small::one_file(&image, 4 << 20);
    let fifo = dir.join("fifo");
    mkfifo(&fifo, Mode::from_bits_truncate(0o600)).unwrap();
    let _reader = File::options().read(true).write(true).open(&fifo).unwrap();
    let kills = [
        ("monitor", false, Signal::SIGKILL),
        ("supervisor", false, Signal::SIGKILL),
        ("runner", false, Signal::SIGKILL),
        ("planner", false, Signal::SIGKILL),
        ("monitor", true, Signal::SIGKILL),
        ("monitor", true, Signal::SIGTERM),
        ("supervisor", true, Signal::SIGKILL),
        ("planner", true, Signal::SIGKILL),
    ];
    for (whom, old, signal) in kills {
        let folder = dir.join("folder");
        fs::create_dir_all(&folder).unwrap();
        let index = folder.join("index");
        if old {
            fs::write(&index, OLD).unwrap();
        }
        let mut command = capdump(&["-0a", "--workers", "3", "-f"]);
        command.arg(&fifo).arg("--index").arg(&index).arg(&image);
        let mut child = command.stderr(File::create(dir.join("err")).unwrap()).spawn().unwrap();
        let id = child.id();
        // It waits for somebody to read.
        assert!(procs::until(LIMIT, || procs::descendants(id).len() == 6));
        let unfinished = format!("index.{id}");
        assert!(names_in(&folder).contains(&unfinished), "{:?}", names_in(&folder));
        let mut others = procs::descendants(id);
        others.sort_unstable();
        let whose = match whom {
            "monitor" => id,
            "supervisor" => others[0],
            "runner" => others[1],
            _ => others[2],
        };
        procs::send(whose, signal);
        let status = program::wait(&mut child, LIMIT);
        assert!(status.is_some_and(|status| !status.success()), "{status:?}");
        assert!(procs::ended(id));
        let left = names_in(&folder);
        assert_eq!(left, if old { vec!["index"] } else { vec![] }, "{whom} {signal}");
        if old {
            assert_eq!(fs::read_to_string(&index).unwrap(), OLD);
        }
    }
}

/// Whenever the end comes, an index that is there is a whole one.
#[test]
fn killed_at_any_moment_it_is_whole_or_not_there() {
    let dir = TempDir::new("capdump-index");
    let image = image(&dir);
    let index = dir.join("index");
    dump(&["-a", "-f", "/dev/null"], &index, &image).ok();
    let good = fs::read(&index).unwrap();
    let (mut tries, mut early) = (0, 0);
    // A busy machine may give us our turn when all is written: then once more.
    while tries < 36 || early < 12 {
        assert!(tries < 600, "{early} of {tries} were killed before they were whole");
        let n = tries % 36;
        tries += 1;
        fs::remove_file(&index).ok();
        let mut command = capdump(&["-0a", "-f", "/dev/null", "--index"]);
        command.arg(&index).arg(&image).stderr(File::create(dir.join("err")).unwrap());
        let mut child = command.spawn().unwrap();
        // As soon as it is there, or when so much of it is written, or it has its name.
        let unfinished = dir.join(&format!("index.{}", child.id()));
        let part = good.len() as u64 * u64::saturating_sub(n, 12) / 24;
        let written = || fs::metadata(&unfinished).is_ok_and(|meta| meta.len() >= part) || index.exists();
        let end = Instant::now() + LIMIT;
        while !written() {
            assert!(Instant::now() < end, "{n}");
        }
        procs::send(child.id(), Signal::SIGKILL);
        assert!(program::wait(&mut child, LIMIT).is_some());
        assert!(procs::ended(child.id()));
        if index.exists() {
            assert!(fs::read(&index).unwrap() == good);
        } else {
            early += 1;
        }
        let left: Vec<String> =
            names_in(dir.path()).into_iter().filter(|name| name.starts_with("index.")).collect();
        assert_eq!(left, [""; 0]);
    }
}

#[test]
fn what_is_refused_at_the_start() {
    let dir = TempDir::new("capdump-index");
    small::mixed(&dir.join("image"));
    fs::write(dir.join("old"), OLD).unwrap();
    fs::write(dir.join("text"), "something else\n").unwrap();
    fs::create_dir(dir.join("folder")).unwrap();
    let image = fs::read(dir.join("image")).unwrap();
    for (options, said) in [
        (vec!["-S", "--index", "new"], "--index cannot be used here"),
        (vec!["--index", "new", "-W"], "--index cannot be used here"),
        (vec!["-f", "out", "--index", "out"], "Cannot write an index to out: it is an output of the dump"),
        (vec!["-f", "old", "--index", "./folder/../old"], "old: it is an output of the dump"),
        (vec!["-f", "a,b,c", "--index", "b"], "it is an output of the dump"),
        (vec!["--volumes-prefix", "-f", "v.", "--index", "v.017"], "it is an output of the dump"),
        (vec!["-f", "out", "--index", "image"], "index \"image\" is the disk that is being dumped"),
        (vec!["-f", "out", "--index", "text"], "text: exists and is not an index file"),
        (vec!["-f", "out", "--index", "/dev/null"], "/dev/null: not a regular file"),
        (vec!["-f", "out", "--index", "folder"], "folder: not a regular file"),
        (vec!["-f", "out", "--index", "none/index"], "none/index: No such file or directory"),
    ] {
        let mut command = capdump(&["-0"]);
        let ran = run(command.args(&options).arg("image").current_dir(dir.path()), LIMIT);
        assert_eq!(ran.code(), 1, "{options:?}: {}", ran.stderr);
        assert!(ran.stderr.contains(said), "{options:?}: {}", ran.stderr);
    }
    assert_eq!(names_in(dir.path()), ["folder", "image", "old", "text"]);
    assert!(fs::read(dir.join("image")).unwrap() == image);
    // A dump that is not for it may have such a name.
    let mut command = capdump(&["-0a", "--volumes-prefix", "-f", "v.", "--index", "v.x17", "image"]);
    run(command.current_dir(dir.path()), LIMIT).ok();
    assert!(dir.join("v.x17").exists());
}

#[test]
fn what_refuses_the_image_leaves_nothing() {
    let dir = TempDir::new("capdump-index");
    fs::write(dir.join("image"), vec![7; 200_000]).unwrap();
    let ran = dump(&["-a", "-f", "/dev/null"], &dir.join("index"), &dir.join("image"));
    assert_eq!(ran.code(), 1, "{}", ran.stderr);
    assert!(procs::ended(ran.id));
    assert_eq!(names_in(dir.path()), ["image"]);
}

/// The supervisor is killed between the making of the file and the word that it is made, which strace holds back.
#[test]
fn a_supervisor_killed_before_it_is_told_of_the_file_leaves_none() {
    if !have("strace") {
        return skipped("no strace");
    }
    let dir = TempDir::new("capdump-index");
    let (image, folder) = (dir.join("image"), dir.join("folder"));
    small::one_file(&image, 1 << 20);
    fs::create_dir(&folder).unwrap();
    let mut command = without_tty(Path::new("strace"));
    command.args(["-D", "-qq", "-o"]).arg(dir.join("trace"));
    command.args(["-e", "trace=sendmsg", "-e", "inject=sendmsg:delay_enter=1000000"]);
    command.arg(env!("CARGO_BIN_EXE_capdump")).args(["-0a", "-f", "/dev/null", "--index"]);
    command.arg(folder.join("index")).arg(&image).stderr(File::create(dir.join("err")).unwrap());
    let mut child = command.spawn().unwrap();
    assert!(procs::until(LIMIT, || !names_in(&folder).is_empty()));
    for id in procs::descendants(child.id()) {
        procs::send(id, Signal::SIGKILL);
    }
    let status = program::wait(&mut child, LIMIT);
    assert!(status.is_some_and(|status| !status.success()), "{status:?}");
    assert_eq!(names_in(&folder), [""; 0], "{}", fs::read_to_string(dir.join("err")).unwrap());
}
