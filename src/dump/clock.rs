// SPDX-License-Identifier: BSD-2-Clause
//! The clock of dates and messages: that of the system, or a fixed time.

use crate::os::time;

/// A value of `SOURCE_DATE_EPOCH` that is not a number.
#[derive(Debug)]
pub struct NotSeconds(pub String);

/// A clock. `SOURCE_DATE_EPOCH` makes it stand still, so that a dump can be made again byte for byte.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    fixed: Option<i64>,
}

impl Clock {
    /// The clock that the environment's `SOURCE_DATE_EPOCH` asks for: seconds since 1970, or the system's when it is not set.
    ///
    /// Errors: the value is not a number.
    pub fn from_environment(value: Option<String>) -> Result<Clock, NotSeconds> {
        let fixed = value.map(|text| text.trim().parse().map_err(|_| NotSeconds(text)));
        Ok(Clock { fixed: fixed.transpose()? })
    }

    /// Seconds since 1970.
    pub fn now(&self) -> i64 {
        self.fixed.unwrap_or_else(time::now)
    }
}
