// SPDX-License-Identifier: BSD-2-Clause
//! What the fuzz targets do with their input; a plain library, so that it can be run without libFuzzer, too.
//!
//! Each target holds more than "it does not crash": what it made of the input has to make sense, and it panics if not.

pub mod cmdline;
pub mod dumpdates;
pub mod frames;
pub mod fstab;
pub mod image;
pub mod index;
pub mod input;
pub mod rmt;
pub mod stream;

#[path = "../../tests/it/sink.rs"]
pub mod sink;
