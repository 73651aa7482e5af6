// SPDX-License-Identifier: BSD-2-Clause
//! What fstab(5) says of the operand.
