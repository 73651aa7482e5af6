# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=sh
# What the tests share: disks that are taken away at the end, trees to fill them with, and listings to compare.

# A test that is run by itself, as by kyua(1), reports by the Test Anything Protocol. `run` sets WORK and CAPDUMP.
alone=
if [ -z "${WORK-}" ]; then
	alone=yes
	PATH=$PATH:/sbin:/usr/sbin
	CAPDUMP=${CAPDUMP:-${TEST_ENV_program:-$(command -v capdump)}}
	SAME=${SAME-}
	WORK=$(mktemp -d "${TMPDIR:-/tmp}/capdump-test.XXXXXX") || exit 2
	export CAPDUMP SAME WORK
	exec 3>&1 >"$WORK/log" 2>&1 </dev/null
fi
report() { # exit status: for one that is run by itself
	[ -n "$alone" ] || return 0
	case $1 in
	0) printf '1..1\nok 1\n' ;;
	77) echo "1..0 # SKIP $(sed -n 's/^skipped: //p' "$WORK/log" | tail -n 1)" ;;
	*) sed 's/^/# /' "$WORK/log" && printf '1..1\nnot ok 1\n' ;;
	esac >&3
	rm -rf "$WORK"
}

units= mounts= nops=
cleanup() { # left: the exit status, where something else comes first in the trap
	left=${left-$?}
	trap - EXIT
	cd /
	for on in $mounts; do umount -f "$on" 2>/dev/null; done
	for nop in $nops; do gnop destroy -f "$nop" >/dev/null 2>&1; done
	for unit in $units; do mdconfig -d -u "$unit" 2>/dev/null; done
	report "$left"
}
trap cleanup EXIT
trap 'exit 130' INT TERM

skip() {
	echo "skipped: $*"
	exit 77
}
fail() {
	echo "FAILED: $*"
	exit 1
}
note() { echo "note: $*"; }

# need PROGRAM...: skips the test when one is missing
need() {
	for program; do
		command -v "$program" >/dev/null 2>&1 || skip "no $program here"
	done
}

# disk SIZE [mdconfig option...]: sets $disk to a new md(4) disk, and $file to its file
disk() {
	size=$1 && shift
	file=$WORK/disk$(echo "$units" | wc -w | tr -d ' ')
	truncate -s "$size" "$file" || fail "no room"
	disk=$(mdconfig -a -t vnode -f "$file" "$@") || skip "no md(4)"
	units="$disk $units"
	disk=/dev/$disk
}

# mounted DISK DIRECTORY [mount option...]
mounted() {
	from=$1 on=$2 && shift 2
	mkdir -p "$on" && mount "$@" "$from" "$on" || fail "cannot mount $from"
	mounts="$on $mounts"
}

unmounted() { umount "$1" || fail "cannot unmount $1"; }

# random FILE KIBIBYTES: bytes that are not zeros
random() { dd if=/dev/urandom of="$1" bs="$2"k count=1 2>/dev/null || fail "cannot write $1"; }

# fill DIRECTORY: files of many sizes around the boundaries of blocks, directories, links
fill() (
	cd "$1" || exit 1
	mkdir -p d/e/f many 'a dir'
	for size in 0 1 511 512 513 1023 1024 1025 4095 4096 4097 8192 32767 32768 32769 98304 98305; do
		if [ "$size" -eq 0 ]; then : >size0; else dd if=/dev/urandom of="size$size" bs="$size" count=1 2>/dev/null; fi || exit 1
	done
	random d/large 3000
	random d/e/larger 5001
	ln d/large d/e/again
	ln -s large d/short
	ln -s "$(jot -b long/ -s '' 40)" d/long
	n=0
	while [ $n -lt 100 ]; do
		echo $n >many/file-with-a-name-that-is-not-short-$n || exit 1
		n=$((n + 1))
	done
	echo text >'a dir/a name with blanks'
	chmod 4751 size1
	chown 1234:5678 size511
	touch -t 197001020304.05 size512
	rm many/*7
)

# listing DIRECTORY: all that restore(8) is to bring back, but times of directories' entries; without .snap
listing() (
	cd "$1" || exit 1
	find . -path ./.snap -prune -o -path ./restoresymtable -prune -o -print | LC_ALL=C sort | while IFS= read -r name; do
		if [ -d "$name" ] && [ ! -L "$name" ]; then
			stat -f '%N %Sp %u %g %m %Sf' "$name"
		elif [ -c "$name" ] || [ -b "$name" ]; then
			stat -f '%N %Sp %u %g %m %Sf %l %r' "$name"
		else
			stat -f '%N %Sp %u %g %z %m %Sf %l %Y' "$name"
		fi
		[ -f "$name" ] && [ ! -L "$name" ] && cksum <"$name"
	done
)

# restored FILE DISK DIRECTORY: restores a dump to a new file system on DISK
restored() {
	newfs -O "${version:-2}" "$2" >/dev/null || fail "newfs"
	mounted "$2" "$3"
	(cd "$3" && restore -rf "$1") || fail "restore of $1"
}

# alike DIRECTORY DIRECTORY: the trees are the same
alike() {
	listing "$1" >"$WORK/listing1"
	listing "$2" >"$WORK/listing2"
	[ -s "$WORK/listing1" ] || fail "an empty listing"
	diff "$WORK/listing1" "$WORK/listing2" || fail "$2 is not like $1"
}

# same DUMP DUMP: they differ in nothing but their dates
same() {
	[ -n "$SAME" ] || return 0
	"$SAME" "$1" "$2" c_date || fail "$2 is not the same as $1"
}
