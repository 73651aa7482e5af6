// SPDX-License-Identifier: BSD-2-Clause
//! The record of dumps: against the reference byte for byte, with other dumps at the same time, and when it cannot be
//! read, made or written.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use capdump_support::golden::Golden;
use capdump_support::header::Header;
use capdump_support::mounts::Tmpfs;
use capdump_support::procs;
use capdump_support::program::{self, Ran, TempDir, have, is_root, run, skipped, without_tty};
use capdump_support::ufs_writer::content::{Content, Fill};
use capdump_support::ufs_writer::geometry::Geometry;
use capdump_support::ufs_writer::inode::{Attrs, What};
use capdump_support::ufs_writer::{ROOT, Writer};
use nix::fcntl::{Flock, FlockArg};
use nix::sys::signal::Signal;

const LIMIT: Duration = Duration::from_secs(20);
/// `Tue Nov 14 22:13:20 2023`.
const NOW: &str = "1700000000";

fn capdump() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_capdump"))
}

/// A small file system of its own name, and a place to work in.
struct Place {
    dir: TempDir,
}

impl Place {
    fn new() -> Place {
        let place = Place { dir: TempDir::new("capdump-dumpdates") };
        place.image("image", 1000);
        place
    }

    fn image(&self, name: &str, size: u64) {
        let g = Geometry::new(2, (8192, 1024), 1, 64, 8 << 20);
        let mut w = Writer::create(&self.dir.join(name), &g, &Attrs::perm(0o755));
        let content = Content::full(size, g.bsize, Fill::Pattern(1));
        w.add(ROOT, b"file", &Attrs::default(), &What::File(content));
        w.finish();
    }

    fn dumpdates(&self) -> PathBuf {
        self.dir.join("dumpdates")
    }

    fn text(&self) -> String {
        fs::read_to_string(self.dumpdates()).unwrap()
    }

    /// capdump with these options, the dumpdates file, an image, all by their names in the folder.
    fn command(&self, options: &str) -> Command {
        let mut command = without_tty(capdump());
        self.arguments(&mut command, options);
        command
    }

    fn arguments(&self, command: &mut Command, options: &str) {
        command.current_dir(self.dir.path()).env("TZ", "UTC").env("SOURCE_DATE_EPOCH", NOW);
        command.args(["-D", "dumpdates"]).args(options.split(' '));
    }

    fn run(&self, options: &str) -> Ran {
        run(&mut self.command(options), LIMIT)
    }

    /// Starts a dump of a larger image to a pipe that nobody reads yet.
    fn hold(&self) -> Held {
        self.image("large", 3 << 20);
        let log = self.dir.join("log");
        let mut command = self.command("-0uf - large");
        command.stdout(Stdio::piped()).stderr(File::create(&log).unwrap());
        let held = Held { child: command.spawn().unwrap(), log };
        assert!(procs::until(LIMIT, || held.messages().contains("(Pass IV)")));
        held
    }
}

/// A dump that stands still, as its pipe is full.
struct Held {
    child: Child,
    log: PathBuf,
}

impl Held {
    fn messages(&self) -> String {
        fs::read_to_string(&self.log).unwrap()
    }

    /// Reads its stream to the end from now on, aside.
    fn read_on(&mut self) {
        let mut stdout = self.child.stdout.take().unwrap();
        std::thread::spawn(move || stdout.read_to_end(&mut Vec::new()).unwrap());
    }

    /// Its exit code and messages.
    fn end(mut self) -> (i32, String) {
        let status = program::wait(&mut self.child, LIMIT).expect("the end");
        (status.code().unwrap_or(-1), self.messages())
    }
}

fn line(name: &str, level: i32, date: &str) -> String {
    format!("{name:53} {level} {date}\n")
}

fn this(name: &str, level: i32) -> String {
    line(name, level, "Tue Nov 14 22:13:20 2023")
}

#[test]
fn dumpdates_after_each_step() {
    let Some(golden) = Golden::find() else { return };
    let images: std::collections::BTreeSet<_> =
        golden.cases.iter().filter(|c| c.name.starts_with('U')).map(|c| &c.image).collect();
    assert!(!images.is_empty());
    for image in images {
        // The reference began with an empty file.
        fs::create_dir_all(golden.scratch()).unwrap();
        fs::write(golden.scratch().join("dumpdates"), "").unwrap();
        for case in golden.cases.iter().filter(|c| c.name.starts_with('U') && c.image == *image) {
            let done = golden.run(case, capdump(), &[]);
            let found = golden.differences(case, &done);
            assert!(found.is_empty(), "{found:#?}");
            let dates = fs::read_to_string(golden.scratch().join("dumpdates")).unwrap();
            assert_eq!(dates, golden.text(case, "dumpdates"), "{image} {}", case.name);
            let head = Header::parse(&done.outputs[0][..1024]).unwrap();
            assert_eq!(head.i64("c_date"), case.now.parse::<i64>().unwrap());
        }
    }
}

