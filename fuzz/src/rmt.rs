// SPDX-License-Identifier: BSD-2-Clause
//! What the other side of a remote tape answers, in pieces as they come.

use capdump::internals::rmt::{Answers, Replies, Reply};

use crate::input::Input;

/// The length of a record that was asked for.
const RECORD: usize = 10240;

/// Runs an input: a length of pieces, and the bytes that come.
pub fn run(data: &[u8]) {
    let mut input = Input::new(data);
    let piece = 1 + usize::from(input.byte());
    let bytes = input.rest();
    let in_pieces = all(bytes.chunks(piece));
    let at_once = all(std::iter::once(bytes));
    match (&in_pieces, &at_once) {
        (Some(one), Some(other)) => assert_eq!(one, other),
        // A line that is too long is garbage once that much of it has come, however it is cut.
        (one, other) => assert_eq!(one.is_none(), other.is_none()),
    }
    let mut answers = Answers::default();
    for reply in in_pieces.iter().flatten() {
        answers.take(reply, RECORD);
        if let Reply::Failed(_, text) = reply {
            assert!(!text.chars().any(char::is_control));
        }
    }
    assert!(answers.written as usize <= in_pieces.iter().flatten().count());
    assert!(!answers.gap || answers.stopped.is_some());
}

/// All answers; none if something was garbage.
fn all<'a>(pieces: impl Iterator<Item = &'a [u8]>) -> Option<Vec<Reply>> {
    let mut replies = Replies::default();
    let mut out = Vec::new();
    for piece in pieces {
        replies.push(piece);
        loop {
            match replies.take() {
                Ok(Some(reply)) => out.push(reply),
                Ok(None) => break,
                Err(garbage) => {
                    assert!(!garbage.to_string().chars().any(char::is_control));
                    return None;
                }
            }
        }
    }
    Some(out)
}
