// SPDX-License-Identifier: BSD-2-Clause
//! The monitor: the initial process. It stays outside the sandbox, is the parent and the reaper of all others, and makes the final decision:
//! it opens outputs, looks at them when they are written, gives the index its name, enters the dump in the dumpdates file, and exits.
//!
//! It does not hold the disk, and uses only names from the command line.

mod record;

use std::cell::RefCell;
use std::ffi::OsString;
use std::fmt;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;
use std::time::{Duration, Instant};

use crate::dumpdates_file::Record;
use crate::event::{Child, Event, EventQueue, ExitStatus, Sig};
use crate::exit;
use crate::job::{Job, Output};
use crate::media::Kind;
use crate::monitor::autoloader;
use crate::monitor::autoloader::Loader;
use crate::monitor::client::Outside;
use crate::monitor::commands::{Commands, FromRunner, Happened, Task, TaskKind};
use crate::monitor::index_file::IndexFile;
use crate::monitor::protocol::{KILLED, Reply, Request};
use crate::monitor::signer::Signer;
use crate::objects::identity::Table;
use crate::objects::outputs::{Outputs, Unopened};
use crate::operator::{Operator, Remark, StopMessage};
use crate::os::errno::strerror;
use crate::os::output::Access;
use crate::os::signals::heeded;
use crate::os::socket::{MAX_FRAME, pair, recv_frame, send_frame, set_nonblocking, stream_pair};
use crate::os::spawn::Program;
use crate::os::{disk, output, reaper, tape};

const PLANNER: u64 = 0;
const PLANNER_END: u64 = 1;
const RUNNER: u64 = 2;
const SUPERVISOR: u64 = 3;
const AGAIN: u64 = 4;
const LOADER: u64 = 5;
const LOCK: u64 = 6;
const GRACE: u64 = 7;

/// How often a FIFO without a reader is tried.
const FIFO_WAIT: Duration = Duration::from_millis(50);

/// How long the last messages to the operator group may take when all else is over.
const LAST_WALLS: Duration = Duration::from_millis(800);

/// How long the planner may take to end after a signal that ends the dump: then it is stopped, or waits for a disk.
const PLANNER_GRACE: Duration = Duration::from_millis(700);

/// How long killed processes may take to go: they may be waiting for a disk.
const LEFT: Duration = Duration::from_secs(1);

/// What the monitor keeps for itself.
pub struct Kept {
    /// Where the dump is entered when it is done; none without `-u`.
    pub record: Option<Record>,
    /// What runs programs, and removes an index that is not finished; none if there is neither.
    pub commands: Option<Commands>,
    /// What an output must not be.
    pub table: Table,
    /// Whether the process had children when it was started; they are its caller's.
    pub has_others: bool,
    /// Keeps the block device that is standard output from being mounted.
    pub claimed: Option<OwnedFd>,
    /// Keeps the file system of a snapshot mounted.
    pub held: Option<OwnedFd>,
}

/// What the monitor shares with the planner.
pub struct Serving<'a> {
    /// What is to be done, with the names and commands of the command line.
    pub job: &'a Job,
    /// The index that is written.
    pub index: Option<&'a IndexFile>,
    /// What signs it.
    pub signer: Option<&'a Signer>,
    /// Whom messages go to.
    pub operator: &'a RefCell<Operator>,
    /// Whether the planner can ask the operator.
    pub can_ask: bool,
    /// Whether standard output is a file that all is appended to.
    pub stdout_appends: bool,
}

