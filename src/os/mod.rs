// SPDX-License-Identifier: BSD-2-Clause
//! FreeBSD and Linux: the only unsafe code, the only cfg(target_os).
