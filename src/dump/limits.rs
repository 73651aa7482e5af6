// SPDX-License-Identifier: BSD-2-Clause
//! Limits the descriptors of a process according to the table of rights before it enters the sandbox.

use std::io;
use std::os::fd::AsFd;

use crate::dump::prepare::{OpenDisk, Started};
use crate::job::Output;
use crate::monitor::client::Outside;
use crate::operator::Operator;
use crate::os::disk::{Kind, kind};
use crate::sandbox::{DescriptorKind, Error, limit};

/// Limits every descriptor of the planner that is open when it enters. Those that it makes later are limited where they are made.
pub fn limit_planner(
    started: &Started,
    disk: &OpenDisk,
    operator: &Operator,
    outside: &Outside,
) -> Result<(), Error> {
    limit(disk.fd.as_fd(), DescriptorKind::Disk)?;
    if let Some(uncached) = disk.uncached() {
        limit(uncached.fd, DescriptorKind::Disk)?;
    }
    limit(io::stdin().as_fd(), DescriptorKind::Stdio)?;
    limit(io::stderr().as_fd(), DescriptorKind::Stdio)?;
    let stdout = match started.job.output {
        Output::Stdout if !started.job.estimate_only => match kind(io::stdout().as_fd()) {
            Ok(Kind::Regular) => DescriptorKind::OutputFile,
            _ => DescriptorKind::StandardOutput,
        },
        _ => DescriptorKind::Stdio,
    };
    limit(io::stdout().as_fd(), stdout)?;
    if let Ok(tty) = &started.tty {
        limit(tty.as_fd(), DescriptorKind::Terminal)?;
    }
    if let Some(terminal) = operator.display().terminal() {
        limit(terminal, DescriptorKind::Terminal)?;
    }
    if let Some(pipe) = operator.display().pipe() {
        limit(pipe, DescriptorKind::Progress)?;
    }
    limit(outside.socket().as_fd(), DescriptorKind::RingSocket)?;
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
