// SPDX-License-Identifier: BSD-2-Clause
//! Where tape blocks go: records, volumes, their limits and headers.
