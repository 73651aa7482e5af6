// SPDX-License-Identifier: BSD-2-Clause
//! Names in columns, as the interactive mode of restore(8) lists them. Pure.

/// A name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item {
    /// Its inode.
    pub ino: u32,
    /// It is to be extracted.
    pub marked: bool,
    /// The name, as it is shown.
    pub name: String,
    /// What it is, in one character.
    pub kind: char,
}

/// Characters of a line, and one that is not used.
const WIDTH: usize = 81;

/// The lines; with inode numbers if `numbered`.
pub fn columns(items: &[Item], numbered: bool) -> String {
    let marks = items.iter().any(|item| item.marked);
    let kinds = items.iter().any(|item| item.kind != ' ');
    let digits = items.iter().map(|item| item.ino.to_string().len()).max().unwrap_or(0);
    let shown: Vec<String> = items
        .iter()
        .map(|item| {
            let mut text = if numbered { format!("{:digits$} ", item.ino) } else { String::new() };
            if marks {
                text.push(if item.marked { '*' } else { ' ' });
            }
            text += &item.name;
            if kinds {
                text.push(item.kind);
            }
            text
        })
        .collect();
    let length = |text: &String| text.chars().count();
    let width = shown.iter().map(length).max().unwrap_or(0) + 1;
    let columns = (WIDTH / width).max(1);
    let lines = items.len().div_ceil(columns);
    let mut out = String::new();
    for line in 0..lines {
        let mut row = shown.iter().skip(line).step_by(lines).peekable();
        while let Some(text) = row.next() {
            out += text;
            match row.peek() {
                Some(_) => out.extend(std::iter::repeat_n(' ', width - length(text))),
                None => out.push('\n'),
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn item(name: &str, kind: char) -> Item {
        Item { ino: 7, marked: false, name: name.to_owned(), kind }
    }

    #[test]
    fn as_freebsd_lists() {
        let items =
            [("blk", '#'), ("fifo", '='), ("prog", ' '), ("prog2", ' ')].map(|(name, kind)| item(name, kind));
        assert_eq!(columns(&items, false), "blk#   fifo=  prog   prog2 \n");
        assert_eq!(columns(&[item("prog", ' ')], false), "prog\n");
        assert_eq!(columns(&[], false), "");
        let marked = [Item { marked: true, ..item("a", '/') }, item("b", ' ')];
        assert_eq!(columns(&marked, false), "*a/  b \n");
        assert_eq!(columns(&marked, true), "7 *a/ 7  b \n");
    }

    #[test]
    fn columns_are_filled_from_above() {
        let items: Vec<Item> = (0..30).map(|n| item(&format!("name{n:02}"), ' ')).collect();
        let text = columns(&items, false);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), 3);
        assert!(lines[0].starts_with("name00 name03 "), "{text}");
        assert!(lines.iter().all(|line| line.len() < 81));
    }
}
