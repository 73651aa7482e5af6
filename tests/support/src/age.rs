// SPDX-License-Identifier: BSD-2-Clause
//! Keys and decryption by age(1).

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::program::{Ran, TempDir, have, run, skipped};

const LIMIT: Duration = Duration::from_secs(60);

/// Whether age(1) can be run here; says so if not.
pub fn available() -> bool {
    let there = have("age") && have("age-keygen");
    if !there {
        skipped("age is not there");
    }
    there
}

/// A new key: the file of the secret part, and the public part.
pub struct Key {
    /// Where the secret part is.
    pub file: PathBuf,
    /// `age1...`.
    pub recipient: String,
}

impl Key {
    /// A key of age-keygen(1), in a file of this name.
    ///
    /// Panics if there is no age-keygen.
    pub fn new(dir: &TempDir, name: &str) -> Key {
        let file = dir.join(name);
        run(Command::new("age-keygen").arg("-o").arg(&file), LIMIT).ok();
        let ran = run(Command::new("age-keygen").arg("-y").arg(&file), LIMIT).ok();
        Key { file, recipient: String::from_utf8(ran.stdout).expect("text").trim().to_owned() }
    }

    /// What age(1) makes of a file.
    pub fn try_decrypt(&self, file: &Path) -> Ran {
        run(Command::new("age").arg("-d").arg("-i").arg(&self.file).arg(file), LIMIT)
    }

    /// The same.
    ///
    /// Panics if it fails.
    pub fn decrypt(&self, file: &Path) -> Vec<u8> {
        self.try_decrypt(file).ok().stdout
    }
}
