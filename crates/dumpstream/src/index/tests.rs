// SPDX-License-Identifier: BSD-2-Clause
//! Tests that printed indexes can be parsed, and that other files are refused.

use super::*;
use crate::escape::unescape;
use proptest::prelude::*;
use ufs::Ino;

proptest! {
    #[test]
    fn a_line_comes_back(
        name in proptest::collection::vec(1_u8..=255, 1..40), ino in 1_u32.., volume in 1_u32..,
        block in 0_u64..1 << 50, blocks in 1_u64.., frame in proptest::option::of(any::<u64>()),
        digest in proptest::option::of(any::<[u8; 32]>()),
    ) {
        let offset = block * 1024;
        let path = [b"./".as_slice(), &name].concat();
        let frame = frame.map(|at| (at, at % (offset + 1)));
        let line = Line { path, ino: Ino(ino), volume, offset, frame, blocks, digest };
        let mut text = Vec::new();
        line.print(&mut text);
        let (last, text) = text.split_last().unwrap();
        prop_assert_eq!(*last, b'\n');
        prop_assert!(text.iter().all(|&byte| byte != b'\n' && byte != 0));
        prop_assert_eq!(Line::parse(text), Ok(line));
    }

    #[test]
    fn no_text_is_too_strange(text in proptest::collection::vec(any::<u8>(), 0..60)) {
        let _ = (Line::parse(&text), Head::parse(&text), unescape(&text));
    }
}

#[test]
fn the_documented_lines() {
    let volumes = [20480, 10240].map(|bytes| Volume { bytes, digest: [0xa5; 32] }).to_vec();
    let head = Head {
        base: Some(0),
        volumes,
        files: Some((1, 5120)),
        ..Head::new(1_700_000_000, 0, b"none", b"/usr")
    };
    let line = Line {
        path: b"./etc/a\tb".to_vec(),
        ino: Ino(4711),
        volume: 1,
        offset: 73728,
        frame: None,
        blocks: 3,
        digest: Some([0x5a; 32]),
    };
    let mut out = Vec::new();
    print(&mut out, &head, [line]).unwrap();
    let want = "capdump-index\tversion=1\tdate=1700000000\tlevel=0\tlabel=none\tfilesystem=/usr\tbase=0\t\
                volume=1:20480:blake3=DIGEST\tvolume=2:10240:blake3=DIGEST\tfiles=1:5120\n./etc/a\\011b\t4711\t1\t73728\t-\t3\tblake3=";
    let want = format!("{}{}\n", want.replace("DIGEST", &"a5".repeat(32)), "5a".repeat(32));
    assert_eq!(String::from_utf8(out).unwrap(), want);
    assert_eq!(Head::parse(want.lines().next().unwrap().as_bytes()), Ok(head));
}

#[test]
fn what_is_refused() {
    assert_eq!(Head::parse(b"capdump-index\tversion=2"), Err(Error::Version));
    assert_eq!(Head::parse(b"capdump-index"), Err(Error::Version));
    assert_eq!(Head::parse(b"capdump-index\tversion=1\tfiles=5"), Err(Error::Field("files")));
    for volume in ["2:5:blake3=", "1:x:blake3=", "1:5:blake3=a5", "1:5", ""] {
        let head = format!("capdump-index\tversion=1\tvolume={volume}");
        assert_eq!(Head::parse(head.as_bytes()), Err(Error::Field("volume")), "{volume}");
    }
    assert_eq!(Head::new(0, 0, &[b'l'; 20], &[b'f'; 99]).print().len(), 58 + 15 + 63);
    assert_eq!(Head::parse(b"dump\tversion=1"), Err(Error::NotAnIndex));
    for (line, field) in [
        ("etc\t3\t1\t0\t-\t1", "path"),
        ("./a\\8\t3\t1\t0\t-\t1", "path"),
        ("./a\t0\t1\t0\t-\t1", "inode"),
        ("./a\t3\t0\t0\t-\t1", "volume"),
        ("./a\t3\t1\t5\t-\t1", "offset"),
        ("./a\t3\t1\t1024\t7\t1", "frame"),
        ("./a\t3\t1\t1024\t7\t1\t1025", "frame"),
        ("./a\t3\t1\t0\t-\t0", "number of tape blocks"),
        ("./a\t3\t1\t0\t-\t1\tblake3=12", "digest"),
        ("./a\t3\t1", "offset"),
    ] {
        assert_eq!(Line::parse(line.as_bytes()), Err(Error::Field(field)), "{line}");
    }
}
