// SPDX-License-Identifier: BSD-2-Clause
//! The monitor: opens what the command line and the operator name, asks the operator, and gives the exit status. It never looks at the dump.

use std::ffi::OsStr;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::rc::Rc;
use std::time::Duration;

use crate::event::{Child, Event, EventQueue, ExitStatus};
use crate::exit;
use crate::identities;
use crate::operator::{Operator, Restoring};
use crate::os::arena::Arena;
use crate::os::disk;
use crate::os::errno::strerror;
use crate::os::host::processors;
use crate::os::process::Inherited;
use crate::os::shared::{self, Lock};
use crate::os::socket::{MAX_FRAME, pair, recv_frame, send_frame};
use crate::os::spawn::spawn_heeding;
use crate::os::standard;
use crate::os::tree;
use crate::restore::comparer;
use crate::restore::editor::Editor;
use crate::restore::job::{Job, Mode};
use crate::restore::lane::{Lane, SLOT, SLOTS};
use crate::restore::link::Link;
use crate::restore::outside::{Outside, Reply, Request};
use crate::restore::reader;
use crate::restore::state::{STATE, STATE_NEW};
use crate::restore::terminal::Terminal;
use crate::restore::volumes::Volumes;
use crate::restore::writer;
use crate::sandbox;
use agefile::Identity;

const READER: u64 = 1;
const READER_END: u64 = 2;
const WRITER_END: u64 = 3;

/// How often the lock of the target is tried, and how long it takes between.
const LOCK_TRIES: u32 = 20;
const LOCK_PAUSE: Duration = Duration::from_millis(50);

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
    writers: Vec<Child>,
    /// The writers are a comparer.
    compares: bool,
}

/// Opens everything, and forks the others. Errors: none when the reason has been reported.
fn start(job: &Job, operator: &mut Operator, inherited: Inherited) -> Result<Monitor, Option<io::Error>> {
    standard::check_output().map_err(|error| {
        operator.tell(&Restoring::CannotStart { name: b"standard output", reason: &strerror(&error) });
        None
    })?;
    let mut volumes = Volumes::new(job);
    // An index is all that a listing needs.
    let volume = match job.mode == Mode::List && job.index.is_some() {
        true => None,
        false => Some(volumes.first(operator).ok_or(None)?),
    };
    let index = job.index.as_deref().map(|name| open_index(name, operator).ok_or(None)).transpose()?;
    let compares = job.mode == Mode::Compare;
    let (target, before) = open_target(job, operator).ok_or(None)?;
    inherited.close();
    let (link, writers) = match target {
        Some(target) if compares => start_comparer(target, job, operator)?,
        Some(target) => start_writers(&target, job, operator)?,
        None => (None, Vec::new()),
    };
    // The writers have no keys.
    let identities: Rc<[Identity]> = match identities::identities(&job.identities) {
        Ok(identities) => identities.into(),
        Err(error) => {
            operator.tell(&Restoring::Note(format_args!("{error}")));
            return Err(None);
        }
    };
    let (socket, theirs) = pair()?;
    let mut keep = [0, 1, 2, theirs.as_raw_fd()].to_vec();
    keep.extend(volume.as_ref().map(|volume| volume.fd.as_raw_fd()));
    keep.extend(index.as_ref().map(AsRawFd::as_raw_fd));
    keep.extend(link.iter().flat_map(Link::sockets).map(AsRawFd::as_raw_fd));
    keep.extend(before.state.iter().flatten().map(AsRawFd::as_raw_fd));
    let reader = {
        let is_list = volumes.is_list();
        let outside = Outside(theirs);
        let start = reader::Start {
            job,
            volume,
            index,
            outside,
            is_list,
            identities,
            link,
            state: before.state,
            is_empty: before.is_empty,
            is_begun: before.is_begun,
        };
        spawn_heeding(keep, || reader::run(start, operator).into())?
    };
    Ok(Monitor { volumes, terminal: None, socket, reader, writers, compares })
}

/// What is in the target before.
#[derive(Default)]
pub struct Before {
    /// The state of a chain.
    pub state: Option<io::Result<OwnedFd>>,
    /// Whether there is nothing but what a new file system has.
    pub is_empty: bool,
    /// Whether a restore was interrupted while it wrote a state.
    pub is_begun: bool,
}

