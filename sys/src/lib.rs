// SPDX-License-Identifier: BSD-2-Clause
//! Raw FreeBSD interfaces that libc and nix do not have; empty on other systems.
#![no_std]
