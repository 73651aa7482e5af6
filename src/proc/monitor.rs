// SPDX-License-Identifier: BSD-2-Clause
//! The monitor: opens outputs, names the index, runs the `-P` command, the remote shell and the volume script, tells the operator group; outside
//! the sandbox.
//!
//! It knows the names of the command line and does nothing with any other. When the planner is gone, so is it, and what it runs.

use std::ffi::OsString;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;
use std::time::{Duration, Instant};

use super::identity::Table;
use super::index_file::IndexNames;
use super::loader::{self, Loader};
use super::outputs::{Outputs, Unopened};
use super::request::{KILLED, Reply, Request};
use crate::event::{Child, Event, EventQueue, ExitStatus};
use crate::job::{Job, Output, Remote};
use crate::media::Kind;
use crate::operator::OPERATOR_GROUP;
use crate::os::errno::strerror;
use crate::os::output::Access;
use crate::os::socket::{MAX_FRAME, recv_frame, send_frame, stream_pair};
use crate::os::spawn::{Program, kill_group, run};
use crate::os::{disk, output, tape};

const PLANNER: u64 = 0;
const COMMAND: u64 = 1;
const WALL: u64 = 2;
const AGAIN: u64 = 3;
const SCRIPT: u64 = 4;
const LOADER: u64 = 5;

/// How often a FIFO without a reader is tried.
const FIFO_WAIT: Duration = Duration::from_millis(50);

/// How long the last broadcasts may take when all else is over.
const LAST_WALLS: Duration = Duration::from_millis(800);

/// The remote program that speaks rmt, unless `RMT` names another.
const REMOTE_RMT: &str = "/etc/rmt";

/// The program that runs a command on another host, unless `RSH` names another.
const REMOTE_SHELL: &str = "ssh";

/// The monitor's side of things.
pub struct Monitor<'a> {
    /// The planner's socket.
    pub planner: BorrowedFd<'a>,
    /// What is to be done, with the names and commands of the command line.
    pub job: &'a Job,
    /// Whether outputs are also read.
    pub access: Access,
    /// The index that is being written.
    pub index: Option<&'a IndexNames>,
    /// What an output must not be.
    pub table: &'a Table,
}

struct State<'a> {
    queue: EventQueue,
    /// The command or remote shell that runs now.
    command: Option<Child>,
    /// How the last one ended.
    ended: Option<ExitStatus>,
    /// Whether the planner waits for its end.
    closing: bool,
    /// Broadcasts under way.
    walls: Vec<Child>,
    /// The FIFO that waits for a reader.
    fifo: Option<(u32, OsString)>,
    /// The volume script that runs now.
    script: Option<Child>,
    loader: Loader,
    outputs: Outputs<'a>,
}

