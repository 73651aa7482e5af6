// SPDX-License-Identifier: BSD-2-Clause
//! `--sign` and `--verify-key`: signatures that minisign(1) and signify(1) verify, only of a dump that is complete.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use capdump_support::program::{Ran, TempDir, have, run, skipped, without_tty};
use capdump_support::pty::Session;
use capdump_support::small;

const LIMIT: Duration = Duration::from_secs(60);

/// A secret key of signify whose passphrase is "correct horse", and its public key.
const LOCKED: &str = "untrusted comment: signify secret key\n\
    RWRCSwAAACoiXvtEf5ek1fUJ3y6PaTULuQLAxjhpWQTMiPXhITDxH3mKAFzJdnGV/euT2krSVyBGbCqtlv7LrefLvdc/6iTXxJwwZaGoEAcB3FdOS06Mwe7cOrfcGuAtmVsyvqcDVjA=\n";
const LOCKED_PUBLIC: &str = "untrusted comment: signify public key\n\
    RWTMiPXhITDxHxSPHI04D+UEXcKGLSQFSXct/PIzOUmyKaSXm+f/sWW7\n";
/// A secret key of signify without a passphrase.
const OPEN: &str = "untrusted comment: signify secret key\n\
    RWRCSwAAAADn7dfE3xVqY/irNsgXrbvmrasY96mVjA1FecuY2xdSVv0RDOyXQ9OZgks+c5Nibf8LJ68Q1NEzfS/L5R6ntcNg/6GOP4QSP0nF+1wtH3nqKDRYZdB+Is9qe/76JLWWpwQ=\n";
const OPEN_PUBLIC: &str = "untrusted comment: signify public key\n\
    RWRFecuY2xdSVv+hjj+EEj9JxftcLR956ig0WGXQfiLPanv++iS1lqcE\n";
/// A secret key of minisign without a passphrase.
const MINISIGN: &str = "untrusted comment: minisign encrypted secret key\n\
    RWQAAEIyAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAWK79gKXAQLgAAw43e+SD1dFkldom8Xd8GnK2qQ7QPqnPgSkDfOBG2ci/4Z0QKXrccrF5MGpae5QjZbvDIYRidryngJVkN0AGAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n";
const MINISIGN_PUBLIC: &str = "untrusted comment: minisign public key B840C0A580FDAE58\n\
    RWRYrv2ApcBAuMi/4Z0QKXrccrF5MGpae5QjZbvDIYRidryngJVkN0AG\n";

/// The first half of the key in [`OPEN`], decoded.
#[cfg(target_os = "linux")]
const SEED: &str = "fd110cec9743d399824b3e7393626dff0b27af10d4d1337d2fcbe51ea7b5c360";

struct Place {
    dir: TempDir,
    image: PathBuf,
    out: PathBuf,
    index: PathBuf,
    /// Secret and public key.
    key: PathBuf,
    public: PathBuf,
}

impl Place {
    fn new(secret: &str, public: &str) -> Place {
        let dir = TempDir::new("capdump-sign");
        let [image, out, index] = ["image", "out", "disk.index"].map(|name| dir.join(name));
        let (key, public_file) = (dir.join("key.sec"), dir.join("key.pub"));
        small::one_file(&image, 2_000_000);
        fs::write(&key, secret).unwrap();
        fs::write(&public_file, public).unwrap();
        Place { dir, image, out, index, key, public: public_file }
    }

    fn arguments(&self) -> Vec<String> {
        let text = |path: &Path| path.to_str().unwrap().to_owned();
        vec!["-0a".into(), "--index".into(), text(&self.index), "--sign".into(), text(&self.key)]
    }

    fn dump(&self, options: &[&str]) -> Ran {
        let mut command = without_tty(Path::new(env!("CARGO_BIN_EXE_capdump")));
        run(command.args(self.arguments()).args(options).arg(&self.image), LIMIT)
    }

    fn to_out(&self) -> [&str; 2] {
        ["-f", self.out.to_str().unwrap()]
    }

