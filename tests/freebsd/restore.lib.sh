# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=sh
# What the tests of caprestore share: a tree with all that UFS holds, and what there is to say of a tree.
. "$(dirname "$0")/lib.sh"
CAPRESTORE=${CAPRESTORE:-$(dirname "$CAPDUMP")/caprestore}
[ -x "$CAPRESTORE" ] || skip "no caprestore beside capdump"
need newfs tunefs mdconfig dump restore mtree setfacl getfacl setextattr getextattr lsextattr mknod mkfifo chflags

# files SIZE KIND: sets $disk to a new file system of that kind: ufs1, ufs2 (with POSIX.1e ACLs) or nfs4 (UFS2 with NFSv4 ACLs)
files() {
	disk "$1"
	case $2 in
	ufs1) newfs -O 1 -b 16384 -f 2048 "$disk" ;;
	ufs2) newfs -O 2 -U "$disk" && tunefs -a enable "$disk" ;;
	nfs4) newfs -O 2 "$disk" && tunefs -N enable "$disk" ;;
	esac >/dev/null 2>&1 || fail "newfs for $2"
}

# everything KIND: fills the current directory. Flags come last; they are taken from directories in the same order.
everything() {
	mkdir -p dir/below/deeper modes owners times flags holes links empty attributes
	random dir/random 3000 && random dir/below/small 3
	echo deep >dir/below/deeper/file
	for mode in 0 1 22 444 644 777 1755 2755 4755 6711 7777; do
		echo "$mode" >modes/$mode && chmod "$mode" modes/$mode
		mkdir modes/d$mode && chmod "$mode" modes/d$mode
	done
	ln -s 755 modes/link && chmod -h 741 modes/link
	for owner in 0:1 1001:1002 65534:65534 4000000000:4000000001; do
		echo >"owners/$owner" && chmod 6755 "owners/$owner" && chown "$owner" "owners/$owner"
		ln -s x "owners/l$owner" && chown -h "$owner" "owners/l$owner"
		mkdir "owners/d$owner" && chown "$owner" "owners/d$owner"
	done
	truncate -s 20m holes/empty && echo end >>holes/empty
	dd if=/dev/urandom of=holes/middle bs=32k seek=20 count=3 2>/dev/null && truncate -s 2m holes/middle
	dd if=/dev/urandom of=holes/first bs=1k seek=9000 count=1 2>/dev/null
	mkfifo -m 604 links/pipe
	# With NFSv4 ACLs UFS makes no devices.
	[ "$1" = nfs4 ] || { mknod links/null c 0x12 0x34 && mknod links/disk b 7 0x10002 && ln links/null links/null2; } || fail mknod
	ln -s nowhere links/symlink && ln -s "$(jot -b long/ -s '' 40)" links/long
	echo many >links/file && ln links/file links/again && ln links/file dir/below/other
	ln links/pipe links/pipe2 && ln -P links/symlink links/symlink2
	name=$(jot -b n -s '' 255)
	echo long >"links/$name" && mkdir "dir/$name" && ln -s "$name" "dir/below/$name"
	echo odd >"$(printf 'links/a\nb \\c\303\244\377')"
	[ "$1" = ufs1 ] || attributes_for "$1"
	# A file is born when it is made, or when it is changed before that.
	ages='1969-12-31T23:00:00.5Z 2040-05-06T07:08:09Z'
	[ "$1" != ufs1 ] || ages= # it holds neither
	for at in $ages 1990-01-02T03:04:05.000000006Z 2001-02-03T04:05:06.987654321Z; do
		echo "$at" >"times/$at" && mkdir "times/d$at" && ln -s x "times/l$at" && mkfifo "times/p$at"
		for kind in '' d l p; do
			touch -h -d 1960-01-01T00:00:00.25Z "times/$kind$at" && touch -h -d "$at" "times/$kind$at"
			touch -h -a -d 2011-12-13T14:15:16.171819202Z "times/$kind$at"
		done
	done
	for flag in schg sappnd sunlnk uchg uappnd uunlnk nodump uarch uhidden; do
		echo $flag >flags/$flag && mkdir flags/d$flag && echo $flag >flags/d$flag/file
		ln -s $flag flags/l$flag && mkfifo flags/p$flag
		ln flags/$flag links/$flag
		touch -h -d 2002-01-01T01:01:01.000000001Z flags/$flag flags/d$flag flags/l$flag
		chflags $flag flags/d$flag flags/p$flag flags/$flag && chflags -h $flag flags/l$flag || fail "chflags $flag"
	done
	[ "$1" = nfs4 ] || { mknod flags/null c 1 2 && chflags schg flags/null; } || fail mknod
	touch -d 2003-01-01T01:01:01.000000002Z modes/d0 dir dir/below empty holes links
	chflags schg flags
}

