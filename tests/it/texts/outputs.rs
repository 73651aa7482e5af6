// SPDX-License-Identifier: BSD-2-Clause
//! Outputs with colons in their names: a slash before the first colon makes a local file of it.

use std::fs;

use capdump_support::program::{TempDir, run};
use capdump_support::{peer, small};

use super::{LIMIT, capdump, ran};

fn place() -> TempDir {
    let dir = TempDir::new("capdump-outputs");
    small::mixed(&dir.join("image"));
    dir
}

#[test]
fn a_local_file_with_the_time_in_its_name() {
    let dir = place();
    let absolute = dir.join("root.2026-11-29_04:30:00").display().to_string();
    for name in [absolute.as_str(), "./04:31", "../x:y", ":z", "[a:b"] {
        let at = dir.path().join(name);
        ran(&dir, &["-0a", "-f", name, "image"]).ok();
        assert!(fs::metadata(&at).unwrap().len() > 10_000, "{name}");
        let _ = fs::remove_file(&at);
    }
    run(capdump(&dir, &["-0a", "image"]).env("TAPE", "./04:32"), LIMIT).ok();
    assert!(dir.join("04:32").exists());
}

#[test]
fn several_volumes_with_colons() {
    let dir = place();
    ran(&dir, &["-0", "-b", "2", "-B", "20", "-f", "./a:1,b:2,./c:3,d,e,f,g,h,i,j", "image"]).ok();
    assert!(dir.join("a:1").exists() && dir.join("b:2").exists());
    ran(&dir, &["-0", "-b", "2", "-B", "20", "--volumes-prefix", "-f", "./p:", "image"]).ok();
    assert!(dir.join("p:001").exists() && dir.join("p:002").exists());
    let ran = ran(&dir, &["--check", "a:1", "b:2"]);
    assert!(!ran.stderr.contains("No such file"), "{}", ran.stderr);
}

#[test]
fn hosts() {
    let dir = place();
    let shell = peer::script(&dir.join("rsh"), "echo \"$*\" >>\"$0.args\"; exit 1").display().to_string();
    for name in ["far:/dev/nsa0", "user.name@far:x", "[fe80::1%em0]:/dev/nsa0", "me@[::1]:x", "image:x"] {
        let ran = run(capdump(&dir, &["-0a", "--batch", "-f", name, "image"]).env("RSH", &shell), LIMIT);
        assert_eq!(ran.code(), 3, "{name}: {}", ran.stderr);
    }
    let args = fs::read_to_string(dir.join("rsh.args")).unwrap();
    let hosts: Vec<&str> = args.lines().map(|line| line.rsplit_once(' ').unwrap().0).collect();
    assert_eq!(hosts, ["far", "-l user.name far", "fe80::1%em0", "-l me ::1", "image"]);
}

#[test]
fn what_is_neither() {
    let dir = place();
    for (words, text) in [
        (&["-0a", "-f", "-oProxyCommand=x:y", "image"][..], "invalid host name \"-oProxyCommand=x\""),
        (&["-0a", "-f", "a,b:c", "image"], "invalid host name \"a,b\""),
        (&["--emit", ".", "-f", "far:x", "image"], "--emit cannot write to a remote host"),
    ] {
        let ran = ran(&dir, words);
        assert_eq!((ran.code(), ran.stderr.contains(text)), (1, true), "{}", ran.stderr);
    }
    assert!(!dir.join("far:x").exists());
}
