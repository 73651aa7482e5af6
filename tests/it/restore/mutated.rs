// SPDX-License-Identifier: BSD-2-Clause
//! Dumps that lie, as many as there is time for, restored within this process: nothing beside the target changes, and all of them end.
//! Each sweep of caprestore takes a quarter of `CAPDUMP_SWEEP_SECONDS`, which is 20 if it is not set.

#![allow(clippy::print_stdout)]

use std::time::{Duration, Instant};

use crate::mutations::{Choose, operations};
use crate::playground::Playground;
use capdump_support::program::{is_root, skipped};

/// Numbers that look random.
pub struct Random(u64);

impl Random {
    /// Those of a number; far from each other, also in the first ones.
    pub fn new(number: u64) -> Random {
        Random(0x9e37_79b9_7f4a_7c15_u64.wrapping_mul(number))
    }
}

impl Choose for Random {
    fn below(&mut self, count: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 16) as usize % count.max(1)
    }
}

/// How long a sweep goes on.
pub fn seconds() -> Duration {
    let wanted = std::env::var("CAPDUMP_SWEEP_SECONDS").ok().and_then(|text| text.parse().ok());
    Duration::from_secs(wanted.unwrap_or(20) / 4)
}

#[test]
fn nothing_beside_the_target_changes() {
    if !is_root() {
        return skipped("directories that nobody may enter are in the way of an ordinary user");
    }
    let end = Instant::now() + seconds();
    let playground = Playground::new("caprestore-mutated");
    let (mut runs, mut dumps, mut whole) = (0, 0, 0);
    while Instant::now() < end || runs < 30 {
        runs += 1;
        let codes = playground.run(&mut Random::new(runs));
        dumps += codes.len();
        whole += codes.iter().filter(|code| **code == 0).count();
    }
    println!("{dumps} restores of mutated dumps, {whole} of them with status 0");
    assert!(whole > 0 && whole < dumps, "{dumps} {whole}");
}

#[test]
fn a_writer_takes_any_operations() {
    if !is_root() {
        return skipped("directories that nobody may enter are in the way of an ordinary user");
    }
    let end = Instant::now() + seconds() / 2;
    let playground = Playground::new("caprestore-operations");
    let mut runs = 0;
    while Instant::now() < end || runs < 100 {
        runs += 1;
        playground.furnish();
        playground.write(&operations(&mut Random::new(runs)));
    }
    println!("{runs} times up to 24 operations");
}
