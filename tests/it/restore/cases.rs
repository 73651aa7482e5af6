// SPDX-License-Identifier: BSD-2-Clause
//! What FreeBSD's restore did in some forty cases, and what caprestore does: command, answers, output, messages, status, names.

use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use capdump_support::caprestore::{Place, run_in};
use capdump_support::program::{TempDir, is_root, skipped, without_tty};
use capdump_support::tree;

/// Cases in which caprestore does not do the same, and what is not compared.
const DIFFERENT: &[(&str, &str)] = &[
    // It goes on as far as it can without the table; caprestore needs it.
    ("R_none", "err"),
    // Its message has the text for no error.
    ("empty", "err"),
    // The last tape block is not whole, which is reported.
    ("cut_r", "err"),
    ("cut_x", "err"),
    ("cut_y", "err"),
    // What was asked for and is not there is a failure; it ends with 0.
    ("list_absent", "rc"),
    ("x_absent", "rc"),
    // A file that could not be made is a failure; it ends with 0.
    ("exists_dir", "rc"),
    // It writes through the link.
    ("link_in_way", "rc err tree out"),
    // caprestore gives the reason in a further line.
    ("l0_after_l1", "err"),
    ("l1_after", "err"),
    ("other_fs", "err"),
    // It takes the wrong level after three questions.
    ("l1_first", "err"),
    // It restores over what is there; caprestore refuses that without --overwrite.
    ("twice", "rc err"),
    // It waits for a terminal.
    ("x_stdin", "rc err"),
];

/// The folder of the cases, if there is one.
fn cases() -> Option<PathBuf> {
    let found = std::env::var_os("CAPDUMP_GOLDEN").map(|golden| Path::new(&golden).join("restore/cases"));
    let found = found.filter(|path| path.is_dir());
    if found.is_none() {
        skipped("CAPDUMP_GOLDEN does not name the reference's folder, or it has no cases of restore");
    }
    found
}

/// Unpacks a file of the reference.
fn unpacked(path: &Path) -> Vec<u8> {
    if path.exists() {
        return fs::read(path).unwrap();
    }
    let name = format!("{}.zst", path.display());
    let done = Command::new("zstd").args(["-dcq", &name]).output().expect("zstd");
    assert!(done.status.success(), "{name}");
    done.stdout
}

/// The dumps that the cases name.
fn dumps(golden: &Path) -> TempDir {
    let dir = TempDir::new("caprestore-dumps");
    let out = |name: &str| unpacked(&golden.join("../../out").join(name));
    let whole = out("m2_8192_1024/L0_b10.dump");
    fs::write(dir.join("m2_8192_1024.L1"), out("m2_8192_1024/L1_T.dump")).unwrap();
    fs::write(dir.join("w2_8192_1024.L1"), out("w2_8192_1024/L1_T.dump")).unwrap();
    fs::write(dir.join("cut"), &whole[..400_000]).unwrap();
    let mut flipped = whole.clone();
    flipped[300_100..300_104].copy_from_slice(b"XXXX");
    fs::write(dir.join("flip"), flipped).unwrap();
    fs::write(dir.join("m2_8192_1024"), whole).unwrap();
    fs::write(dir.join("zeros"), [0; 20_000]).unwrap();
    fs::write(dir.join("empty"), b"").unwrap();
    dir
}

/// The names below a folder, as find(1) has them.
fn names(into: &Path) -> Vec<String> {
    let listing = tree::listing(into, &["restoresymtable"]);
    let mut names: Vec<String> =
        listing.into_keys().map(|path| format!(".{}", String::from_utf8_lossy(&path))).collect();
    names.sort();
    names
}

/// Runs a case; says how it differs.
fn differences(golden: &Path, name: &str, dumps: &TempDir, program: &Path) -> Vec<String> {
    let place = Place::new();
    let file = |ending: &str| golden.join(format!("{name}.{ending}"));
    let text = |ending: &str| String::from_utf8_lossy(&unpacked(&file(ending))).into_owned();
    let command = text("cmd").replace("/tmp/d/", &format!("{}/", dumps.path().display()));
    let mut sh = without_tty(Path::new("sh"));
    sh.args(["-c", command.trim_end()]).env("TZ", "UTC").env_remove("TAPE");
    let path = std::env::var("PATH").unwrap_or_default();
    sh.env("PATH", format!("{}:{path}", program.parent().unwrap().display()));
    let ran = run_in(&mut sh, &place.join("into"), &text("in"));
    place.check(&["into", "into.answers"]);
    // What Linux does not have.
    let told = match ran.stderr.split_once("not restored: ") {
        Some((before, rest)) => format!("{before}{}", rest.split_once('\n').map_or("", |(_, rest)| rest)),
        None => ran.stderr.clone(),
    };
    let shown = |text: &str| text.replace(&format!("{}/", dumps.path().display()), "/tmp/d/");
    let left_out = DIFFERENT.iter().find(|case| case.0 == name).map_or("", |case| case.1);
    let mut wanted: Vec<String> = text("tree").lines().map(str::to_owned).collect();
    wanted.sort();
    let compared = [
        ("rc", ran.code().to_string(), text("rc").trim().to_owned()),
        ("out", shown(&String::from_utf8_lossy(&ran.stdout)), text("out")),
        ("err", shown(&told).trim_end().to_owned(), text("err").trim_end().to_owned()),
        ("tree", names(&place.join("into")).join("\n"), wanted.join("\n")),
    ];
    compared
        .into_iter()
        .filter(|(what, found, wanted)| found != wanted && !left_out.split(' ').any(|left| left == *what))
        .map(|(what, found, wanted)| format!("{name}: {what}:\n{found}\n--- should be\n{wanted}\n"))
        .collect()
}

#[test]
fn cases_of_freebsd() {
    let Some(golden) = cases() else { return };
    if !is_root() {
        skipped("owners and devices need root");
        return;
    }
    let dumps = dumps(&golden);
    let bin = TempDir::new("caprestore-bin");
    let program = bin.join("restore");
    symlink(env!("CARGO_BIN_EXE_caprestore"), &program).unwrap();
    let mut found = Vec::new();
    let mut count = 0;
    for entry in fs::read_dir(&golden).unwrap() {
        let name = entry.unwrap().file_name();
        let Some(name) = name.as_bytes().strip_suffix(b".cmd").map(String::from_utf8_lossy) else { continue };
        count += 1;
        found.extend(differences(&golden, &name, &dumps, &program));
    }
    assert!(count >= 40, "{count}");
    assert!(found.is_empty(), "{}", found.concat());
}
