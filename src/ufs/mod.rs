// SPDX-License-Identifier: BSD-2-Clause
//! UFS1 and UFS2 on disk, in both byte orders, read without I/O of its own.
