// SPDX-License-Identifier: BSD-2-Clause
//! `-t --json`: the lines of `capdump --list --json`, of the files that are named.

use crate::operator::{About, Entry, about, about_directory};
use crate::restore::session::{Session, is_on_tape};
use crate::restore::tree::{Node, Tree};
use dumpstream::reading::{Finding, Names, Place};
use dumpstream::{Decoded, InodeMap};
use ufs::{Ino, is_whiteout};

/// The mode of a whiteout (`IFWHT`, ufs/ufs/dinode.h), which has no inode of its own.
const IFWHT: u16 = 0o160_000;

impl Session<'_> {
    /// Directories and whiteouts below a place are listed, other names selected.
    pub(super) fn list_json(&mut self, node: Node, tree: &Tree, names: &mut Names, dumped: &InodeMap) {
        let mut found = Vec::new();
        let descend = self.job.descend;
        tree.walk_all(names, node, |node, _| {
            if is_on_tape(node, names, dumped) {
                found.push(node);
            }
            descend
        });
        for node in found {
            let is_whiteout = node.offset.is_some_and(|offset| is_whiteout(node.ino, names.at(offset).0));
            match (node.directory, node.offset) {
                (Some(number), _) => {
                    let about = about_directory(&names.directories()[number]);
                    self.list_name(node.ino, node.offset, Some(about), None, names);
                }
                (None, offset) if is_whiteout => {
                    let about = About { mode: IFWHT, uid: 0, gid: 0, size: 0, mtime: 0, rdev: None };
                    self.list_name(node.ino, offset, Some(about), None, names);
                }
                (None, Some(offset)) => self.extraction.select(node.ino, offset),
                (None, None) => {}
            }
        }
    }

    fn list_name(
        &mut self,
        ino: Ino,
        offset: Option<u32>,
        about: Option<About>,
        place: Option<Place>,
        names: &mut Names,
    ) {
        let path = match offset {
            Some(offset) => names.path(offset).unwrap_or_else(|| names.at(offset).1.to_vec()),
            None => b".".to_vec(),
        };
        self.lines.write(|results| results.entry(&Entry { ino, path: &path, about, place }));
    }

    /// The selected names of an inode.
    pub(super) fn list_file(&mut self, header: &Decoded, place: Place, names: &mut Names) {
        let about = about(&header.header.inode);
        self.list_all(header.header.inumber, Some(about), Some(place), names);
    }

    fn list_all(&mut self, ino: Ino, about: Option<About>, place: Option<Place>, names: &mut Names) {
        let offsets: Vec<u32> = self.extraction.names(ino).iter().map(|name| name.offset).collect();
        if self.extraction.done(ino) {
            offsets.into_iter().for_each(|offset| self.list_name(ino, Some(offset), about, place, names));
        }
    }

    /// Names whose inodes are not on the dump.
    pub(super) fn list_missing(&mut self, finding: &Finding, names: &mut Names) {
        let Some(first) = finding.ino else { return };
        for selected in self.extraction.missing(first, finding.last.unwrap_or(first)) {
            self.list_all(selected.ino, None, None, names);
        }
    }
}
