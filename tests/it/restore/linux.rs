// SPDX-License-Identifier: BSD-2-Clause
//! Dumps that Linux's dump makes of ext4, with the extended attributes and ACLs of files and directories.

#![cfg(target_os = "linux")]

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use capdump_support::caprestore::{Place, run_in};
use capdump_support::loop_device::Loop;
use capdump_support::program::{self, have, is_root, run, skipped};

use super::caprestore;

const LIMIT: Duration = Duration::from_secs(60);

/// `system.posix_acl_access` as Linux has it in attributes: owner, user 1000, group, mask, others.
const ACL: &[u8] =
    b"\x02\0\0\0\x01\0\x07\0\xff\xff\xff\xff\x02\0\x05\0\xe8\x03\0\0\x04\0\x05\0\xff\xff\xff\xff\
\x10\0\x05\0\xff\xff\xff\xff\x20\0\x00\0\xff\xff\xff\xff";

/// What the files of the tree have.
fn wanted() -> BTreeMap<&'static str, Vec<(&'static str, Vec<u8>)>> {
    BTreeMap::from([
        // In the inode, and in a block beside it.
        ("file", vec![("user.small", b"blue".to_vec()), ("user.large", vec![7; 900])]),
        ("directory", vec![("user.large", vec![b'x'; 300]), ("system.posix_acl_default", ACL.to_vec())]),
        ("directory/acl", vec![("system.posix_acl_access", ACL.to_vec())]),
        ("directory/security", vec![("security.test", b"y".to_vec()), ("trusted.test", b"z".to_vec())]),
        ("plain", vec![]),
    ])
}

/// Makes the tree; none if this file system cannot hold it.
fn fill(source: &Path) -> Option<()> {
    fs::create_dir(source).unwrap();
    fs::create_dir(source.join("directory")).unwrap();
    // The directory comes last: what is made in it would get its ACL.
    for (name, attributes) in wanted().into_iter().rev() {
        let path = source.join(name);
        if name != "directory" {
            fs::write(&path, name).unwrap();
        }
        for (key, value) in attributes {
            xattr::set(&path, key, &value).ok()?;
        }
    }
    Some(())
}

/// A dump of the tree; none, and a line that says so, where it cannot be made.
fn dump(place: &Place) -> Option<PathBuf> {
    if !is_root() || !have("mkfs.ext4") || !have("dump") {
        skipped("a dump of ext4 needs root, mkfs.ext4 and Linux's dump");
        return None;
    }
    let (source, image, dump) = (place.join("source"), place.join("image"), place.join("dump"));
    if fill(&source).is_none() {
        skipped("this file system has no extended attributes or ACLs");
        return None;
    }
    fs::write(&image, vec![0; 8 << 20]).unwrap();
    run(program::command(Path::new("mkfs.ext4")).args(["-q", "-d"]).arg(&source).arg(&image), LIMIT).ok();
    let Some(device) = Loop::attach(&image, &[]) else {
        skipped("no loop device can be had");
        return None;
    };
    run(Command::new("dump").args(["-0", "-f"]).arg(&dump).arg(device.path()), LIMIT).ok();
    Some(dump)
}

#[test]
fn attributes_of_linux_are_restored() {
    let place = Place::new();
    let Some(dump) = dump(&place) else { return };
    let into = place.join("into");
    // The second time over what the first one made.
    for (options, answers) in [(["-r", "-f"], ""), (["-x", "-f"], "1\ny\n"), (["-xu", "-f"], "1\ny\n")] {
        let ran = run_in(caprestore().args(options).arg(&dump), &into, answers).ok();
        // The flags of ext4 say how it keeps a file.
        assert!(!ran.stderr.contains("not restored"), "{}", ran.stderr);
        for (name, attributes) in wanted() {
            let path = into.join(name);
            let value = |key: OsString| (xattr::get(&path, &key).unwrap().unwrap(), key);
            let mut found: Vec<_> = xattr::list(&path).unwrap().map(value).collect();
            found.sort();
            let mut attributes: Vec<_> =
                attributes.into_iter().map(|(key, value)| (value, OsString::from(key))).collect();
            attributes.sort();
            assert_eq!(found, attributes, "{name} by {options:?}");
        }
        if options[0] == "-r" {
            fs::remove_dir_all(&into).unwrap();
        }
    }
}
