// SPDX-License-Identifier: BSD-2-Clause
//! Says what to link: libgeom on FreeBSD. The bindings are checked in, see bindgen.sh.

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    if std::env::var("CARGO_CFG_TARGET_OS").as_deref() == Ok("freebsd") {
        println!("cargo:rustc-link-lib=geom");
    }
}
