// SPDX-License-Identifier: BSD-2-Clause
//! Standard streams that are closed when the program starts: what should go there fails, and nothing of the program's own takes their place.

use std::fs;

use super::Place;

/// All sets of closed streams, as redirections.
fn sets() -> impl Iterator<Item = (bool, bool, bool, String)> {
    (0..8).map(|set| {
        let closed = [0, 1, 2].map(|fd| set & 1 << fd != 0);
        let words = ["<&-", ">&-", "2>&-"].into_iter().zip(closed);
        let words: Vec<&str> = words.filter_map(|(word, closed)| closed.then_some(word)).collect();
        (closed[0], closed[1], closed[2], words.join(" "))
    })
}

const BAD: &str = "Bad file descriptor";

#[test]
fn a_dump_to_a_closed_standard_output_fails() {
    let place = Place::new();
    for (_, stdout, stderr, closed) in sets() {
        fs::write(place.join("dd"), "").unwrap();
        let ran = place.sh(&format!("exec \"$C\" -0uaD dd -f - \"$I\" 2>err {closed}"));
        assert_eq!(ran.code(), i32::from(stdout), "{closed}");
        assert_eq!(place.is_recorded(), !stdout, "{closed}");
        let err = fs::read_to_string(place.join("err")).unwrap();
        assert_eq!(err.contains(BAD), stdout && !stderr, "{closed}: {err}");
        assert_eq!(err.contains("DUMP IS DONE"), !stdout && !stderr, "{closed}: {err}");
    }
}

#[test]
fn a_dump_to_a_file_is_the_same_whatever_is_closed() {
    let place = Place::new();
    let image = fs::read(&place.image).unwrap();
    let whole = |script: &str| {
        let ran = place.sh(&format!("SOURCE_DATE_EPOCH=1 exec \"$C\" {script}"));
        assert_eq!(ran.code(), 0, "{script}: {}", ran.stderr);
        fs::read(place.join("d")).unwrap()
    };
    let open = whole("-0af d \"$I\"");
    let name = "d";
    for (_, _, _, closed) in sets() {
        for output in ["-f d", "-P 'cat >d'", "-f d --index ix", "-f d --verify"] {
            let _ = fs::remove_file(place.join(name));
            assert_eq!(whole(&format!("-0ua -D dd {output} \"$I\" {closed}")), open, "{output} {closed}");
        }
        assert!(fs::read(&place.image).unwrap() == image, "{closed}: the disk was written to");
        assert_eq!(fs::read_to_string(place.join("dd")).unwrap().lines().count(), 1, "{closed}");
        let index = fs::read_to_string(place.join("ix")).unwrap();
        assert!(!index.contains("DUMP:"), "{closed}: {index}");
    }
}

#[test]
fn reading_to_a_closed_standard_output_fails() {
    let place = Place::new();
    place.whole("d");
    let dates = "/dev/ada0p9 0 Tue Nov 14 22:13:20 2023\n";
    fs::write(place.join("dates"), dates).unwrap();
    let results = [
        "--emit . d",
        "--list d",
        "--list --json d",
        "--check --json d",
        "-W -D dates",
        "--help",
        "--version",
    ];
    for (_, stdout, stderr, closed) in sets() {
        for what in results {
            let ran = place.sh(&format!("exec \"$C\" {what} >out 2>err {closed}"));
            let err = fs::read_to_string(place.join("err")).unwrap();
            assert_eq!(ran.code() == 0, !stdout, "{what} {closed}: {err}");
            assert_eq!(err.contains(BAD), stdout && !stderr, "{what} {closed}: {err}");
        }
        // It prints to standard error only.
        let ran = place.sh(&format!("exec \"$C\" --check d {closed}"));
        assert_eq!(ran.code(), 0, "--check {closed}");
        let ran = place.sh(&format!("exec \"$C\" --emit . -f e d {closed}"));
        assert_eq!((ran.code(), place.check("e")), (0, 0), "--emit -f {closed}");
    }
}

#[test]
fn a_closed_stream_by_another_name_fails_too() {
    let place = Place::new();
    place.whole("d");
    for script in [
        "-0uaD dd -f /dev/stdout \"$I\" >&-",
        "-0uaD dd -f /dev/fd/1 \"$I\" >&-",
        "-0uaD dd -f /proc/self/fd/0 \"$I\" <&-",
        "--emit . -f /dev/stdout d >&-",
        "-0ua -D dd --progress json --progress-fd 1 -f e \"$I\" >&-",
        "-0ua -D dd --progress json --progress-fd 2 -f e \"$I\" 2>&-",
        "--list - <&-",
        "-0uaD dd -f - \"$I\" 1<d",
    ] {
        let ran = place.sh(&format!("exec \"$C\" {script}"));
        assert_ne!(ran.code(), 0, "{script}");
        assert!(!place.is_recorded(), "{script}");
        assert!(ran.stderr.contains(BAD) || script.ends_with("2>&-"), "{script}: {}", ran.stderr);
    }
}

#[test]
fn results_that_cannot_be_written_are_no_success() {
    let place = Place::new();
    place.whole("d");
    fs::write(place.join("dates"), "/dev/ada0p9 0 Tue Nov 14 22:13:20 2023\n").unwrap();
    for what in ["--emit . d", "--list d", "--list --json d", "--check --json d", "-W -D dates", "--help"] {
        let ran = place.sh(&format!("exec \"$C\" {what} >/dev/full"));
        assert_ne!(ran.code(), 0, "{what}");
        assert!(ran.stderr.contains("No space left on device"), "{what}: {}", ran.stderr);
        let ran = place.sh(&format!("{{ sleep 0.2; \"$C\" {what}; echo $? >rc; }} | :"));
        let status = fs::read_to_string(place.join("rc")).unwrap();
        assert_ne!(status.trim(), "0", "{what}");
        assert!(ran.stderr.contains("Broken pipe"), "{what}: {}", ran.stderr);
    }
}