    fn verify(&self, purpose: &str, volumes: &[&Path], public: &Path) -> Ran {
        let mut command = without_tty(Path::new(env!("CARGO_BIN_EXE_capdump")));
        let options = [Path::new("--index"), &self.index, Path::new("--verify-key"), public];
        run(command.arg(purpose).args(options).args(volumes), LIMIT)
    }

    fn check(&self) -> Ran {
        self.verify("--check", &[&self.out], &self.public)
    }

    fn signature(&self, suffix: &str) -> PathBuf {
        self.dir.join(&format!("disk.index{suffix}"))
    }

    fn both(&self) -> (Vec<u8>, Vec<u8>) {
        (fs::read(&self.index).unwrap(), fs::read(self.signature(".sig")).unwrap())
    }
}

/// What these programs say of the signature.
fn by_its_program(place: &Place, program: &str) -> Ran {
    let mut command = Command::new(program);
    run(command.args(["-V", "-p"]).arg(&place.public).arg("-m").arg(&place.index), LIMIT)
}

#[test]
fn minisign_verifies() {
    if !have("minisign") {
        return skipped("minisign(1) is not there");
    }
    let place = Place::new(MINISIGN, MINISIGN_PUBLIC);
    place.dump(&place.to_out()).ok();
    let ran = by_its_program(&place, "minisign").ok();
    let said = String::from_utf8_lossy(&ran.stdout).into_owned();
    assert!(said.contains("file:disk.index\thashed\tlevel:0\tbase:0\tfilesystem:"), "{said}");
    let mut index = fs::read(&place.index).unwrap();
    index[20] ^= 1;
    fs::write(&place.index, index).unwrap();
    assert_ne!(by_its_program(&place, "minisign").code(), 0);
    // With a key that minisign made.
    let (key, public) = (place.dir.join("made.key"), place.dir.join("made.pub"));
    run(Command::new("minisign").args(["-G", "-W", "-p"]).arg(&public).arg("-s").arg(&key), LIMIT).ok();
    let place = Place { key, public, ..place };
    place.dump(&place.to_out()).ok();
    by_its_program(&place, "minisign").ok();
    place.check().ok();
}

#[test]
fn signify_verifies() {
    let Some(signify) = ["signify-openbsd", "signify"].into_iter().find(|program| have(program)) else {
        return skipped("signify(1) is not there");
    };
    let place = Place::new(OPEN, OPEN_PUBLIC);
    place.dump(&place.to_out()).ok();
    by_its_program(&place, signify).ok();
    assert!(fs::read_to_string(place.signature(".sig")).unwrap().contains("verify with key.pub\n"));
    let (key, public) = (place.dir.join("made.sec"), place.dir.join("made.pub"));
    run(Command::new(signify).args(["-G", "-n", "-p"]).arg(&public).arg("-s").arg(&key), LIMIT).ok();
    let place = Place { key, public, ..place };
    place.dump(&place.to_out()).ok();
    by_its_program(&place, signify).ok();
    place.check().ok();
}

