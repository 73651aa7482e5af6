// SPDX-License-Identifier: BSD-2-Clause
//! The text of `--help`, and what completions are made of: the table of options as clap knows it. clap reads no command line here.

use clap::{Arg, ArgAction, Command, ValueHint};

use crate::cli::flag::{Completion, Flag};
use crate::cli::table::HEADINGS;

const USAGE: &str = "capdump [options] filesystem [path ...]
       capdump -W | -w
       capdump --check | --list [--json] [--index file] volume ...
       capdump --emit path [-f file] [--index file] volume ...";

/// The options as clap knows them. Each may be repeated.
pub fn command() -> Command {
    let args = HEADINGS
        .into_iter()
        .flat_map(|(heading, flags)| flags.iter().map(move |flag| arg(flag).help_heading(heading)));
    Command::new("capdump")
        .about("Back up UFS file systems in the format read by restore(8)")
        .override_usage(USAGE)
        .no_binary_name(true)
        .disable_help_flag(true)
        .disable_version_flag(true)
        .args(args)
        .arg(
            Arg::new("filesystem")
                .help("device, image, or mount point of an fstab(5) entry, followed by the paths to dump")
                .value_hint(ValueHint::AnyPath)
                .num_args(0..),
        )
}

/// The text of `--help`, wrapped at so many columns.
pub fn help(columns: u16) -> String {
    command().term_width(columns.into()).render_help().to_string()
}

fn arg(flag: &Flag) -> Arg {
    let arg = Arg::new(flag.name).help(flag.help).hide(flag.help.is_empty()).action(ArgAction::Append);
    let arg = arg.short(flag.letter.map(char::from)).long(flag.long());
    let arg = match flag.value {
        None => arg.num_args(0).default_missing_value(""),
        Some(value) => arg.num_args(1).value_name(value).allow_hyphen_values(true),
    };
    match flag.completion {
        Completion::None => arg,
        Completion::File => arg.value_hint(ValueHint::FilePath),
        // A single value is in the help already.
        Completion::OneOf(values) => {
            arg.value_parser(values.to_vec()).hide_possible_values(values.len() == 1)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clap_finds_no_fault_with_the_declaration() {
        command().debug_assert();
    }

    #[test]
    fn help_is_as_wide_as_it_should_be() {
        for columns in [40, 60, 80, 120] {
            let help = help(columns);
            let usage = help.lines().position(|line| line.is_empty()).unwrap();
            for line in help.lines().skip(usage + 6) {
                assert!(line.chars().count() <= usize::from(columns), "{columns}: {line}");
            }
        }
        let lines = |columns| help(columns).lines().count();
        assert!(lines(60) > lines(120));
    }

    #[test]
    fn headings_come_in_order() {
        let help = help(80);
        let places = HEADINGS.map(|(heading, _)| help.find(&format!("\n{heading}:\n")).expect(heading));
        assert!(places.is_sorted(), "{help}");
        assert!(help.contains("[possible values: none, plain, bar, json]"), "{help}");
    }
}
