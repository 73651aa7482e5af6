// SPDX-License-Identifier: BSD-2-Clause
//! `make install` of what is built: without cargo, stripped, and `make uninstall` leaves nothing.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, SystemTime};

use capdump_support::program::{Ran, TempDir, have, run, skipped, without_tty};
use capdump_support::tree;

const LIMIT: Duration = Duration::from_secs(60);

/// A folder with what `make` builds, and one to install to.
struct Place {
    dir: TempDir,
    built: PathBuf,
}

impl Place {
    fn new() -> Option<Place> {
        if !have("make") {
            skipped("make(1) is not there");
            return None;
        }
        let dir = TempDir::new("capdump-install");
        let built = dir.join("target/release/capdump");
        fs::create_dir_all(built.parent().unwrap()).unwrap();
        fs::create_dir(dir.join("to")).unwrap();
        fs::copy(env!("CARGO_BIN_EXE_capdump"), &built).unwrap();
        fs::copy(env!("CARGO_BIN_EXE_caprestore"), dir.join("target/release/caprestore")).unwrap();
        Some(Place { dir, built })
    }

    /// make where there is no cargo.
    fn make(&self, arguments: &[&str]) -> Ran {
        let mut command = without_tty(Path::new("make"));
        command.args(arguments).args(["CARGO=no-cargo-here", "PREFIX=/usr/local"]);
        command.arg(format!("DESTDIR={}", self.dir.join("to").display()));
        command.current_dir(env!("CARGO_MANIFEST_DIR")).env("CARGO_TARGET_DIR", self.dir.join("target"));
        // This may itself be run by make.
        for name in ["MAKEFLAGS", "MAKELEVEL", "MFLAGS"] {
            command.env_remove(name);
        }
        run(&mut command, LIMIT)
    }

    fn files(&self) -> Vec<String> {
        let listing = tree::listing(&self.dir.join("to"), &[]);
        let files = listing.into_iter().filter(|(_, entry)| entry.content.is_some());
        files.map(|(name, _)| String::from_utf8(name).unwrap()).collect()
    }
}

#[test]
fn what_is_built_is_installed_and_removed() {
    let Some(place) = Place::new() else { return };
    for (base, program, other) in
        [("no", "usr/local/sbin/capdump", "usr/local/sbin/caprestore"), ("yes", "sbin/dump", "sbin/rrestore")]
    {
        place.make(&["install", &format!("BASE={base}")]).ok();
        let installed = place.dir.join("to").join(program);
        let ran = run(without_tty(&installed).arg("--version"), LIMIT).ok();
        assert!(ran.stdout.starts_with(b"capdump "), "{ran:?}");
        let ran = run(without_tty(&place.dir.join("to").join(other)).arg("--version"), LIMIT).ok();
        assert!(ran.stdout.starts_with(b"caprestore "), "{ran:?}");
        // The name of the table of symbols is in a program that has one.
        let has_symbols = |file: &Path| fs::read(file).unwrap().windows(8).any(|bytes| bytes == b".symtab\0");
        if have("strip") {
            assert!(has_symbols(&place.built) && !has_symbols(&installed), "{base}");
        } else {
            skipped("strip(1) is not there");
        }
        assert!(place.files().iter().any(|name| name.contains("man8/")), "{:?}", place.files());
        place.make(&["uninstall", &format!("BASE={base}")]).ok();
        assert_eq!(place.files(), [""; 0]);
    }
}

#[test]
fn what_is_not_built_is_not_installed() {
    let Some(place) = Place::new() else { return };
    let old = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000_000);
    fs::File::options().write(true).open(&place.built).unwrap().set_modified(old).unwrap();
    let ran = place.make(&["install"]);
    assert!(ran.code() != 0 && ran.stderr.contains("is older than "), "{ran:?}");
    fs::remove_file(&place.built).unwrap();
    let ran = place.make(&["install"]);
    assert!(ran.code() != 0 && ran.stderr.contains("make builds it"), "{ran:?}");
    assert_eq!(place.files(), [""; 0]);
}

#[test]
fn a_newer_source_anywhere_in_the_workspace_is_noticed() {
    let tree = TempDir::new("capdump-built");
    let ours = Path::new(env!("CARGO_MANIFEST_DIR"));
    let manifest = fs::read_to_string(ours.join("Cargo.toml")).unwrap();
    let members = manifest.lines().find_map(|line| line.strip_prefix("members = ")).unwrap();
    let members = members.trim_matches(['[', ']']).split(", ").map(|name| name.trim_matches('"'));
    let sources: Vec<PathBuf> = std::iter::once("src/lib.rs".to_owned())
        .chain(members.filter(|name| !name.starts_with("tests/")).map(|name| format!("{name}/src/lib.rs")))
        .chain(["Cargo.toml".to_owned(), "Cargo.lock".to_owned()])
        .map(|name| tree.join(&name))
        .collect();
    let at = |seconds| SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
    let dated = |path: &Path, seconds| {
        fs::File::options().write(true).open(path).unwrap().set_modified(at(seconds)).unwrap()
    };
    for path in sources.iter().chain([&tree.join("target/capdump"), &tree.join("scripts/built")]) {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, "").unwrap();
        dated(path, 1_000_000_000);
    }
    fs::copy(ours.join("scripts/built"), tree.join("scripts/built")).unwrap();
    let built = || run(Command::new("sh").arg(tree.join("scripts/built")).arg("target/capdump"), LIMIT);
    built().ok();
    for path in &sources {
        dated(path, 1_000_000_001);
        let ran = built();
        let name = path.strip_prefix(tree.path()).unwrap().display().to_string();
        assert!(ran.code() == 1 && ran.stderr.contains(&format!("older than {name};")), "{name}: {ran:?}");
        dated(path, 999_999_999);
    }
}