#[test]
fn a_missing_file_is_made() {
    let warning = "  DUMP: WARNING: no file `dumpdates', making an empty one\n  DUMP: Date of last level 0 dump: \
                   the epoch\n";
    for (options, made) in [
        ("-0auf out image", Some(this("image", 0))),
        ("-12auf out image", Some(this("image", 12))),
        ("-0af out image", Some(String::new())),
        ("-0aSu image", Some(String::new())),
        ("-0arf out image", None),
    ] {
        let place = Place::new();
        let messages = place.run(options).ok().stderr;
        assert_eq!(messages.contains(warning), made.is_some(), "{messages}");
        assert_eq!(fs::read_to_string(place.dumpdates()).ok(), made, "{options}");
    }
    let place = Place::new();
    let mut command = place.command("-T");
    command.args(["Mon May  3 00:00:00 2021", "-0af", "out", "image"]);
    let messages = run(&mut command, LIMIT).ok().stderr;
    assert!(messages.contains("Date of last (level unknown) dump: Mon May  3 00:00:00 2021\n"), "{messages}");
    assert!(!place.dumpdates().exists());
}

#[test]
fn without_dates_the_dump_is_recorded_at_the_epoch() {
    let place = Place::new();
    fs::write(place.dumpdates(), this("image", 0)).unwrap();
    let messages = place.run("-0aruf out image").ok().stderr;
    assert!(messages.contains("  DUMP: Date of last level 0 dump: the epoch\n"), "{messages}");
    assert!(messages.contains("  DUMP: level 0 dump on the epoch\n"), "{messages}");
    assert_eq!(place.text(), line("image", 0, "Thu Jan  1 00:00:00 1970"));
}

#[test]
fn a_special_file_takes_the_record() {
    let place = Place::new();
    let messages = place.run("-0auf out -D /dev/null image").ok().stderr;
    assert!(messages.contains("level 0 dump on Tue"), "{messages}");
}

#[test]
fn lines_of_others_are_kept() {
    let place = Place::new();
    let old = format!(
        "# by hand\n{}\n{}/dev/x 3 soon\n{}",
        line("/dev/a", 0, "Mon May  3 00:00:00 2021").trim_end(),
        line("image", 0, "Mon Aug  8 23:06:40 2022"),
        "image  \t 1   Mon Sep  5 23:06:40 2022"
    );
    fs::write(place.dumpdates(), &old).unwrap();
    let messages = place.run("-3auf out image").ok().stderr;
    for said in [
        "  DUMP: Unknown intermediate format in dumpdates, line 1\n",
        "  DUMP: Unknown intermediate format in dumpdates, line 4\n",
        "  DUMP: Date of last level 1 dump: Mon Sep  5 23:06:40 2022\n",
        "  DUMP: level 3 dump on Tue Nov 14 22:13:20 2023\n",
    ] {
        assert!(messages.contains(said), "{messages}");
    }
    assert_eq!(messages.matches("Unknown").count(), 2, "{messages}");
    assert_eq!(place.text(), format!("{old}\n{}", this("image", 3)));
    fs::write(place.dumpdates(), &old).unwrap();
    place.run("-0auf out image").ok();
    assert_eq!(
        place.text(),
        format!("{}\n", old.replace("Mon Aug  8 23:06:40 2022", "Tue Nov 14 22:13:20 2023"))
    );
    fs::write(place.dumpdates(), "\n".repeat(300)).unwrap();
    let messages = place.run("-3auf out image").ok().stderr;
    assert_eq!(messages.matches("Unknown").count(), 11, "{messages}");
    assert!(messages.contains("  DUMP: Unknown intermediate format in dumpdates, 290 more lines\n"));
}

/// The dump is refused with this line before anything is written to the output.
#[track_caller]
fn refused(place: &Place, options: &str, reason: &str) {
    let ran = place.run(options);
    let end = format!("{reason}\n  DUMP: The ENTIRE dump is aborted.\n");
    assert!(ran.stderr.ends_with(&end), "{}", ran.stderr);
    assert!(!ran.stderr.contains("Dumping"), "{}", ran.stderr);
    assert_eq!(ran.code(), 3);
    assert!(!place.dir.join("out").exists());
}

