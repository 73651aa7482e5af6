// SPDX-License-Identifier: BSD-2-Clause
//! How a dump ends: what is left of the file that was there before, closed standard streams, readers that leave, and what is printed
//! of an output that takes no more.

#![cfg(target_os = "linux")]

mod closed;
mod names;
mod old_tail;
mod unread;

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use capdump_support::program::{Ran, TempDir, run, without_tty};
use capdump_support::small;

const LIMIT: Duration = Duration::from_secs(60);

/// A folder with an image in it.
struct Place {
    dir: TempDir,
    image: PathBuf,
}

impl Place {
    /// With an image whose dump has some hundred KiB.
    fn new() -> Place {
        Place::with(small::mixed)
    }

    /// With an image whose dump has a bit more than so many bytes.
    fn of_size(bytes: u64) -> Place {
        Place::with(|path| small::one_file(path, bytes))
    }

    fn with(make: impl FnOnce(&Path)) -> Place {
        let dir = TempDir::new("capdump-endings");
        let image = dir.join("image");
        make(&image);
        fs::write(dir.join("dd"), "").unwrap();
        Place { dir, image }
    }

    fn join(&self, name: &str) -> PathBuf {
        self.dir.join(name)
    }

    /// The program, without a terminal, with the folder as its own.
    fn capdump<S: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = S>) -> Ran {
        let mut command = without_tty(Path::new(env!("CARGO_BIN_EXE_capdump")));
        run(command.args(args).current_dir(self.dir.path()), LIMIT)
    }

    /// A script of sh(1), in which `$C` is the program and `$I` the image.
    fn sh(&self, script: &str) -> Ran {
        run(&mut self.sh_command(script), LIMIT)
    }

    fn sh_command(&self, script: &str) -> Command {
        let mut command = without_tty(Path::new("/bin/sh"));
        command.arg("-c").arg(script).current_dir(self.dir.path());
        command.env("C", env!("CARGO_BIN_EXE_capdump")).env("I", &self.image).env("TZ", "UTC");
        command
    }

    /// A whole dump of the image in a file.
    fn whole(&self, name: &str) -> Vec<u8> {
        self.capdump([OsStr::new("-0af"), self.join(name).as_os_str(), self.image.as_os_str()]).ok();
        fs::read(self.join(name)).unwrap()
    }

    /// The exit status of `--check` of a file.
    fn check(&self, name: &str) -> i32 {
        self.capdump([OsStr::new("--check"), self.join(name).as_os_str()]).code()
    }

    /// Whether a dump was recorded in the dumpdates file `dd`.
    fn is_recorded(&self) -> bool {
        !fs::read_to_string(self.join("dd")).unwrap().is_empty()
    }
}
