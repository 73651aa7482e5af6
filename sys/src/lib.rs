// SPDX-License-Identifier: BSD-2-Clause
//! Raw FreeBSD interfaces that libc and nix do not have; empty on other systems.
//!
//! Written by hand from the headers and checked here, at compile time, against the sizes and numbers of the C side for
//! both pointer widths; the calls themselves are made in capdump's `os`.
#![no_std]
#![cfg(target_os = "freebsd")]

pub mod disk;
pub mod ioccom;
pub mod mtio;
