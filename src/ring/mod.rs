// SPDX-License-Identifier: BSD-2-Clause
//! The ring of workers: arena, chunks, frames and their order.
