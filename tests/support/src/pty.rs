// SPDX-License-Identifier: BSD-2-Clause
//! Runs a program with a controlling terminal of its own, reads what it says there and answers: for questions on
//! /dev/tty.

use std::fs::File;
use std::io::{ErrorKind, Read, Write};
use std::path::Path;
use std::process::{Child, Command, ExitStatus};
use std::time::{Duration, Instant};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use pty_process::blocking as pty;
use std::os::fd::{AsFd, OwnedFd};

use crate::program;

/// A program at its terminal.
pub struct Session {
    child: Child,
    master: File,
    /// All that the terminal has shown.
    pub shown: String,
    /// How much of it has been expected.
    seen: usize,
}

impl Session {
    /// A command that runs `program`; give it arguments, then [`Session::start`] it.
    pub fn command(program: &Path) -> Command {
        let mut command = program::command(program);
        command.env("TERM", "dumb");
        command
    }

    /// Starts the command as the leader of a session, with standard input, output and error at a new terminal that controls it.
    ///
    /// Panics if there is no terminal to be had.
    pub fn start(command: Command) -> Session {
        let (master, slave) = pty::open().expect("a pseudo terminal");
        let child = pty::Command::from(command).spawn(slave).expect("the program to start");
        Session { child, master: File::from(OwnedFd::from(master)), shown: String::new(), seen: 0 }
    }

    /// The program's process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Reads until the terminal shows `text`, after what was expected before.
    ///
    /// Panics with all that was shown if it doesn't within `limit`, or the program ends without.
    #[track_caller]
    pub fn expect(&mut self, text: &str, limit: Duration) {
        self.expect_any(&[text], limit);
    }

    /// Reads until the terminal shows one of `texts`; which one.
    ///
    /// Panics as [`Session::expect`].
    #[track_caller]
    pub fn expect_any(&mut self, texts: &[&str], limit: Duration) -> usize {
        let end = Instant::now() + limit;
        loop {
            let new = &self.shown[self.seen..];
            let found = texts.iter().enumerate().filter_map(|(n, t)| Some((new.find(t)?, n))).min();
            if let Some((at, n)) = found {
                self.seen += at + texts[n].len();
                return n;
            }
            let open = self.read(end.saturating_duration_since(Instant::now()));
            assert!(open && Instant::now() < end, "none of {texts:?} in:\n{}", self.shown);
        }
    }

    /// Types a line.
    pub fn send(&mut self, line: &str) {
        self.master.write_all(format!("{line}\n").as_bytes()).expect("the terminal to take a line");
    }

    /// Types bytes as they are: 3 is an interrupt, 4 the end of file.
    pub fn send_bytes(&mut self, bytes: &[u8]) {
        self.master.write_all(bytes).expect("the terminal to take bytes");
    }

    /// Reads to the end, and waits for the program; at `limit` its group is killed and the answer is `None`.
    pub fn finish(mut self, limit: Duration) -> (Option<ExitStatus>, String) {
        let end = Instant::now() + limit;
        while self.read(end.saturating_duration_since(Instant::now())) && Instant::now() < end {}
        let rest = end.saturating_duration_since(Instant::now());
        let status = program::wait(&mut self.child, rest.max(Duration::from_millis(200)));
        (status, self.shown)
    }

    /// Reads once; false at the end of the terminal.
    fn read(&mut self, limit: Duration) -> bool {
        let timeout = PollTimeout::try_from(limit).unwrap_or(PollTimeout::MAX);
        let mut fds = [PollFd::new(self.master.as_fd(), PollFlags::POLLIN)];
        if poll(&mut fds, timeout).expect("poll of the terminal") == 0 {
            return true;
        }
        let mut buf = [0; 4096];
        match self.master.read(&mut buf) {
            Ok(0) => false,
            Ok(n) => {
                let text = String::from_utf8_lossy(&buf[..n]).replace("\r\n", "\n");
                self.shown.push_str(&text);
                true
            }
            Err(e) if e.kind() == ErrorKind::Interrupted => true,
            // EIO: nobody has the other end open any more.
            Err(_) => false,
        }
    }
}
