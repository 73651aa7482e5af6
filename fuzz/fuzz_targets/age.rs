// SPDX-License-Identifier: BSD-2-Clause
//! Fuzz target: see the module of the same name.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| capdump_fuzz::age::run(data));
