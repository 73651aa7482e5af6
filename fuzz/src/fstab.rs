// SPDX-License-Identifier: BSD-2-Clause
//! The fstab file, and an operand looked up in it.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

use capdump::internals::Fstab;

use crate::input::Input;

/// Runs an input: an operand, the root's device, and the file.
pub fn run(data: &[u8]) {
    let mut input = Input::new(data);
    let lengths = input.byte();
    let operand = OsStr::from_bytes(input.bytes(usize::from(lengths & 15)));
    let root = OsStr::from_bytes(input.bytes(usize::from(lengths >> 4)));
    let text = input.rest();
    let fstab = Fstab::parse(text, (!root.is_empty()).then_some(root));
    let lines = text.split(|&byte| byte == b'\n').count();
    assert!(fstab.entries().count() <= lines);
    if let Some(found) = fstab.search(operand) {
        assert!(fstab.entries().any(|entry| entry == found));
    }
    // Each entry is found by its names, or a later one of the same name is.
    for entry in fstab.entries() {
        for name in [&entry.spec, &entry.file] {
            assert!(fstab.search(name).is_some());
        }
    }
}
