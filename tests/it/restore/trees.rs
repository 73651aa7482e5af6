// SPDX-License-Identifier: BSD-2-Clause
//! Dumps that capdump made of trees of all kinds are restored as our own decoder reads them.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use capdump_support::caprestore::{Place, differences, run_in};
use capdump_support::makefs::makefs;
use capdump_support::program::{have, is_root, run, skipped, without_tty};
use capdump_support::stream_writer::Stream;
use capdump_support::{swap, tree};

use super::{caprestore, decoded};

const LIMIT: Duration = Duration::from_secs(120);

/// A dump of a mixed tree, with these options of dump.
pub(super) fn dump(place: &Place, options: &[&str]) -> Option<PathBuf> {
    if !have("makefs") {
        skipped("makefs(8) is not there");
        return None;
    }
    tree::mixed(&place.join("source"));
    makefs(&place.join("image"), &place.join("source"), 2, (8192, 1024), &[]);
    let dump = place.join("dump");
    let mut command = without_tty(Path::new(env!("CARGO_BIN_EXE_capdump")));
    run(command.args(["-0a"]).args(options).arg("-f").arg(&dump).arg(place.join("image")), LIMIT).ok();
    Some(dump)
}

const BESIDE: [&str; 5] = ["source", "image", "dump", "into", "into.answers"];

#[test]
fn a_mixed_tree_by_r_and_x() {
    let place = Place::new();
    let Some(dump) = dump(&place, &[]) else { return };
    if !is_root() {
        skipped("owners and devices need root");
        return;
    }
    let stream = fs::read(&dump).unwrap();
    let into = place.join("into");
    for (option, answers) in [("-rf", ""), ("-xf", "1\ny\n")] {
        let ran = run_in(caprestore().arg(option).arg(&dump), &into, answers).ok();
        assert_eq!(ran.stdout, b"");
        assert_eq!(differences(&into, &decoded(&stream)), [""; 0], "{option}: {}", ran.stderr);
        place.check(&BESIDE);
        fs::remove_dir_all(&into).unwrap();
    }
    let ran = run_in(caprestore().args(["-r", "-P"]).arg(format!("cat {}", dump.display())), &into, "").ok();
    assert_eq!(differences(&into, &decoded(&stream)), [""; 0], "{}", ran.stderr);
}

#[test]
fn holes_are_holes() {
    let place = Place::new();
    let (dump, into) = (place.join("dump"), place.join("into"));
    let mut data = vec![0; 3_000_000];
    data[1_500_000..1_600_000].copy_from_slice(&tree::bytes(1, 100_000));
    data[2_000_000] = 1;
    let mut stream = Stream::new();
    stream.directory(2, 2, &[(b"holes", 4, 8), (b"only", 5, 8), (b"full", 6, 8)]);
    stream.sparse(4, &data).sparse(5, &[0; 700_001]).file(6, &[0; 300_000]);
    fs::write(&dump, stream.bytes()).unwrap();
    run_in(caprestore().arg("-xf").arg(&dump).args(["holes", "only", "full"]), &into, "1\nn\n").ok();
    assert!(fs::read(into.join("holes")).unwrap() == data);
    let blocks = |name: &str| fs::metadata(into.join(name)).unwrap().blocks() * 512;
    assert!(blocks("holes") < 200_000, "{}", blocks("holes"));
    assert!(fs::metadata(into.join("only")).unwrap().size() == 700_001 && blocks("only") < 20_000);
    assert!(blocks("full") >= 300_000);
}

