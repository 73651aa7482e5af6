// SPDX-License-Identifier: BSD-2-Clause
//! Dumps that are read: some volumes only, hostile maps, files that are no dump, an index or none, signals and progress.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::check::{capdump, check};
use capdump_support::header::{BLOCK, Kind, change};
use capdump_support::makefs::makefs;
use capdump_support::program::{self, Ran, TempDir, have, run, skipped, without_tty};
use capdump_support::pty::Session;
use capdump_support::{canonical, swap, tree};

const LIMIT: Duration = Duration::from_secs(120);

/// A folder with an image and its dump.
struct Sample {
    dir: TempDir,
    dump: Vec<u8>,
}

impl Sample {
    fn new() -> Option<Sample> {
        if !have("makefs") {
            skipped("makefs(8) is not there");
            return None;
        }
        let dir = TempDir::new("capdump-reading");
        tree::mixed(&dir.join("source"));
        makefs(&dir.join("image"), &dir.join("source"), 2, (8192, 1024), &[]);
        run(capdump().args(["-0a", "-f"]).arg(dir.join("dump")).arg(dir.join("image")), LIMIT).ok();
        let dump = std::fs::read(dir.join("dump")).unwrap();
        Some(Sample { dir, dump })
    }

    fn write(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.dir.join(name);
        std::fs::write(&path, bytes).unwrap();
        path
    }

    /// Volumes of `limit` KB.
    fn volumes(&self, limit: &str, more: &[&str]) -> Vec<PathBuf> {
        let names: Vec<PathBuf> = (1..=40).map(|n| self.dir.join(&format!("v{n}"))).collect();
        names.iter().for_each(|name| _ = std::fs::remove_file(name));
        let list: Vec<String> = names.iter().map(|name| name.display().to_string()).collect();
        let mut command = capdump();
        command
            .args(["-0", "-B", limit])
            .args(more)
            .arg("-f")
            .arg(list.join(","))
            .arg(self.dir.join("image"));
        run(&mut command, LIMIT).ok();
        names.into_iter().filter(|name| name.exists()).collect()
    }
}

#[test]
fn one_volume_of_several() {
    let Some(sample) = Sample::new() else { return };
    let volumes = sample.volumes("200", &[]);
    assert!(volumes.len() > 3);
    let goes_on = |n: usize| format!("it continues on volume {n}, which was not given");
    for (at, volume) in volumes.iter().enumerate().skip(1) {
        let ran = check(std::slice::from_ref(volume)).ok();
        assert!(
            ran.stderr.contains(&format!("the dump is read from volume {} on", at + 1)),
            "{}",
            ran.stderr
        );
        assert!(ran.stderr.contains("no damage found; not all volumes were specified"), "{}", ran.stderr);
        assert_eq!(ran.stderr.contains(&goes_on(at + 2)), at + 1 < volumes.len(), "{}", ran.stderr);
    }
    // The first volumes: what is not on them is named.
    let ran = check(&volumes[..2]).ok();
    assert!(ran.stderr.contains(&goes_on(3)) && ran.stderr.contains(" inodes not seen\n"), "{}", ran.stderr);
    assert!(ran.stderr.contains(": in the map, but not on the volumes given"), "{}", ran.stderr);
    // Of the first volume alone nothing tells whether it is whole, unless the limit is given.
    let ran = check(&volumes[..1]);
    assert_eq!(ran.code(), 3);
    let cut = "it was cut short, or further volumes were not given";
    assert!(ran.stderr.contains(cut), "{}", ran.stderr);
    let ran = run(capdump().args(["--check", "-B", "200"]).arg(&volumes[0]), LIMIT).ok();
    assert!(ran.stderr.contains(&goes_on(2)), "{}", ran.stderr);
    // A volume that was cut short is damaged, also at the end of a record.
    for cut in [1, 10, 57] {
        let whole = std::fs::read(&volumes[1]).unwrap();
        let short = sample.write("short", &whole[..whole.len() - cut * BLOCK]);
        assert_eq!(check(std::slice::from_ref(&short)).code(), 3, "{cut}");
        assert_eq!(check(&[volumes[0].clone(), short.clone()]).code(), 3, "{cut}");
        assert_eq!(run(capdump().args(["--check", "-B", "200"]).arg(&short), LIMIT).code(), 3, "{cut}");
    }
    let ran = run(capdump().args(["--check", "--json"]).args(&volumes[..2]), LIMIT).ok();
    let text = String::from_utf8(ran.stdout).unwrap();
    let summary: serde_json::Value = serde_json::from_str(text.lines().last().unwrap()).unwrap();
    assert!(summary["complete"] == false && summary["good"] == true, "{summary}");
    assert!(summary["unseen"].as_u64().unwrap() > 0, "{summary}");
}

