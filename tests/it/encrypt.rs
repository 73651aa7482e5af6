// SPDX-License-Identifier: BSD-2-Clause
//! `--encrypt`: what age(1), zstd(1), capdump and caprestore make of it, and of what was changed.

#![cfg(target_os = "linux")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use capdump_support::age::{self, Key};
use capdump_support::caprestore::{self, differences, run_in};
use capdump_support::decode::Dump;
use capdump_support::mounts::Tmpfs;
use capdump_support::program::{Ran, TempDir, is_root, run, skipped, without_tty};
use capdump_support::pty::Session;
use capdump_support::{small, zstd};

use crate::compress::{LIMIT, assert_hold, dump, image, list, stdout};

/// Bytes of a chunk of the payload in the file.
const SEALED: usize = (64 << 10) + 16;

fn capdump(options: &[&str], operand: &Path) -> Ran {
    run(without_tty(Path::new(env!("CARGO_BIN_EXE_capdump"))).args(options).arg(operand), LIMIT)
}

fn can_run() -> bool {
    age::available() && zstd::available()
}

/// Where the payload of a volume begins.
fn head(volume: &[u8]) -> usize {
    let mac = volume.windows(5).position(|window| window == b"\n--- ").expect("a MAC") + 1;
    mac + volume[mac..].iter().position(|&byte| byte == b'\n').expect("a line") + 1 + 16
}

#[test]
fn age_and_zstd_make_the_same_dump_of_it() {
    if !can_run() {
        return;
    }
    let dir = TempDir::new("capdump-encrypt");
    let (image, _) = image(&dir);
    let (key, other) = (Key::new(&dir, "key"), Key::new(&dir, "other"));
    let plain = stdout(&[], &image);
    let (out, piped) = (dir.join("out"), dir.join("piped"));
    let to = ["-a", "--encrypt", &key.recipient, "--encrypt", &other.recipient];
    for more in [&["--verify"][..], &["--workers", "1"], &["--workers", "8", "--compress", "zstd:6"]] {
        let ran = dump(&[&to[..], more, &["-f", &out.display().to_string()]].concat(), &image).ok();
        assert!(!ran.stderr.contains(&key.recipient), "{}", ran.stderr);
        for key in [&key, &other] {
            assert!(zstd::unpack(&key.decrypt(&out)) == plain, "{more:?}");
        }
        let checked = capdump(&["--check", "--identity", key.file.to_str().unwrap()], &out).ok();
        assert!(checked.stderr.contains("no damage found"), "{}", checked.stderr);
    }
    let command = format!("cat >{}", piped.display());
    dump(&[&to[..], &["-P", &command]].concat(), &image).ok();
    assert!(zstd::unpack(&key.decrypt(&piped)) == plain);
    fs::write(&piped, stdout(&to, &image)).unwrap();
    assert!(zstd::unpack(&other.decrypt(&piped)) == plain);
}

#[test]
fn volumes_of_limited_size() {
    if !can_run() {
        return;
    }
    let dir = TempDir::new("capdump-encrypt");
    let (image, spec) = image(&dir);
    let key = Key::new(&dir, "key");
    for (limit, least) in [("2000", 5), ("300", 20), ("150", 40)] {
        let names: Vec<PathBuf> = (0..150).map(|n| dir.join(&format!("v{n}"))).collect();
        let options = ["--verify", "-B", limit, "--encrypt", &key.recipient, "-f", &list(&names)];
        dump(&options, &image).ok();
        let names: Vec<PathBuf> = names.into_iter().filter(|name| name.exists()).collect();
        assert!(names.len() >= least, "{limit}: {}", names.len());
        let most = limit.parse::<u64>().unwrap() << 10;
        assert!(names.iter().all(|name| fs::metadata(name).unwrap().len() <= most));
        let volumes: Vec<Vec<u8>> = names.iter().map(|name| key.decrypt(name)).collect();
        assert_hold(&volumes, &spec, 10);
        names.iter().for_each(|name| fs::remove_file(name).unwrap());
    }
    let out = dir.join("out").display().to_string();
    let ran = dump(&["-B", "60", "--encrypt", &key.recipient, "-f", &out], &image);
    assert_eq!(ran.code(), 1, "{}", ran.stderr);
    assert!(ran.stderr.contains("too small for"), "{}", ran.stderr);
}

