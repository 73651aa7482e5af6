// SPDX-License-Identifier: BSD-2-Clause
//! The one table of what a job reads and writes: nothing that is written is anything else of the job. Pure; the facts are
//! `os::identity`'s.
//!
//! It is made before anything is opened for writing, from names, and kept by the process that opens outputs, which looks into it
//! again with what it has opened: a name may be another file's by then.

use std::ffi::{OsStr, OsString};
use std::fmt;

use crate::os::identity::{Identity, Object};

/// What an object is to a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// The disk, image or snapshot that is dumped, and the disk below a snapshot.
    Disk,
    /// A volume that is read.
    Input,
    /// A file of inode numbers.
    InodeList,
    /// A volume that is written.
    Output,
    /// The index that is written.
    Index,
    /// The index that is read.
    IndexRead,
    /// The dumpdates file.
    Dumpdates,
    /// Where progress goes.
    Progress,
    /// Standard error.
    Messages,
    /// A file of keys.
    Keys,
    /// The signature of the index.
    Signature,
}

impl Role {
    /// All of them, in the order of their codes.
    pub const ALL: [Role; 11] = [
        Role::Disk,
        Role::Input,
        Role::InodeList,
        Role::Output,
        Role::Index,
        Role::IndexRead,
        Role::Dumpdates,
        Role::Progress,
        Role::Messages,
        Role::Keys,
        Role::Signature,
    ];

    /// As the subject of a message.
    fn noun(self) -> &'static str {
        match self {
            Role::Disk => "disk",
            Role::Input => "volume",
            Role::InodeList => "list of inodes",
            Role::Keys => "file of keys",
            Role::Signature => "signature",
            Role::Output => "output",
            Role::Index | Role::IndexRead => "index",
            Role::Dumpdates => "dumpdates file",
            Role::Progress => "progress descriptor",
            Role::Messages => "standard error",
        }
    }

    /// As what the subject is.
    fn description(self) -> &'static str {
        match self {
            Role::Disk => "the disk that is being dumped",
            Role::Input => "a dump that is read",
            Role::InodeList => "the list of inodes",
            Role::Keys => "a file of keys",
            Role::Signature => "the signature of the index",
            Role::Output => "an output of the dump",
            Role::Index => "the index that is written",
            Role::IndexRead => "the index that is read",
            Role::Dumpdates => "the dumpdates file",
            Role::Progress => "where progress is reported",
            Role::Messages => "where messages go",
        }
    }
}

/// What an object does in a job, under which name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// What it is to the job.
    pub role: Role,
    /// Its name on the command line.
    pub name: OsString,
    /// Whether it is written to.
    pub writes: bool,
    /// What it is.
    pub object: Object,
}

impl Entry {
    /// Something that is read.
    pub fn read(role: Role, name: &OsStr, object: Object) -> Entry {
        Entry { role, name: name.to_owned(), writes: false, object }
    }

    /// Something that is written.
    pub fn written(role: Role, name: &OsStr, object: Object) -> Entry {
        Entry { role, name: name.to_owned(), writes: true, object }
    }
}

/// How two objects lie to each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Relation {
    /// They are one.
    Same,
    /// The first holds the second.
    Holds,
    /// The first is within the second.
    Within,
}

impl Relation {
    /// All of them, in the order of their codes.
    pub const ALL: [Relation; 3] = [Relation::Same, Relation::Holds, Relation::Within];
}

/// Two objects of a job of which one must not be written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Clash {
    /// What is to be written.
    pub written: (Role, OsString),
    /// What it is already.
    pub other: (Role, OsString),
    /// How they lie to each other.
    pub relation: Relation,
}

impl fmt::Display for Clash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ((role, name), (other, its_name)) = (&self.written, &self.other);
        write!(f, "{} \"{}\" ", role.noun(), name.display())?;
        f.write_str(match self.relation {
            Relation::Same => "is ",
            Relation::Holds => "holds ",
            Relation::Within => "is part of ",
        })?;
        f.write_str(match (self.relation, other) {
            (Relation::Same, Role::Output) if *role == Role::Output => "the same file as another output",
            _ => other.description(),
        })?;
        if name != its_name && *other != Role::Messages {
            write!(f, ", \"{}\"", its_name.display())?;
        }
        Ok(())
    }
}

/// The objects of a job.
#[derive(Clone, Debug, Default)]
pub struct Table(Vec<Entry>);

impl Table {
    /// Adds an object.
    ///
    /// Errors: it is another object of the job, and one of them is written.
    pub fn add(&mut self, entry: Entry) -> Result<(), Clash> {
        self.check(&entry)?;
        self.0.push(entry);
        Ok(())
    }

    /// Whether an object can be added.
    ///
    /// Errors: it is another object of the job, and one of them is written.
    pub fn check(&self, entry: &Entry) -> Result<(), Clash> {
        self.0.iter().try_for_each(|other| compare(entry, other).map_or(Ok(()), Err))
    }

