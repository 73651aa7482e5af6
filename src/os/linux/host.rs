// SPDX-License-Identifier: BSD-2-Clause
//! No jails.

/// There are none.
pub fn is_jail() -> bool {
    false
}
