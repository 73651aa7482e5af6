// SPDX-License-Identifier: BSD-2-Clause
//! Answers what the kernel asks of the file system.

use std::fs::File;
use std::io::{IoSlice, Read, Write};
use std::sync::{Arc, Mutex};

use nix::errno::Errno;

use super::nodes::{Node, Nodes};
use super::{KINDS, Plan};
use crate::fuse::wire::{self, LARGEST, REQUEST, longs, u32_at, u64_at, words};

/// Type bits of a regular file, a symbolic link and a directory (sys/stat.h).
const S_IFREG: u32 = 0o100_000;
const S_IFLNK: u32 = 0o120_000;
const S_IFDIR: u32 = 0o040_000;

/// Bits of `valid` in `struct fuse_setattr_in`.
const FATTR_MODE: u32 = 1;
const FATTR_UID: u32 = 1 << 1;
const FATTR_GID: u32 = 1 << 2;
const FATTR_SIZE: u32 = 1 << 3;
const FATTR_ATIME: u32 = 1 << 4;
const FATTR_MTIME: u32 = 1 << 5;
const FATTR_CTIME: u32 = 1 << 10;

/// Who asks (`struct fuse_in_header`).
struct Asker {
    node: u64,
    uid: u32,
    gid: u32,
}

/// The server.
pub(super) struct Server {
    device: File,
    plan: Arc<Mutex<Plan>>,
    keeps_writes: bool,
    nodes: Nodes,
}

impl Server {
    pub fn new(device: File, plan: Arc<Mutex<Plan>>, keeps_writes: bool) -> Server {
        Server { device, plan, keeps_writes, nodes: Nodes::new() }
    }

    /// Ends when the file system is unmounted.
    pub fn run(&mut self) {
        let mut buf = vec![0; REQUEST];
        loop {
            match (&self.device).read(&mut buf) {
                Ok(length) => self.request(&buf[..length]),
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                // The request was taken back.
                Err(error) if error.raw_os_error() == Some(Errno::ENOENT as i32) => {}
                Err(_) => return,
            }
        }
    }

    /// Answers one request (`struct fuse_in_header`, 40 bytes, then its arguments).
    fn request(&mut self, bytes: &[u8]) {
        let (code, unique, node) = (u32_at(bytes, 4), u64_at(bytes, 8), u64_at(bytes, 16));
        let asker = Asker { node, uid: u32_at(bytes, 24), gid: u32_at(bytes, 28) };
        // Forget, interrupt, and forget in a batch have no answer.
        if matches!(code, 2 | 36 | 42) {
            return;
        }
        let kind = KINDS.into_iter().find(|kind| *kind as u32 == code);
        let planned = kind.and_then(|kind| self.plan.lock().expect("no panic").next(kind));
        let answer = planned.map_or_else(|| self.answer(code, &asker, &bytes[40..]), Err);
        let (error, body) = match &answer {
            Ok(body) => (0, body.as_slice()),
            Err(errno) => (-(*errno as i32), &[][..]),
        };
        let head = wire::header(body.len(), error, unique);
        // An answer that nobody waits for any more is refused; so be it.
        let _ = (&self.device).write_vectored(&[IoSlice::new(&head), IoSlice::new(body)]);
    }

    fn answer(&mut self, code: u32, asker: &Asker, args: &[u8]) -> Result<Vec<u8>, Errno> {
        let id = asker.node;
        match code {
            1 => self.nodes.find(id, strings(args)[0]).and_then(|found| self.nodes.entry(found)),
            3 => self.attributes(id),
            4 => self.set_attributes(id, args),
            5 => Ok(self.nodes.get(id)?.data.clone()),
            6 => {
                let [name, text] = strings(args)[..] else { return Err(Errno::EINVAL) };
                self.make(asker, name, S_IFLNK | 0o777, Node { data: text.to_vec(), ..Node::default() })
            }
            8 => {
                let node = Node { rdev: u32_at(args, 4), ..Node::default() };
                self.make(asker, strings(&args[16..])[0], u32_at(args, 0), node)
            }
            9 => self.make(asker, strings(&args[8..])[0], S_IFDIR | u32_at(args, 0), Node::default()),
            10 | 11 => self.nodes.remove(id, strings(args)[0], code == 11).map(|()| Vec::new()),
            12 => {
                let [old, new] = strings(&args[8..])[..] else { return Err(Errno::EINVAL) };
                self.nodes.rename(id, old, u64_at(args, 0), new).map(|()| Vec::new())
            }
            13 => {
                let of = u64_at(args, 0);
                self.nodes.link(of, id, strings(&args[8..])[0]).and_then(|()| self.nodes.entry(of))
            }
            14 | 27 => Ok([longs(&[0]), words(&[0, 0])].concat()),
            15 => Ok(part(&self.nodes.get(id)?.data, u64_at(args, 8), u32_at(args, 16))),
            16 => self.write(id, u64_at(args, 8), &args[40..40 + u32_at(args, 16) as usize]),
            17 => Ok([longs(&[1 << 20, 1 << 19, 1 << 19, 1 << 20, 1 << 19]), words(&[4096, 255, 4096, 0])]
                .concat()
                .into_iter()
                .chain([0; 24])
                .collect()),
            18 | 20 | 25 | 29 | 30 | 38 => Ok(Vec::new()), // release, sync, flush, destroy
            21 => {
                let name = strings(&args[8..])[0];
                let value = &args[8 + name.len() + 1..][..u32_at(args, 0) as usize];
                self.nodes.get(id)?.attributes.insert(name.to_vec(), value.to_vec());
                Ok(Vec::new())
            }
            22 => {
                let node = self.nodes.get(id)?;
                let value = node.attributes.get(strings(&args[8..])[0]).ok_or(Errno::ENODATA)?;
                sized(value.clone(), u32_at(args, 0))
            }
            23 => {
                let names = self.nodes.get(id)?.attributes.keys();
                sized(names.flat_map(|name| [name, &b"\0"[..]].concat()).collect(), u32_at(args, 0))
            }
            24 => {
                let gone = self.nodes.get(id)?.attributes.remove(strings(args)[0]);
                gone.map(|_| Vec::new()).ok_or(Errno::ENODATA)
            }
            26 => Ok(init(self.keeps_writes)),
            28 => self.nodes.directory(id, u64_at(args, 8) as usize, u32_at(args, 16) as usize),
            35 => {
                let made =
                    self.make(asker, strings(&args[16..])[0], S_IFREG | u32_at(args, 4), Node::default());
                Ok([made?, longs(&[0]), words(&[0, 0])].concat())
            }
            _ => Err(Errno::ENOSYS),
        }
    }

