// SPDX-License-Identifier: BSD-2-Clause
//! The header: stanzas with the file key, each for one recipient, and a MAC over them.

use base64ct::{Base64Unpadded, Encoding};
use hkdf::Hkdf;
use hmac::{Hmac, Mac};
use sha2::Sha256;
use zeroize::Zeroizing;

use crate::error::{HeaderError, OpenError};
use crate::keys::{Identity, Recipient};
use crate::payload::{NONCE, PayloadKey};
use crate::scrypt_stanza::is_passphrase;
use crate::x25519::{self, FileKey};

/// The first line.
pub const MAGIC: &[u8] = b"age-encryption.org/v1\n";

/// Bytes of the longest header that is read: some five hundred recipients.
pub const MOST_HEADER: usize = 64 << 10;

/// Characters of a whole line of a stanza's body.
const COLUMNS: usize = 64;

/// Whether a file that begins so is encrypted.
pub fn is_age(start: &[u8]) -> bool {
    start.starts_with(MAGIC)
}

/// The file key for one recipient.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stanza {
    /// Its type, and what else is in its first line.
    pub args: Vec<String>,
    /// Its body.
    pub body: Vec<u8>,
}

/// A header that was read, with the nonce behind it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    stanzas: Vec<Stanza>,
    /// What the MAC is of.
    signed: Vec<u8>,
    mac: [u8; 32],
    nonce: [u8; NONCE],
}

/// Bytes of the header for so many recipients, without the nonce: the first line, for each of them two lines, the MAC.
pub fn header_length(recipients: usize) -> usize {
    MAGIC.len() + recipients * 98 + 48
}

/// A header for these recipients, with the nonce, and the key of the payload that follows. A new key is made. `marks` become stanzas with
/// nothing in them, which readers ignore.
///
/// Errors: the system gives no random bytes.
pub fn create(recipients: &[Recipient], marks: &[&str]) -> Result<(Vec<u8>, PayloadKey), getrandom::Error> {
    let (mut file_key, mut nonce) = (FileKey::default(), [0; NONCE]);
    getrandom::getrandom(&mut *file_key)?;
    getrandom::getrandom(&mut nonce)?;
    let mut out = MAGIC.to_vec();
    for recipient in recipients {
        x25519::wrap(&file_key, recipient)?.encode(&mut out);
    }
    for mark in marks {
        Stanza { args: vec![(*mark).to_owned()], body: Vec::new() }.encode(&mut out);
    }
    out.extend_from_slice(b"---");
    let mac = mac(&file_key, &out).finalize().into_bytes();
    out.push(b' ');
    out.extend_from_slice(Base64Unpadded::encode_string(&mac).as_bytes());
    out.push(b'\n');
    out.extend_from_slice(&nonce);
    Ok((out, PayloadKey::new(&file_key, &nonce)))
}

fn mac(file_key: &FileKey, signed: &[u8]) -> Hmac<Sha256> {
    let mut key = Zeroizing::new([0; 32]);
    // 32 bytes are no more than HKDF can make.
    _ = Hkdf::<Sha256>::new(None, &file_key[..]).expand(b"header", &mut *key);
    // As HMAC keys of fewer bytes than a block are, it is filled up with zeros.
    let mut block = Zeroizing::new([0; 64]);
    block[..key.len()].copy_from_slice(&*key);
    let mut mac = <Hmac<Sha256> as hmac::digest::KeyInit>::new((&*block).into());
    mac.update(signed);
    mac
}

impl Stanza {
    fn encode(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(b"-> ");
        out.extend_from_slice(self.args.join(" ").as_bytes());
        out.push(b'\n');
        let body = Base64Unpadded::encode_string(&self.body);
        // The last line is shorter than a whole one, if need be empty.
        for line in body.as_bytes().chunks(COLUMNS) {
            out.extend_from_slice(line);
            out.push(b'\n');
        }
        if body.len().is_multiple_of(COLUMNS) {
            out.push(b'\n');
        }
    }
}

impl Header {
    /// The header at the start of `bytes`, and how many of them it and the nonce are. None: it goes on behind them.
    ///
    /// Errors: it is damaged.
    pub fn parse(bytes: &[u8]) -> Result<Option<(Header, usize)>, HeaderError> {
        let mut lines = Lines { bytes, at: 0 };
        match lines.parse() {
            Ok(header) => Ok(Some((header, lines.at))),
            Err(Stop::Bad) => Err(HeaderError::Syntax),
            Err(Stop::More) if bytes.len() >= MOST_HEADER => Err(HeaderError::TooLong),
            Err(Stop::More) => Ok(None),
        }
    }

    /// The stanzas.
    pub(crate) fn stanzas(&self) -> &[Stanza] {
        &self.stanzas
    }

    /// The key of the payload, by the first identity that one of the stanzas is for.
    ///
    /// Errors: see [`OpenError`].
    pub fn open(&self, identities: &[Identity]) -> Result<PayloadKey, OpenError> {
        if self.stanzas.iter().any(is_passphrase) {
            return Err(OpenError::Passphrase);
        }
        let file_key = self
            .stanzas
            .iter()
            .find_map(|stanza| identities.iter().find_map(|identity| x25519::unwrap(stanza, identity)));
        self.finish(&file_key.ok_or(OpenError::NoMatch)?)
    }

