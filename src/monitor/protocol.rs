// SPDX-License-Identifier: BSD-2-Clause
//! Requests of the planner to the monitor, and replies: encoder and decoder.
//!
//! The planner speaks of volumes by their number only: names and commands are those of the command line, which the monitor has.

use std::fmt;

use crate::media::Kind;
use crate::monitor::refusal::{OnWire, Unrecorded, Unsound, Wire};
use crate::objects::outputs::Unfit;
use crate::os::socket::MAX_FRAME;

/// Most bytes of a broadcast's text.
const TEXT_BYTES: usize = MAX_FRAME - 8;

/// What is added to the number of a signal that killed a command, so that it is no exit status.
pub const KILLED: u32 = 256;

/// What the planner asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Request {
    /// To open the output of a volume, from 1. Answered by [`Reply::Opened`], [`Reply::Failed`] or [`Reply::Unfit`].
    Open(u32),
    /// To look whether the output of a volume, from 1, can be written, without opening it. Answered by [`Reply::Writable`] or
    /// [`Reply::Failed`].
    Examine(u32),
    /// To wait for the end of the command that reads the volume. Answered by [`Reply::Closed`].
    Close,
    /// To run the volume script after this volume, from 1. Answered by [`Reply::Scripted`].
    Script(u32),
    /// To wait until the autoloader has loaded the medium of this volume, from 2. Answered by [`Reply::Loaded`].
    Load(u32),
    /// The volume, from 1, is on its file, and so many bytes of it: to look at that. Answered by [`Reply::Sound`] or [`Reply::Unsound`].
    Finish(u32, u64),
    /// The dump is complete: to give the index its name, and to enter the dump in the dumpdates file. Answered by [`Reply::Recorded`],
    /// [`Reply::Unrecorded`], or first by [`Reply::Waiting`].
    Record,
    /// To give that up, after [`Reply::Waiting`]. Answered by [`Reply::Canceled`], unless it is recorded already.
    CancelRecord,
    /// Notify the operator group. No reply.
    Broadcast(String),
}

/// What the monitor answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// The output is open; its descriptor comes along.
    Opened {
        /// How it is written to.
        kind: Kind,
        /// Bytes of the largest record that it takes, where that is known.
        most: Option<u32>,
    },
    /// It could not be opened, or not be given its name (errno).
    Failed(i32),
    /// The output must not be written.
    Unfit(Unfit),
    /// The command ended: its exit status, or `KILLED` and the signal that killed it.
    Closed(u32),
    /// The volume script ended: its exit status, or 128 and the signal that killed it, as a shell has it.
    Scripted(u32),
    /// Whether a medium is there.
    Loaded(bool),
    /// Nothing is known that would keep the output from being opened.
    Writable,
    /// The volume is as it should be, and on its disk.
    Sound,
    /// It is not.
    Unsound(Unsound),
    /// The index has its name, and the dump is in the dumpdates file.
    Recorded,
    /// Neither is done.
    Unrecorded(Unrecorded),
    /// Another program has locked the dumpdates file.
    Waiting,
    /// The dump is not recorded.
    Canceled,
}

/// A message that is none of these.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BadMessage(pub usize);

impl fmt::Display for BadMessage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "invalid message between planner and monitor ({} bytes)", self.0)
    }
}

impl std::error::Error for BadMessage {}

const OPEN: u32 = 1;
const CLOSE: u32 = 2;
const BROADCAST: u32 = 3;
const OPENED: u32 = 4;
const FAILED: u32 = 5;
const CLOSED: u32 = 6;
const SCRIPT: u32 = 7;
const SCRIPTED: u32 = 8;
const LOAD: u32 = 9;
const LOADED: u32 = 10;
const FINISH: u32 = 11;
const SOUND: u32 = 12;
const EXAMINE: u32 = 13;
const WRITABLE: u32 = 14;
const UNFIT: u32 = 15;
const RECORD: u32 = 16;
const RECORDED: u32 = 17;
const WAITING: u32 = 18;
const CANCEL_RECORD: u32 = 19;
const CANCELED: u32 = 20;
const UNSOUND: u32 = 21;
const UNRECORDED: u32 = 22;

fn pack(tag: u32, number: u32) -> Vec<u8> {
    [tag.to_ne_bytes(), number.to_ne_bytes()].concat()
}

/// Tag, length and as much of the text as has room.
fn pack_text(tag: u32, text: &str) -> Vec<u8> {
    let end = (0..=TEXT_BYTES.min(text.len())).rev().find(|&end| text.is_char_boundary(end));
    let text = &text[..end.unwrap_or(0)];
    let mut out = pack(tag, u32::try_from(text.len()).unwrap_or(0));
    out.extend_from_slice(text.as_bytes());
    out
}

/// Tag, kind, numbers and name of a refusal.
fn pack_refusal(tag: u32, refusal: &impl OnWire) -> Vec<u8> {
    let Wire(kind, numbers, name) = refusal.to_wire();
    let mut out = pack(tag, kind);
    numbers.iter().for_each(|number| out.extend_from_slice(&number.to_ne_bytes()));
    out.extend_from_slice(name);
    out
}

