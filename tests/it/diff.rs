// SPDX-License-Identifier: BSD-2-Clause
//! `--diff`: what came, went and changed between two dumps or their indexes.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use capdump_support::makefs::makefs;
use capdump_support::program::{Ran, TempDir, have, run, skipped, without_tty};

const LIMIT: Duration = Duration::from_secs(60);

fn capdump(options: &[&str], operands: &[&Path]) -> Ran {
    run(without_tty(Path::new(env!("CARGO_BIN_EXE_capdump"))).args(options).args(operands), LIMIT)
}

/// Two dumps of a tree before and after some changes, with their indexes.
fn dumps(dir: &TempDir) -> Option<[PathBuf; 4]> {
    if !have("makefs") {
        skipped("makefs(8) is not there");
        return None;
    }
    let source = dir.join("source");
    fs::create_dir_all(source.join("sub")).unwrap();
    for name in ["same", "gone", "mode", "content", "sub/longer"] {
        fs::write(source.join(name), name).unwrap();
    }
    std::os::unix::fs::symlink("same", source.join("link")).unwrap();
    let dump = |name: &str| {
        let (image, out, index) = (dir.join("image"), dir.join(name), dir.join(&format!("{name}.index")));
        makefs(&image, &source, 2, (8192, 1024), &[]);
        let to = ["-0a", "--index", index.to_str().unwrap(), "-f", out.to_str().unwrap()];
        capdump(&to, &[&image]).ok();
        [out, index]
    };
    let [a, a_index] = dump("a");
    fs::remove_file(source.join("gone")).unwrap();
    fs::write(source.join("new\nname"), "new").unwrap();
    fs::set_permissions(source.join("mode"), fs::Permissions::from_mode(0o600)).unwrap();
    let mtime = fs::metadata(source.join("content")).unwrap().modified().unwrap();
    fs::write(source.join("content"), "CONTENT").unwrap();
    fs::File::options().write(true).open(source.join("content")).unwrap().set_modified(mtime).unwrap();
    fs::write(source.join("sub/longer"), "longer than before").unwrap();
    let [b, b_index] = dump("b");
    Some([a, a_index, b, b_index])
}

/// The lines that are not about times and sizes of directories.
fn lines(ran: &Ran) -> Vec<String> {
    let text = String::from_utf8(ran.stdout.clone()).unwrap();
    text.lines()
        .filter(|line| !line.starts_with("changed .:") && !line.starts_with("changed ./sub:"))
        .map(str::to_owned)
        .collect()
}

#[test]
fn of_two_dumps() {
    let dir = TempDir::new("capdump-diff");
    let Some([a, _, b, _]) = dumps(&dir) else { return };
    let found = lines(&capdump(&["--diff"], &[&a, &b]).ok());
    assert_eq!(found.len(), 5, "{found:#?}");
    assert_eq!(found[0], "changed ./content: content");
    assert_eq!(found[1], "removed ./gone");
    assert_eq!(found[2], "changed ./mode: mode 644 -> 600");
    assert_eq!(found[3], "added   ./new\\012name");
    assert!(
        found[4].starts_with("changed ./sub/longer: size 10 -> 18") && found[4].ends_with(", content"),
        "{}",
        found[4]
    );
    assert_eq!(capdump(&["--diff"], &[&a, &a]).ok().stdout, b"");
}

#[test]
fn of_indexes_and_of_both() {
    let dir = TempDir::new("capdump-diff");
    let Some([a, a_index, b, b_index]) = dumps(&dir) else { return };
    for (one, other) in [(&a_index, &b_index), (&a, &b_index), (&a_index, &b)] {
        let found = lines(&capdump(&["--diff"], &[one, other]).ok());
        let want = [
            "changed ./content: content",
            "removed ./gone",
            "added   ./new\\012name",
            "changed ./sub/longer: content",
        ];
        assert_eq!(found, want);
    }
}

#[test]
fn as_json() {
    let dir = TempDir::new("capdump-diff");
    let Some([a, _, b, _]) = dumps(&dir) else { return };
    let ran = capdump(&["--diff", "--json"], &[&a, &b]).ok();
    let text = String::from_utf8(ran.stdout).unwrap();
    let lines: Vec<serde_json::Value> =
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let of = |path: &str| lines.iter().find(|line| line["path"] == path).cloned().unwrap_or_default();
    assert_eq!(lines.iter().filter(|line| line["type"] == "dump").count(), 2);
    assert_eq!((&of("./gone")["type"], &of("./gone")["size"]), (&"removed".into(), &4.into()));
    assert_eq!(of("./mode")["mode"], serde_json::json!(["644", "600"]));
    assert_eq!(
        (&of("./content")["content"], &of("./content")["size"]),
        (&true.into(), &serde_json::Value::Null)
    );
    assert_eq!(of("./new\nname")["type"], "added");
}

#[test]
fn what_cannot_be_compared() {
    let dir = TempDir::new("capdump-diff");
    let Some([a, _, b, _]) = dumps(&dir) else { return };
    let ran = capdump(&["--diff"], &[&a]);
    assert_eq!((ran.code(), ran.stderr.as_str()), (1, "capdump: --diff requires two dumps or indexes\n"));
    let ran = capdump(&["--diff"], &[&a, &dir.join("image.none")]);
    assert!(ran.code() == 1 && ran.stderr.contains("image.none"), "{}", ran.stderr);
    let ran = capdump(&["--diff"], &[&a, Path::new("/dev/null")]);
    assert!(ran.code() != 0, "{}", ran.stderr);
    // A dump that is cut is damaged, and nothing that is missing in it is silently taken for removed.
    let mut cut = fs::read(&b).unwrap();
    cut.truncate(cut.len() / 2 / 1024 * 1024);
    fs::write(&b, cut).unwrap();
    let ran = capdump(&["--diff"], &[&a, &b]);
    assert_eq!(ran.code(), 3, "{}", ran.stderr);
    assert!(ran.stderr.contains("ends without TS_END"), "{}", ran.stderr);
}
