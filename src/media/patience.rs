// SPDX-License-Identifier: BSD-2-Clause
//! Time limits for a remote tape, after which the operator is asked whether to wait.

use std::time::Duration;

/// For the answer to a record, or to take a part of one: as long as Linux's st(4) gives a drive for a command, so that an error that the
/// other side's driver finds comes before.
const RECORD: Duration = Duration::from_secs(15 * 60);

/// To be opened or closed: a connection is made, a tape is loaded, or written to its end and rewound.
const DEVICE: Duration = Duration::from_secs(60 * 60);

/// How long a remote tape may neither take nor send anything while records are written.
pub fn record() -> Duration {
    for_tests().unwrap_or(RECORD)
}

/// How long a remote tape may take to be opened or closed.
pub fn device() -> Duration {
    for_tests().unwrap_or(DEVICE)
}

/// What the tests want, in milliseconds. The program as it is installed does not look.
#[cfg(debug_assertions)]
fn for_tests() -> Option<Duration> {
    let text = std::env::var("CAPDUMP_TEST_PATIENCE").ok()?;
    text.parse().ok().map(Duration::from_millis)
}

#[cfg(not(debug_assertions))]
fn for_tests() -> Option<Duration> {
    None
}