#[test]
fn what_cannot_be_recorded_is_refused_at_once() {
    let place = Place::new();
    fs::create_dir(place.dumpdates()).unwrap();
    refused(&place, "-0auf out image", "  DUMP: cannot rewrite dumpdates: Is a directory");
    let messages = place.run("-0af out image").ok().stderr;
    assert!(messages.contains("  DUMP: WARNING: cannot read dumpdates: Is a directory\n"), "{messages}");

    let place = Place::new();
    fs::write(place.dumpdates(), vec![b'\n'; (1 << 20) + 1]).unwrap();
    refused(&place, "-0auf out image", "cannot rewrite dumpdates: larger than 1048576 bytes");
    let long = "i".repeat(54);
    place.image(&long, 1);
    let reason = format!("  DUMP: Name '{long}' exceeds DUMPFMTLEN (53) bytes");
    refused(&place, &format!("-0auf out {long}"), &reason);
    let mut command = place.command("-0auf out");
    place.image("a b", 1);
    let ran = run(command.arg("a b"), LIMIT);
    assert!(ran.stderr.contains("Name 'a b' is empty or has blanks or a NUL in it\n"), "{}", ran.stderr);
    assert_eq!(ran.code(), 3);
    place.run(&format!("-0af out {long}")).ok();

    let place = Place::new();
    let reason = "  DUMP: WARNING: no file `no/dates', making an empty one
  DUMP: WARNING: cannot create no/dates: No such file or directory
  DUMP: cannot rewrite no/dates: No such file or directory";
    refused(&place, "-D no/dates -0auf out image", reason);
}

#[test]
fn a_dump_that_fails_is_not_recorded() {
    let place = Place::new();
    fs::write(place.dumpdates(), this("x", 0)).unwrap();
    let mut held = place.hold();
    drop(held.child.stdout.take());
    let (code, messages) = held.end();
    assert_eq!(code, 3, "{messages}");
    assert_eq!(place.text(), this("x", 0));
    // What a command has taken is safe when the command says so.
    for (status, recorded) in [(1, this("x", 0)), (0, this("x", 0) + &this("image", 0))] {
        let mut command = place.command("-0au -P");
        let ran = run(command.arg(format!("cat >out; exit {status}")).arg("image"), LIMIT);
        assert_eq!(ran.code() == 0, status == 0, "{}", ran.stderr);
        assert_eq!(place.text(), recorded);
    }
}

#[test]
fn nothing_is_recorded_before_the_end() {
    let place = Place::new();
    let mut held = place.hold();
    assert_eq!(place.text(), "");
    // What others write meanwhile is kept.
    fs::write(place.dumpdates(), this("x", 0)).unwrap();
    held.read_on();
    let (code, messages) = held.end();
    assert_eq!(code, 0, "{messages}");
    assert_eq!(place.text(), this("x", 0) + &this("large", 0));
}

#[test]
fn a_file_that_was_replaced_is_told() {
    let place = Place::new();
    let mut held = place.hold();
    fs::write(place.dir.join("new"), this("x", 0)).unwrap();
    fs::rename(place.dir.join("new"), place.dumpdates()).unwrap();
    held.read_on();
    let (code, messages) = held.end();
    assert_eq!(code, 3);
    let reason = "  DUMP: dumpdates: it was removed or replaced while the dump ran\n";
    assert!(messages.contains(reason) && !messages.contains("DUMP IS DONE"), "{messages}");
    assert_eq!(place.text(), this("x", 0));
}

#[test]
fn a_lock_of_another_is_waited_for() {
    for ended in [false, true] {
        let place = Place::new();
        let mut held = place.hold();
        let file = File::options().read(true).open(place.dumpdates()).unwrap();
        let lock = Flock::lock(file, FlockArg::LockShared).map_err(|e| e.1).unwrap();
        held.read_on();
        let told = || held.messages().contains("waiting for another process to unlock dumpdates\n");
        assert!(procs::until(LIMIT, told), "{}", held.messages());
        assert_eq!(place.text(), "");
        if ended {
            procs::send(held.child.id(), Signal::SIGTERM);
        } else {
            drop(lock);
        }
        let (code, messages) = held.end();
        assert_eq!(code, if ended { 3 } else { 0 }, "{messages}");
        assert_eq!(place.text(), if ended { String::new() } else { this("large", 0) });
    }
}

