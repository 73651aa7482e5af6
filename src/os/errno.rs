// SPDX-License-Identifier: BSD-2-Clause
//! Descriptions of system errors.

use std::io;

/// The text of a system error as strerror(3) has it, without the number that Rust adds.
pub fn strerror(error: &io::Error) -> String {
    let text = error.to_string();
    let number = error.raw_os_error().map(|code| format!(" (os error {code})"));
    number.and_then(|number| text.strip_suffix(&number)).unwrap_or(&text).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn has_no_number_in_it() {
        assert_eq!(strerror(&io::Error::from_raw_os_error(libc::ENOENT)), "No such file or directory");
        // Not what nix's table has for it.
        assert_eq!(strerror(&io::Error::from_raw_os_error(libc::EIO)), "Input/output error");
        assert_eq!(strerror(&io::Error::other("another")), "another");
    }
}
