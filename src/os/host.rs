// SPDX-License-Identifier: BSD-2-Clause
//! The host name and the number of processors.

use crate::os::half;
use std::io;

/// What gethostname(3) says. Bytes that are not UTF-8 are replaced.
pub fn hostname() -> io::Result<String> {
    Ok(nix::unistd::gethostname()?.to_string_lossy().into_owned())
}

/// Processors that this process may run on, 1 or more; 1 if that cannot be known. Opens files of the system.
pub fn processors() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// Whether this process is in a jail.
pub fn is_jail() -> bool {
    half::host::is_jail()
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
