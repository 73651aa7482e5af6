// SPDX-License-Identifier: BSD-2-Clause
//! The record of earlier dumps (dumpdates(5)): parse and print.