    /// Checks the MAC.
    pub(crate) fn finish(&self, file_key: &FileKey) -> Result<PayloadKey, OpenError> {
        let mac = mac(file_key, &self.signed);
        mac.verify_slice(&self.mac).map_err(|_| OpenError::Damaged)?;
        Ok(PayloadKey::new(file_key, &self.nonce))
    }
}

/// Why no line is given.
enum Stop {
    /// There are not enough bytes.
    More,
    /// It is no header.
    Bad,
}

/// The lines of a header.
struct Lines<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Lines<'a> {
    fn line(&mut self) -> Result<&'a str, Stop> {
        let rest = &self.bytes[self.at..];
        let end = rest.iter().position(|&byte| byte == b'\n').ok_or(Stop::More)?;
        self.at += end + 1;
        std::str::from_utf8(&rest[..end]).map_err(|_| Stop::Bad)
    }

    fn parse(&mut self) -> Result<Header, Stop> {
        let known = self.bytes.len().min(MAGIC.len());
        if self.bytes[..known] != MAGIC[..known] {
            return Err(Stop::Bad);
        }
        self.line()?;
        let mut stanzas = Vec::new();
        loop {
            let start = self.at;
            let line = self.line()?;
            if let Some(mac) = line.strip_prefix("--- ") {
                let signed = self.bytes[..start + 3].to_vec();
                return self.end(stanzas, signed, mac);
            }
            stanzas.push(self.stanza(line)?);
        }
    }

    fn stanza(&mut self, line: &str) -> Result<Stanza, Stop> {
        let args: Vec<String> =
            line.strip_prefix("-> ").ok_or(Stop::Bad)?.split(' ').map(str::to_owned).collect();
        if args.iter().any(|arg| arg.is_empty() || !arg.bytes().all(|byte| byte.is_ascii_graphic())) {
            return Err(Stop::Bad);
        }
        let mut body = String::new();
        loop {
            let line = self.line()?;
            if line.len() > COLUMNS {
                return Err(Stop::Bad);
            }
            body.push_str(line);
            if line.len() < COLUMNS {
                let body = Base64Unpadded::decode_vec(&body).map_err(|_| Stop::Bad)?;
                return Ok(Stanza { args, body });
            }
        }
    }

    fn end(&mut self, stanzas: Vec<Stanza>, signed: Vec<u8>, text: &str) -> Result<Header, Stop> {
        let mut mac = [0; 32];
        let length = Base64Unpadded::decode(text, &mut mac).map_err(|_| Stop::Bad)?.len();
        if length != mac.len() || stanzas.is_empty() {
            return Err(Stop::Bad);
        }
        let nonce = *self.bytes[self.at..].first_chunk().ok_or(Stop::More)?;
        self.at += NONCE;
        Ok(Header { stanzas, signed, mac, nonce })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn identity(byte: u8) -> Identity {
        let secret = Box::new(x25519_dalek::StaticSecret::from([byte; 32]));
        let public = x25519_dalek::PublicKey::from(&*secret);
        Identity { secret, public }
    }

    #[test]
    fn each_of_twenty_recipients_opens_it() {
        let all: Vec<Identity> = (1..=20).map(identity).collect();
        let recipients: Vec<Recipient> = all.iter().map(Identity::recipient).collect();
        let (bytes, key) = create(&recipients, &["mark"]).unwrap();
        assert_eq!(create(&recipients, &[]).unwrap().0.len(), header_length(20) + NONCE);
        for end in 0..bytes.len() {
            assert_eq!(Header::parse(&bytes[..end]), Ok(None), "{end}");
        }
        let (header, length) = Header::parse(&[&bytes[..], b"more"].concat()).unwrap().unwrap();
        assert_eq!(length, bytes.len());
        for one in &all {
            let opened = header.open(&[identity(99), one.clone()]).unwrap();
            assert_eq!(opened.bytes(), key.bytes());
        }
        assert_eq!(header.open(&[identity(99)]).err(), Some(OpenError::NoMatch));
        assert_eq!(header.open(&[]).err(), Some(OpenError::NoMatch));
        assert_ne!(create(&recipients, &[]).unwrap().1.bytes(), key.bytes());
    }

    #[test]
    fn no_byte_of_it_can_be_changed() {
        let (bytes, _) = create(&[identity(1).recipient(), identity(2).recipient()], &[]).unwrap();
        let end = bytes.len() - NONCE;
        for at in 0..end {
            for flip in [1, 2, 32] {
                let mut bad = bytes.clone();
                bad[at] ^= flip;
                let opened = Header::parse(&bad).ok().flatten();
                let opened = opened.and_then(|(header, _)| header.open(&[identity(2)]).ok());
                assert!(opened.is_none(), "byte {at}");
            }
        }
    }

    #[test]
    fn what_goes_on_forever_is_refused() {
        let long = [MAGIC, &[b"-> x ", &[b'a'; MOST_HEADER][..]].concat()].concat();
        assert_eq!(Header::parse(&long), Err(HeaderError::TooLong));
        assert_eq!(Header::parse(b"age-encryption.org/v2\n"), Err(HeaderError::Syntax));
        assert_eq!(Header::parse(&[MAGIC, b"--- \n"].concat()), Err(HeaderError::Syntax));
        assert_eq!(Header::parse(&[MAGIC, b"-> X25519  a\n\n"].concat()), Err(HeaderError::Syntax));
    }
}
