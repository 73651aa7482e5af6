// SPDX-License-Identifier: BSD-2-Clause
//! What FreeBSD's restore answers to commands of `-i`, and to answers that are of no use.

use std::fs;
use std::os::unix::fs::MetadataExt;

use capdump_support::caprestore::{Place, run_in};
use capdump_support::stream_writer::Stream;

use super::caprestore;

const HEAD: &str = "Level 0 dump of  on test:\nLabel: \n";
const VOLUMES: &str = "You have not read any tapes yet.\n\
If you are extracting just a few files, start with the last volume\n\
and work towards the first; restore can quickly skip tapes that\n\
have no further files to extract. Otherwise, begin with volume 1.\n\
Specify next volume #: ";

/// A dump of a few names, and a folder to restore into.
fn place() -> Place {
    let place = Place::new();
    let mut stream = Stream::new();
    stream.directory(2, 2, &[(b"bin", 3, 4), (b"docs", 4, 4), (b"a b", 8, 8)]);
    stream.directory(3, 2, &[(b"prog", 5, 8), (b"prog2", 6, 8)]);
    stream.directory(4, 2, &[(b"text", 7, 8)]);
    (5..9).for_each(|ino| _ = stream.file(ino, b"data"));
    fs::write(place.join("dump"), stream.bytes()).unwrap();
    place
}

/// What is printed to standard error, each prompt on a line of its own.
fn said(place: &Place, mode: &str, names: &[&str], answers: &str) -> (i32, String) {
    let into = place.join("into");
    let ran = run_in(caprestore().arg(mode).arg("-f").arg(place.join("dump")).args(names), &into, answers);
    let said = ran.stderr.strip_prefix(HEAD).unwrap_or(&ran.stderr).to_owned();
    (ran.code(), said)
}

#[test]
fn words_and_what_they_mean() {
    let place = place();
    let missing = |command: &str, path: &str| format!("{command} ./{path}: no such file or directory\n");
    for (commands, wanted) in [
        // Quotes and backslashes.
        ("ls \"a b\"\nls a\\ b\nls 'a b", "a b\nrestore > a b\nrestore > missing '\na b\n".to_owned()),
        ("ls a\\", format!("command lines cannot be continued\n{}", missing("ls", "a"))),
        // A line of blanks is a command without a name.
        ("\n  \n\tpwd", "restore > : unknown command; type ? for help\nrestore > /\n".to_owned()),
        // Every argument is looked for, and the command is carried out for each.
        ("pwd nosuch bin", format!("{}/\n/\n", missing("pwd", "nosuch"))),
        ("verbose on", format!("{}verbose mode on\n", missing("verbose", "on"))),
        ("cd bin prog\npwd", "./bin/prog: not a directory\nrestore > /bin\n".to_owned()),
        // The name of the command is told as it was typed.
        ("l nosuch", missing("l", "nosuch")),
        ("add nosuch", format!("{}./nosuch is not on the tape\n", missing("add", "nosuch"))),
        ("delete nosuch", format!("{}./nosuch: not on extraction list\n", missing("delete", "nosuch"))),
        ("cd no*", format!("{}./no* is not on the tape\n", missing("cd", "no*"))),
        ("ls bin/prog?", "prog2\n".to_owned()),
        ("cd ../bin/../../docs\npwd", "restore > /docs\n".to_owned()),
        // The current directory is on the list from the beginning.
        ("delete\ndelete", "restore > .: not on extraction list\n".to_owned()),
        ("quit nosuch", missing("quit", "nosuch")),
    ] {
        let (code, found) = said(&place, "-i", &[], &format!("{commands}\n"));
        let end = if commands.starts_with("quit") { "" } else { "restore > " };
        assert_eq!((code, found), (0, format!("restore > {wanted}{end}")), "{commands:?}");
        place.check(&["dump", "into", "into.answers"]);
    }
}

