// SPDX-License-Identifier: BSD-2-Clause
//! Nothing that is written is anything else of the job, by whatever name; an earlier volume is not written over.

#![cfg(target_os = "linux")]

use std::fs::{self, File};
use std::os::unix::fs::{FileExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use capdump_support::loop_device::Loop;
use capdump_support::program::{Ran, TempDir, is_root, run, skipped, without_tty};
use capdump_support::pty::Session;
use capdump_support::{procs, small};
use nix::sys::stat::Mode;
use nix::unistd::mkfifo;

const LIMIT: Duration = Duration::from_secs(20);

fn program() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_capdump"))
}

/// A folder with an image, a dump of it, another file and a dumpdates file.
struct Folder(TempDir);

const DATES: &str = "/dev/x 0 Thu Jan  1 00:00:10 2026\n";

impl Folder {
    fn new() -> Folder {
        let dir = TempDir::new("capdump-identity");
        small::mixed(&dir.join("image"));
        fs::write(dir.join("dates"), DATES).unwrap();
        fs::write(dir.join("list"), "# none\n").unwrap();
        let folder = Folder(dir);
        folder.run(&["-0a", "-f", "dump", "image"]).ok();
        folder
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = without_tty(program());
        command.args(args).current_dir(self.0.path());
        command
    }

    fn run(&self, args: &[&str]) -> Ran {
        run(&mut self.command(args), LIMIT)
    }

