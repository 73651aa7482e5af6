// SPDX-License-Identifier: BSD-2-Clause
//! `-W` and `-w`: reads fstab and the record of dumps, makes no dump.

use std::ffi::OsStr;
use std::path::Path;

use super::history;
use crate::dumpdates::last_dumps;
use crate::fstab::{self, Fstab};
use crate::operator::{FilesMessage, Operator};
use crate::os::errno::strerror;
use crate::os::{mounts, time};

/// The listing at the time `now` (seconds since 1970): `-w` with `only_due`, else `-W`. What cannot be read the operator
/// is told, and the listing is without it.
pub fn listing(dumpdates: &Path, only_due: bool, now: i64, operator: &mut Operator) -> String {
    let fstab = read_fstab(operator);
    let dumpdates = history::all(dumpdates, operator);
    last_dumps(&dumpdates, &fstab, now, only_due, time::ctime)
}

fn read_fstab(operator: &mut Operator) -> Fstab {
    let text = std::fs::read(fstab::PATH).unwrap_or_else(|error| {
        let (path, reason) = (OsStr::new(fstab::PATH), &*strerror(&error));
        operator.say(FilesMessage::CannotOpenFstab { path, reason });
        Vec::new()
    });
    let mounts = mounts::ufs_mounts().unwrap_or_default();
    let root = mounts.iter().find(|mount| mount.on == "/");
    Fstab::parse(&text, root.map(|root| root.from.as_os_str()))
}
