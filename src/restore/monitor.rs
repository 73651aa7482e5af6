// SPDX-License-Identifier: BSD-2-Clause
//! The monitor: opens what the command line and the operator name, asks the operator, and gives the exit status. It never looks at the dump.

use std::ffi::OsStr;
use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use crate::event::{Child, Event, EventQueue, ExitStatus};
use crate::exit;
use crate::operator::{Operator, Restoring};
use crate::os::arena::Arena;
use crate::os::errno::strerror;
use crate::os::process::Inherited;
use crate::os::socket::{MAX_FRAME, pair, recv_frame, send_frame};
use crate::os::spawn::spawn_heeding;
use crate::os::standard;
use crate::os::tree;
use crate::restore::job::{Job, Mode};
use crate::restore::link::{Link, SLOT, SLOTS};
use crate::restore::outside::{Outside, Reply, Request};
use crate::restore::reader;
use crate::restore::state::STATE;
use crate::restore::terminal::Terminal;
use crate::restore::volumes::Volumes;
use crate::restore::writer;

const READER: u64 = 1;
const READER_END: u64 = 2;
const WRITER_END: u64 = 3;

/// Restores; gives the exit code.
pub fn run(job: &Job, mut operator: Operator, inherited: Inherited) -> u8 {
    match start(job, &mut operator, inherited) {
        Ok(mut monitor) => monitor.serve(&mut operator),
        Err(None) => exit::STARTUP,
        Err(Some(error)) => {
            operator.tell(&Restoring::Note(format_args!("{}", strerror(&error))));
            exit::STARTUP
        }
    }
}

/// The monitor, with the processes that it serves.
struct Monitor {
    volumes: Volumes,
    terminal: Option<Terminal>,
    socket: OwnedFd,
    reader: Child,
    writer: Option<Child>,
}

/// Opens everything, and forks the others. Errors: none when the reason has been reported.
fn start(job: &Job, operator: &mut Operator, inherited: Inherited) -> Result<Monitor, Option<io::Error>> {
    standard::check_output().map_err(|error| {
        operator.tell(&Restoring::CannotStart { name: b"standard output", reason: &strerror(&error) });
        None
    })?;
    let mut volumes = Volumes::new(job);
    let volume = volumes.first(operator).ok_or(None)?;
    let before = Target::of(job);
    let target = match job.mode.writes() && !job.dry_run {
        true => Some(open_target(job, operator).ok_or(None)?),
        false => None,
    };
    inherited.close();
    let (link, writer) = target.map(start_writer).transpose()?.unzip();
    let (socket, theirs) = pair()?;
    let mut keep = [0, 1, 2, volume.as_raw_fd(), theirs.as_raw_fd()].to_vec();
    keep.extend(link.as_ref().map(|link| link.socket().as_raw_fd()));
    keep.extend(before.state.as_ref().map(AsRawFd::as_raw_fd));
    let reader = {
        let (name, is_list) = (volumes.first_name(), volumes.is_list());
        let outside = Outside(theirs);
        let start = reader::Start {
            job,
            name,
            volume,
            outside,
            is_list,
            link,
            state: before.state,
            is_empty: before.is_empty,
        };
        spawn_heeding(keep, || reader::run(start, operator).into())?
    };
    Ok(Monitor { volumes, terminal: None, socket, reader, writer })
}

/// What is in the target before.
struct Target {
    /// The state of a chain.
    state: Option<OwnedFd>,
    /// Whether there is nothing but what a new file system has.
    is_empty: bool,
}

impl Target {
    fn of(job: &Job) -> Target {
        let path = Path::new(job.into.as_deref().unwrap_or(OsStr::new(".")));
        let new = [OsStr::new(".snap"), OsStr::new("lost+found")];
        let is_empty = std::fs::read_dir(path)
            .is_ok_and(|entries| entries.flatten().all(|entry| new.contains(&entry.file_name().as_os_str())));
        let is_rebuilt = matches!(job.mode, Mode::Rebuild | Mode::Resume);
        let state = tree::open_directory(path).ok().filter(|_| is_rebuilt);
        Target { state: state.and_then(|target| tree::open_file(target.as_fd(), STATE).ok()), is_empty }
    }
}

