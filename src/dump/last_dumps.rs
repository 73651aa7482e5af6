// SPDX-License-Identifier: BSD-2-Clause
//! `-W` and `-w`: reads fstab and dumpdates; makes no dump.

use std::path::Path;

use crate::dump::operand;
use crate::dumpdates::last_dumps;
use crate::dumpdates_file;
use crate::operator::Operator;
use crate::os::{mounts, time};

/// The listing at the time `now` (seconds since 1970): `-w` with `only_due`, else `-W`. What cannot be read the operator
/// is reported, and omitted from the listing.
pub fn listing(dumpdates: &Path, only_due: bool, now: i64, operator: &mut Operator) -> String {
    let fstab = operand::read_fstab(&mounts::ufs_mounts().unwrap_or_default(), operator);
    let dumpdates = dumpdates_file::all(dumpdates, operator);
    last_dumps(&dumpdates, &fstab, now, only_due, time::ctime)
}
