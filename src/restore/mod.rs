// SPDX-License-Identifier: BSD-2-Clause
//! caprestore: processes. The monitor is the one that is started: it opens volumes, asks the operator, and has the last word. The
//! reader takes the dump apart in a sandbox that holds the volumes.

mod attributes;
mod chain;
pub mod cli;
mod columns;
mod compare;
mod comparer;
mod course;
mod describe;
mod difference;
mod directories;
mod durable;
mod editor;
mod exclude;
mod ext;
mod extract;
mod extraction;
mod failures;
mod file;
mod fit;
mod index;
pub mod inside;
mod interactive;
mod job;
mod lane;
mod link;
mod listing;
mod losses;
mod monitor;
mod options;
mod outside;
mod pattern;
mod progress;
mod reader;
mod rebuild;
mod rehearsal;
mod replay;
mod session;
mod state;
mod table;
mod terminal;
mod tree;
mod usage;
mod volumes;
mod wire;
mod writer;

pub use monitor::run;
pub use rehearsal::check;