/// The table at the end of a compressed volume says that it was closed.
#[test]
fn one_compressed_volume_of_several() {
    let Some(sample) = Sample::new() else { return };
    let volumes = sample.volumes("200", &["--compress", "zstd"]);
    assert!(volumes.len() > 1);
    for volume in &volumes {
        check(std::slice::from_ref(volume)).ok();
    }
    let whole = std::fs::read(&volumes[0]).unwrap();
    let frames = 4 + whole.windows(4).rposition(|four| four == [0x28, 0xb5, 0x2f, 0xfd]).unwrap_or(0);
    let table = whole.windows(4).rposition(|four| four == [0x5e, 0x2a, 0x4d, 0x18]).unwrap();
    assert!(table > frames);
    let short = sample.write("short", &whole[..table]);
    assert_eq!(check(&[short]).code(), 3);
}

/// What the map has and the dump has not is damage, even where there is no gap.
#[test]
fn an_inode_of_the_map_that_is_not_there() {
    let Some(sample) = Sample::new() else { return };
    let blocks = canonical::blocks(&sample.dump);
    let bits = blocks.iter().position(|b| b.0 == canonical::Block::Header(Kind::Bits)).unwrap();
    let clri = blocks.iter().position(|b| b.0 == canonical::Block::Header(Kind::Clri)).unwrap();
    let mut bad = sample.dump.clone();
    // Inodes 8001 to 8008, which are free.
    for map in [bits, clri] {
        assert_eq!(bad[(map + 1) * BLOCK + 1000], 0);
        bad[(map + 1) * BLOCK + 1000] = 0xff;
    }
    let ran = check(&[sample.write("bad", &bad)]);
    assert_eq!(ran.code(), 3, "{}", ran.stderr);
    assert!(ran.stderr.contains("inode 8001: in the map, but was not dumped\n"), "{}", ran.stderr);
    assert!(ran.stderr.ends_with("8 inodes lost, 0 damaged\n"), "{}", ran.stderr);
}

/// A header that claims 2^31 - 1 tape blocks of map: the rest of the dump is read as a map.
#[test]
fn a_flood_of_findings() {
    let Some(sample) = Sample::new() else { return };
    let blocks = canonical::blocks(&sample.dump);
    for kind in [Kind::Bits, Kind::Clri] {
        let at = blocks.iter().position(|b| b.0 == canonical::Block::Header(kind)).unwrap();
        let mut bad = sample.dump.clone();
        let count = 0x7fff_ffff_u32.to_le_bytes();
        change(&mut bad[at * BLOCK..(at + 1) * BLOCK], |header| header[160..164].copy_from_slice(&count));
        // Alternating bits, so that no two inodes follow each other.
        bad[(at + 2) * BLOCK..].fill(0x55);
        for json in [&[][..], &["--json"]] {
            let ran = run(capdump().arg("--check").args(json).arg(sample.write("bad", &bad)), LIMIT);
            assert_eq!(ran.code(), 3);
            let said = ran.stderr.len() + ran.stdout.len();
            assert!(said < 1 << 20 && ran.took < Duration::from_secs(20), "{said} {:?}", ran.took);
            let text = ran.stderr + &String::from_utf8(ran.stdout).unwrap();
            if kind == Kind::Bits {
                assert!(
                    text.contains("more findings of this kind: ") || text.contains("\"unlisted\""),
                    "{text}"
                );
            }
        }
        // All bits: one run.
        bad[(at + 2) * BLOCK..].fill(0xff);
        let ran = check(&[sample.write("bad", &bad)]);
        if kind == Kind::Bits {
            let ranges = ran.stderr.lines().filter(|line| line.contains("inodes ")).count();
            assert!(ranges > 0 && ran.stderr.lines().count() < 1000, "{}", ran.stderr);
        }
    }
}

