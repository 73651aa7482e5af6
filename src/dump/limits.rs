// SPDX-License-Identifier: BSD-2-Clause
//! Limits the descriptors of a process according to the table of rights before it enters the sandbox.

use std::io;
use std::os::fd::AsFd;

use crate::dump::prepare::Started;
use crate::job::Output;
use crate::os::disk;
use crate::sandbox::{DescriptorKind, Error, limit};

/// Limits every descriptor of the planner that is open when it enters. Those that it makes later are limited where they are made.
pub fn limit_planner(started: &Started) -> Result<(), Error> {
    limit(started.disk.as_fd(), DescriptorKind::Disk)?;
    limit(started.uncached(), DescriptorKind::Disk)?;
    limit(io::stdin().as_fd(), DescriptorKind::Stdio)?;
    limit(io::stderr().as_fd(), DescriptorKind::Stdio)?;
    let stdout = match started.job.output {
        Output::Stdout if !started.job.estimate_only => match disk::kind(io::stdout().as_fd()) {
            Ok(disk::Kind::Regular) => DescriptorKind::OutputFile,
            _ => DescriptorKind::StandardOutput,
        },
        _ => DescriptorKind::Stdio,
    };
    limit(io::stdout().as_fd(), stdout)?;
    if let Some(tty) = started.console.tty() {
        limit(tty, DescriptorKind::Terminal)?;
    }
    if let Some(terminal) = started.console.operator().display().terminal() {
        limit(terminal, DescriptorKind::Terminal)?;
    }
    if let Some(pipe) = started.console.operator().display().pipe() {
        limit(pipe, DescriptorKind::Progress)?;
    }
    if let Some(outside) = started.console.outside() {
        limit(outside.socket().as_fd(), DescriptorKind::RingSocket)?;
    }
    if let Some(index) = &started.index {
        limit(index.descriptor(), DescriptorKind::Index)?;
    }
    Ok(())
}

/// Limits the standard streams of a process that reads a dump; `stdout` is what its standard output is.
pub fn standard_streams(stdout: DescriptorKind) -> Result<(), Error> {
    limit(io::stdin().as_fd(), DescriptorKind::Stdio)?;
    limit(io::stdout().as_fd(), stdout)?;
    limit(io::stderr().as_fd(), DescriptorKind::Stdio)
}
