// SPDX-License-Identifier: BSD-2-Clause
//! What capdump's tests share: a small UFS writer, a dump decoder of its own, and real programs to test against.
