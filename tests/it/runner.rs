// SPDX-License-Identifier: BSD-2-Clause
//! `scripts/test` with a cargo that is a script: what it prints at its end, and its exit status.

use std::path::Path;
use std::time::Duration;

use capdump_support::peer::script;
use capdump_support::program::{Ran, TempDir, run, skipped, without_tty};

/// Two test programs, of which one fails, and what both skip.
const CARGO: &str = r#"
case "$*" in
*--doc*) exit 0 ;;
"nextest --version") exit "$NO_NEXTEST" ;;
nextest*) echo "Summary: by nextest" >&2 ;;
esac
printf 'one::a\tno disk\none::a\tno disk\none::b\tno disk\ntwo::a\tno tape\n' >>"$CAPDUMP_SKIPPED"
echo "test result: ok. 3 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out"
echo "test result: FAILED. 4 passed; 2 failed; 0 ignored; 0 measured; 0 filtered out"
exit 101"#;

fn make_test(no_nextest: &str, nextest: &str) -> Ran {
    let dir = TempDir::new("capdump-runner");
    let cargo = script(&dir.join("cargo"), CARGO);
    let mut command = without_tty(Path::new("sh"));
    command.arg("scripts/test").current_dir(env!("CARGO_MANIFEST_DIR"));
    command.env("CARGO", cargo).env("NO_NEXTEST", no_nextest).env("NEXTEST", nextest);
    run(&mut command, Duration::from_secs(20))
}

#[test]
fn the_end_says_what_was_skipped_and_the_status_is_the_runners() {
    if cfg!(target_os = "freebsd") {
        return skipped("on FreeBSD scripts/test runs tests/freebsd first");
    }
    let end = "skipped, in whole or in part: 3 tests\n      2 no disk\n      1 no tape\n";
    for (no_nextest, nextest) in [("1", "auto"), ("0", "no")] {
        let ran = make_test(no_nextest, nextest);
        let text = String::from_utf8(ran.stdout.clone()).unwrap();
        assert_eq!(ran.code(), 101, "{text}");
        let closing = "test result: FAILED. 4 passed; 2 failed; 0 ignored; 0 measured; 0 filtered out\n";
        assert!(text.ends_with(&format!("{closing}sum: 7 passed, 2 failed, 1 ignored\n{end}")), "{text}");
    }
    let ran = make_test("0", "auto");
    let text = String::from_utf8(ran.stdout.clone()).unwrap();
    assert!(ran.code() == 101 && ran.stderr.contains("by nextest"), "{ran:?}");
    assert!(text.ends_with(end) && !text.contains("sum:"), "{text}");
}
