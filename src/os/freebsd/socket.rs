// SPDX-License-Identifier: BSD-2-Clause
//! Records of sockets.

/// Whether a record goes on behind what was received: from FreeBSD 15 on the rest stays to be received, and only the last part has the
/// mark of the end (`uipc_soreceive_stream_or_seqpacket`, sys/kern/uipc_usrreq.c).
pub fn is_cut(flags: libc::c_int) -> bool {
    flags & libc::MSG_EOR == 0
}