#[test]
fn a_medium_that_is_full_ends_with_a_whole_payload() {
    if !can_run() {
        return;
    }
    if !is_root() {
        return skipped("mounting a small tmpfs needs root");
    }
    let dir = TempDir::new("capdump-encrypt");
    let (image, spec) = image(&dir);
    let key = Key::new(&dir, "key");
    for kib in [2600, 3000, 5004] {
        let medium = Tmpfs::new(&dir.join("tmpfs"), kib);
        let names = [medium.path().join("one"), dir.join("two"), dir.join("three")];
        let options = ["-a", "--verify", "--encrypt", &key.recipient, "-f", &list(&names)];
        let ran = dump(&options, &image).ok();
        assert!(ran.stderr.contains("End of tape detected"), "{}", ran.stderr);
        let volumes = [&names[0], &names[1]].map(|name| key.decrypt(name));
        assert_hold(&volumes, &spec, 10);
    }
}

#[test]
fn what_was_changed_is_found() {
    if !can_run() {
        return;
    }
    let dir = TempDir::new("capdump-encrypt");
    let (image, _) = image(&dir);
    let key = Key::new(&dir, "key");
    let volume = stdout(&["--encrypt", &key.recipient], &image);
    let (out, into) = (dir.join("out"), dir.join("into"));
    let head = head(&volume);
    let chunk = |n: usize| &volume[head + n * SEALED..head + (n + 1) * SEALED];
    let chunks = (volume.len() - head) / SEALED;
    let flipped = |at: usize| {
        let mut bad = volume.clone();
        bad[at] ^= 1;
        bad
    };
    let swapped = [&volume[..head], chunk(1), chunk(0), &volume[head + 2 * SEALED..]].concat();
    let doubled = [&volume[..head + SEALED], &volume[head..]].concat();
    let without = [&volume[..head + SEALED], &volume[head + 2 * SEALED..]].concat();
    let cases = [
        ("in the header", flipped(30)),
        ("in the nonce", flipped(head - 3)),
        ("in the first chunk", flipped(head + 9)),
        ("in the middle", flipped(head + chunks / 2 * SEALED + 1000)),
        ("in a tag", flipped(head + 3 * SEALED - 1)),
        ("in the table", flipped(volume.len() - 5)),
        ("swapped", swapped),
        ("doubled", doubled),
        ("one missing", without),
        ("cut in a chunk", volume[..volume.len() / 2].to_vec()),
        ("cut between chunks", volume[..head + chunks / 2 * SEALED].to_vec()),
        ("without its last chunk", volume[..head + chunks * SEALED].to_vec()),
        ("cut in the header", volume[..60].to_vec()),
        ("something appended", [&volume[..], b"x"].concat()),
    ];
    let identity = key.file.to_str().unwrap();
    for (what, bytes) in cases {
        fs::write(&out, bytes).unwrap();
        assert!(key.try_decrypt(&out).code() != 0, "{what}: age finds nothing");
        let ran = capdump(&["--check", "--identity", identity], &out);
        assert!(matches!(ran.code(), 1 | 3), "{what}: {} {}", ran.code(), ran.stderr);
        assert!(!ran.stderr.contains("no damage"), "{what}: {}", ran.stderr);
        // Directories that were begun are in the way of an ordinary user.
        if is_root()
            && what != "in the table"
            && what != "something appended"
            && what != "without its last chunk"
        {
            let mut command = caprestore::command(Path::new(env!("CARGO_BIN_EXE_caprestore")));
            let ran = run_in(command.arg("-ryf").arg(&out).args(["--identity", identity]), &into, "");
            assert_eq!(ran.code(), 1, "{what}: {}", ran.stderr);
            fs::remove_dir_all(&into).unwrap();
        }
    }
}

