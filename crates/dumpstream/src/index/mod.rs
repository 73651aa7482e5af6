// SPDX-License-Identifier: BSD-2-Clause
//! The index of a dump: one line for each name, with the position of its header; collected, sorted, printed and parsed. Pure.
//!
//! It is text of lines that end in a newline, and of fields separated by tabs. Texts are escaped ([`crate::escape`]); a reader takes any
//! byte but tab and newline as it is as well. The first line is a header of fields `name=value`:
//!
//! ```text
//! capdump-index<TAB>version=1<TAB>date=1700000000<TAB>level=0<TAB>label=none<TAB>filesystem=/usr<TAB>base=0<TAB>files=1:5120
//! ```
//!
//! `date` is `c_date` in seconds since 1970, `filesystem` is `c_filesys`; `files` is the volume of the first file that is not a directory
//! and the offset, as below, of its header; it is absent if there is none. `base` is `c_ddate`. For each volume there is a field
//! `volume=1:20480:blake3=` with its number, its length in bytes, and the BLAKE3 of these bytes as they were written. Readers ignore names that they do not know, and refuse
//! a `version` that is not 1. The lines after it, sorted by the bytes of the path as it is printed, are
//!
//! ```text
//! ./etc/rc.conf<TAB>4711<TAB>1<TAB>73728<TAB>-<TAB>3
//! ```
//!
//! 1. the path, which begins with `./`; the root is `.`; each further name of a file has a line of its own;
//! 2. the inode;
//! 3. the number of the volume that has its header (`c_volume`, from 1);
//! 4. the offset of that `TS_INODE` header in the volume's uncompressed stream, in bytes: a multiple of 1024;
//! 5. the offset of the zstd frame that the header begins in, in bytes of the volume's file, or `-` if the volume is not
//!    compressed;
//! 6. the tape blocks from its header to its end, its further headers counted, and those of volumes that begin meanwhile not;
//! 7. only where field 5 is a number: the offset, in the volume's uncompressed stream, of the first byte of that frame;
//! 8. `blake3=` and the digest of the content in hexadecimal ([`Content`](crate::Content)).

mod line;
mod places;
mod tree;
mod walk;

pub use line::{Error, Head, Line, MOST_HEAD, Volume, WORD};
pub use places::{HeaderPlace, Places, PlacesMark};
pub use tree::{Entry, Tree, TreeMark};
pub use walk::{MOST_PATH, Walk};

use std::io::{self, Write};

/// Writes a whole index: the header, then the lines, which have to be sorted by [`Line::key`].
///
/// Errors: those of writing to `out`.
pub fn print(out: &mut impl Write, head: &Head, lines: impl IntoIterator<Item = Line>) -> io::Result<()> {
    out.write_all(&head.print())?;
    let mut text = Vec::new();
    for line in lines {
        text.clear();
        line.print(&mut text);
        out.write_all(&text)?;
    }
    out.flush()
}

#[cfg(test)]
mod tests;
