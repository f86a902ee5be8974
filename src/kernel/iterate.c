/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * iterate.c: see iterate.h.
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "kernel/iterate.h"

#define BUFFER_BYTES 65536

/* A read may end anywhere. */
static int records_read(int fd, size_t bytes, iterate_record_fn record, void *arg)
{
	_Alignas(8) char buffer[BUFFER_BYTES];
	size_t have = 0, at;
	ssize_t got;

	while ((got = read(fd, buffer + have, sizeof(buffer) - have)) != 0) {
		if (got < 0) {
			if (errno == EINTR || errno == EAGAIN)
				continue;
			return -errno;
		}
		have += (size_t)got;
		for (at = 0; have - at >= bytes; at += bytes)
			record(arg, buffer + at);
		memmove(buffer, buffer + at, have - at);
		have -= at;
	}
	return 0;
}

int iterate_records(const struct bpf_program *program, size_t bytes, iterate_record_fn record, void *arg)
{
	struct bpf_link *link = bpf_program__attach_iter(program, NULL);
	int fd, status;

	if (!link)
		return -errno;
	fd = bpf_iter_create(bpf_link__fd(link));
	status = fd < 0 ? fd : records_read(fd, bytes, record, arg);
	if (fd >= 0)
		close(fd);
	bpf_link__destroy(link);
	return status;
}
