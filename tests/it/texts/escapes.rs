// SPDX-License-Identifier: BSD-2-Clause
//! No name of a disk, a dump, a file of settings or a command line gets to a terminal as it is.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;

use capdump_support::program::{Ran, TempDir, have, run, skipped};
use capdump_support::{makefs, peer, small};

use super::{LIMIT, capdump};

/// Bytes that are part of names here, in UTF-8 and raw; none may come out.
const BAD: [&[u8]; 7] = [
    b"\x1b[31m",
    b"\xc2\x9b31m",
    b"\x9b31m",
    b"\xc2\x9d0;x\xc2\x9c",
    b"\xe2\x80\xae",
    b"\xe2\x80\x8b",
    b"\x7f",
];

/// All of them in one name.
fn bad_name() -> Vec<u8> {
    BAD.concat()
}

#[track_caller]
fn assert_clean(what: &str, text: &[u8]) {
    for bad in BAD {
        let found = text.windows(bad.len()).any(|part| part == bad);
        assert!(!found, "{what}: {bad:x?} in {}", text.escape_ascii());
    }
    let text = String::from_utf8_lossy(text);
    let control = |c: char| c.is_control() && !matches!(c, '\n' | '\t');
    assert!(!text.chars().any(control), "{what}: {text:?}");
}

fn assert_ran_clean(what: &str, ran: &Ran) {
    assert_clean(what, &ran.stdout);
    assert_clean(what, ran.stderr.as_bytes());
}

#[test]
fn names_of_a_dump() {
    if !have("makefs") {
        return skipped("makefs(8) is not there");
    }
    let dir = TempDir::new("capdump-escapes");
    let tree = dir.join("tree");
    fs::create_dir_all(&tree).unwrap();
    let names: Vec<Vec<u8>> =
        BAD.iter().map(|bad| [b"x", *bad, b"y"].concat()).chain([bad_name(), "naïve".into()]).collect();
    for name in &names {
        fs::write(tree.join(OsStr::from_bytes(name)), "x").unwrap();
    }
    makefs::makefs(&dir.join("image"), &tree, 2, (8192, 1024), &[]);
    let made = run(&mut capdump(&dir, &["-0a", "--index", "index", "-f", "dump", "image"]), LIMIT).ok();
    assert_ran_clean("a dump", &made);
    assert_clean("the index", &fs::read(dir.join("index")).unwrap());
    for words in [
        &["--list", "dump"][..],
        &["--list", "--json", "dump"],
        &["--list", "--index", "index"],
        &["--list", "--json", "--index", "index"],
        &["--check", "--json", "dump"],
    ] {
        let ran = run(&mut capdump(&dir, words), LIMIT).ok();
        assert_ran_clean(&words.join(" "), &ran);
    }
    // Nothing is lost by it.
    let lines =
        String::from_utf8(run(&mut capdump(&dir, &["--list", "--json", "dump"]), LIMIT).ok().stdout).unwrap();
    for name in &names {
        let path = [b"./", name.as_slice()].concat();
        let found = lines.lines().any(|line| {
            let object: serde_json::Value = serde_json::from_str(line).unwrap();
            let hex: String = path.iter().map(|byte| format!("{byte:02x}")).collect();
            object["path_bytes"] == hex.as_str() || object["path"].as_str().map(str::as_bytes) == Some(&path)
        });
        assert!(found, "{name:x?} in {lines}");
    }
    // The index leads to each.
    for name in &names {
        let mut command = capdump(&dir, &["--index", "index", "-f", "part", "--emit"]);
        command.arg(OsStr::from_bytes(&[b"./", name.as_slice()].concat())).arg("dump");
        run(&mut command, LIMIT).ok();
    }
}

#[test]
fn names_of_the_command_line_and_of_files() {
    let dir = TempDir::new("capdump-escapes");
    small::mixed(&dir.join("image"));
    let bad = bad_name();
    let name = OsStr::from_bytes(&bad);
    let slashed = [b"./", bad.as_slice()].concat();
    let slashed = OsStr::from_bytes(&slashed);
    fs::write(dir.join("dumpdates"), [&bad, &b" 0 Sun Nov  1 00:00:00 2026\n"[..], &bad, b"\n"].concat())
        .unwrap();
    let fstab = [b"/dev/", bad.as_slice(), b" /", &bad, b" ufs rw 1 1\n"].concat();
    fs::write(dir.join("fstab"), fstab).unwrap();
    fs::write(dir.join("inodes"), &bad).unwrap();
    let short = OsStr::from_bytes(&bad[..12]);
    let words: [(&[&str], &[&OsStr]); 17] = [
        (&["-0a", "-f"], &[slashed, OsStr::new("image")]),
        (&["-0a", "-f", "out"], &[name]),
        (&["-0a", "-f", "out", "image"], &[name]),
        (&["-0a", "-f", "out", "--label"], &[short, OsStr::new("image")]),
        (&["-0a", "--label"], &[name, OsStr::new("image")]),
        (&["-0a", "--exclude"], &[name, OsStr::new("image")]),
        (&["-0a", "-f", "out", "--exclude-file", "inodes", "image"], &[]),
        (&["-0a", "-T"], &[name, OsStr::new("image")]),
        (&["-0a", "-b"], &[name, OsStr::new("image")]),
        (&["-0a", "--progress"], &[name, OsStr::new("image")]),
        (&["-0a", "--compress"], &[name, OsStr::new("image")]),
        (&["-D", "dumpdates", "-W"], &[]),
        (&["-D", "dumpdates", "-1a", "-f", "out", "image"], &[]),
        (&["-0a", "--batch", "-P"], &[OsStr::from_bytes(b"exit 7 # \x1b[31m \xc2\x9b"), OsStr::new("image")]),
        (&["--check"], &[name]),
        (&["--emit"], &[name, OsStr::new("out")]),
        (&[], &[name, OsStr::new("image")]),
    ];
    for (first, rest) in words {
        let mut command = capdump(&dir, first);
        command.args(rest).env("PATH_FSTAB", dir.join("fstab"));
        let ran = run(&mut command, LIMIT);
        assert_ran_clean(&format!("{first:?} {rest:?}"), &ran);
    }
    // Every byte can be read in the message.
    let missing = run(capdump(&dir, &["-0a", "-f", "out"]).arg(OsStr::from_bytes(b"a\\\x9b\xc2\x9b")), LIMIT);
    assert!(missing.stderr.contains(r"a\134\233\302\233: "), "{}", missing.stderr);
    let mut long = capdump(&dir, &[]);
    long.arg(OsStr::from_bytes(&[b"--", bad.as_slice()].concat()));
    assert_ran_clean("a long option", &run(&mut long, LIMIT));
    let listed = run(&mut capdump(&dir, &["-D", "dumpdates", "-W"]), LIMIT);
    assert!(String::from_utf8_lossy(&listed.stdout).contains("\\033[31m"), "{listed:?}");
}

#[test]
fn what_the_other_machine_says() {
    let dir = TempDir::new("capdump-escapes");
    small::mixed(&dir.join("image"));
    let says = "printf 'E5\\nbad \\033[31m\\302\\23331m\\2331\\342\\200\\256 tape\\n'; cat >/dev/null";
    let shell = peer::script(&dir.join("rsh"), says).display().to_string();
    let mut command = capdump(&dir, &["-0a", "--batch", "-f", "far:tape", "image"]);
    let ran = run(command.env("RSH", shell), LIMIT);
    assert!(ran.stderr.contains("tape"), "{}", ran.stderr);
    assert_ran_clean("rmt", &ran);
}
