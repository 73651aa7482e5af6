// SPDX-License-Identifier: BSD-2-Clause
//! Volumes in the order that the operator says, an index that leads to files, tapes of other hosts, and progress.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use capdump_support::caprestore::{Place, run_in};
use capdump_support::index::{self, Line};
use capdump_support::makefs::makefs;
use capdump_support::program::{Ran, have, is_root, run, skipped, without_tty};
use capdump_support::pty::Session;
use capdump_support::{peer, tree};

use super::caprestore;

const LIMIT: Duration = Duration::from_secs(60);

/// A dump in volumes of 400 KB with an index of it. None: makefs(8) is not there.
fn volumes(place: &Place, options: &[&str]) -> Option<(Vec<String>, Vec<Line>)> {
    if !have("makefs") {
        skipped("makefs(8) is not there");
        return None;
    }
    tree::mixed(&place.join("source"));
    let names = dumped(place, options);
    Some((names, index::read(&place.join("index")).1))
}

/// Dumps an image of the source in volumes with an index.
fn dumped(place: &Place, options: &[&str]) -> Vec<String> {
    makefs(&place.join("image"), &place.join("source"), 2, (8192, 1024), &[]);
    let names: Vec<String> = (1..=12).map(|n| place.join(&format!("v{n}")).display().to_string()).collect();
    let mut command = without_tty(Path::new(env!("CARGO_BIN_EXE_capdump")));
    command.args(["-0", "-f", &names.join(",")]).args(options).arg("--index").arg(place.join("index"));
    run(command.arg(place.join("image")), LIMIT).ok();
    let names: Vec<String> = names.into_iter().filter(|name| Path::new(name).exists()).collect();
    names
}

/// The path of a line.
fn path(line: &Line) -> &str {
    line.printed.trim_start_matches("./")
}

/// A file of the source that is whole on this volume: its path.
fn file_on(lines: &[Line], volume: usize, place: &Place) -> String {
    let whole = |line: &&Line| {
        let is_file = fs::symlink_metadata(place.join("source").join(path(line)))
            .is_ok_and(|meta| meta.is_file() && meta.len() > 0);
        let fits = line.frame.is_some() || line.offset / 1024 + line.blocks < 380;
        line.volume == volume && is_file && fits && line.offset > 20_480
    };
    path(lines.iter().find(whole).unwrap_or_else(|| panic!("no file on volume {volume}"))).to_owned()
}

fn same(place: &Place, path: &str) {
    let (found, wanted) = (place.join("into").join(path), place.join("source").join(path));
    assert!(fs::read(&found).unwrap() == fs::read(&wanted).unwrap(), "{path}");
}

#[test]
fn volumes_as_the_operator_says() {
    if !is_root() {
        return skipped("the tree of an ordinary user has other volumes");
    }
    let place = Place::new();
    let Some((names, lines)) = volumes(&place, &["-B", "400"]) else { return };
    let last = names.len();
    assert!(last >= 4);
    let (late, early) = (file_on(&lines, last, &place), file_on(&lines, last - 2, &place));
    // No other volume is there.
    for volume in (2..last).filter(|volume| *volume != last - 2) {
        fs::remove_file(&names[volume - 1]).unwrap();
    }
    let name = |volume: usize| &names[volume - 1];
    let answers = format!("\n{last}\n{}\n{}\n{}\nn\n", name(last), last - 2, name(last - 2),);
    let ran = run_in(caprestore().args(["-xf", name(1), &late, &early]), &place.join("into"), &answers).ok();
    same(&place, &late);
    same(&place, &early);
    let mount = |volume: usize, default: usize| {
        format!(
            "Mount tape volume {volume}\nEnter ``none'' if there are no more tapes\n\
             otherwise enter tape name (default: {}) ",
            name(default)
        )
    };
    let wanted = format!(
        "Specify next volume #: Specify next volume #: {}\
         You have read volumes: {last}\nSpecify next volume #: {}set owner/mode for '.'? [yn] ",
        mount(last, 1),
        mount(last - 2, last)
    );
    assert!(
        ran.stderr.ends_with(&wanted) && ran.stderr.starts_with("You have not read any tapes yet.\n"),
        "{}",
        ran.stderr
    );
    // What is on a volume that there is none of is missed.
    let answers = format!("{last}\n{}\n{}\nnone\nn\n", name(last), last - 1);
    let ran = run_in(caprestore().args(["-xf", name(1), &late, &early]), &place.join("into2"), &answers);
    assert_eq!(ran.code(), 1);
    assert!(ran.stderr.contains(&format!("./{early}: not found on tape\n")), "{}", ran.stderr);
    assert!(place.join("into2").join(&late).exists());
}

