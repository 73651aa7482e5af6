// SPDX-License-Identifier: BSD-2-Clause
//! The four passes: what is dumped, and the stream of it.
