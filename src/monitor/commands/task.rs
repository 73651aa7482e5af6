// SPDX-License-Identifier: BSD-2-Clause
//! The programs that the monitor runs, and their results: encoder and decoder.

use std::ffi::OsString;
use std::fmt;
use std::io;

use crate::event::ExitStatus;
use crate::job::{Job, Output, Remote};
use crate::operator::OPERATOR_GROUP;
use crate::os::socket::MAX_FRAME;
use crate::os::spawn::Program;

/// Most bytes of a message to the operator group.
pub const TEXT_BYTES: usize = MAX_FRAME - 8;

/// The remote program that speaks rmt, unless `RMT` names another.
const REMOTE_RMT: &str = "/etc/rmt";

/// The program that runs a command on another host, unless `RSH` names another.
const REMOTE_SHELL: &str = "ssh";

/// A program to be run. The names and commands are those of the command line, which the runner has, too.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Task {
    /// The command of `-P`, for this volume (from 1). Its input is the descriptor beside it.
    Command(u32),
    /// The remote shell. Its input and output are the descriptor beside it.
    Remote,
    /// The volume script, behind this volume (from 1).
    Script(u32),
    /// wall(1), with this text.
    Wall(String),
}

/// What the runner is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ToRunner {
    /// To run a program. Answered by [`FromRunner`] when it has ended.
    Run(Task),
    /// The dump is complete: to let programs end by themselves for a while, and to kill what is left. Answered by [`TaskKind::All`], with
    /// status 0 if nothing had to be killed.
    Leave,
}

/// What the runner answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FromRunner {
    /// The kind of the task that has ended.
    pub kind: TaskKind,
    /// How it ended.
    pub status: ExitStatus,
}

/// A [`Task`] without its numbers and texts: there is one of each at a time, but for walls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TaskKind {
    /// [`Task::Command`] or [`Task::Remote`].
    Output,
    /// [`Task::Script`].
    Script,
    /// [`Task::Wall`].
    Wall,
    /// All of them; see [`ToRunner::Leave`].
    All,
}

/// A message between monitor and runner that is invalid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BadMessage(pub usize);

impl fmt::Display for BadMessage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "invalid message between monitor and command runner ({} bytes)", self.0)
    }
}

impl std::error::Error for BadMessage {}

