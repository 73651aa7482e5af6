// SPDX-License-Identifier: BSD-2-Clause
//! Files of keys that the command line names, read before anything else is: recipients, and identities and keys that sign, which may want
//! a passphrase.

use std::ffi::OsString;
use std::fmt;
use std::io::{self, Read};
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};

use agefile::{
    Identities, Identity, IdentityFileError, OpenError, Recipient, parse_identities, parse_recipients,
};
use signing::{PublicKey, Secret, SigningKey};
use zeroize::{Zeroize, Zeroizing};

use crate::os::errno::strerror;
use crate::os::tty;

/// Bytes of the longest file of keys.
const MOST: u64 = 1 << 20;

/// Why a file of keys cannot be used: one line, with its name.
#[derive(Debug)]
pub struct BadKeys {
    name: OsString,
    reason: Why,
}

#[derive(Debug)]
enum Why {
    System(io::Error),
    File(IdentityFileError),
    Signing(signing::Error),
    NoTerminal,
    TooLong,
}

impl fmt::Display for BadKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.name.display())?;
        match &self.reason {
            Why::System(error) => f.write_str(&strerror(error)),
            Why::File(error) => error.fmt(f),
            Why::Signing(error) => error.fmt(f),
            Why::NoTerminal => {
                f.write_str("encrypted by a passphrase, and there is no terminal to ask for it")
            }
            Why::TooLong => f.write_str("too long for a file of keys"),
        }
    }
}

/// The recipients in these files.
///
/// Errors: the first file that cannot be used.
pub fn recipients(files: &[PathBuf]) -> Result<Vec<Recipient>, BadKeys> {
    let mut all = Vec::new();
    for file in files {
        all.extend(
            read(file).and_then(|bytes| parse_recipients(&bytes).map_err(Why::File)).map_err(named(file))?,
        );
    }
    Ok(all)
}

/// The identities in these files. For a passphrase the terminal is asked.
///
/// Errors: the first file that cannot be used.
pub fn identities(files: &[OsString]) -> Result<Vec<Identity>, BadKeys> {
    let mut all = Vec::new();
    for file in files {
        let file = Path::new(file);
        let keys = read(file).and_then(|bytes| match parse_identities(&bytes).map_err(Why::File)? {
            Identities::Keys(keys) => Ok(keys),
            Identities::Locked(locked) => {
                let passphrase = ask(file)?;
                locked.unlock(&passphrase).map_err(Why::File)
            }
        });
        all.extend(keys.map_err(named(file))?);
    }
    Ok(all)
}

/// Bytes of the stack that are wiped behind a key.
const STACK: usize = 128 << 10;

/// The key in this file, which signs. For a passphrase the terminal is asked.
///
/// Errors: the file cannot be used.
pub fn signing_key(file: &Path) -> Result<Box<SigningKey>, BadKeys> {
    let key = read_signing_key(file);
    wipe_stack();
    key.map_err(named(file))
}

#[inline(never)]
fn read_signing_key(file: &Path) -> Result<Box<SigningKey>, Why> {
    let key = match Secret::parse(&read(file)?).map_err(Why::Signing)? {
        Secret::Open(key) => key,
        Secret::Locked(locked) => locked.unlock(&ask(file)?).map_err(Why::Signing)?,
    };
    Ok(Box::new(key))
}

/// Wipes what functions have left where the stack was: a value that is moved stays where it was, and children get that, too.
#[inline(never)]
fn wipe_stack() {
    let mut stack = [1_u8; STACK];
    stack.zeroize();
    std::hint::black_box(&stack);
}

/// The key in this file, which verifies.
///
/// Errors: the file cannot be used.
pub fn public_key(file: &Path) -> Result<PublicKey, BadKeys> {
    read(file).and_then(|text| PublicKey::parse(&text).map_err(Why::Signing)).map_err(named(file))
}

fn named(file: &Path) -> impl FnOnce(Why) -> BadKeys {
    move |reason| BadKeys { name: file.as_os_str().to_owned(), reason }
}

fn read(file: &Path) -> Result<Zeroizing<Vec<u8>>, Why> {
    // All at once, so that no part of it stays where a vector was before it grew.
    let mut bytes = Zeroizing::new(Vec::with_capacity(MOST as usize + 1));
    let file = std::fs::File::open(file).map_err(Why::System)?;
    file.take(MOST + 1).read_to_end(&mut bytes).map_err(Why::System)?;
    if bytes.len() as u64 > MOST { Err(Why::TooLong) } else { Ok(bytes) }
}

fn ask(file: &Path) -> Result<Zeroizing<Vec<u8>>, Why> {
    let terminal = tty::open_tty().map_err(|_| Why::NoTerminal)?;
    let prompt = format!("Passphrase of {}: ", dumpstream::escape::name(file.as_os_str()));
    let passphrase = tty::read_secret(terminal.as_fd(), prompt.as_bytes()).map_err(Why::System)?;
    if passphrase.is_empty() {
        Err(Why::File(IdentityFileError::Open(OpenError::WrongPassphrase)))
    } else {
        Ok(passphrase)
    }
}
