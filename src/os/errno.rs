// SPDX-License-Identifier: BSD-2-Clause
//! What system errors are called.

use std::ffi::{CStr, c_char};
use std::io;

/// The text of a system error as strerror(3) has it, which differs from system to system, without the number that Rust adds.
pub fn strerror(error: &io::Error) -> String {
    let Some(code) = error.raw_os_error() else { return error.to_string() };
    let mut text = [0 as c_char; 256];
    // SAFETY: the buffer and its length belong together, and outlive the call.
    let answer = unsafe { libc::strerror_r(code, text.as_mut_ptr(), text.len()) };
    let bytes: Vec<u8> = text.iter().map(|byte| *byte as u8).collect();
    match CStr::from_bytes_until_nul(&bytes) {
        // EINVAL comes with "Unknown error: 999", which is as good.
        Ok(text) if answer == 0 || !text.is_empty() => text.to_string_lossy().into_owned(),
        _ => format!("Unknown error: {code}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn has_no_number_in_it() {
        assert_eq!(strerror(&io::Error::from_raw_os_error(libc::ENOENT)), "No such file or directory");
        assert_eq!(strerror(&io::Error::from_raw_os_error(libc::EIO)), "Input/output error");
        assert_eq!(strerror(&io::Error::other("another")), "another");
        assert!(strerror(&io::Error::from_raw_os_error(9999)).starts_with("Unknown error"));
    }
}
