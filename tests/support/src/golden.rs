// SPDX-License-Identifier: BSD-2-Clause
//! The reference: images, and what FreeBSD's dump wrote from them. The environment variable `CAPDUMP_GOLDEN` names its
//! folder: `manifest.tsv`, `images/*.img.zst`, `out/<image>/<case>.*`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::canonical::{Block, blocks, differences, differences_before_end};
use crate::header::{Kind, change, field};
use crate::messages;
use crate::mounts::Tmpfs;
use crate::program::{Ran, TempDir, run, skipped, without_tty};

/// One output of a case.
#[derive(Clone, Debug)]
pub struct Output {
    /// Its name: `out`, `stdout`, `v01`…
    pub name: String,
    /// Its length in bytes.
    pub size: u64,
    /// The file below `out/` that holds it, where the reference keeps it.
    pub kept: Option<String>,
}

/// One command of the reference, with all its outputs.
#[derive(Clone, Debug)]
pub struct Case {
    /// The case's name, the same for all images.
    pub name: String,
    /// The image's file name.
    pub image: String,
    /// Arguments of dump, with `OUT/`, `MPn/` and `TMP`.
    pub argv: Vec<String>,
    /// The time of day, seconds since 1970.
    pub now: String,
    /// The exit status.
    pub rc: i32,
    /// The outputs, in order.
    pub outputs: Vec<Output>,
}

impl Case {
    /// The image's name without its ending.
    pub fn stem(&self) -> &str {
        self.image.trim_end_matches(".img")
    }
}

/// What capdump made of a case.
#[derive(Debug)]
pub struct CaseRun {
    /// How it ran.
    pub ran: Ran,
    /// Its outputs, in the order of [`Case::outputs`]; empty where there is none.
    pub outputs: Vec<Vec<u8>>,
    /// Its messages, with the folders' names put back to `OUT/`, `MPn/` and `TMP`.
    pub messages: String,
}

/// The reference's folder, and a place to work in.
pub struct Golden {
    root: PathBuf,
    work: TempDir,
    /// The cases, in the order of the manifest.
    pub cases: Vec<Case>,
}

impl Golden {
    /// The reference, if `CAPDUMP_GOLDEN` names it; otherwise says so.
    pub fn find() -> Option<Golden> {
        let Some(root) = std::env::var_os("CAPDUMP_GOLDEN").map(PathBuf::from) else {
            skipped("CAPDUMP_GOLDEN does not name the reference's folder");
            return None;
        };
        let text = fs::read_to_string(root.join("manifest.tsv")).expect("the manifest");
        let work = TempDir::new("capdump-golden");
        fs::create_dir(work.join("images")).expect("a folder for images");
        Some(Golden { root, work, cases: parse(&text) })
    }

    /// The case of that name for an image.
    ///
    /// Panics if there is none.
    pub fn case(&self, image: &str, name: &str) -> &Case {
        let found = self.cases.iter().find(|c| c.image == image && c.name == name);
        found.unwrap_or_else(|| panic!("no case {name} of {image}"))
    }

    /// The folder that images are unpacked in.
    pub fn images(&self) -> PathBuf {
        self.work.join("images")
    }

    /// An image, unpacked on first use.
    pub fn image(&self, name: &str) -> PathBuf {
        let path = self.images().join(name);
        if !path.exists() {
            let from = self.root.join("images").join(format!("{name}.zst"));
            let mut zstd = Command::new("zstd");
            zstd.args(["-dq", "--sparse", "-o"]).arg(&path).arg(from);
            let status = zstd.status().expect("zstd to be installed");
            assert!(status.success(), "zstd of {name}");
        }
        path
    }

    /// What FreeBSD's dump wrote as output `n`; `None` if only its size is kept.
    pub fn reference(&self, case: &Case, n: usize) -> Option<Vec<u8>> {
        let kept = case.outputs.get(n)?.kept.as_ref().filter(|k| k.ends_with(".zst"))?;
        let from = self.root.join("out").join(kept);
        let done = Command::new("zstd").arg("-dcq").arg(from).output().expect("zstd");
        assert!(done.status.success(), "zstd of {kept}");
        let is_ufs1 = case.image.trim_start_matches(|c: char| c.is_ascii_alphabetic()).starts_with('1');
        Some(if is_ufs1 { with_unsigned_times(&done.stdout) } else { done.stdout })
    }

