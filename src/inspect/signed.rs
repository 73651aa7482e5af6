// SPDX-License-Identifier: BSD-2-Clause
//! `--verify-key`: an index is read only if it is signed, and only what was signed.

use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use crate::identities::{self, BadKeys};
use crate::inspect::input::Input;
use crate::monitor::signer::{MOST_SIGNATURE, name_of};
use crate::os::errno::strerror;
use dumpstream::RunningDigest;
use dumpstream::index::Volume;
use signing::{Error, Form, Message, PublicKey, Signature};

/// Why an index is not to be trusted: one line.
pub enum Untrusted {
    /// The key cannot be used.
    Key(BadKeys),
    /// A file cannot be read.
    System(PathBuf, io::Error),
    /// There is no signature of this index.
    Unsigned(PathBuf),
    /// This signature is not of the index, or not by the key.
    Wrong(PathBuf, Error),
}

impl fmt::Display for Untrusted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Untrusted::Key(error) => error.fmt(f),
            Untrusted::System(name, error) => write!(f, "{}: {}", name.display(), strerror(error)),
            Untrusted::Unsigned(name) => write!(f, "{}: there is no signature of it", name.display()),
            Untrusted::Wrong(name, error) => write!(f, "{}: {error}", name.display()),
        }
    }
}

/// The key, and the signatures that there are.
pub struct Verifier {
    key: PublicKey,
    /// The names of the files, and what is in them.
    signatures: Vec<(PathBuf, Vec<u8>)>,
}

impl Verifier {
    /// Reads the key and the signatures of an index.
    ///
    /// Errors: why there are none, which is to be reported.
    pub fn new(key: &Path, index: &Path) -> Result<Verifier, Untrusted> {
        let key = identities::public_key(key).map_err(Untrusted::Key)?;
        let mut signatures = Vec::new();
        for form in [Form::Minisign, Form::Signify] {
            let name = name_of(index, form);
            let mut text = Vec::new();
            match File::open(&name).and_then(|file| file.take(MOST_SIGNATURE).read_to_end(&mut text)) {
                Ok(_) => signatures.push((name, text)),
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(Untrusted::System(name, error)),
            }
        }
        match signatures.is_empty() {
            true => Err(Untrusted::Unsigned(index.to_owned())),
            false => Ok(Verifier { key, signatures }),
        }
    }

    /// Verifies the whole index. What is read of it later must be the same. Gives the comment that was signed.
    ///
    /// Errors: why it is not to be trusted, which is to be reported.
    pub fn verify(&self, index: &mut Input) -> Result<Option<String>, Untrusted> {
        let mut all: Vec<_> = self.signatures.iter().map(|(name, text)| (name, begin(text))).collect();
        let mut digest = RunningDigest::default();
        let read = index.read_raw(|bytes| {
            digest.update(bytes);
            all.iter_mut()
                .filter_map(|(_, found)| found.as_mut().ok())
                .for_each(|(_, message)| message.update(bytes));
        });
        read.map_err(|error| Untrusted::System(index.name.clone().into(), error))?;
        index.compare_with(Volume { bytes: digest.bytes(), digest: digest.digest() });
        let mut wrong: Option<(&PathBuf, Error)> = None;
        for (name, found) in all {
            let verified = found.and_then(|(signature, message)| {
                signature.verify(&self.key, message)?;
                Ok(signature.trusted_comment().map(str::to_owned))
            });
            match verified {
                Ok(comment) => return Ok(comment),
                // One of another key says least.
                Err(error) if wrong.as_ref().is_none_or(|(_, before)| *before == Error::OtherKey) => {
                    wrong = Some((name, error));
                }
                Err(_) => {}
            }
        }
        let unsigned = || Untrusted::Unsigned(index.name.clone().into());
        Err(wrong.map_or_else(unsigned, |(name, error)| Untrusted::Wrong(name.clone(), error)))
    }
}

/// A signature, and the message that it may be of.
fn begin(text: &[u8]) -> Result<(Signature, Message), Error> {
    let signature = Signature::parse(text)?;
    let message = signature.message();
    Ok((signature, message))
}
