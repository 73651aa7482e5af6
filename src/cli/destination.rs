// SPDX-License-Identifier: BSD-2-Clause
//! Parses the argument of `-f` and `TAPE`: standard output, local files, or remote files.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;

use crate::cli::error::StartError;
use crate::job::{Names, Output, Remote};

/// Where the volumes go that `-f` or `TAPE` names.
///
/// `[user@]host:file` is on another machine, with brackets around a host that has colons in its name. A host has no slash
/// in its name, so a slash before the first colon makes a local file of it, as for tar, rsync and scp; so does a colon
/// at the start. Whether a file exists does not matter: `./` before its name is required.
///
/// Errors: the user or the host cannot be one, or a remote name has a newline, which rmt(8) has no way to send.
pub fn output(name: &OsStr) -> Result<Output, StartError> {
    if name == "-" {
        return Ok(Output::Stdout);
    }
    let Some((host, file)) = split_host(name.as_bytes()) else {
        return Ok(Output::Names(names(name)));
    };
    if file.contains(&b'\n') {
        return Err(StartError::TapeCharacters);
    }
    let (user, host) = match host.iter().rposition(|&b| b == b'@') {
        Some(at) => (Some(&host[..at]), &host[at + 1..]),
        None => (None, host),
    };
    if let Some(user) = user.filter(|user| !is_user(user)) {
        return Err(StartError::UserName(OsStr::from_bytes(user).to_owned()));
    }
    let host = host.strip_prefix(b"[").and_then(|host| host.strip_suffix(b"]")).unwrap_or(host);
    if !is_host(host) {
        return Err(StartError::HostName(OsStr::from_bytes(host).to_owned()));
    }
    let owned = |bytes: &[u8]| OsStr::from_bytes(bytes).to_owned();
    let names = names(OsStr::from_bytes(file));
    Ok(Output::Remote(Remote { user: user.map(owned), host: owned(host), names }))
}

/// Whether the name is one of another machine.
pub fn is_remote(name: &OsStr) -> bool {
    split_host(name.as_bytes()).is_some()
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

/// The names of a list. A comma at the end means the name before it once more, as in dump.
fn names(list: &OsStr) -> Names {
    let parts = list.as_bytes().split(|&b| b == b',');
    let mut names: Vec<OsString> = parts.map(|part| OsStr::from_bytes(part).to_owned()).collect();
    if let [.., before, last] = names.as_mut_slice()
        && last.is_empty()
    {
        last.clone_from(before);
    }
    Names::List(names)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// User, host and files; the files alone for a local name.
    fn parts(name: &str) -> String {
        match output(OsStr::new(name)) {
            Ok(Output::Names(Names::List(list))) => format!("{list:?}"),
            Ok(Output::Remote(Remote { user, host, names: Names::List(list) })) => {
                format!("{:?} {host:?} {list:?}", user.unwrap_or_default())
            }
            Ok(other) => format!("{other:?}"),
            Err(error) => error.render("dump"),
        }
    }

    #[test]
    fn a_slash_before_the_first_colon_is_local() {
        for name in ["/b/x_04:30:00", "./04:31", "b/a:c", "../[x]:y", "user@d/x:y", ":x", "[x:y", "a@[b/c]:d"]
        {
            assert_eq!(parts(name), format!("[{name:?}]"));
        }
        assert_eq!(parts("./a:1,b:2"), r#"["./a:1", "b:2"]"#);
        assert_eq!(parts("/a,host:/b"), r#"["/a", "host:/b"]"#);
    }

    #[test]
    fn hosts() {
        for (name, want) in [
            ("far:/dev/nsa0", r#""" "far" ["/dev/nsa0"]"#),
            ("far:a:1,b:2", r#""" "far" ["a:1", "b:2"]"#),
            ("user.name@far:x", r#""user.name" "far" ["x"]"#),
            ("me@example.org@far:x", r#""me@example.org" "far" ["x"]"#),
            ("[fe80::1%em0]:/dev/nsa0", r#""" "fe80::1%em0" ["/dev/nsa0"]"#),
            ("me@[::1]:x", r#""me" "::1" ["x"]"#),
            ("far:x@y:z", r#""" "far" ["x@y:z"]"#),
            ("far:", r#""" "far" [""]"#),
        ] {
            assert_eq!(parts(name), want, "{name}");
            assert!(is_remote(OsStr::new(name)));
        }
    }

    #[test]
    fn refused_hosts_and_users() {
        for name in ["-oProxyCommand=x:y", "a,b:c", "me@:x", "[]:x", "a b:c"] {
            assert!(parts(name).contains("invalid host name"), "{name}: {}", parts(name));
        }
        for name in ["-x@far:y", "a;b@far:y", "@far:y"] {
            assert!(parts(name).contains("invalid user name"), "{name}: {}", parts(name));
        }
        assert_eq!(parts("far:a\nb"), "invalid characters in tape\n");
    }
}
