// SPDX-License-Identifier: BSD-2-Clause
//! Dumps that FreeBSD's dump wrote are restored as our own decoder reads them.

use std::fs;

use capdump_support::caprestore::{Place, differences, run_in};
use capdump_support::golden::Golden;
use capdump_support::program::{is_root, skipped};

use super::{caprestore, decoded};

#[test]
fn dumps_of_freebsd() {
    let Some(golden) = Golden::find() else { return };
    if !is_root() {
        skipped("owners and devices need root");
        return;
    }
    let mut count = 0;
    for case in golden.cases.iter().filter(|case| case.name == "L0_b10") {
        let Some(stream) = golden.reference(case, 0) else { continue };
        let place = Place::new();
        fs::write(place.join("dump"), &stream).unwrap();
        for (option, answers) in [("-rf", ""), ("-xf", "1\ny\n")] {
            let into = place.join("into");
            let ran = run_in(caprestore().arg(option).arg(place.join("dump")), &into, answers);
            assert_eq!(ran.code(), 0, "{} {option}: {}", case.image, ran.stderr);
            let found = differences(&into, &decoded(&stream));
            assert_eq!(found, [""; 0], "{} {option}: {}", case.image, ran.stderr);
            place.check(&["dump", "into", "into.answers"]);
            fs::remove_dir_all(&into).unwrap();
        }
        count += 1;
    }
    assert!(count > 10, "{count}");
}
