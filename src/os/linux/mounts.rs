// SPDX-License-Identifier: BSD-2-Clause
//! `/proc/self/mountinfo` (proc_pid_mountinfo(5)).

use crate::os::mounts::{Holding, Mount};
use std::ffi::OsString;
use std::io;
use std::os::unix::ffi::OsStringExt;
use std::path::Path;

/// The mounted UFS file systems.
pub fn ufs_mounts() -> io::Result<Vec<Mount>> {
    Ok(parse(&std::fs::read("/proc/self/mountinfo")?))
}

/// None: UFS is not mounted here as a rule, but dumped from images.
pub fn holding(_path: &Path) -> Option<Holding> {
    None
}

fn parse(text: &[u8]) -> Vec<Mount> {
    text.split(|byte| *byte == b'\n').filter_map(parse_line).collect()
}

/// `36 35 98:0 /root /mnt rw,noatime shared:1 - ufs /dev/sda1 ro,ufstype=ufs2`: the fields before the dash vary.
fn parse_line(line: &[u8]) -> Option<Mount> {
    let mut fields = line.split(|byte| *byte == b' ');
    let on = fields.nth(4)?;
    let options = fields.next()?;
    fields.find(|field| *field == b"-")?;
    if fields.next()? != b"ufs" {
        return None;
    }
    let from = fields.next()?;
    let super_options = fields.next().unwrap_or_default();
    Some(Mount {
        from: unescape(from),
        on: unescape(on),
        read_only: has_ro(options) || has_ro(super_options),
    })
}

fn has_ro(options: &[u8]) -> bool {
    options.split(|byte| *byte == b',').any(|option| option == b"ro")
}

/// Blanks and backslashes are written as three octal digits: `\040`.
fn unescape(field: &[u8]) -> OsString {
    let mut bytes = Vec::with_capacity(field.len());
    let mut rest = field;
    while let Some((byte, after)) = rest.split_first() {
        let octal = after.get(..3).filter(|_| *byte == b'\\').and_then(octal);
        bytes.push(octal.unwrap_or(*byte));
        rest = if octal.is_some() { &after[3..] } else { after };
    }
    OsString::from_vec(bytes)
}

fn octal(digits: &[u8]) -> Option<u8> {
    u8::from_str_radix(std::str::from_utf8(digits).ok()?, 8).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_only_ufs() {
        let text = b"22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw\n\
            36 22 7:0 / /mnt/a\\040b rw,relatime - ufs /dev/loop0 ro,ufstype=ufs2,onerror=panic\n\
            37 22 7:1 / /mnt/c rw shared:2 master:1 - ufs /dev/loop1 rw\nshort";
        let mounts = parse(text);
        assert_eq!(mounts.len(), 2);
        assert_eq!(mounts[0].on, "/mnt/a b");
        assert!(mounts[0].read_only);
        assert_eq!(mounts[1].from, "/dev/loop1");
        assert!(!mounts[1].read_only);
    }

    #[test]
    fn leaves_a_lone_backslash() {
        assert_eq!(unescape(b"a\\"), "a\\");
        assert_eq!(unescape(b"\\134x\\9"), "\\x\\9");
    }
}
