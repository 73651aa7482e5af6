// SPDX-License-Identifier: BSD-2-Clause
//! The machine's name.

use std::io;

/// What gethostname(3) says. Bytes that are no UTF-8 are replaced.
pub fn hostname() -> io::Result<String> {
    Ok(nix::unistd::gethostname()?.to_string_lossy().into_owned())
}

#[cfg(test)]
mod tests {
    #[test]
    fn has_a_name() {
        let name = super::hostname().unwrap();
        assert!(!name.contains('\0'));
        assert_eq!(name, nix::unistd::gethostname().unwrap().to_str().unwrap());
    }
}