#[test]
fn an_index_is_trusted_only_if_it_is_signed() {
    for (secret, public, suffix) in [(MINISIGN, MINISIGN_PUBLIC, ".minisig"), (OPEN, OPEN_PUBLIC, ".sig")] {
        let place = Place::new(secret, public);
        place.dump(&place.to_out()).ok();
        let ran = place.check().ok();
        assert!(ran.stderr.contains("disk.index: the signature is good"), "{}", ran.stderr);
        assert!(ran.stderr.contains("no damage found"), "{}", ran.stderr);
        place.verify("--list", &[], &place.public).ok();
        let refused = |why: &str| {
            for ran in [place.check(), place.verify("--list", &[], &place.public)] {
                assert_eq!(ran.code(), 1, "{why}: {}", ran.stderr);
                assert!(ran.stderr.contains(why), "{why}: {}", ran.stderr);
                assert!(ran.stdout.is_empty() && !ran.stderr.contains("good"), "{}", ran.stderr);
            }
        };
        let good = fs::read(&place.index).unwrap();
        for at in (0..good.len()).step_by(61) {
            let mut bad = good.clone();
            bad[at] ^= 1;
            fs::write(&place.index, bad).unwrap();
            refused("the signature does not fit");
        }
        fs::write(&place.index, [good.as_slice(), b"\n"].concat()).unwrap();
        refused("the signature does not fit");
        fs::write(&place.index, &good).unwrap();
        let signature = fs::read(place.signature(suffix)).unwrap();
        fs::write(place.signature(suffix), b"untrusted comment: nothing\n").unwrap();
        refused("not a signature");
        fs::remove_file(place.signature(suffix)).unwrap();
        refused("there is no signature of it");
        fs::write(place.signature(suffix), signature).unwrap();
        place.check().ok();
        let other = place.dir.join("other.pub");
        fs::write(&other, LOCKED_PUBLIC).unwrap();
        let ran = place.verify("--check", &[&place.out], &other);
        assert_eq!(ran.code(), 1, "{}", ran.stderr);
        assert!(ran.stderr.contains("signed by another key"), "{}", ran.stderr);
        let ran = place.verify("--check", &[&place.out], &place.key);
        assert_eq!(ran.code(), 1, "{}", ran.stderr);
        assert!(ran.stderr.contains("key.sec: not a public key"), "{}", ran.stderr);
    }
}

#[test]
fn a_dump_that_is_not_recorded_is_not_signed() {
    let place = Place::new(OPEN, OPEN_PUBLIC);
    let assert_failed = |options: &[&str], why: &str| {
        let ran = place.dump(options);
        assert_eq!(ran.code(), 3, "{options:?}: {}", ran.stderr);
        assert!(ran.stderr.contains(why), "{options:?}: {}", ran.stderr);
    };
    let dates = place.dir.join("dumpdates");
    let removes = format!("cat >/dev/null; rm -f {}", dates.display());
    let unrecorded = ["-u", "-D", dates.to_str().unwrap(), "-P", &removes];
    for had_one in [false, true] {
        let mut before = None;
        if had_one {
            place.dump(&place.to_out()).ok();
            before = Some(place.both());
        }
        assert_failed(&["-P", "exit 5"], "aborted");
        fs::write(&dates, "").unwrap();
        assert_failed(&unrecorded, "removed or replaced");
        match before {
            Some(before) => {
                assert!(place.both() == before);
                place.check().ok();
            }
            None => assert!(!place.index.exists() && !place.signature(".sig").exists()),
        }
        let names = fs::read_dir(place.dir.path()).unwrap().map(|entry| entry.unwrap().file_name());
        let left: Vec<_> = names.filter(|name| name.to_string_lossy().starts_with("disk.index.")).collect();
        assert_eq!(left.len(), usize::from(had_one), "{left:?}");
    }
}

#[test]
fn what_is_no_signature_is_not_replaced() {
    let place = Place::new(OPEN, OPEN_PUBLIC);
    let refused = |options: &[&str], why: &str| {
        let ran = place.dump(options);
        assert_eq!(ran.code(), 1, "{}", ran.stderr);
        assert!(ran.stderr.contains(why), "{why}: {}", ran.stderr);
        assert!(!place.index.exists(), "{why}");
    };
    fs::write(place.signature(".sig"), "letters\n").unwrap();
    refused(&place.to_out(), "disk.index.sig: exists and is not a signature");
    assert_eq!(fs::read(place.signature(".sig")).unwrap(), b"letters\n");
    fs::remove_file(place.signature(".sig")).unwrap();
    refused(&["-f", place.signature(".sig").to_str().unwrap()], "signature");
    fs::write(&place.key, OPEN_PUBLIC).unwrap();
    refused(&place.to_out(), "key.sec: not a secret key");
    fs::write(&place.key, LOCKED).unwrap();
    refused(&place.to_out(), "there is no terminal to ask for it");
    fs::remove_file(&place.key).unwrap();
    refused(&place.to_out(), "key.sec: No such file or directory");
    let ran = run(
        without_tty(Path::new(env!("CARGO_BIN_EXE_capdump"))).args(["-0a", "--sign", "x", "-f", "y", "z"]),
        LIMIT,
    );
    assert!(ran.code() == 1 && ran.stderr.contains("--sign requires --index"), "{}", ran.stderr);
}

