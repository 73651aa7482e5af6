// SPDX-License-Identifier: BSD-2-Clause
//! The failing disk fails where it is told to, and nowhere else.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used)]

use std::fs::File;
use std::os::unix::fs::FileExt;

use capdump_support::fuse::{Faults, Served, available};
use capdump_support::program::TempDir;
use capdump_support::tree::bytes;
use nix::errno::Errno;

fn errno(result: std::io::Result<usize>) -> Option<i32> {
    result.err().and_then(|e| e.raw_os_error())
}

#[test]
fn reads_fail_or_come_short_where_told() {
    if !available() {
        return;
    }
    let dir = TempDir::new("capdump-fuse");
    let content = bytes(3, 300_000);
    std::fs::write(dir.join("backing"), &content).unwrap();
    let faults = Faults {
        read_eio: vec![100_000..100_512, 250_000..250_001],
        read_short: vec![200_100],
        ..Faults::default()
    };
    let served = Served::new(&dir.join("mnt"), &dir.join("backing"), faults);
    let file = File::open(served.path()).unwrap();
    assert_eq!(file.metadata().unwrap().len(), 300_000);
    let mut buf = vec![0; 4096];
    assert_eq!(file.read_at(&mut buf, 8192).unwrap(), 4096);
    assert_eq!(buf, content[8192..8192 + 4096]);
    assert_eq!(errno(file.read_at(&mut buf, 99_000)), Some(Errno::EIO as i32));
    assert_eq!(file.read_at(&mut buf, 100_512).unwrap(), 4096);
    assert_eq!(file.read_at(&mut buf, 200_000).unwrap(), 100);
    assert_eq!(file.read_at(&mut buf, 299_999).unwrap(), 1);
    assert_eq!(file.read_at(&mut buf, 300_000).unwrap(), 0);
    assert!(served.log.lock().unwrap().reads.contains(&(8192, 4096)));
}

#[test]
fn writes_fail_or_come_short_where_told() {
    if !available() {
        return;
    }
    let dir = TempDir::new("capdump-fuse");
    std::fs::write(dir.join("backing"), b"old").unwrap();
    let faults =
        Faults { write_error: Some((65_536, Errno::ENOSPC)), write_short: Some(40_000), ..Faults::default() };
    let served = Served::new(&dir.join("mnt"), &dir.join("backing"), faults);
    let file = File::create(served.path()).unwrap();
    assert_eq!(file.metadata().unwrap().len(), 0);
    let data = bytes(4, 32_768);
    assert_eq!(file.write_at(&data, 0).unwrap(), 32_768);
    assert_eq!(file.write_at(&data, 32_768).unwrap(), 40_000 - 32_768);
    assert_eq!(errno(file.write_at(&data, 65_536)), Some(Errno::ENOSPC as i32));
    file.sync_all().unwrap();
    assert_eq!(served.log.lock().unwrap().syncs, 1);
    drop(file);
    drop(served);
    assert_eq!(std::fs::read(dir.join("backing")).unwrap()[..32_768], data);
}