#[test]
fn two_dumps_at_the_same_time_fifty_times() {
    let place = Place::new();
    place.image("other", 1000);
    for round in 0..50 {
        let names = [("image", round % 10), ("other", 9 - round % 10)];
        let options = names.map(|(name, level)| format!("-{level}auf {name}.out {name}"));
        let spawn = |o: &String| place.command(o).stderr(Stdio::null()).spawn().unwrap();
        let children = options.each_ref().map(spawn);
        for mut child in children {
            assert!(program::wait(&mut child, LIMIT).unwrap().success());
        }
        let text = place.text();
        for (name, level) in names {
            assert!(text.contains(&this(name, level)), "round {round}: {text}");
        }
        assert_eq!(text.len(), this("", 0).len() * 2 * (round as usize + 1).min(10), "{text}");
    }
}

/// Runs capdump, killed when it makes this call for the `number`th time for the dumpdates file.
fn killed_at(place: &Place, call: &str, number: u32, options: &str) -> Ran {
    let mut command = without_tty(Path::new("strace"));
    command.args(["-qq", "-o", "trace", "-P"]).arg(place.dumpdates());
    command.args(["-e", &format!("inject={call}:signal=SIGKILL:when={number}")]).arg(capdump());
    place.arguments(&mut command, options);
    run(&mut command, LIMIT)
}

/// Kills a dump at each of its calls; how often the file was the old one, and how often the new one.
fn kill_everywhere(options: &str, old: &str, new: &str) -> [u32; 2] {
    let mut seen = [0; 2];
    for call in ["flock", "lseek", "read", "write", "fsync"] {
        for number in 1.. {
            let place = Place::new();
            fs::write(place.dumpdates(), old).unwrap();
            let ran = killed_at(&place, call, number, options);
            let text = place.text();
            assert!(text == old || text == new, "killed at {call} {number}: {text}");
            if ran.code() == 0 {
                assert_eq!(text, new);
                break;
            }
            assert!(!ran.stderr.contains("DUMP IS DONE"), "{}", ran.stderr);
            seen[usize::from(text == new)] += 1;
        }
    }
    seen
}

#[test]
fn killed_at_any_call_the_file_is_the_old_or_the_new_one() {
    if !cfg!(target_os = "linux") || !have("strace") {
        return skipped("strace(1) of Linux is not there");
    }
    let [x, mark] = [this("x", 0), "# the end".to_owned()];
    let old = x.clone() + &line("image", 0, "Mon May  3 00:00:00 2021") + &mark;
    let updated = x + &this("image", 0) + &mark + "\n";
    let added = old.clone() + "\n" + &this("image", 1);
    for (options, new) in [("-0auf out image", updated), ("-1auf out image", added)] {
        let [before, after] = kill_everywhere(options, &old, &new);
        // Before: lock, unlock, lock; places and reads at the start and at the end; the write. After: fsync, unlock.
        assert!(before >= 9 && after >= 2, "{before} before and {after} after the write");
    }
}

#[test]
fn a_full_disk_leaves_the_old_file() {
    if !is_root() {
        return skipped("mounting a small tmpfs needs root");
    }
    let place = Place::new();
    let small = Tmpfs::new(&place.dir.join("small"), 16);
    let dumpdates = small.path().join("dates");
    // A new page is needed for all of the line, or for a part of it: then the write stops in the middle.
    let page = |bytes: usize| "#".repeat(bytes - 1) + "\n";
    for old in [page(4096), page(4096 - 40), page(4096 - 81)] {
        fs::write(&dumpdates, &old).unwrap();
        let mut fill = File::create(small.path().join("fill")).unwrap();
        // FreeBSD writes nothing of a piece that does not fit: small ones take the last page.
        for piece in [4096, 512] {
            while fill.write_all(&vec![1; piece]).is_ok() {}
        }
        let ran = place.run("-D small/dates -0auf out image");
        let text = fs::read_to_string(&dumpdates).unwrap();
        if old.len() + this("image", 0).len() <= 4096 {
            assert_eq!(ran.ok().code(), 0);
            assert_eq!(text, old + &this("image", 0));
            continue;
        }
        assert_eq!(ran.code(), 3, "{}", ran.stderr);
        let end = "  DUMP: small/dates: No space left on device\n  DUMP: The ENTIRE dump is aborted.\n";
        assert!(ran.stderr.ends_with(end), "{}", ran.stderr);
        assert_eq!(text, old);
    }
}

