// SPDX-License-Identifier: BSD-2-Clause
//! Writes the completions of bash, zsh and fish into a folder, from the options as the program itself knows them.

use std::path::PathBuf;

use clap_complete::{Shell, generate_to};

fn main() -> std::io::Result<()> {
    let folder = PathBuf::from(std::env::args_os().nth(1).unwrap_or_else(|| "completions".into()));
    std::fs::create_dir_all(&folder)?;
    for shell in [Shell::Bash, Shell::Zsh, Shell::Fish] {
        generate_to(shell, &mut capdump::internals::command(), "capdump", &folder)?;
        generate_to(shell, &mut capdump::internals::restore_command(), "caprestore", &folder)?;
    }
    Ok(())
}
