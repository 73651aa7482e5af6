// SPDX-License-Identifier: BSD-2-Clause
//! The dump stream: headers, maps, checksums; encode and decode.
