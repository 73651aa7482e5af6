// SPDX-License-Identifier: BSD-2-Clause
//! `-i`: commands that list, mark and extract.

use std::collections::HashSet;

use crate::exit;
use crate::operator::{Restoring, Shown};
use crate::restore::columns::{Item, columns};
use crate::restore::extraction::Extraction;
use crate::restore::outside::{Question, encode_candidates};
use crate::restore::pattern::{is_pattern, matches};
use crate::restore::session::{Session, is_on_tape};
use crate::restore::tree::{Node, Tree, canonical};
use dumpstream::InodeMap;
use dumpstream::reading::Names;
use dumpstream::reading::plan::parts;
use ufs::{Ino, is_whiteout};

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
pub const COMMANDS: [&str; 12] =
    ["add", "cd", "delete", "extract", "help", "ls", "pwd", "quit", "setmodes", "verbose", "what", "xit"];

/// Whether a name can be typed as it is, and does nothing to a terminal.
pub fn is_plain(name: &str) -> bool {
    !name.is_empty()
        && !name.chars().any(|c| c.is_control() || c.is_whitespace() || is_invisible(c))
        && !is_pattern(name.as_bytes())
}

/// Characters that are not seen, and change how others are shown.
fn is_invisible(c: char) -> bool {
    matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

/// What comes after a command.
enum Next {
    /// Another one.
    Command,
    /// Files are extracted.
    Extract,
    /// Nothing.
    End,
}

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
    /// At the root, which is marked, with nothing else that is.
    pub fn new(dumped: &InodeMap) -> Commands {
        Commands { directory: Vec::new(), marked: HashSet::from([ROOT]), dumped: dumped.clone() }
    }

    /// A frame of the names that begin with a word, for the line editor.
    fn candidates(&self, tree: &Tree, names: &Names, word: &[u8]) -> Vec<u8> {
        let (above, prefix) =
            word.split_at(word.iter().rposition(|&byte| byte == b'/').map_or(0, |at| at + 1));
        let number = tree.find(names, &self.path(above).join(&b'/')).and_then(|node| node.directory);
        let mut found: Vec<Vec<u8>> = Vec::new();
        for entry in number.map_or(&[][..], |number| tree.entries(number)) {
            let name = names.at(entry.offset).1;
            let is_hidden = name.starts_with(b".") && prefix.is_empty();
            if !name.starts_with(prefix) || is_hidden || !std::str::from_utf8(name).is_ok_and(is_plain) {
                continue;
            }
            let node = tree.node(names, *entry);
            if is_on_tape(node, names, &self.dumped) {
                let end: &[u8] = if node.directory.is_some() { b"/" } else { b"" };
                found.push([above, name, end].concat());
            }
        }
        found.sort();
        encode_candidates(found.into_iter())
    }

    /// A word as a path of names, from the current directory.
    fn path(&self, word: &[u8]) -> Vec<Vec<u8>> {
        let from = if word.starts_with(b"/") { Vec::new() } else { self.directory.join(&b'/') };
        let path = canonical(&[&from, &b"/"[..], word].concat());
        parts(&path).into_iter().map(<[u8]>::to_vec).collect()
    }

    /// The places that a word means; a pattern is what it matches. None: there is no such place.
    fn places(
        &self,
        tree: &Tree,
        names: &Names,
        path: &[Vec<u8>],
        shows: impl Fn(Node) -> bool,
    ) -> Vec<Place> {
        let mut found: Vec<Place> =
            tree.root().map(|node| Place { path: Vec::new(), node: Some(node) }).into_iter().collect();
        for part in path {
            let mut next = Vec::new();
            for above in found {
                let number = above.node.and_then(|node| node.directory);
                for entry in number.map_or(&[][..], |number| tree.entries(number)) {
                    let name = names.at(entry.offset).1;
                    let is_hidden = name.starts_with(b".") && !part.starts_with(b".");
                    let is_meant =
                        if is_pattern(part) { !is_hidden && matches(part, name) } else { part == name };
                    let node = tree.node(names, *entry);
                    if is_meant && shows(node) {
                        let path = [above.path.as_slice(), &[name.to_vec()]].concat();
                        next.push(Place { path, node: Some(node) });
                    }
                }
            }
            next.sort_by(|one, other| one.path.cmp(&other.path));
            found = next;
        }
        found
    }
}

