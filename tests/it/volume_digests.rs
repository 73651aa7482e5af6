// SPDX-License-Identifier: BSD-2-Clause
//! The digests of volumes in an index: those of the bytes that were written, however that was, and what `--check --index` finds by them.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use capdump_support::age::{self, Key};
use capdump_support::index::{Volume, volumes};
use capdump_support::mounts::Tmpfs;
use capdump_support::program::{Ran, TempDir, is_root, run, skipped, without_tty};
use capdump_support::small;

const LIMIT: Duration = Duration::from_secs(60);

fn capdump(options: &[&str], operands: &[&Path]) -> Ran {
    run(without_tty(Path::new(env!("CARGO_BIN_EXE_capdump"))).args(options).args(operands), LIMIT)
}

fn volume(bytes: &[u8]) -> Volume {
    Volume { bytes: bytes.len() as u64, digest: blake3::hash(bytes).to_hex().to_string() }
}

struct Source {
    dir: TempDir,
    image: PathBuf,
    index: PathBuf,
}

impl Source {
    fn new(bytes: u64) -> Source {
        let dir = TempDir::new("capdump-volumes");
        let (image, index) = (dir.join("image"), dir.join("index"));
        small::one_file(&image, bytes);
        Source { dir, image, index }
    }

    fn dump(&self, options: &[&str]) -> Ran {
        let to = ["-0", "--index", self.index.to_str().unwrap()];
        capdump(&[&to, options].concat(), &[&self.image]).ok()
    }

    fn check(&self, options: &[&str], files: &[&Path]) -> Ran {
        let check = ["--check", "--index", self.index.to_str().unwrap()];
        capdump(&[&check, options].concat(), files)
    }

    /// The files are what the index says.
    fn assert_indexed(&self, index: &Path, files: &[PathBuf], what: &str) {
        let all: Vec<Vec<u8>> = files.iter().map(|file| fs::read(file).unwrap()).collect();
        let want: Vec<Volume> = all.iter().map(|bytes| volume(bytes)).collect();
        assert_eq!(volumes(index), want, "{what}");
    }

    fn names(&self, count: usize) -> (Vec<PathBuf>, String) {
        let names: Vec<PathBuf> = (1..=count).map(|n| self.dir.join(&format!("volume{n}"))).collect();
        let list = names.iter().map(|name| name.to_str().unwrap()).collect::<Vec<_>>().join(",");
        (names, list)
    }

    /// The volumes that the dump has written.
    fn written(&self, names: &[PathBuf]) -> Vec<PathBuf> {
        names.iter().filter(|name| name.exists()).cloned().collect()
    }
}

#[test]
fn they_are_of_the_bytes_of_each_file() {
    let source = Source::new(9_000_000);
    let key = age::available().then(|| Key::new(&source.dir, "key"));
    let (names, list) = source.names(40);
    let sealed = key.as_ref().map(|key| ["-a", "--encrypt", &key.recipient]);
    let (zstd, small) = (["-B", "2000", "--compress", "zstd"], ["-B", "500", "-b", "7"]);
    let mut all = vec![
        &["-a"][..],
        &["-a", "--workers", "1", "-b", "64"],
        &["-a", "--workers", "4", "--verify"],
        &["-a", "--compress", "zstd"],
        &small,
        &zstd,
    ];
    all.extend(sealed.iter().map(|options| &options[..]));
    for options in all {
        source.dump(&[options, &["-f", &list]].concat());
        let files = source.written(&names);
        let mut index = source.index.clone();
        if let Some(key) = key.as_ref().filter(|_| options.contains(&"--encrypt")) {
            index = source.dir.join("decrypted");
            fs::write(&index, key.decrypt(&source.index)).unwrap();
        }
        source.assert_indexed(&index, &files, &format!("{options:?}"));
        let files: Vec<&Path> = files.iter().map(PathBuf::as_path).collect();
        let identity = key.as_ref().map(|key| key.file.to_str().unwrap());
        let identity = identity.map_or(vec![], |file| vec!["--identity", file]);
        let ran = source.check(&identity, &files).ok();
        assert!(ran.stderr.contains("no damage found"), "{options:?}: {}", ran.stderr);
        files.into_iter().for_each(|file| fs::remove_file(file).unwrap());
        fs::remove_file(&source.index).unwrap();
    }
}

