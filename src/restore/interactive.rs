// SPDX-License-Identifier: BSD-2-Clause
//! `-i`: commands that list, mark and extract.

use std::collections::HashSet;

use crate::exit;
use crate::operator::{Restoring, Shown};
use crate::restore::columns::{Item, columns};
use crate::restore::extraction::Extraction;
use crate::restore::outside::{Reply, Request};
use crate::restore::pattern::{is_pattern, matches};
use crate::restore::session::{Session, is_on_tape};
use crate::restore::tree::{Node, Tree, canonical};
use dumpstream::InodeMap;
use dumpstream::reading::Names;
use dumpstream::reading::plan::parts;
use ufs::Ino;

/// What commands have led to so far.
#[derive(Debug)]
pub struct Commands {
    /// The directory, as a path; the root has none.
    directory: Vec<Vec<u8>>,
    /// The names that are to be extracted, by their offsets; the root is [`ROOT`].
    marked: HashSet<u32>,
    /// `TS_BITS`.
    dumped: InodeMap,
}

/// The mark of the root, which has no name.
const ROOT: u32 = u32::MAX;

/// The text of `help` (sbin/restore/interactive.c).
const HELP: &str = "\
Available commands are:
\tls [arg] - list directory
\tcd arg - change directory
\tpwd - print current directory
\tadd [arg] - add `arg' to list of files to be extracted
\tdelete [arg] - delete `arg' from list of files to be extracted
\textract - extract requested files
\tsetmodes - set modes of requested directories
\tquit - immediately exit program
\twhat - list dump header information
\tverbose - toggle verbose flag (useful with ``ls'')
\thelp or `?' - print this list
If no `arg' is supplied, the current directory is used
";

/// The commands that can be cut short, by their first letter.
const COMMANDS: [&str; 12] =
    ["add", "cd", "delete", "extract", "help", "ls", "pwd", "quit", "setmodes", "verbose", "what", "xit"];

/// Where a word leads to.
struct Place {
    path: Vec<Vec<u8>>,
    node: Option<Node>,
}

impl Place {
    fn shown(&self) -> Vec<u8> {
        canonical(&self.path.join(&b'/'))
    }
}

impl Commands {
    /// At the root, with nothing marked.
    pub fn new(dumped: &InodeMap) -> Commands {
        Commands { directory: Vec::new(), marked: HashSet::new(), dumped: dumped.clone() }
    }

    /// The places that a word means, from the current directory; a pattern is what it matches. What is nowhere is one place without a node.
    fn places(&self, tree: &Tree, names: &Names, word: &[u8]) -> Vec<Place> {
        let mut path = if word.starts_with(b"/") { Vec::new() } else { self.directory.clone() };
        for part in parts(word) {
            match part {
                b".." => _ = path.pop(),
                part => path.push(part.to_vec()),
            }
        }
        let Some(at) = path.iter().position(|part| is_pattern(part)) else {
            let node = tree.find(names, &path.join(&b'/'));
            return vec![Place { path, node }];
        };
        let mut found = vec![path[..at].to_vec()];
        for part in &path[at..] {
            let mut next = Vec::new();
            for above in found {
                let number = tree.find(names, &above.join(&b'/')).and_then(|node| node.directory);
                for entry in number.map_or(&[][..], |number| tree.entries(number)) {
                    let name = names.at(entry.offset).1;
                    let is_hidden = name.starts_with(b".") && !part.starts_with(b".");
                    if !is_hidden && matches(part, name) {
                        next.push([above.as_slice(), &[name.to_vec()]].concat());
                    }
                }
            }
            next.sort();
            found = next;
        }
        if found.is_empty() {
            return vec![Place { path, node: None }];
        }
        found.into_iter().map(|path| Place { node: tree.find(names, &path.join(&b'/')), path }).collect()
    }
}

