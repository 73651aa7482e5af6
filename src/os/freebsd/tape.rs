// SPDX-License-Identifier: BSD-2-Clause
//! sa(4).

use crate::os::check;
use crate::os::freebsd::host;
use crate::os::tape::{Errors, MtOp, Status, known};
use capdump_sys::mtio::{self, mterrstat, mtextget, mtget, mtop};
use std::ffi::{CStr, CString, c_char, c_int, c_short};
use std::io;
use std::mem::{MaybeUninit, size_of_val};
use std::os::fd::{AsRawFd, BorrowedFd};
use std::path::Path;

fn number(op: MtOp) -> c_int {
    match op {
        MtOp::WriteFilemarks => mtio::MTWEOF,
        MtOp::Rewind => mtio::MTREW,
        MtOp::Offline => mtio::MTOFFL,
        MtOp::ForwardFiles => mtio::MTFSF,
        MtOp::BackFiles => mtio::MTBSF,
    }
}

/// Does one operation.
pub fn op(fd: BorrowedFd<'_>, op: MtOp, count: i32) -> io::Result<()> {
    let mt_op = c_short::try_from(number(op)).map_err(|_| io::ErrorKind::InvalidInput)?;
    let arg = mtop { mt_op, mt_count: count };
    // SAFETY: MTIOCTOP reads one mtop, which outlives the call.
    check(unsafe { libc::ioctl(fd.as_raw_fd(), mtio::MTIOCTOP, &arg) }).map(drop)
}

/// The position of the drive.
pub fn status(fd: BorrowedFd<'_>) -> io::Result<Status> {
    // SAFETY: mtget is a C struct of numbers, for which zero is a value.
    let mut get: mtget = unsafe { MaybeUninit::zeroed().assume_init() };
    // SAFETY: MTIOCGET writes one mtget.
    check(unsafe { libc::ioctl(fd.as_raw_fd(), mtio::MTIOCGET, &mut get) })?;
    Ok(Status {
        residual: i64::from(get.mt_resid),
        file: known(get.mt_fileno),
        record: known(get.mt_blkno),
        block_size: u32::try_from(get.mt_blksiz).unwrap_or_default(),
    })
}

/// The logical block the drive counts.
pub fn position(fd: BorrowedFd<'_>) -> io::Result<u32> {
    let mut block = 0_u32;
    // SAFETY: MTIOCRDSPOS writes one u_int32_t.
    check(unsafe { libc::ioctl(fd.as_raw_fd(), mtio::MTIOCRDSPOS, &mut block) })?;
    Ok(block)
}

/// The drive's status of the last failed read or write; reading the status clears it.
pub fn errors(fd: BorrowedFd<'_>) -> io::Result<Option<Errors>> {
    let mut stat = mterrstat { _reserved_padding: [0; 256] };
    // SAFETY: MTIOCERRSTAT writes one mterrstat.
    check(unsafe { libc::ioctl(fd.as_raw_fd(), mtio::MTIOCERRSTAT, &mut stat) })?;
    // SAFETY: every field of scsi_tape_errors is a number, so all bytes of the union are values of it.
    let scsi = unsafe { stat.scsi_errstat };
    Ok(Some(Errors { residual: scsi.io_resid, sense: scsi.io_sense }))
}

/// The smaller of the limits of driver and drive, if they report them.
pub fn max_record(fd: BorrowedFd<'_>, path: &Path) -> Option<u64> {
    let effective = extended_status(fd).and_then(|xml| max_effective_iosize(&xml));
    let driver = device_name(fd)
        .or_else(|| path.file_name()?.to_str().map(str::to_owned))
        .and_then(|name| unit(&name))
        .and_then(driver_maxio);
    [effective, driver].into_iter().flatten().filter(|size| *size != 0).min()
}

/// The device's name without `/dev/`, whatever link it was opened by.
fn device_name(fd: BorrowedFd<'_>) -> Option<String> {
    let stat = nix::sys::stat::fstat(fd).ok()?;
    if stat.st_mode & libc::S_IFMT != libc::S_IFCHR {
        return None;
    }
    let mut name = [0 as c_char; 64];
    // SAFETY: the buffer and its length belong together; devname_r ends what it writes with NUL.
    let answer =
        unsafe { libc::devname_r(stat.st_rdev, libc::S_IFCHR, name.as_mut_ptr(), size_of_val(&name) as _) };
    if answer.is_null() {
        return None;
    }
    let bytes: Vec<u8> = name.iter().map(|byte| *byte as u8).collect();
    Some(CStr::from_bytes_until_nul(&bytes).ok()?.to_str().ok()?.to_owned())
}

/// The unit of `sa0`, `nsa0`, `esa1.0` and the like.
fn unit(name: &str) -> Option<u32> {
    let name = name.strip_prefix(['n', 'e']).unwrap_or(name).strip_prefix("sa")?;
    let digits = name.split('.').next()?;
    digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse().ok())?
}

/// `kern.cam.sa.N.maxio`: an unsigned int.
fn driver_maxio(unit: u32) -> Option<u64> {
    let name = CString::new(format!("kern.cam.sa.{unit}.maxio")).ok()?;
    host::number(&name).map(u64::from)
}

/// Maximum size of a status in bytes; that of sa(4) has some thousands.
const MAX_STATUS: u32 = 1 << 20;

/// `MTIOCEXTGET`'s text. A buffer that is too small is answered with the status, and asked again with a larger one.
fn extended_status(fd: BorrowedFd<'_>) -> Option<String> {
    let mut room = 32 * 1024;
    while room <= MAX_STATUS {
        let mut text = vec![0_u8; usize::try_from(room).ok()?];
        // SAFETY: mtextget is a C struct of numbers and a pointer, for which zero is a value.
        let mut get: mtextget = unsafe { MaybeUninit::zeroed().assume_init() };
        get.alloc_len = room;
        get.status_xml = text.as_mut_ptr().cast();
        // SAFETY: MTIOCEXTGET reads and writes one mtextget, and writes at most alloc_len bytes through
        // status_xml, which is `text`; both outlive the call.
        check(unsafe { libc::ioctl(fd.as_raw_fd(), mtio::MTIOCEXTGET, &mut get) }).ok()?;
        match get.status {
            mtio::MT_EXT_GET_OK => {
                let text = CStr::from_bytes_until_nul(&text).ok()?;
                return Some(text.to_string_lossy().into_owned());
            }
            mtio::MT_EXT_GET_NEED_MORE_SPACE => room *= 4,
            _ => return None,
        }
    }
    None
}

/// The number in `<max_effective_iosize ...>N</max_effective_iosize>`.
fn max_effective_iosize(xml: &str) -> Option<u64> {
    let (_, rest) = xml.split_once("<max_effective_iosize")?;
    let (_, rest) = rest.split_once('>')?;
    let (number, _) = rest.split_once('<')?;
    number.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_unit() {
        for (name, number) in [("sa0", Some(0)), ("nsa12", Some(12)), ("esa1.0", Some(1))] {
            assert_eq!(unit(name), number, "{name}");
        }
        for name in ["sa", "sax", "da0", "nsa1x", ""] {
            assert_eq!(unit(name), None, "{name}");
        }
    }

    #[test]
    fn finds_the_limit_in_the_status() {
        let xml = "<mtextget><max_blk>8388608</max_blk>\
            <max_effective_iosize size=\"4\" fmt=\"%u\" desc=\"Max\">131072</max_effective_iosize></mtextget>";
        assert_eq!(max_effective_iosize(xml), Some(131_072));
        assert_eq!(max_effective_iosize("<max_effective_iosize>"), None);
    }
}