#[test]
fn who_can_read_it() {
    if !can_run() {
        return;
    }
    let dir = TempDir::new("capdump-encrypt");
    small::mixed(&dir.join("image"));
    let keys: Vec<Key> = (0..20).map(|n| Key::new(&dir, &format!("key{n}"))).collect();
    let stranger = Key::new(&dir, "stranger");
    let file = dir.join("recipients");
    let lines: String = keys[1..].iter().map(|key| format!("# one\n{}\n", key.recipient)).collect();
    fs::write(&file, lines).unwrap();
    let out = dir.join("out");
    let (name, first) = (out.display().to_string(), &keys[0].recipient);
    let options = ["-a", "--encrypt", first, "--recipients-file", file.to_str().unwrap(), "-f", &name];
    dump(&options, &dir.join("image")).ok();
    for key in &keys {
        key.decrypt(&out);
        capdump(&["--check", "--identity", key.file.to_str().unwrap()], &out).ok();
    }
    let said = |options: &[&str]| {
        let ran = capdump(&[&["--list"], options].concat(), &out);
        assert_eq!((ran.code(), ran.stdout.len()), (1, 0), "{}", ran.stderr);
        ran.stderr
    };
    assert_eq!(said(&[]), format!("  DUMP: {name}: encrypted by age; use --identity\n"));
    let identity = stranger.file.to_str().unwrap();
    let wrong = said(&["--identity", identity]);
    assert_eq!(wrong, format!("  DUMP: {name}: no identity matches any of the recipients\n"));
    assert!(
        said(&["--identity", file.to_str().unwrap()]).contains("recipients: line 2: not a valid age key")
    );
    assert!(said(&["--identity", "/dev/null"]).contains("/dev/null: contains no key"));
    let mut command = caprestore::command(Path::new(env!("CARGO_BIN_EXE_caprestore")));
    let ran = run(command.arg("-tf").arg(&out), LIMIT);
    assert_eq!((ran.code(), ran.stdout.len()), (1, 0));
    assert!(ran.stderr.contains("encrypted by age; use --identity"), "{}", ran.stderr);
}

#[test]
fn what_cannot_be_a_recipient_is_refused_and_no_secret_is_printed() {
    if !can_run() {
        return;
    }
    let dir = TempDir::new("capdump-encrypt");
    small::mixed(&dir.join("image"));
    let key = Key::new(&dir, "key");
    let text = fs::read_to_string(&key.file).unwrap();
    let secret = text.lines().find(|line| !line.starts_with('#')).unwrap();
    // One letter in 32 of the last ones is a q already.
    let (rest, last) = key.recipient.split_at(key.recipient.len() - 1);
    let damaged = format!("{rest}{}", if last == "q" { 'p' } else { 'q' });
    for (recipient, said) in [
        (secret, "--encrypt: a secret key where a public key (age1...) belongs"),
        ("ssh-ed25519 AAAA", "SSH keys are not supported, only those of age-keygen"),
        ("age1yubikey1q0", "keys of plugins are not supported, only those of age-keygen"),
        (&damaged, "not a valid age key"),
    ] {
        let ran = dump(&["--encrypt", recipient, "-f", "x"], &dir.join("image"));
        assert_eq!(ran.code(), 1);
        assert!(ran.stderr.contains(said) && !ran.stderr.contains(&secret[15..]), "{}", ran.stderr);
    }
    // A file of secret keys given for one of public ones.
    let file = key.file.to_str().unwrap();
    let ran = dump(&["--recipients-file", file, "-f", "x"], &dir.join("image"));
    assert_eq!(ran.code(), 1);
    assert!(
        ran.stderr.contains("a secret key where") && !ran.stderr.contains(&secret[15..]),
        "{}",
        ran.stderr
    );
    let ran = dump(&["--recipients-file", file, "-f", file], &dir.join("image"));
    assert!(ran.code() == 1 && fs::read_to_string(&key.file).unwrap() == text, "the keys were overwritten");
}

