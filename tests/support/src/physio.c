/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A preload library under which a read of several pieces is one read of each of them, one after the other: what physio(9) of FreeBSD
 * makes of preadv(2) of a raw disk. A read with flags (RWF_NOWAIT: whether the page cache has it) is left as it is.
 */
#define _GNU_SOURCE
#include <sys/syscall.h>
#include <sys/uio.h>

#include <unistd.h>

ssize_t
preadv64(int fd, const struct iovec *pieces, int count, off64_t at)
{
	ssize_t got, all = 0;
	int n;

	for (n = 0; n < count; n++) {
		got = pread64(fd, pieces[n].iov_base, pieces[n].iov_len, at + all);
		if (got == -1)
			return all > 0 ? all : -1;
		all += got;
		if ((size_t)got < pieces[n].iov_len)
			break;
	}
	return all;
}

ssize_t
preadv(int fd, const struct iovec *pieces, int count, off_t at)
{
	return preadv64(fd, pieces, count, at);
}

ssize_t
preadv64v2(int fd, const struct iovec *pieces, int count, off64_t at, int flags)
{
	if (flags != 0)
		return syscall(SYS_preadv2, fd, pieces, count, at, 0, flags);
	return preadv64(fd, pieces, count, at);
}

ssize_t
preadv2(int fd, const struct iovec *pieces, int count, off_t at, int flags)
{
	return preadv64v2(fd, pieces, count, at, flags);
}
