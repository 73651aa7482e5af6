// SPDX-License-Identifier: BSD-2-Clause
//! caprestore: restore(8) for dumps of UFS file systems, in a Capsicum sandbox.

fn main() -> std::process::ExitCode {
    capdump::restore()
}
