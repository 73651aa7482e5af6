// SPDX-License-Identifier: BSD-2-Clause
//! Says what the program links beside libc: nothing of its own; `sys/` says the rest.

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
}
