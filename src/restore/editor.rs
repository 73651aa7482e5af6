// SPDX-License-Identifier: BSD-2-Clause
//! The line editor of `-i`, for an operator at a terminal: history in memory, completion of commands and of names on the dump.
//!
//! Names come from the reader, which may be anything: none has a character that does more than stand there.

use std::cell::Cell;
use std::io::{self, IsTerminal};
use std::os::fd::{AsFd, OwnedFd};

use rustyline::completion::Completer;
use rustyline::error::ReadlineError;
use rustyline::highlight::Highlighter;
use rustyline::hint::Hinter;
use rustyline::history::MemHistory;
use rustyline::validate::Validator;
use rustyline::{Behavior, CompletionType, Config, Context, Helper};

use crate::os::socket::{MAX_FRAME, recv_frame, send_frame};
use crate::restore::interactive::{COMMANDS, is_plain};
use crate::restore::outside::{Reply, decode_candidates};

/// The editor.
pub struct Editor(rustyline::Editor<Names, MemHistory>);

/// Completes words.
struct Names {
    /// The monitor's socket to the reader.
    socket: OwnedFd,
    /// A command is asked for, not an answer.
    is_command: Cell<bool>,
}

impl Editor {
    /// An editor, if standard input is a terminal that can move its cursor.
    pub fn new(socket: &OwnedFd) -> Option<Editor> {
        let dumb = std::env::var_os("TERM").is_none_or(|term| term.is_empty() || term == "dumb");
        if dumb || !io::stdin().is_terminal() || !io::stderr().is_terminal() {
            return None;
        }
        let config = Config::builder()
            .behavior(Behavior::PreferTerm)
            .completion_type(CompletionType::List)
            .bracketed_paste(false)
            .auto_add_history(false)
            .build();
        let mut editor = rustyline::Editor::with_history(config, MemHistory::new()).ok()?;
        editor.set_helper(Some(Names { socket: socket.try_clone().ok()?, is_command: Cell::new(false) }));
        Some(Editor(editor))
    }

    /// The next line, without its newline. An interrupt is an empty one. None at the end.
    pub fn line(&mut self, prompt: &str, is_command: bool) -> Option<Vec<u8>> {
        if let Some(names) = self.0.helper() {
            names.is_command.set(is_command);
        }
        match self.0.readline(prompt) {
            Ok(line) => {
                if is_command && !line.trim().is_empty() {
                    // That it is not remembered does no harm.
                    _ = self.0.add_history_entry(line.as_str());
                }
                Some(line.into_bytes())
            }
            Err(ReadlineError::Interrupted) => Some(Vec::new()),
            Err(_) => None,
        }
    }
}

impl Names {
    /// Names on the dump that begin with `word`.
    fn candidates(&self, word: &str) -> Option<Vec<String>> {
        send_frame(self.socket.as_fd(), &Reply::Complete(word.as_bytes().to_vec()).encode(), None).ok()?;
        let mut bytes = [0; MAX_FRAME];
        let received = recv_frame(self.socket.as_fd(), &mut bytes).ok()??;
        let names = decode_candidates(&bytes[..received.len])?;
        Some(names.filter(|name| name.starts_with(word) && is_plain(name)).map(str::to_owned).collect())
    }
}

impl Completer for Names {
    type Candidate = String;

    fn complete(
        &self,
        line: &str,
        pos: usize,
        _context: &Context<'_>,
    ) -> rustyline::Result<(usize, Vec<String>)> {
        let before = line.get(..pos).unwrap_or_default();
        let start = before.rfind(char::is_whitespace).map_or(0, |at| at + 1);
        let word = &before[start..];
        let candidates = match before[..start].trim() {
            _ if !self.is_command.get() => Vec::new(),
            "" => {
                COMMANDS.iter().filter(|name| name.starts_with(word)).map(|name| format!("{name} ")).collect()
            }
            _ => self.candidates(word).unwrap_or_default(),
        };
        Ok((start, candidates))
    }
}

impl Helper for Names {}
impl Hinter for Names {
    type Hint = String;
}
impl Highlighter for Names {}
impl Validator for Names {}
