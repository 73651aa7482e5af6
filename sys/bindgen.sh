#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Makes src/ffi64.rs and src/ffi32.rs anew from wrapper.h: bindgen.sh [OUTDIR]
# Wants bindgen (bindgen-cli of crates.io) with libclang, and rustfmt. Elsewhere than on FreeBSD, FREEBSD_SYSROOT names a
# directory whose usr/include is FreeBSD's.
set -eu
export LC_ALL=C
cd "$(dirname "$0")"
out=${1:-src}
sysroot=${FREEBSD_SYSROOT:-/}

if [ ! -f "$sysroot/usr/include/libgeom.h" ]; then
	echo "bindgen.sh: no FreeBSD headers in $sysroot/usr/include: set FREEBSD_SYSROOT" >&2
	exit 1
fi

# What the program uses, and what that is made of.
functions='geom_gettree|geom_deletetree|g_mediasize|g_sectorsize|g_device_path|g_providername|pdfork|pdkill'
types='gmesh|gclass|ggeom|gprovider|gconsumer|gconfig|mtop|mtget|mtextget|mterrstat|scsi_tape_errors|procctl_reaper_(kill|status)'
constants='IOCTL_.*|MT(WEOF|FSF|BSF|FSR|BSR|REW|OFFL|NOP|LOAD)|PD_(DAEMON|CLOEXEC)|PROC_REAP_(ACQUIRE|KILL|STATUS)'

make_bindings() { # file target
	bindgen wrapper.h --output "$out/$1" --use-core --rust-target 1.85 --rust-edition 2024 \
		--allowlist-function "$functions" --allowlist-type "$types" --allowlist-var "$constants" \
		--default-macro-constant-type signed --no-doc-comments --disable-header-comment \
		--raw-line '// SPDX-License-Identifier: BSD-2-Clause' \
		--raw-line "//! Made by bindgen.sh from FreeBSD's headers; not to be changed by hand." \
		-- -target "$2" --sysroot="$sysroot" -isystem "$sysroot/usr/include" -nostdinc
}

make_bindings ffi64.rs x86_64-unknown-freebsd12.1
make_bindings ffi32.rs i386-unknown-freebsd12.1
# Of the 32-bit machines only i386 aligns 64-bit numbers at 4 bytes, so its sizes hold there only.
awk '/^const _: \(\) = \{/ { print "#[cfg(target_arch = \"x86\")]" } { print }' "$out/ffi32.rs" >"$out/ffi32.rs.new"
mv "$out/ffi32.rs.new" "$out/ffi32.rs"