#[test]
fn also_of_what_went_to_a_pipe_or_behind_other_bytes() {
    let source = Source::new(3_000_000);
    let out = source.dir.join("out");
    source.dump(&["-aP", &format!("cat >{}", out.display())]);
    source.assert_indexed(&source.index, std::slice::from_ref(&out), "-P");
    fs::write(&out, "before").unwrap();
    let shell = format!(
        "{} -0a --index {} -f - {} >>{}",
        env!("CARGO_BIN_EXE_capdump"),
        source.index.display(),
        source.image.display(),
        out.display()
    );
    run(without_tty(Path::new("/bin/sh")).args(["-c", &shell]), LIMIT).ok();
    let bytes = fs::read(&out).unwrap();
    assert_eq!(volumes(&source.index), [volume(&bytes[6..])]);
    fs::write(&out, &bytes[6..]).unwrap();
    // From a pipe, too.
    let shell = format!(
        "cat {} | {} --check --index {} -",
        out.display(),
        env!("CARGO_BIN_EXE_capdump"),
        source.index.display()
    );
    let ran = run(without_tty(Path::new("/bin/sh")).args(["-c", &shell]), LIMIT).ok();
    assert!(ran.stderr.contains("no damage found"), "{}", ran.stderr);
    let ran = run(
        without_tty(Path::new("/bin/sh")).args([
            "-c",
            &format!("(cat {}; echo more) | {}", out.display(), &shell[shell.find('|').unwrap() + 1..]),
        ]),
        LIMIT,
    );
    assert_eq!(ran.code(), 3, "{}", ran.stderr);
    assert!(ran.stderr.contains("not as it was written"), "{}", ran.stderr);
}

#[test]
fn a_medium_that_is_full_ends_the_digest() {
    if !is_root() {
        return skipped("mounting a small tmpfs needs root");
    }
    let source = Source::new(5_000_000);
    for (kib, options) in
        [(1000, &[][..]), (2604, &[]), (3000, &["--compress", "zstd"]), (3333, &["--verify"])]
    {
        let medium = Tmpfs::new(&source.dir.join("tmpfs"), kib);
        let names = [medium.path().join("one"), source.dir.join("two"), source.dir.join("three")];
        let list = names.iter().map(|name| name.to_str().unwrap()).collect::<Vec<_>>().join(",");
        source.dump(&[&["-a", "-f", &list], options].concat());
        source.assert_indexed(&source.index, &source.written(&names), &format!("{kib} {options:?}"));
        source.written(&names).iter().for_each(|name| fs::remove_file(name).unwrap());
    }
}

#[test]
fn any_other_byte_of_a_volume_is_found() {
    let source = Source::new(300_000);
    let (names, list) = source.names(4);
    source.dump(&["-B", "200", "-f", &list]);
    let files = source.written(&names);
    assert_eq!(files.len(), 2);
    let paths: Vec<&Path> = files.iter().map(PathBuf::as_path).collect();
    let assert_found = |what: &str| {
        let ran = source.check(&[], &paths);
        assert_eq!(ran.code(), 3, "{what}: {}", ran.stderr);
        assert!(
            ran.stderr.contains("the volume is not as it was written, by the digest"),
            "{what}: {}",
            ran.stderr
        );
    };
    for file in &files {
        let whole = fs::read(file).unwrap();
        for at in (0..whole.len()).step_by(9973).chain([whole.len() - 1, whole.len() - 700]) {
            let mut changed = whole.clone();
            changed[at] ^= 1;
            fs::write(file, &changed).unwrap();
            assert_found(&format!("{} byte {at}", file.display()));
        }
        fs::write(file, [whole.as_slice(), &[0; 1024]].concat()).unwrap();
        assert_found("longer");
        fs::write(file, &whole[..whole.len() - 1]).unwrap();
        assert_found("shorter");
        fs::write(file, &whole).unwrap();
    }
    source.check(&[], &paths).ok();
}
