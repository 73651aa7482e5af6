// SPDX-License-Identifier: BSD-2-Clause
//! The reader: the process that takes the dump apart, in the sandbox. It holds the volumes, standard output and its sockets.

use std::ffi::OsString;
use std::fs::File;
use std::io::Read;
use std::os::fd::{AsFd, OwnedFd};

use crate::exit;
use crate::inspect::begin::{Begin, begin};
use crate::inspect::feed::Feed;
use crate::inspect::input::Input;
use crate::operator::{Lines, Operator, Restoring};
use crate::os::errno::strerror;
use crate::os::standard;
use crate::restore::job::Job;
use crate::restore::link::Link;
use crate::restore::outside::{Next, Outside};
use crate::restore::rebuild::Before;
use crate::restore::session::Session;
use crate::restore::state::{BadState, State};
use crate::sandbox::{self, DescriptorKind};
use dumpstream::TP_BSIZE;
use dumpstream::reading::Reader;

/// Tape blocks that restore reads at once without `-b`, at most (sbin/restore/tape.c).
const NTREC: u64 = 32;

/// What the reader is started with.
pub struct Start<'a> {
    /// What is done.
    pub job: &'a Job,
    /// The first volume's name.
    pub name: OsString,
    /// The first volume.
    pub volume: OwnedFd,
    /// The socket to the monitor.
    pub outside: Outside,
    /// Whether further volumes come without a question.
    pub is_list: bool,
    /// The writer; none if nothing is written.
    pub link: Option<Link>,
    /// The state that is in the target.
    pub state: Option<OwnedFd>,
    /// Whether the target is empty.
    pub is_empty: bool,
}

/// Reads the dump; gives the exit code.
pub fn run(start: Start<'_>, operator: &mut Operator) -> u8 {
    let Start { job, name, volume, outside, is_list, link, state, is_empty } = start;
    let record = job.ntrec.map(|ntrec| ntrec as usize * TP_BSIZE);
    let opened = enter([Some(&volume), state.as_ref()], &outside, link.as_ref(), operator)
        .map_err(|error| error.to_string())
        .and_then(|()| Input::of(&name, volume, record).map_err(|error| strerror(&error)));
    let before = Before { state: state.map(read_state), is_empty };
    let input = match opened {
        Ok(input) => input,
        Err(reason) => {
            operator.tell(&Restoring::Note(format_args!("{}: {reason}", name.display())));
            return exit::STARTUP;
        }
    };
    let lines = Lines::new(Box::new(standard::Output));
    let mut session = Session::new(job, operator, lines, &outside, is_list, link, before);
    let mut next = Some(input);
    while let Some(input) = next.take() {
        let mut reader = Reader::default();
        read(&mut session, &mut reader, input, record);
        if session.end_of_dump(&mut reader) {
            // Once more, for what has been selected since.
            next = open_volume(&mut session, 1, record);
        }
    }
    session.finish()
}

/// Limits what is held, and enters the sandbox.
fn enter(
    inputs: [Option<&OwnedFd>; 2],
    outside: &Outside,
    link: Option<&Link>,
    operator: &mut Operator,
) -> Result<(), sandbox::Error> {
    for input in inputs.into_iter().flatten() {
        sandbox::limit(input.as_fd(), DescriptorKind::Volume)?;
    }
    for socket in [Some(&outside.0), link.map(Link::socket)].into_iter().flatten() {
        sandbox::limit(socket.as_fd(), DescriptorKind::RingSocket)?;
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
fn read_state(fd: OwnedFd) -> Result<State, BadState> {
    let mut bytes = Vec::new();
    File::from(fd).read_to_end(&mut bytes).map_err(|_| BadState::Damaged)?;
    State::decode(&bytes)
}

/// Reads volume after volume, until the dump is over or the session wants no more.
fn read(session: &mut Session<'_>, reader: &mut Reader, first: Input, record: Option<usize>) {
    let mut input = first;
    let mut volume = 1;
    loop {
        reader.begin_volume(volume);
        if volume == 1 {
            session.say_block_size(&mut input, NTREC);
        }
        match begin(&mut input, None, |_| true) {
            Begin::Dump { .. } => {}
            Begin::Empty if volume == 1 => return session.refuse(&Restoring::TapeRead("end of file")),
            Begin::Empty => {}
            Begin::Other(other) => {
                session.refuse(&Restoring::NotADump);
                let name = input.name.display();
                return session.say(&Restoring::Note(format_args!("{name}: {other}")));
            }
        }
        Feed::new(true, None).run(&mut input, reader, session);
        if session.is_over() || session.has_all() || reader.is_over() {
            return;
        }
        volume += 1;
        match open_volume(session, volume, record) {
            Some(next) => input = next,
            None => return,
        }
    }
}

/// A volume, from the monitor. None: there is none.
fn open_volume(session: &mut Session<'_>, volume: u32, record: Option<usize>) -> Option<Input> {
    loop {
        let (name, fd) = match session.next_volume(volume) {
            Next::Volume(name, fd) => (name, fd),
            Next::NoMore => return None,
            Next::End => {
                session.give_up();
                return None;
            }
        };
        let opened = sandbox::limit(fd.as_fd(), DescriptorKind::Volume)
            .map_err(|error| error.to_string())
            .and_then(|()| Input::of(&name, fd, record).map_err(|error| strerror(&error)));
        match opened {
            Ok(mut next) => {
                if session.fits(&mut next, volume) {
                    return Some(next);
                }
            }
            Err(reason) => session.say(&Restoring::Note(format_args!("{}: {reason}", name.display()))),
        }
    }
}
