// SPDX-License-Identifier: BSD-2-Clause
//! Looks up the operand in fstab(5). Pure: operates on the text of the file.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};

/// The file (`_PATH_FSTAB`, fstab.h).
pub const PATH: &str = "/etc/fstab";

/// A UFS file system of fstab(5).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The device (`fs_spec`).
    pub spec: OsString,
    /// Where it is mounted (`fs_file`).
    pub file: OsString,
    /// Days between two dumps, 0 for none (`fs_freq`).
    pub freq: i32,
}

/// The entries that dump looks at: type `ufs`, with `rw`, `rq` or `ro` among the options.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fstab {
    entries: Vec<Entry>,
}

impl Fstab {
    /// Reads the text of the file as getfsent(3) does. Lines that are none are left out.
    ///
    /// `root` is the device that `/` is mounted from, which getfsent(3) puts in the place of the one
    /// that the file gives for `/`.
    pub fn parse(text: &[u8], root: Option<&OsStr>) -> Fstab {
        let lines = text.split(|&b| b == b'\n').filter(|line| line.first() != Some(&b'#'));
        let mut entries: Vec<Entry> = lines.filter_map(entry).collect();
        if let Some(root) = root {
            for entry in entries.iter_mut().filter(|entry| entry.file == "/") {
                entry.spec = root.to_owned();
            }
        }
        Fstab { entries }
    }

    /// The entries, in the file's order.
    pub fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.entries.iter()
    }

    /// The entry that the operand means: a device or a mount point, which may lack its first slash.
    /// Of several entries the last one in the file counts, as in dump.
    pub fn search(&self, operand: &OsStr) -> Option<&Entry> {
        let operand = operand.as_bytes();
        let is_it = |name: &OsStr| {
            let name = name.as_bytes();
            name == operand || !operand.starts_with(b"/") && name.strip_prefix(b"/") == Some(operand)
        };
        self.entries.iter().rev().find(|entry| is_it(&entry.file) || is_it(&entry.spec))
    }
}

/// One line, if it is of a file system that can be dumped.
fn entry(line: &[u8]) -> Option<Entry> {
    if !line.iter().any(|b| matches!(b, b' ' | b'\t')) {
        return old_entry(line);
    }
    let mut fields = line.split(|b| matches!(b, b' ' | b'\t')).filter(|field| !field.is_empty());
    let spec = fields.next().filter(|spec| !spec.starts_with(b"#"))?;
    let file = fields.next()?;
    let (vfstype, options) = (fields.next()?, fields.next()?);
    let freq = fields.next().map_or(0, atoi);
    // The first option of two letters that says how it is mounted counts.
    let mut options = options.split(|&b| b == b',');
    let how = options.find(|option| matches!(*option, b"rw" | b"rq" | b"ro" | b"sw" | b"xx"))?;
    if vfstype != b"ufs" || matches!(how, b"sw" | b"xx") {
        return None;
    }
    Some(Entry { spec: unvis(spec)?, file: unvis(file)?, freq })
}

/// The old form, `spec:file:type:freq:passno`, which means UFS unless the type is `sw`.
fn old_entry(line: &[u8]) -> Option<Entry> {
    let mut fields = line.split(|&b| b == b':').map(<[u8]>::to_vec);
    let (spec, file) = (fields.next()?, fields.next()?);
    let how = fields.next()?;
    let (freq, _passno) = (atoi(&fields.next()?), fields.next()?);
    matches!(how.as_slice(), b"rw" | b"rq" | b"ro").then(|| Entry {
        spec: OsString::from_vec(spec),
        file: OsString::from_vec(file),
        freq,
    })
}

/// A number's digits at the start of a text, as atoi(3) reads them; 0 when too large.
fn atoi(text: &[u8]) -> i32 {
    let end = text.iter().position(|b| !b.is_ascii_digit()).unwrap_or(text.len());
    std::str::from_utf8(&text[..end]).ok().and_then(|digits| digits.parse().ok()).unwrap_or(0)
}

/// Takes back vis(3)'s octal and C style escapes; `None` when there is another one.
fn unvis(text: &[u8]) -> Option<OsString> {
    let mut plain = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        if byte != b'\\' {
            plain.push(byte);
            continue;
        }
        let digits = after.iter().take(3).take_while(|b| matches!(b, b'0'..=b'7')).count();
        if digits > 0 {
            let value = after[..digits].iter().fold(0u32, |n, b| n * 8 + u32::from(b - b'0'));
            plain.push(u8::try_from(value).ok()?);
            rest = &after[digits..];
        } else {
            let (&letter, after) = after.split_first()?;
            plain.push(c_escape(letter)?);
            rest = after;
        }
    }
    Some(OsString::from_vec(plain))
}

