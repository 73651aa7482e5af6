// SPDX-License-Identifier: BSD-2-Clause
//! The event queue's face: readable descriptors, children, timers, signals.
