/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A preload library that counts the calls by which a program changes the file system OPS_DEV, over all processes of the program, and notes
 * their kinds in the file OPS_LOG. At call OPS_NTH (from 1) it waits for the test, before the call is made (OPS_ERRNO is 0), or the call and
 * the OPS_TIMES - 1 after it fail with OPS_ERRNO. OPS_CALL, if it is set, has the letters of the calls that count:
 *	c openat that creates	d mkdirat	w pwrite	t ftruncate	u unlinkat	r renameat	l linkat
 *	s symlinkat	n mknodat	o fchown, fchownat	m fchmod	i futimens, utimensat	x fsetxattr	f fsync	y syncfs
 */
#define _GNU_SOURCE
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define MOST 1000000

struct shared {
	long count;	/* calls so far */
	long stopped;	/* the process that waits */
	long go_on;	/* set by the test */
	char kinds[MOST];
};

static struct shared *shared;
static const char *letters = "";
static unsigned long long device;
static long nth, times = 1;
static int number;

__attribute__((constructor)) static void
start(void)
{
	const char *value;
	const char *log = getenv("OPS_LOG");
	int fd;

	if (log == NULL || (fd = open(log, O_RDWR | O_CREAT | O_CLOEXEC, 0600)) == -1)
		return;
	if (ftruncate(fd, sizeof(struct shared)) == 0)
		shared = mmap(NULL, sizeof(struct shared), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (shared == MAP_FAILED)
		shared = NULL;
	close(fd);
	if ((value = getenv("OPS_CALL")) != NULL)
		letters = value;
	if ((value = getenv("OPS_DEV")) != NULL)
		device = strtoull(value, NULL, 10);
	if ((value = getenv("OPS_NTH")) != NULL)
		nth = atol(value);
	if ((value = getenv("OPS_TIMES")) != NULL)
		times = atol(value);
	if ((value = getenv("OPS_ERRNO")) != NULL)
		number = atoi(value);
}

/* Counts a call on a descriptor; whether it fails, with errno set. The C library's fstat is not used: a sandbox may refuse it. */
static int
fails(char kind, int fd)
{
	struct timespec moment = { 0, 200000 };
	struct stat st;
	int kept = errno;
	long at;

	if (shared == NULL || (*letters != '\0' && strchr(letters, kind) == NULL))
		return 0;
	if (syscall(SYS_fstat, fd, &st) != 0 || (unsigned long long)st.st_dev != device) {
		errno = kept;
		return 0;
	}
	errno = kept;
	at = __sync_add_and_fetch(&shared->count, 1);
	if (at <= MOST)
		shared->kinds[at - 1] = kind;
	if (at < nth || at >= nth + times)
		return 0;
	if (number != 0) {
		errno = number;
		return 1;
	}
	shared->stopped = syscall(SYS_getpid);
	while (!*(volatile long *)&shared->go_on)
		nanosleep(&moment, NULL);
	errno = kept;
	return 0;
}

int
openat(int at, const char *path, int flags, ...)
{
	va_list rest;
	mode_t mode;

	va_start(rest, flags);
	mode = (flags & O_CREAT) != 0 ? va_arg(rest, mode_t) : 0;
	va_end(rest);
	if ((flags & O_CREAT) != 0 && fails('c', at))
		return -1;
	return syscall(SYS_openat, at, path, flags, mode);
}

int
mkdirat(int at, const char *path, mode_t mode)
{
	return fails('d', at) ? -1 : syscall(SYS_mkdirat, at, path, mode);
}

ssize_t
pwrite64(int fd, const void *bytes, size_t length, off_t offset)
{
	return fails('w', fd) ? -1 : syscall(SYS_pwrite64, fd, bytes, length, offset);
}

ssize_t
pwrite(int fd, const void *bytes, size_t length, off_t offset)
{
	return pwrite64(fd, bytes, length, offset);
}

int
ftruncate64(int fd, off_t length)
{
	return fails('t', fd) ? -1 : syscall(SYS_ftruncate, fd, length);
}

int
ftruncate(int fd, off_t length)
{
	return ftruncate64(fd, length);
}

int
unlinkat(int at, const char *path, int flags)
{
	return fails('u', at) ? -1 : syscall(SYS_unlinkat, at, path, flags);
}

int
renameat(int from_at, const char *from, int to_at, const char *to)
{
	return fails('r', from_at) ? -1 : syscall(SYS_renameat2, from_at, from, to_at, to, 0);
}

int
linkat(int from_at, const char *from, int to_at, const char *to, int flags)
{
	return fails('l', from_at) ? -1 : syscall(SYS_linkat, from_at, from, to_at, to, flags);
}

int
symlinkat(const char *text, int at, const char *path)
{
	return fails('s', at) ? -1 : syscall(SYS_symlinkat, text, at, path);
}

int
mknodat(int at, const char *path, mode_t mode, dev_t device)
{
	return fails('n', at) ? -1 : syscall(SYS_mknodat, at, path, mode, (unsigned int)device);
}

int
fchown(int fd, uid_t uid, gid_t gid)
{
	return fails('o', fd) ? -1 : syscall(SYS_fchown, fd, uid, gid);
}

int
fchownat(int at, const char *path, uid_t uid, gid_t gid, int flags)
{
	return fails('o', at) ? -1 : syscall(SYS_fchownat, at, path, uid, gid, flags);
}

int
fchmod(int fd, mode_t mode)
{
	return fails('m', fd) ? -1 : syscall(SYS_fchmod, fd, mode);
}

int
futimens(int fd, const struct timespec *values)
{
	return fails('i', fd) ? -1 : syscall(SYS_utimensat, fd, NULL, values, 0);
}

int
utimensat(int at, const char *path, const struct timespec *values, int flags)
{
	return fails('i', at) ? -1 : syscall(SYS_utimensat, at, path, values, flags);
}

int
fsetxattr(int fd, const char *name, const void *value, size_t length, int flags)
{
	return fails('x', fd) ? -1 : syscall(SYS_fsetxattr, fd, name, value, length, flags);
}

int
fsync(int fd)
{
	return fails('f', fd) ? -1 : syscall(SYS_fsync, fd);
}

int
syncfs(int fd)
{
	return fails('y', fd) ? -1 : syscall(SYS_syncfs, fd);
}
