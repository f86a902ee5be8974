/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * seccomp.c: the system calls that the daemon makes once it runs. What is not here fails with EPERM rather than kills:
 * a C library that comes to use another call costs a feature then, not the monitor.
 */
#include <errno.h>
#include <linux/bpf.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <seccomp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "serve/privileges.h"

static const int allowed[] = {
	/* memory, threads, time, signals */
	SCMP_SYS(brk),
	SCMP_SYS(clock_gettime),
	SCMP_SYS(clock_nanosleep),
	SCMP_SYS(clone3),
	SCMP_SYS(exit),
	SCMP_SYS(exit_group),
	SCMP_SYS(futex),
	SCMP_SYS(getpid),
	SCMP_SYS(getrandom),
	SCMP_SYS(getrusage),
	SCMP_SYS(gettid),
	SCMP_SYS(gettimeofday),
	SCMP_SYS(madvise),
	SCMP_SYS(membarrier),
	SCMP_SYS(mmap),
	SCMP_SYS(mprotect),
	SCMP_SYS(mremap),
	SCMP_SYS(munmap),
	SCMP_SYS(nanosleep),
	SCMP_SYS(prctl),
	SCMP_SYS(restart_syscall),
	SCMP_SYS(rseq),
	SCMP_SYS(rt_sigaction),
	SCMP_SYS(rt_sigprocmask),
	SCMP_SYS(rt_sigreturn),
	SCMP_SYS(sched_getaffinity),
	SCMP_SYS(sched_yield),
	SCMP_SYS(set_robust_list),
	SCMP_SYS(sigaltstack),
	SCMP_SYS(sysinfo),
	SCMP_SYS(tgkill),
	SCMP_SYS(uname),
	/* who we are: SQLite asks before it leaves files to others */
	SCMP_SYS(getegid),
	SCMP_SYS(geteuid),
	SCMP_SYS(getgid),
	SCMP_SYS(getppid),
	SCMP_SYS(getuid),
	SCMP_SYS(capget),
	SCMP_SYS(capset),
	/* files */
	SCMP_SYS(access),
	SCMP_SYS(chdir),
	SCMP_SYS(chmod),
	SCMP_SYS(close),
	SCMP_SYS(dup),
	SCMP_SYS(faccessat),
	SCMP_SYS(faccessat2),
	SCMP_SYS(fadvise64),
	SCMP_SYS(fallocate),
	SCMP_SYS(fchmod),
	SCMP_SYS(fchown),
	SCMP_SYS(fcntl),
	SCMP_SYS(fdatasync),
	SCMP_SYS(flock),
	SCMP_SYS(fstat),
	SCMP_SYS(fstatfs),
	SCMP_SYS(fsync),
	SCMP_SYS(ftruncate),
	SCMP_SYS(getcwd),
	SCMP_SYS(getdents64),
	SCMP_SYS(ioctl),
	SCMP_SYS(link),
	SCMP_SYS(linkat),
	SCMP_SYS(lseek),
	SCMP_SYS(lstat),
	SCMP_SYS(mkdir),
	SCMP_SYS(mkdirat),
	SCMP_SYS(newfstatat),
	SCMP_SYS(open),
	SCMP_SYS(openat),
	SCMP_SYS(pread64),
	SCMP_SYS(preadv),
	SCMP_SYS(pwrite64),
	SCMP_SYS(pwritev),
	SCMP_SYS(read),
	SCMP_SYS(readlink),
	SCMP_SYS(readlinkat),
	SCMP_SYS(readv),
	SCMP_SYS(rename),
	SCMP_SYS(renameat),
	SCMP_SYS(renameat2),
	SCMP_SYS(rmdir),
	SCMP_SYS(stat),
	SCMP_SYS(statfs),
	SCMP_SYS(statx),
	SCMP_SYS(umask),
	SCMP_SYS(unlink),
	SCMP_SYS(unlinkat),
	SCMP_SYS(utimensat),
	SCMP_SYS(write),
	SCMP_SYS(writev),
	/* the loop and its clients */
	SCMP_SYS(accept),
	SCMP_SYS(accept4),
	SCMP_SYS(connect),
	SCMP_SYS(epoll_create1),
	SCMP_SYS(epoll_ctl),
	SCMP_SYS(epoll_pwait),
	SCMP_SYS(epoll_pwait2),
	SCMP_SYS(epoll_wait),
	SCMP_SYS(eventfd2),
	SCMP_SYS(getpeername),
	SCMP_SYS(getsockname),
	SCMP_SYS(getsockopt),
	SCMP_SYS(pipe2),
	SCMP_SYS(poll),
	SCMP_SYS(ppoll),
	SCMP_SYS(recvfrom),
	SCMP_SYS(recvmsg),
	SCMP_SYS(select),
	SCMP_SYS(pselect6),
	SCMP_SYS(sendfile),
	SCMP_SYS(sendmsg),
	SCMP_SYS(sendto),
	SCMP_SYS(setsockopt),
	SCMP_SYS(shutdown),
	SCMP_SYS(signalfd4),
	/* other network namespaces, where that was asked for and CAP_SYS_ADMIN kept; names of cgroups likewise */
	SCMP_SYS(setns),
	SCMP_SYS(open_by_handle_at),
};

