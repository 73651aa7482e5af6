// SPDX-License-Identifier: BSD-2-Clause
//! Remote tapes: a real rmt(8) behind a stand-in for `$RSH` and behind sshd(8), and peers that answer what they should not.

#![cfg(target_os = "linux")]

use std::fs;
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use capdump_support::check::{Rules, decode_and_check};
use capdump_support::decode::Dump;
use capdump_support::listing::{Listing, differences};
use capdump_support::peer::{self, Answer, Peer};
use capdump_support::program::{Ran, TempDir, have, is_root, run, skipped, without_tty};
use capdump_support::{procs, restore, small};

const LIMIT: Duration = Duration::from_secs(20);

/// A dump of the small image, in records of 2 KiB.
fn dump(dir: &TempDir, shell: &str, output: &str, more: &[&str]) -> Ran {
    let image = dir.join("image");
    if !image.exists() {
        small::mixed(&image);
    }
    let mut command = without_tty(Path::new(env!("CARGO_BIN_EXE_capdump")));
    command.args(["-0", "-b", "2"]).args(more).arg("-f").arg(output).arg(image);
    command.env("RSH", shell);
    if let Some(rmt) = rmt() {
        command.env("RMT", rmt);
    }
    let ran = run(&mut command, LIMIT);
    let gone = procs::ended(ran.id);
    assert!(gone, "{:?} are left: {}", procs::session(ran.id), ran.stderr);
    ran
}

/// A real rmt, of tar or of dump.
fn rmt() -> Option<PathBuf> {
    ["/usr/sbin/rmt-tar", "/usr/sbin/rmt-dump", "/usr/sbin/rmt", "/etc/rmt"]
        .into_iter()
        .map(PathBuf::from)
        .find(|path| path.exists())
}

/// A stand-in for `$RSH` that runs the remote program here, and notes how it was called.
fn here(dir: &TempDir) -> String {
    let script = "echo \"$*\" >>\"$0.args\"; for last; do :; done; exec \"$last\"";
    peer::script(&dir.join("rsh"), script).display().to_string()
}

fn held(dir: &TempDir) -> Listing {
    let out = dir.join("local");
    dump(dir, "false", &out.display().to_string(), &["-a"]).ok();
    Dump::one(fs::read(out).unwrap()).unwrap().listing().unwrap()
}

fn assert_held(dir: &TempDir, names: &[PathBuf]) {
    let volumes: Vec<Vec<u8>> = names.iter().map(|name| fs::read(name).unwrap()).collect();
    let dump = decode_and_check(&volumes, &Rules::new(2)).unwrap();
    let found = differences(&dump.listing().unwrap(), &held(dir));
    assert!(found.is_empty(), "{found:#?}");
}

#[test]
fn a_real_rmt() {
    let Some(rmt) = rmt() else { return skipped("there is no rmt(8)") };
    let dir = TempDir::new("capdump-remote");
    let tape = dir.join("tape");
    for host in ["tapes", "me@tapes"] {
        let _ = fs::remove_file(&tape);
        let output = format!("{host}:{}", tape.display());
        let ran = dump(&dir, &here(&dir), &output, &["-a"]).ok();
        assert!(ran.stderr.contains("Connection to tapes established."), "{}", ran.stderr);
        let named = format!("to {} on host {host}\n", tape.display());
        assert!(ran.stderr.contains(&named), "{}", ran.stderr);
        assert_held(&dir, std::slice::from_ref(&tape));
    }
    let called = fs::read_to_string(dir.join("rsh.args")).unwrap();
    let rmt = rmt.display();
    assert_eq!(called, format!("tapes {rmt}\n-l me tapes {rmt}\n"));
    if restore::available() {
        let into = dir.join("restored");
        restore::restore(&tape, &into);
        let mut held = held(&dir);
        held.values_mut().for_each(|e| (e.atime, e.mtime) = (None, None));
        assert_eq!(differences(&restore::listing(&into), &held), [""; 0]);
    }
}

