// SPDX-License-Identifier: BSD-2-Clause
//! Says whether two dumps restore to the same: `same FIRST SECOND [FIELD...]`, with fields of headers that may differ.

use std::process::ExitCode;

use capdump_support::canonical::differences;

#[allow(clippy::print_stdout, reason = "what it is for")]
fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [first, second, ignored @ ..] = args.as_slice() else {
        panic!("same FIRST SECOND [FIELD...]");
    };
    let read = |name: &String| std::fs::read(name).expect("a dump to read");
    let ignored: Vec<&str> = ignored.iter().map(String::as_str).collect();
    let found = differences(&read(first), &read(second), &ignored);
    found.iter().for_each(|line| println!("{line}"));
    if found.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