/// Each extraction of `-i` begins with the volume that is asked for, whichever the last one ended with.
#[test]
fn interactive_extractions_begin_where_the_operator_says() {
    if !is_root() {
        return skipped("the tree of an ordinary user has other volumes");
    }
    let place = Place::new();
    let Some((names, lines)) = volumes(&place, &["-B", "400"]) else { return };
    let last = names.len();
    let (late, early) = (file_on(&lines, last, &place), file_on(&lines, last - 2, &place));
    for volume in (2..last).filter(|volume| *volume != last - 2) {
        fs::remove_file(&names[volume - 1]).unwrap();
    }
    let name = |volume: usize| &names[volume - 1];
    let extract = |file: &str, volume: usize| format!("add {file}\nextract\n{volume}\n{}\nn\n", name(volume));
    let of_both = [(&late, last), (&early, last - 2)];
    for (number, [first, second]) in [of_both, [of_both[1], of_both[0]]].into_iter().enumerate() {
        let into = place.join(&format!("into{number}"));
        // The second one twice: the volume is the one that the first of them ended with.
        let answers = [
            extract(first.0, first.1),
            extract(second.0, second.1),
            format!("delete .\n{}", extract(second.0, second.1)),
            "quit\n".to_owned(),
        ];
        let ran = run_in(caprestore().args(["-if", name(1)]), &into, &answers.concat());
        let mounts: Vec<&str> =
            ran.stderr.lines().filter_map(|line| line.split("Mount tape volume ").nth(1)).collect();
        let wanted = [first.1, second.1, second.1].map(|volume| volume.to_string());
        assert_eq!(mounts, wanted, "{}", ran.stderr);
        assert!(!ran.stderr.contains("not found"), "{}", ran.stderr);
        assert!([&late, &early].iter().all(|file| into.join(file).exists()), "{}", ran.stderr);
    }
}

#[test]
fn a_file_over_two_volumes_and_the_first_one_last() {
    if !is_root() {
        return skipped("the tree of an ordinary user has other volumes");
    }
    let place = Place::new();
    let Some((names, lines)) = volumes(&place, &["-B", "400"]) else { return };
    let last = names.len();
    let split = lines.iter().find(|line| path(line) == "large").unwrap();
    assert!(split.blocks > 400);
    let first = file_on(&lines, 1, &place);
    // Its beginning comes first, then each volume after it; only then what is on the first one.
    let at = split.volume;
    let mut answers = format!("{at}\n");
    (at..=last).for_each(|volume| answers += &format!("{}\n", names[volume - 1]));
    answers += &format!("1\n{}\nn\n", names[0]);
    let ran = run_in(caprestore().args(["-xf", &names[0], "large", &first]), &place.join("into"), &answers);
    if at > 1 {
        same(&place, "large");
        same(&place, &first);
        assert_eq!(ran.code(), 0, "{}", ran.stderr);
    }
}

