// SPDX-License-Identifier: BSD-2-Clause
//! The command runner: the parent of every program that the dump runs, outside the sandbox.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::Duration;

use crate::event::{Child, Event, EventQueue, ExitStatus};
use crate::job::Job;
use crate::monitor::commands::task::{FromRunner, Task, TaskKind, ToRunner};
use crate::monitor::index_names::IndexNames;
use crate::os::socket::{MAX_FRAME, recv_frame, send_frame};
use crate::os::spawn::run;
use crate::os::{output, process, reaper};

/// How long programs may take to end by themselves when the dump is complete.
const LEAVE: Duration = Duration::from_secs(2);

/// How long killed programs may take to go: they may be waiting for a disk.
const KILLED: Duration = Duration::from_secs(1);

/// How long the supervisor may take to do its work. It may be short: what that leaves is done here.
const SUPERVISOR: Duration = Duration::from_millis(30);

/// The key of the monitor's socket in the queue; those of programs follow it.
const MONITOR: u64 = 0;

/// What the runner has to do at its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    /// The dump is complete.
    Complete,
    /// The monitor has exited.
    Alone,
}

/// A program that runs.
struct Running {
    key: u64,
    kind: TaskKind,
    child: Child,
}

/// What the runner has.
pub struct Runner<'a> {
    /// The monitor's socket.
    pub monitor: BorrowedFd<'a>,
    /// What is to be done, with the commands of the command line.
    pub job: &'a Job,
    /// The names of the index.
    pub index: Option<&'a IndexNames>,
}

impl Runner<'_> {
    /// Runs what the monitor asks for, until the monitor has exited. When it returns no program is left, if the system lets it, and no
    /// supervisor that is stopped.
    ///
    /// Errors: a system call failed, or the monitor made an invalid request.
    pub fn serve(&self) -> io::Result<()> {
        reaper::acquire()?;
        let supervisor = process::parent();
        let mut running = Vec::new();
        let ended = answer(self.monitor, self.job, &mut running);
        if let Ok(End::Complete) = ended {
            let by_themselves = wait_for_all(&mut running, LEAVE)? && reaper::wait_for_descendants(LEAVE)?;
            // The statuses of what still runs are not wanted any more; and a dropped hold kills.
            drop(running);
            let gone = reaper::kill_descendants(KILLED)?;
            let status = ExitStatus::Exited(i32::from(!(by_themselves && gone)));
            let left = FromRunner { kind: TaskKind::All, status };
            // That the monitor has exited is seen next.
            let _ = send_frame(self.monitor, &left.encode(), None);
            wait_for_end(self.monitor)?;
        } else {
            drop(running);
            reaper::kill_descendants(KILLED)?;
        }
        self.end_supervisor(supervisor)?;
        ended.map(drop)
    }

    /// The monitor has exited. The supervisor sees that, too, and kills this process; unless it is stopped. Then its work is done here.
    fn end_supervisor(&self, supervisor: i32) -> io::Result<()> {
        EventQueue::new()?.wait(&mut Vec::new(), Some(SUPERVISOR))?;
        if process::parent() == supervisor {
            process::kill_parent(supervisor);
            if let Some(index) = self.index {
                index.discard_file(None);
            }
        }
        Ok(())
    }
}

/// Waits until the monitor has exited; it makes no more requests.
fn wait_for_end(monitor: BorrowedFd<'_>) -> io::Result<()> {
    let mut queue = EventQueue::new()?;
    queue.add_readable(monitor, MONITOR)?;
    loop {
        queue.wait(&mut Vec::new(), None)?;
        if recv_frame(monitor, &mut [0; MAX_FRAME]).is_err() {
            return Ok(());
        }
    }
}

fn answer(monitor: BorrowedFd<'_>, job: &Job, running: &mut Vec<Running>) -> io::Result<End> {
    let mut queue = EventQueue::new()?;
    queue.add_readable(monitor, MONITOR)?;
    let mut next = MONITOR + 1;
    let mut events = Vec::new();
    loop {
        queue.wait(&mut events, None)?;
        for event in &events {
            match *event {
                Event::Readable { .. } => {
                    let mut bytes = [0; MAX_FRAME];
                    let received = match recv_frame(monitor, &mut bytes) {
                        Ok(Some(received)) => received,
                        Ok(None) => continue,
                        // Also with an answer unread.
                        Err(_) => return Ok(End::Alone),
                    };
                    let request = ToRunner::decode(&bytes[..received.len]).map_err(io::Error::other)?;
                    let ToRunner::Run(task) = request else { return Ok(End::Complete) };
                    let child = start(&task, received.fd, job)?;
                    queue.add_child(&child, next)?;
                    running.push(Running { key: next, kind: task.kind(), child });
                    next += 1;
                }
                Event::ChildExited { key, status } => {
                    let Some(at) = running.iter().position(|program| program.key == key) else { continue };
                    let kind = running.swap_remove(at).kind;
                    match send_frame(monitor, &FromRunner { kind, status }.encode(), None) {
                        Ok(()) => {}
                        // The monitor has exited; reset, if it left an answer unread.
                        Err(_) => return Ok(End::Alone),
                    }
                }
                Event::Writable { .. } | Event::Timer { .. } | Event::Signal(_) => {}
            }
        }
    }
}

/// Waits for the programs that were started here and still run, at most for `patience`; whether all have ended.
fn wait_for_all(running: &mut Vec<Running>, patience: Duration) -> io::Result<bool> {
    let mut queue = EventQueue::new()?;
    for program in &*running {
        queue.add_child(&program.child, program.key)?;
    }
    let end = std::time::Instant::now() + patience;
    let mut events = Vec::new();
    while !running.is_empty() {
        let left = end.saturating_duration_since(std::time::Instant::now());
        queue.wait(&mut events, Some(left))?;
        for event in &events {
            if let Event::ChildExited { key, .. } = event {
                running.retain(|program| program.key != *key);
            }
        }
        if left.is_zero() {
            return Ok(running.is_empty());
        }
    }
    Ok(true)
}

fn start(task: &Task, fd: Option<OwnedFd>, job: &Job) -> io::Result<Child> {
    let program = task.program(job)?;
    match (task, fd) {
        (Task::Remote, Some(fd)) => run(&program, fd.as_fd(), Some(fd.as_fd())),
        (Task::Command(_), Some(fd)) => run(&program, fd.as_fd(), None),
        (Task::Script(_), _) => {
            // There is nothing to be read.
            let (stdin, _) = output::pipe()?;
            run(&program, stdin.as_fd(), None)
        }
        (Task::Wall(text), _) => {
            let (read, write) = output::pipe()?;
            let child = run(&program, read.as_fd(), None)?;
            // A pipe has room for the text.
            output::write(write.as_fd(), text.as_bytes())?;
            Ok(child)
        }
        (Task::Remote | Task::Command(_), None) => Err(io::ErrorKind::InvalidInput.into()),
    }
}