#[test]
fn several_writers_make_the_same_tree() {
    if !is_root() {
        return skipped("owners need root");
    }
    let place = Place::new();
    let (dump, into) = (place.join("dump"), place.join("into"));
    let (directories, files) = (30, 24);
    let mut stream = Stream::new();
    let names: Vec<Vec<u8>> = (0..files + 3).map(|number| format!("name{number}").into_bytes()).collect();
    let top: Vec<(&[u8], u32, u8)> = (0..20).map(|at| (&names[at][..], 3 + at as u32, 4)).collect();
    stream.directory(2, 2, &top);
    let first = |at: u32| 100 + at * (files as u32 + 1);
    for at in 0..directories {
        // The last ten are below the first ones.
        let parent = if at < 20 { 2 } else { 3 + at - 20 };
        let file = |number: usize| first(at) + number as u32;
        let mut entries: Vec<(&[u8], u32, u8)> =
            (0..files).map(|number| (&names[number][..], file(number), 8)).collect();
        entries.push((&names[files], file(files), 10));
        // A further name of a file of another directory.
        entries.push((&names[files + 1], first((at + 7) % directories), 8));
        if at < 10 {
            entries.push((&names[files + 2], 23 + at, 4));
        }
        stream.directory(3 + at, parent, &entries);
    }
    for at in 0..directories {
        for number in 0..files as u32 {
            // One is larger than what a writer gets at once.
            let length = if number == 5 && at % 10 == 0 { 2_500_000 } else { 10_000 };
            stream.file(first(at) + number, &tree::bytes((at * 100 + number).into(), length));
        }
        stream.inode(first(at) + files as u32, 0o120_777, format!("to{at}").as_bytes());
    }
    fs::write(&dump, stream.bytes()).unwrap();
    for jobs in ["1", "2", "5"] {
        let ran = run_in(caprestore().args(["--jobs", jobs, "-rf"]).arg(&dump), &into, "").ok();
        assert_eq!(ran.stderr, "", "{jobs}");
        assert_eq!(differences(&into, &decoded(&stream.bytes())), [""; 0], "{jobs}");
        assert_eq!(fs::metadata(into.join("name0/name0")).unwrap().nlink(), 2);
        fs::remove_dir_all(&into).unwrap();
    }
}

#[test]
fn compressed_and_of_the_other_byte_order() {
    let place = Place::new();
    let Some(dump) = dump(&place, &["--compress=zstd"]) else { return };
    if !is_root() {
        skipped("owners and devices need root");
        return;
    }
    let into = place.join("into");
    run_in(caprestore().arg("-rf").arg(&dump), &into, "").ok();
    let plain = place.join("plain");
    let mut command = without_tty(Path::new(env!("CARGO_BIN_EXE_capdump")));
    run(command.args(["-0af"]).arg(&plain).arg(place.join("image")), LIMIT).ok();
    let stream = fs::read(&plain).unwrap();
    assert_eq!(differences(&into, &decoded(&stream)), [""; 0]);

    fs::remove_dir_all(&into).unwrap();
    fs::write(&dump, swap::stream(&stream)).unwrap();
    run_in(caprestore().arg("-rf").arg(&dump), &into, "").ok();
    assert_eq!(differences(&into, &decoded(&stream)), [""; 0]);
}

#[test]
fn several_volumes_of_a_list_and_by_question() {
    let place = Place::new();
    let Some(dump) = dump(&place, &[]) else { return };
    if !is_root() {
        skipped("owners and devices need root");
        return;
    }
    let stream = fs::read(&dump).unwrap();
    let names: Vec<String> = (1..=12).map(|n| place.join(&format!("v{n}")).display().to_string()).collect();
    let mut command = without_tty(Path::new(env!("CARGO_BIN_EXE_capdump")));
    run(command.args(["-0", "-B", "400", "-f", &names.join(",")]).arg(place.join("image")), LIMIT).ok();
    let names: Vec<String> = names.into_iter().filter(|name| Path::new(name).exists()).collect();
    assert!(names.len() > 3);
    let into = place.join("into");
    let ran = run_in(caprestore().args(["-rf", &names.join(",")]), &into, "").ok();
    assert_eq!(differences(&into, &decoded(&stream)), [""; 0], "{}", ran.stderr);
    fs::remove_dir_all(&into).unwrap();

    // One that is wrong, then the right ones.
    let answers: String =
        [&names[2], &names[1]].into_iter().chain(&names[2..]).map(|name| format!("{name}\n")).collect();
    let ran = run_in(caprestore().args(["-rf", &names[0]]), &into, &answers).ok();
    assert!(
        ran.stderr.contains("Mount tape volume 2\n") && ran.stderr.contains("Wrong volume (3)\n"),
        "{}",
        ran.stderr
    );
    assert_eq!(differences(&into, &decoded(&stream)), [""; 0], "{}", ran.stderr);
    fs::remove_dir_all(&into).unwrap();

    let ran = run_in(caprestore().args(["-rf", &names[0]]), &into, "none\n");
    assert_eq!(ran.code(), 1, "{}", ran.stderr);
    assert!(ran.stderr.contains("not found on tape"), "{}", ran.stderr);
}

