// SPDX-License-Identifier: BSD-2-Clause
//! The differences between two dumps, as text and as JSON.

use serde_json::{Value, json};

use crate::operator::results::{About, PERMISSIONS, kind, object, put_text};
use dumpstream::Digest;
use dumpstream::escape::escape_into;

/// What is known of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Known {
    /// What its header says; an index does not have that.
    pub about: Option<About>,
    /// Of its content; a directory has none.
    pub digest: Option<Digest>,
}

/// A difference between two dumps, of one path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Difference {
    /// Only the second has it.
    Added(Known),
    /// Only the first has it.
    Removed(Known),
    /// Both have it.
    Changed(Known, Known),
}

impl Difference {
    fn word(&self) -> &'static str {
        match self {
            Difference::Added(_) => "added",
            Difference::Removed(_) => "removed",
            Difference::Changed(..) => "changed",
        }
    }

    /// What has changed: a word, and the values as text, if it has any.
    fn changes(&self) -> Vec<(&'static str, Option<(String, String)>)> {
        let Difference::Changed(old, new) = self else { return Vec::new() };
        let mut changes = Vec::new();
        if let (Some(old), Some(new)) = (old.about, new.about) {
            let mut compare = |word, old: String, new: String| {
                if old != new {
                    changes.push((word, Some((old, new))));
                }
            };
            let octal = |about: About| format!("{:o}", about.mode & PERMISSIONS);
            compare("kind", kind(old.mode).0.to_owned(), kind(new.mode).0.to_owned());
            compare("mode", octal(old), octal(new));
            compare("owner", format!("{}:{}", old.uid, old.gid), format!("{}:{}", new.uid, new.gid));
            compare("size", old.size.to_string(), new.size.to_string());
            compare("mtime", old.mtime.to_string(), new.mtime.to_string());
            if old.rdev != new.rdev {
                changes.push(("device", None));
            }
        }
        if old.digest.zip(new.digest).is_some_and(|(old, new)| old != new) {
            changes.push(("content", None));
        }
        changes
    }

    /// Appends the line for people.
    pub(super) fn print(&self, path: &[u8], out: &mut Vec<u8>) {
        out.extend_from_slice(format!("{:<7} ", self.word()).as_bytes());
        escape_into(path, out);
        for (at, (word, values)) in self.changes().into_iter().enumerate() {
            let comma = if at == 0 { ":" } else { "," };
            let values = values.map(|(old, new)| format!(" {old} -> {new}")).unwrap_or_default();
            out.extend_from_slice(format!("{comma} {word}{values}").as_bytes());
        }
        out.push(b'\n');
    }

    /// The object of JSON.
    pub(super) fn json(&self, path: &[u8]) -> Value {
        let mut object = object(self.word(), json!({}));
        put_text(&mut object, "path", path);
        match self {
            Difference::Added(known) | Difference::Removed(known) => {
                if let Some(about) = known.about {
                    object["kind"] = kind(about.mode).0.into();
                    object["size"] = about.size.into();
                }
            }
            Difference::Changed(..) => {
                for (word, values) in self.changes() {
                    object[word] = values.map_or(Value::Bool(true), |(old, new)| json!([old, new]));
                }
            }
        }
        object
    }
}