/* With these loaded programs are listed, counted and taken off; none can be loaded. */
static const unsigned bpf_commands[] = {
	BPF_MAP_LOOKUP_ELEM, BPF_MAP_GET_NEXT_KEY, BPF_OBJ_GET_INFO_BY_FD,
	BPF_LINK_CREATE,     BPF_LINK_DETACH,      BPF_ITER_CREATE,
};

static struct scmp_arg_cmp argument_is(unsigned number, uint64_t value)
{
	return (struct scmp_arg_cmp){.arg = number, .op = SCMP_CMP_EQ, .datum_a = value};
}

static int rules_add(scmp_filter_ctx filter)
{
	int status = 0;

	for (size_t i = 0; !status && i < sizeof(allowed) / sizeof(allowed[0]); i++) {
		status = seccomp_rule_add(filter, SCMP_ACT_ALLOW, allowed[i], 0);
		if (status == -EDOM)
			status = 0; /* this architecture has no such call */
	}
	for (size_t i = 0; !status && i < sizeof(bpf_commands) / sizeof(bpf_commands[0]); i++)
		status = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(bpf), 1, argument_is(0, bpf_commands[i]));
	/* For sd_notify(), and the cookie of a network namespace; no connection to anywhere else. */
	if (!status)
		status = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(socket), 1, argument_is(0, AF_UNIX));
	/* Limits of its own are read, for /metrics; none is set. */
	if (!status)
		status = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(prlimit64), 2, argument_is(0, 0),
					  argument_is(2, 0));
	/* glibc falls back to clone() where clone3() is missing; only for threads: CLONE_VM | CLONE_THREAD. */
	if (!status)
		status = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(clone), 1,
					  SCMP_A0(SCMP_CMP_MASKED_EQ, 0x10100, 0x10100));
	return status;
}

/* The rules as a program, to be freed. Returns 0 or -errno. */
static int program_make(struct sock_filter **code, size_t *bytes)
{
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ERRNO(EPERM));
	int fd = memfd_create("seccomp", MFD_CLOEXEC), status = -ENOMEM;
	struct stat file;

	*code = NULL;
	if (filter && fd >= 0)
		status = rules_add(filter);
	if (!status)
		status = seccomp_export_bpf(filter, fd);
	if (!status && fstat(fd, &file))
		status = -errno;
	if (!status) {
		*bytes = (size_t)file.st_size;
		*code = malloc(*bytes);
		status = *code && pread(fd, *code, *bytes, 0) == file.st_size ? 0 : -ENOMEM;
	}
	if (fd >= 0)
		close(fd);
	if (filter)
		seccomp_release(filter);
	return status;
}

/* Without privileges it takes no-new-privileges, which privileges_drop() has set. */
static int program_load(struct sock_filter *code, size_t bytes, bool tell)
{
	struct sock_fprog program = {.len = (unsigned short)(bytes / sizeof(*code)), .filter = code};

	if (tell && !syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_LOG, &program))
		return 0;
	/* Kernels before 4.14 cannot tell. */
	return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) ? -errno : 0;
}

/*
 * The program is made twice: when memory runs out meanwhile libseccomp 2.5 may leave a part of it out and claim
 * success. A daemon with such a filter broke down when it first wanted more memory, as brk() was refused to it.
 */
int privileges_seccomp(bool tell)
{
	struct sock_filter *code, *again;
	size_t bytes = 0, bytes_again = 0;
	int status = program_make(&code, &bytes), status_again = program_make(&again, &bytes_again);

	if (!status)
		status = status_again;
	if (!status && (bytes != bytes_again || memcmp(code, again, bytes) != 0))
		status = -ENOMEM;
	if (!status)
		status = program_load(code, bytes, tell);
	free(code);
	free(again);
	return status;
}
