# SPDX-License-Identifier: BSD-2-Clause
# For any POSIX make (BSD make and GNU make both). The two commands to try first:
#	make demo	builds capdump, dumps a sample file system and shows the dump
#	make test	runs all tests
# Others: test-amanda lint deny completions cross cross32 test32 fuzz miri probe bench bindings install uninstall clean port-crates

.POSIX:

PREFIX = /usr/local
MANDIR = $(PREFIX)/share/man
# BASE=yes installs as FreeBSD's own dump: /sbin/dump, /sbin/rdump and dump.8
BASE = no
CARGO = cargo
CARGOFLAGS = --locked
# where `make cross` keeps its FreeBSD SDK; a kept one is used again
SDK = .sdk
# NEXTEST=no runs the tests by cargo test where cargo-nextest is installed too
NEXTEST = auto
# what make deny checks
DENY_CHECKS = bans licenses sources
# seconds for each target of make fuzz
FUZZ_SECONDS = 10

# where cargo puts what it builds
BUILT = $${CARGO_TARGET_DIR:-target}/$${CARGO_BUILD_TARGET:+$$CARGO_BUILD_TARGET/}

all:
	CARGO="$(CARGO)" sh scripts/build-release $(CARGOFLAGS)

demo:
	sh scripts/need cc
	CARGO="$(CARGO)" sh scripts/build-release $(CARGOFLAGS)
	sh scripts/demo "$(BUILT)release/capdump"

test:
	sh scripts/need cc makefs restore zstd age minisign signify-openbsd xz bzip2 lz4 fls rmt-tar sshd ssh strace zsh fish
	sh scripts/test-periodic
	CARGO="$(CARGO)" CARGOFLAGS="$(CARGOFLAGS)" NEXTEST="$(NEXTEST)" sh scripts/test

# Amanda's client and server on this machine, with capdump as their dump; root on Debian, where it installs them
test-amanda:
	sh scripts/need makefs restore amadmin amrecover Encode::Locale inetd ip losetup
	$(CARGO) build $(CARGOFLAGS)
	sh scripts/test-amanda "$(BUILT)debug/capdump"

lint:
	sh scripts/need mandoc shellcheck
	$(CARGO) fmt --all --check
	$(CARGO) fmt --manifest-path fuzz/Cargo.toml --check
	$(CARGO) clippy --workspace --all-targets --all-features $(CARGOFLAGS) -- -D warnings
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --workspace --no-deps $(CARGOFLAGS)
	$(CARGO) clippy --manifest-path fuzz/Cargo.toml --all-targets $(CARGOFLAGS) -- -D warnings
	sh scripts/lint --man
	sh scripts/lint --shell
	sh scripts/lint --self-test
	sh scripts/lint

# writes the shells' completions anew from the options
completions:
	$(CARGO) run $(CARGOFLAGS) --example completions -- completions

# what is linked here is not run, so that nothing is optimized
cross:
	SDK="$(SDK)" bash scripts/freebsd-sdk
	CARGO_PROFILE_DEV_OPT_LEVEL=0 CARGO_PROFILE_DEV_DEBUG=0 \
		"$(SDK)/bin/fbsd-cargo" clippy --workspace --all-targets $(CARGOFLAGS) -- -D warnings
	CARGO_PROFILE_DEV_OPT_LEVEL=0 CARGO_PROFILE_DEV_DEBUG=0 \
		"$(SDK)/bin/fbsd-cargo" build --workspace --all-targets $(CARGOFLAGS)

# licences and origin of all crates; DENY_CHECKS=all looks for known advisories too, which needs more of the network than crates.io
deny:
	CARGO="$(CARGO)" sh scripts/deny $(DENY_CHECKS)

# the types alone, for FreeBSD on i386, which only a rustc of rustup has a std for
cross32:
	CARGO="$(CARGO)" sh scripts/cross32

# the tests of crates/ with 32-bit types, on Linux/x86, which runs 32-bit programs
test32:
	CARGO="$(CARGO)" sh scripts/test32

# ten seconds for each fuzz target, or FUZZ_SECONDS, with what was found before
fuzz:
	sh scripts/need cc g++ zstd
	CARGO="$(CARGO)" sh scripts/fuzz "$(FUZZ_SECONDS)"

# what is pure, in an interpreter that sees undefined behaviour; wants a nightly compiler with miri
miri:
	CARGO="$(CARGO)" sh scripts/miri

# each process tries to get out of the sandbox
probe:
	$(CARGO) test $(CARGOFLAGS) --features sandbox-probe --test sandbox_probe

bench: all
	sh scripts/need strace
	sh scripts/bench --short "$(BUILT)release/capdump"

# writes sys/src/ anew from the headers of the FreeBSD that it runs on
bindings:
	cd sys && sh bindgen.sh

# what `make` built, also where root has no cargo; only what is not built, or older than its sources, is built here
install:
	sh scripts/built "$(BUILT)release/capdump" || CARGO="$(CARGO)" sh scripts/build-release $(CARGOFLAGS)
	sh scripts/install "$(BUILT)release/capdump" "$(DESTDIR)" "$(PREFIX)" "$(MANDIR)" "$(BASE)"

uninstall:
	sh scripts/install --remove "$(DESTDIR)" "$(PREFIX)" "$(MANDIR)" "$(BASE)"

# the crates that a ports build fetches, from Cargo.lock
port-crates:
	sh scripts/port-crates Cargo.lock >port/Makefile.crates.new
	mv port/Makefile.crates.new port/Makefile.crates

clean:
	$(CARGO) clean

.PHONY: all demo test test-amanda lint deny completions cross cross32 test32 fuzz miri probe bench bindings install uninstall port-crates clean