    /// The text file that the reference keeps of a case: `err`, or `dumpdates`.
    pub fn text(&self, case: &Case, ending: &str) -> String {
        let name = format!("{}.{ending}", case.name);
        let path = self.root.join("out").join(case.stem()).join(name);
        fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
    }

    /// The folder that stands for `TMP`; the same for all cases.
    pub fn scratch(&self) -> PathBuf {
        self.work.join("tmp")
    }

    /// Runs a case with `extra` arguments put first.
    pub fn run(&self, case: &Case, program: &Path, extra: &[&str]) -> CaseRun {
        self.image(&case.image);
        let out = self.work.join("out");
        let tmp = self.scratch();
        for dir in [&out, &tmp] {
            fs::create_dir_all(dir).expect("a folder");
        }
        let mounts = Tmpfs::for_case(self.work.path(), &case.name, &case.argv);
        let places = self.places(&mounts);
        let fill = |arg: &String| places.iter().fold(arg.clone(), |a, (short, long)| a.replace(short, long));
        let mut command = without_tty(program);
        command.args(extra).args(case.argv.iter().map(fill)).current_dir(self.images());
        command.env("TZ", "UTC").env("SOURCE_DATE_EPOCH", &case.now).env("TAPE", "/dev/sa0");
        let ran = run(&mut command, Duration::from_secs(60));
        let read = |o: &Output| match o.name.as_str() {
            "stdout" => ran.stdout.clone(),
            _ => self.read_output(&mounts, &o.name),
        };
        let outputs = case.outputs.iter().map(read).collect();
        let put_back = |text: String, (short, long): &(String, String)| text.replace(long, short);
        let messages = places.iter().rev().fold(ran.stderr.clone(), put_back);
        fs::remove_dir_all(&out).expect("the outputs to be removed");
        CaseRun { ran, outputs, messages }
    }

    fn places(&self, mounts: &[Tmpfs]) -> Vec<(String, String)> {
        let long = |path: &Path| format!("{}/", path.display());
        let mut out = vec![
            ("OUT/".to_owned(), long(&self.work.join("out"))),
            ("TMP/".to_owned(), long(&self.scratch())),
        ];
        out.extend(mounts.iter().enumerate().map(|(n, m)| (format!("MP{n}/"), long(m.path()))));
        out
    }

    fn read_output(&self, mounts: &[Tmpfs], name: &str) -> Vec<u8> {
        let mut dirs = vec![self.work.join("out")];
        dirs.extend(mounts.iter().map(|m| m.path().to_owned()));
        dirs.iter().find_map(|d| fs::read(d.join(name)).ok()).unwrap_or_default()
    }

    /// How capdump's run differs from the reference: exit status, messages, sizes, and bytes by
    /// [`crate::canonical`]. Empty if it doesn't.
    ///
    /// An output of which only the size is kept is compared with that of a case that differs in the record size or
    /// the dates only, if there is one.
    pub fn differences(&self, case: &Case, done: &CaseRun) -> Vec<String> {
        let mut out = Vec::new();
        if done.ran.code() != case.rc {
            out.push(format!("exit {}, not {}: {}", done.ran.code(), case.rc, done.messages));
        }
        // These images hold a file with a time that was before 1970 for FreeBSD before version 15, and is after 2038 now: increments have it.
        let is_increment = ["L1_", "U1_", "U2_", "U3_"].iter().any(|start| case.name.starts_with(start));
        if case.image.starts_with("w1_") && is_increment {
            return out;
        }
        out.extend(messages::differences(&done.messages, &self.text(case, "err")));
        for (n, (output, bytes)) in case.outputs.iter().zip(&done.outputs).enumerate() {
            if bytes.len() as u64 != output.size {
                out.push(format!("{}: {} bytes, not {}", output.name, bytes.len(), output.size));
            }
            let found = match self.reference(case, n) {
                Some(reference) => differences(bytes, &reference, &["c_host"]),
                None => self.derived(case).map_or_else(Vec::new, |reference| {
                    differences_before_end(bytes, &reference, &["c_host"])
                }),
            };
            out.extend(found.into_iter().map(|d| format!("{}: {d}", output.name)));
        }
        out.iter().map(|d| format!("{} {}: {d}", case.image, case.name)).collect()
    }