/// Makes a dump: forks the planner by `fork`, which is given the planner's end of the socket, and serves it to its end. Gives the exit code.
pub fn run(serving: &Serving<'_>, kept: Kept, fork: impl FnOnce(Outside) -> io::Result<Child>) -> u8 {
    // Before there is a planner, which moves it.
    let stdout_start = stdout_start(serving.stdout_appends);
    let say = |line: fmt::Arguments<'_>| serving.operator.borrow_mut().say(Remark(line));
    let (socket, planner, queue) = match begin(fork, !kept.has_others) {
        Ok(begun) => begun,
        Err(error) => {
            say(format_args!("the planner: {}", strerror(&error)));
            if let Some(index) = serving.index {
                index.names().discard();
            }
            return exit::STARTUP;
        }
    };
    let mut monitor = Monitor {
        socket: socket.as_fd(),
        access: access(serving.job),
        outputs: Outputs::new(&kept.table),
        stdout_start,
        serving,
        kept: &kept,
        queue,
        planner: &planner,
        command: Command::None,
        closing: false,
        walls: 0,
        fifo: None,
        written: None,
        loader: Loader::default(),
        is_locked_by_another: false,
        complete: false,
    };
    let ended = monitor.serve();
    let (complete, walls) = (monitor.complete, monitor.walls);
    let code = exit_code(ended, complete || serving.job.estimate_only, &mut serving.operator.borrow_mut());
    if !complete && walls > 0 {
        monitor.let_walls_end();
    }
    drop(planner);
    let Kept { commands, has_others, claimed, held, .. } = kept;
    match commands {
        Some(commands) if complete => {
            if commands.leave() == Happened::Killed {
                say(format_args!("WARNING: a command left processes running; killing them"));
            }
        }
        // They end what they run.
        commands => drop(commands),
    }
    // Processes left by the caller could not be distinguished from ours.
    if !has_others {
        let _ = reaper::kill_descendants(LEFT);
    }
    if let Some(index) = serving.index {
        index.names().discard();
    }
    drop((claimed, held));
    code
}

/// Becomes the reaper of all others, if it is `alone`, handles the signals, and forks the planner. Signals then reach both or are forwarded.
fn begin(
    fork: impl FnOnce(Outside) -> io::Result<Child>,
    alone: bool,
) -> io::Result<(OwnedFd, Child, EventQueue)> {
    if alone {
        reaper::acquire()?;
    }
    let mut queue = EventQueue::new()?;
    // nohup(1) and a shell's background jobs ignore some of them, and mean it.
    queue.add_signals(&heeded(&[Sig::Int, Sig::Term, Sig::Hup]))?;
    queue.add_signals(&[Sig::Info])?;
    let (ours, theirs) = pair()?;
    let planner = fork(Outside::new(theirs))?;
    queue.add_readable(ours.as_fd(), PLANNER)?;
    queue.add_child(&planner, PLANNER_END)?;
    Ok((ours, planner, queue))
}

fn access(job: &Job) -> Access {
    if job.verify { Access::WriteAndRead } else { Access::Write }
}

/// Where the dump begins on standard output, if that is a file.
fn stdout_start(appends: bool) -> Option<u64> {
    let stdout = io::stdout();
    match disk::kind(stdout.as_fd()) {
        Ok(disk::Kind::Regular) if appends => disk::media_size(stdout.as_fd()).ok(),
        Ok(disk::Kind::Regular) => output::position(stdout.as_fd()).ok(),
        _ => None,
    }
}

/// The exit code, by how the planner ended. Success is what was recorded here, and nothing else.
fn exit_code(ended: io::Result<ExitStatus>, complete: bool, operator: &mut Operator) -> u8 {
    match ended {
        Ok(ExitStatus::Exited(code)) => match u8::try_from(code) {
            Ok(code @ (exit::DONE | exit::UNREADABLE)) if complete => return code,
            Ok(code @ (exit::STARTUP | exit::ABORTED)) => return code,
            Ok(exit::DONE | exit::UNREADABLE) => {
                operator.say(Remark(format_args!("the planner ended before the dump was complete")));
            }
            _ => operator.say(Remark(format_args!("the planner {}", ExitStatus::Exited(code)))),
        },
        Ok(status) => operator.say(Remark(format_args!("the planner {status}"))),
        Err(error) => operator.say(Remark(format_args!("the monitor: {}", strerror(&error)))),
    }
    // One that is complete is recorded, and not aborted by what came behind that.
    if !complete {
        operator.say(StopMessage::Aborted);
    }
    exit::ABORTED
}

/// The command or remote shell of a volume.
enum Command {
    None,
    Running,
    Ended(ExitStatus),
}

