// SPDX-License-Identifier: BSD-2-Clause
//! A remote tape that answers as a test wants it to: a stand-in for the remote shell that leads to a thread of the test.

use std::fs::File;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use nix::sys::stat::Mode;
use nix::unistd::mkfifo;

/// What a remote tape is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// To open a device (`O`), with the line of flags.
    Open(String, String),
    /// To write a record (`W`).
    Write(Vec<u8>),
    /// To close the device (`C`).
    Close,
}

/// What it does.
#[derive(Clone, Debug)]
pub enum Answer {
    /// Answers that it did it.
    Done,
    /// Says this.
    Says(Vec<u8>),
    /// Breaks the connection off.
    Dies,
}

/// What has been told and answered so far.
#[derive(Debug, Default)]
pub struct Log {
    /// All commands.
    pub commands: Vec<Command>,
    /// The most records that were unanswered at a time.
    pub most_open: usize,
}

/// A remote tape.
#[derive(Debug)]
pub struct Peer {
    /// The program to be `$RSH`.
    pub shell: PathBuf,
    /// What it was told.
    pub log: Arc<Mutex<Log>>,
}

impl Peer {
    /// A remote tape for one connection, whose shell always exits with 9. It answers a record when `ahead` more have come, or none comes any more.
    ///
    /// Panics if the FIFOs to it can't be made.
    pub fn new(dir: &Path, ahead: usize, answer: impl FnMut(&Command) -> Answer + Send + 'static) -> Peer {
        let shell = script(
            &dir.join("rsh"),
            "echo \"$*\" >>\"$0.args\"; exec 3<&0; cat <&3 >\"$0.up\" & cat \"$0.down\"; kill $! 2>/dev/null; exit 9",
        );
        let (up, down) = (dir.join("rsh.up"), dir.join("rsh.down"));
        for fifo in [&up, &down] {
            mkfifo(fifo, Mode::from_bits_truncate(0o600)).expect("a FIFO");
        }
        let log = Arc::new(Mutex::new(Log::default()));
        let (kept, (send, receive)) = (Arc::clone(&log), channel());
        // The threads end with the connection, or with the test.
        std::thread::spawn(move || read(&up, &send));
        std::thread::spawn(move || serve(&down, &receive, ahead, answer, &kept));
        Peer { shell, log }
    }
}

/// A program of sh(1).
///
/// A child writes it: a descriptor of this process that is open for writing is for a moment also in the children that other tests start,
/// and a file that is open for writing is not executed (`ETXTBSY`).
///
/// Panics if it can't be written.
pub fn script(path: &Path, text: &str) -> PathBuf {
    let mut writer = std::process::Command::new("sh");
    writer.args(["-c", r##"printf '#!/bin/sh\n%s\n' "$1" >"$0" && chmod 755 "$0""##]).arg(path).arg(text);
    assert!(writer.status().expect("sh(1)").success(), "a script at {}", path.display());
    path.to_owned()
}

/// Reads commands to the end.
fn read(up: &Path, send: &Sender<Command>) -> Option<()> {
    let mut up = BufReader::new(File::open(up).ok()?);
    loop {
        let text = read_line(&mut up)?;
        let command = match text.split_at_checked(1)? {
            ("O", name) => Command::Open(name.to_owned(), read_line(&mut up)?),
            ("W", length) => {
                let mut bytes = vec![0; length.parse().ok()?];
                up.read_exact(&mut bytes).ok()?;
                Command::Write(bytes)
            }
            _ => Command::Close,
        };
        send.send(command).ok()?;
    }
}

fn read_line(from: &mut impl BufRead) -> Option<String> {
    let mut text = String::new();
    from.read_line(&mut text).ok().filter(|&n| n > 0)?;
    Some(text.trim_end().to_owned())
}

/// Answers until the commands end.
fn serve(
    down: &Path,
    commands: &Receiver<Command>,
    ahead: usize,
    mut answer: impl FnMut(&Command) -> Answer,
    log: &Mutex<Log>,
) -> Option<()> {
    let mut down = File::options().write(true).open(down).ok()?;
    let mut open: std::collections::VecDeque<Command> = std::collections::VecDeque::new();
    loop {
        let over = match commands.recv_timeout(Duration::from_millis(30)) {
            Ok(command) => {
                let mut log = log.lock().expect("no panic");
                log.commands.push(command.clone());
                open.push_back(command);
                log.most_open = log.most_open.max(open.len());
                false
            }
            Err(RecvTimeoutError::Timeout) => true,
            Err(RecvTimeoutError::Disconnected) if open.is_empty() => return None,
            Err(RecvTimeoutError::Disconnected) => true,
        };
        if !over && open.len() <= ahead {
            continue;
        }
        let Some(command) = open.pop_front() else { continue };
        match answer(&command) {
            Answer::Done => down.write_all(done(&command).as_bytes()).ok()?,
            Answer::Says(bytes) => down.write_all(&bytes).ok()?,
            Answer::Dies => return None,
        }
    }
}

fn done(command: &Command) -> String {
    match command {
        Command::Write(bytes) => format!("A{}\n", bytes.len()),
        _ => "A0\n".to_owned(),
    }
}

/// What a peer that does not keep to the protocol does.
#[derive(Clone, Copy, Debug)]
pub enum Fault {
    /// It answers without end before it is asked, and does not read.
    FloodsAtOnce,
    /// As that, from when the device is open.
    FloodsOnceOpen,
    /// It sends a line without end once the device is open, and does not read.
    EndlessLine,
    /// It does not answer that the device is open.
    IsSilent,
    /// It opens the device, reads nothing more and does not answer.
    StopsReading,
    /// It opens the device and reads all, and does not answer any more.
    StopsAnswering,
    /// It does not open the device, and the connection stays.
    Refuses,
    /// It does all that it should, but the connection stays.
    Stays,
}

impl Fault {
    /// The program to be `$RSH`.
    ///
    /// Panics if it can't be written.
    pub fn shell(self, dir: &Path) -> PathBuf {
        let opens = "read -r name; read -r flags; echo A0";
        let text = match self {
            Fault::FloodsAtOnce => "exec yes A0".to_owned(),
            // The answer to the open is read alone.
            Fault::FloodsOnceOpen => format!("{opens}; sleep 0.3; exec yes A10240"),
            Fault::EndlessLine => format!("{opens}; sleep 0.3; exec cat /dev/zero"),
            Fault::IsSilent => "exec sleep 60".to_owned(),
            Fault::StopsReading => format!("{opens}; exec sleep 60"),
            Fault::StopsAnswering => format!("{opens}; exec cat >/dev/null"),
            Fault::Refuses => {
                "read -r name; read -r flags; echo E13; echo Permission denied; exec sleep 60".to_owned()
            }
            Fault::Stays => format!(
                "{opens}; while read -r command; do case $command in \
                 W*) head -c ${{command#W}} >/dev/null; echo A${{command#W}};; *) echo A0; exec sleep 60;; esac; done"
            ),
        };
        script(&dir.join("rsh"), &text)
    }
}
