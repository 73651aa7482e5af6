// SPDX-License-Identifier: BSD-2-Clause
//! A check within one process, without a sandbox: for tests that run thousands of them.

use std::io::{self, Write};
use std::os::fd::OwnedFd;

use crate::inspect::input::Input;
use crate::inspect::open::Opened;
use crate::inspect::read;
use crate::inspect::signals::Signals;
use crate::inspect::watch::Watch;
use crate::job::{ProgressStyle, Purpose, Reading};
use crate::operator::Operator;

/// Checks the dump in `volume` with its index. Gives the exit code; `messages` gets what is printed.
///
/// Errors: one of them is a directory, or the system has no memory.
pub fn check(volume: OwnedFd, index: OwnedFd, messages: Box<dyn Write>) -> io::Result<u8> {
    let reading = Reading {
        purpose: Purpose::Check,
        volumes: vec!["dump".into()],
        json: false,
        index: Some("index".into()),
        ntrec: None,
        volume_blocks: None,
        window_log: None,
        sample: None,
        verify_key: None,
        identities: Vec::new(),
        progress: ProgressStyle::None,
    };
    let mut inputs = [("dump", volume), ("index", index)].into_iter().map(|(name, fd)| {
        let mut input = Input::of(name.as_ref(), fd, None)?;
        // Memory is what takes the time.
        input.read_little();
        Ok::<_, io::Error>(input)
    });
    let (volume, index) = (inputs.next().transpose()?, inputs.next().transpose()?);
    let opened = Opened {
        inputs: volume.into_iter().collect(),
        index,
        verifier: None,
        output: None,
        results: Box::new(io::sink()),
        watch: Watch::new(&Signals::none()?),
    };
    Ok(read(&reading, opened, Operator::new("capdump".to_owned(), messages)))
}
