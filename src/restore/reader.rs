// SPDX-License-Identifier: BSD-2-Clause
//! The reader: the process that takes the dump apart, in the sandbox. It holds the volumes, standard output and its sockets.

use std::ffi::OsString;
use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::os::fd::{AsFd, OwnedFd};
use std::rc::Rc;

use crate::dump::prepare::display;
use crate::exit;
use crate::inspect::begin::{Begin, begin};
use crate::inspect::feed::Feed;
use crate::inspect::input::{Input, Locked};
use crate::operator::{Lines, Operator, Restoring, Results};
use crate::os::errno::strerror;
use crate::os::{standard, time};
use crate::restore::index::Index;
use crate::restore::job::Job;
use crate::restore::link::Link;
use crate::restore::outside::{Next, Outside, Request, Volume};
use crate::restore::rebuild::Before;
use crate::restore::session::Session;
use crate::restore::state::{BadState, State};
use crate::sandbox::{self, DescriptorKind};
use agefile::Identity;
use dumpstream::TP_BSIZE;
use dumpstream::reading::Reader;

/// Tape blocks that restore reads at once without `-b`, at most (sbin/restore/tape.c).
const NTREC: u64 = 32;

/// What the reader is started with.
pub struct Start<'a> {
    /// What is done.
    pub job: &'a Job,
    /// The first volume; none where an index is all that is read.
    pub volume: Option<Volume>,
    /// The index.
    pub index: Option<OwnedFd>,
    /// The socket to the monitor.
    pub outside: Outside,
    /// Whether further volumes come without a question.
    pub is_list: bool,
    /// Keys that decrypt the dump.
    pub identities: Rc<[Identity]>,
    /// The writer; none if nothing is written.
    pub link: Option<Link>,
    /// The state that is in the target.
    pub state: Option<io::Result<OwnedFd>>,
    /// Whether the target is empty.
    pub is_empty: bool,
    /// Whether a restore was interrupted while it wrote a state.
    pub is_begun: bool,
}

/// Why a volume cannot be read: one line, without its name.
enum Unreadable {
    System(io::Error),
    Sandbox(sandbox::Error),
    Locked(Locked),
}

impl fmt::Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Unreadable::System(error) => f.write_str(&strerror(error)),
            Unreadable::Sandbox(error) => error.fmt(f),
            Unreadable::Locked(locked) => locked.fmt(f),
        }
    }
}

/// How volumes are opened.
pub struct Opener<'a> {
    job: &'a Job,
    /// Bytes of a record, if that was given.
    record: Option<usize>,
    /// They are on another host.
    host: Option<String>,
    /// Keys that decrypt them.
    identities: Rc<[Identity]>,
}

