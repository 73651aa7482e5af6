// SPDX-License-Identifier: BSD-2-Clause
//! Tapes of other hosts: their names.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;

use crate::job::Names;

/// A tape of another host, reached by rmt(8).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remote {
    /// The user there; `None` means the user here.
    pub user: Option<OsString>,
    /// The host.
    pub host: OsString,
    /// Files or devices there, as in [`Output::Names`].
    pub names: Names,
}

/// Why a name of another host cannot be one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BadRemote {
    /// The file's name has a newline, which rmt(8) has no way to send.
    Characters,
    /// The user cannot be one.
    User(OsString),
    /// The host cannot be one.
    Host(OsString),
}

impl Remote {
    /// `[user@]host:file`, or a list of files; none for a local name.
    ///
    /// A host has no slash in its name, so a slash before the first colon makes a local file of it, as for tar, rsync and scp; so does a
    /// colon at the start. Whether a file exists does not matter.
    ///
    /// Errors: the user, the host or the file cannot be one.
    pub fn parse(name: &OsStr) -> Result<Option<Remote>, BadRemote> {
        let Some((host, file)) = split_host(name.as_bytes()) else { return Ok(None) };
        if file.contains(&b'\n') {
            return Err(BadRemote::Characters);
        }
        let (user, host) = match host.iter().rposition(|&b| b == b'@') {
            Some(at) => (Some(&host[..at]), &host[at + 1..]),
            None => (None, host),
        };
        let owned = |bytes: &[u8]| OsStr::from_bytes(bytes).to_owned();
        if let Some(user) = user.filter(|user| !is_user(user)) {
            return Err(BadRemote::User(owned(user)));
        }
        let host = host.strip_prefix(b"[").and_then(|host| host.strip_suffix(b"]")).unwrap_or(host);
        if !is_host(host) {
            return Err(BadRemote::Host(owned(host)));
        }
        let names = Names::list(OsStr::from_bytes(file));
        Ok(Some(Remote { user: user.map(owned), host: owned(host), names }))
    }

    /// Whether the name is one of another machine.
    pub fn is_remote(name: &OsStr) -> bool {
        split_host(name.as_bytes()).is_some()
    }

    /// The host as messages name it, with the user.
    pub fn shown(&self) -> OsString {
        let mut name = self.user.clone().unwrap_or_default();
        if self.user.is_some() {
            name.push("@");
        }
        name.push(&self.host);
        name
    }
}

/// The host, with user and brackets, and the file on it; none for a local name.
fn split_host(name: &[u8]) -> Option<(&[u8], &[u8])> {
    let first = name.iter().position(|&b| b == b':').filter(|&at| at > 0)?;
    let user = name[..first].iter().rposition(|&b| b == b'@').map_or(0, |at| at + 1);
    let end = match name[user..].first() {
        Some(b'[') => name.windows(2).position(|pair| pair == b"]:")? + 1,
        _ => first,
    };
    let host = &name[..end];
    (!host.contains(&b'/')).then_some((host, &name[end + 1..]))
}

/// Letters that rcmd(3) takes, and what else user names have. None begins with a dash, which would be an option of `RSH`.
fn is_user(user: &[u8]) -> bool {
    let allowed = |b: &u8| b.is_ascii_alphanumeric() || b"_-.+@".contains(b);
    user.first().is_some_and(|&b| b != b'-') && user.iter().all(allowed)
}

/// A host is one word, and neither an option of `RSH` nor a list.
fn is_host(host: &[u8]) -> bool {
    let refused = |b: &u8| b.is_ascii_control() || b" ,[]".contains(b);
    host.first().is_some_and(|&b| b != b'-') && !host.iter().any(refused)
}
