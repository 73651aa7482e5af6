// SPDX-License-Identifier: BSD-2-Clause
//! The operator's answers: standard input, or the terminal where standard input is the dump.

use std::fs::File;
use std::io::{self, Read};
use std::os::fd::AsFd;

use crate::operator::{Operator, Restoring};
use crate::os::errno::strerror;
use crate::os::tty::open_tty;
use crate::restore::editor::Editor;
use crate::restore::outside::{MOST_LINE, Question};

/// Where answers come from. Nothing is read ahead: what is behind an answer may be another program's.
pub struct Terminal {
    file: Option<File>,
    /// The line editor, which reads ahead: once there is one, all lines come from it.
    editor: Option<Editor>,
}

impl Terminal {
    /// The terminal, if `is_dump` says that standard input is taken; a message where there is none.
    pub fn open(is_dump: bool, operator: &mut Operator) -> Terminal {
        let opened = match is_dump {
            true => open_tty(),
            false => io::stdin().as_fd().try_clone_to_owned(),
        };
        match opened {
            Ok(fd) => Terminal { file: Some(File::from(fd)), editor: None },
            Err(error) => {
                let reason = strerror(&error);
                operator.tell(&Restoring::Note(format_args!("cannot open /dev/tty: {reason}")));
                Terminal { file: None, editor: None }
            }
        }
    }

    /// From now on lines are edited, where there is a terminal for that.
    pub fn edit(&mut self, editor: Option<Editor>) {
        self.editor = editor;
    }

    /// The next command of `-i`. As [`Terminal::line`].
    pub fn command(&mut self, prompt: &str, operator: &mut Operator) -> Option<Vec<u8>> {
        match &mut self.editor {
            Some(editor) => editor.line(prompt, true),
            None => self.line(prompt, operator),
        }
    }

    /// The next line, without its newline, after `prompt`; longer ones are cut. None at the end.
    pub fn line(&mut self, prompt: &str, operator: &mut Operator) -> Option<Vec<u8>> {
        if let Some(editor) = &mut self.editor {
            let (above, last) = prompt.split_at(prompt.rfind('\n').map_or(0, |at| at + 1));
            operator.print(above);
            return editor.line(last, false);
        }
        operator.print(prompt);
        let mut line = Vec::new();
        let mut byte = [0];
        loop {
            match self.file.as_mut().map(|file| file.read(&mut byte)) {
                Some(Err(error)) if error.kind() == io::ErrorKind::Interrupted => {}
                Some(Ok(1)) if byte[0] == b'\n' => return Some(line),
                Some(Ok(1)) if line.len() < MOST_LINE => line.push(byte[0]),
                Some(Ok(1)) => {}
                _ => return Some(line).filter(|line| !line.is_empty()),
            }
        }
    }

    /// Whether the answer is yes; no answer is no.
    pub fn is_yes(&mut self, question: Question, operator: &mut Operator) -> bool {
        loop {
            match self.line(&format!("{}? [yn] ", question.text()), operator).as_deref() {
                None => return false,
                Some([b'y', ..]) => return true,
                Some([b'n', ..]) => return false,
                Some(_) => {}
            }
        }
    }
}
