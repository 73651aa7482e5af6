// SPDX-License-Identifier: BSD-2-Clause
//! What the levels of a chain come to when they are restored, as text and as JSON.

use std::fmt;

use serde_json::{Value, json};

use crate::operator::Line;
use crate::operator::results::{object, put_text};

/// What a level does to the tree.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Names of files that are removed.
    pub removed: u64,
    /// Directories that are removed.
    pub removed_directories: u64,
    /// Files and directories that get another name.
    pub renamed: u64,
    /// Directories that are made.
    pub directories: u64,
    /// Further names of files that are made.
    pub links: u64,
    /// Files that are extracted, directories not among them.
    pub files: u64,
    /// Bytes of the regular files among them.
    pub bytes: u64,
}

/// What happens to one name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change<'a> {
    /// The name of a file is removed.
    Remove,
    /// A directory is removed.
    RemoveDirectory,
    /// It gets its name in place of this one.
    Rename(&'a [u8]),
    /// A directory is made.
    MakeDirectory,
    /// A file gets a further name.
    Link,
    /// A file is extracted.
    Extract,
}

impl Change<'_> {
    /// The object of JSON.
    pub(super) fn json(&self, path: &[u8]) -> Value {
        let what = match self {
            Change::Remove => "remove",
            Change::RemoveDirectory => "remove-directory",
            Change::Rename(_) => "rename",
            Change::MakeDirectory => "make-directory",
            Change::Link => "link",
            Change::Extract => "extract",
        };
        let mut object = object("change", json!({ "what": what }));
        put_text(&mut object, "path", path);
        if let Change::Rename(from) = self {
            put_text(&mut object, "from", from);
        }
        object
    }
}

/// What becomes of a level.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Taken {
    /// It does this.
    Restored(Counts),
    /// It cannot be restored, for this reason.
    Refused(String),
}

/// The last line of a level.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LevelLine {
    /// `c_level`; none if there is no header.
    pub level: Option<i32>,
    /// What it does, or why it cannot be restored.
    pub taken: Taken,
    /// Nothing is wrong with it.
    pub is_good: bool,
}

impl LevelLine {
    /// The object of JSON.
    pub(super) fn json(&self) -> Value {
        let mut object = object("level", json!({ "good": self.is_good }));
        if let Some(level) = self.level {
            object["level"] = level.into();
        }
        match &self.taken {
            Taken::Restored(counts) => {
                let Counts { removed, removed_directories, renamed, directories, links, files, bytes } =
                    *counts;
                object["removed"] = removed.into();
                object["removed_directories"] = removed_directories.into();
                object["renamed"] = renamed.into();
                object["directories"] = directories.into();
                object["links"] = links.into();
                object["files"] = files.into();
                object["bytes"] = bytes.into();
            }
            Taken::Refused(reason) => object["refused"] = reason.as_str().into(),
        }
        object
    }
}

impl fmt::Display for LevelLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.level {
            Some(level) => write!(f, "level {level}: ")?,
            None => f.write_str("no level: ")?,
        }
        match &self.taken {
            Taken::Restored(Counts {
                removed,
                removed_directories,
                renamed,
                directories,
                links,
                files,
                bytes,
            }) => write!(
                f,
                "{removed} names and {removed_directories} directories removed, {renamed} renamed, \
                 {directories} directories and {links} links made, {files} files ({bytes} bytes) extracted"
            ),
            Taken::Refused(reason) => write!(f, "it cannot be restored: {reason}"),
        }
    }
}

impl Line for LevelLine {}

/// The last line of a chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChainLine {
    /// How many dumps there are.
    pub dumps: usize,
    /// How many of them are damaged or cannot be restored.
    pub bad: usize,
}

impl ChainLine {
    /// The object of JSON.
    pub(super) fn json(self) -> Value {
        object("chain", json!({ "good": self.bad == 0, "dumps": self.dumps, "bad": self.bad }))
    }
}

impl fmt::Display for ChainLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ChainLine { dumps, bad } = *self;
        match bad {
            0 => write!(f, "{dumps} dumps can be restored one after the other"),
            bad => write!(f, "{bad} of {dumps} dumps are damaged or cannot be restored one after the other"),
        }
    }
}

impl Line for ChainLine {}