/// The byte encoded by a letter after a backslash (unvis(3)).
fn c_escape(letter: u8) -> Option<u8> {
    Some(match letter {
        b'\\' => b'\\',
        b'n' => b'\n',
        b'r' => b'\r',
        b't' => b'\t',
        b's' => b' ',
        b'a' => 0x07,
        b'b' => 0x08,
        b'v' => 0x0b,
        b'f' => 0x0c,
        b'E' => 0x1b,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "# Device\tMountpoint\tFStype\tOptions\tDump\tPass#\n\
        /dev/ada0p2\t/\tufs\trw\t1\t1\n\
        /dev/ada0p3\tnone\tswap\tsw\t0\t0\n\
        /dev/ufs/usr  /usr    ufs     noatime,ro      2       2\n\
        /dev/ufs/odd /mnt/a\\040b\\134c\\s ufs rw,userquota\n\
        /dev/ufs/old /old ufs xx 0 0\n\
        /dev/ufs/noopt /noopt ufs noauto 0 0\n\
        zroot/home /home zfs rw 0 0\n\
        \x20\n\
        \n\
        /dev/ufs/short /short\n\
        /dev/ufs/bad /b\\q ufs rw 1 1\n\
        /dev/da1a:/old5:rw:3:2\n\
        /dev/da1b:/old6:sw:3:2\n\
        /dev/ufs/quota /q ufs rq 10x 2";

    fn found(operand: &str) -> Option<(String, String, i32)> {
        let fstab = Fstab::parse(TEXT.as_bytes(), None);
        let text = |name: &OsStr| name.to_str().expect("the test's names are text").to_owned();
        fstab.search(OsStr::new(operand)).map(|e| (text(&e.spec), text(&e.file), e.freq))
    }

    #[test]
    fn by_device_and_mount_point_with_and_without_slash() {
        let usr = Some(("/dev/ufs/usr".to_owned(), "/usr".to_owned(), 2));
        for operand in ["/usr", "usr", "/dev/ufs/usr", "dev/ufs/usr"] {
            assert_eq!(found(operand), usr, "{operand}");
        }
        let root = Some(("/dev/ada0p2".to_owned(), "/".to_owned(), 1));
        assert_eq!(found("/"), root);
        assert_eq!(found("dev/ada0p2"), root);
        assert_eq!(found("/dev/da1a").map(|e| e.2), Some(3));
        assert_eq!(found("q").map(|e| e.2), Some(10));
    }

    #[test]
    fn only_ufs_that_is_mounted_for_use() {
        for operand in [
            "/usr/",
            "//usr",
            "ufs/usr",
            "none",
            "/dev/ada0p3",
            "/old",
            "/noopt",
            "/home",
            "/short",
            "/old6",
            "/b\\q",
            "#",
        ] {
            assert_eq!(found(operand), None, "{operand}");
        }
    }

    #[test]
    fn escapes() {
        let odd = found("/mnt/a b\\c ").expect("the escapes are taken back");
        assert_eq!(odd, ("/dev/ufs/odd".to_owned(), "/mnt/a b\\c ".to_owned(), 0));
        assert_eq!(unvis(b"\\303\\2511\\00119"), Some(OsString::from("é1\u{1}19")));
        for bad in [&b"\\777"[..], b"\\", b"\\q", b"a\\9"] {
            assert_eq!(unvis(bad), None, "{}", bad.escape_ascii());
        }
    }

    #[test]
    fn the_last_entry_counts() {
        let fstab = Fstab::parse(b"/dev/a /x ufs rw 1 1\n/dev/b /x ufs rw 1 1\n", None);
        assert_eq!(fstab.search(OsStr::new("x")).map(|e| e.spec.clone()), Some("/dev/b".into()));
    }

    #[test]
    fn the_mounted_root_replaces_the_one_of_the_file() {
        let fstab = Fstab::parse(TEXT.as_bytes(), Some(OsStr::new("/dev/ufs/root")));
        let root = fstab.search(OsStr::new("/")).map(|e| e.spec.clone());
        assert_eq!(root, Some("/dev/ufs/root".into()));
        assert_eq!(fstab.search(OsStr::new("/dev/ada0p2")), None);
    }

    #[test]
    fn any_bytes_do_no_harm() {
        let mut text = TEXT.as_bytes().to_vec();
        for at in (0..text.len()).step_by(if cfg!(miri) { 41 } else { 1 }) {
            let kept = text[at];
            text[at] = (at % 251) as u8;
            let fstab = Fstab::parse(&text, None);
            assert!(fstab.entries.len() <= 16);
            text[at] = kept;
        }
    }
}