struct Monitor<'a> {
    /// The planner's socket.
    socket: BorrowedFd<'a>,
    planner: &'a Child,
    serving: &'a Serving<'a>,
    kept: &'a Kept,
    /// Whether outputs are also read.
    access: Access,
    queue: EventQueue,
    command: Command,
    /// Whether the planner waits for the end of the command.
    closing: bool,
    /// Messages to the operator group under way.
    walls: u32,
    /// The FIFO that waits for a reader.
    fifo: Option<(u32, OsString)>,
    loader: Loader,
    outputs: Outputs<'a>,
    /// The volume that is being written to a file, and that file.
    written: Option<(u32, OwnedFd)>,
    stdout_start: Option<u64>,
    /// The planner waits until the dumpdates file is unlocked.
    is_locked_by_another: bool,
    /// The dump is recorded.
    complete: bool,
}

impl Monitor<'_> {
    /// Serves the planner until that has ended.
    ///
    /// Errors: a system call failed, or the planner made an invalid request; it has been killed.
    fn serve(&mut self) -> io::Result<ExitStatus> {
        let served = self.serve_to_the_end();
        if served.is_err() {
            let _ = self.planner.kill();
        }
        served
    }

    fn serve_to_the_end(&mut self) -> io::Result<ExitStatus> {
        if let Some(commands) = &self.kept.commands {
            if let Some(socket) = commands.socket() {
                self.queue.add_readable(socket, RUNNER)?;
            }
            self.queue.add_child(commands.child(), SUPERVISOR)?;
        }
        let mut events = Vec::new();
        loop {
            self.queue.wait(&mut events, None)?;
            let mut ended = None;
            for event in &events {
                match *event {
                    // Its last request is handled first.
                    Event::ChildExited { key: PLANNER_END, status } => ended = Some(status),
                    event => self.on_event(event)?,
                }
            }
            if let Some(status) = ended {
                self.take_last_requests()?;
                return Ok(status);
            }
        }
    }

    /// The planner has exited: handles its remaining requests.
    fn take_last_requests(&mut self) -> io::Result<()> {
        let mut events = Vec::new();
        loop {
            self.queue.wait(&mut events, Some(Duration::ZERO))?;
            if !events.iter().any(|event| matches!(event, Event::Readable { key: PLANNER })) {
                return Ok(());
            }
            self.on_event(Event::Readable { key: PLANNER })?;
        }
    }

    /// Waits, for a limited time, until the last notification of the operator group has been sent.
    fn let_walls_end(&mut self) {
        let end = Instant::now() + LAST_WALLS;
        let mut events = Vec::new();
        while self.walls > 0 {
            let left = end.saturating_duration_since(Instant::now());
            let waited = self.queue.wait(&mut events, Some(left));
            let answered = events.iter().any(|event| matches!(event, Event::Readable { key: RUNNER }));
            if waited.is_err()
                || left.is_zero()
                || (answered && self.on_event(Event::Readable { key: RUNNER }).is_err())
            {
                return;
            }
        }
    }

    fn on_event(&mut self, event: Event) -> io::Result<()> {
        match event {
            Event::Readable { key: PLANNER } => self.on_planner(),
            Event::Readable { key: RUNNER } => self.on_runner(),
            // There is nothing more for it to run.
            Event::ChildExited { key: SUPERVISOR, .. } if self.complete => Ok(()),
            Event::ChildExited { key: SUPERVISOR, status } => {
                Err(io::Error::other(format!("the process that runs commands {status}")))
            }
            Event::Timer { key: LOADER } => self.look_for_medium(),
            Event::Timer { key: LOCK } => self.try_to_record(),
            Event::Timer { key: GRACE } => self.planner.kill(),
            Event::Timer { .. } => match self.fifo.take() {
                Some((volume, name)) => self.open_fifo(volume, name),
                None => Ok(()),
            },
            Event::Signal(signal) => self.pass_on(signal),
            _ => Ok(()),
        }
    }

    /// A signal that was sent to this process is for the planner. One that a terminal sends to the process group came there, too; the
    /// planner takes both for one.
    fn pass_on(&mut self, signal: Sig) -> io::Result<()> {
        let ends = match signal {
            Sig::Term | Sig::Hup => true,
            // Without a terminal it is not asked.
            Sig::Int => !self.serving.can_ask,
            Sig::Info => false,
        };
        if ends {
            self.queue.add_timer(GRACE, PLANNER_GRACE, false)?;
        }
        self.planner.signal(signal)
    }

    fn on_planner(&mut self) -> io::Result<()> {
        let mut bytes = [0; MAX_FRAME];
        let received = match recv_frame(self.socket, &mut bytes) {
            Ok(Some(received)) => received,
            Ok(None) => return Ok(()),
            // Its end is reported beside.
            Err(error) if is_over(&error) => return self.queue.remove(self.socket),
            Err(error) => return Err(error),
        };
        match Request::decode(&bytes[..received.len]).map_err(io::Error::other)? {
            Request::Open(volume) => self.open(volume),
            Request::Examine(volume) => self.examine(volume),
            Request::Finish(volume, bytes) => self.finish(volume, bytes),
            Request::Close => {
                self.closing = true;
                self.answer_close()
            }
            Request::Script(volume) => self.run(Task::Script(volume), None),
            Request::Load(volume) => {
                let name = self.serving.job.output.names().map(|names| names.of(volume)).unwrap_or_default();
                self.loader.wait_for(volume, name, self.serving.job.autoload.unwrap_or(0));
                self.look_for_medium()
            }
            Request::Record => self.try_to_record(),
            Request::CancelRecord => self.cancel_record(),
            Request::Broadcast(text) => {
                // One that cannot be made is no reason to stop.
                if Task::Wall(String::new()).program(self.serving.job).is_ok() {
                    self.run(Task::Wall(text), None)?;
                    self.walls += 1;
                }
                Ok(())
            }
        }
    }

    fn on_runner(&mut self) -> io::Result<()> {
        let answer = match &self.kept.commands {
            Some(commands) => match commands.answer() {
                // Its end is reported by the supervisor's.
                Err(error) if is_over(&error) => {
                    return commands.socket().map_or(Ok(()), |socket| self.queue.remove(socket));
                }
                answer => answer?,
            },
            None => None,
        };
        match answer {
            Some(FromRunner { kind: TaskKind::Output, status }) => {
                self.command = Command::Ended(status);
                self.answer_close()
            }
            Some(FromRunner { kind: TaskKind::Script, status }) => {
                self.reply(&Reply::Scripted(number(status)), None)
            }
            Some(FromRunner { kind: TaskKind::All, .. }) => Ok(()),
            Some(FromRunner { kind: TaskKind::Wall, .. }) => {
                self.walls = self.walls.saturating_sub(1);
                Ok(())
            }
            None => Ok(()),
        }
    }

    fn run(&self, task: Task, fd: Option<BorrowedFd<'_>>) -> io::Result<()> {
        match &self.kept.commands {
            Some(commands) => commands.run(task, fd),
            None => Err(io::ErrorKind::InvalidInput.into()),
        }
    }

    fn answer_close(&mut self) -> io::Result<()> {
        if !self.closing || matches!(self.command, Command::Running) {
            return Ok(());
        }
        self.closing = false;
        let status = match std::mem::replace(&mut self.command, Command::None) {
            Command::Ended(ExitStatus::Signaled(signal)) => KILLED + signal.unsigned_abs(),
            Command::Ended(ended) => number(ended),
            Command::None | Command::Running => 0,
        };
        self.reply(&Reply::Closed(status), None)
    }

    /// Checks whether the autoloader has loaded a medium; if not, again later until the time limit.
    fn look_for_medium(&mut self) -> io::Result<()> {
        match self.loader.look(&self.outputs) {
            Some(loaded) => self.reply(&Reply::Loaded(loaded), None),
            None => self.queue.add_timer(LOADER, autoloader::EVERY, false),
        }
    }

    fn open(&mut self, volume: u32) -> io::Result<()> {
        // What it was is closed: the file is unlocked, and may be opened again.
        self.written = None;
        let opened = match &self.serving.job.output {
            Output::Stdout => Err(io::ErrorKind::InvalidInput.into()),
            Output::Names(names) => {
                let name = names.of(volume);
                if is_fifo(&name) {
                    return self.open_fifo(volume, name);
                }
                match self.outputs.open(volume, &name, self.access) {
                    Ok(fd) => self.watch(volume, &fd).and_then(|()| what_it_takes(&name, fd)),
                    Err(Unopened::System(error)) => Err(error),
                    Err(Unopened::Unfit(unfit)) => return self.reply(&Reply::Unfit(unfit), None),
                }
            }
            Output::Command(_) => self.start(Task::Command(volume), Kind::Stream),
            Output::Remote(_) => self.start(Task::Remote, Kind::Remote),
        };
        self.answer_open(opened)
    }

    fn examine(&self, volume: u32) -> io::Result<()> {
        let examined = match &self.serving.job.output {
            Output::Names(names) => output::examine(Path::new(&names.of(volume)), self.access),
            _ => Ok(()),
        };
        match examined {
            Ok(()) => self.reply(&Reply::Writable, None),
            Err(error) => self.reply(&Reply::Failed(error.raw_os_error().unwrap_or(libc::ENOENT)), None),
        }
    }

    fn answer_open(&self, opened: io::Result<(OwnedFd, Kind, Option<u32>)>) -> io::Result<()> {
        match opened {
            Ok((fd, kind, most)) => self.reply(&Reply::Opened { kind, most }, Some(fd.as_fd())),
            Err(error) => self.reply(&Reply::Failed(error.raw_os_error().unwrap_or(libc::ENOENT)), None),
        }
    }

    /// Opens a FIFO; if it has no reader yet, retries, so that an exit of the planner is noticed.
    fn open_fifo(&mut self, volume: u32, name: OsString) -> io::Result<()> {
        match output::open_fifo(Path::new(&name)) {
            Err(error) if error.raw_os_error() == Some(libc::ENXIO) => {
                self.fifo = Some((volume, name));
                self.queue.add_timer(AGAIN, FIFO_WAIT, false)
            }
            // Something else has the name by now.
            Ok(fd) if disk::kind(fd.as_fd())? != disk::Kind::Fifo => self.open(volume),
            opened => self.answer_open(opened.map(|fd| {
                output::widen(fd.as_fd());
                (fd, Kind::Stream, None)
            })),
        }
    }

    /// Has a program run that reads what is written to the descriptor, and for a remote tape answers there.
    fn start(&mut self, task: Task, kind: Kind) -> io::Result<(OwnedFd, Kind, Option<u32>)> {
        if matches!(self.command, Command::Running) {
            return Err(io::Error::from_raw_os_error(libc::EBUSY));
        }
        let _: Program = task.program(self.serving.job)?;
        let (theirs, ours) = if kind == Kind::Remote { stream_pair()? } else { output::pipe()? };
        output::widen(ours.as_fd());
        if kind == Kind::Remote {
            // What the peer sends is read while it is sent something.
            set_nonblocking(ours.as_fd(), true)?;
        }
        self.run(task, Some(theirs.as_fd()))?;
        self.command = Command::Running;
        Ok((ours, kind, None))
    }

    fn reply(&self, reply: &Reply, fd: Option<BorrowedFd<'_>>) -> io::Result<()> {
        match send_frame(self.socket, &reply.encode(), fd) {
            // The planner has ended meanwhile.
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
            other => other,
        }
    }
}

/// Whether the process at the other end of a socket has exited, possibly with unread data.
fn is_over(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::UnexpectedEof | io::ErrorKind::ConnectionReset)
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
fn what_it_takes(name: &OsString, fd: OwnedFd) -> io::Result<(OwnedFd, Kind, Option<u32>)> {
    let path = Path::new(name);
    let kind = match disk::kind(fd.as_fd())? {
        disk::Kind::Regular => Kind::File,
        disk::Kind::Character if tape::is_tape(fd.as_fd()) => Kind::Tape,
        _ => Kind::Stream,
    };
    let most = (kind == Kind::Tape).then(|| tape::max_record(fd.as_fd(), path)).flatten();
    Ok((fd, kind, most.map(|bytes| u32::try_from(bytes).unwrap_or(u32::MAX))))
}
