// SPDX-License-Identifier: BSD-2-Clause
//! `--sign`: the key, and the file of the signature. Only the monitor has the key: it signs what the planner has written.

use std::cell::RefCell;
use std::fmt;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::fd::BorrowedFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use crate::os::disk;
use crate::os::errno::strerror;
use dumpstream::Identity;
use dumpstream::escape::escape;
use signing::{Form, Signature, SigningKey};

/// Bytes of the index that are read at once.
const AT_ONCE: usize = 1 << 20;

/// Bytes of the longest signature: minisign's has a comment of 8 KiB.
pub const MOST_SIGNATURE: u64 = 16 << 10;

/// Signs an index.
pub struct Signer {
    /// None in all processes but the monitor.
    key: RefCell<Option<Box<SigningKey>>>,
    /// The file of the signature.
    name: PathBuf,
    /// The first line of it, and the one that is signed with minisign.
    comment: String,
    trusted: String,
}

/// Why an index cannot be signed: one line, with the name of the signature.
#[derive(Debug)]
pub enum Unsigned {
    /// A system call failed.
    System(PathBuf, io::Error),
    /// What there is is no signature.
    NotSignature(PathBuf),
}

impl fmt::Display for Unsigned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Unsigned::System(name, error) => write!(f, "{}: {}", name.display(), strerror(error)),
            Unsigned::NotSignature(name) => write!(f, "{}: exists and is not a signature", name.display()),
        }
    }
}

/// The name of the signature of an index.
pub fn name_of(index: &Path, form: Form) -> PathBuf {
    let mut name = index.as_os_str().to_owned();
    name.push(form.suffix());
    name.into()
}

impl Signer {
    /// Of the index that will have the name `index`, by the key in the file `key_file`.
    ///
    /// Errors: there is something else than a signature, or those of open(2).
    pub fn new(
        key: Box<SigningKey>,
        key_file: &Path,
        index: &Path,
        identity: &Identity,
    ) -> Result<Signer, Unsigned> {
        let name = name_of(index, key.form());
        check_replaceable(&name)?;
        let text = |bytes: &[u8]| String::from_utf8_lossy(&escape(bytes)).into_owned();
        let file = text(index.file_name().unwrap_or_default().as_bytes());
        let stem = key_file.file_name().and_then(|name| name.as_bytes().strip_suffix(b".sec"));
        let comment = match (key.form(), stem) {
            // signify finds the key by it.
            (Form::Signify, Some(stem)) => format!("verify with {}.pub", text(stem)),
            _ => "signature of an index of capdump".to_owned(),
        };
        let Identity { level, date, ddate, filesys, .. } = identity;
        let trusted = format!(
            "timestamp:{date}\tfile:{file}\thashed\tlevel:{level}\tbase:{ddate}\tfilesystem:{}",
            text(filesys)
        );
        Ok(Signer { key: RefCell::new(Some(key)), name, comment, trusted })
    }

    /// Wipes the key: this process does not sign.
    pub fn forget(&self) {
        self.key.take();
    }

    /// The signature of the index in `index`.
    ///
    /// Errors: those of reading it.
    pub fn sign(&self, index: BorrowedFd<'_>) -> io::Result<String> {
        let key = self.key.borrow();
        let key = key.as_ref().ok_or(io::ErrorKind::NotFound)?;
        let (mut message, mut at) = (key.message(), 0);
        let mut room = vec![0; AT_ONCE];
        loop {
            match disk::pread(index, &mut room, at)? {
                0 => return Ok(key.sign(message, &self.comment, &self.trusted)),
                got => {
                    message.update(&room[..got]);
                    at += got as u64;
                }
            }
        }
    }

    /// Writes the file of a signature. One that was there before goes in any case: it is not that of this index.
    ///
    /// Errors: there is none.
    pub fn write(&self, text: &str) -> io::Result<()> {
        check_replaceable(&self.name).map_err(|unsigned| match unsigned {
            Unsigned::System(_, error) => error,
            Unsigned::NotSignature(_) => io::ErrorKind::AlreadyExists.into(),
        })?;
        remove(&self.name)?;
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o644).open(&self.name)?;
        let written = file.write_all(text.as_bytes()).and_then(|()| file.sync_all());
        written.inspect_err(|_| _ = fs::remove_file(&self.name))
    }
}

fn remove(name: &Path) -> io::Result<()> {
    match fs::remove_file(name) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

/// Only a signature or an empty file is replaced.
fn check_replaceable(name: &Path) -> Result<(), Unsigned> {
    let system = |error| Unsigned::System(name.to_owned(), error);
    let file = match File::options().read(true).custom_flags(libc::O_NONBLOCK).open(name) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        file => file.map_err(system)?,
    };
    let mut text = Vec::new();
    let is_file = file.metadata().map_err(system)?.is_file();
    if is_file {
        file.take(MOST_SIGNATURE).read_to_end(&mut text).map_err(system)?;
    }
    match is_file && (text.is_empty() || Signature::parse(&text).is_ok()) {
        true => Ok(()),
        false => Err(Unsigned::NotSignature(name.to_owned())),
    }
}