#[test]
fn files_that_are_no_dump_are_named() {
    let Some(sample) = Sample::new() else { return };
    let dump = sample.dir.join("dump");
    let mut tried = 0;
    let mut named = |bytes: Vec<u8>, word: &str| {
        let path = sample.write("other", &bytes);
        for option in ["--check", "--list"] {
            let ran = run(capdump().arg(option).arg(&path), LIMIT);
            assert_eq!((ran.code(), ran.stderr.lines().count()), (1, 1), "{word}: {}", ran.stderr);
            assert!(ran.stderr.contains(word), "{word}: {}", ran.stderr);
        }
        // The same from a pipe.
        let through = format!("cat {} | {} --check -", path.display(), env!("CARGO_BIN_EXE_capdump"));
        let ran = run(without_tty(Path::new("sh")).args(["-c", &through]), LIMIT);
        assert_eq!(ran.code(), 1, "{word}: {}", ran.stderr);
        assert!(ran.stderr.contains(word), "{word}: {}", ran.stderr);
        tried += 1;
    };
    for program in ["gzip", "xz", "bzip2", "lz4"] {
        if !have(program) {
            skipped(&format!("{program}(1) is not there"));
            continue;
        }
        let packed = Command::new(program).args(["-q", "-c"]).arg(&dump).output().unwrap();
        assert!(packed.status.success());
        named(packed.stdout.clone(), program);
        // Amanda compresses what is behind its header.
        named([amanda("FILE").as_slice(), &packed.stdout].concat(), program);
    }
    let tar =
        Command::new("tar").args(["-cf", "-", "-C"]).arg(sample.dir.path()).arg("dump").output().unwrap();
    named(tar.stdout, "tar");
    named(b"070701000000010000".to_vec(), "cpio");
    named(std::fs::read(sample.dir.join("image")).unwrap(), "UFS");
    named(amanda("TAPESTART"), "Amanda");
    let mut old = sample.dump.clone();
    old[24..28].copy_from_slice(&60_011_u32.to_le_bytes());
    named(old.clone(), "60011");
    old[24..28].copy_from_slice(&60_011_u32.to_be_bytes());
    named(old, "60011");
    assert!(tried >= 6);
    let ran = check(&[sample.write("empty", b"")]);
    assert_eq!(ran.code(), 3);
    assert!(ran.stderr.contains("the volume is empty"), "{}", ran.stderr);
}

/// A header of 32 KB.
fn amanda(kind: &str) -> Vec<u8> {
    let mut header =
        format!("AMANDA: {kind} 20260102030405 host /usr lev 0 comp N program /sbin/dump\n\x0c\n");
    header.extend(std::iter::repeat_n('\0', (32 << 10) - header.len()));
    header.into_bytes()
}

#[test]
fn a_header_of_amanda_is_skipped() {
    let Some(sample) = Sample::new() else { return };
    for kind in ["FILE", "SPLIT_FILE", "CONT_FILE"] {
        let path = sample.write("amanda", &[amanda(kind), sample.dump.clone()].concat());
        let ran = check(std::slice::from_ref(&path)).ok();
        assert!(ran.stderr.contains("the 32 KB header of Amanda is skipped"), "{}", ran.stderr);
        let small = sample.dir.join("small");
        run(capdump().args(["--emit", "names", "-f"]).arg(&small).arg(&path), LIMIT).ok();
        check(&[small]).ok();
        let through = format!("cat {} | {} --check -", path.display(), env!("CARGO_BIN_EXE_capdump"));
        run(without_tty(Path::new("sh")).args(["-c", &through]), LIMIT).ok();
    }
}

