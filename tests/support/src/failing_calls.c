/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A preload library under which one system call fails: the FAIL_NTH one (from 1) of the kind FAIL_CALL that concerns a file of the
 * file system FAIL_DEV, counted over all processes of the program, with FAIL_ERRNO. FAIL_CALL is write, pwrite, fsync, ftruncate,
 * close or rename. A write with FAIL_ERRNO 0 takes half of its bytes. Calls with the answer of the kernel go to FAIL_LOG: one byte when
 * the call failed, so that a test sees whether it came to that.
 */
#define _GNU_SOURCE
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct shared {
	long count;
	long failed;
};

static struct shared *shared;
static const char *wanted = "";
static unsigned long long device;
static long nth;
static int number;

__attribute__((constructor)) static void
start(void)
{
	const char *value;
	const char *log = getenv("FAIL_LOG");
	int fd;

	if (log == NULL || (fd = open(log, O_RDWR | O_CREAT | O_CLOEXEC, 0600)) == -1)
		return;
	if (ftruncate(fd, sizeof(struct shared)) == 0)
		shared = mmap(NULL, sizeof(struct shared), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (shared == MAP_FAILED)
		shared = NULL;
	close(fd);
	if ((value = getenv("FAIL_CALL")) != NULL)
		wanted = value;
	if ((value = getenv("FAIL_DEV")) != NULL)
		device = strtoull(value, NULL, 10);
	if ((value = getenv("FAIL_NTH")) != NULL)
		nth = atol(value);
	if ((value = getenv("FAIL_ERRNO")) != NULL)
		number = atoi(value);
}

/* Whether this call is the one that fails. The C library's fstat is not used: a sandbox may refuse it. */
static int
fails(const char *call, int fd)
{
	struct stat st;
	int kept = errno;
	int ours;

	if (shared == NULL || strcmp(call, wanted) != 0)
		return 0;
	if (fd == STDERR_FILENO)
		return 0;
	ours = fd == -1 || (syscall(SYS_fstat, fd, &st) == 0 && (unsigned long long)st.st_dev == device && S_ISREG(st.st_mode));
	errno = kept;
	if (!ours || __sync_add_and_fetch(&shared->count, 1) != nth)
		return 0;
	shared->failed = 1;
	return 1;
}

ssize_t
write(int fd, const void *bytes, size_t length)
{
	if (fails("write", fd)) {
		if (number == 0)
			return syscall(SYS_write, fd, bytes, length / 2);
		errno = number;
		return -1;
	}
	return syscall(SYS_write, fd, bytes, length);
}

ssize_t
pwrite64(int fd, const void *bytes, size_t length, off_t at)
{
	if (fails("pwrite", fd)) {
		errno = number;
		return -1;
	}
	return syscall(SYS_pwrite64, fd, bytes, length, at);
}

ssize_t
pwrite(int fd, const void *bytes, size_t length, off_t at)
{
	return pwrite64(fd, bytes, length, at);
}

int
fsync(int fd)
{
	if (fails("fsync", fd)) {
		errno = number;
		return -1;
	}
	return syscall(SYS_fsync, fd);
}

int
ftruncate64(int fd, off_t length)
{
	if (fails("ftruncate", fd)) {
		errno = number;
		return -1;
	}
	return syscall(SYS_ftruncate, fd, length);
}

int
ftruncate(int fd, off_t length)
{
	return ftruncate64(fd, length);
}

int
close(int fd)
{
	int failing = fails("close", fd);
	int answer = syscall(SYS_close, fd);

	if (failing) {
		errno = number;
		return -1;
	}
	return answer;
}

int
rename(const char *from, const char *to)
{
	static int (*next)(const char *, const char *);

	if (fails("rename", -1)) {
		errno = number;
		return -1;
	}
	if (next == NULL)
		next = (int (*)(const char *, const char *))dlsym(RTLD_NEXT, "rename");
	return next(from, to);
}

int
renameat2(int from_at, const char *from, int to_at, const char *to, unsigned int flags)
{
	if (fails("rename", -1)) {
		errno = number;
		return -1;
	}
	return syscall(SYS_renameat2, from_at, from, to_at, to, flags);
}

int
linkat(int from_at, const char *from, int to_at, const char *to, int flags)
{
	if (fails("rename", -1)) {
		errno = number;
		return -1;
	}
	return syscall(SYS_linkat, from_at, from, to_at, to, flags);
}
