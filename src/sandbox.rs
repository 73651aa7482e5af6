// SPDX-License-Identifier: BSD-2-Clause
//! The one table of rights: what each process keeps.