#[test]
fn large_windows_are_refused() {
    let Some(sample) = Sample::new() else { return };
    if !have("zstd") {
        return skipped("zstd(1) is not there");
    }
    let (dump, packed) = (sample.dir.join("dump"), sample.dir.join("z"));
    for log in [24, 27] {
        // From a pipe, whose length is not known, the window is as long as was asked for.
        let command = format!("cat {} | zstd -q --long={log} -c >{}", dump.display(), packed.display());
        run(without_tty(Path::new("sh")).args(["-c", &command]), LIMIT).ok();
        let ran = check(&[sample.dir.join("z")]);
        assert_eq!(ran.code(), 1, "{}", ran.stderr);
        assert!(ran.stderr.contains(&format!("--long={log} permits it")), "{}", ran.stderr);
        run(capdump().args(["--check", "--long", &log.to_string()]).arg(sample.dir.join("z")), LIMIT).ok();
    }
    let ran = run(capdump().args(["-0", "--long", "27", "x"]), LIMIT);
    assert!(ran.stderr.contains("--long cannot be used here"), "{}", ran.stderr);
}

/// `--emit` with and without an index writes the same bytes and says the same, and the result is sound.
#[test]
fn emit_with_and_without_an_index() {
    let Some(sample) = Sample::new() else { return };
    let index = sample.dir.join("index");
    let paths = [
        &["."][..],
        &["deep"],
        &["other/hard", "large"],
        &["names", "holes", "link900"],
        &["large", "no/such"],
    ];
    for (kind, more) in [
        ("plain", &["-a"][..]),
        ("compressed", &["-a", "--compress", "zstd"]),
        ("volumes", &["-B", "300"]),
        ("compressed volumes", &["-B", "200", "--compress", "zstd"]),
    ] {
        let names: Vec<PathBuf> = (1..=40).map(|n| sample.dir.join(&format!("v{n}"))).collect();
        names.iter().chain([&index]).for_each(|name| _ = std::fs::remove_file(name));
        let list: Vec<String> = names.iter().map(|name| name.display().to_string()).collect();
        let list = if more[0] == "-a" { list[0].clone() } else { list.join(",") };
        let mut command = capdump();
        command
            .arg("-0")
            .args(more)
            .arg("--index")
            .arg(&index)
            .arg("-f")
            .arg(list)
            .arg(sample.dir.join("image"));
        run(&mut command, LIMIT).ok();
        let volumes: Vec<PathBuf> = names.into_iter().filter(|name| name.exists()).collect();
        paths.iter().for_each(|paths| same(&sample, paths, &volumes, &index, kind));
        // The index has lost lines.
        let whole = std::fs::read_to_string(&index).unwrap();
        let kept: Vec<&str> =
            whole.lines().filter(|line| !line.contains("/size") && !line.contains("hard")).collect();
        std::fs::write(&index, kept.join("\n") + "\n").unwrap();
        paths.iter().for_each(|paths| same(&sample, paths, &volumes, &index, kind));
        // It leads to wrong places.
        let wrong = whole.replace("\t10", "\t11").replace("\t3", "\t2");
        std::fs::write(&index, wrong).unwrap();
        let mut emit = capdump();
        emit.args(["--emit", ".", "--index"])
            .arg(&index)
            .arg("-f")
            .arg(sample.dir.join("small"))
            .args(&volumes);
        run(&mut emit, LIMIT);
        std::fs::write(&index, &whole).unwrap();
        // A part of a volume is damaged: compressed frames and headers as well.
        let mut bad = std::fs::read(&volumes[0]).unwrap();
        for step in 1..8 {
            let at = bad.len() / 8 * step;
            bad[at] ^= 0x20;
            let end = bad.len().min(at + 3000);
            bad[at + 100..end].fill(0);
            let mut damaged = volumes.clone();
            damaged[0] = sample.write("damaged", &bad);
            same(&sample, &["."], &damaged, &index, kind);
            same(&sample, &["names", "large", "deep"], &damaged, &index, kind);
            bad = std::fs::read(&volumes[0]).unwrap();
        }
    }
    // Of the other byte order.
    let straight = sample.dir.join("straight");
    let mut command = capdump();
    command.args(["-0a", "--index"]).arg(&index).arg("-f").arg(&straight).arg(sample.dir.join("image"));
    run(&mut command, LIMIT).ok();
    let big = sample.write("big", &swap::stream(&std::fs::read(straight).unwrap()));
    paths.iter().for_each(|paths| same(&sample, paths, std::slice::from_ref(&big), &index, "big-endian"));
}

