// SPDX-License-Identifier: BSD-2-Clause
//! The outputs of a dump, one volume at a time: opened by the monitor, changed by the operator, closed.

use std::ffi::OsString;
use std::os::fd::AsFd;

use crate::dump::console::Console;
use crate::dump::questions::Questions;
use crate::dump::requests::Requests;
use crate::dump::stop::{Reason, Stop, VolumeError};
use crate::dump::volumes::fault::{Failure, Fault, Unopened};
use crate::dump::volumes::medium::Medium;
use crate::dump::volumes::remote;
use crate::job::{Job, Limit, Output};
use crate::media::Kind;
use crate::monitor::client::{NoReply, Opened};
use crate::monitor::protocol::{Reply, Request};
use crate::objects::outputs::UnfitOutput;
use crate::operator::{Attention, MediaMessage, Message, Question, Remark};
use crate::sandbox;
use crate::sandbox::DescriptorKind;
use dumpstream::TP_BSIZE;

/// The outputs of the command line.
pub struct Volumes<'a> {
    job: &'a Job,
    console: &'a Console<'a>,
    questions: &'a Questions<'a>,
    requests: &'a Requests<'a>,
    /// A device that was opened before its time, to be asked what it takes.
    ahead: Option<Opened>,
    connected: bool,
    /// The volume that was opened last.
    volume: u32,
    /// What it went to.
    kind: Option<Kind>,
}

/// Why a device is not fit for the dump.
pub enum Unfit {
    /// It does not take records as long as these.
    TooLong {
        /// Bytes of a record.
        record: u32,
        /// Bytes that it takes.
        most: u32,
        /// The device.
        name: OsString,
    },
    /// Chunks that are compressed only are no records of a tape.
    Tape(OsString),
    /// A tape with encrypted volumes of no limited size.
    TapeUnlimited(OsString),
    /// It cannot be read back.
    NotRead(OsString),
}