/// The first file is not begun when the operator goes to another volume, and is made when its volume comes.
#[test]
fn the_first_volume_comes_again() {
    if !have("makefs") {
        return skipped("makefs(8) is not there");
    }
    let place = Place::new();
    let (source, files) = (place.join("source"), ["a", "b", "c", "d"]);
    fs::create_dir_all(&source).unwrap();
    for (at, file) in files.iter().enumerate() {
        tree::file(&source.join(file), &tree::bytes(at as u64, 9000));
    }
    let names = dumped(&place, &["-B", "30"]);
    assert_eq!(names.len(), 2);
    // One of the files goes on on the second volume.
    let answers = format!("2\n{}\n1\n{}\n{}\nn\n", names[1], names[0], names[1]);
    let ran = run_in(caprestore().args(["-xf", &names[0]]).args(files), &place.join("into"), &answers);
    assert_eq!(ran.code(), 0, "{}", ran.stderr);
    assert!(!ran.stderr.contains("damaged") && !ran.stderr.contains("c_tapea"), "{}", ran.stderr);
    files.iter().for_each(|file| same(&place, file));
}

/// Copies of the volumes in a list, but only of those.
fn list(names: &[String]) -> String {
    names.join(",")
}

#[test]
fn an_index_leads_to_files() {
    for options in [&["-B", "400"][..], &["-B", "200", "--compress=zstd"], &["-a"]] {
        let place = Place::new();
        let Some((names, lines)) = volumes(&place, options) else { return };
        let last = names.len();
        let wanted: Vec<&Line> =
            lines.iter().filter(|line| ["large", "other/hard", "names"].contains(&path(line))).collect();
        assert!(wanted.len() == 3);
        let mut command = caprestore();
        command.args(["-xf", &list(&names), "--index"]).arg(place.join("index"));
        run_in(command.args(["large", "other/hard", "names"]), &place.join("into"), "n\n").ok();
        same(&place, "large");
        same(&place, "other/hard");
        assert_eq!(fs::read_dir(place.join("into/names")).unwrap().count(), 200);
        // Volumes that have nothing of it are not needed.
        let late = file_on(&lines, last, &place);
        for volume in 2..last {
            fs::write(&names[volume - 1], "no dump").unwrap();
        }
        _ = fs::remove_dir_all(place.join("into"));
        let mut command = caprestore();
        command.args(["-xf", &list(&names), "--index"]).arg(place.join("index")).arg(&late);
        run_in(&mut command, &place.join("into"), "n\n").ok();
        same(&place, &late);
        // Nor is a dump for a listing.
        let mut command = caprestore();
        command.args(["-tf", "/nonexistent", "--index"]).arg(place.join("index")).args(["other", "absent"]);
        let ran = run_in(&mut command, &place.join("into"), "");
        let out = String::from_utf8_lossy(&ran.stdout).into_owned();
        assert!(ran.code() == 1 && ran.stderr == "./absent is not on the tape\n", "{}", ran.stderr);
        let paths: Vec<&str> = out.lines().skip(1).filter_map(|line| line.split('\t').nth(1)).collect();
        assert_eq!(paths, ["./other", "./other/hard", "./other/harder"], "{out}");
    }
}

/// Each file by itself, and with another one: the first of a dump and the last of a volume, too.
#[test]
fn an_index_leads_to_each_file() {
    for options in [&["-B", "400"][..], &["-B", "200", "--compress=zstd"], &["-a"]] {
        let place = Place::new();
        let Some((names, lines)) = volumes(&place, options) else { return };
        let source = place.join("source");
        let is_file = |line: &&Line| {
            fs::symlink_metadata(source.join(path(line)))
                .is_ok_and(|meta| meta.is_file() && meta.len() > 0 && !path(line).starts_with("names/"))
        };
        for line in lines.iter().filter(is_file) {
            for with in [&[][..], &["large"]] {
                let mut command = caprestore();
                command.args(["-xf", &list(&names), "--index"]).arg(place.join("index")).arg(path(line));
                run_in(command.args(with), &place.join("into"), "n\n").ok();
                same(&place, path(line));
                with.iter().for_each(|path| same(&place, path));
                fs::remove_dir_all(place.join("into")).unwrap();
            }
        }
    }
}