impl Session<'_> {
    /// Takes commands, until files are to be extracted or all is over.
    pub(super) fn interact(&mut self, names: &mut Names) {
        let Some(mut commands) = self.commands.take() else { return };
        let mut extraction = std::mem::take(&mut self.extraction);
        let extracts = self.take_commands(&mut commands, &mut extraction, names);
        if extracts {
            self.mark(&mut commands, &mut extraction, names);
        } else if self.over.is_none() {
            self.over = Some(if self.failed { exit::STARTUP } else { exit::DONE });
        }
        self.extraction = extraction;
        self.commands = Some(commands);
        if extracts {
            self.make_directories(names);
            self.report(format_args!("Extract requested files"));
            self.choose_volume();
        }
    }

    /// Whether files are to be extracted; otherwise it is over.
    fn take_commands(
        &mut self,
        commands: &mut Commands,
        extraction: &mut Extraction,
        names: &mut Names,
    ) -> bool {
        loop {
            self.lines.flush();
            let Reply::Line(line) = self.outside.ask(Request::Command).0 else { return false };
            let words: Vec<&[u8]> =
                line.split(|byte| byte.is_ascii_whitespace()).filter(|word| !word.is_empty()).collect();
            let Some((name, arguments)) = words.split_first() else { continue };
            let known = COMMANDS.into_iter().find(|command| command.as_bytes().starts_with(name));
            let arguments: &[&[u8]] = if arguments.is_empty() { &[b"."] } else { arguments };
            let command = if *name == b"?" { Some("help") } else { known };
            match command {
                Some("quit" | "xit") => return false,
                Some("extract") => return true,
                Some("help") => self.operator.print(HELP),
                Some("pwd") => {
                    let path = commands.directory.join(&b'/');
                    self.say(&Restoring::Note(format_args!("/{}", Shown(&path))));
                }
                Some("what") => self.say_dump(),
                Some("setmodes") => self.set_modes(commands, extraction, names),
                Some("verbose") => {
                    self.verbose = !self.verbose;
                    let state = if self.verbose { "on" } else { "off" };
                    self.say(&Restoring::Note(format_args!("verbose mode {state}")));
                }
                Some(command) => {
                    for word in arguments {
                        for place in commands.places(&extraction.tree, names, word) {
                            self.obey(command, &place, commands, &extraction.tree, names);
                        }
                    }
                }
                None => {
                    let name = Shown(name);
                    self.say(&Restoring::Note(format_args!("{name}: unknown command; type ? for help")));
                }
            }
        }
    }

    /// Selects what is marked, and makes the directories.
    fn mark(&mut self, commands: &mut Commands, extraction: &mut Extraction, names: &mut Names) {
        extraction.clear();
        if let Some(root) = extraction.tree.root() {
            if let Some(number) = root.directory {
                extraction.number(number, true);
            }
            let mut all = Vec::new();
            extraction.tree.walk_all(names, root, |node, _| {
                all.push(node);
                true
            });
            for node in all.into_iter().filter(|node| commands.marked.contains(&node.offset.unwrap_or(ROOT)))
            {
                self.want(node, extraction, names);
            }
        }
        extraction.settle();
        commands.marked.clear();
    }

    /// `setmodes`: gives the marked directories their attributes, whether they have been extracted or not.
    fn set_modes(&mut self, commands: &Commands, extraction: &mut Extraction, names: &mut Names) {
        for number in 0..extraction.directories.len() {
            let ino = names.directories()[number].ino;
            let offset = if ino == Ino::ROOT { Some(ROOT) } else { names.entries(ino).next() };
            if offset.is_some_and(|offset| commands.marked.contains(&offset)) {
                self.finish_directory(number, extraction, names);
            }
        }
    }

    /// A command about a place.
    fn obey(&mut self, command: &str, place: &Place, commands: &mut Commands, tree: &Tree, names: &Names) {
        let path = place.shown();
        let node = place.node.filter(|node| is_on_tape(*node, names, &commands.dumped));
        let Some(node) = node else {
            self.say(&Restoring::Note(format_args!("{command} {}: no such file or directory", Shown(&path))));
            return self.say(&Restoring::NotOnTape(&path));
        };
        match command {
            "ls" => self.list_columns(&path, node, commands, tree, names),
            "cd" if node.directory.is_some() => commands.directory.clone_from(&place.path),
            "cd" => self.say(&Restoring::Note(format_args!("{}: not a directory", Shown(&path)))),
            "delete" if !commands.marked.contains(&node.offset.unwrap_or(ROOT)) => {
                self.say(&Restoring::Note(format_args!("{}: not on extraction list", Shown(&path))));
            }
            _ => {
                let adds = command == "add";
                if adds {
                    commands.marked.insert(ROOT);
                    for node in tree.way(names, &path) {
                        commands.marked.extend(node.offset);
                    }
                }
                let mut all = Vec::new();
                tree.walk_all(names, node, |node, _| {
                    all.push(node);
                    self.job.descend
                });
                for node in all.into_iter().filter(|node| is_on_tape(*node, names, &commands.dumped)) {
                    let offset = node.offset.unwrap_or(ROOT);
                    if adds {
                        commands.marked.insert(offset)
                    } else {
                        commands.marked.remove(&offset)
                    };
                }
            }
        }
    }

    /// `ls`.
    fn list_columns(&mut self, path: &[u8], node: Node, commands: &Commands, tree: &Tree, names: &Names) {
        let item = |name: &[u8], node: Node, kind: u8| Item {
            ino: node.ino.0,
            marked: commands.marked.contains(&node.offset.unwrap_or(ROOT)),
            name: Shown(name).to_string(),
            kind: suffix(node, kind),
        };
        let mut items = Vec::new();
        if let Some(number) = node.directory {
            if self.verbose {
                let above = names.above(number).map_or(Ino::ROOT, |above| names.directories()[above].ino);
                for (name, ino) in [(&b"."[..], node.ino), (b"..", above)] {
                    items.push(item(name, Node { ino, offset: None, directory: Some(number) }, 4));
                }
                items.iter_mut().for_each(|item| item.marked = false);
            }
            for entry in tree.entries(number) {
                let (kind, name) = names.at(entry.offset);
                let node = tree.node(names, *entry);
                if is_on_tape(node, names, &commands.dumped) {
                    items.push(item(name, node, kind));
                }
            }
            items.sort_by(|a, b| a.name.as_bytes().cmp(b.name.as_bytes()));
            let text = columns(&items, self.verbose);
            self.operator.print(&format!("{}:\n{text}\n", Shown(path)));
        } else {
            let (kind, name) = node.offset.map_or((0, &[][..]), |offset| names.at(offset));
            // A single name has no room for what it has not.
            let text = columns(&[item(name, node, kind)], self.verbose);
            self.operator.print(&text);
        }
    }
}

/// What follows a name and says what it is.
fn suffix(node: Node, kind: u8) -> char {
    match kind {
        _ if node.directory.is_some() => '/',
        // DT_FIFO, DT_SOCK; DT_LNK; DT_CHR, DT_BLK; DT_WHT (sys/dirent.h).
        1 | 12 => '=',
        10 => '@',
        2 | 6 => '#',
        14 => '%',
        _ => ' ',
    }
}