/// A refusal of this kind; `rest` is what comes after that.
fn unpack_refusal<T: OnWire>(kind: u32, rest: &[u8]) -> Option<T> {
    let (numbers, name) = rest.split_first_chunk::<24>()?;
    let (numbers, _) = numbers.as_chunks();
    let numbers = [numbers[0], numbers[1], numbers[2]].map(u64::from_ne_bytes);
    T::from_wire(&Wire(kind, numbers, name))
}

/// Tag and number, and what comes after them.
fn unpack(bytes: &[u8]) -> Option<(u32, u32, &[u8])> {
    let (tag, rest) = bytes.split_first_chunk()?;
    let (number, rest) = rest.split_first_chunk()?;
    Some((u32::from_ne_bytes(*tag), u32::from_ne_bytes(*number), rest))
}

impl Request {
    /// How it goes over the socket.
    pub fn encode(&self) -> Vec<u8> {
        match self {
            Request::Open(volume) => pack(OPEN, *volume),
            Request::Examine(volume) => pack(EXAMINE, *volume),
            Request::Close => pack(CLOSE, 0),
            Request::Script(volume) => pack(SCRIPT, *volume),
            Request::Load(volume) => pack(LOAD, *volume),
            Request::Finish(volume, bytes) => {
                [pack(FINISH, *volume).as_slice(), &bytes.to_ne_bytes()].concat()
            }
            Request::Record => pack(RECORD, 0),
            Request::CancelRecord => pack(CANCEL_RECORD, 0),
            Request::Broadcast(text) => pack_text(BROADCAST, text),
        }
    }

    /// Reads what the socket gave.
    ///
    /// Errors: it is no request, or a volume before the first.
    pub fn decode(bytes: &[u8]) -> Result<Request, BadMessage> {
        match unpack(bytes) {
            Some((OPEN, volume, [])) if volume > 0 => Ok(Request::Open(volume)),
            Some((EXAMINE, volume, [])) if volume > 0 => Ok(Request::Examine(volume)),
            Some((CLOSE, 0, [])) => Ok(Request::Close),
            Some((FINISH, volume, bytes)) if volume > 0 => {
                let bytes = bytes.try_into().map_err(|_| BadMessage(bytes.len()))?;
                Ok(Request::Finish(volume, u64::from_ne_bytes(bytes)))
            }
            Some((RECORD, 0, [])) => Ok(Request::Record),
            Some((CANCEL_RECORD, 0, [])) => Ok(Request::CancelRecord),
            Some((SCRIPT, volume, [])) if volume > 0 => Ok(Request::Script(volume)),
            Some((LOAD, volume, [])) if volume > 1 => Ok(Request::Load(volume)),
            Some((BROADCAST, length, text)) if text.len() == length as usize => {
                String::from_utf8(text.to_vec()).map(Request::Broadcast).map_err(|_| BadMessage(bytes.len()))
            }
            _ => Err(BadMessage(bytes.len())),
        }
    }
}

impl Reply {
    /// How it goes over the socket.
    pub fn encode(&self) -> Vec<u8> {
        match self {
            Reply::Opened { kind, most } => {
                let mut out = pack(OPENED, kind.code());
                out.extend_from_slice(&most.unwrap_or(0).to_ne_bytes());
                out
            }
            Reply::Failed(errno) => pack(FAILED, errno.cast_unsigned()),
            Reply::Unfit(unfit) => pack_refusal(UNFIT, unfit),
            Reply::Unsound(unsound) => pack_refusal(UNSOUND, unsound),
            Reply::Unrecorded(unrecorded) => pack_refusal(UNRECORDED, unrecorded),
            Reply::Closed(status) => pack(CLOSED, *status),
            Reply::Scripted(status) => pack(SCRIPTED, *status),
            Reply::Loaded(loaded) => pack(LOADED, (*loaded).into()),
            Reply::Writable => pack(WRITABLE, 0),
            Reply::Sound => pack(SOUND, 0),
            Reply::Recorded => pack(RECORDED, 0),
            Reply::Waiting => pack(WAITING, 0),
            Reply::Canceled => pack(CANCELED, 0),
        }
    }