/// The directory that is restored into. None: it cannot be used, which has been reported.
fn open_target(job: &Job, operator: &mut Operator) -> Option<OwnedFd> {
    let path = job.into.as_deref().unwrap_or(OsStr::new("."));
    match tree::open_directory(Path::new(path)) {
        Ok(target) => Some(target),
        Err(error) => {
            let reason = strerror(&error);
            operator.tell(&Restoring::CannotStart { name: path.as_bytes(), reason: &reason });
            None
        }
    }
}

/// Forks the writer, and gives the reader's end of it.
fn start_writer(target: OwnedFd) -> io::Result<(Link, Child)> {
    let arena = Arena::new(SLOTS * SLOT)?;
    let (ours, theirs) = pair()?;
    let keep = [0, 1, 2, target.as_raw_fd(), theirs.as_raw_fd()].to_vec();
    let writer = spawn_heeding(keep, || {
        tree::clear_umask();
        writer::run(target, &theirs, &arena).into()
    })?;
    Ok((Link::new(ours, arena), writer))
}

impl Monitor {
    /// Serves the reader until it has ended; gives the exit code.
    fn serve(&mut self, operator: &mut Operator) -> u8 {
        match self.serve_to_the_end(operator) {
            Ok([None | Some(ExitStatus::Exited(0)), Some(ExitStatus::Exited(0))]) => exit::DONE,
            Ok([None | Some(ExitStatus::Exited(0)), Some(ExitStatus::Exited(1))]) => exit::STARTUP,
            Ok([writer, reader]) => {
                for (name, status) in [("writer", writer), ("reader", reader)] {
                    if let Some(status) = status.filter(|status| *status != ExitStatus::Exited(0)) {
                        operator.tell(&Restoring::Note(format_args!("the {name} {status}")));
                    }
                }
                exit::STARTUP
            }
            Err(error) => {
                operator.tell(&Restoring::Note(format_args!("{}", strerror(&error))));
                exit::STARTUP
            }
        }
    }

    /// Serves the reader; gives how the writer and the reader have ended.
    fn serve_to_the_end(&mut self, operator: &mut Operator) -> io::Result<[Option<ExitStatus>; 2]> {
        let mut queue = EventQueue::new()?;
        queue.add_readable(self.socket.as_fd(), READER)?;
        queue.add_child(&self.reader, READER_END)?;
        if let Some(writer) = &self.writer {
            queue.add_child(writer, WRITER_END)?;
        }
        let (mut writer, mut reader) = (None, None);
        let mut events = Vec::new();
        while reader.is_none() || (self.writer.is_some() && writer.is_none()) {
            queue.wait(&mut events, None)?;
            for event in &events {
                match event {
                    Event::Readable { key: READER } if !self.answer(operator)? => {
                        queue.remove(self.socket.as_fd())?
                    }
                    Event::ChildExited { key: READER_END, status } => reader = Some(*status),
                    Event::ChildExited { key: WRITER_END, status } => writer = Some(*status),
                    _ => {}
                }
            }
        }
        Ok([writer, reader])
    }

    /// Answers one request. False: there are no more.
    ///
    /// Errors: what came is no request.
    fn answer(&mut self, operator: &mut Operator) -> io::Result<bool> {
        let mut bytes = [0; MAX_FRAME];
        let received = match recv_frame(self.socket.as_fd(), &mut bytes) {
            Ok(Some(received)) => received,
            Ok(None) => return Ok(true),
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(false),
            Err(error) => return Err(error),
        };
        let request = Request::decode(&bytes[..received.len])
            .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "invalid message from the reader"))?;
        let is_pipe = self.volumes.is_pipe();
        let terminal = self.terminal.get_or_insert_with(|| Terminal::open(is_pipe, operator));
        let (reply, fd) = match request {
            Request::Volume(number) if number >= 1 => self.volumes.next(number, terminal, operator),
            Request::Volume(_) => (Reply::End, None),
            Request::Which(read) => {
                (self.volumes.which(read, terminal, operator).map_or(Reply::End, Reply::Number), None)
            }
            Request::Ask(question) => {
                (if terminal.is_yes(question, operator) { Reply::Yes } else { Reply::No }, None)
            }
            Request::Command => (terminal.line("restore > ", operator).map_or(Reply::End, Reply::Line), None),
        };
        // A reader that is gone is noticed by its end.
        _ = send_frame(self.socket.as_fd(), &reply.encode(), fd.as_ref().map(AsFd::as_fd));
        Ok(true)
    }
}