#[test]
fn listings() {
    let place = Place::new();
    let head = "Last dump(s) done (Dump '>' file systems):\n";
    let ran = place.run("-W").ok();
    assert!(ran.stderr.ends_with("WARNING: no file `dumpdates', making an empty one\n"), "{}", ran.stderr);
    assert!(ran.stdout.starts_with(head.as_bytes()));
    let text =
        line("/dev/b", 1, "Mon May  3 00:00:00 2021") + "?\n" + &this("/dev/a", 0) + &this("/dev/b", 0);
    fs::write(place.dumpdates(), &text).unwrap();
    // What follows -W is not looked at any more.
    for options in ["-W", "-aW -D none -Z"] {
        let ran = place.run(options).ok();
        let listing = String::from_utf8(ran.stdout).unwrap();
        let a = "    /dev/a\t(      ) Last dump: Level 0, Date Tue Nov 14 22:13\n";
        let b = "    /dev/b\t(      ) Last dump: Level 0, Date Tue Nov 14 22:13\n";
        assert!(listing.starts_with(head) && listing.contains(a) && listing.contains(b), "{listing}");
        assert!(ran.stderr.ends_with("  DUMP: Unknown intermediate format in dumpdates, line 2\n"));
    }
    let due = String::from_utf8(place.run("-w").ok().stdout).unwrap();
    assert!(due.starts_with("Dump these file systems:\n") && !due.contains("Level"), "{due}");
    assert_eq!(place.text(), text);
}

/// The base of a dump, as a message has it, and the messages.
fn base(place: &Place, options: &str) -> (String, String) {
    let ran = place.run(options).ok();
    let line = ran.stderr.lines().find_map(|line| line.strip_prefix("  DUMP: Date of last level "));
    (line.unwrap().to_owned(), ran.stderr)
}

#[test]
fn a_base_is_found_under_another_name_of_the_same_disk() {
    let place = Place::new();
    let path = |name: &str| place.dir.join(name).display().to_string();
    place.image("other", 2000);
    std::os::unix::fs::symlink("image", place.dir.join("soft")).unwrap();
    fs::hard_link(place.dir.join("image"), place.dir.join("hard")).unwrap();
    place.run(&format!("-0uf /dev/null {}", path("soft"))).ok();
    assert_eq!(place.text(), this(&path("soft"), 0));
    for name in ["image", "hard"] {
        let (date, messages) = base(&place, &format!("-1Sf - {}", path(name)));
        assert_eq!(date, "0 dump: Tue Nov 14 22:13:20 2023", "{messages}");
        let said = format!(
            "  DUMP: {} is the same disk as {}: its last dump is the base\n",
            path("soft"),
            path(name)
        );
        assert!(messages.contains(&said), "{messages}");
    }
    assert_eq!(base(&place, &format!("-1Sf - {}", path("other"))).0, "0 dump: the epoch");
    // Recorded is what was named.
    place.run(&format!("-1uf /dev/null {}", path("hard"))).ok();
    assert_eq!(place.text(), this(&path("soft"), 0) + &this(&path("hard"), 1));
}

#[test]
fn of_two_names_of_a_disk_the_one_that_was_named_decides() {
    let place = Place::new();
    let path = |name: &str| place.dir.join(name).display().to_string();
    std::os::unix::fs::symlink("image", place.dir.join("soft")).unwrap();
    let dates = ["Mon Nov 13 10:00:00 2023", "Tue Nov 14 10:00:00 2023"];
    for (own, newer) in [("image", "soft"), ("soft", "image")] {
        fs::write(place.dumpdates(), line(&path(own), 0, dates[0]) + &line(&path(newer), 1, dates[1]))
            .unwrap();
        let (date, messages) = base(&place, &format!("-2Sf - {}", path(own)));
        assert_eq!(date, format!("0 dump: {}", dates[0]), "{messages}");
        let warning = format!(
            "  DUMP: WARNING: dumpdates has a newer level 1 dump of the same disk, {}; not used as the base\n",
            path(newer)
        );
        assert!(messages.contains(&warning), "{messages}");
        // The older one of another name is nothing to speak of.
        let (date, messages) = base(&place, &format!("-2Sf - {}", path(newer)));
        assert_eq!(date, format!("1 dump: {}", dates[1]), "{messages}");
        assert!(!messages.contains("same disk"), "{messages}");
    }
}