/// All choices of four files, the first one of the dump in each second.
#[test]
fn all_choices_of_files() {
    if !have("makefs") {
        return skipped("makefs(8) is not there");
    }
    for options in [&["-a"][..], &["-B", "30"], &["-B", "30", "--compress=zstd"], &["-a", "--compress=zstd"]]
    {
        let place = Place::new();
        let (source, files) = (place.join("source"), ["a", "b", "d/c", "d/e"]);
        fs::create_dir_all(source.join("d")).unwrap();
        for (at, file) in files.iter().enumerate() {
            let data = tree::bytes(at as u64, if options.contains(&"-a") { 490_000 } else { 9000 });
            tree::file(&source.join(file), &data);
        }
        let names = dumped(&place, options);
        for choice in 1_u32..1 << files.len() {
            let chosen =
                files.iter().enumerate().filter(|(at, _)| choice >> at & 1 == 1).map(|(_, file)| *file);
            let chosen: Vec<&str> = chosen.collect();
            for is_indexed in [true, false] {
                let mut command = caprestore();
                command.args(["-xf", &list(&names)]);
                if is_indexed {
                    command.arg("--index").arg(place.join("index"));
                }
                // Of one volume it is asked which that is.
                let answers = if is_indexed || names.len() > 1 { "n\n" } else { "1\nn\n" };
                run_in(command.args(&chosen), &place.join("into"), answers).ok();
                chosen.iter().for_each(|path| same(&place, path));
                fs::remove_dir_all(place.join("into")).unwrap();
            }
        }
    }
}

/// A volume of a list that is of no use is asked for, once.
#[test]
fn a_wrong_volume_in_a_list() {
    if !have("makefs") {
        return skipped("makefs(8) is not there");
    }
    let place = Place::new();
    fs::create_dir_all(place.join("source")).unwrap();
    tree::file(&place.join("source/a"), &tree::bytes(1, 60_000));
    let names = dumped(&place, &["-B", "30"]);
    assert_eq!(names.len(), 3);
    for (wrong, message) in [(names[0].as_str(), "Wrong volume (1)\n"), ("noise", "tape is not dump tape\n")]
    {
        fs::write(place.join("noise"), [7; 40_960]).unwrap();
        let wrong = place.join(wrong).display().to_string();
        let given = list(&[names[0].clone(), wrong, names[2].clone()]);
        // The right one, and then nothing.
        for (answers, code) in [(format!("{}\n", names[1]), 0), (String::new(), 1)] {
            let ran = run_in(caprestore().args(["-rf", &given]), &place.join("into"), &answers);
            assert_eq!(ran.code(), code, "{}", ran.stderr);
            assert_eq!(ran.stderr.matches(message).count(), 1, "{}", ran.stderr);
            assert_eq!(ran.stderr.matches("Mount tape volume 2\n").count(), 1, "{}", ran.stderr);
            if code == 0 {
                same(&place, "a");
            }
            fs::remove_dir_all(place.join("into")).unwrap();
        }
    }
}

/// A file over many volumes, no header of it among them: tape blocks that are missing or doubled are noticed by the numbers of the volumes.
#[test]
fn missing_and_doubled_tape_blocks_are_noticed_between_volumes() {
    if !have("makefs") {
        return skipped("makefs(8) is not there");
    }
    let place = Place::new();
    fs::create_dir_all(place.join("source")).unwrap();
    tree::file(&place.join("source/a"), &tree::bytes(1, 400_000));
    let names = dumped(&place, &["-B", "40"]);
    for volume in 2..names.len() {
        let whole = fs::read(&names[volume - 1]).unwrap();
        let without = |blocks: usize| [&whole[..10_240], &whole[10_240 + blocks * 1024..]].concat();
        let twice = |blocks: usize| [&whole[..10_240 + blocks * 1024], &whole[10_240..]].concat();
        let end = whole.len() - 2048;
        let changed = [1, 2, 7, 20].map(without).into_iter().chain([1, 2, 7, 20].map(twice));
        for (number, bytes) in changed.chain([[&whole[..end], &whole[end - 1024..]].concat()]).enumerate() {
            fs::write(&names[volume - 1], bytes).unwrap();
            let mut check = without_tty(Path::new(env!("CARGO_BIN_EXE_capdump")));
            let ran = run(check.arg("--check").args(&names), LIMIT);
            assert_ne!(ran.code(), 0, "volume {volume}, {number}: {}", ran.stderr);
            let ran = run_in(caprestore().args(["-xf", &list(&names), "a"]), &place.join("into"), "n\n");
            assert_ne!(ran.code(), 0, "volume {volume}, {number}: {}", ran.stderr);
        }
        fs::write(&names[volume - 1], whole).unwrap();
    }
}

