// SPDX-License-Identifier: BSD-2-Clause
//! capdump: dump(8) for UFS file systems, in a Capsicum sandbox.

fn main() -> std::process::ExitCode {
    capdump::run()
}
