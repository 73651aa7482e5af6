// SPDX-License-Identifier: BSD-2-Clause
//! Messages about volumes and outputs.

use std::ffi::OsStr;
use std::fmt;

use dumpstream::escape;

/// A message about volumes and outputs.
#[derive(Clone, Copy, Debug, PartialEq)]
#[allow(missing_docs, reason = "the fields are what the line says of them")]
pub enum MediaMessage<'a> {
    /// A volume of a list of outputs begins.
    DumpingVolume { volume: u32, output: &'a OsStr },
    /// Where a volume after the first one begins.
    VolumeBegins { volume: u32, inode: u64 },
    /// End of media before the end of the volume.
    EndOfTape,
    /// The next volume has to be mounted.
    ChangeVolumes { volume: u32 },
    /// A record could not be written.
    WriteErrorInVolume { blocks: u64, volume: u32 },
    /// First line after `Do you want to restart?`.
    ClosingVolume,
    /// Second line after `Do you want to restart?`.
    WillBeRewritten,
    /// A record could not be written to a pipe.
    WriteErrorOn(&'a OsStr),
    /// Follows [`MediaMessage::WriteErrorOn`].
    CannotRecover,
    /// An output could not be opened.
    CannotOpenOutput(&'a OsStr),
    /// The command of `-P` could not be started.
    CannotOpenPipeline(&'a OsStr),
    /// End of media at the first write.
    EotAtStart,
    /// The volume script is run.
    Launching(&'a OsStr),
    /// The volume script ended with a status that is neither 0 nor 1.
    AbortedByScript { status: u32 },
}

impl fmt::Display for MediaMessage<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        use MediaMessage::*;
        match *self {
            DumpingVolume { volume, output } => {
                write!(f, "Dumping volume {volume} on {}", escape::name(output))
            }
            VolumeBegins { volume, inode } => {
                write!(f, "Volume {volume} begins with blocks from inode {inode}")
            }
            EndOfTape => f.write_str("End of tape detected"),
            ChangeVolumes { volume } => write!(f, "Change Volumes: Mount volume #{volume}"),
            WriteErrorInVolume { blocks, volume } => {
                write!(f, "write error {blocks} blocks into volume {volume}")
            }
            ClosingVolume => f.write_str("Closing this volume.  Prepare to restart with new media;"),
            WillBeRewritten => f.write_str("this dump volume will be rewritten."),
            WriteErrorOn(output) => write!(f, "write error on {}", escape::name(output)),
            CannotRecover => f.write_str("Cannot recover"),
            CannotOpenOutput(output) => {
                write!(f, "Cannot open output \"{}\".", escape::name(output))
            }
            CannotOpenPipeline(command) => {
                write!(f, "Cannot open output pipeline \"{}\".", escape::name(command))
            }
            EotAtStart => f.write_str("EOT detected at start of the tape!"),
            Launching(script) => write!(f, "Launching {}", escape::name(script)),
            AbortedByScript { status } => {
                write!(f, "Dump aborted by the end of tape script: exit status {status}")
            }
        }
    }
}
