// SPDX-License-Identifier: BSD-2-Clause
//! The command line, in dump's letters, made into a job.
