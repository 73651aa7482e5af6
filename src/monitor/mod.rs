// SPDX-License-Identifier: BSD-2-Clause
//! The process that is started, which stays outside the sandbox: what it does, what the planner may ask of it, and the programs it runs.

pub mod autoloader;
pub mod client;
pub mod commands;
pub mod index_file;
pub mod protocol;
pub mod server;
