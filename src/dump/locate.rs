// SPDX-License-Identifier: BSD-2-Clause
//! The file system on the disk: its superblock, possibly in a partition or a copy. If there is none, the format found instead.

use std::fmt;

use crate::disk::Disk;
use crate::dump::console::Console;
use crate::dump::partition;
use crate::dump::partition::Tables;
use crate::dump::prepare::OpenDisk;
use crate::dump::signature;
use crate::dump::source::Source;
use crate::exit;
use crate::exit::Refused;
use crate::job::Job;
use crate::operator::{Refusal, Remark};
use ufs::ByteOffset;
use ufs::{self, COPY_UNIT, FileSystem, Superblock, Warning};

/// Partitions that are named, at most.
const MOST_NAMED: usize = 16;

/// Opens the file system, and reports what is wrong with it. After this the source reads as dump does.
///
/// Errors: none can be dumped; this has been reported.
pub(super) fn open<'a>(
    job: &Job,
    opened: &OpenDisk,
    console: &Console<'_>,
    source: Source<'a>,
) -> Result<(FileSystem<Source<'a>>, Disk<'a>), Refused> {
    let refuse = |refusal: Refusal<'_>| {
        console.operator().refuse(refusal);
        Refused(exit::STARTUP)
    };
    let name = &opened.name;
    if let Some(partition) = &job.partition
        && let Err(absent) = enter(&source, partition)
    {
        return Err(refuse(Refusal::CannotDump { name, reason: &absent.to_string() }));
    }
    let cut = |error| match error {
        // Places past the end of a short image are not unreadable: nothing is there.
        ufs::Error::Read(error) if error.offset.0 >= source.media() => ufs::Error::NotUfs,
        error => error,
    };
    let found = match job.superblock {
        Some(sector) => Superblock::copy_at(&source, ByteOffset(sector.saturating_mul(COPY_UNIT)))
            .map(|superblock| (superblock, Vec::new())),
        None => Superblock::find(&source),
    };
    let (sb, mut warnings) = found.map_err(|error| {
        let error = cut(error);
        let (is_ufs, reason) = explain(&source, &error);
        let reason = reason.as_str();
        refuse(if is_ufs { Refusal::BadSuperblock { reason } } else { Refusal::NoSuperblock { reason } })
    })?;
    let (size, media) = (sb.offset_of(sb.size).0, source.media());
    if opened.provider && size > media {
        return Err(refuse(Refusal::LargerThanProvider { name, size, media }));
    }
    if size > media {
        warnings.push(Warning::Cut { size, media });
    }
    // Before 4.4BSD there was no such flag, and copies are not kept up to date.
    if !sb.clean && sb.new_inodes && !opened.live && job.superblock.is_none() {
        warnings.push(Warning::NotClean);
    }
    warnings.into_iter().for_each(|warning| console.say(Remark(format_args!("WARNING: {warning}"))));
    let disk = source.set_superblock(&sb);
    let mut fs = FileSystem::with_superblock(sb, source);
    fs.settle_directories().map_err(|error| {
        let reason = error.to_string();
        refuse(Refusal::CannotDump { name, reason: &reason })
    })?;
    Ok((fs, disk))
}

/// Why a partition cannot be dumped.
enum Absent {
    /// The disk has no partitions.
    NoTable,
    /// None of this name has a UFS.
    NotUfs(Tables),
}

impl fmt::Display for Absent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Absent::NoTable => f.write_str("the disk has no partitions"),
            Absent::NotUfs(tables) => write!(f, "no UFS in this partition; {}", listed(tables)),
        }
    }
}

/// Restricts the source to a partition.
fn enter(source: &Source<'_>, name: &str) -> Result<(), Absent> {
    let tables = partition::find(source, source.media()).ok_or(Absent::NoTable)?;
    match tables.partitions.iter().find(|partition| partition.name == name) {
        Some(partition) => {
            source.restrict(partition.start, partition.bytes);
            Ok(())
        }
        None => Err(Absent::NotUfs(tables)),
    }
}

/// Says why there is no superblock: what the disk is, where partitions are, or a copy. First, whether it is UFS at all.
fn explain(source: &Source<'_>, error: &ufs::Error) -> (bool, String) {
    let media = source.media();
    let absent = matches!(error, ufs::Error::NotUfs | ufs::Error::Read(_));
    let tables = if absent { partition::find(source, media) } else { None };
    if let Some(tables) = tables.as_ref().filter(|tables| !tables.partitions.is_empty()) {
        return (false, listed(tables));
    }
    if absent && let Some(format) = signature::find(source, media) {
        return (false, format!("{}: {format}", ufs::Error::NotUfs));
    }
    let may_have_copies = absent || matches!(error, ufs::Error::Superblock { .. });
    if may_have_copies && let Some(ByteOffset(at)) = Superblock::find_copy(source, media) {
        let copy = format!("{error}; a copy is at byte {at}: use it with --superblock {}", at / COPY_UNIT);
        return (!matches!(error, ufs::Error::NotUfs), copy);
    }
    match tables {
        Some(tables) => (false, listed(&tables)),
        None => (!matches!(error, ufs::Error::NotUfs), error.to_string()),
    }
}

/// The partitions with UFS, on one line.
fn listed(tables: &Tables) -> String {
    let scheme = tables.scheme;
    let partitions = &tables.partitions;
    let named: Vec<String> = partitions
        .iter()
        .take(MOST_NAMED)
        .map(|partition| format!("{} at byte {}", partition.name, partition.start))
        .collect();
    let more = partitions.len().saturating_sub(MOST_NAMED);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    match partitions.first() {
        None => {
            format!("this is a disk with {scheme}, and none of its partitions contains a UFS file system")
        }
        Some(first) => format!(
            "this is a disk with {scheme}; UFS is in {}{more}: select one with --partition, such as {}",
            named.join(", "),
            first.name
        ),
    }
}
