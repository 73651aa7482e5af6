// SPDX-License-Identifier: BSD-2-Clause
//! The components of a block device, from sysfs(5): the disk of a partition, the file of a loop device, the parts of a mapped device.

use crate::os::check;
use crate::os::identity::{Identity, Object, backing};
use nix::fcntl::{OFlag, open};
use nix::sys::stat::{Mode, fstat, major, makedev, minor};
use std::fs::{self, Metadata};
use std::os::fd::AsRawFd;
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

/// Maximum number of layers, to terminate even on a cycle, which should not exist.
const MOST_LAYERS: usize = 32;

/// `#define LOOP_GET_STATUS64 0x4C05` (linux/loop.h)
const LOOP_GET_STATUS64: u32 = 0x4c05;

/// Words of 8 bytes in a `struct loop_info64`; the first three are `lo_device`, `lo_inode` and `lo_rdevice`.
const LOOP_INFO_WORDS: usize = 29;

/// When the file was made (`stx_btime`, statx(2)); not every file system keeps it.
pub fn born(meta: &Metadata) -> Option<u128> {
    meta.created().ok()?.duration_since(UNIX_EPOCH).ok().map(|time| time.as_nanos())
}

/// The disk with that number, if it is one: character devices are none.
pub fn disk(number: u64, is_block: bool) -> Object {
    let mut object = Object::default();
    if is_block {
        gather(number, true, &mut object, 0);
    }
    object
}

/// Notes a block device and what is below it. `same`: it is the disk in question, and not only holds it.
fn gather(number: u64, same: bool, object: &mut Object, layer: usize) {
    let folder = PathBuf::from(format!("/sys/dev/block/{}:{}", major(number), minor(number)));
    let folder = fs::canonicalize(&folder).unwrap_or(folder);
    let partition = folder.join("partition").exists();
    let whole = if partition { folder.parent().unwrap_or(&folder) } else { &folder };
    let medium = read(&whole.join("diskseq")).and_then(|text| text.parse().ok());
    let list = if same { &mut object.same } else { &mut object.within };
    list.push(Identity::Disk { number, medium });
    if layer == MOST_LAYERS {
        return;
    }
    if partition {
        if let Some(disk) = device_of(whole) {
            gather(disk, false, object, layer + 1);
        }
        return;
    }
    for below in of_loop(&folder, number) {
        match below {
            Below::Disk(disk) => gather(disk, same, object, layer + 1),
            Below::File(file) => if same { &mut object.same } else { &mut object.within }.push(file),
        }
    }
    let slaves = fs::read_dir(folder.join("slaves")).into_iter().flatten().flatten();
    for slave in slaves.filter_map(|slave| device_of(&slave.path())) {
        gather(slave, false, object, layer + 1);
    }
}

/// The backing file of a loop device.
enum Below {
    Disk(u64),
    File(Identity),
}

/// What is below a loop device: by its name, and by its numbers, since the name may be gone or be another's in this mount name space.
fn of_loop(folder: &Path, number: u64) -> Vec<Below> {
    let mut found = Vec::new();
    let Ok(mut name) = fs::read(folder.join("loop/backing_file")) else { return found };
    if name.last() == Some(&b'\n') {
        name.pop();
    }
    let name = PathBuf::from(std::ffi::OsString::from_vec(name));
    for identity in backing(&name).into_iter().flat_map(|object| object.same) {
        found.push(match identity {
            Identity::Disk { number, .. } => Below::Disk(number),
            file => Below::File(file),
        });
    }
    if let Some([device, inode, disk]) = status(folder, number) {
        let file = Identity::File { device: decode(device), inode, born: None };
        match decode(disk) {
            0 if found.iter().any(|below| matches!(below, Below::File(named) if named.is(&file))) => {}
            0 => found.push(Below::File(file)),
            disk => found.push(Below::Disk(disk)),
        }
    }
    found
}

/// Asks a loop device for `lo_device`, `lo_inode` and `lo_rdevice`.
fn status(folder: &Path, number: u64) -> Option<[u64; 3]> {
    let path = Path::new("/dev").join(folder.file_name()?);
    let fd = open(&path, OFlag::O_RDONLY | OFlag::O_NONBLOCK | OFlag::O_CLOEXEC, Mode::empty()).ok()?;
    if fstat(&fd).ok()?.st_rdev != number {
        return None;
    }
    let mut info = [0_u64; LOOP_INFO_WORDS];
    // SAFETY: LOOP_GET_STATUS64 writes one struct loop_info64, which has as many bytes as `info`, through its argument.
    check(unsafe { libc::ioctl(fd.as_raw_fd(), LOOP_GET_STATUS64 as _, info.as_mut_ptr()) }).ok()?;
    Some([info[0], info[1], info[2]])
}

/// A device number as the kernel gives it to programs in 32 bits (`new_encode_dev`, linux/kdev_t.h), as stat(2) has it.
fn decode(number: u64) -> u64 {
    makedev((number & 0xf_ff00) >> 8, (number & 0xff) | ((number >> 12) & 0xf_ff00))
}

/// The number of the device that a folder of sysfs is of.
fn device_of(folder: &Path) -> Option<u64> {
    let text = read(&folder.join("dev"))?;
    let (major, minor) = text.split_once(':')?;
    Some(makedev(major.parse().ok()?, minor.parse().ok()?))
}

fn read(path: &Path) -> Option<String> {
    fs::read_to_string(path).ok().map(|text| text.trim_end().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_devices_are_decoded() {
        assert_eq!(decode(0x0801), makedev(8, 1));
        assert_eq!(decode(0x1234_5678), makedev(0x456, 0x1_2378));
    }

    #[test]
    fn a_partition_is_within_its_disk() {
        let numbers = fs::read_dir("/sys/dev/block").into_iter().flatten().flatten();
        for number in numbers.filter_map(|entry| device_of(&entry.path())) {
            let object = disk(number, true);
            let name = PathBuf::from(format!("/sys/dev/block/{}:{}", major(number), minor(number)));
            assert!(matches!(object.same[0], Identity::Disk { number: found, .. } if found == number));
            assert!(!name.join("partition").exists() || !object.within.is_empty(), "{}", name.display());
        }
        assert_eq!(disk(makedev(1, 3), false), Object::default());
    }
}