#[track_caller]
fn same(sample: &Sample, paths: &[&str], volumes: &[PathBuf], index: &Path, kind: &str) {
    let emit = |name: &str, more: &[&std::ffi::OsStr]| {
        let out = sample.dir.join(name);
        _ = std::fs::remove_file(&out);
        let mut command = capdump();
        paths.iter().for_each(|path| _ = command.args(["--emit", path]));
        let ran = run(command.args(more).arg("-f").arg(&out).args(volumes), LIMIT);
        (ran, std::fs::read(out).unwrap())
    };
    let (without, bytes) = emit("without", &[]);
    let (with, other) = emit("with", &["--index".as_ref(), index.as_os_str()]);
    assert_eq!((with.code(), &with.stderr), (without.code(), &without.stderr), "{kind} {paths:?}");
    assert!(bytes == other, "{kind} {paths:?}: {} and {} bytes", bytes.len(), other.len());
    if without.code() == 0 {
        check(&[sample.dir.join("with")]).ok();
    }
}

/// A reader of a pipe that has had `first` and waits for more.
fn waiting(purpose: &[&str], first: &[u8], errors: &Path) -> Child {
    let mut command = program::command(Path::new(env!("CARGO_BIN_EXE_capdump")));
    command.args(purpose).arg("-").stdin(Stdio::piped()).stdout(Stdio::null());
    let mut child = command.stderr(std::fs::File::create(errors).unwrap()).spawn().unwrap();
    child.stdin.as_mut().unwrap().write_all(first).unwrap();
    child
}

fn signal(child: &Child, signal: nix::sys::signal::Signal) {
    nix::sys::signal::kill(nix::unistd::Pid::from_raw(child.id().cast_signed()), signal).unwrap();
}

