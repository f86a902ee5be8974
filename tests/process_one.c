/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * process_one.c: does this kernel run BPF programs while process 1 is the current task? Linux as it is released does.
 * The kernel of a sandbox whose process 1 belongs to the sandbox itself need not: then nobody sees what softirqs do
 * that interrupt that process (README, Limits).
 *
 * Counts how often process 1 gives a CPU away, by a program at sched_switch and by /proc. Ends with 0 where it does so
 * without the program's knowledge, with 1 where the program sees it, with 2 where nobody can tell.
 */
#include <bpf/bpf.h>
#include <dirent.h>
#include <linux/bpf.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <unistd.h>

#define SWITCHES  8 /* are enough to judge by */
#define ROUNDS    25
#define ROUND_US  200000
#define NOT_SEEN  0
#define SEEN      1
#define NOT_KNOWN 2

enum { R0 = BPF_REG_0, R1 = BPF_REG_1, R2 = BPF_REG_2 };

/* if (bpf_get_current_pid_tgid() >> 32 == 1) ++*(u64 *)value of the map's only key; return 0; */
static int program_load(int map)
{
	const struct bpf_insn code[] = {
		{.code = BPF_JMP | BPF_CALL, .imm = BPF_FUNC_get_current_pid_tgid},
		{.code = BPF_ALU64 | BPF_RSH | BPF_K, .dst_reg = R0, .imm = 32},
		{.code = BPF_JMP | BPF_JNE | BPF_K, .dst_reg = R0, .imm = 1, .off = 4},
		{.code = BPF_LD | BPF_DW | BPF_IMM, .dst_reg = R1, .src_reg = BPF_PSEUDO_MAP_VALUE, .imm = map},
		{0}, /* the second half */
		{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = R2, .imm = 1},
		{.code = BPF_STX | BPF_ATOMIC | BPF_DW, .dst_reg = R1, .src_reg = R2, .imm = BPF_ADD},
		{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = R0},
		{.code = BPF_JMP | BPF_EXIT},
	};

	return bpf_prog_load(BPF_PROG_TYPE_RAW_TRACEPOINT, "process_one", "GPL", code, sizeof(code) / sizeof(code[0]),
			     NULL);
}

/* How often the threads of process 1 have given their CPU away since they were born. */
static unsigned long long switches(void)
{
	unsigned long long total = 0, count;
	DIR *tasks = opendir("/proc/1/task");
	const struct dirent *task;

	while (tasks && (task = readdir(tasks))) {
		char path[64], line[128];
		FILE *file;

		snprintf(path, sizeof(path), "/proc/1/task/%.20s/status", task->d_name);
		file = fopen(path, "re");
		while (file && fgets(line, sizeof(line), file))
			if (sscanf(line, "voluntary_ctxt_switches: %llu", &count) == 1 ||
			    sscanf(line, "nonvoluntary_ctxt_switches: %llu", &count) == 1)
				total += count;
		if (file)
			fclose(file);
	}
	if (tasks)
		closedir(tasks);
	return total;
}

int main(void)
{
	int map = bpf_map_create(BPF_MAP_TYPE_ARRAY, "process_one", sizeof(uint32_t), sizeof(uint64_t), 1, NULL);
	int program = map < 0 ? -1 : program_load(map);
	unsigned long long before, given = 0;
	uint64_t seen = 0;

	if (program < 0 || bpf_raw_tracepoint_open("sched_switch", program) < 0) {
		perror("process_one: a program at sched_switch");
		return NOT_KNOWN;
	}
	before = switches();
	for (unsigned i = 0; i < ROUNDS && !seen && given < SWITCHES; i++) {
		usleep(ROUND_US);
		given = switches() - before;
		bpf_map_lookup_elem(map, &(uint32_t){0}, &seen);
	}
	printf("process 1 gave a CPU away %llu times, of which BPF programs saw %llu\n", given,
	       (unsigned long long)seen);
	return seen ? SEEN : given < SWITCHES ? NOT_KNOWN : NOT_SEEN;
}
