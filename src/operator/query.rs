// SPDX-License-Identifier: BSD-2-Clause
//! A question to the operator as a state machine: its input is what the tty returns, its output the actions to take.

/// Seconds after which an open question is repeated (sbin/dump/optr.c).
pub const REMIND_AFTER: u64 = 120;

/// Failed reads of the tty before the dump is aborted.
const MOST_FAILURES: u32 = 30;
/// The most bytes that dump reads for one answer.
const LONGEST_ANSWER: usize = 62;

/// What may be asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Question {
    /// After SIGINT.
    AbortDump,
    /// After an error in writing.
    Restart,
    /// Before the next volume.
    VolumeReady,
    /// When the next volume is not ready.
    Abort,
    /// When an output cannot be opened.
    RetryOpen,
    /// After too many read errors.
    Continue,
    /// When a remote tape does not answer.
    Wait,
}

impl Question {
    /// The question in dump's words.
    pub fn text(self) -> &'static str {
        match self {
            Question::AbortDump => "Do you want to abort dump?",
            Question::Restart => "Do you want to restart?",
            Question::VolumeReady => "Is the new volume mounted and ready to go?",
            Question::Abort => "Do you want to abort?",
            Question::RetryOpen => "Do you want to retry the open?",
            Question::Continue => "Do you want to attempt to continue?",
            Question::Wait => "Do you want to wait for the remote tape?",
        }
    }
}

impl Question {
    /// The answer that aborts the dump, assumed if the question cannot be asked.
    pub fn answer_that_aborts(self) -> &'static str {
        match self {
            Question::AbortDump | Question::Abort => "yes",
            Question::Restart
            | Question::VolumeReady
            | Question::RetryOpen
            | Question::Continue
            | Question::Wait => "no",
        }
    }
}

/// What the driver of a question has to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Write this to standard error as it is.
    Print(String),
    /// Notify the operator group ([`crate::operator::Attention::Question`]).
    Broadcast,
    /// Call [`Query::remind`] after [`REMIND_AFTER`] seconds.
    SetTimer,
    /// The question is answered: stop the timer and discard further input from the tty.
    Answer(bool),
    /// Too many failed reads: print [`crate::operator::StopMessage::ExcessiveQueries`] and abort.
    GiveUp,
}

/// An open question.
#[derive(Debug)]
pub struct Query {
    question: Question,
    /// Whether the operator group is notified (`-n`).
    notify: bool,
    failures: u32,
    /// The bytes read of the current line, up to [`LONGEST_ANSWER`].
    line: Vec<u8>,
    closed: bool,
}

impl Query {
    /// Asks. Returns the question and what to do first.
    pub fn ask(question: Question, notify: bool) -> (Query, Vec<Action>) {
        let query = Query { question, notify, failures: 0, line: Vec::new(), closed: false };
        let actions = vec![query.prompt(), Action::SetTimer];
        (query, actions)
    }

    /// Processes input from the tty; an empty slice is the end of file or an error.
    pub fn input(&mut self, bytes: &[u8]) -> Vec<Action> {
        if self.closed {
            return Vec::new();
        }
        if bytes.is_empty() {
            return self.end_of_file();
        }
        let mut actions = Vec::new();
        for &byte in bytes {
            self.line.push(byte);
            if byte == b'\n' || self.line.len() == LONGEST_ANSWER {
                actions.extend(self.answer());
            }
            if self.closed {
                break;
            }
        }
        actions
    }

    /// Repeats the question: with `-n` the operator group is notified and the question printed again,
    /// otherwise the bell rings.
    pub fn remind(&mut self) -> Vec<Action> {
        if self.closed {
            return Vec::new();
        }
        if !self.notify {
            return vec![Action::Print("\x07\x07".into()), Action::SetTimer];
        }
        vec![Action::Print("\n".into()), Action::Broadcast, self.prompt(), Action::SetTimer]
    }

    /// The question, without a newline.
    fn prompt(&self) -> Action {
        Action::Print(format!("  DUMP: {}: (\"yes\" or \"no\") ", self.question.text()))
    }

    /// Reads a whole line; its first letter counts.
    fn answer(&mut self) -> Vec<Action> {
        let line = std::mem::take(&mut self.line);
        let answer = match line.first() {
            Some(b'y' | b'Y') => true,
            Some(b'n' | b'N') => false,
            _ => {
                let again = Action::Print("  DUMP: \"Yes\" or \"No\"?\n".into());
                return vec![again, self.prompt()];
            }
        };
        self.closed = true;
        vec![Action::Answer(answer)]
    }

    /// End of file: an incomplete line counts as an answer; otherwise it is a failure.
    fn end_of_file(&mut self) -> Vec<Action> {
        if !self.line.is_empty() {
            return self.answer();
        }
        self.failures += 1;
        if self.failures <= MOST_FAILURES {
            return Vec::new();
        }
        self.closed = true;
        vec![Action::GiveUp]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PROMPT: &str = "  DUMP: Do you want to restart?: (\"yes\" or \"no\") ";

    fn print(text: &str) -> Action {
        Action::Print(text.to_owned())
    }

    fn ask(notify: bool) -> Query {
        let (query, actions) = Query::ask(Question::Restart, notify);
        assert_eq!(actions, [print(PROMPT), Action::SetTimer]);
        query
    }

    #[test]
    fn the_first_letter_answers() {
        for (text, answer) in
            [("yes\n", true), ("Y\n", true), ("yup no\n", true), ("No\n", false), ("n\n", false)]
        {
            assert_eq!(ask(false).input(text.as_bytes()), [Action::Answer(answer)], "{text:?}");
        }
    }

    #[test]
    fn anything_else_is_asked_again() {
        for text in ["\n", " yes\n", "0\n", "\0y\n"] {
            let mut query = ask(false);
            let again = [print("  DUMP: \"Yes\" or \"No\"?\n"), print(PROMPT)];
            assert_eq!(query.input(text.as_bytes()), again, "{text:?}");
            assert_eq!(query.input(b"no\n"), [Action::Answer(false)]);
        }
    }

    #[test]
    fn an_answer_may_come_in_pieces_and_only_one_counts() {
        let mut query = ask(false);
        assert_eq!(query.input(b"y"), []);
        assert_eq!(query.input(b"es"), []);
        assert_eq!(query.input(b"\nno\n"), [Action::Answer(true)]);
        assert_eq!(query.input(b"no\n"), []);
        assert_eq!(query.remind(), []);
    }

    #[test]
    fn a_line_without_newline_counts_at_its_end() {
        let mut query = ask(false);
        assert_eq!(query.input(b"no"), []);
        assert_eq!(query.input(b""), [Action::Answer(false)]);
    }

    #[test]
    fn a_long_line_is_cut() {
        let mut query = ask(false);
        let mut text = vec![b'x'; LONGEST_ANSWER];
        text.extend(b"yes\n");
        let got = query.input(&text);
        assert_eq!(got.last(), Some(&Action::Answer(true)));
        assert_eq!(got.len(), 3);
    }

    #[test]
    fn silence_ends_it() {
        let mut query = ask(false);
        for _ in 0..MOST_FAILURES {
            assert_eq!(query.input(b""), []);
        }
        assert_eq!(query.input(b""), [Action::GiveUp]);
        assert_eq!(query.input(b""), []);
    }

    #[test]
    fn reminders() {
        assert_eq!(ask(false).remind(), [print("\x07\x07"), Action::SetTimer]);
        let again = [print("\n"), Action::Broadcast, print(PROMPT), Action::SetTimer];
        let mut query = ask(true);
        assert_eq!(query.remind(), again);
        assert_eq!(query.remind(), again);
    }
}
