// SPDX-License-Identifier: BSD-2-Clause
//! Opens outputs by name; refuses other objects of the job, earlier volumes, and files being written by another program.

use std::ffi::{OsStr, OsString};
use std::fmt;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;

use crate::objects::identity::{Clash, Entry, Relation, Role, Table, overlap};
use crate::os::identity;
use crate::os::identity::Object;
use crate::os::output;
use crate::os::output::Access;

/// Why an output must not be written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unfit {
    /// It lies so to another object of the job, of this name.
    Clash(Relation, Role, OsString),
    /// It holds a volume of this dump.
    Holds {
        /// That volume.
        held: u32,
        /// The volume that it was to be written to.
        volume: u32,
    },
    /// It does not exist, and would be a file among devices.
    NoDevice,
    /// It is mounted, or another has it for itself.
    InUse,
    /// Another program writes to it.
    Locked,
}

/// An output that must not be written, and why: one line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnfitOutput {
    /// Its name.
    pub name: OsString,
    /// Why.
    pub why: Unfit,
}

impl fmt::Display for UnfitOutput {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.name.display();
        match &self.why {
            Unfit::Clash(relation, role, other) => {
                let (written, other) = ((Role::Output, self.name.clone()), (*role, other.clone()));
                Clash { written, other, relation: *relation }.fmt(f)
            }
            Unfit::Holds { held, volume } => write!(
                f,
                "output \"{name}\" holds volume {held} of this dump: volume {volume} requires another output"
            ),
            Unfit::NoDevice => write!(
                f,
                "output \"{name}\" does not exist, and no file is created in a device directory: name another with -f"
            ),
            Unfit::InUse => write!(f, "output \"{name}\" is mounted or otherwise in use"),
            Unfit::Locked => write!(f, "output \"{name}\" is being written by another program"),
        }
    }
}

/// Why an output was not opened.
#[derive(Debug)]
pub enum Unopened {
    /// A system call failed.
    System(io::Error),
    /// It must not be written.
    Unfit(Unfit),
}

impl From<io::Error> for Unopened {
    fn from(error: io::Error) -> Unopened {
        Unopened::System(error)
    }
}

/// The outputs of a job.
pub struct Outputs<'a> {
    table: &'a Table,
    /// What volumes were written to, by their numbers.
    written: Vec<(u32, Object)>,
}

impl<'a> Outputs<'a> {
    /// For a job with the objects of `table`, outputs not among them.
    pub fn new(table: &'a Table) -> Outputs<'a> {
        Outputs { table, written: Vec::new() }
    }

    /// Opens or makes the output of a volume. The same volume may be written again to what it went to before.
    pub fn open(&mut self, volume: u32, name: &OsStr, access: Access) -> Result<OwnedFd, Unopened> {
        let path = Path::new(name);
        // What cannot be examined cannot be opened either, and that says why.
        self.check(volume, name, &identity::of_path(path).unwrap_or_default())?;
        let opened = output::open_output(path, access).map_err(explain)?;
        // The name may be another file's by now. One that was just made is nothing else.
        let object = identity::of_descriptor(opened.fd.as_fd())?;
        if !opened.is_new {
            self.check(volume, name, &object)?;
        }
        output::lock(opened.fd.as_fd()).map_err(explain)?;
        self.written.retain(|(other, _)| *other != volume);
        self.written.push((volume, object));
        Ok(opened.fd)
    }

    fn check(&self, volume: u32, name: &OsStr, object: &Object) -> Result<(), Unopened> {
        let entry = Entry::written(Role::Output, name, object.clone());
        // An output that clashes is what must not be written.
        self.table.check(&entry).map_err(|Clash { other: (role, name), relation, .. }| {
            Unopened::Unfit(Unfit::Clash(relation, role, name))
        })?;
        match self.held(volume, object) {
            Some(held) => Err(Unopened::Unfit(Unfit::Holds { held, volume })),
            None => Ok(()),
        }
    }

    /// The other volume of this dump that is on an object. An empty file contains none; for a disk whose media the
    /// system cannot distinguish, the operator is responsible.
    pub fn held(&self, volume: u32, object: &Object) -> Option<u32> {
        if object.is_changeable() || (object.is_file() && object.size == 0) {
            return None;
        }
        let held = self.written.iter().find(|(other, it)| *other != volume && overlap(it, object));
        held.map(|(volume, _)| *volume)
    }
}

/// Why an output could not be opened, where the errno does not say it.
fn explain(error: io::Error) -> Unopened {
    match error.raw_os_error() {
        None if error.kind() == io::ErrorKind::Unsupported => Unopened::Unfit(Unfit::NoDevice),
        Some(libc::EBUSY) => Unopened::Unfit(Unfit::InUse),
        _ if error.kind() == io::ErrorKind::WouldBlock => Unopened::Unfit(Unfit::Locked),
        _ => Unopened::System(error),
    }
}

/// Whether a file of this name would be made among devices.
pub fn is_missing_device(name: &OsStr) -> bool {
    let (object, place) = (identity::of_path(Path::new(name)), identity::made_at(Path::new(name)));
    object.is_ok_and(|object| object.is_absent()) && place.is_ok_and(|place| output::is_for_devices(&place))
}
