// SPDX-License-Identifier: BSD-2-Clause
//! Opens volumes, for the monitor: the first one, those of a list, and those that the operator names.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::Path;

use crate::event::Child;
use crate::job::Remote;
use crate::monitor::commands::remote_command;
use crate::operator::{Operator, Restoring};
use crate::os::errno::strerror;
use crate::os::socket::stream_pair;
use crate::os::spawn::{self, Program};
use crate::os::tape::{self, MtOp};
use crate::os::{disk, output};
use crate::restore::job::{Job, Source};
use crate::restore::outside::{Reply, Volume};
use crate::restore::terminal::Terminal;

/// Where volumes come from.
pub struct Volumes {
    /// The names of a list.
    names: Vec<OsString>,
    /// The default of the question for the next volume.
    last: OsString,
    is_command: bool,
    /// The host that has them.
    remote: Option<Remote>,
    is_pipe: bool,
    dump_number: u32,
    /// The command whose output is the present volume.
    command: Option<Child>,
}

impl Volumes {
    /// Those of the command line. A file name with commas in it is a list, unless there is a file of that name.
    pub fn new(job: &Job) -> Volumes {
        let mut remote = None;
        let (names, is_command) = match &job.source {
            Source::Command(command) => (vec![command.clone()], true),
            Source::Remote(of) => {
                remote = Some(of.clone());
                ((1..=of.names.count()).map(|number| of.names.of(number)).collect(), false)
            }
            Source::File(name) if disk::kind_of_path(Path::new(name)).is_ok() => (vec![name.clone()], false),
            Source::File(list) => {
                let names =
                    list.as_bytes().split(|&byte| byte == b',').map(|name| OsString::from_vec(name.to_vec()));
                (names.collect(), false)
            }
        };
        let last = names.last().cloned().unwrap_or_default();
        Volumes {
            names,
            last,
            is_command,
            remote,
            is_pipe: job.source.is_pipe(),
            dump_number: job.dump_number,
            command: None,
        }
    }

    /// Whether further volumes are known without a question.
    pub fn is_list(&self) -> bool {
        self.names.len() > 1
    }

    /// Whether standard input is the dump.
    pub fn is_pipe(&self) -> bool {
        self.is_pipe
    }

    /// The name of the first volume.
    fn first_name(&self) -> OsString {
        self.names.first().cloned().unwrap_or_default()
    }

    /// Opens the first volume, and goes to the dump on it. None: it cannot be read, which has been reported.
    pub fn first(&mut self, operator: &mut Operator) -> Option<Volume> {
        let name = self.first_name();
        let fd = match self.open(&name, 1) {
            Ok(fd) => fd,
            Err(error) => {
                let reason = strerror(&error);
                operator.tell(&Restoring::CannotStart { name: name.as_bytes(), reason: &reason });
                return None;
            }
        };
        // That of a remote tape is gone to by who talks to the remote host.
        if self.dump_number > 1 && self.remote.is_none() {
            if self.is_pipe {
                operator.tell(&Restoring::ManyOnPipe);
                return None;
            }
            if let Err(error) = tape::op(fd.as_fd(), MtOp::ForwardFiles, self.dump_number - 1) {
                operator.tell(&Restoring::SkipFiles(&strerror(&error)));
            }
        }
        let is_tape = tape::is_tape(fd.as_fd());
        Some(Volume { name, fd, is_tape })
    }

    fn open(&mut self, name: &OsStr, number: u32) -> io::Result<OwnedFd> {
        if let Some(remote) = &self.remote {
            let program = Program::new(&remote_command(remote), &[])?;
            let (ours, theirs) = stream_pair()?;
            // The one before has nothing more that is wanted.
            self.command = None;
            self.command = Some(spawn::run(&program, theirs.as_fd(), Some(theirs.as_fd()))?);
            return Ok(ours);
        }
        if !self.is_command {
            return match name == "-" {
                true => io::stdin().as_fd().try_clone_to_owned(),
                false => disk::open_disk(Path::new(name)),
            };
        }
        let words = ["/bin/sh".into(), "-c".into(), name.to_owned()];
        let program = Program::new(&words, &[("RESTORE_VOLUME", number.to_string())])?;
        let (reading, writing) = output::pipe()?;
        let null = File::open("/dev/null")?;
        // The one before has nothing more that is wanted.
        self.command = None;
        self.command = Some(spawn::run(&program, null.as_fd(), Some(writing.as_fd()))?);
        Ok(reading)
    }

