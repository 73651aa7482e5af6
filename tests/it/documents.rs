// SPDX-License-Identifier: BSD-2-Clause
//! The manual pages and the shells' completions have the options that the programs have, and no others.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use capdump_support::program::TempDir;
use clap_complete::{Shell, generate_to};

/// The options as the program knows them, without dashes; the digits of the level are one.
fn options() -> BTreeSet<String> {
    let command = capdump::internals::command();
    let names = command.get_arguments().filter(|arg| !arg.is_positional()).map(|arg| match arg.get_short() {
        Some('0'..='9') => "0-9".to_owned(),
        Some(letter) => letter.to_string(),
        None => format!("-{}", arg.get_long().unwrap()),
    });
    names.collect()
}

fn page() -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("man/capdump.8")).unwrap()
}

#[test]
fn the_manual_page_has_every_option_and_no_other() {
    let page = page();
    let tags = page.lines().filter_map(|line| line.strip_prefix(".It Fl "));
    let named: BTreeSet<String> = tags.map(|tag| tag.split(' ').next().unwrap().to_owned()).collect();
    assert_eq!(named, options());
    // Each of them is in the synopsis too: letters without an argument share a word.
    let synopsis = page.split_once(".Sh SYNOPSIS").unwrap().1.split_once(".Sh DESCRIPTION").unwrap().0;
    let flags = synopsis.split_once("Fl 0123456789").unwrap().1.lines().next().unwrap();
    for option in options().iter().filter(|option| *option != "0-9") {
        let own = [format!("Fl {option}\n"), format!("Fl {option} "), format!("| {option}\n")];
        let there =
            own.iter().any(|own| synopsis.contains(own)) || option.len() == 1 && flags.contains(option);
        assert!(there, "{option} is not in the synopsis");
    }
}

#[test]
fn the_manual_page_of_caprestore_has_every_option_and_no_other() {
    let page = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("man/caprestore.8")).unwrap();
    let tags = page.lines().filter_map(|line| line.strip_prefix(".It Fl "));
    let named: BTreeSet<(String, bool)> =
        tags.map(|tag| (tag.split(' ').next().unwrap().to_owned(), tag.contains(" Ar "))).collect();
    let command = capdump::internals::restore_command();
    let options: BTreeSet<(String, bool)> = command
        .get_arguments()
        .filter(|arg| !arg.is_positional())
        .map(|arg| {
            let name = arg.get_short().map_or_else(|| format!("-{}", arg.get_long().unwrap()), String::from);
            (name, arg.get_num_args().is_none_or(|range| range.takes_values()))
        })
        .collect();
    assert_eq!(named, options);
}

#[test]
fn takes_an_argument_there_and_here() {
    let page = page();
    for arg in capdump::internals::command().get_arguments().filter(|arg| !arg.is_positional()) {
        let name = arg.get_short().map_or_else(|| format!("-{}", arg.get_long().unwrap()), String::from);
        let takes = arg.get_num_args().is_none_or(|range| range.takes_values());
        let Some(tag) = page.lines().find(|line| {
            line.strip_prefix(".It Fl ").is_some_and(|tag| tag.split(' ').next() == Some(name.as_str()))
        }) else {
            continue;
        };
        assert_eq!(tag.contains(" Ar "), takes, "{tag}");
    }
}

#[test]
fn completions_are_those_of_the_options() {
    let dir = TempDir::new("capdump-completions");
    let kept = Path::new(env!("CARGO_MANIFEST_DIR")).join("completions");
    for shell in [Shell::Bash, Shell::Zsh, Shell::Fish] {
        let programs = [
            ("capdump", capdump::internals::command()),
            ("caprestore", capdump::internals::restore_command()),
        ];
        for (name, mut command) in programs {
            let made = generate_to(shell, &mut command, name, dir.path()).unwrap();
            let kept = kept.join(made.file_name().unwrap());
            let same = fs::read(&made).unwrap() == fs::read(&kept).unwrap_or_default();
            assert!(same, "{} is not what the options are: run make completions", kept.display());
        }
    }
}