/// The next word of a line, and what is behind it: quotes and backslashes are as restore has them. `complain` gets what is wrong with them.
fn next_word(line: &[u8], mut complain: impl FnMut(&str)) -> (Vec<u8>, &[u8]) {
    let mut rest = line.trim_ascii_start();
    let mut word = Vec::new();
    while let Some((&byte, behind)) = rest.split_first().filter(|(byte, _)| !b" \t".contains(byte)) {
        rest = behind;
        match byte {
            b'\\' => match rest.split_first() {
                Some((&byte, behind)) => {
                    word.push(byte);
                    rest = behind;
                }
                None => complain("command lines cannot be continued"),
            },
            b'\'' | b'"' => {
                let end = rest.iter().position(|other| *other == byte);
                word.extend_from_slice(&rest[..end.unwrap_or(rest.len())]);
                rest = end.map_or(&[], |end| &rest[end + 1..]);
                if end.is_none() {
                    complain(&format!("missing {}", char::from(byte)));
                }
            }
            byte => word.push(byte),
        }
    }
    (word, rest)
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
            self.before_question();
            let complete = |word: &[u8]| commands.candidates(&extraction.tree, names, word);
            let Some(line) = self.outside.command(complete) else { return false };
            if line.is_empty() {
                continue;
            }
            let complain = |text: &str| self.operator.print(&format!("{text}\n"));
            let (name, mut rest) = next_word(line.trim_ascii_end(), complain);
            loop {
                let word = match rest.is_empty() {
                    true => None,
                    false => {
                        let complain = |text: &str| self.operator.print(&format!("{text}\n"));
                        let (word, behind) = next_word(rest, complain);
                        rest = behind;
                        Some(word)
                    }
                };
                let places = self.meant(&name, word.as_deref(), commands, &extraction.tree, names);
                for place in places {
                    match self.obey(&name, &place, commands, extraction, names) {
                        Next::Command => {}
                        Next::Extract => return true,
                        Next::End => return false,
                    }
                }
                if rest.is_empty() {
                    break;
                }
            }
        }
    }

    /// The places that an argument means, or the current directory. What is nowhere is reported, and is a place all the same: a command
    /// without a use for its arguments is carried out for each.
    fn meant(
        &mut self,
        command: &[u8],
        word: Option<&[u8]>,
        commands: &Commands,
        tree: &Tree,
        names: &Names,
    ) -> Vec<Place> {
        let Some(word) = word else {
            let path = commands.directory.clone();
            return vec![Place { node: tree.find(names, &path.join(&b'/')), path }];
        };
        let path = commands.path(word);
        let shows = |node: Node| self.shows(node, commands, names);
        let places = commands.places(tree, names, &path, shows);
        if !places.is_empty() {
            return places;
        }
        let place = Place { path, node: None };
        self.say(&Restoring::Note(format_args!(
            "{} {}: no such file or directory",
            Shown(command),
            Shown(&place.shown())
        )));
        vec![place]
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
        // The root has no mark to lose.
        commands.marked.retain(|offset| *offset == ROOT);
    }

    /// `setmodes`: gives all directories that have been made their attributes once more, and the current one if the operator says so.
    fn set_modes(&mut self, extraction: &mut Extraction, names: &mut Names) {
        self.report(format_args!("Set directory mode, owner, and times."));
        if let Some(root) = extraction.tree.root().and_then(|root| root.directory) {
            extraction.number(root, true);
        }
        for number in 0..extraction.directories.len() {
            let is_root = names.directories()[number].ino == Ino::ROOT;
            if is_root {
                self.before_question();
            }
            if extraction.directories[number].id.is_some()
                && (!is_root || self.outside.is_yes(Question::SetMode))
            {
                self.finish_directory(number, extraction, names);
            }
        }
    }

    /// A command about a place.
    fn obey(
        &mut self,
        name: &[u8],
        place: &Place,
        commands: &mut Commands,
        extraction: &mut Extraction,
        names: &mut Names,
    ) -> Next {
        let known =
            COMMANDS.into_iter().find(|command| !name.is_empty() && command.as_bytes().starts_with(name));
        match if name.starts_with(b"?") { Some("help") } else { known } {
            Some("quit" | "xit") => return Next::End,
            Some("extract") => return Next::Extract,
            Some("help") => self.operator.print(HELP),
            Some("pwd") => {
                let path = commands.directory.join(&b'/');
                self.say(&Restoring::Note(format_args!("/{}", Shown(&path))));
            }
            Some("what") => self.say_dump(),
            Some("setmodes") => self.set_modes(extraction, names),
            Some("verbose") => {
                self.verbose = !self.verbose;
                let state = if self.verbose { "on" } else { "off" };
                self.say(&Restoring::Note(format_args!("verbose mode {state}")));
            }
            Some(command) => self.look(command, place, commands, &extraction.tree, names),
            None => {
                let name = Shown(name);
                self.say(&Restoring::Note(format_args!("{name}: unknown command; type ? for help")));
            }
        }
        Next::Command
    }

    /// Whether a name is on the tape; a whiteout is only shown with `-v`.
    fn shows(&self, node: Node, commands: &Commands, names: &Names) -> bool {
        let is_hidden = |offset: u32| !self.verbose && is_whiteout(node.ino, names.at(offset).0);
        is_on_tape(node, names, &commands.dumped) && !node.offset.is_some_and(is_hidden)
    }

    /// A command that needs a place.
    fn look(&mut self, command: &str, place: &Place, commands: &mut Commands, tree: &Tree, names: &Names) {
        let path = place.shown();
        match (command, place.node.filter(|node| is_on_tape(*node, names, &commands.dumped))) {
            ("ls", Some(node)) => self.list_columns(&path, node, commands, tree, names),
            ("ls", None) => {}
            ("delete", Some(node)) if commands.marked.contains(&node.offset.unwrap_or(ROOT)) => {
                self.change(false, node, commands, tree, names);
            }
            ("delete", _) => {
                self.say(&Restoring::Note(format_args!("{}: not on extraction list", Shown(&path))));
            }
            (_, None) => self.say(&Restoring::NotOnTape(&path)),
            ("cd", Some(node)) if node.directory.is_some() => commands.directory.clone_from(&place.path),
            ("cd", _) => self.say(&Restoring::Note(format_args!("{}: not a directory", Shown(&path)))),
            (_, Some(node)) => {
                commands.marked.insert(ROOT);
                for node in tree.way(names, &path) {
                    commands.marked.extend(node.offset);
                }
                self.change(true, node, commands, tree, names);
            }
        }
    }

    /// Marks what is at a place and below it, or takes the marks away.
    fn change(&self, adds: bool, node: Node, commands: &mut Commands, tree: &Tree, names: &Names) {
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
                if self.shows(node, commands, names) {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_quoted_as_in_restore() {
        for (line, word, rest, said) in [
            ("\tls  a b", "ls", "  a b", ""),
            ("'a b'c\"d\" e", "a bcd", " e", ""),
            ("a\\ b\\\\", "a b\\", "", ""),
            ("'a b", "a b", "", "missing '"),
            ("a\\", "a", "", "command lines cannot be continued"),
            ("   ", "", "", ""),
        ] {
            let mut complaints = String::new();
            let found = next_word(line.as_bytes(), |text| complaints += text);
            assert_eq!((found.0.as_slice(), found.1), (word.as_bytes(), rest.as_bytes()), "{line}");
            assert_eq!(complaints, said);
        }
    }

    #[test]
    fn names_that_can_be_typed() {
        for name in ["a", "a/b.c", "naïve", "日本"] {
            assert!(is_plain(name), "{name}");
        }
        for name in ["", "a b", "a\x1b[2J", "a\n", "a*", "a\\", "\u{202e}gnp.exe", "\u{85}"] {
            assert!(!is_plain(name), "{name:?}");
        }
    }
}