    /// The volume of this number: the first one again, one of the list, or what the operator names.
    pub fn next(
        &mut self,
        number: u32,
        terminal: &mut Terminal,
        operator: &mut Operator,
    ) -> (Reply, Option<OwnedFd>) {
        let is_known = !self.is_pipe && (self.is_list() || number == 1);
        let listed = self.names.get(number as usize - 1).filter(|_| is_known).cloned();
        if let Some(name) = listed {
            match self.open(&name, number) {
                Ok(fd) => return opened(name, fd),
                Err(_) => operator.tell(&Restoring::Note(format_args!("Cannot open {}", name.display()))),
            }
        }
        loop {
            match self.mount(number, terminal, operator) {
                (Reply::Closed, _) => {}
                answer => return answer,
            }
        }
    }

    /// The volume of this number, which the operator names.
    pub fn mount(
        &mut self,
        number: u32,
        terminal: &mut Terminal,
        operator: &mut Operator,
    ) -> (Reply, Option<OwnedFd>) {
        if self.is_pipe {
            operator.tell(&Restoring::Note(format_args!("Changing volumes on pipe input?")));
            return (Reply::End, None);
        }
        let mut name = self.last.clone();
        let prompt = format!(
            "Mount tape volume {number}\nEnter ``none'' if there are no more tapes\n\
             otherwise enter tape name (default: {}) ",
            dumpstream::escape::name(&name)
        );
        match terminal.line(&prompt, operator) {
            None => return (Reply::End, None),
            Some(line) if line == b"none" => return (Reply::NoMore, None),
            Some(line) if line.is_empty() => {}
            Some(line) => name = OsString::from_vec(line),
        }
        self.last.clone_from(&name);
        match self.open(&name, number) {
            Ok(fd) => opened(name, fd),
            Err(_) => {
                let name = dumpstream::escape::name(&name);
                operator.tell(&Restoring::Note(format_args!("Cannot open {name}")));
                (Reply::Closed, None)
            }
        }
    }

    /// Which volume to read next; `read` has the bits of those that were read. None: no answer.
    pub fn which(&self, read: u32, terminal: &mut Terminal, operator: &mut Operator) -> Option<u32> {
        loop {
            let mut prompt = String::new();
            if read == 0 {
                prompt += "You have not read any tapes yet.\n\
                     If you are extracting just a few files, start with the last volume\n\
                     and work towards the first; restore can quickly skip tapes that\n\
                     have no further files to extract. Otherwise, begin with volume 1.\n";
            } else {
                let numbers: Vec<String> = (1..32)
                    .filter(|number| read >> number & 1 == 1)
                    .map(|number| number.to_string())
                    .collect();
                prompt += &format!("You have read volumes: {}\n", numbers.join(", "));
            }
            let line = loop {
                prompt += "Specify next volume #: ";
                match terminal.line(&prompt, operator)? {
                    line if line.is_empty() => prompt.clear(),
                    line => break line,
                }
            };
            let digits: String = String::from_utf8_lossy(&line)
                .trim_start()
                .chars()
                .take_while(char::is_ascii_digit)
                .collect();
            match digits.parse() {
                Ok(number) if number > 0 => return Some(number),
                _ => operator.print("Volume numbers are positive numerics\n"),
            }
        }
    }
}

/// The answer for a volume.
fn opened(name: OsString, fd: OwnedFd) -> (Reply, Option<OwnedFd>) {
    let is_tape = tape::is_tape(fd.as_fd());
    (Reply::Opened(name.into_vec(), is_tape), Some(fd))
}