#[test]
fn what_writes_to_a_pipe_is_read_to_its_end() {
    let place = Place::new();
    let dump = place.join("dump");
    let mut stream = Stream::new();
    stream.directory(2, 2, &[(b"first", 4, 8), (b"last", 5, 8)]).file(4, b"data").file(5, &[7; 2_000_000]);
    fs::write(&dump, stream.bytes()).unwrap();
    for what in ["-tf -", "-xf - first"] {
        let caprestore = env!("CARGO_BIN_EXE_caprestore");
        let script = format!("(cat {}; echo status $? >&2) | {caprestore} {what}", dump.display());
        let ran = run_in(without_tty(Path::new("sh")).args(["-c", &script]), &place.join("into"), "").ok();
        assert!(ran.stderr.contains("status 0\n"), "{what}: {}", ran.stderr);
    }
}

#[test]
fn into_another_folder_and_by_inode() {
    let place = Place::new();
    let Some(dump) = dump(&place, &[]) else { return };
    let (into, there) = (place.join("into"), place.join("there"));
    fs::create_dir(&there).unwrap();
    let mut command = caprestore();
    command.args(["-xmf"]).arg(&dump).arg("--into").arg(&there).args(["large", "other"]);
    run_in(&mut command, &into, "1\nn\n").ok();
    assert_eq!(fs::read_dir(&into).unwrap().count(), 0);
    let names: Vec<u64> = fs::read_dir(&there)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap().parse().unwrap())
        .collect();
    assert_eq!(names.len(), 2, "{names:?}");
    assert!(names.iter().any(|name| fs::metadata(there.join(name.to_string())).unwrap().len() == 1_300_000));
}

#[test]
fn a_cut_dump_ends_with_status_1() {
    let place = Place::new();
    let Some(dump) = dump(&place, &[]) else { return };
    let mut stream = fs::read(&dump).unwrap();
    stream.truncate(stream.len() / 2 / 1024 * 1024);
    fs::write(&dump, &stream).unwrap();
    let ran = run_in(caprestore().arg("-rf").arg(&dump), &place.join("into"), "");
    assert_eq!(ran.code(), 1, "{}", ran.stderr);
    assert!(ran.stderr.starts_with("Mount tape volume 2\n"), "{}", ran.stderr);
    let ran = run_in(caprestore().args(["-xf", "-", "large"]), &place.join("into2"), "");
    assert_eq!(ran.code(), 1, "an empty standard input: {}", ran.stderr);
}

#[test]
fn a_full_disk_is_reported() {
    let place = Place::new();
    let Some(dump) = dump(&place, &[]) else { return };
    let into = place.join("into");
    let limited = format!(
        "ulimit -f 500; exec {} -xf {} large size40000",
        env!("CARGO_BIN_EXE_caprestore"),
        dump.display()
    );
    let ran = run_in(without_tty(Path::new("sh")).args(["-c", &limited]), &into, "1\nn\n");
    assert_eq!(ran.code(), 1, "{}", ran.stderr);
    assert!(
        ran.stderr.contains("write error extracting inode ")
            && ran.stderr.contains(", name ./large\nwrite: File too large\n"),
        "{}",
        ran.stderr
    );
}
