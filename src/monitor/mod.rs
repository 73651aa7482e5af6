// SPDX-License-Identifier: BSD-2-Clause
//! The initial process, which stays outside the sandbox: its operation, the requests of the planner, and the programs it runs.

pub mod autoloader;
pub mod client;
pub mod commands;
pub mod index_file;
mod index_names;
pub mod protocol;
pub mod refusal;
pub mod server;
pub mod signer;