#[test]
fn a_passphrase_is_asked_for_at_the_terminal() {
    let place = Place::new(LOCKED, LOCKED_PUBLIC);
    for (passphrase, code) in [("correct horse", 0), ("wrong", 1), ("", 1)] {
        let mut command = Session::command(Path::new(env!("CARGO_BIN_EXE_capdump")));
        command.args(place.arguments()).args(place.to_out()).arg(&place.image);
        let mut session = Session::start(command);
        session.expect("Passphrase of ", LIMIT);
        session.send(passphrase);
        let (status, shown) = session.finish(LIMIT);
        assert_eq!(status.and_then(|status| status.code()), Some(code), "{shown}");
        assert!(code == 0 || shown.contains("key.sec: "), "{shown}");
        assert!(!shown.contains("horse"), "{shown}");
    }
    place.check().ok();
}

/// Whether a process has these bytes in memory that it can write to.
#[cfg(target_os = "linux")]
fn has_in_memory(id: u32, bytes: &[u8]) -> bool {
    use std::os::unix::fs::FileExt;

    let maps = fs::read_to_string(format!("/proc/{id}/maps")).unwrap();
    let memory = fs::File::open(format!("/proc/{id}/mem")).unwrap();
    let ranges =
        maps.lines().filter(|line| line.split(' ').nth(1).is_some_and(|mode| mode.starts_with("rw")));
    let mut ranges = ranges.map(|line| {
        let (from, to) = line.split(' ').next().unwrap().split_once('-').unwrap();
        [from, to].map(|end| u64::from_str_radix(end, 16).unwrap())
    });
    ranges.any(|[from, to]| {
        let mut all = vec![0; (to - from) as usize];
        memory.read_exact_at(&mut all, from).is_ok() && all.windows(bytes.len()).any(|part| part == bytes)
    })
}

#[cfg(target_os = "linux")]
#[test]
fn no_other_process_has_the_key() {
    use capdump_support::procs;
    use capdump_support::program::is_root;

    if !is_root() {
        return skipped("reading the memory of other processes needs root");
    }
    // What the key is made from.
    let seed: Vec<u8> =
        (0..32).map(|at| u8::from_str_radix(&SEED[2 * at..2 * at + 2], 16).unwrap()).collect();
    let text = &OPEN.as_bytes()[60..100];
    let place = Place::new(OPEN, OPEN_PUBLIC);
    let mut command = without_tty(Path::new(env!("CARGO_BIN_EXE_capdump")));
    command.args(place.arguments()).args(["--workers", "2", "-P", "sleep 100"]).arg(&place.image);
    let mut child = command.spawn().unwrap();
    let monitor = child.id();
    let is_capdump = |id: &u32| {
        fs::read_link(format!("/proc/{id}/exe"))
            .is_ok_and(|exe| exe == Path::new(env!("CARGO_BIN_EXE_capdump")))
    };
    let others = || -> Vec<u32> { procs::descendants(monitor).into_iter().filter(is_capdump).collect() };
    // Planner, supervisor, command runner, two workers.
    let all = procs::until(LIMIT, || others().len() == 5);
    // Its end comes whatever is found.
    let found: Vec<(u32, bool)> =
        others().into_iter().map(|id| (id, has_in_memory(id, &seed) || has_in_memory(id, text))).collect();
    let monitors = has_in_memory(monitor, &seed);
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(all && found.len() == 5 && found.iter().all(|(_, has)| !has), "{found:?}");
    assert!(monitors, "the search finds nothing");
}