    /// Runs a command of the shell, in which `$C` is the program.
    fn shell(&self, text: &str) -> Ran {
        let mut command = without_tty(Path::new("/bin/sh"));
        run(command.args(["-c", text]).env("C", program()).current_dir(self.0.path()), LIMIT)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// All files with their content.
    fn files(&self) -> Vec<(PathBuf, Vec<u8>)> {
        let names = fs::read_dir(self.0.path()).unwrap().map(|entry| entry.unwrap().path());
        let mut files: Vec<_> = names.filter(|path| path.is_file()).collect();
        files.sort();
        files.into_iter().map(|path| (path.clone(), fs::read(path).unwrap())).collect()
    }

    /// The command is refused with these words, and nothing changes.
    #[track_caller]
    fn refuses(&self, args: &[&str], said: &str) {
        let before = self.files();
        let ran = self.run(args);
        assert_eq!(ran.code(), 1, "{args:?}: {}", ran.stderr);
        assert!(ran.stderr.contains(said), "{args:?}: {}", ran.stderr);
        assert!(self.files() == before, "{args:?}: something changed");
    }
}

#[test]
fn the_disk_is_no_output() {
    let folder = Folder::new();
    fs::hard_link(folder.path("image"), folder.path("link")).unwrap();
    symlink("image", folder.path("soft")).unwrap();
    symlink("soft", folder.path("v.003")).unwrap();
    let is_disk = |name: &str| format!("output \"{name}\" is the disk that is being dumped");
    for name in ["image", "link", "soft", "./image", "/dev/fd/0"] {
        let mut command = folder.command(&["-0a", "-f", name, "image"]);
        command.stdin(File::open(folder.path("image")).unwrap());
        let before = folder.files();
        let ran = run(&mut command, LIMIT);
        assert_eq!(ran.code(), 1, "{name}: {}", ran.stderr);
        assert!(ran.stderr.contains(&is_disk(name)), "{name}: {}", ran.stderr);
        assert!(folder.files() == before, "{name}");
    }
    folder.refuses(&["-0", "-f", "new,link", "image"], &is_disk("link"));
    folder.refuses(&["-0", "--volumes-prefix", "-f", "v.", "image"], &is_disk("v.003"));
    folder.refuses(&["-0a", "--verify", "-f", "image", "link"], &is_disk("image"));
    folder.refuses(&["-0a", "--compress", "zstd", "-f", "image", "image"], &is_disk("image"));
    folder.refuses(&["-0au", "-D", "image", "-f", "new", "image"], "dumpdates file \"image\" is the disk");
    folder.refuses(&["-0a", "--index", "link", "-f", "new", "image"], "index \"link\" is the disk");
    assert!(!folder.path("new").exists());
    // An estimate writes nothing.
    folder.run(&["-0aS", "-f", "image", "image"]).ok();
}

#[test]
fn standard_output_is_no_object_of_the_job() {
    let folder = Folder::new();
    let before = folder.files();
    for (text, said) in [
        ("\"$C\" -0af - image 1<>image", "output \"standard output\" is the disk that is being dumped"),
        ("\"$C\" -0af - image >>image", "output \"standard output\" is the disk that is being dumped"),
        ("\"$C\" -0auf - -D dates image >>dates", "output \"standard output\" is the dumpdates file"),
        ("\"$C\" --emit . dump >>dump", "output \"standard output\" is a dump that is read"),
        ("\"$C\" --list dump >>dump", "output \"standard output\" is a dump that is read"),
        ("\"$C\" --check dump 1<>dump", "output \"standard output\" is a dump that is read"),
        ("\"$C\" -0af new --progress json --progress-fd 3 image 3<>image", "progress descriptor"),
        ("\"$C\" -0af list --progress json --progress-fd 3 image 3>>list", "where progress is reported"),
    ] {
        let ran = folder.shell(text);
        assert_eq!(ran.code(), 1, "{text}: {}", ran.stderr);
        assert!(ran.stderr.contains(said), "{text}: {}", ran.stderr);
        assert!(folder.files() == before, "{text}");
    }
    // A dump with messages in it is none.
    let ran = folder.shell("\"$C\" -0af - image >both 2>&1; echo $?; cat both");
    let said = String::from_utf8_lossy(&ran.stdout).into_owned();
    assert!(said.starts_with("1\n") && said.contains("is where messages go"), "{said}");
    folder.shell("\"$C\" -0af - image 2>&1 >/dev/null").ok();
    folder.shell("\"$C\" --check dump >report 2>&1").ok();
}

#[test]
fn no_two_things_are_one_file() {
    let folder = Folder::new();
    symlink("new", folder.path("soft")).unwrap();
    for (args, said) in [
        (vec!["-0au", "-D", "dates", "-f", "dates", "image"], "output \"dates\" is the dumpdates file"),
        (vec!["-0au", "-D", "new", "-f", "soft", "image"], "output \"soft\" is the dumpdates file, \"new\""),
        (vec!["-1a", "-D", "dates", "-f", "dates", "image"], "output \"dates\" is the dumpdates file"),
        (vec!["-0au", "-D", "dates", "--index", "dates", "-f", "new", "image"], "index"),
        (
            vec!["-0a", "--index", "new", "-f", "soft", "image"],
            "Cannot write an index to new: it is an output of the dump",
        ),
        (
            vec!["-0a", "--exclude-file", "list", "-f", "list", "image"],
            "output \"list\" is the list of inodes",
        ),
        (
            vec!["-0", "-f", "dump,./dump", "image"],
            "output \"./dump\" is the same file as another output, \"dump\"",
        ),
    ] {
        folder.refuses(&args, said);
    }
    assert!(!folder.path("new").exists());
}

#[test]
fn what_is_read_is_no_output_of_emit() {
    let folder = Folder::new();
    folder.run(&["-0a", "--index", "index", "-f", "two", "image"]).ok();
    fs::hard_link(folder.path("dump"), folder.path("link")).unwrap();
    let is_read = |name: &str| format!("output \"{name}\" is a dump that is read");
    folder.refuses(&["--emit", ".", "-f", "dump", "dump"], &is_read("dump"));
    folder.refuses(&["--emit", ".", "-f", "link", "two", "dump"], &is_read("link"));
    let args = ["--emit", ".", "--index", "index", "-f", "index", "two"];
    folder.refuses(&args, "output \"index\" is the index that is read");
    folder.run(&["--emit", ".", "-f", "new", "dump"]).ok();
}

/// A loop device of a file with two partitions of the image's length, the first with the image; none where that cannot be had.
fn partitioned(folder: &Folder) -> Option<Loop> {
    let disk = folder.path("disk");
    let image = fs::read(folder.path("image")).unwrap();
    let file = File::create(&disk).unwrap();
    file.set_len((1 << 20) + 2 * image.len() as u64).unwrap();
    file.write_all_at(&image, 1 << 20).unwrap();
    let device = Loop::attach(&disk, &["-P"])?;
    let sectors = image.len() / 512;
    for (n, start) in [(1, 2048), (2, 2048 + sectors)] {
        // This needs no table on the disk that the kernel would have to know.
        let mut command = Command::new("addpart");
        let done =
            command.arg(device.path()).args([n, start, sectors].map(|number| number.to_string())).status();
        done.ok().filter(|status| status.success())?;
    }
    let part = |n: u32| PathBuf::from(format!("{}p{n}", device.path().display()));
    procs::until(Duration::from_secs(2), || part(2).exists()).then_some(device)
}

#[test]
fn devices_are_what_they_are_made_of() {
    let folder = Folder::new();
    if !is_root() {
        return skipped("loop devices need root");
    }
    let image = folder.path("image");
    let Some(one) = Loop::attach(&image, &[]) else { return skipped("no loop device here") };
    let Some(two) = Loop::attach(&image, &[]) else { return skipped("no second loop device here") };
    let (one, two) = (one.path().to_str().unwrap(), two.path().to_str().unwrap());
    let disk = "is the disk that is being dumped";
    folder.refuses(&["-0a", "-f", one, "image"], disk);
    folder.refuses(&["-0a", "-f", "image", one], disk);
    folder.refuses(&["-0a", "-f", one, one], disk);
    folder.refuses(&["-0a", "-f", one, two], disk);
    folder.refuses(&["-0a", "--emit", ".", "-f", one, "image"], "");
    folder.run(&["-0a", "-f", "new", one]).ok();
    // A file that has no name any more is still below its device.
    fs::hard_link(&image, folder.path("other name")).unwrap();
    fs::remove_file(&image).unwrap();
    folder.refuses(&["-0a", "-f", "other name", one], disk);
}

#[test]
fn a_partition_is_no_output_of_its_disk() {
    let folder = Folder::new();
    if !is_root() {
        return skipped("loop devices need root");
    }
    let Some(device) = partitioned(&folder) else { return skipped("no loop device with partitions here") };
    let whole = device.path().to_str().unwrap();
    let [one, two] = [1, 2].map(|n| format!("{whole}p{n}"));
    folder.refuses(
        &["-0a", "-f", whole, &one],
        &format!("output \"{whole}\" holds the disk that is being dumped"),
    );
    folder.refuses(&["-0a", "-f", "disk", &one], "output \"disk\" holds the disk that is being dumped");
    folder.refuses(&["-0a", "-f", &one, &one], "is the disk that is being dumped");
    folder.refuses(&["-0a", "-f", &one, "disk"], "is part of the disk that is being dumped");
    // The partition beside it is another disk.
    let ran = folder.run(&["-0a", "-f", &two, &one]).ok();
    assert!(ran.stderr.contains("DUMP IS DONE"), "{}", ran.stderr);
    folder.run(&["--check", &two]).ok();
}

/// While it waits for a reader of the first volume, the name of the second becomes the disk's.
#[test]
fn a_name_that_becomes_the_disk_is_not_written() {
    let folder = Folder::new();
    let fifo = folder.path("fifo");
    mkfifo(&fifo, Mode::from_bits_truncate(0o600)).unwrap();
    let swaps = [
        ("ln -s image next", "cat fifo >/dev/null"),
        ("ln image next", "cat fifo >/dev/null"),
        ("ln image other && mv -f other fifo", ":"),
    ];
    for (swap, read) in swaps {
        let image = fs::read(folder.path("image")).unwrap();
        let text = format!(
            "rm -f next err; \"$C\" -0 --batch -b 2 -B 60 -f fifo,next image 2>err & \
             until grep -q 'volume 1 on' err; do sleep .05; done; sleep .2; {swap}; {read}; wait $!; \
             status=$?; cat err >&2; exit $status"
        );
        let ran = folder.shell(&text);
        assert_eq!(ran.code(), 3, "{swap}: {}", ran.stderr);
        assert!(ran.stderr.contains("is the disk that is being dumped"), "{swap}: {}", ran.stderr);
        assert!(fs::read(folder.path("image")).unwrap() == image, "{swap}");
    }
}

#[test]
fn an_earlier_volume_is_not_written_over() {
    let folder = Folder::new();
    symlink("v", folder.path("p.001")).unwrap();
    symlink("v", folder.path("p.002")).unwrap();
    symlink("b", folder.path("soft")).unwrap();
    for args in [
        vec!["-f", "one,one"],
        vec!["-f", "one"],
        vec!["-f", "b,soft"],
        vec!["-f", "one,two,one"],
        vec!["--volume-script", "true", "-f", "one"],
        vec!["--volumes-prefix", "-f", "p."],
        vec!["--autoload", "1", "-f", "one"],
    ] {
        for name in ["one", "two", "b", "v"] {
            fs::remove_file(folder.path(name)).ok();
        }
        let mut command = folder.command(&["-0u", "-D", "dates", "--batch", "-b", "2", "-B", "30"]);
        let ran = run(command.args(&args).arg("image"), LIMIT);
        assert_eq!(ran.code(), 3, "{args:?}: {}", ran.stderr);
        assert_eq!(fs::read_to_string(folder.path("dates")).unwrap(), DATES, "{args:?}");
        let first = ["one", "b", "v"].map(|name| folder.path(name)).into_iter().find(|path| path.exists());
        let first = first.unwrap_or_else(|| panic!("{args:?}: no volume"));
        assert_eq!(fs::metadata(first).unwrap().len(), 30 << 10, "{args:?}");
    }
}

#[test]
fn the_operator_has_to_move_a_volume_away() {
    let folder = Folder::new();
    let mut command = Session::command(program());
    command.args(["-0", "-b", "2", "-B", "60", "-f", "out", "image"]).current_dir(folder.0.path());
    let mut session = Session::start(command);
    session.expect("out holds volume 1: rename it", LIMIT);
    session.expect("Is the new volume mounted and ready to go?", LIMIT);
    session.send("yes");
    session.expect("output \"out\" holds volume 1 of this dump: volume 2 requires another output", LIMIT);
    session.expect("Do you want to retry the open?", LIMIT);
    // Another name of it is still it.
    fs::rename(folder.path("out"), folder.path("first")).unwrap();
    fs::hard_link(folder.path("first"), folder.path("out")).unwrap();
    session.send("yes");
    session.expect("holds volume 1 of this dump", LIMIT);
    session.expect("Do you want to retry the open?", LIMIT);
    fs::remove_file(folder.path("out")).unwrap();
    session.send("yes");
    let (status, shown) = session.finish(LIMIT);
    assert_eq!(status.and_then(|status| status.code()), Some(0), "{shown}");
    folder.run(&["--check", "first", "out"]).ok();
}

#[test]
fn a_script_may_move_volumes_away() {
    let folder = Folder::new();
    let script = "move() { cp $1 volume.$2 && rm $1; }; move";
    let args = ["-0", "--batch", "-b", "2", "-B", "30", "--volume-script", script, "-f", "out", "image"];
    let ran = folder.run(&args).ok();
    let volumes = ran.stderr.matches("begins with blocks from inode").count();
    assert!(volumes >= 2, "{}", ran.stderr);
    let mut command = folder.command(&["--check"]);
    command.args((1..=volumes).map(|n| format!("volume.{n}"))).arg("out");
    run(&mut command, LIMIT).ok();
}

#[test]
fn two_dumps_at_once_do_not_share_a_file() {
    let folder = Folder::new();
    let image = folder.path("large");
    small::one_file(&image, 4 << 20);
    // The first dump stops within its only volume, since nobody reads its messages.
    let text = "exec 9>out; flock 9; \"$C\" -0a --batch -f out image; echo $?; \"$C\" -0af - image 1>>out; echo $?; \
                \"$C\" --emit . -f out dump; echo $?; flock -u 9; \"$C\" -0a -f out image; echo $?";
    let ran = folder.shell(text);
    assert_eq!(String::from_utf8_lossy(&ran.stdout), "3\n1\n1\n0\n", "{}", ran.stderr);
    let said = "is being written by another program";
    assert_eq!(ran.stderr.matches(&format!("output \"out\" {said}")).count(), 2, "{}", ran.stderr);
    assert!(ran.stderr.contains(&format!("output \"standard output\" {said}")), "{}", ran.stderr);
    // Devices and pipes are for all.
    let mut both: Vec<_> =
        (0..2).map(|_| folder.command(&["-0a", "-f", "/dev/null", "large"]).spawn().unwrap()).collect();
    both.iter_mut().for_each(|child| assert!(child.wait().unwrap().success()));
}

#[test]
fn new_files_are_for_their_owner() {
    let folder = Folder::new();
    let mode = |name: &str| fs::metadata(folder.path(name)).unwrap().permissions().mode() & 0o7777;
    fs::write(folder.path("old"), "").unwrap();
    fs::set_permissions(folder.path("old"), fs::Permissions::from_mode(0o644)).unwrap();
    let ran = folder.shell(
        "umask 022 && \"$C\" -0a --index index -f new image && \"$C\" -0 -B 60 -b 2 --volumes-prefix -f v. image && \
         \"$C\" --emit . -f small dump && \"$C\" -0af old image && umask 277 && \"$C\" -0af narrow image; chmod 600 narrow",
    );
    ran.ok();
    for name in ["new", "index", "v.001", "v.002", "small"] {
        assert_eq!(mode(name), 0o600, "{name}");
    }
    assert_eq!(mode("old"), 0o644);
}

#[test]
fn no_file_is_made_among_devices() {
    let folder = Folder::new();
    let name = "/dev/capdump-no-such-tape";
    folder.refuses(
        &["-0a", "-f", name, "image"],
        "does not exist, and no file is created in a device directory",
    );
    folder.refuses(&["-0a", "--emit", ".", "-f", name, "dump"], "");
    folder.refuses(
        &["--emit", ".", "-f", name, "dump"],
        "does not exist, and no file is created in a device directory",
    );
    symlink(name, folder.path("tape")).unwrap();
    folder.refuses(
        &["-0a", "-f", "tape", "image"],
        "does not exist, and no file is created in a device directory",
    );
    assert!(!Path::new(name).exists());
    let mut command = folder.command(&["-0a", "image"]);
    if !Path::new("/dev/sa0").exists() {
        let ran = run(command.env_remove("TAPE"), LIMIT);
        assert_eq!(ran.code(), 1, "{}", ran.stderr);
        assert!(ran.stderr.contains("output \"/dev/sa0\" does not exist"), "{}", ran.stderr);
    }
}
