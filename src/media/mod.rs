// SPDX-License-Identifier: BSD-2-Clause
//! What a dump is written to: file, pipe, device.