#[test]
fn set_modes_asks_for_the_current_directory() {
    let place = place();
    let into = place.join("into");
    let (code, found) = said(&place, "-i", &[], "setmodes\nn\nadd bin\nextract\n1\nn\nsetmodes\ny\n");
    let ask = "set owner/mode for '.'? [yn] ";
    assert_eq!(
        (code, found),
        (0, format!("restore > {ask}restore > restore > {VOLUMES}{ask}restore > {ask}restore > "))
    );
    assert!(into.join("bin/prog").exists());
}

#[test]
fn a_second_extraction_asks_where_the_volume_is() {
    let place = place();
    let into = place.join("into");
    let name = place.join("dump").display().to_string();
    let mount = format!(
        "Mount tape volume 1\nEnter ``none'' if there are no more tapes\notherwise enter tape name (default: {name}) "
    );
    let set = "set owner/mode for '.'? [yn] ";
    let (code, found) = said(&place, "-i", &[], "add bin\nextract\n1\nn\nadd docs\nextract\n1\n\nn\n");
    assert_eq!(
        (code, found),
        (0, format!("restore > restore > {VOLUMES}{set}restore > restore > {VOLUMES}{mount}{set}restore > "))
    );
    assert!(into.join("bin/prog2").exists() && into.join("docs/text").exists());
}

#[test]
fn a_volume_that_cannot_be_opened_leads_back_to_the_question() {
    let place = place();
    let into = place.join("into");
    let name = place.join("dump").display().to_string();
    let (code, found) = said(&place, "-x", &["docs"], &format!("2\nnosuch\nx\n1\n{name}\nn\n"));
    let mount = |volume: u32, default: &str| {
        format!(
            "Mount tape volume {volume}\nEnter ``none'' if there are no more tapes\n\
             otherwise enter tape name (default: {default}) "
        )
    };
    let again = format!("Cannot open nosuch\n{VOLUMES}Volume numbers are positive numerics\n{VOLUMES}");
    let wanted = [VOLUMES, &mount(2, &name), &again, &mount(1, "nosuch"), "set owner/mode for '.'? [yn] "];
    assert_eq!((code, found), (0, wanted.concat()));
    assert!(into.join("docs/text").exists());
}

#[test]
fn existing_directories_are_taken_over_with_u() {
    let place = place();
    let into = place.join("into");
    fs::create_dir_all(into.join("bin")).unwrap();
    let (dump, into) = (place.join("dump"), &into);
    let ran = run_in(caprestore().args(["-xuvf"]).arg(&dump).arg("bin"), into, "1\nn\n").ok();
    assert!(String::from_utf8_lossy(&ran.stdout).contains("Make node ./bin\n"));
}

#[test]
fn paths_of_arguments_have_nothing_above_the_root() {
    let place = place();
    let ran = run_in(
        caprestore().arg("-tf").arg(place.join("dump")).arg("../bin/../docs"),
        &place.join("into"),
        "",
    );
    let listed = String::from_utf8_lossy(&ran.stdout).into_owned();
    assert!(ran.code() == 0 && listed.ends_with("\t./docs\n         7\t./docs/text\n"), "{listed}");
}

/// The dump is read once more for names, also when no file is wanted.
#[test]
fn a_directory_without_files_is_extracted_second() {
    let place = Place::new();
    let mut stream = Stream::new();
    stream.directory(2, 2, &[(b"file", 4, 8), (b"empty", 3, 4)]).directory(3, 2, &[]).file(4, b"data");
    fs::write(place.join("dump"), stream.bytes()).unwrap();
    let dump = place.join("dump").display().to_string();
    let commands = format!("add file\nextract\n1\nn\nadd empty\nextract\n1\n{dump}\nn\nquit\n");
    let ran = run_in(caprestore().args(["-if", &dump]), &place.join("into"), &commands);
    assert_eq!(ran.code(), 0, "{}", ran.stderr);
    assert!(place.join("into/empty").is_dir() && place.join("into/file").is_file());
    assert_eq!(fs::metadata(place.join("into/empty")).unwrap().mtime(), 1_600_000_000, "{}", ran.stderr);
}
