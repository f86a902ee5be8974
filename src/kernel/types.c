/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * types.c: see types.h.
 */
#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "kernel/features.h"
#include "kernel/monitor_internal.h"
#include "kernel/types.h"

/* No kernel has these by default. */
#define OWN_KEEPALIVE_S     4321
#define OWN_USER_TIMEOUT_MS 54321

/* ---- where they are from ------------------------------------------------------------------------- */

void types_close(struct kernel_types *types)
{
	btf__free(types->btf);
	types->btf = NULL;
	if (types->handler)
		libbpf_unregister_prog_handler(types->handler);
	types->handler = 0;
}

static int raw_attach(const struct bpf_program *program, long cookie, struct bpf_link **link)
{
	const char *section = bpf_program__section_name(program); /* "tp_btf/inet_sock_set_state" */

	(void)cookie;
	*link = bpf_program__attach_raw_tracepoint(program, strchr(section, '/') + 1);
	return *link ? 0 : -errno;
}

/*
 * What libbpf makes of "tp_btf/..." from now on. A change of a program's type would not do: libbpf 1.1 goes on to look
 * for the tracepoint among types that the kernel does not have.
 */
static int raw_programs(struct kernel_types *types, char *why, size_t size)
{
	LIBBPF_OPTS(libbpf_prog_handler_opts, options, .prog_attach_fn = raw_attach);

	types->handler = libbpf_register_prog_handler("tp_btf+", BPF_PROG_TYPE_RAW_TRACEPOINT, 0, &options);
	if (types->handler > 0)
		return 0;
	snprintf(why, size, "%s", strerror(-types->handler));
	types_close(types);
	return -ENOMEM;
}

static int types_open_file(struct kernel_types *types, const char *file, char *why, size_t size)
{
	if (access(file, R_OK)) {
		snprintf(why, size, "%s", strerror(errno));
		return TYPES_UNFIT;
	}
	types->btf = btf__parse(file, NULL);
	if (!types->btf && errno == ENOMEM)
		return -ENOMEM;
	if (!types->btf) { /* errno is libbpf's own, or ENOENT for an ELF file without them */
		snprintf(why, size, "it holds no types (BTF) that can be read");
		return TYPES_UNFIT;
	}
	if (feature_tracepoint_arguments(types->btf, "inet_sock_set_state") < 0) {
		snprintf(why, size, "its types are not those of a kernel with TCP");
		types_close(types);
		return TYPES_UNFIT;
	}
	return raw_programs(types, why, size);
}

int types_open(struct kernel_types *types, const char *file, char *why, size_t size)
{
	*types = (struct kernel_types){.file = file};
	if (file)
		return types_open_file(types, file, why, size);
	types->btf = btf__load_vmlinux_btf();
	if (types->btf)
		return 0;
	snprintf(why, size,
		 "this kernel has no BTF (/sys/kernel/btf/vmlinux): it needs CONFIG_DEBUG_INFO_BTF=y, which Debian's "
		 "kernels since 5.10 have; live, record, check, audit, machine and daemon can do with a file of it "
		 "(--btf FILE)");
	return -EOPNOTSUPP;
}

/* ---- programs ------------------------------------------------------------------------------------ */

struct lastack_bpf *types_skeleton(const struct kernel_types *types)
{
	LIBBPF_OPTS(bpf_object_open_opts, options, .btf_custom_path = types->file);
	struct lastack_bpf *skeleton = lastack_bpf__open_opts(&options);

	if (!skeleton)
		return NULL;
	skeleton->rodata->raw_reads = types->file != NULL;
	skeleton->rodata->has_cookie_helper = !types->file && feature_cookie_helper(types->btf);
	bpf_map__set_autocreate(skeleton->maps.views, types->file != NULL);
	return skeleton;
}

/* ---- are they this kernel's? --------------------------------------------------------------------- */

/* A socket with settings that no other has, and its port. Returns the descriptor or -errno. */
static int own_socket_make(uint16_t *port)
{
	struct sockaddr_in address = {.sin_family = AF_INET};
	int keepalive_s = OWN_KEEPALIVE_S, user_timeout_ms = OWN_USER_TIMEOUT_MS, status = 0;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	socklen_t size = sizeof(address);

	if (fd < 0)
		return -errno;
	if (setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &keepalive_s, sizeof(keepalive_s)) ||
	    setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &user_timeout_ms, sizeof(user_timeout_ms)) ||
	    bind(fd, (struct sockaddr *)&address, sizeof(address)) ||
	    getsockname(fd, (struct sockaddr *)&address, &size))
		status = -errno;
	*port = ntohs(address.sin_port);
	if (!status)
		return fd;
	close(fd);
	return status;
}

/* What in it does not read as it is, or NULL. */
static const char *own_socket_fault(const struct own_socket *seen, uint16_t port)
{
	uint64_t idle_ticks = OWN_KEEPALIVE_S * 1000000000ULL / feature_tick_ns();
	struct stat namespace;

	if (!seen->found || seen->family != AF_INET)
		return "a TCP socket";
	if (seen->local_port != port)
		return "its port";
	if (!stat("/proc/self/ns/net", &namespace) && seen->netns != namespace.st_ino)
		return "its network namespace";
	if (seen->user_timeout_ms != OWN_USER_TIMEOUT_MS)
		return "TCP_USER_TIMEOUT";
	return seen->keepalive_idle_ticks != idle_ticks ? "TCP_KEEPIDLE" : NULL;
}

int types_verify(struct lastack_bpf *skeleton, char *why, size_t size)
{
	LIBBPF_OPTS(bpf_test_run_opts, run);
	const char *fault;
	uint16_t port = 0;
	int fd = own_socket_make(&port), status;

	if (fd < 0) {
		snprintf(why, size, "a socket to try it with: %s", strerror(-fd));
		return fd;
	}
	skeleton->bss->own_socket.descriptor = (uint32_t)fd;
	status = bpf_prog_test_run_opts(bpf_program__fd(skeleton->progs.own_socket_read), &run);
	close(fd);
	if (status) {
		snprintf(why, size, "it cannot be tried (since Linux 5.10): %s", strerror(-status));
		return status;
	}
	fault = own_socket_fault(&skeleton->bss->own_socket, port);
	if (!fault)
		return 0;
	snprintf(why, size,
		 "its types are not those of this kernel: of a socket of our own, %s does not read as what it is",
		 fault);
	return TYPES_UNFIT;
}