    /// The same without the objects of a role.
    pub fn without(mut self, role: Role) -> Table {
        self.0.retain(|entry| entry.role != role);
        self
    }
}

/// The clash of two objects, if there is one.
fn compare(entry: &Entry, other: &Entry) -> Option<Clash> {
    let (written, read) = match (entry.writes, other.writes) {
        (true, _) => (entry, other),
        (false, true) => (other, entry),
        (false, false) => return None,
    };
    let roles = [written.role, read.role];
    let harmless = written.role == read.role && written.role != Role::Output;
    if harmless || roles.iter().all(|role| matches!(role, Role::Progress | Role::Messages)) {
        return None;
    }
    let relation = relation(&written.object, &read.object)?;
    let side = |entry: &Entry| (entry.role, entry.name.clone());
    Some(Clash { written: side(written), other: side(read), relation })
}

/// How two objects lie to each other; none if no byte of one is the other's.
fn relation(one: &Object, other: &Object) -> Option<Relation> {
    let meet = |one: &[Identity], other: &[Identity]| one.iter().any(|a| other.iter().any(|b| a.is(b)));
    if meet(&one.same, &other.same) {
        Some(Relation::Same)
    } else if meet(&one.same, &other.within) {
        Some(Relation::Holds)
    } else if meet(&one.within, &other.same) {
        Some(Relation::Within)
    } else {
        None
    }
}

/// Whether both are one object, or one is part of the other.
pub fn overlap(one: &Object, other: &Object) -> bool {
    relation(one, other).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(inode: u64) -> Identity {
        Identity::File { device: 1, inode, born: Some(9) }
    }

    fn disk(number: u64) -> Identity {
        Identity::Disk { number, medium: None }
    }

    fn object(same: &[Identity], within: &[Identity]) -> Object {
        Object { same: same.to_vec(), within: within.to_vec(), size: 0 }
    }

    fn said(disk: Object, output: Object) -> Option<String> {
        let mut table = Table::default();
        table.add(Entry::read(Role::Disk, OsStr::new("x.img"), disk)).expect("the first");
        let clash = table.check(&Entry::written(Role::Output, OsStr::new("out"), output)).err()?;
        Some(clash.to_string())
    }

    #[test]
    fn the_output_is_not_the_disk() {
        let image = || object(&[file(7)], &[]);
        let text = "output \"out\" is the disk that is being dumped, \"x.img\"".to_owned();
        assert_eq!(said(image(), image()), Some(text.clone()));
        // a loop device, and another one
        let one = object(&[disk(70), file(7)], &[]);
        let two = object(&[disk(71), file(7)], &[]);
        for (a, b) in [(image(), one.clone()), (one.clone(), image()), (one, two)] {
            assert_eq!(said(a, b), Some(text.clone()));
        }
        assert_eq!(said(image(), object(&[file(8)], &[])), None);
        assert_eq!(said(image(), Object::default()), None);
        assert_eq!(said(Object::default(), Object::default()), None, "pipes");
    }

    #[test]
    fn a_partition_is_part_of_its_disk_and_not_of_its_neighbour() {
        let whole = || object(&[disk(8)], &[]);
        let part = |number| object(&[disk(number)], &[disk(8)]);
        let holds = "output \"out\" holds the disk that is being dumped, \"x.img\"";
        assert_eq!(said(part(81), whole()).as_deref(), Some(holds));
        let within = "output \"out\" is part of the disk that is being dumped, \"x.img\"";
        assert_eq!(said(whole(), part(81)).as_deref(), Some(within));
        assert_eq!(said(part(81), part(82)), None);
        assert!(said(part(81), part(81)).is_some());
    }

    #[test]
    fn what_is_only_read_may_be_the_same() {
        let mut table = Table::default();
        for _ in 0..2 {
            table
                .add(Entry::read(Role::Input, OsStr::new("a"), object(&[file(1)], &[])))
                .expect("read twice");
        }
        let written = |role, name| Entry::written(role, OsStr::new(name), object(&[file(1)], &[]));
        let clash = table.check(&written(Role::Output, "a")).expect_err("the same");
        assert_eq!(clash.to_string(), "output \"a\" is a dump that is read");
        // What is written comes first in the message, whatever was there first.
        let mut table = Table::default();
        table.add(written(Role::Output, "a")).expect("the first");
        let read = Entry::read(Role::IndexRead, OsStr::new("b"), object(&[file(1)], &[]));
        let clash = table.check(&read).expect_err("the same");
        assert_eq!(clash.to_string(), "output \"a\" is the index that is read, \"b\"");
        let clash = table.check(&written(Role::Output, "b")).expect_err("two volumes");
        assert_eq!(clash.to_string(), "output \"b\" is the same file as another output, \"a\"");
        let clash = table.check(&written(Role::Dumpdates, "d")).expect_err("dumpdates");
        assert_eq!(clash.to_string(), "dumpdates file \"d\" is an output of the dump, \"a\"");
        assert!(table.without(Role::Output).check(&read).is_ok());
    }
}
