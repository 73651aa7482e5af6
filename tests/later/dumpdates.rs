// SPDX-License-Identifier: BSD-2-Clause
//! `-u` against the reference: five dumps in a row with one dumpdates file, and the file after each.

#![allow(clippy::unwrap_used)]

use std::fs;
use std::path::Path;

use capdump_support::golden::Golden;
use capdump_support::header::Header;

#[test]
fn dumpdates_after_each_step() {
    let Some(golden) = Golden::find() else { return };
    let images: std::collections::BTreeSet<_> =
        golden.cases.iter().filter(|c| c.name.starts_with('U')).map(|c| &c.image).collect();
    assert!(!images.is_empty());
    for image in images {
        // The reference began with an empty file.
        fs::create_dir_all(golden.scratch()).unwrap();
        fs::write(golden.scratch().join("dumpdates"), "").unwrap();
        for case in golden.cases.iter().filter(|c| c.name.starts_with('U') && c.image == *image) {
            let done = golden.run(case, Path::new(env!("CARGO_BIN_EXE_capdump")), &[]);
            let found = golden.differences(case, &done);
            assert!(found.is_empty(), "{found:#?}");
            let dates = fs::read_to_string(golden.scratch().join("dumpdates")).unwrap();
            assert_eq!(dates, golden.text(case, "dumpdates"), "{image} {}", case.name);
            let head = Header::parse(&done.outputs[0][..1024]).unwrap();
            assert_eq!(head.i64("c_date"), case.now.parse().unwrap());
        }
    }
}
