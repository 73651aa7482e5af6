// SPDX-License-Identifier: BSD-2-Clause
//! Makes a dump that was prepared: the planner in a process of its own, the monitor in this one.

use std::cell::RefCell;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};

use crate::dump::planner;
use crate::dump::prepare::{OpenDisk, Prepared, Started};
use crate::event::Child;
use crate::monitor::client::Outside;
use crate::monitor::server;
use crate::monitor::server::Serving;
use crate::monitor::signer::Signer;
use crate::operator::Operator;
use crate::os::spawn::spawn_heeding;

/// Makes the dump. Gives the exit code.
pub fn run(prepared: Prepared) -> u8 {
    let Prepared { started, disk, kept, signer, operator } = prepared;
    let operator = RefCell::new(operator);
    let serving = Serving {
        job: &started.job,
        index: started.index.as_ref(),
        signer: signer.as_ref(),
        operator: &operator,
        can_ask: !started.job.batch && started.tty.is_ok(),
        stdout_appends: started.stdout_appends,
    };
    server::run(&serving, kept, |outside| {
        // It is the planner's alone from here on.
        let disk = disk;
        fork_planner(&started, &disk, &operator, &outside, signer.as_ref())
    })
}

/// Forks the planner, with what it needs and no more.
fn fork_planner(
    started: &Started,
    disk: &OpenDisk,
    operator: &RefCell<Operator>,
    outside: &Outside,
    signer: Option<&Signer>,
) -> io::Result<Child> {
    let mut keep = vec![0, 1, 2];
    let mut add = |fd: BorrowedFd<'_>| keep.push(fd.as_raw_fd());
    add(disk.fd.as_fd());
    disk.uncached().iter().for_each(|uncached| add(uncached.fd));
    add(outside.socket().as_fd());
    started.tty.iter().for_each(|tty| add(tty.as_fd()));
    started.index.iter().for_each(|index| add(index.descriptor()));
    let shown = operator.borrow();
    shown.display().terminal().into_iter().for_each(&mut add);
    shown.display().pipe().into_iter().for_each(&mut add);
    drop(shown);
    spawn_heeding(keep, || {
        signer.iter().for_each(|signer| signer.forget());
        planner::run(started, disk, operator, outside).into()
    })
}