    fn make(&mut self, asker: &Asker, name: &[u8], mode: u32, node: Node) -> Result<Vec<u8>, Errno> {
        let node = Node { mode, uid: asker.uid, gid: asker.gid, ..node };
        let id = self.nodes.make(asker.node, name, node)?;
        self.nodes.entry(id)
    }

    /// `struct fuse_attr_out`.
    fn attributes(&mut self, id: u64) -> Result<Vec<u8>, Errno> {
        Ok([longs(&[0, 0]), self.nodes.attributes(id)?].concat())
    }

    /// `struct fuse_setattr_in`.
    fn set_attributes(&mut self, id: u64, args: &[u8]) -> Result<Vec<u8>, Errno> {
        let has = |bit: u32| u32_at(args, 0) & bit != 0;
        let node = self.nodes.get(id)?;
        if has(FATTR_MODE) {
            node.mode = u32_at(args, 68);
        }
        if has(FATTR_UID) {
            node.uid = u32_at(args, 76);
        }
        if has(FATTR_GID) {
            node.gid = u32_at(args, 80);
        }
        if has(FATTR_SIZE) {
            node.data.resize(usize::try_from(u64_at(args, 16)).map_err(|_| Errno::EFBIG)?, 0);
        }
        if has(FATTR_ATIME) {
            node.atime = (u64_at(args, 32), u32_at(args, 56));
        }
        if has(FATTR_MTIME) {
            node.mtime = (u64_at(args, 40), u32_at(args, 60));
        }
        if has(FATTR_CTIME) {
            node.ctime = (u64_at(args, 48), u32_at(args, 64));
        }
        self.attributes(id)
    }

    fn write(&mut self, id: u64, offset: u64, bytes: &[u8]) -> Result<Vec<u8>, Errno> {
        let node = self.nodes.get(id)?;
        let start = usize::try_from(offset).map_err(|_| Errno::EFBIG)?;
        let end = start + bytes.len();
        node.data.resize(node.data.len().max(end), 0);
        node.data[start..end].copy_from_slice(bytes);
        Ok(words(&[bytes.len() as u32, 0]))
    }
}

/// The strings in arguments, each of which ends in NUL; at least one.
fn strings(args: &[u8]) -> Vec<&[u8]> {
    args.split(|&byte| byte == 0).take(2).collect()
}

fn part(data: &[u8], offset: u64, length: u32) -> Vec<u8> {
    let start = usize::try_from(offset).unwrap_or(usize::MAX).min(data.len());
    data[start..data.len().min(start + length as usize)].to_vec()
}

/// A value, or its length (`struct fuse_getxattr_out`) where there is no room for any.
fn sized(value: Vec<u8>, room: u32) -> Result<Vec<u8>, Errno> {
    match room as usize {
        0 => Ok(words(&[value.len() as u32, 0])),
        room if room < value.len() => Err(Errno::ERANGE),
        _ => Ok(value),
    }
}

/// `struct fuse_init_out` of version 7.31: large writes (`FUSE_BIG_WRITES`, `FUSE_MAX_PAGES`), and a cache for them if it is wanted
/// (`FUSE_WRITEBACK_CACHE`).
fn init(keeps_writes: bool) -> Vec<u8> {
    const FLAGS: u32 = 1 << 5 | 1 << 22;
    const WRITEBACK_CACHE: u32 = 1 << 16;
    let flags = FLAGS | if keeps_writes { WRITEBACK_CACHE } else { 0 };
    let mut out = words(&[7, 31, 0, flags]);
    out.extend([16_u16, 12].iter().flat_map(|number| number.to_ne_bytes()));
    out.extend(words(&[LARGEST as u32, 1, (LARGEST / 4096) as u32]));
    out.resize(64, 0);
    out
}
