// SPDX-License-Identifier: BSD-2-Clause
//! Made by bindgen.sh from FreeBSD's headers; not to be changed by hand.

pub const PROC_REAP_ACQUIRE: i32 = 2;
pub const PROC_REAP_STATUS: i32 = 4;
pub const PROC_REAP_KILL: i32 = 6;
pub const PD_DAEMON: i32 = 1;
pub const PD_CLOEXEC: i32 = 2;
pub const MTWEOF: i32 = 0;
pub const MTFSF: i32 = 1;
pub const MTBSF: i32 = 2;
pub const MTFSR: i32 = 3;
pub const MTBSR: i32 = 4;
pub const MTREW: i32 = 5;
pub const MTOFFL: i32 = 6;
pub const MTNOP: i32 = 7;
pub const MTLOAD: i32 = 19;
pub type __uint8_t = ::core::ffi::c_uchar;
pub type __int32_t = ::core::ffi::c_int;
pub type __uint32_t = ::core::ffi::c_uint;
pub type __int64_t = ::core::ffi::c_longlong;
pub type __uint64_t = ::core::ffi::c_ulonglong;
pub type __off_t = __int64_t;
pub type __pid_t = __int32_t;
pub type u_int = ::core::ffi::c_uint;
pub type u_int8_t = __uint8_t;
pub type u_int32_t = __uint32_t;
pub type u_int64_t = __uint64_t;
pub type off_t = __off_t;
pub type pid_t = __pid_t;
#[repr(C)]
#[derive(Debug, Copy, Clone)]
pub struct procctl_reaper_status {
    pub rs_flags: u_int,
    pub rs_children: u_int,
    pub rs_descendants: u_int,
    pub rs_reaper: pid_t,
    pub rs_pid: pid_t,
    pub rs_pad0: [u_int; 15usize],
}
#[allow(clippy::unnecessary_operation, clippy::identity_op)]
#[cfg(target_arch = "x86")]
const _: () = {
    ["Size of procctl_reaper_status"][::core::mem::size_of::<procctl_reaper_status>() - 80usize];
    ["Alignment of procctl_reaper_status"][::core::mem::align_of::<procctl_reaper_status>() - 4usize];
    ["Offset of field: procctl_reaper_status::rs_flags"]
        [::core::mem::offset_of!(procctl_reaper_status, rs_flags) - 0usize];
    ["Offset of field: procctl_reaper_status::rs_children"]
        [::core::mem::offset_of!(procctl_reaper_status, rs_children) - 4usize];
    ["Offset of field: procctl_reaper_status::rs_descendants"]
        [::core::mem::offset_of!(procctl_reaper_status, rs_descendants) - 8usize];
    ["Offset of field: procctl_reaper_status::rs_reaper"]
        [::core::mem::offset_of!(procctl_reaper_status, rs_reaper) - 12usize];
    ["Offset of field: procctl_reaper_status::rs_pid"]
        [::core::mem::offset_of!(procctl_reaper_status, rs_pid) - 16usize];
    ["Offset of field: procctl_reaper_status::rs_pad0"]
        [::core::mem::offset_of!(procctl_reaper_status, rs_pad0) - 20usize];
};
#[repr(C)]
#[derive(Debug, Copy, Clone)]
pub struct procctl_reaper_kill {
    pub rk_sig: ::core::ffi::c_int,
    pub rk_flags: u_int,
    pub rk_subtree: pid_t,
    pub rk_killed: u_int,
    pub rk_fpid: pid_t,
    pub rk_pad0: [u_int; 15usize],
}
#[allow(clippy::unnecessary_operation, clippy::identity_op)]
#[cfg(target_arch = "x86")]
const _: () = {
    ["Size of procctl_reaper_kill"][::core::mem::size_of::<procctl_reaper_kill>() - 80usize];
    ["Alignment of procctl_reaper_kill"][::core::mem::align_of::<procctl_reaper_kill>() - 4usize];
    ["Offset of field: procctl_reaper_kill::rk_sig"]
        [::core::mem::offset_of!(procctl_reaper_kill, rk_sig) - 0usize];
    ["Offset of field: procctl_reaper_kill::rk_flags"]
        [::core::mem::offset_of!(procctl_reaper_kill, rk_flags) - 4usize];
    ["Offset of field: procctl_reaper_kill::rk_subtree"]
        [::core::mem::offset_of!(procctl_reaper_kill, rk_subtree) - 8usize];
    ["Offset of field: procctl_reaper_kill::rk_killed"]
        [::core::mem::offset_of!(procctl_reaper_kill, rk_killed) - 12usize];
    ["Offset of field: procctl_reaper_kill::rk_fpid"]
        [::core::mem::offset_of!(procctl_reaper_kill, rk_fpid) - 16usize];
    ["Offset of field: procctl_reaper_kill::rk_pad0"]
        [::core::mem::offset_of!(procctl_reaper_kill, rk_pad0) - 20usize];
};
unsafe extern "C" {
    pub fn pdfork(arg1: *mut ::core::ffi::c_int, arg2: ::core::ffi::c_int) -> pid_t;
}
unsafe extern "C" {
    pub fn pdkill(arg1: ::core::ffi::c_int, arg2: ::core::ffi::c_int) -> ::core::ffi::c_int;
}
#[repr(C)]
#[derive(Debug, Copy, Clone)]
pub struct mtop {
    pub mt_op: ::core::ffi::c_short,
    pub mt_count: i32,
}
#[allow(clippy::unnecessary_operation, clippy::identity_op)]
#[cfg(target_arch = "x86")]
const _: () = {
    ["Size of mtop"][::core::mem::size_of::<mtop>() - 8usize];
    ["Alignment of mtop"][::core::mem::align_of::<mtop>() - 4usize];
    ["Offset of field: mtop::mt_op"][::core::mem::offset_of!(mtop, mt_op) - 0usize];
    ["Offset of field: mtop::mt_count"][::core::mem::offset_of!(mtop, mt_count) - 4usize];
};
#[repr(C)]
#[derive(Debug, Copy, Clone)]
pub struct mtget {
    pub mt_type: ::core::ffi::c_short,
    pub mt_dsreg: ::core::ffi::c_short,
    pub mt_erreg: ::core::ffi::c_short,
    pub mt_resid: ::core::ffi::c_short,
    pub mt_blksiz: i32,
    pub mt_density: i32,
    pub mt_comp: u_int32_t,
    pub mt_blksiz0: i32,
    pub mt_blksiz1: i32,
    pub mt_blksiz2: i32,
    pub mt_blksiz3: i32,
    pub mt_density0: i32,
    pub mt_density1: i32,
    pub mt_density2: i32,
    pub mt_density3: i32,
    pub mt_comp0: u_int32_t,
    pub mt_comp1: u_int32_t,
    pub mt_comp2: u_int32_t,
    pub mt_comp3: u_int32_t,
    pub mt_fileno: i32,
    pub mt_blkno: i32,
}
#[allow(clippy::unnecessary_operation, clippy::identity_op)]
#[cfg(target_arch = "x86")]
const _: () = {
    ["Size of mtget"][::core::mem::size_of::<mtget>() - 76usize];
    ["Alignment of mtget"][::core::mem::align_of::<mtget>() - 4usize];
    ["Offset of field: mtget::mt_type"][::core::mem::offset_of!(mtget, mt_type) - 0usize];
    ["Offset of field: mtget::mt_dsreg"][::core::mem::offset_of!(mtget, mt_dsreg) - 2usize];
    ["Offset of field: mtget::mt_erreg"][::core::mem::offset_of!(mtget, mt_erreg) - 4usize];
    ["Offset of field: mtget::mt_resid"][::core::mem::offset_of!(mtget, mt_resid) - 6usize];
    ["Offset of field: mtget::mt_blksiz"][::core::mem::offset_of!(mtget, mt_blksiz) - 8usize];
    ["Offset of field: mtget::mt_density"][::core::mem::offset_of!(mtget, mt_density) - 12usize];
    ["Offset of field: mtget::mt_comp"][::core::mem::offset_of!(mtget, mt_comp) - 16usize];
    ["Offset of field: mtget::mt_blksiz0"][::core::mem::offset_of!(mtget, mt_blksiz0) - 20usize];
    ["Offset of field: mtget::mt_blksiz1"][::core::mem::offset_of!(mtget, mt_blksiz1) - 24usize];
    ["Offset of field: mtget::mt_blksiz2"][::core::mem::offset_of!(mtget, mt_blksiz2) - 28usize];
    ["Offset of field: mtget::mt_blksiz3"][::core::mem::offset_of!(mtget, mt_blksiz3) - 32usize];
    ["Offset of field: mtget::mt_density0"][::core::mem::offset_of!(mtget, mt_density0) - 36usize];
    ["Offset of field: mtget::mt_density1"][::core::mem::offset_of!(mtget, mt_density1) - 40usize];
    ["Offset of field: mtget::mt_density2"][::core::mem::offset_of!(mtget, mt_density2) - 44usize];
    ["Offset of field: mtget::mt_density3"][::core::mem::offset_of!(mtget, mt_density3) - 48usize];
    ["Offset of field: mtget::mt_comp0"][::core::mem::offset_of!(mtget, mt_comp0) - 52usize];
    ["Offset of field: mtget::mt_comp1"][::core::mem::offset_of!(mtget, mt_comp1) - 56usize];
    ["Offset of field: mtget::mt_comp2"][::core::mem::offset_of!(mtget, mt_comp2) - 60usize];
    ["Offset of field: mtget::mt_comp3"][::core::mem::offset_of!(mtget, mt_comp3) - 64usize];
    ["Offset of field: mtget::mt_fileno"][::core::mem::offset_of!(mtget, mt_fileno) - 68usize];
    ["Offset of field: mtget::mt_blkno"][::core::mem::offset_of!(mtget, mt_blkno) - 72usize];
};
#[repr(C)]
#[derive(Debug, Copy, Clone)]
pub struct scsi_tape_errors {
    pub io_sense: [u_int8_t; 32usize],
    pub io_resid: i32,
    pub io_cdb: [u_int8_t; 16usize],
    pub ctl_sense: [u_int8_t; 32usize],
    pub ctl_resid: i32,
    pub ctl_cdb: [u_int8_t; 16usize],
    pub wterr: scsi_tape_errors__bindgen_ty_1,
    pub rderr: scsi_tape_errors__bindgen_ty_1,
}
#[repr(C)]
#[derive(Debug, Copy, Clone)]
pub struct scsi_tape_errors__bindgen_ty_1 {
    pub retries: u_int32_t,
    pub corrected: u_int32_t,
    pub processed: u_int32_t,
    pub failures: u_int32_t,
    pub nbytes: u_int64_t,
}
#[allow(clippy::unnecessary_operation, clippy::identity_op)]
#[cfg(target_arch = "x86")]
const _: () = {
    ["Size of scsi_tape_errors__bindgen_ty_1"]
        [::core::mem::size_of::<scsi_tape_errors__bindgen_ty_1>() - 24usize];
    ["Alignment of scsi_tape_errors__bindgen_ty_1"]
        [::core::mem::align_of::<scsi_tape_errors__bindgen_ty_1>() - 4usize];
    ["Offset of field: scsi_tape_errors__bindgen_ty_1::retries"]
        [::core::mem::offset_of!(scsi_tape_errors__bindgen_ty_1, retries) - 0usize];
    ["Offset of field: scsi_tape_errors__bindgen_ty_1::corrected"]
        [::core::mem::offset_of!(scsi_tape_errors__bindgen_ty_1, corrected) - 4usize];
    ["Offset of field: scsi_tape_errors__bindgen_ty_1::processed"]
        [::core::mem::offset_of!(scsi_tape_errors__bindgen_ty_1, processed) - 8usize];
    ["Offset of field: scsi_tape_errors__bindgen_ty_1::failures"]
        [::core::mem::offset_of!(scsi_tape_errors__bindgen_ty_1, failures) - 12usize];
    ["Offset of field: scsi_tape_errors__bindgen_ty_1::nbytes"]
        [::core::mem::offset_of!(scsi_tape_errors__bindgen_ty_1, nbytes) - 16usize];
};
#[allow(clippy::unnecessary_operation, clippy::identity_op)]
#[cfg(target_arch = "x86")]
const _: () = {
    ["Size of scsi_tape_errors"][::core::mem::size_of::<scsi_tape_errors>() - 152usize];
    ["Alignment of scsi_tape_errors"][::core::mem::align_of::<scsi_tape_errors>() - 4usize];
    ["Offset of field: scsi_tape_errors::io_sense"]
        [::core::mem::offset_of!(scsi_tape_errors, io_sense) - 0usize];
    ["Offset of field: scsi_tape_errors::io_resid"]
        [::core::mem::offset_of!(scsi_tape_errors, io_resid) - 32usize];
    ["Offset of field: scsi_tape_errors::io_cdb"]
        [::core::mem::offset_of!(scsi_tape_errors, io_cdb) - 36usize];
    ["Offset of field: scsi_tape_errors::ctl_sense"]
        [::core::mem::offset_of!(scsi_tape_errors, ctl_sense) - 52usize];
    ["Offset of field: scsi_tape_errors::ctl_resid"]
        [::core::mem::offset_of!(scsi_tape_errors, ctl_resid) - 84usize];
    ["Offset of field: scsi_tape_errors::ctl_cdb"]
        [::core::mem::offset_of!(scsi_tape_errors, ctl_cdb) - 88usize];
    ["Offset of field: scsi_tape_errors::wterr"][::core::mem::offset_of!(scsi_tape_errors, wterr) - 104usize];
    ["Offset of field: scsi_tape_errors::rderr"][::core::mem::offset_of!(scsi_tape_errors, rderr) - 128usize];
};
#[repr(C)]
#[derive(Copy, Clone)]
pub union mterrstat {
    pub scsi_errstat: scsi_tape_errors,
    pub _reserved_padding: [::core::ffi::c_char; 256usize],
}
#[allow(clippy::unnecessary_operation, clippy::identity_op)]
#[cfg(target_arch = "x86")]
const _: () = {
    ["Size of mterrstat"][::core::mem::size_of::<mterrstat>() - 256usize];
    ["Alignment of mterrstat"][::core::mem::align_of::<mterrstat>() - 4usize];
    ["Offset of field: mterrstat::scsi_errstat"][::core::mem::offset_of!(mterrstat, scsi_errstat) - 0usize];
    ["Offset of field: mterrstat::_reserved_padding"]
        [::core::mem::offset_of!(mterrstat, _reserved_padding) - 0usize];
};
pub const mt_ext_get_status_MT_EXT_GET_NONE: mt_ext_get_status = 0;
pub const mt_ext_get_status_MT_EXT_GET_OK: mt_ext_get_status = 1;
pub const mt_ext_get_status_MT_EXT_GET_NEED_MORE_SPACE: mt_ext_get_status = 2;
pub const mt_ext_get_status_MT_EXT_GET_ERROR: mt_ext_get_status = 3;
pub type mt_ext_get_status = ::core::ffi::c_uint;
#[repr(C)]
#[derive(Debug, Copy, Clone)]
pub struct mtextget {
    pub alloc_len: u32,
    pub status_xml: *mut ::core::ffi::c_char,
    pub fill_len: u32,
    pub status: mt_ext_get_status,
    pub error_str: [::core::ffi::c_char; 128usize],
    pub reserved: [u8; 64usize],
}
#[allow(clippy::unnecessary_operation, clippy::identity_op)]
#[cfg(target_arch = "x86")]
const _: () = {
    ["Size of mtextget"][::core::mem::size_of::<mtextget>() - 208usize];
    ["Alignment of mtextget"][::core::mem::align_of::<mtextget>() - 4usize];
    ["Offset of field: mtextget::alloc_len"][::core::mem::offset_of!(mtextget, alloc_len) - 0usize];
    ["Offset of field: mtextget::status_xml"][::core::mem::offset_of!(mtextget, status_xml) - 4usize];
    ["Offset of field: mtextget::fill_len"][::core::mem::offset_of!(mtextget, fill_len) - 8usize];
    ["Offset of field: mtextget::status"][::core::mem::offset_of!(mtextget, status) - 12usize];
    ["Offset of field: mtextget::error_str"][::core::mem::offset_of!(mtextget, error_str) - 16usize];
    ["Offset of field: mtextget::reserved"][::core::mem::offset_of!(mtextget, reserved) - 144usize];
};
#[repr(C)]
#[derive(Debug, Copy, Clone)]
pub struct gconf {
    pub lh_first: *mut gconfig,
}
#[allow(clippy::unnecessary_operation, clippy::identity_op)]
#[cfg(target_arch = "x86")]
const _: () = {
    ["Size of gconf"][::core::mem::size_of::<gconf>() - 4usize];
    ["Alignment of gconf"][::core::mem::align_of::<gconf>() - 4usize];
    ["Offset of field: gconf::lh_first"][::core::mem::offset_of!(gconf, lh_first) - 0usize];
};
#[repr(C)]
#[derive(Debug, Copy, Clone)]
pub struct gident {
    pub lg_id: *mut ::core::ffi::c_void,
    pub lg_ptr: *mut ::core::ffi::c_void,
    pub lg_what: gident__bindgen_ty_1,
}
pub const gident_ISCLASS: gident__bindgen_ty_1 = 0;
pub const gident_ISGEOM: gident__bindgen_ty_1 = 1;
pub const gident_ISPROVIDER: gident__bindgen_ty_1 = 2;
pub const gident_ISCONSUMER: gident__bindgen_ty_1 = 3;
pub type gident__bindgen_ty_1 = ::core::ffi::c_uint;
#[allow(clippy::unnecessary_operation, clippy::identity_op)]
#[cfg(target_arch = "x86")]
const _: () = {
    ["Size of gident"][::core::mem::size_of::<gident>() - 12usize];
    ["Alignment of gident"][::core::mem::align_of::<gident>() - 4usize];
    ["Offset of field: gident::lg_id"][::core::mem::offset_of!(gident, lg_id) - 0usize];
    ["Offset of field: gident::lg_ptr"][::core::mem::offset_of!(gident, lg_ptr) - 4usize];
    ["Offset of field: gident::lg_what"][::core::mem::offset_of!(gident, lg_what) - 8usize];
};
#[repr(C)]
#[derive(Debug, Copy, Clone)]
pub struct gmesh {
    pub lg_class: gmesh__bindgen_ty_1,
    pub lg_ident: *mut gident,
}
#[repr(C)]
#[derive(Debug, Copy, Clone)]
pub struct gmesh__bindgen_ty_1 {
    pub lh_first: *mut gclass,
}
#[allow(clippy::unnecessary_operation, clippy::identity_op)]
#[cfg(target_arch = "x86")]
const _: () = {
    ["Size of gmesh__bindgen_ty_1"][::core::mem::size_of::<gmesh__bindgen_ty_1>() - 4usize];
    ["Alignment of gmesh__bindgen_ty_1"][::core::mem::align_of::<gmesh__bindgen_ty_1>() - 4usize];
    ["Offset of field: gmesh__bindgen_ty_1::lh_first"]
        [::core::mem::offset_of!(gmesh__bindgen_ty_1, lh_first) - 0usize];
};
#[allow(clippy::unnecessary_operation, clippy::identity_op)]
#[cfg(target_arch = "x86")]
const _: () = {
    ["Size of gmesh"][::core::mem::size_of::<gmesh>() - 8usize];
    ["Alignment of gmesh"][::core::mem::align_of::<gmesh>() - 4usize];
    ["Offset of field: gmesh::lg_class"][::core::mem::offset_of!(gmesh, lg_class) - 0usize];
    ["Offset of field: gmesh::lg_ident"][::core::mem::offset_of!(gmesh, lg_ident) - 4usize];
};
#[repr(C)]
#[derive(Debug, Copy, Clone)]
pub struct gconfig {
    pub lg_config: gconfig__bindgen_ty_1,
    pub lg_name: *mut ::core::ffi::c_char,
    pub lg_val: *mut ::core::ffi::c_char,
}
#[repr(C)]
#[derive(Debug, Copy, Clone)]
pub struct gconfig__bindgen_ty_1 {
    pub le_next: *mut gconfig,
    pub le_prev: *mut *mut gconfig,
}
#[allow(clippy::unnecessary_operation, clippy::identity_op)]
#[cfg(target_arch = "x86")]
const _: () = {
    ["Size of gconfig__bindgen_ty_1"][::core::mem::size_of::<gconfig__bindgen_ty_1>() - 8usize];
    ["Alignment of gconfig__bindgen_ty_1"][::core::mem::align_of::<gconfig__bindgen_ty_1>() - 4usize];
    ["Offset of field: gconfig__bindgen_ty_1::le_next"]
        [::core::mem::offset_of!(gconfig__bindgen_ty_1, le_next) - 0usize];
    ["Offset of field: gconfig__bindgen_ty_1::le_prev"]
        [::core::mem::offset_of!(gconfig__bindgen_ty_1, le_prev) - 4usize];
};
#[allow(clippy::unnecessary_operation, clippy::identity_op)]
#[cfg(target_arch = "x86")]
const _: () = {
    ["Size of gconfig"][::core::mem::size_of::<gconfig>() - 16usize];
    ["Alignment of gconfig"][::core::mem::align_of::<gconfig>() - 4usize];
    ["Offset of field: gconfig::lg_config"][::core::mem::offset_of!(gconfig, lg_config) - 0usize];
    ["Offset of field: gconfig::lg_name"][::core::mem::offset_of!(gconfig, lg_name) - 8usize];
    ["Offset of field: gconfig::lg_val"][::core::mem::offset_of!(gconfig, lg_val) - 12usize];
};
#[repr(C)]
#[derive(Debug, Copy, Clone)]
pub struct gclass {
    pub lg_id: *mut ::core::ffi::c_void,
    pub lg_name: *mut ::core::ffi::c_char,
    pub lg_class: gclass__bindgen_ty_1,
    pub lg_geom: gclass__bindgen_ty_2,
    pub lg_config: gconf,
}
#[repr(C)]
#[derive(Debug, Copy, Clone)]
pub struct gclass__bindgen_ty_1 {
    pub le_next: *mut gclass,
    pub le_prev: *mut *mut gclass,
}
#[allow(clippy::unnecessary_operation, clippy::identity_op)]
#[cfg(target_arch = "x86")]
const _: () = {
    ["Size of gclass__bindgen_ty_1"][::core::mem::size_of::<gclass__bindgen_ty_1>() - 8usize];
    ["Alignment of gclass__bindgen_ty_1"][::core::mem::align_of::<gclass__bindgen_ty_1>() - 4usize];
    ["Offset of field: gclass__bindgen_ty_1::le_next"]
        [::core::mem::offset_of!(gclass__bindgen_ty_1, le_next) - 0usize];
    ["Offset of field: gclass__bindgen_ty_1::le_prev"]
        [::core::mem::offset_of!(gclass__bindgen_ty_1, le_prev) - 4usize];
};
#[repr(C)]
#[derive(Debug, Copy, Clone)]
pub struct gclass__bindgen_ty_2 {
    pub lh_first: *mut ggeom,
}
#[allow(clippy::unnecessary_operation, clippy::identity_op)]
#[cfg(target_arch = "x86")]
const _: () = {
    ["Size of gclass__bindgen_ty_2"][::core::mem::size_of::<gclass__bindgen_ty_2>() - 4usize];
    ["Alignment of gclass__bindgen_ty_2"][::core::mem::align_of::<gclass__bindgen_ty_2>() - 4usize];
    ["Offset of field: gclass__bindgen_ty_2::lh_first"]
        [::core::mem::offset_of!(gclass__bindgen_ty_2, lh_first) - 0usize];
};
#[allow(clippy::unnecessary_operation, clippy::identity_op)]
#[cfg(target_arch = "x86")]
const _: () = {
    ["Size of gclass"][::core::mem::size_of::<gclass>() - 24usize];
    ["Alignment of gclass"][::core::mem::align_of::<gclass>() - 4usize];
    ["Offset of field: gclass::lg_id"][::core::mem::offset_of!(gclass, lg_id) - 0usize];
    ["Offset of field: gclass::lg_name"][::core::mem::offset_of!(gclass, lg_name) - 4usize];
    ["Offset of field: gclass::lg_class"][::core::mem::offset_of!(gclass, lg_class) - 8usize];
    ["Offset of field: gclass::lg_geom"][::core::mem::offset_of!(gclass, lg_geom) - 16usize];
    ["Offset of field: gclass::lg_config"][::core::mem::offset_of!(gclass, lg_config) - 20usize];
};
#[repr(C)]
#[derive(Debug, Copy, Clone)]
pub struct ggeom {
    pub lg_id: *mut ::core::ffi::c_void,
    pub lg_class: *mut gclass,
    pub lg_name: *mut ::core::ffi::c_char,
    pub lg_rank: u_int,
    pub lg_geom: ggeom__bindgen_ty_1,
    pub lg_consumer: ggeom__bindgen_ty_2,
    pub lg_provider: ggeom__bindgen_ty_3,
    pub lg_config: gconf,
}
#[repr(C)]
#[derive(Debug, Copy, Clone)]
pub struct ggeom__bindgen_ty_1 {
    pub le_next: *mut ggeom,
    pub le_prev: *mut *mut ggeom,
}
#[allow(clippy::unnecessary_operation, clippy::identity_op)]
#[cfg(target_arch = "x86")]
const _: () = {
    ["Size of ggeom__bindgen_ty_1"][::core::mem::size_of::<ggeom__bindgen_ty_1>() - 8usize];
    ["Alignment of ggeom__bindgen_ty_1"][::core::mem::align_of::<ggeom__bindgen_ty_1>() - 4usize];
    ["Offset of field: ggeom__bindgen_ty_1::le_next"]
        [::core::mem::offset_of!(ggeom__bindgen_ty_1, le_next) - 0usize];
    ["Offset of field: ggeom__bindgen_ty_1::le_prev"]
        [::core::mem::offset_of!(ggeom__bindgen_ty_1, le_prev) - 4usize];
};
#[repr(C)]
#[derive(Debug, Copy, Clone)]
pub struct ggeom__bindgen_ty_2 {
    pub lh_first: *mut gconsumer,
}
#[allow(clippy::unnecessary_operation, clippy::identity_op)]
#[cfg(target_arch = "x86")]
const _: () = {
    ["Size of ggeom__bindgen_ty_2"][::core::mem::size_of::<ggeom__bindgen_ty_2>() - 4usize];
    ["Alignment of ggeom__bindgen_ty_2"][::core::mem::align_of::<ggeom__bindgen_ty_2>() - 4usize];
    ["Offset of field: ggeom__bindgen_ty_2::lh_first"]
        [::core::mem::offset_of!(ggeom__bindgen_ty_2, lh_first) - 0usize];
};
#[repr(C)]
#[derive(Debug, Copy, Clone)]
pub struct ggeom__bindgen_ty_3 {
    pub lh_first: *mut gprovider,
}
#[allow(clippy::unnecessary_operation, clippy::identity_op)]
#[cfg(target_arch = "x86")]
const _: () = {
    ["Size of ggeom__bindgen_ty_3"][::core::mem::size_of::<ggeom__bindgen_ty_3>() - 4usize];
    ["Alignment of ggeom__bindgen_ty_3"][::core::mem::align_of::<ggeom__bindgen_ty_3>() - 4usize];
    ["Offset of field: ggeom__bindgen_ty_3::lh_first"]
        [::core::mem::offset_of!(ggeom__bindgen_ty_3, lh_first) - 0usize];
};
#[allow(clippy::unnecessary_operation, clippy::identity_op)]
#[cfg(target_arch = "x86")]
const _: () = {
    ["Size of ggeom"][::core::mem::size_of::<ggeom>() - 36usize];
    ["Alignment of ggeom"][::core::mem::align_of::<ggeom>() - 4usize];
    ["Offset of field: ggeom::lg_id"][::core::mem::offset_of!(ggeom, lg_id) - 0usize];
    ["Offset of field: ggeom::lg_class"][::core::mem::offset_of!(ggeom, lg_class) - 4usize];
    ["Offset of field: ggeom::lg_name"][::core::mem::offset_of!(ggeom, lg_name) - 8usize];
    ["Offset of field: ggeom::lg_rank"][::core::mem::offset_of!(ggeom, lg_rank) - 12usize];
    ["Offset of field: ggeom::lg_geom"][::core::mem::offset_of!(ggeom, lg_geom) - 16usize];
    ["Offset of field: ggeom::lg_consumer"][::core::mem::offset_of!(ggeom, lg_consumer) - 24usize];
    ["Offset of field: ggeom::lg_provider"][::core::mem::offset_of!(ggeom, lg_provider) - 28usize];
    ["Offset of field: ggeom::lg_config"][::core::mem::offset_of!(ggeom, lg_config) - 32usize];
};
#[repr(C)]
#[derive(Debug, Copy, Clone)]
pub struct gconsumer {
    pub lg_id: *mut ::core::ffi::c_void,
    pub lg_geom: *mut ggeom,
    pub lg_consumer: gconsumer__bindgen_ty_1,
    pub lg_provider: *mut gprovider,
    pub lg_consumers: gconsumer__bindgen_ty_2,
    pub lg_mode: *mut ::core::ffi::c_char,
    pub lg_config: gconf,
}
#[repr(C)]
#[derive(Debug, Copy, Clone)]
pub struct gconsumer__bindgen_ty_1 {
    pub le_next: *mut gconsumer,
    pub le_prev: *mut *mut gconsumer,
}
#[allow(clippy::unnecessary_operation, clippy::identity_op)]
#[cfg(target_arch = "x86")]
const _: () = {
    ["Size of gconsumer__bindgen_ty_1"][::core::mem::size_of::<gconsumer__bindgen_ty_1>() - 8usize];
    ["Alignment of gconsumer__bindgen_ty_1"][::core::mem::align_of::<gconsumer__bindgen_ty_1>() - 4usize];
    ["Offset of field: gconsumer__bindgen_ty_1::le_next"]
        [::core::mem::offset_of!(gconsumer__bindgen_ty_1, le_next) - 0usize];
    ["Offset of field: gconsumer__bindgen_ty_1::le_prev"]
        [::core::mem::offset_of!(gconsumer__bindgen_ty_1, le_prev) - 4usize];
};
#[repr(C)]
#[derive(Debug, Copy, Clone)]
pub struct gconsumer__bindgen_ty_2 {
    pub le_next: *mut gconsumer,
    pub le_prev: *mut *mut gconsumer,
}
#[allow(clippy::unnecessary_operation, clippy::identity_op)]
#[cfg(target_arch = "x86")]
const _: () = {
    ["Size of gconsumer__bindgen_ty_2"][::core::mem::size_of::<gconsumer__bindgen_ty_2>() - 8usize];
    ["Alignment of gconsumer__bindgen_ty_2"][::core::mem::align_of::<gconsumer__bindgen_ty_2>() - 4usize];
    ["Offset of field: gconsumer__bindgen_ty_2::le_next"]
        [::core::mem::offset_of!(gconsumer__bindgen_ty_2, le_next) - 0usize];
    ["Offset of field: gconsumer__bindgen_ty_2::le_prev"]
        [::core::mem::offset_of!(gconsumer__bindgen_ty_2, le_prev) - 4usize];
};
#[allow(clippy::unnecessary_operation, clippy::identity_op)]
#[cfg(target_arch = "x86")]
const _: () = {
    ["Size of gconsumer"][::core::mem::size_of::<gconsumer>() - 36usize];
    ["Alignment of gconsumer"][::core::mem::align_of::<gconsumer>() - 4usize];
    ["Offset of field: gconsumer::lg_id"][::core::mem::offset_of!(gconsumer, lg_id) - 0usize];
    ["Offset of field: gconsumer::lg_geom"][::core::mem::offset_of!(gconsumer, lg_geom) - 4usize];
    ["Offset of field: gconsumer::lg_consumer"][::core::mem::offset_of!(gconsumer, lg_consumer) - 8usize];
    ["Offset of field: gconsumer::lg_provider"][::core::mem::offset_of!(gconsumer, lg_provider) - 16usize];
    ["Offset of field: gconsumer::lg_consumers"][::core::mem::offset_of!(gconsumer, lg_consumers) - 20usize];
    ["Offset of field: gconsumer::lg_mode"][::core::mem::offset_of!(gconsumer, lg_mode) - 28usize];
    ["Offset of field: gconsumer::lg_config"][::core::mem::offset_of!(gconsumer, lg_config) - 32usize];
};
#[repr(C)]
#[derive(Debug, Copy, Clone)]
pub struct gprovider {
    pub lg_id: *mut ::core::ffi::c_void,
    pub lg_name: *mut ::core::ffi::c_char,
    pub lg_geom: *mut ggeom,
    pub lg_provider: gprovider__bindgen_ty_1,
    pub lg_consumers: gprovider__bindgen_ty_2,
    pub lg_mode: *mut ::core::ffi::c_char,
    pub lg_mediasize: off_t,
    pub lg_sectorsize: u_int,
    pub lg_stripeoffset: off_t,
    pub lg_stripesize: off_t,
    pub lg_config: gconf,
}
#[repr(C)]
#[derive(Debug, Copy, Clone)]
pub struct gprovider__bindgen_ty_1 {
    pub le_next: *mut gprovider,
    pub le_prev: *mut *mut gprovider,
}
#[allow(clippy::unnecessary_operation, clippy::identity_op)]
#[cfg(target_arch = "x86")]
const _: () = {
    ["Size of gprovider__bindgen_ty_1"][::core::mem::size_of::<gprovider__bindgen_ty_1>() - 8usize];
    ["Alignment of gprovider__bindgen_ty_1"][::core::mem::align_of::<gprovider__bindgen_ty_1>() - 4usize];
    ["Offset of field: gprovider__bindgen_ty_1::le_next"]
        [::core::mem::offset_of!(gprovider__bindgen_ty_1, le_next) - 0usize];
    ["Offset of field: gprovider__bindgen_ty_1::le_prev"]
        [::core::mem::offset_of!(gprovider__bindgen_ty_1, le_prev) - 4usize];
};
#[repr(C)]
#[derive(Debug, Copy, Clone)]
pub struct gprovider__bindgen_ty_2 {
    pub lh_first: *mut gconsumer,
}
#[allow(clippy::unnecessary_operation, clippy::identity_op)]
#[cfg(target_arch = "x86")]
const _: () = {
    ["Size of gprovider__bindgen_ty_2"][::core::mem::size_of::<gprovider__bindgen_ty_2>() - 4usize];
    ["Alignment of gprovider__bindgen_ty_2"][::core::mem::align_of::<gprovider__bindgen_ty_2>() - 4usize];
    ["Offset of field: gprovider__bindgen_ty_2::lh_first"]
        [::core::mem::offset_of!(gprovider__bindgen_ty_2, lh_first) - 0usize];
};
#[allow(clippy::unnecessary_operation, clippy::identity_op)]
#[cfg(target_arch = "x86")]
const _: () = {
    ["Size of gprovider"][::core::mem::size_of::<gprovider>() - 60usize];
    ["Alignment of gprovider"][::core::mem::align_of::<gprovider>() - 4usize];
    ["Offset of field: gprovider::lg_id"][::core::mem::offset_of!(gprovider, lg_id) - 0usize];
    ["Offset of field: gprovider::lg_name"][::core::mem::offset_of!(gprovider, lg_name) - 4usize];
    ["Offset of field: gprovider::lg_geom"][::core::mem::offset_of!(gprovider, lg_geom) - 8usize];
    ["Offset of field: gprovider::lg_provider"][::core::mem::offset_of!(gprovider, lg_provider) - 12usize];
    ["Offset of field: gprovider::lg_consumers"][::core::mem::offset_of!(gprovider, lg_consumers) - 20usize];
    ["Offset of field: gprovider::lg_mode"][::core::mem::offset_of!(gprovider, lg_mode) - 24usize];
    ["Offset of field: gprovider::lg_mediasize"][::core::mem::offset_of!(gprovider, lg_mediasize) - 28usize];
    ["Offset of field: gprovider::lg_sectorsize"]
        [::core::mem::offset_of!(gprovider, lg_sectorsize) - 36usize];
    ["Offset of field: gprovider::lg_stripeoffset"]
        [::core::mem::offset_of!(gprovider, lg_stripeoffset) - 40usize];
    ["Offset of field: gprovider::lg_stripesize"]
        [::core::mem::offset_of!(gprovider, lg_stripesize) - 48usize];
    ["Offset of field: gprovider::lg_config"][::core::mem::offset_of!(gprovider, lg_config) - 56usize];
};
unsafe extern "C" {
    pub fn geom_gettree(arg1: *mut gmesh) -> ::core::ffi::c_int;
}
unsafe extern "C" {
    pub fn geom_deletetree(arg1: *mut gmesh);
}
unsafe extern "C" {
    pub fn g_mediasize(arg1: ::core::ffi::c_int) -> off_t;
}
unsafe extern "C" {
    pub fn g_sectorsize(arg1: ::core::ffi::c_int) -> isize;
}
unsafe extern "C" {
    pub fn g_device_path(arg1: *const ::core::ffi::c_char) -> *mut ::core::ffi::c_char;
}
unsafe extern "C" {
    pub fn g_providername(arg1: ::core::ffi::c_int) -> *mut ::core::ffi::c_char;
}
pub const IOCTL_DIOCGSECTORSIZE: ::core::ffi::c_ulong = 1074029696;
pub const IOCTL_DIOCGMEDIASIZE: ::core::ffi::c_ulong = 1074291841;
pub const IOCTL_DIOCGPROVIDERNAME: ::core::ffi::c_ulong = 1140876426;
pub const IOCTL_MTIOCTOP: ::core::ffi::c_ulong = 2148035841;
pub const IOCTL_MTIOCGET: ::core::ffi::c_ulong = 1078750466;
pub const IOCTL_MTIOCRDSPOS: ::core::ffi::c_ulong = 1074031877;
pub const IOCTL_MTIOCERRSTAT: ::core::ffi::c_ulong = 1090546951;
pub const IOCTL_MTIOCGETEOTMODEL: ::core::ffi::c_ulong = 1074031880;
pub const IOCTL_MTIOCEXTGET: ::core::ffi::c_ulong = 3234884875;
