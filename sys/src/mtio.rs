// SPDX-License-Identifier: BSD-2-Clause
//! Tape structures and ioctls (sys/mtio.h); the names are C's.
#![allow(non_camel_case_types)]

use crate::ioccom::{IOC_IN, IOC_OUT, ioc};
use libc::{c_char, c_int, c_short, c_ulong};

/// `struct mtop`: what `MTIOCTOP` is to do.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct mtop {
    /// One of the operations below.
    pub mt_op: c_short,
    /// How often.
    pub mt_count: i32,
}

/// `#define MTWEOF 0`: write filemarks.
pub const MTWEOF: c_short = 0;
/// `#define MTFSF 1`: forward over filemarks.
pub const MTFSF: c_short = 1;
/// `#define MTBSF 2`: back over filemarks.
pub const MTBSF: c_short = 2;
/// `#define MTFSR 3`: forward over records.
pub const MTFSR: c_short = 3;
/// `#define MTBSR 4`: back over records.
pub const MTBSR: c_short = 4;
/// `#define MTREW 5`: rewind.
pub const MTREW: c_short = 5;
/// `#define MTOFFL 6`: rewind and put the drive offline.
pub const MTOFFL: c_short = 6;
/// `#define MTNOP 7`: nothing, but set the status.
pub const MTNOP: c_short = 7;
/// `#define MTLOAD 19`: load the tape that is in the drive.
pub const MTLOAD: c_short = 19;

/// `struct mtget`: what `MTIOCGET` says. Fields after `mt_blksiz` that capdump has no use for are kept for their room.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub struct mtget {
    /// Kind of drive.
    pub mt_type: c_short,
    /// What the drive is doing.
    pub mt_dsreg: c_short,
    /// Error register.
    pub mt_erreg: c_short,
    /// Residual count; 16 bits, so often nonsense.
    pub mt_resid: c_short,
    /// Bytes in a block; 0 for a variable size.
    pub mt_blksiz: i32,
    /// Density in use.
    pub mt_density: i32,
    /// Compression in use.
    pub mt_comp: u32,
    /// `mt_blksiz0` to `mt_blksiz3`.
    pub mt_blksizes: [i32; 4],
    /// `mt_density0` to `mt_density3`.
    pub mt_densities: [i32; 4],
    /// `mt_comp0` to `mt_comp3`.
    pub mt_comps: [u32; 4],
    /// Number of the tape file; -1 if unknown.
    pub mt_fileno: i32,
    /// Number of the record in it; -1 if unknown.
    pub mt_blkno: i32,
}

/// The counters `wterr` and `rderr` of [`scsi_tape_errors`], which no driver fills in.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct scsi_tape_counters {
    /// Retries.
    pub retries: u32,
    /// Corrections.
    pub corrected: u32,
    /// Corrections that worked.
    pub processed: u32,
    /// Failures.
    pub failures: u32,
    /// Bytes.
    pub nbytes: u64,
}

/// `struct scsi_tape_errors`: what is kept of the last commands that failed.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct scsi_tape_errors {
    /// Sense data of the last data command that failed.
    pub io_sense: [u8; 32],
    /// Bytes it left undone.
    pub io_resid: i32,
    /// The command.
    pub io_cdb: [u8; 16],
    /// Sense data of the last control command that failed.
    pub ctl_sense: [u8; 32],
    /// What it left undone.
    pub ctl_resid: i32,
    /// The command.
    pub ctl_cdb: [u8; 16],
    /// Written.
    pub wterr: scsi_tape_counters,
    /// Read.
    pub rderr: scsi_tape_counters,
}

/// `union mterrstat`: 256 bytes.
#[repr(C)]
#[derive(Clone, Copy)]
pub union mterrstat {
    /// What a SCSI drive says.
    pub scsi_errstat: scsi_tape_errors,
    /// Room.
    pub _reserved_padding: [c_char; 256],
}

/// `mt_ext_get_status`: the request was answered whole.
pub const MT_EXT_GET_OK: c_int = 1;
/// `mt_ext_get_status`: the buffer is too small.
pub const MT_EXT_GET_NEED_MORE_SPACE: c_int = 2;

/// `struct mtextget`: `MTIOCEXTGET`'s request for a status in XML.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct mtextget {
    /// Bytes of the buffer.
    pub alloc_len: u32,
    /// The buffer; the kernel ends the text with NUL.
    pub status_xml: *mut c_char,
    /// Bytes filled, or wanted.
    pub fill_len: u32,
    /// One of the `MT_EXT_GET_` values.
    pub status: c_int,
    /// Why it failed.
    pub error_str: [c_char; 128],
    /// Room.
    pub reserved: [u8; 64],
}

/// `#define MTIOCTOP _IOW('m', 1, struct mtop)`
pub const MTIOCTOP: c_ulong = ioc::<mtop>(IOC_IN, b'm', 1);
/// `#define MTIOCGET _IOR('m', 2, struct mtget)`
pub const MTIOCGET: c_ulong = ioc::<mtget>(IOC_OUT, b'm', 2);
/// `#define MTIOCRDSPOS _IOR('m', 5, u_int32_t)`: the logical block.
pub const MTIOCRDSPOS: c_ulong = ioc::<u32>(IOC_OUT, b'm', 5);
/// `#define MTIOCERRSTAT _IOR('m', 7, union mterrstat)`; asking clears the data.
pub const MTIOCERRSTAT: c_ulong = ioc::<mterrstat>(IOC_OUT, b'm', 7);
/// `#define MTIOCGETEOTMODEL _IOR('m', 8, u_int32_t)`: how many filemarks end a tape.
pub const MTIOCGETEOTMODEL: c_ulong = ioc::<u32>(IOC_OUT, b'm', 8);
/// `#define MTIOCEXTGET _IOWR('m', 11, struct mtextget)`
pub const MTIOCEXTGET: c_ulong = ioc::<mtextget>(IOC_IN | IOC_OUT, b'm', 11);

const _: () = assert!(size_of::<mtop>() == 8 && MTIOCTOP == 0x8008_6d01);
const _: () = assert!(size_of::<mtget>() == 76 && MTIOCGET == 0x404c_6d02);
const _: () = assert!(MTIOCRDSPOS == 0x4004_6d05);
const _: () = assert!(size_of::<scsi_tape_counters>() == 24);
const _: () = assert!(size_of::<scsi_tape_errors>() == 152);
const _: () = assert!(size_of::<mterrstat>() == 256 && MTIOCERRSTAT == 0x4100_6d07);
const _: () = assert!(MTIOCGETEOTMODEL == 0x4004_6d08);
#[cfg(target_pointer_width = "64")]
const _: () = assert!(size_of::<mtextget>() == 216 && MTIOCEXTGET == 0xc0d8_6d0b);
#[cfg(target_pointer_width = "32")]
const _: () = assert!(size_of::<mtextget>() == 208 && MTIOCEXTGET == 0xc0d0_6d0b);
