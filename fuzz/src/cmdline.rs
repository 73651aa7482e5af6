// SPDX-License-Identifier: BSD-2-Clause
//! The command line, in its old and new forms.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;

use capdump::internals::job::{Limit, estimate};
use capdump::internals::parse_ctime;
use capdump::internals::{Request, parse};

/// Runs an input: the environment's `TAPE` and the arguments, each ended by a NUL.
pub fn run(data: &[u8]) {
    let mut words = data.split(|&byte| byte == 0).map(|word| OsStr::from_bytes(word).to_owned());
    let tape = words.next().filter(|word| !word.is_empty());
    let args: Vec<OsString> = words.collect();
    match parse(&args, tape.as_deref(), parse_ctime) {
        Ok(Request::Dump(job)) => {
            assert!(
                (1..=1000).contains(&job.ntrec) && job.level >= 0 && (1..=16).contains(&job.workers(4, true))
            );
            assert!((0..=10).contains(&job.honor_level));
            match job.limit {
                Limit::BlocksPerFile(blocks) => {
                    assert!(blocks > 0 && blocks.is_multiple_of(job.ntrec.into()));
                }
                Limit::Tape(tape) => assert!(tape.tenths > 0),
                Limit::Unlimited => {}
            }
            _ = job.output.name();
            for blocks in [0, 1, i64::from(u32::MAX), i64::MAX] {
                _ = estimate(&job, blocks, 3);
            }
        }
        Ok(_) => {}
        Err(error) => assert!(!error.render("capdump").is_empty()),
    }
}
