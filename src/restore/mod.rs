// SPDX-License-Identifier: BSD-2-Clause
//! caprestore: three processes. The monitor is the one that is started: it opens volumes, asks the operator, and has the last word. The
//! reader takes the dump apart in a sandbox that holds the volumes.

mod attributes;
mod chain;
pub mod cli;
mod columns;
mod directories;
mod extract;
mod extraction;
mod file;
mod interactive;
mod job;
mod link;
mod losses;
mod monitor;
mod outside;
mod pattern;
mod reader;
mod rebuild;
mod session;
mod state;
mod table;
mod terminal;
mod tree;
mod volumes;
mod wire;
mod writer;

pub use monitor::run;
