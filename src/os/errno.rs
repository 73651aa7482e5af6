// SPDX-License-Identifier: BSD-2-Clause
//! What system errors are called.

use std::io;

use nix::errno::Errno;

/// The text of a system error as strerror(3) has it, without the number that Rust adds.
pub fn strerror(error: &io::Error) -> String {
    match error.raw_os_error() {
        Some(code) => Errno::from_raw(code).desc().to_owned(),
        None => error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn has_no_number_in_it() {
        assert_eq!(strerror(&io::Error::from_raw_os_error(libc::ENOENT)), "No such file or directory");
        assert_eq!(strerror(&io::Error::other("another")), "another");
    }
}
