// SPDX-License-Identifier: BSD-2-Clause
//! caprestore, as a whole program.

mod cases;
mod chains;
mod choices;
mod compare;
mod damaged;
mod editor;
mod evolution;
mod failing;
mod full;
mod hostile;
mod images;
mod interactive;
mod interrupted;
mod linux;
mod mutated;
mod options;
mod processes;
mod random;
mod swaps;
mod trees;
mod volumes;

use std::process::Command;

use capdump_support::caprestore;
use capdump_support::decode::Dump;

/// caprestore, to be given arguments.
fn caprestore() -> Command {
    caprestore::command(std::path::Path::new(env!("CARGO_BIN_EXE_caprestore")))
}

/// A dump of one volume.
fn decoded(stream: &[u8]) -> Dump {
    Dump::one(stream.to_vec()).unwrap()
}