#[test]
fn in_interactive_mode_an_index_is_used_twice() {
    let place = Place::new();
    let Some((names, _)) = volumes(&place, &["-B", "400"]) else { return };
    let mut command = caprestore();
    command.args(["-if", &list(&names), "--index"]).arg(place.join("index"));
    let commands = "add large\nextract\nn\nadd other/hard\nextract\nn\nquit\n";
    run_in(&mut command, &place.join("into"), commands).ok();
    same(&place, "large");
    same(&place, "other/hard");
}

#[test]
fn a_wrong_index_is_refused_or_not_followed() {
    let place = Place::new();
    let Some((names, lines)) = volumes(&place, &["-a"]) else { return };
    let text = fs::read_to_string(place.join("index")).unwrap();
    let extract = |index: &str, more: &[&str]| -> Ran {
        fs::write(place.join("index"), index).unwrap();
        _ = fs::remove_dir_all(place.join("into"));
        let mut command = caprestore();
        command.args(["-xf", &names[0], "--index"]).arg(place.join("index")).args(more);
        run_in(&mut command, &place.join("into"), "n\n")
    };
    let name = place.join("index").display().to_string();
    let date = text.split('\t').find(|field| field.starts_with("date=")).unwrap();
    for (index, reason) in [
        (text.replacen(date, "date=5", 1), "an index of another dump"),
        (text.replacen("level=0", "level=1", 1), "an index of another dump"),
        (text.replacen("capdump-index", "index", 1), "line 1: not an index of a dump"),
        (text[..text.len() - 1].to_owned(), "it has no end"),
        (String::new(), "not an index of a dump"),
    ] {
        let ran = extract(&index, &["large"]);
        assert!(ran.code() == 1 && ran.stderr.starts_with(&format!("{name}: ")), "{}", ran.stderr);
        assert!(ran.stderr.ends_with(&format!("{reason}\n")), "{}", ran.stderr);
        assert_eq!(fs::read_dir(place.join("into")).unwrap().count(), 0);
    }
    // One that leads elsewhere, and one that leads nowhere.
    let line = lines.iter().find(|line| path(line) == "large").unwrap();
    let (ino, offset) = (line.ino, line.offset);
    let elsewhere =
        text.replacen(&format!("\t{ino}\t1\t{offset}\t"), &format!("\t{ino}\t1\t{}\t", offset + 1024), 1);
    let without: String =
        text.lines().filter(|line| !line.starts_with("./large\t")).map(|line| format!("{line}\n")).collect();
    for index in [elsewhere, without] {
        assert!(index != text);
        let ran = extract(&index, &["large", "other/hard"]).ok();
        assert!(ran.stderr.contains("it does not lead to all files"), "{}", ran.stderr);
        same(&place, "large");
        same(&place, "other/hard");
    }
    let ran = extract(&text, &["large"]).ok();
    assert!(!ran.stderr.contains("does not lead") && !ran.stderr.contains("Specify next"), "{}", ran.stderr);
}

