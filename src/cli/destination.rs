// SPDX-License-Identifier: BSD-2-Clause
//! Parses the argument of `-f` and `TAPE`: standard output, local files, or remote files.

use std::ffi::OsStr;

use crate::cli::error::StartError;
use crate::job::{BadRemote, Names, Output, Remote};

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
    match Remote::parse(name) {
        Ok(Some(remote)) => Ok(Output::Remote(remote)),
        Ok(None) => Ok(Output::Names(Names::list(name))),
        Err(BadRemote::Characters) => Err(StartError::TapeCharacters),
        Err(BadRemote::User(user)) => Err(StartError::UserName(user)),
        Err(BadRemote::Host(host)) => Err(StartError::HostName(host)),
    }
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
            assert!(Remote::is_remote(OsStr::new(name)));
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