impl<'a> Opener<'a> {
    /// Of this job.
    pub fn new(job: &'a Job, identities: Rc<[Identity]>) -> Opener<'a> {
        let record = job.ntrec.map(|ntrec| ntrec as usize * TP_BSIZE);
        Opener { job, record, host: job.source.host(), identities }
    }

    fn kind(&self) -> DescriptorKind {
        if self.host.is_some() { DescriptorKind::RmtSocket } else { DescriptorKind::Volume }
    }

    /// A volume in what the monitor has opened; dump number `number` of it. It is decrypted if it is encrypted.
    ///
    /// Errors: why it cannot be read.
    fn open(&self, volume: Volume, number: u32, operator: &mut Operator) -> Result<Input, Unreadable> {
        let Volume { name, fd, is_tape } = volume;
        let mut input = match &self.host {
            None => Input::told(&name, fd, is_tape, self.record).map_err(Unreadable::System)?,
            Some(host) => {
                let opened = Input::remote(&name, fd, self.record, number);
                let (input, failed) = opened.map_err(Unreadable::System)?;
                operator.connected(host);
                if let Some(error) = failed {
                    operator.tell(&Restoring::SkipFiles(&strerror(&error)));
                }
                input
            }
        };
        input.set_identities(Rc::clone(&self.identities));
        if self.job.index.is_some() {
            input.read_less();
        }
        input.unlock(|_| true).map_err(Unreadable::Locked)?;
        Ok(input)
    }
}

/// Reads the dump; gives the exit code.
pub fn run(start: Start<'_>, operator: &mut Operator) -> u8 {
    let Start { job, volume, index, outside, is_list, identities, link, state, is_empty, is_begun } = start;
    let opener = Opener::new(job, identities);
    operator.set_display(display(job.progress, None, None));
    let name = volume.as_ref().map_or(OsString::new(), |volume| volume.name.clone());
    let held = [
        (volume.as_ref().map(|volume| &volume.fd), opener.kind()),
        (state.iter().flatten().next(), DescriptorKind::Volume),
    ];
    let held = held.into_iter().chain([(index.as_ref(), DescriptorKind::Volume)]);
    let held = held.filter_map(|(fd, kind)| Some((fd?, kind)));
    let opened = enter(held, &outside, link.as_ref(), operator)
        .map_err(Unreadable::Sandbox)
        .and_then(|()| volume.map(|volume| opener.open(volume, job.dump_number, operator)).transpose());
    let before = Before { state: state.map(read_state), is_empty, is_begun };
    let next = match opened {
        Ok(input) => input,
        Err(reason) => {
            operator.tell(&Restoring::Note(format_args!("{}: {reason}", name.display())));
            return exit::STARTUP;
        }
    };
    let lines = match job.json {
        true => Lines::json(Results::new(Box::new(standard::Output), true, time::date_hm)),
        false => Lines::new(Box::new(standard::Output)),
    };
    let mut session = Session::new(job, operator, lines, &outside, is_list, link, before);
    if let Some(fd) = index {
        session.set_index(fd, next.as_ref(), &opener);
    }
    if next.is_none() && !session.is_over() {
        let code = session.list_index();
        session.over = Some(code);
    }
    let (code, last) = read_all(session, next, &opener);
    if let Some(mut input) = last.filter(|_| job.source.is_pipe() && code == exit::DONE) {
        // Else what writes the dump is killed by SIGPIPE: Amanda takes that for a damaged dump.
        input.drain();
    }
    code
}

/// Reads the dump that begins with `next`; gives the exit code, and the volume that was read last.
pub fn read_all(
    mut session: Session<'_>,
    mut next: Option<Input>,
    opener: &Opener<'_>,
) -> (u8, Option<Input>) {
    let (mut last, mut volume, mut reader) = (None, 1, Reader::default());
    while let Some(input) = next.take().filter(|_| !session.is_over()) {
        last = Some(input);
        read(&mut session, &mut reader, volume, &mut last, opener);
        if session.end_of_dump(&mut reader) {
            last = None;
            // Once more, for what has been selected since.
            let (first, way) = (session.course.first(), session.way_to_volumes());
            let found = next_volume(&mut session, first, way, opener);
            next = found.map(|(number, input)| {
                volume = number;
                session.begin_again(&mut reader, number);
                input
            });
        }
    }
    (session.finish(), last)
}

/// Limits what is held, and enters the sandbox.
fn enter<'a>(
    inputs: impl Iterator<Item = (&'a OwnedFd, DescriptorKind)>,
    outside: &Outside,
    link: Option<&Link>,
    operator: &mut Operator,
) -> Result<(), sandbox::Error> {
    for (input, kind) in inputs {
        sandbox::limit(input.as_fd(), kind)?;
    }
    for socket in std::iter::once(&outside.0).chain(link.into_iter().flat_map(Link::sockets)) {
        sandbox::limit(socket.as_fd(), DescriptorKind::RingSocket)?;
    }
    if let Some(terminal) = operator.display().terminal() {
        sandbox::limit(terminal, DescriptorKind::Terminal)?;
    }
    crate::dump::limits::standard_streams(DescriptorKind::Stdio)?;
    let entered = sandbox::enter(sandbox::Role::Reader)?;
    sandbox::assert_entered(&entered)?;
    if let Some(lack) = entered.lack() {
        operator.tell(&Restoring::Note(format_args!("WARNING: {lack}")));
    }
    Ok(())
}

/// The state of a chain in its file.
pub fn read_state(opened: io::Result<OwnedFd>) -> Result<State, BadState> {
    let unreadable = |error: io::Error| BadState::Unreadable(error.raw_os_error().unwrap_or(libc::EINVAL));
    let mut bytes = Vec::new();
    opened.and_then(|fd| File::from(fd).read_to_end(&mut bytes)).map_err(unreadable)?;
    State::decode(&bytes)
}

impl Session<'_> {
    /// Takes an index; one that cannot be used is ignored with a message.
    fn set_index(&mut self, fd: OwnedFd, volume: Option<&Input>, opener: &Opener<'_>) {
        let Some(name) = &self.job.index else { return };
        let shown = name.display();
        match Input::told(name, fd, false, None) {
            Err(error) => self.refuse(&Restoring::Note(format_args!("{shown}: {}", strerror(&error)))),
            Ok(mut input) => {
                input.set_identities(Rc::clone(&opener.identities));
                self.index = Index::new(input);
                if self.index.is_none() {
                    self.refuse(&Restoring::Note(format_args!("{shown}: not a regular file")));
                } else if volume.is_some_and(|volume| !volume.is_seekable()) {
                    // A pipe has no places to go to.
                    self.say(&Restoring::Note(format_args!(
                        "{shown}: not used, since the dump is not a file"
                    )));
                    self.index = None;
                }
            }
        }
    }
}

