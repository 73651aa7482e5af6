// SPDX-License-Identifier: BSD-2-Clause
//! What is printed of an output that takes no more.
