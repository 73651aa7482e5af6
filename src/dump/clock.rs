// SPDX-License-Identifier: BSD-2-Clause
//! The clock of dates and messages: that of the system, or a fixed time.

use crate::os::time;

/// A clock. `SOURCE_DATE_EPOCH` makes it stand still, so that a dump can be made again byte for byte.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    fixed: Option<i64>,
}

impl Clock {
    /// The clock that the environment's `SOURCE_DATE_EPOCH` asks for: seconds since 1970, or the system's when it is not set.
    ///
    /// Errors: the value, when it is not a number.
    pub fn from_environment(value: Option<String>) -> Result<Clock, String> {
        let fixed = match value {
            None => None,
            Some(text) => Some(text.trim().parse().map_err(|_| text)?),
        };
        Ok(Clock { fixed })
    }

    /// Seconds since 1970.
    pub fn now(&self) -> i64 {
        self.fixed.unwrap_or_else(time::now)
    }
}