impl Monitor<'_> {
    /// Serves the planner until that is gone.
    ///
    /// Errors: a system call failed, or the planner asked for what there is not.
    pub fn serve(&self) -> io::Result<()> {
        let mut queue = EventQueue::new()?;
        queue.add_readable(self.planner, PLANNER)?;
        let mut state = State {
            queue,
            command: None,
            ended: None,
            closing: false,
            walls: Vec::new(),
            fifo: None,
            script: None,
            loader: Loader::default(),
            outputs: Outputs::new(self.table),
        };
        let mut events = Vec::new();
        let result = loop {
            state.queue.wait(&mut events, None)?;
            match events.iter().try_for_each(|event| self.on_event(&mut state, *event)) {
                Ok(()) => {}
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => break Ok(()),
                Err(error) => break Err(error),
            }
        };
        state.command.iter().chain(&state.script).for_each(kill_group);
        self.let_walls_end(&mut state)?;
        result
    }

    /// The planner is gone, but what it told the operator group last is still to be shown.
    fn let_walls_end(&self, state: &mut State<'_>) -> io::Result<()> {
        state.queue.remove(self.planner)?;
        let end = Instant::now() + LAST_WALLS;
        let mut events = Vec::new();
        loop {
            state.walls.retain(|wall| matches!(wall.exit_status(), Ok(None)));
            let left = end.saturating_duration_since(Instant::now());
            if state.walls.is_empty() || left.is_zero() {
                return Ok(());
            }
            state.queue.wait(&mut events, Some(left))?;
        }
    }

    fn on_event(&self, state: &mut State<'_>, event: Event) -> io::Result<()> {
        match event {
            Event::Readable { key: PLANNER } => {
                let mut bytes = [0; MAX_FRAME];
                let Some(received) = recv_frame(self.planner, &mut bytes)? else { return Ok(()) };
                let request = Request::decode(&bytes[..received.len]).map_err(io::Error::other)?;
                self.on_request(state, request)
            }
            Event::ChildExited { key: COMMAND, status } => {
                state.command = None;
                state.ended = Some(status);
                self.answer_close(state)
            }
            Event::ChildExited { key: SCRIPT, status } => {
                state.script = None;
                self.reply(Reply::Scripted(number(status)), None)
            }
            Event::ChildExited { .. } => {
                state.walls.retain(|wall| matches!(wall.exit_status(), Ok(None)));
                Ok(())
            }
            Event::Timer { key: LOADER } => self.look_for_medium(state),
            Event::Timer { .. } => match state.fifo.take() {
                Some((volume, name)) => self.open_fifo(state, volume, name),
                None => Ok(()),
            },
            Event::Readable { .. } | Event::Writable { .. } | Event::Signal(_) => Ok(()),
        }
    }

    fn on_request(&self, state: &mut State<'_>, request: Request) -> io::Result<()> {
        match request {
            Request::Open(volume) => self.open(state, volume),
            Request::Examine(volume) => self.examine(volume),
            Request::Close => {
                state.closing = true;
                self.answer_close(state)
            }
            Request::Script(volume) => self.run_script(state, volume),
            Request::Load(volume) => {
                let name = self.job.output.names().map(|names| names.of(volume)).unwrap_or_default();
                state.loader.wait_for(volume, name, self.job.autoload.unwrap_or(0));
                self.look_for_medium(state)
            }
            Request::KeepIndex => {
                let Some(index) = self.index else { return Err(io::ErrorKind::InvalidInput.into()) };
                match index.keep() {
                    Ok(()) => self.reply(Reply::Kept, None),
                    Err(error) => self.reply(Reply::Refused(error.to_string()), None),
                }
            }
            Request::TakeBackIndex => {
                let Some(index) = self.index else { return Err(io::ErrorKind::InvalidInput.into()) };
                match index.take_back() {
                    Ok(()) => self.reply(Reply::TakenBack, None),
                    Err(error) => self.reply(Reply::Refused(strerror(&error)), None),
                }
            }
            Request::Broadcast(text) => {
                // A broadcast that cannot be made is no reason to stop.
                if let Ok(child) = wall(&text) {
                    state.queue.add_child(&child, WALL)?;
                    state.walls.push(child);
                }
                Ok(())
            }
        }
    }

    fn answer_close(&self, state: &mut State<'_>) -> io::Result<()> {
        if !state.closing || state.command.is_some() {
            return Ok(());
        }
        state.closing = false;
        let status = state.ended.take().map_or(0, |ended| match ended {
            ExitStatus::Signaled(signal) => KILLED + signal.unsigned_abs(),
            ExitStatus::Exited(_) => number(ended),
        });
        self.reply(Reply::Closed(status), None)
    }

    /// Runs the volume script, as `--volume-script` says, with the device and the number of the volume that is complete.
    fn run_script(&self, state: &mut State<'_>, volume: u32) -> io::Result<()> {
        let Some(script) = &self.job.volume_script else {
            return Err(io::ErrorKind::InvalidInput.into());
        };
        let device = self.job.output.names().map_or_else(|| self.job.output.name(), |names| names.of(volume));
        let mut command = script.clone();
        command.push(" \"$@\"");
        let words = ["/bin/sh".into(), "-c".into(), command, "sh".into(), device, volume.to_string().into()];
        let program = Program::new(&words, &[])?;
        // There is nothing to be read.
        let (stdin, _) = output::pipe()?;
        let child = run(&program, stdin.as_fd(), None)?;
        state.queue.add_child(&child, SCRIPT)?;
        state.script = Some(child);
        Ok(())
    }

    /// Looks whether the autoloader has brought a medium; if not, later again until its time is over.
    fn look_for_medium(&self, state: &mut State<'_>) -> io::Result<()> {
        match state.loader.look(&state.outputs) {
            Some(loaded) => self.reply(Reply::Loaded(loaded), None),
            None => state.queue.add_timer(LOADER, loader::EVERY, false),
        }
    }

    fn open(&self, state: &mut State<'_>, volume: u32) -> io::Result<()> {
        let opened = match &self.job.output {
            Output::Stdout => Err(io::ErrorKind::InvalidInput.into()),
            Output::Names(names) => {
                let name = names.of(volume);
                if is_fifo(&name) {
                    return self.open_fifo(state, volume, name);
                }
                match state.outputs.open(volume, &name, self.access) {
                    Ok(fd) => examine(&name, fd),
                    Err(Unopened::System(error)) => Err(error),
                    Err(Unopened::Refused(text)) => return self.reply(Reply::Refused(text), None),
                }
            }
            Output::Command(command) => {
                let words = ["/bin/sh".into(), "-c".into(), command.clone()];
                start(state, &words, &[("DUMP_VOLUME", volume.to_string())], Kind::Stream)
            }
            Output::Remote(remote) => start(state, &remote_command(remote), &[], Kind::Remote),
        };
        self.answer_open(opened)
    }

    fn examine(&self, volume: u32) -> io::Result<()> {
        let examined = match &self.job.output {
            Output::Names(names) => output::examine(Path::new(&names.of(volume)), self.access),
            _ => Ok(()),
        };
        match examined {
            Ok(()) => self.reply(Reply::Writable, None),
            Err(error) => self.reply(Reply::Failed(error.raw_os_error().unwrap_or(libc::ENOENT)), None),
        }
    }

    fn answer_open(&self, opened: io::Result<(OwnedFd, Kind, Option<u32>)>) -> io::Result<()> {
        match opened {
            Ok((fd, kind, most)) => self.reply(Reply::Opened { kind, most }, Some(fd.as_fd())),
            Err(error) => self.reply(Reply::Failed(error.raw_os_error().unwrap_or(libc::ENOENT)), None),
        }
    }

    /// Opens a FIFO; if nobody reads it yet, it is tried again, so that the end of the planner is seen meanwhile.
    fn open_fifo(&self, state: &mut State<'_>, volume: u32, name: OsString) -> io::Result<()> {
        match output::open_fifo(Path::new(&name)) {
            Err(error) if error.raw_os_error() == Some(libc::ENXIO) => {
                state.fifo = Some((volume, name));
                state.queue.add_timer(AGAIN, FIFO_WAIT, false)
            }
            // Something else has the name by now.
            Ok(fd) if disk::kind(fd.as_fd())? != disk::Kind::Fifo => self.open(state, volume),
            opened => self.answer_open(opened.map(|fd| {
                output::widen(fd.as_fd());
                (fd, Kind::Stream, None)
            })),
        }
    }

    fn reply(&self, reply: Reply, fd: Option<BorrowedFd<'_>>) -> io::Result<()> {
        send_frame(self.planner, &reply.encode(), fd)
    }
}