#[test]
fn several_volumes() {
    if rmt().is_none() {
        return skipped("there is no rmt(8)");
    }
    let dir = TempDir::new("capdump-remote");
    let names: Vec<PathBuf> = (0..5).map(|n| dir.join(&format!("v{n}"))).collect();
    let list: Vec<String> = names.iter().map(|n| n.display().to_string()).collect();
    dump(&dir, &here(&dir), &format!("tapes:{}", list.join(",")), &["-B", "20"]).ok();
    let used: Vec<PathBuf> = names.into_iter().filter(|name| name.exists()).collect();
    assert!(used.len() > 2);
    assert_held(&dir, &used);
}

/// An sshd of the test's own.
struct Sshd {
    child: Child,
    shell: String,
}

impl Sshd {
    fn start(dir: &TempDir) -> Sshd {
        for name in ["host", "user"] {
            let mut keygen = Command::new("ssh-keygen");
            keygen.args(["-q", "-t", "ed25519", "-N", "", "-f"]).arg(dir.join(name));
            assert!(keygen.status().unwrap().success());
        }
        fs::create_dir_all("/run/sshd").unwrap();
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let at = |name: &str| dir.join(name).display().to_string();
        let config = format!(
            "Port {port}\nListenAddress 127.0.0.1\nHostKey {}\nAuthorizedKeysFile {}\nStrictModes no\n\
             UsePAM no\nPidFile none\nPermitRootLogin yes\nPasswordAuthentication no\n",
            at("host"),
            at("user.pub"),
        );
        fs::write(dir.join("config"), config).unwrap();
        let mut command = without_tty(Path::new("/usr/sbin/sshd"));
        command.args(["-D", "-e", "-f"]).arg(dir.join("config")).stderr(Stdio::null());
        let child = command.spawn().unwrap();
        assert!(procs::until(LIMIT, || TcpStream::connect(("127.0.0.1", port)).is_ok()));
        let shell = format!(
            "ssh -F /dev/null -p {port} -i {} -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null \
             -o BatchMode=yes -o LogLevel=ERROR",
            at("user")
        );
        Sshd { child, shell }
    }
}

impl Drop for Sshd {
    fn drop(&mut self) {
        procs::kill_group(self.child.id());
        let _ = self.child.wait();
    }
}

#[test]
fn through_sshd() {
    if rmt().is_none() || !have("sshd") {
        return skipped("sshd(8) or rmt(8) is not there");
    }
    if !is_root() {
        return skipped("an sshd(8) of the test's own needs root");
    }
    let dir = TempDir::new("capdump-remote");
    let sshd = Sshd::start(&dir);
    let (one, two) = (dir.join("one"), dir.join("two"));
    let output = format!("root@127.0.0.1:{},{}", one.display(), two.display());
    let ran = dump(&dir, &sshd.shell, &output, &["-B", "60"]).ok();
    assert!(ran.stderr.contains("Connection to 127.0.0.1 established."), "{}", ran.stderr);
    assert_held(&dir, &[one, two]);
    // Without the user's key.
    let shell = sshd.shell.replace("/user ", "/host ");
    let ran = dump(&dir, &shell, "root@127.0.0.1:nowhere", &["-a"]);
    assert_eq!(ran.code(), 3, "{}", ran.stderr);
}

fn with_peer(
    ahead: usize,
    answer: impl FnMut(&peer::Command) -> Answer + Send + 'static,
) -> (Ran, Peer, TempDir) {
    let dir = TempDir::new("capdump-remote");
    let peer = Peer::new(dir.path(), ahead, answer);
    let ran = dump(&dir, &peer.shell.display().to_string(), "tapes:tape", &["-a"]);
    (ran, peer, dir)
}

