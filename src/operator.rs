// SPDX-License-Identifier: BSD-2-Clause
//! What the operator is told and asked, in dump's words.
