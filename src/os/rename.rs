// SPDX-License-Identifier: BSD-2-Clause
//! Renaming of files: without replacing another, or in exchange for it.

use crate::os::half;
use std::fs::{self, OpenOptions};
use std::io;
use std::path::Path;

/// Gives a file another name, which no file has.
///
/// Errors: `EEXIST` when one has; those of rename(2) and link(2).
pub fn to_new(from: &Path, to: &Path) -> io::Result<()> {
    match half::rename::to_new(from, to) {
        Err(error) if error.kind() == io::ErrorKind::Unsupported => link_to_new(from, to),
        other => other,
    }
}

/// The same where the system cannot do it at once: the file has both names for a moment.
fn link_to_new(from: &Path, to: &Path) -> io::Result<()> {
    match fs::hard_link(from, to) {
        Ok(()) => fs::remove_file(from),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Err(error),
        // A file system without links: an empty file keeps the name free for us.
        Err(_) => {
            OpenOptions::new().write(true).create_new(true).open(to)?;
            fs::rename(from, to)
        }
    }
}

/// Exchanges the names of two files. Where neither the system nor the file system can do it, `from` takes the place of `to`.
///
/// Errors: those of rename(2) and link(2); `from` and `to` are as they were.
pub fn exchange(from: &Path, to: &Path) -> io::Result<()> {
    match half::rename::exchange(from, to) {
        Err(error) if error.kind() == io::ErrorKind::Unsupported => link_to_exchange(from, to),
        other => other,
    }
}

/// The same by a third name.
fn link_to_exchange(from: &Path, to: &Path) -> io::Result<()> {
    let mut aside = from.as_os_str().to_owned();
    aside.push(".old");
    let aside = Path::new(&aside);
    match fs::hard_link(to, aside) {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => return Err(error),
        Err(_) => return fs::rename(from, to),
    }
    match fs::rename(from, to) {
        Ok(()) => fs::rename(aside, from),
        Err(error) => {
            // It is still there under the name that counts.
            let _ = fs::remove_file(aside);
            Err(error)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(
        to_new: fn(&Path, &Path) -> io::Result<()>,
        exchange: fn(&Path, &Path) -> io::Result<()>,
        name: &str,
    ) {
        let dir = std::env::temp_dir().join(format!("capdump-rename-{name}-{}", std::process::id()));
        fs::create_dir_all(&dir).unwrap();
        let [one, two] = ["one", "two"].map(|name| dir.join(name));
        fs::write(&one, "1").unwrap();
        to_new(&one, &two).unwrap();
        assert!(!one.exists() && fs::read(&two).unwrap() == b"1");
        fs::write(&one, "2").unwrap();
        assert_eq!(to_new(&one, &two).unwrap_err().kind(), io::ErrorKind::AlreadyExists);
        assert!(fs::read(&one).unwrap() == b"2" && fs::read(&two).unwrap() == b"1");
        exchange(&one, &two).unwrap();
        assert!(fs::read(&one).unwrap() == b"1" && fs::read(&two).unwrap() == b"2");
        fs::remove_file(&two).unwrap();
        assert!(exchange(&one, &two).is_err() || !one.exists());
        assert_eq!(fs::read_dir(&dir).unwrap().count(), 1);
        fs::remove_dir_all(dir).unwrap();
    }

    #[test]
    fn no_file_is_lost() {
        check(to_new, exchange, "system");
    }

    #[test]
    fn no_file_is_lost_by_links() {
        check(link_to_new, link_to_exchange, "links");
    }
}