#[test]
fn records_are_sent_ahead_of_their_answers() {
    let (ran, peer, dir) = with_peer(5, |_| Answer::Done);
    assert_eq!(ran.code(), 0, "{}", ran.stderr);
    let log = peer.log.lock().unwrap();
    assert!(log.most_open > 5, "{}", log.most_open);
    let mut stream = Vec::new();
    for command in &log.commands {
        match command {
            peer::Command::Write(bytes) => {
                assert_eq!(bytes.len(), 2048);
                stream.extend_from_slice(bytes);
            }
            peer::Command::Open(name, _) => assert_eq!(name, "tape"),
            peer::Command::Close => {}
        }
    }
    assert_eq!(log.commands.last(), Some(&peer::Command::Close));
    fs::write(dir.join("tape"), stream).unwrap();
    assert_held(&dir, &[dir.join("tape")]);
}

/// Answers writes from the fifth on with `answer`.
fn fifth_write(answer: Answer) -> impl FnMut(&peer::Command) -> Answer + Send + 'static {
    let mut writes = 0;
    move |command| {
        writes += u32::from(matches!(command, peer::Command::Write(_)));
        if writes >= 5 { answer.clone() } else { Answer::Done }
    }
}

fn assert_aborted(ran: &Ran, said: &str) {
    assert_eq!(ran.code(), 3, "{}", ran.stderr);
    assert!(ran.stderr.contains(said), "{said} in {}", ran.stderr);
    assert!(ran.stderr.contains("The ENTIRE dump is aborted."), "{}", ran.stderr);
    assert!(!ran.stderr.contains("DUMP IS DONE"), "{}", ran.stderr);
}

#[test]
fn an_error_of_the_device() {
    let (ran, ..) = with_peer(3, fifth_write(Answer::Says(b"E5\nInput/output error\n".to_vec())));
    assert_aborted(&ran, "write error 8 blocks into volume 1");
}

#[test]
fn garbage() {
    for text in [&b"What?\n"[..], b"A\n", b"A12345678901234567890123\n", &[b'x'; 5000]] {
        let (ran, ..) = with_peer(3, fifth_write(Answer::Says(text.to_vec())));
        assert_aborted(&ran, "write error 8 blocks into volume 1");
    }
    let (ran, ..) = with_peer(0, |_| Answer::Says(b"sh: /etc/rmt: not found\n".to_vec()));
    assert_aborted(&ran, "Cannot open output \"tape\".");
}

#[test]
fn a_peer_that_dies() {
    let (ran, ..) = with_peer(3, fifth_write(Answer::Dies));
    assert_aborted(&ran, "write error 8 blocks into volume 1");
    let (ran, ..) = with_peer(0, |_| Answer::Dies);
    assert_aborted(&ran, "Lost connection to remote host.");
}

#[test]
fn a_device_that_cannot_be_opened_or_closed() {
    let (ran, ..) = with_peer(0, |_| Answer::Says(b"E13\nPermission denied\n".to_vec()));
    assert_aborted(&ran, "Permission denied");
    let (ran, ..) = with_peer(0, |command| match command {
        peer::Command::Close => Answer::Says(b"E5\nInput/output error\n".to_vec()),
        _ => Answer::Done,
    });
    assert_aborted(&ran, "Input/output error");
}

#[test]
fn a_shell_that_is_not_there() {
    let dir = TempDir::new("capdump-remote");
    for shell in ["/no/such/shell", "no-such-shell", "false"] {
        let ran = dump(&dir, shell, "tapes:tape", &["-a"]);
        assert_aborted(&ran, "Cannot open output \"tape\".");
    }
}

#[test]
fn a_remote_device_that_does_not_exist_is_not_created() {
    let missing = |_: &peer::Command| Answer::Says(b"E2\nNo such file or directory\n".to_vec());
    for (name, opens) in [("tape", 2), ("/dev/nsa9", 1), ("//dev/./st0", 1)] {
        let dir = TempDir::new("capdump-remote");
        let peer = Peer::new(dir.path(), 0, missing);
        let ran = dump(&dir, &peer.shell.display().to_string(), &format!("tapes:{name}"), &["-a"]);
        assert_aborted(&ran, "No such file or directory");
        let log = peer.log.lock().unwrap();
        let opened = log.commands.iter().filter(|c| matches!(c, peer::Command::Open(..))).count();
        assert_eq!(opened, opens, "{name}: {:?}", log.commands);
    }
}