impl Before {
    /// Errors: the directory cannot be read.
    pub fn of(target: BorrowedFd<'_>) -> io::Result<Before> {
        let names = tree::names(target)?;
        let new = [STATE_NEW, b".snap", b"lost+found"];
        Ok(Before {
            state: Some(tree::open_file(target, STATE)).filter(|opened| !is_absent(opened)),
            is_empty: names.iter().all(|name| new.contains(&name.as_slice())),
            is_begun: names.iter().any(|name| name == STATE_NEW),
        })
    }
}

fn is_absent(opened: &io::Result<OwnedFd>) -> bool {
    opened.as_ref().is_err_and(|error| error.kind() == io::ErrorKind::NotFound)
}

/// The name of the directory that is restored into.
fn into(job: &Job) -> &OsStr {
    job.into.as_deref().unwrap_or(OsStr::new("."))
}

/// The directory that is restored into, if files are written, and what is in it, if that matters. None: it cannot be used, which has been
/// reported.
fn open_target(job: &Job, operator: &mut Operator) -> Option<(Option<OwnedFd>, Before)> {
    if !job.mode.takes_files() || job.to_stdout {
        return Some((None, Before::default()));
    }
    let path = into(job);
    let rebuilds = matches!(job.mode, Mode::Rebuild | Mode::Resume);
    let opened = tree::open_directory(Path::new(path)).and_then(|target| {
        // The writers hold the lock, too, until they end.
        let is_free = !rebuilds || job.dry_run || is_locked(target.as_fd())?;
        let before = if rebuilds { Before::of(target.as_fd())? } else { Before::default() };
        Ok((target, before, is_free))
    });
    match opened {
        Ok((target, before, true)) => {
            let is_used = !job.dry_run || job.mode == Mode::Compare;
            Some((Some(target).filter(|_| is_used), before))
        }
        Ok(_) => {
            let reason = "in use by another restore";
            operator.tell(&Restoring::CannotStart { name: path.as_bytes(), reason });
            None
        }
        Err(error) => {
            let reason = strerror(&error);
            operator.tell(&Restoring::CannotStart { name: path.as_bytes(), reason: &reason });
            None
        }
    }
}

/// Whether this restore has got the directory for itself; where the file system has no locks it is not asked for. A process that was killed
/// can have it for a moment yet.
fn is_locked(target: BorrowedFd<'_>) -> io::Result<bool> {
    let no_locks = [libc::EOPNOTSUPP, libc::ENOLCK, libc::EINVAL, libc::EBADF, libc::ENOSYS];
    for _ in 0..LOCK_TRIES {
        match shared::try_lock(target, Lock::Exclusive) {
            Ok(false) => std::thread::sleep(LOCK_PAUSE),
            Err(error) if error.raw_os_error().is_some_and(|errno| no_locks.contains(&errno)) => {
                return Ok(true);
            }
            locked => return locked,
        }
    }
    Ok(false)
}

/// The index. None: it cannot be opened, which has been reported.
fn open_index(name: &OsStr, operator: &mut Operator) -> Option<OwnedFd> {
    match disk::open_disk(Path::new(name)) {
        Ok(index) => Some(index),
        Err(error) => {
            operator.tell(&Restoring::CannotStart { name: name.as_bytes(), reason: &strerror(&error) });
            None
        }
    }
}

/// The exit code of a writer or comparer; prints why it has not begun.
fn ended(code: Result<u8, sandbox::Error>, job: &Job, operator: &mut Operator) -> i32 {
    match code {
        Ok(code) => code.into(),
        Err(error) => {
            let reason = error.to_string();
            operator.tell(&Restoring::CannotStart { name: into(job).as_bytes(), reason: &reason });
            exit::STARTUP.into()
        }
    }
}

/// Forks the writers, and gives the reader's end of them.
fn start_writers(
    target: &OwnedFd,
    job: &Job,
    operator: &mut Operator,
) -> io::Result<(Option<Link>, Vec<Child>)> {
    let number = job.writers(processors());
    let mut lanes = Vec::with_capacity(number);
    let mut writers = Vec::with_capacity(number);
    for _ in 0..number {
        let arena = Arena::new(SLOTS * SLOT)?;
        let (ours, theirs) = pair()?;
        let target = target.try_clone()?;
        let keep = [0, 1, 2, target.as_raw_fd(), theirs.as_raw_fd()].to_vec();
        writers.push(spawn_heeding(keep, || {
            tree::clear_umask();
            ended(writer::run(target, &theirs, &arena, job.rebuilds()), job, operator)
        })?);
        lanes.push(Lane::new(ours, arena));
    }
    Ok((Some(Link::new(lanes)), writers))
}