/// A program and its arguments, and what is added to its environment.
type Words = (Vec<OsString>, Vec<(&'static str, String)>);

impl Task {
    /// Its kind.
    pub fn kind(&self) -> TaskKind {
        match self {
            Task::Command(_) | Task::Remote => TaskKind::Output,
            Task::Script(_) => TaskKind::Script,
            Task::Wall(_) => TaskKind::Wall,
        }
    }

    /// The program and its arguments, and what is added to its environment; none if `job` has no such program.
    fn words(&self, job: &Job) -> Option<Words> {
        match (self, &job.output) {
            (Task::Command(volume), Output::Command(command)) => {
                let words = vec!["/bin/sh".into(), "-c".into(), command.clone()];
                Some((words, vec![("DUMP_VOLUME", volume.to_string())]))
            }
            (Task::Remote, Output::Remote(remote)) => Some((remote_command(remote), Vec::new())),
            (Task::Script(volume), output) => {
                let device = output.names().map_or_else(|| output.name(), |names| names.of(*volume));
                let mut command = job.volume_script.clone()?;
                command.push(" \"$@\"");
                let words = ["/bin/sh".into(), "-c".into(), command, "sh".into(), device];
                Some((words.into_iter().chain([volume.to_string().into()]).collect(), Vec::new()))
            }
            (Task::Wall(_), _) => {
                Some((["wall", "-g", OPERATOR_GROUP].map(OsString::from).to_vec(), Vec::new()))
            }
            _ => None,
        }
    }
}

impl Task {
    /// The program, ready to be run.
    ///
    /// Errors: `InvalidInput` if `job` has no such program, and those of [`Program::new`].
    pub fn program(&self, job: &Job) -> io::Result<Program> {
        let (words, environment) = self.words(job).ok_or(io::ErrorKind::InvalidInput)?;
        Program::new(&words, &environment)
    }
}

/// `$RSH [-l user] host $RMT`; `RSH` may have options of its own behind its name.
pub fn remote_command(remote: &Remote) -> Vec<OsString> {
    let shell = std::env::var("RSH").unwrap_or_else(|_| REMOTE_SHELL.to_owned());
    let mut words: Vec<OsString> = shell.split_whitespace().map(OsString::from).collect();
    if let Some(user) = &remote.user {
        words.extend(["-l".into(), user.clone()]);
    }
    words.push(remote.host.clone());
    words.push(std::env::var_os("RMT").unwrap_or_else(|| REMOTE_RMT.into()));
    words
}

const COMMAND: u32 = 1;
const REMOTE: u32 = 2;
const SCRIPT: u32 = 3;
const WALL: u32 = 4;
const LEAVE: u32 = 5;

fn pack(tag: u32, number: u32) -> Vec<u8> {
    [tag.to_ne_bytes(), number.to_ne_bytes()].concat()
}

/// Tag and number, and what comes after them.
fn unpack(bytes: &[u8]) -> Option<(u32, u32, &[u8])> {
    let (tag, rest) = bytes.split_first_chunk()?;
    let (number, rest) = rest.split_first_chunk()?;
    Some((u32::from_ne_bytes(*tag), u32::from_ne_bytes(*number), rest))
}

impl ToRunner {
    /// How it goes over the socket.
    pub fn encode(&self) -> Vec<u8> {
        match self {
            ToRunner::Run(Task::Command(volume)) => pack(COMMAND, *volume),
            ToRunner::Run(Task::Remote) => pack(REMOTE, 0),
            ToRunner::Run(Task::Script(volume)) => pack(SCRIPT, *volume),
            ToRunner::Run(Task::Wall(text)) => {
                let end = (0..=TEXT_BYTES.min(text.len())).rev().find(|&end| text.is_char_boundary(end));
                let text = &text.as_bytes()[..end.unwrap_or(0)];
                [pack(WALL, u32::try_from(text.len()).unwrap_or(0)).as_slice(), text].concat()
            }
            ToRunner::Leave => pack(LEAVE, 0),
        }
    }

    /// Reads what the socket gave.
    ///
    /// Errors: it is no request.
    pub fn decode(bytes: &[u8]) -> Result<ToRunner, BadMessage> {
        let bad = BadMessage(bytes.len());
        let task = match unpack(bytes).ok_or(bad)? {
            (COMMAND, volume, []) => Task::Command(volume),
            (REMOTE, 0, []) => Task::Remote,
            (SCRIPT, volume, []) => Task::Script(volume),
            (WALL, length, text) if text.len() == length as usize => {
                Task::Wall(String::from_utf8(text.to_vec()).map_err(|_| bad)?)
            }
            (LEAVE, 0, []) => return Ok(ToRunner::Leave),
            _ => return Err(bad),
        };
        Ok(ToRunner::Run(task))
    }
}

impl FromRunner {
    /// How it goes over the socket.
    pub fn encode(&self) -> Vec<u8> {
        let tag = match self.kind {
            TaskKind::Output => COMMAND,
            TaskKind::Script => SCRIPT,
            TaskKind::Wall => WALL,
            TaskKind::All => LEAVE,
        };
        let (signaled, number) = match self.status {
            ExitStatus::Exited(code) => (0, code),
            ExitStatus::Signaled(signal) => (1, signal),
        };
        let mut out = pack(tag, signaled);
        out.extend_from_slice(&number.to_ne_bytes());
        out
    }

    /// Reads what the socket gave.
    ///
    /// Errors: it is no answer.
    pub fn decode(bytes: &[u8]) -> Result<FromRunner, BadMessage> {
        let bad = BadMessage(bytes.len());
        let (tag, signaled, number) = unpack(bytes).ok_or(bad)?;
        let kind = match tag {
            COMMAND => TaskKind::Output,
            SCRIPT => TaskKind::Script,
            WALL => TaskKind::Wall,
            LEAVE => TaskKind::All,
            _ => return Err(bad),
        };
        let number = i32::from_ne_bytes(number.try_into().map_err(|_| bad)?);
        let status = match signaled {
            0 => ExitStatus::Exited(number),
            1 => ExitStatus::Signaled(number),
            _ => return Err(bad),
        };
        Ok(FromRunner { kind, status })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn messages_come_back_as_they_were() {
        for task in [Task::Command(3), Task::Remote, Task::Script(1), Task::Wall("\x07é".repeat(30))] {
            let message = ToRunner::Run(task);
            assert_eq!(ToRunner::decode(&message.encode()), Ok(message));
        }
        assert_eq!(ToRunner::decode(&ToRunner::Leave.encode()), Ok(ToRunner::Leave));
        for kind in [TaskKind::Output, TaskKind::Script, TaskKind::Wall, TaskKind::All] {
            for status in [ExitStatus::Exited(0), ExitStatus::Exited(255), ExitStatus::Signaled(9)] {
                let answer = FromRunner { kind, status };
                assert_eq!(FromRunner::decode(&answer.encode()), Ok(answer));
            }
        }
    }

    #[test]
    fn a_long_text_is_cut_to_a_frame() {
        let bytes = ToRunner::Run(Task::Wall("é".repeat(MAX_FRAME))).encode();
        assert!(bytes.len() <= MAX_FRAME && ToRunner::decode(&bytes).is_ok());
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..40)) {
            let _ = ToRunner::decode(&bytes);
            let _ = FromRunner::decode(&bytes);
        }
    }
}