/// Reads volumes, until the dump is over or the session wants no more. Each is closed before the next one is asked for: a tape drive can be
/// open only once.
fn read(
    session: &mut Session<'_>,
    reader: &mut Reader,
    mut volume: u32,
    slot: &mut Option<Input>,
    opener: &Opener<'_>,
) {
    // How many were given to the reader.
    let mut given = 1;
    while let Some(input) = slot {
        reader.begin_volume(given);
        session.begin_volume(volume, input);
        if volume == 1 {
            session.say_block_size(input, NTREC);
        }
        let found = begin(input, None, |_| true);
        if let Some(error) = input.failure().filter(|_| volume == 1 && !input.is_seekable()) {
            // A tape that is not there, or behind its last file.
            return session.refuse(&Restoring::TapeRead(&strerror(error)));
        }
        match found {
            Begin::Dump { .. } => {}
            Begin::Empty if volume == 1 && opener.job.source.is_pipe() => {
                return session.refuse(&Restoring::NotADump);
            }
            Begin::Empty if volume == 1 => return session.refuse(&Restoring::TapeRead("end of file")),
            Begin::Empty => {}
            Begin::Other(other) => {
                session.refuse(&Restoring::NotADump);
                let name = input.name.display();
                return session.say(&Restoring::Note(format_args!("{name}: {other}")));
            }
            Begin::Locked(locked) => {
                let name = input.name.display();
                return session.refuse(&Restoring::Note(format_args!("{name}: {locked}")));
            }
        }
        Feed::new(true, None).run(input, reader, session);
        session.end_last_file(reader);
        if session.seeks_files() {
            if session.fetch_all(reader, input, volume, opener) {
                return;
            }
            // The whole dump is read in place of it.
            session.begin_again(reader, 1);
            (volume, given) = (1, 1);
            *slot = None;
            *slot = next_volume(session, 1, Way::Known, opener).map(|(_, input)| input);
            continue;
        }
        let Some(next) = session.after_volume(reader) else { return };
        *slot = None;
        let Some((next, opened)) = next_volume(session, next, session.way_to_volumes(), opener) else {
            return;
        };
        *slot = Some(opened);
        if session.course.is_followed_by(next) && !reader.is_over() {
            given += 1;
        } else {
            session.begin_again(reader, next);
            given = 1;
        }
        volume = next;
    }
}

/// How a volume is found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// By the command line, or by what the operator says.
    Known,
    /// The operator says where it is; if that is of no use, and no file goes on there, it may be another one.
    Chosen,
}

/// A volume from the monitor, and its number. None: there is none.
pub fn next_volume(
    session: &mut Session<'_>,
    mut volume: u32,
    way: Way,
    opener: &Opener<'_>,
) -> Option<(u32, Input)> {
    let mut is_known = way == Way::Known;
    loop {
        let asked = if is_known { Request::Volume(volume) } else { Request::Mount(volume) };
        // A volume of the command line that cannot be used would be opened again.
        is_known = false;
        let found = match session.volume(asked) {
            Next::Volume(opened) => usable(session, volume, opened, opener),
            Next::Closed => None,
            Next::NoMore => return None,
            Next::End => {
                session.give_up();
                return None;
            }
        };
        if let Some(found) = found {
            return Some((volume, found));
        }
        match way {
            Way::Chosen if session.is_between_files() => volume = session.which()?,
            _ => {}
        }
        if session.is_over() {
            return None;
        }
    }
}

/// What the monitor has opened, if it is the volume that was asked for; else that is reported.
fn usable(session: &mut Session<'_>, volume: u32, found: Volume, opener: &Opener<'_>) -> Option<Input> {
    let name = found.name.clone();
    let number = if volume == 1 { opener.job.dump_number } else { 1 };
    let opened = sandbox::limit(found.fd.as_fd(), opener.kind())
        .map_err(Unreadable::Sandbox)
        .and_then(|()| opener.open(found, number, session.operator));
    match opened {
        Ok(mut next) => session.fits(&mut next, volume).then_some(next),
        Err(reason) => {
            session.say(&Restoring::Note(format_args!("{}: {reason}", name.display())));
            None
        }
    }
}
