// SPDX-License-Identifier: BSD-2-Clause
//! Raw FreeBSD interfaces that libc and nix do not have; empty on other systems.
//!
//! `ffi64.rs` and `ffi32.rs` are made by `make bindings` from FreeBSD's headers and checked in, one for each width of a
//! pointer. Sizes and ioctl numbers are checked at compile time; the calls themselves are made in capdump's `os`.
#![no_std]
#![cfg(target_os = "freebsd")]

#[allow(non_camel_case_types, non_upper_case_globals, dead_code)]
#[cfg_attr(target_pointer_width = "64", path = "ffi64.rs")]
#[cfg_attr(target_pointer_width = "32", path = "ffi32.rs")]
mod ffi;

pub mod disk;
pub mod geom;
mod ioccom;
pub mod mtio;
pub mod procctl;
pub mod procdesc;
