// SPDX-License-Identifier: BSD-2-Clause
//! Opens outputs by name; refuses other objects of the job, earlier volumes, and files being written by another program.

use std::ffi::OsStr;
use std::fmt;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;

use crate::objects::identity::{Entry, Role, Table, overlap};
use crate::os::errno::strerror;
use crate::os::identity;
use crate::os::identity::Object;
use crate::os::output;
use crate::os::output::Access;

/// Why an output was not opened.
#[derive(Debug)]
pub enum Unopened {
    /// A system call failed.
    System(io::Error),
    /// It must not be written: one line that names it.
    Refused(String),
}

impl From<io::Error> for Unopened {
    fn from(error: io::Error) -> Unopened {
        Unopened::System(error)
    }
}

impl fmt::Display for Unopened {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Unopened::System(error) => f.write_str(&strerror(error)),
            Unopened::Refused(text) => f.write_str(text),
        }
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
        let opened = output::open_output(path, access).map_err(|error| explain(name, error))?;
        // The name may be another file's by now. One that was just made is nothing else.
        let object = identity::of_descriptor(opened.fd.as_fd())?;
        if !opened.is_new {
            self.check(volume, name, &object)?;
        }
        output::lock(opened.fd.as_fd()).map_err(|error| explain(name, error))?;
        self.written.retain(|(other, _)| *other != volume);
        self.written.push((volume, object));
        Ok(opened.fd)
    }

    fn check(&self, volume: u32, name: &OsStr, object: &Object) -> Result<(), Unopened> {
        let entry = Entry::written(Role::Output, name, object.clone());
        self.table.check(&entry).map_err(|clash| Unopened::Refused(clash.to_string()))?;
        match self.held(volume, object) {
            Some(held) => Err(Unopened::Refused(format!(
                "output \"{}\" holds volume {held} of this dump: volume {volume} requires another output",
                name.display()
            ))),
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
fn explain(name: &OsStr, error: io::Error) -> Unopened {
    let name = name.display();
    match error.raw_os_error() {
        None if error.kind() == io::ErrorKind::Unsupported => Unopened::Refused(no_device(&name)),
        Some(libc::EBUSY) => Unopened::Refused(format!("output \"{name}\" is mounted or otherwise in use")),
        _ if error.kind() == io::ErrorKind::WouldBlock => {
            Unopened::Refused(format!("output \"{name}\" is being written by another program"))
        }
        _ => Unopened::System(error),
    }
}

/// Whether a file of this name would be made among devices: one line that says so.
pub fn missing_device(name: &OsStr) -> Option<String> {
    let object = identity::of_path(Path::new(name)).ok()?;
    let place = identity::made_at(Path::new(name)).ok()?;
    let missing = object.is_absent() && output::is_for_devices(&place);
    missing.then(|| no_device(&name.display()))
}

fn no_device(name: &dyn fmt::Display) -> String {
    format!(
        "output \"{name}\" does not exist, and no file is created in a device directory: name another with -f"
    )
}