    /// The stream of `L0_b10` with the dates changed as `case` asks, if it differs in these and the records only.
    fn derived(&self, case: &Case) -> Option<Vec<u8>> {
        let date = match case.name.as_str() {
            "L0_r" | "L0_R" => 0,
            "L0_b1" | "L0_b10" | "L0_b32" | "L0_b64" | "L0_C4" | "L0_stdout" => {
                case.now.parse().expect("a time")
            }
            name if name.starts_with("U0_") => case.now.parse().expect("a time"),
            _ => return None,
        };
        let stream = self.reference(self.case(&case.image, "L0_b10"), 0)?;
        Some(with_dates(&stream, date, case.name == "L0_R"))
    }
}

/// A stream of UFS1 with the times that FreeBSD gives it since version 15, which takes the 32 bits as unsigned. The reference is older.
fn with_unsigned_times(stream: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(stream.len());
    for (name, block) in blocks(stream) {
        let mut block = block.to_vec();
        if let Block::Header(_) = name {
            change(&mut block, |b| {
                for at in ["c_atime", "c_mtime"].map(|name| field(name).0) {
                    let time = i64::from_le_bytes(b[at..at + 8].try_into().expect("eight bytes"));
                    if (i64::from(i32::MIN)..0).contains(&time) {
                        b[at..at + 8].copy_from_slice(&(time + (1 << 32)).to_le_bytes());
                    }
                }
            });
        }
        out.extend(block);
    }
    out
}

/// A level 0 stream made at `date`; with `-R`, last access is said to be the last change.
fn with_dates(stream: &[u8], date: i64, no_access: bool) -> Vec<u8> {
    let mut out = Vec::with_capacity(stream.len());
    for (name, block) in blocks(stream) {
        let mut block = block.to_vec();
        if let Block::Header(kind) = name {
            change(&mut block, |b| {
                b[field("c_date").0..][..8].copy_from_slice(&date.to_le_bytes());
                if no_access && matches!(kind, Kind::Inode | Kind::Addr) {
                    b.copy_within(field("c_mtime").0..field("c_mtime").0 + 8, field("c_atime").0);
                    let nano = field("c_mtimensec").0;
                    b.copy_within(nano..nano + 4, field("c_atimensec").0);
                }
            });
        }
        out.extend(block);
    }
    out
}

fn parse(manifest: &str) -> Vec<Case> {
    let mut cases: Vec<Case> = Vec::new();
    for line in manifest.lines().skip(1) {
        let f: Vec<&str> = line.split('\t').collect();
        let size = f[6].parse().expect("a size");
        let kept = f.get(8).filter(|k| !k.is_empty()).map(|k| (*k).to_owned());
        let output = (f[5] != "-").then(|| Output { name: f[5].to_owned(), size, kept });
        match cases.last_mut().filter(|c| c.name == f[0] && c.image == f[1]) {
            Some(case) => case.outputs.extend(output),
            None => cases.push(Case {
                name: f[0].to_owned(),
                image: f[1].to_owned(),
                argv: words(f[2]).split_off(1),
                now: f[3].to_owned(),
                rc: f[4].parse().expect("an exit status"),
                outputs: output.into_iter().collect(),
            }),
        }
    }
    cases
}

/// Splits a command at blanks outside single quotes.
fn words(command: &str) -> Vec<String> {
    let mut out = vec![String::new()];
    let mut quoted = false;
    for c in command.chars() {
        match c {
            '\'' => quoted = !quoted,
            ' ' if !quoted => out.push(String::new()),
            _ => out.last_mut().expect("never empty").push(c),
        }
    }
    out.retain(|w| !w.is_empty());
    out
}