impl<'a> Volumes<'a> {
    /// The outputs of `job`.
    pub fn new(
        job: &'a Job,
        console: &'a Console<'a>,
        questions: &'a Questions<'a>,
        requests: &'a Requests<'a>,
    ) -> Volumes<'a> {
        let (ahead, connected, volume, kind) = (None, false, 0, None);
        Volumes { job, console, questions, requests, ahead, connected, volume, kind }
    }

    /// Whether all goes to standard output: then there is one volume, and no way back.
    pub fn is_stdout(&self) -> bool {
        matches!(self.job.output, Output::Stdout)
    }

    /// Whether volumes go to a command.
    pub fn is_command(&self) -> bool {
        matches!(self.job.output, Output::Command(_))
    }

    /// Whether a volume is safe only when its receiver has confirmed it at the end.
    pub fn are_safe_at_close(&self) -> bool {
        matches!(self.job.output, Output::Command(_) | Output::Remote(_))
    }

    /// The name of volume `volume` in messages.
    pub fn name(&self, volume: u32) -> OsString {
        self.job.output.names().map_or_else(|| self.job.output.name(), |names| names.of(volume))
    }

    /// Looks, before the passes, whether the outputs that have names can be written. As with opening the first one, the operator is asked
    /// whether to try again while it cannot. A later one may still be mounted: that is a warning.
    pub fn examine(&self) -> Result<(), Stop> {
        let Some(names) = self.job.output.names() else { return Ok(()) };
        while let Some(unopened) = self.ask_examine(1)? {
            self.cannot_open(unopened)?;
        }
        for volume in 2..=names.count() {
            if let Some(unopened) = self.ask_examine(volume)? {
                self.console.say(Remark(format_args!("WARNING: {unopened}")));
            }
        }
        Ok(())
    }

    /// Why a volume could not be opened, if that is known.
    fn ask_examine(&self, volume: u32) -> Result<Option<Unopened>, Stop> {
        match self.requests.ask(&Request::Examine(volume))? {
            (Reply::Writable, _) => Ok(None),
            (Reply::Failed(errno), _) => {
                Ok(Some(Unopened { name: self.name(volume), fault: Fault::System(errno) }))
            }
            (reply, _) => Err(NoReply::Unexpected(reply, "a look").into()),
        }
    }

    /// Opens the first volume before its time. Gives why it is not fit for the dump, if it is not.
    pub fn open_ahead(&mut self) -> Result<Option<Unfit>, Stop> {
        let opened = match self.ask_open(1) {
            Ok(opened) => opened,
            Err(VolumeError::Failed(_)) => return Ok(None),
            Err(VolumeError::Stop(stop)) => return Err(stop),
        };
        let record = self.job.ntrec * TP_BSIZE as u32;
        Ok(match opened.most {
            _ if self.cannot_be_verified(opened.kind) => Some(Unfit::NotRead(self.name(1))),
            _ if self.takes_no_frames(opened.kind) => Some(Unfit::Tape(self.name(1))),
            _ if self.has_no_limit(opened.kind) => Some(Unfit::TapeUnlimited(self.name(1))),
            Some(most) if record > most => Some(Unfit::TooLong { record, most, name: self.name(1) }),
            _ => {
                self.ahead = Some(opened);
                None
            }
        })
    }

    /// Opens volume `volume`. While that fails the operator is asked whether to try again.
    pub fn open(&mut self, volume: u32, in_step: bool) -> Result<Medium, Stop> {
        let name = self.name(volume);
        self.volume = volume;
        if self.job.output.names().is_some_and(|names| names.are_several() && names.has_own(volume)) {
            self.console.say(MediaMessage::DumpingVolume { volume, output: &name });
        }
        if self.is_stdout() {
            return Ok(Medium::standard_output()?);
        }
        loop {
            match self.open_once(volume, &name, in_step) {
                Ok(medium) => {
                    self.kind = Some(medium.kind);
                    return Ok(medium);
                }
                Err(VolumeError::Failed(Failure { fault, .. })) => {
                    self.cannot_open(Unopened { name: name.clone(), fault })?;
                }
                Err(VolumeError::Stop(stop)) => return Err(stop),
            }
        }
    }

    fn cannot_open(&self, unopened: Unopened) -> Result<(), Stop> {
        if let Output::Command(command) = &self.job.output {
            self.console.say(MediaMessage::CannotOpenPipeline(command));
            return Err(Reason::Unopened(unopened).into());
        }
        self.console.say(MediaMessage::CannotOpenOutput(&unopened.name));
        self.console.say(Remark(format_args!("{unopened}")));
        if self.questions.ask(Question::RetryOpen)? { Ok(()) } else { Err(Stop::Told) }
    }

    fn open_once(&mut self, volume: u32, name: &OsString, in_step: bool) -> Result<Medium, VolumeError> {
        let opened = match self.ahead.take() {
            Some(opened) => opened,
            None => self.ask_open(volume)?,
        };
        if self.takes_no_frames(opened.kind) {
            return Err(Fault::Tape.into());
        }
        if self.has_no_limit(opened.kind) {
            return Err(Fault::TapeUnlimited.into());
        }
        if self.cannot_be_verified(opened.kind) {
            return Err(Fault::CannotVerify.into());
        }
        let kind = match opened.kind {
            Kind::Remote if in_step => Kind::RemoteInStep,
            kind => kind,
        };
        sandbox::limit(opened.fd.as_fd(), descriptor_kind(kind, self.job.verify))?;
        if let Kind::Remote | Kind::RemoteInStep = kind {
            if let Err(error) = remote::open(self.questions, opened.fd.as_fd(), name) {
                drop(opened);
                if let VolumeError::Failed(_) = error {
                    self.let_command_end()?;
                }
                return Err(error);
            }
            self.greet();
        }
        Ok(Medium::new(opened.fd, kind, name.clone()))
    }

    fn cannot_be_verified(&self, kind: Kind) -> bool {
        self.job.verify && !matches!(kind, Kind::File | Kind::Tape)
    }

    fn takes_no_frames(&self, kind: Kind) -> bool {
        self.job.compress.is_some() && !self.job.is_encrypted() && kind == Kind::Tape
    }

    /// An encrypted volume is whole before its tape ends.
    fn has_no_limit(&self, kind: Kind) -> bool {
        self.job.is_encrypted() && kind.has_records() && self.job.limit == Limit::Unlimited
    }

    fn greet(&mut self) {
        if let (false, Output::Remote(remote)) = (self.connected, &self.job.output) {
            self.console.operator().connected(&remote.host.to_string_lossy());
            self.connected = true;
        }
    }

    fn ask_open(&self, volume: u32) -> Result<Opened, VolumeError> {
        match self.requests.ask(&Request::Open(volume))? {
            (Reply::Opened { kind, most }, Some(fd)) => Ok(Opened { fd, kind, most }),
            (Reply::Failed(errno), _) => Err(Fault::System(errno).into()),
            (Reply::Unfit(why), _) => Err(Fault::Unfit(UnfitOutput { name: self.name(volume), why }).into()),
            (reply, _) => Err(NoReply::Unexpected(reply, "an open").into()),
        }
    }

    /// Closes a medium on which all is safe already.
    pub fn close_safe(&self, medium: Medium) -> Result<(), VolumeError> {
        if let Kind::Remote | Kind::RemoteInStep = medium.kind
            && let Err(error) = remote::close(self.questions, medium.fd.as_fd())
        {
            return Err(error.with(medium));
        }
        if !self.is_stdout() {
            self.console.say(Message::Closing(&medium.name));
        }
        drop(medium);
        self.wait_for_command()
    }

    /// Whether volume `volume` has a separate name, so that no change of medium is needed.
    pub fn has_own_name(&self, volume: u32) -> bool {
        self.job.output.names().is_some_and(|names| names.has_own(volume))
    }

    /// Has the monitor look at a volume that is written, of so many bytes.
    pub fn finish(&self, medium: &Medium, bytes: u64) -> Result<(), VolumeError> {
        if medium.kind != Kind::File {
            return Ok(());
        }
        match self.requests.ask(&Request::Finish(self.volume, bytes))? {
            (Reply::Sound, _) => Ok(()),
            (Reply::Unsound(unsound), _) => Err(Fault::Unsound(medium.name.clone(), unsound).into()),
            (reply, _) => Err(NoReply::Unknown(reply).into()),
        }
    }

    /// Whether an autoloader has to change the medium for the next volume.
    pub fn is_to_be_unloaded(&self) -> bool {
        self.job.autoload.is_some() && !self.has_own_name(self.volume + 1)
    }

    /// Closes a medium that is to be written again.
    pub fn give_up(&self, mut medium: Medium) -> Result<(), Stop> {
        medium.unload = self.is_to_be_unloaded();
        medium.discard();
        self.console.say(Message::Closing(&medium.name));
        drop(medium);
        self.let_command_end()
    }

    /// Waits until the command or the remote shell, whose volume is closed, has ended; how does not count any more.
    fn let_command_end(&self) -> Result<(), Stop> {
        match self.wait_for_command() {
            Err(VolumeError::Stop(stop)) => Err(stop),
            Ok(()) | Err(VolumeError::Failed(_)) => Ok(()),
        }
    }

    /// Waits until the command or the remote shell, whose volume is closed, has ended. Errors: the dump is aborted; the command failed.
    pub fn wait_for_command(&self) -> Result<(), VolumeError> {
        if !self.are_safe_at_close() {
            return Ok(());
        }
        let closed = match self.is_command() {
            true => self.requests.ask(&Request::Close)?,
            false => self.requests.ask_for_tape(&Request::Close)?,
        };
        match closed {
            (Reply::Closed(0), _) => Ok(()),
            // The device's own close was answered for already; what becomes of the connection does not matter.
            (Reply::Closed(_), _) if !self.is_command() => Ok(()),
            (Reply::Closed(status), _) => Err(Fault::Command(status).into()),
            (reply, _) => Err(NoReply::Unexpected(reply, "a close").into()),
        }
    }

    /// Runs the volume script to change the medium; false if there is none, or if it requests the operator.
    fn script_changed(&self, volume: u32) -> Result<bool, Stop> {
        let Some(script) = &self.job.volume_script else { return Ok(false) };
        self.console.say(MediaMessage::Launching(script));
        match self.requests.ask(&Request::Script(volume - 1))? {
            (Reply::Scripted(0), _) => Ok(true),
            (Reply::Scripted(1), _) => Ok(false),
            (Reply::Scripted(status), _) => {
                self.console.say(MediaMessage::AbortedByScript { status });
                Err(Stop::Told)
            }
            (reply, _) => Err(NoReply::Unexpected(reply, "a script").into()),
        }
    }

    /// Waits for an autoloader; false if there is none, or its time is over.
    fn loader_changed(&self, volume: u32) -> Result<bool, Stop> {
        if self.job.autoload.is_none() {
            return Ok(false);
        }
        match self.requests.ask(&Request::Load(volume))? {
            (Reply::Loaded(loaded), _) => Ok(loaded),
            (reply, _) => Err(NoReply::Unexpected(reply, "a load").into()),
        }
    }

    /// Says that the file of the volume before is kept, so that another has to get its name.
    fn ask_for_another_file(&self, volume: u32) {
        if self.kind == Some(Kind::File) {
            let (before, name) = (self.volume, self.name(volume));
            self.console.say(Remark(format_args!(
                "{} holds volume {before}: rename it or mount another medium before volume {volume}",
                name.display()
            )));
        }
    }

    /// Has the medium changed for the one of volume `volume`, if that needs the operator. `quiet` leaves out what has to be mounted.
    pub fn change(&self, volume: u32, quiet: bool) -> Result<(), Stop> {
        if self.has_own_name(volume) {
            return Ok(());
        }
        if !quiet {
            self.console.say(MediaMessage::ChangeVolumes { volume });
            self.questions.broadcast(Attention::ChangeVolumes);
            self.ask_for_another_file(volume);
        }
        if self.script_changed(volume)? || self.loader_changed(volume)? {
            return Ok(());
        }
        while !self.questions.ask(Question::VolumeReady)? {
            if self.questions.ask(Question::Abort)? {
                return Err(Stop::Told);
            }
        }
        Ok(())
    }
}

fn descriptor_kind(kind: Kind, verify: bool) -> DescriptorKind {
    match kind {
        Kind::File if verify => DescriptorKind::OutputFileVerified,
        Kind::File => DescriptorKind::OutputFile,
        Kind::Stream => DescriptorKind::Pipe,
        Kind::Tape => DescriptorKind::TapeDevice,
        Kind::Remote | Kind::RemoteInStep => DescriptorKind::RmtSocket,
    }
}