/// Whatever is wrong with the place of a file, all files are restored, and that is no failure.
#[test]
fn an_index_that_leads_elsewhere_is_no_failure() {
    for options in
        [&["-a"][..], &["-B", "400"], &["-a", "--compress=zstd"], &["-B", "400", "--compress=zstd"]]
    {
        let place = Place::new();
        let Some((names, _)) = volumes(&place, options) else { return };
        let text = fs::read_to_string(place.join("index")).unwrap();
        let line = text.lines().find(|line| line.starts_with("./large\t")).unwrap();
        let fields: Vec<&str> = line.split('\t').collect();
        // Path, inode, volume, offset, frame if there are any.
        let place_of_other = text.lines().find(|line| line.starts_with("./size4095\t")).unwrap();
        let other: Vec<&str> = place_of_other.split('\t').collect();
        let number = |at: usize| fields[at].parse::<u64>().unwrap();
        let mut wrong: Vec<Vec<String>> = Vec::new();
        let mut with = |changes: &[(usize, String)]| {
            let mut fields: Vec<String> = fields.iter().map(|field| (*field).to_owned()).collect();
            changes.iter().for_each(|(at, value)| fields[*at].clone_from(value));
            wrong.push(fields);
        };
        for offset in [1024, number(3) + 1024, number(3) - 1024, number(3) + 600 * 1024, 1 << 40] {
            with(&[(3, offset.to_string())]);
        }
        with(&[(2, other[2].to_owned()), (3, other[3].to_owned())]);
        let (mut noted, count) = (0, wrong.len());
        for index in wrong {
            let index = text.replacen(line, &index.join("\t"), 1);
            fs::write(place.join("index"), &index).unwrap();
            _ = fs::remove_dir_all(place.join("into"));
            let mut command = caprestore();
            command.args(["-xf", &list(&names), "--index"]).arg(place.join("index"));
            command.args(["large", "size4095", "other"]);
            let ran = run_in(&mut command, &place.join("into"), "n\n");
            if ran.stderr.contains("the frame is missing or wrong") {
                // It contradicts itself, and is refused.
                noted += 1;
                continue;
            }
            noted += usize::from(ran.stderr.contains("it does not lead to all files"));
            assert_eq!(ran.code(), 0, "{options:?} {line} {}", ran.stderr);
            ["large", "size4095", "other/hard"].iter().for_each(|path| same(&place, path));
        }
        // Where nothing but its data is before a file, it is found.
        assert!(noted + 2 >= count, "{options:?} {noted}");
    }
}

#[test]
fn damage_of_a_file_that_is_fetched_is_noticed() {
    let place = Place::new();
    let Some((names, lines)) = volumes(&place, &["-a"]) else { return };
    let line = lines.iter().find(|line| path(line) == "large").unwrap();
    let mut stream = fs::read(&names[0]).unwrap();
    // Its second header.
    let from = line.offset + 1024;
    let at =
        (from..).step_by(1024).find(|at| stream[at + 24..at + 28] == 0x1954_0119_u32.to_le_bytes()).unwrap();
    stream[at + 100] ^= 0xff;
    fs::write(&names[0], stream).unwrap();
    let mut command = caprestore();
    command.args(["-xf", &names[0], "--index"]).arg(place.join("index")).args(["large"]);
    let ran = run_in(&mut command, &place.join("into"), "n\n");
    assert_eq!(ran.code(), 1, "{}", ran.stderr);
}

/// A real rmt, of tar or of dump.
fn rmt() -> Option<PathBuf> {
    let names = ["/usr/sbin/rmt-tar", "/usr/sbin/rmt-dump", "/usr/sbin/rmt", "/etc/rmt"];
    names.into_iter().map(PathBuf::from).find(|path| path.exists())
}