# attributes_for KIND: extended attributes and ACLs
attributes_for() {
	cd attributes || fail "cd"
	echo text >file && mkdir directory below && ln -s file link && mkfifo pipe
	for on in file directory link pipe; do
		setextattr -h user colour blue $on && setextattr -h system secret hidden $on || fail "setextattr $on"
		setextattr -h user "$(jot -b n -s '' 250)" "$(jot -b x -s '' 900)" $on && setextattr -h user empty '' $on
	done
	chmod 4640 file
	random value 20 && setextattr -i user large below <value
	echo text >acl && mkdir acls && echo text >both && chmod 664 acl
	case $1 in
	ufs2)
		setfacl -m u:1234:rw,g:5678:r acl && setfacl -m u:4000000000:rwx,m::r-x acls && setfacl -m g:1:x pipe
		setfacl -d -m u::rwx,g::rx,o::,m::rwx,u:1234:rwx acls
		setfacl -m u:5:w both && chmod 2710 both
		;;
	nfs4)
		setfacl -a0 u:1234:rwxp::allow acl && setfacl -a0 g:5678:w::deny acl && setfacl -a0 u:7:full_set:fd:allow acls
		setfacl -a0 g:1:x::allow pipe && setfacl -a0 u:5:w::allow both && chmod 2710 both
		;;
	esac || fail "setfacl"
	cd ..
}

# whiteouts DIRECTORY NAME...: makes names in a directory whiteouts
whiteouts() {
	upper=$1 && shift
	mkdir -p "$upper" "$WORK/lower"
	for name; do echo >"$WORK/lower/$name"; done
	mount -t unionfs "$upper" "$WORK/lower" || { note "no unionfs, no whiteouts" && return; }
	for name; do rm "$WORK/lower/$name" || fail "cannot remove $name"; done
	umount "$WORK/lower"
}

# unlocked DIRECTORY: takes away the flags, so that it can be removed
unlocked() { chflags -R 0 "$1"; }

# said DIRECTORY: all that there is to say of a tree but what is in .snap and in files of restore's
said() (
	cd "$1" || exit 1
	printf './.snap\n./restoresymtable*\n' >"$WORK/left-out"
	find -s . -name .snap -prune -o -name 'restoresymtable*' -prune -o ! -type s -exec stat -f '%N %Sp %.9Fa %.9FB %b' {} + |
		sed -E "s/^\\. .*//${birth:+; s/ [-0-9.]+( [0-9]+)\$/\\1/}"
	mtree -c -n -X "$WORK/left-out" -k type,mode,uid,gid,nlink,size,link,time,flags,sha256digest,device | sed "${root-}"
	[ ! -d white ] || ls -lW white | grep '^w'
	[ -d attributes ] || exit 0
	for file in . attributes attributes/*; do
		getfacl -h "$file" 2>&1
		[ -d "$file" ] && getfacl -d "$file" 2>&1 # fails with NFSv4 ACLs
		for space in user system; do
			for name in $(lsextattr -hq "$space" "$file" | tr '\t' '\n' | sort); do
				echo "$space $name: $(getextattr -hqx "$space" "$name" "$file")"
			done
		done
	done
)