#[test]
fn an_index_is_encrypted_and_leads_to_files() {
    if !can_run() {
        return;
    }
    let dir = TempDir::new("capdump-encrypt");
    let (image, _) = image(&dir);
    let key = Key::new(&dir, "key");
    let (out, index) = (dir.join("out"), dir.join("index"));
    let (name, index_name) = (out.display().to_string(), index.display().to_string());
    let options = ["-a", "--encrypt", &key.recipient, "--index", &index_name, "-f", &name];
    // Once more, over an encrypted index.
    for _ in 0..2 {
        dump(&options, &image).ok();
    }
    let bytes = fs::read(&index).unwrap();
    assert!(!bytes.windows(5).any(|window| window == b"text1"));
    assert!(String::from_utf8(key.decrypt(&index)).unwrap().contains("\n./text1\t"));
    let identity = ["--identity", key.file.to_str().unwrap()];
    let listed = capdump(&[&["--list", "--index", &index_name], &identity[..]].concat(), &out).ok();
    assert!(String::from_utf8_lossy(&listed.stdout).contains("./text1"));
    let whole = capdump(&[&["--emit", "text1", "--emit", "sub/small9"], &identity[..]].concat(), &out).ok();
    let options = ["--emit", "text1", "--emit", "sub/small9", "--index", &index_name];
    let by_index = capdump(&[&options, &identity[..]].concat(), &out).ok();
    assert!(by_index.stdout == whole.stdout && !by_index.stderr.contains("ignoring"), "{}", by_index.stderr);
    let ran = capdump(&["--list", "--index", &index_name], &out);
    assert_eq!(ran.code(), 1);
    assert!(ran.stderr.contains("index: encrypted by age; use --identity"), "{}", ran.stderr);
    // Another file for the same recipient is no index.
    let secret = dir.join("secret");
    let mut command = Command::new("age");
    run(command.args(["-r", &key.recipient, "-o"]).arg(&secret).arg(&key.file), LIMIT).ok();
    let ran =
        dump(&["-a", "--encrypt", &key.recipient, "--index", secret.to_str().unwrap(), "-f", &name], &image);
    assert!(ran.code() == 1 && ran.stderr.contains("is not an index file"), "{}", ran.stderr);
}

#[test]
fn caprestore_restores_it() {
    if !can_run() {
        return;
    }
    if !is_root() {
        return skipped("owners need root");
    }
    let dir = TempDir::new("capdump-encrypt");
    let (image, _) = image(&dir);
    let key = Key::new(&dir, "key");
    let names = [dir.join("one"), dir.join("two"), dir.join("three")];
    dump(&["-B", "5000", "--encrypt", &key.recipient, "-f", &list(&names)], &image).ok();
    let into = dir.join("into");
    let mut command = caprestore::command(Path::new(env!("CARGO_BIN_EXE_caprestore")));
    run_in(command.args(["-rf", &list(&names), "--identity"]).arg(&key.file), &into, "").ok();
    let plain = Dump::one(stdout(&[], &image)).unwrap();
    assert_eq!(differences(&into, &plain), [""; 0]);
}

#[test]
fn an_identity_behind_a_passphrase() {
    if !can_run() {
        return;
    }
    let dir = TempDir::new("capdump-encrypt");
    small::mixed(&dir.join("image"));
    let (key, locked, out) = (Key::new(&dir, "key"), dir.join("locked"), dir.join("out"));
    let mut command = Session::command(Path::new("age"));
    command.arg("-p").arg("-o").arg(&locked).arg(&key.file);
    let mut session = Session::start(command);
    session.expect("passphrase", LIMIT);
    session.send("open sesame");
    session.expect("onfirm", LIMIT);
    session.send("open sesame");
    assert!(session.finish(LIMIT).0.is_some_and(|status| status.success()));
    dump(&["-a", "--encrypt", &key.recipient, "-f", out.to_str().unwrap()], &dir.join("image")).ok();
    for (passphrase, code) in [("open sesame", 0), ("not so simple", 1)] {
        let mut command = Session::command(Path::new(env!("CARGO_BIN_EXE_capdump")));
        command.arg("--check").arg("--identity").arg(&locked).arg(&out);
        let mut session = Session::start(command);
        session.expect("locked: ", LIMIT);
        session.send(passphrase);
        let (status, said) = session.finish(LIMIT);
        assert_eq!(status.and_then(|status| status.code()), Some(code), "{said}");
        assert!(!said.contains(passphrase), "it is shown: {said}");
        assert!(code == 0 || said.contains("locked: wrong passphrase"), "{said}");
    }
    let ran = capdump(&["--check", "--identity", locked.to_str().unwrap()], &out);
    assert!(ran.code() == 1 && ran.stderr.contains("no terminal to ask"), "{}", ran.stderr);
}

#[test]
fn nothing_is_in_the_clear_and_no_key_is_used_twice() {
    if !can_run() {
        return;
    }
    let dir = TempDir::new("capdump-encrypt");
    let (image, _) = image(&dir);
    let key = Key::new(&dir, "key");
    let volume = stdout(&["--encrypt", &key.recipient], &image);
    let magic = [0x28, 0xb5, 0x2f, 0xfd];
    let found = volume[head(&volume)..].windows(4).filter(|window| *window == magic).count();
    assert!(found < 2, "{found} frames in the clear");
    let same = stdout(&["--encrypt", &key.recipient], &image);
    assert!(same.len() == volume.len() && same != volume, "a key was used twice");
}
