// SPDX-License-Identifier: BSD-2-Clause
//! What the fuzz targets do with their input; a plain library, so that it can be run without libFuzzer, too.
//!
//! Each target holds more than "it does not crash": what it made of the input has to make sense, and it panics if not.

pub mod age;
pub mod cmdline;
pub mod dumpdates;
pub mod frames;
pub mod fstab;
pub mod image;
pub mod index;
pub mod input;
pub mod operations;
pub mod restore;
pub mod rmt;
pub mod signing;
pub mod stream;

#[path = "../../tests/it/changes.rs"]
pub mod changes;
#[path = "../../tests/it/mutations.rs"]
pub mod mutations;
#[path = "../../tests/it/playground.rs"]
pub mod playground;
#[path = "../../tests/it/sink.rs"]
pub mod sink;