/// Waits until the file has `text`.
#[track_caller]
fn says(file: &Path, text: &str) {
    let end = Instant::now() + Duration::from_secs(20);
    while !std::fs::read_to_string(file).unwrap().contains(text) {
        assert!(Instant::now() < end, "{text}: {:?}", std::fs::read_to_string(file));
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[cfg(target_os = "linux")]
const INFO: nix::sys::signal::Signal = nix::sys::signal::Signal::SIGUSR1;
#[cfg(not(target_os = "linux"))]
const INFO: nix::sys::signal::Signal = nix::sys::signal::Signal::SIGINFO;

#[test]
fn a_signal_asks_how_far_it_is() {
    let Some(sample) = Sample::new() else { return };
    let errors = sample.dir.join("errors");
    let small = sample.dir.join("small").display().to_string();
    for purpose in [&["--check"][..], &["--list"], &["--emit", "large", "-f", &small]] {
        let mut child = waiting(purpose, &sample.dump[..40_000], &errors);
        std::thread::sleep(Duration::from_millis(300));
        signal(&child, INFO);
        says(&errors, "  DUMP: volume 1, 0 MB read\n");
        let mut stdin = child.stdin.take().unwrap();
        stdin.write_all(&sample.dump[40_000..]).unwrap();
        drop(stdin);
        assert!(child.wait().unwrap().success(), "{}", std::fs::read_to_string(&errors).unwrap());
    }
}

#[test]
fn a_signal_ends_it() {
    let Some(sample) = Sample::new() else { return };
    use nix::sys::signal::Signal::{SIGINT, SIGTERM};
    let errors = sample.dir.join("errors");
    for (sig, words) in [(SIGINT, "Interrupt received."), (SIGTERM, "Signal received.")] {
        let mut child = waiting(&["--check"], &sample.dump[..40_000], &errors);
        std::thread::sleep(Duration::from_millis(300));
        signal(&child, sig);
        assert_eq!(child.wait().unwrap().code(), Some(3));
        let text = std::fs::read_to_string(&errors).unwrap();
        assert_eq!(text, format!("  DUMP: {words} The dump was not read to its end.\n"));
    }
}

/// The signal can come at any moment once the program's own code runs: it is held back then, before anything else.
#[test]
fn a_signal_at_once() {
    let Some(sample) = Sample::new() else { return };
    let dump = sample.dir.join("dump");
    for micros in (0..6000).step_by(150) {
        let mut command = Command::new(env!("CARGO_BIN_EXE_capdump"));
        let mut child = command.arg("--check").arg(&dump).stderr(Stdio::null()).spawn().unwrap();
        while cfg!(target_os = "linux") && !holds_info(child.id()) {
            std::thread::yield_now();
        }
        std::thread::sleep(Duration::from_micros(if cfg!(target_os = "linux") { micros } else { 50_000 }));
        signal(&child, INFO);
        assert!(child.wait().unwrap().success(), "after {micros} us");
    }
}

/// Whether SIGUSR1, number 10 on Linux, is blocked in a process, or the process has ended.
fn holds_info(id: u32) -> bool {
    let Ok(status) = std::fs::read_to_string(format!("/proc/{id}/status")) else { return true };
    let blocked = status.lines().find_map(|line| line.strip_prefix("SigBlk:"));
    status.contains("State:\tZ")
        || blocked.is_some_and(|mask| u64::from_str_radix(mask.trim(), 16).unwrap() >> 9 & 1 == 1)
}

#[test]
fn a_bar_and_a_summary_on_a_terminal() {
    let Some(sample) = Sample::new() else { return };
    let mut command = Session::command(Path::new(env!("CARGO_BIN_EXE_capdump")));
    command.env("TERM", "xterm").arg("--check").arg(sample.dir.join("dump"));
    let (status, shown) = Session::start(command).finish(LIMIT);
    assert!(status.unwrap().success(), "{shown}");
    assert!(shown.contains("reading volume 1 ["), "{shown}");
    assert!(shown.trim_end().ends_with(" MB/s"), "{shown}");
}

#[test]
fn what_has_no_checksum_is_said() {
    let Some(sample) = Sample::new() else { return };
    let said = |ran: Ran| ran.stderr.contains("file data has no checksum");
    assert!(said(check(&[sample.dir.join("dump")]).ok()));
    let packed = sample.dir.join("packed");
    let image = sample.dir.join("image");
    run(capdump().args(["-0a", "--compress", "zstd", "-f"]).arg(&packed).arg(&image), LIMIT).ok();
    assert!(!said(check(&[packed]).ok()));
}

#[test]
fn a_listing_has_dates() {
    let Some(sample) = Sample::new() else { return };
    let list = |zone: &str| {
        let ran = run(capdump().env("TZ", zone).arg("--list").arg(sample.dir.join("dump")), LIMIT).ok();
        let text = String::from_utf8(ran.stdout).unwrap();
        text.lines().find(|line| line.ends_with(" ./large")).unwrap().to_owned()
    };
    let words = |line: &str| line.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
    let (utc, east) = (words(&list("UTC")), words(&list("XXX-3")));
    assert_eq!(utc.len(), 8, "{utc:?}");
    assert!(utc[5].len() == 10 && utc[5].as_bytes()[4] == b'-' && utc[6].as_bytes()[2] == b':', "{utc:?}");
    assert_ne!(utc[6], east[6]);
}