/// Forks the comparer, and gives the reader's end of it.
fn start_comparer(
    target: OwnedFd,
    job: &Job,
    operator: &mut Operator,
) -> io::Result<(Option<Link>, Vec<Child>)> {
    let arena = Arena::new(SLOTS * SLOT)?;
    let (ours, theirs) = pair()?;
    let keep = [0, 1, 2, target.as_raw_fd(), theirs.as_raw_fd()].to_vec();
    let comparer = spawn_heeding(keep, || ended(comparer::run(target, &theirs, &arena), job, operator))?;
    Ok((Some(Link::to_comparer(Lane::new(ours, arena))), vec![comparer]))
}

impl Monitor {
    /// Serves the reader until it has ended; gives the exit code.
    fn serve(&mut self, operator: &mut Operator) -> u8 {
        let (writers, reader) = match self.serve_to_the_end(operator) {
            Ok(ended) => ended,
            Err(error) => {
                operator.tell(&Restoring::Note(format_args!("{}", strerror(&error))));
                return exit::STARTUP;
            }
        };
        let writer = writers.into_iter().find(|status| *status != ExitStatus::Exited(0));
        match (writer, reader) {
            (None, ExitStatus::Exited(0)) => exit::DONE,
            (None, ExitStatus::Exited(1)) => exit::STARTUP,
            (None, ExitStatus::Exited(code)) if self.compares && code == i32::from(exit::DIFFERENT) => {
                exit::DIFFERENT
            }
            (writer, reader) => {
                let name = if self.compares { "comparer" } else { "writer" };
                let reader = Some(reader).filter(|status| *status != ExitStatus::Exited(0));
                for (name, status) in [(name, writer), ("reader", reader)] {
                    if let Some(status) = status {
                        operator.tell(&Restoring::Note(format_args!("the {name} {status}")));
                    }
                }
                exit::STARTUP
            }
        }
    }

    /// Serves the reader; gives how the writers and the reader have ended.
    fn serve_to_the_end(&mut self, operator: &mut Operator) -> io::Result<(Vec<ExitStatus>, ExitStatus)> {
        let mut queue = EventQueue::new()?;
        queue.add_readable(self.socket.as_fd(), READER)?;
        queue.add_child(&self.reader, READER_END)?;
        for writer in &self.writers {
            queue.add_child(writer, WRITER_END)?;
        }
        let (mut writers, mut reader) = (Vec::new(), None);
        let mut events = Vec::new();
        loop {
            if let Some(reader) = reader.filter(|_| writers.len() == self.writers.len()) {
                return Ok((writers, reader));
            }
            queue.wait(&mut events, None)?;
            for event in &events {
                match event {
                    Event::Readable { key: READER } if !self.answer(operator)? => {
                        queue.remove(self.socket.as_fd())?
                    }
                    Event::ChildExited { key: READER_END, status } => reader = Some(*status),
                    Event::ChildExited { key: WRITER_END, status } => writers.push(*status),
                    _ => {}
                }
            }
        }
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
        let terminal = self.terminal.get_or_insert_with(|| {
            let mut terminal = Terminal::open(is_pipe, operator);
            if request == Request::Command && !is_pipe {
                terminal.edit(Editor::new(&self.socket));
            }
            terminal
        });
        let (reply, fd) = match request {
            Request::Volume(number) if number >= 1 => self.volumes.next(number, terminal, operator),
            Request::Mount(number) if number >= 1 => self.volumes.mount(number, terminal, operator),
            Request::Volume(_) | Request::Mount(_) => (Reply::End, None),
            Request::Which(read) => {
                (self.volumes.which(read, terminal, operator).map_or(Reply::End, Reply::Number), None)
            }
            Request::Ask(question) => {
                (if terminal.is_yes(question, operator) { Reply::Yes } else { Reply::No }, None)
            }
            Request::Command => {
                (terminal.command("restore > ", operator).map_or(Reply::End, Reply::Line), None)
            }
        };
        // A reader that is gone is noticed by its end.
        _ = send_frame(self.socket.as_fd(), &reply.encode(), fd.as_ref().map(AsFd::as_fd));
        Ok(true)
    }
}