#[test]
fn a_tape_of_another_host() {
    let Some(rmt) = rmt() else { return skipped("there is no rmt(8)") };
    let place = Place::new();
    let Some((names, _)) = volumes(&place, &["-B", "400"]) else { return };
    let notes = "echo \"$*\" >>\"$0.args\"; for last; do :; done; exec \"$last\"";
    let shell = peer::script(&place.join("rsh"), notes);
    let remote = |tapes: &str, option: &str| {
        let mut command = caprestore();
        command.arg(option).arg("-f").arg(tapes).env("RSH", &shell).env("RMT", &rmt);
        command
    };
    let ran = run_in(
        remote(&format!("me@tapes:{}", list(&names)), "-x").args(["large", "other/hard"]),
        &place.join("into"),
        "n\n",
    )
    .ok();
    same(&place, "large");
    same(&place, "other/hard");
    assert!(ran.stderr.starts_with("Connection to tapes established.\n"), "{}", ran.stderr);
    let called = fs::read_to_string(place.join("rsh.args")).unwrap();
    assert_eq!(called.lines().next(), Some(format!("-l me tapes {}", rmt.display()).as_str()));
    // The operator's answers are names there, too.
    let ran = run_in(&mut remote(&format!("tapes:{}", names[0]), "-t"), &place.join("into"), "").ok();
    assert!(String::from_utf8_lossy(&ran.stdout).contains("./other/hard\n"), "{}", ran.stderr);
    let absent = place.join("absent").display().to_string();
    let ran = run_in(&mut remote(&format!("tapes:{absent}"), "-t"), &place.join("into"), "");
    assert!(
        ran.code() == 1 && ran.stderr == format!("{absent}: No such file or directory\n"),
        "{}",
        ran.stderr
    );
}

#[test]
fn hosts_that_do_not_speak_rmt() {
    let place = Place::new();
    for (says, wants) in [
        ("exit 1", "the connection to the remote host is lost"),
        ("echo hello; sleep 5", "invalid reply from the remote host: \"hello\""),
        ("printf 'E13\\nPermission \\033[2Jdenied\\n'; sleep 5", "Permission [2Jdenied"),
        ("echo A0; echo A99999999; yes", "tape read error: the remote host sends more than a record"),
        ("echo A0; echo A-1; yes", "invalid reply from the remote host: \"A-1\""),
    ] {
        let shell = peer::script(&place.join("rsh"), says);
        let ran = run_in(caprestore().args(["-tf", "far:tape"]).env("RSH", shell), &place.join("into"), "");
        assert!(ran.code() == 1 && ran.stderr.contains(wants), "{says}: {}", ran.stderr);
    }
    let ran = run_in(
        caprestore().args(["-tf", "far:tape"]).env("RSH", "/nonexistent/rsh"),
        &place.join("into"),
        "",
    );
    assert!(ran.code() == 1, "{}", ran.stderr);
}

#[test]
fn progress_is_shown() {
    let place = Place::new();
    let Some((names, _)) = volumes(&place, &["-a"]) else { return };
    let extract = |style: &str| {
        _ = fs::remove_dir_all(place.join("into"));
        let mut command = caprestore();
        command.args(["-rf", &names[0], "--overwrite", style]);
        run_in(&mut command, &place.join("into"), "").ok().stderr
    };
    let shown = extract("--progress=plain");
    assert_eq!(shown.matches("% done, finished in 0:00 at ").count(), 1, "{shown}");
    assert!(!extract("--progress=none").contains("% done"));
    _ = fs::remove_dir_all(place.join("into"));
    fs::create_dir(place.join("into")).unwrap();
    let mut command = Session::command(Path::new(env!("CARGO_BIN_EXE_caprestore")));
    command
        .args(["-xf", &names[0], "--progress", "bar"])
        .env("TERM", "xterm")
        .current_dir(place.join("into"));
    let mut session = Session::start(command);
    session.expect("Specify next volume #: ", LIMIT);
    session.send("1");
    session.expect("reading volume 1", LIMIT);
    session.expect("set owner/mode for '.'? [yn] ", LIMIT);
    session.send("n");
    let (status, shown) = session.finish(LIMIT);
    assert!(status.is_some_and(|status| status.success()), "{shown}");
}