/// An exit status as a number: 128 and the signal for one that was killed.
fn number(status: ExitStatus) -> u32 {
    match status {
        ExitStatus::Exited(code) => code.unsigned_abs() & 0xff,
        ExitStatus::Signaled(signal) => 128 + signal.unsigned_abs(),
    }
}

fn is_fifo(name: &OsString) -> bool {
    use std::os::unix::fs::FileTypeExt;
    std::fs::metadata(name).is_ok_and(|meta| meta.file_type().is_fifo())
}

/// How an output is written to, and the largest record that it takes.
fn examine(name: &OsString, fd: OwnedFd) -> io::Result<(OwnedFd, Kind, Option<u32>)> {
    let path = Path::new(name);
    let kind = match disk::kind(fd.as_fd())? {
        disk::Kind::Regular => Kind::File,
        disk::Kind::Character if tape::is_tape(fd.as_fd()) => Kind::Tape,
        _ => Kind::Stream,
    };
    let most = (kind == Kind::Tape).then(|| tape::max_record(fd.as_fd(), path)).flatten();
    Ok((fd, kind, most.map(|bytes| u32::try_from(bytes).unwrap_or(u32::MAX))))
}

/// Runs a program that reads what is written to the descriptor, and for a remote tape answers there.
fn start(
    state: &mut State<'_>,
    words: &[OsString],
    environment: &[(&str, String)],
    kind: Kind,
) -> io::Result<(OwnedFd, Kind, Option<u32>)> {
    if state.command.is_some() {
        return Err(io::Error::from_raw_os_error(libc::EBUSY));
    }
    let program = Program::new(words, environment)?;
    let (ours, child) = if kind == Kind::Remote {
        let (ours, theirs) = stream_pair()?;
        (ours, run(&program, theirs.as_fd(), Some(theirs.as_fd()))?)
    } else {
        let (theirs, ours) = output::pipe()?;
        output::widen(ours.as_fd());
        (ours, run(&program, theirs.as_fd(), None)?)
    };
    state.queue.add_child(&child, COMMAND)?;
    state.command = Some(child);
    state.ended = None;
    Ok((ours, kind, None))
}

/// `$RSH [-l user] host $RMT`; `RSH` may have options of its own behind its name.
fn remote_command(remote: &Remote) -> Vec<OsString> {
    let shell = std::env::var("RSH").unwrap_or_else(|_| REMOTE_SHELL.to_owned());
    let mut words: Vec<OsString> = shell.split_whitespace().map(OsString::from).collect();
    if let Some(user) = &remote.user {
        words.extend(["-l".into(), user.clone()]);
    }
    words.push(remote.host.clone());
    words.push(std::env::var_os("RMT").unwrap_or_else(|| REMOTE_RMT.into()));
    words
}

/// Tells the operator group by wall(1).
fn wall(text: &str) -> io::Result<Child> {
    let words = ["wall", "-g", OPERATOR_GROUP].map(OsString::from);
    let program = Program::new(&words, &[])?;
    let (read, write) = output::pipe()?;
    let child = run(&program, read.as_fd(), None)?;
    // A pipe has room for the text.
    output::write(write.as_fd(), text.as_bytes())?;
    Ok(child)
}
