// SPDX-License-Identifier: BSD-2-Clause
//! The failing disk fails where it is told to, and nowhere else.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used)]

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::time::{Duration, Instant};

use capdump_support::fuse::{Faults, Pace, Served, available};
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

/// Reads of 64 KiB, one by each of so many threads at once; how long all of them took.
fn read_at_once(file: &File, threads: u64, content: &[u8]) -> Duration {
    let start = Instant::now();
    std::thread::scope(|scope| {
        for n in 0..threads {
            scope.spawn(move || {
                let (mut buf, at) = (vec![0; 65536], n as usize * 65536);
                assert_eq!(file.read_at(&mut buf, at as u64).unwrap(), 65536);
                assert!(buf == content[at..at + 65536]);
            });
        }
    });
    start.elapsed()
}

#[test]
fn reads_wait_at_once() {
    if !available() {
        return;
    }
    let dir = TempDir::new("capdump-fuse");
    let content = bytes(5, 64 * 65536);
    std::fs::write(dir.join("backing"), &content).unwrap();
    let latency = Duration::from_millis(40);
    let serve = |pace| Served::paced(&dir.join("mnt"), &dir.join("backing"), Faults::default(), pace);
    let served = serve(Pace::latency(latency));
    let file = File::open(served.path()).unwrap();
    let took = read_at_once(&file, 64, &content);
    assert!(took >= latency && took < latency * 20, "{took:?}");
    let most = served.log.lock().unwrap().most_under_way;
    assert!((4..=64).contains(&most), "{most}");
    // A read of more than the largest request is several.
    let mut all = vec![0; content.len()];
    assert_eq!(file.read_at(&mut all, 0).unwrap(), content.len());
    assert!(all == content);
    assert_eq!(served.log.lock().unwrap().reads[64..].iter().map(|read| read.1).max(), Some(1 << 20));
    drop((file, served));
    // 4 MiB at 8 MiB a second.
    let served = serve(Pace { rate: Some(8 << 20), ..Pace::latency(Duration::ZERO) });
    let took = read_at_once(&File::open(served.path()).unwrap(), 64, &content);
    assert!(took >= Duration::from_millis(480) && took < Duration::from_millis(1500), "{took:?}");
}