    /// Reads what the socket gave.
    ///
    /// Errors: it is no reply.
    pub fn decode(bytes: &[u8]) -> Result<Reply, BadMessage> {
        let bad = BadMessage(bytes.len());
        match unpack(bytes) {
            Some((OPENED, kind, rest)) => {
                let most = u32::from_ne_bytes(rest.try_into().map_err(|_| bad)?);
                let kind = Kind::from_code(kind).ok_or(bad)?;
                Ok(Reply::Opened { kind, most: (most > 0).then_some(most) })
            }
            Some((FAILED, errno, [])) => Ok(Reply::Failed(errno.cast_signed())),
            Some((UNFIT, kind, rest)) => unpack_refusal(kind, rest).map(Reply::Unfit).ok_or(bad),
            Some((UNSOUND, kind, rest)) => unpack_refusal(kind, rest).map(Reply::Unsound).ok_or(bad),
            Some((UNRECORDED, kind, rest)) => unpack_refusal(kind, rest).map(Reply::Unrecorded).ok_or(bad),
            Some((CLOSED, status, [])) if status < 512 => Ok(Reply::Closed(status)),
            Some((SCRIPTED, status, [])) if status < 512 => Ok(Reply::Scripted(status)),
            Some((LOADED, loaded @ 0..=1, [])) => Ok(Reply::Loaded(loaded == 1)),
            Some((WRITABLE, 0, [])) => Ok(Reply::Writable),
            Some((SOUND, 0, [])) => Ok(Reply::Sound),
            Some((RECORDED, 0, [])) => Ok(Reply::Recorded),
            Some((WAITING, 0, [])) => Ok(Reply::Waiting),
            Some((CANCELED, 0, [])) => Ok(Reply::Canceled),
            _ => Err(bad),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::monitor::refusal::NoRecord;
    use crate::objects::identity::{Relation, Role};
    use proptest::prelude::*;

    #[test]
    fn messages_come_back_as_they_were() {
        let text = Request::Broadcast("\x07é".repeat(700));
        let volumes = [Request::Open(1), Request::Examine(3), Request::Script(1), Request::Load(2)];
        for request in volumes.into_iter().chain([
            Request::Close,
            Request::Finish(2, 1 << 40),
            Request::Record,
            Request::CancelRecord,
            text,
        ]) {
            assert_eq!(Request::decode(&request.encode()), Ok(request));
        }
        for reply in [
            Reply::Opened { kind: Kind::Tape, most: Some(65536) },
            Reply::Opened { kind: Kind::File, most: None },
            Reply::Failed(2),
            Reply::Closed(KILLED + 9),
            Reply::Scripted(1),
            Reply::Loaded(true),
            Reply::Sound,
            Reply::Recorded,
            Reply::Waiting,
            Reply::Canceled,
            Reply::Writable,
        ] {
            assert_eq!(Reply::decode(&reply.encode()), Ok(reply));
        }
    }

    #[test]
    fn refusals_come_back_as_they_were() {
        let again = |reply: Reply| assert_eq!(Reply::decode(&reply.encode()), Ok(reply));
        for relation in Relation::ALL {
            Role::ALL.iter().for_each(|&role| again(Reply::Unfit(Unfit::Clash(relation, role, "é".into()))));
        }
        for unfit in [Unfit::Holds { held: 1, volume: 2 }, Unfit::NoDevice, Unfit::InUse, Unfit::Locked] {
            again(Reply::Unfit(unfit));
        }
        for unsound in [Unsound::System(5), Unsound::Length { size: 1 << 40, end: 7 }, Unsound::Removed] {
            again(Reply::Unsound(unsound));
        }
        for why in [
            NoRecord::Volume(3),
            NoRecord::Index(2),
            NoRecord::IndexReplaced,
            NoRecord::UnfinishedReplaced,
            NoRecord::Dumpdates(28),
            NoRecord::DumpdatesRemoved,
            NoRecord::DumpdatesTooLarge,
            NoRecord::DumpdatesDamaged(28, 5),
            NoRecord::Signature(28, true),
            NoRecord::Signature(5, false),
        ] {
            [None, Some(13)].iter().for_each(|&index_lost| {
                again(Reply::Unrecorded(Unrecorded { why, index_lost }));
            });
        }
        let long = Unfit::Clash(Relation::Same, Role::Disk, "x".repeat(100_000).into());
        let long = Reply::Unfit(long).encode();
        assert!(long.len() <= MAX_FRAME && Reply::decode(&long).is_ok());
        assert!(Reply::decode(&pack(UNFIT, 3)).is_err(), "no numbers");
    }

    #[test]
    fn wrong_messages_are_refused() {
        assert!(Request::decode(&Request::Open(0).encode()).is_err());
        assert!(Request::decode(&Request::Examine(0).encode()).is_err());
        assert!(Request::decode(&Request::Script(0).encode()).is_err());
        assert!(Request::decode(&Request::Load(1).encode()).is_err());
        assert!(Request::decode(&[]).is_err());
        assert!(Request::decode(&pack(BROADCAST, 9)).is_err());
        assert!(Reply::decode(&pack(OPENED, 1)).is_err());
        assert!(Reply::decode(&pack(CLOSED, 100_000)).is_err());
        assert!(Reply::decode(&pack(LOADED, 2)).is_err());
        let long = Request::Broadcast("x".repeat(100_000)).encode();
        assert!(long.len() <= MAX_FRAME && Request::decode(&long).is_ok());
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..40)) {
            let _ = Request::decode(&bytes);
            let _ = Reply::decode(&bytes);
        }
    }
}
