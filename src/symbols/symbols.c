/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * symbols.c: see symbols.h. A file is opened as the process has it mapped (/proc/PID/map_files, which also finds what
 * was deleted or replaced since), or below the root directory of the process, as in a container.
 */
#include <dwarf.h>
#include <elfutils/libdwfl.h>
#include <fcntl.h>
#include <gelf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "symbols/symbols.h"

#define MODULES_MAX  1024
#define MAPPINGS_MAX 8192
#define PIDS_MAX     64

/* A file of code. */
struct module {
	unsigned major, minor;
	unsigned long inode;
	char *path;
	Dwfl *dwfl; /* NULL: it cannot be read */
	Dwfl_Module *file;
	bool has_build_id;
	uint8_t build_id[EVENT_BUILD_ID_BYTES];
};

struct mapping {
	uint32_t pid;
	unsigned long begin, end, offset;
	int module; /* -1: code that is in no file that can be told */
};

struct symbols {
	struct module modules[MODULES_MAX];
	struct mapping mappings[MAPPINGS_MAX];
	uint32_t pids[PIDS_MAX];
	unsigned module_count, mapping_count, pid_count;
	symbols_no_memory_fn no_memory;
};

struct symbols *symbols_create(symbols_no_memory_fn no_memory)
{
	struct symbols *symbols = calloc(1, sizeof(*symbols));

	if (symbols)
		symbols->no_memory = no_memory;
	return symbols;
}

void symbols_destroy(struct symbols *symbols)
{
	if (!symbols)
		return;
	for (unsigned i = 0; i < symbols->module_count; i++) {
		free(symbols->modules[i].path);
		if (symbols->modules[i].dwfl)
			dwfl_end(symbols->modules[i].dwfl);
	}
	free(symbols);
}

/* ---- files ------------------------------------------------------------------------------------------------- */

/* Not one that would wait for somebody, or for ever. */
static int file_open(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	struct stat status;

	if (fd < 0 || (!fstat(fd, &status) && S_ISREG(status.st_mode)))
		return fd;
	close(fd);
	return -1;
}

static int module_open(const struct mapping *mapping, const char *path)
{
	char name[4096 + 64];
	int fd;

	snprintf(name, sizeof(name), "/proc/%u/map_files/%lx-%lx", mapping->pid, mapping->begin, mapping->end);
	fd = file_open(name);
	if (fd >= 0)
		return fd;
	snprintf(name, sizeof(name), "/proc/%u/root%s", mapping->pid, path);
	return file_open(name);
}

static void build_id_learn(struct module *module)
{
	const unsigned char *bits;
	GElf_Addr address;
	int bytes = dwfl_module_build_id(module->file, &bits, &address);

	/* A shorter one is filled up with zeroes, as the kernel does. */
	if (bytes <= 0 || bytes > EVENT_BUILD_ID_BYTES)
		return;
	memcpy(module->build_id, bits, (size_t)bytes);
	module->has_build_id = true;
}

static void module_load(struct module *module, int fd)
{
	static const Dwfl_Callbacks callbacks = {
		.find_elf = dwfl_build_id_find_elf,
		.find_debuginfo = dwfl_standard_find_debuginfo,
		.section_address = dwfl_offline_section_address,
	};

	module->dwfl = fd < 0 ? NULL : dwfl_begin(&callbacks);
	if (module->dwfl) {
		dwfl_report_begin(module->dwfl);
		module->file = dwfl_report_offline(module->dwfl, module->path, module->path, fd);
		dwfl_report_end(module->dwfl, NULL, NULL);
	}
	if (module->file) {
		build_id_learn(module);
		return;
	}
	if (module->dwfl)
		dwfl_end(module->dwfl);
	module->dwfl = NULL;
	if (fd >= 0)
		close(fd);
}

/* The module of that file, or a new one; -1: no room. */
static int module_get(struct symbols *symbols, const struct module *like, const struct mapping *mapping,
		      const char *path)
{
	struct module *module;

	for (unsigned i = 0; i < symbols->module_count; i++) {
		module = &symbols->modules[i];
		if (module->inode == like->inode && module->major == like->major && module->minor == like->minor &&
		    !strcmp(module->path, path))
			return (int)i;
	}
	if (symbols->module_count == MODULES_MAX)
		return -1;
	module = &symbols->modules[symbols->module_count];
	*module = *like;
	module->path = strdup(path);
	if (!module->path)
		return -1;
	module_load(module, module_open(mapping, path));
	return (int)symbols->module_count++;
}

/* ---- processes --------------------------------------------------------------------------------------------- */

/* A line of /proc/PID/maps, where it is code. */
static void mapping_take(struct symbols *symbols, uint32_t pid, char *line)
{
	struct mapping mapping = {.pid = pid};
	struct module like = {0};
	char access[8];
	int path = 0;

	line[strcspn(line, "\n")] = '\0';
	if (sscanf(line, "%lx-%lx %7s %lx %x:%x %lu %n", &mapping.begin, &mapping.end, access, &mapping.offset,
		   &like.major, &like.minor, &like.inode, &path) < 7 ||
	    !path || !strchr(access, 'x') || symbols->mapping_count == MAPPINGS_MAX)
		return;
	mapping.module = line[path] == '/' ? module_get(symbols, &like, &mapping, line + path) : -1;
	symbols->mappings[symbols->mapping_count++] = mapping;
}

void symbols_add(struct symbols *symbols, uint32_t pid)
{
	char path[64], *line = NULL;
	size_t room = 0;
	FILE *maps;

	for (unsigned i = 0; i < symbols->pid_count; i++)
		if (symbols->pids[i] == pid)
			return;
	if (!pid || symbols->pid_count == PIDS_MAX)
		return;
	symbols->pids[symbols->pid_count++] = pid;
	snprintf(path, sizeof(path), "/proc/%u/maps", pid);
	maps = fopen(path, "re");
	if (!maps)
		return;
	while (getline(&line, &room, maps) > 0)
		mapping_take(symbols, pid, line);
	free(line);
	fclose(maps);
}

/* ---- frames ------------------------------------------------------------------------------------------------ */

/* Where an offset in the file comes to stand, as libdwfl counts; 0: nowhere, or it is no code. */
static Dwarf_Addr address_of(const struct module *module, uint64_t offset)
{
	GElf_Phdr segment;
	GElf_Addr bias;
	size_t count;
	Elf *elf = module->file ? dwfl_module_getelf(module->file, &bias) : NULL;

	if (!elf || elf_getphdrnum(elf, &count))
		return 0;
	for (size_t i = 0; i < count; i++)
		if (gelf_getphdr(elf, (int)i, &segment) && segment.p_type == PT_LOAD && segment.p_flags & PF_X &&
		    offset >= segment.p_offset && offset - segment.p_offset < segment.p_filesz)
			return offset - segment.p_offset + segment.p_vaddr + bias;
	return 0;
}

static void symbol_name(const struct symbols *symbols, const struct module *module, struct symbol *symbol)
{
	Dwarf_Addr address, bias;
	GElf_Off offset;
	Dwfl_Line *line;
	Dwarf *dwarf;
	GElf_Sym sym;

	symbol->module = module->path;
	address = address_of(module, symbol->frame.place);
	symbol->no_code = module->file && !address;
	if (!address)
		return;
	/* Where it goes on is behind the call, and so perhaps in the next line, or behind the function. */
	symbol->function = dwfl_module_addrinfo(module->file, address - 1, &offset, &sym, NULL, NULL, NULL);
	symbol->offset = symbol->function ? offset + 1 : 0;
	dwarf = dwfl_module_getdwarf(module->file, &bias);
	if (dwarf)
		dwarf_new_oom_handler(dwarf, symbols->no_memory);
	line = dwfl_module_getsrc(module->file, address - 1);
	symbol->file = line ? dwfl_lineinfo(line, NULL, &symbol->line, NULL, NULL, NULL) : NULL;
}

static const struct module *module_by_build_id(const struct symbols *symbols, const uint8_t *build_id)
{
	for (unsigned i = 0; i < symbols->module_count; i++)
		if (symbols->modules[i].has_build_id &&
		    !memcmp(symbols->modules[i].build_id, build_id, EVENT_BUILD_ID_BYTES))
			return &symbols->modules[i];
	return NULL;
}

/* What a process maps at an address; NULL: no code. */
static const struct mapping *mapping_at(const struct symbols *symbols, uint32_t pid, uint64_t address)
{
	for (unsigned i = 0; i < symbols->mapping_count; i++) {
		const struct mapping *mapping = &symbols->mappings[i];

		if (mapping->pid == pid && address >= mapping->begin && address < mapping->end)
			return mapping;
	}
	return NULL;
}

static bool is_readable(const struct symbols *symbols, uint32_t pid)
{
	for (unsigned i = 0; i < symbols->mapping_count; i++)
		if (symbols->mappings[i].pid == pid)
			return true;
	return false;
}

/* The file behind an address, and where in it: as if the kernel had told. */
static const struct module *module_by_address(const struct symbols *symbols, uint32_t pid, struct event_frame *frame)
{
	const struct mapping *mapping = mapping_at(symbols, pid, frame->place);
	const struct module *module;

	if (!mapping || mapping->module < 0)
		return NULL;
	module = &symbols->modules[mapping->module];
	frame->place = frame->place - mapping->begin + mapping->offset;
	if (module->has_build_id) {
		frame->kind = FRAME_FILE;
		memcpy(frame->build_id, module->build_id, sizeof(frame->build_id));
	}
	return module;
}

void symbols_find(struct symbols *symbols, uint32_t pid, const struct event_frame *frame, struct symbol *symbol)
{
	const struct module *module;

	*symbol = (struct symbol){.frame = *frame};
	if (frame->kind == FRAME_ADDRESS)
		symbol->no_code = is_readable(symbols, pid) && !mapping_at(symbols, pid, frame->place);
	module = frame->kind == FRAME_FILE ? module_by_build_id(symbols, frame->build_id)
					   : module_by_address(symbols, pid, &symbol->frame);
	if (module)
		symbol_name(symbols, module, symbol);
}

/* ---- who called the innermost function ------------------------------------------------------------------------- */

#if defined(__x86_64__)
#define STACK_POINTER 7 /* System V ABI, AMD64: DWARF register numbers */

/* How far above the stack pointer the frame of the caller ends; 0: not told in these terms. */
static uint64_t frame_bytes(const struct module *module, Dwarf_Addr address)
{
	Dwarf_Addr bias;
	Dwarf_CFI *cfi = dwfl_module_eh_cfi(module->file, &bias);
	Dwarf_Frame *frame = NULL;
	Dwarf_Op *operations;
	uint64_t bytes = 0;
	size_t count;

	if (!cfi || dwarf_cfi_addrframe(cfi, address - bias, &frame))
		return 0;
	if (!dwarf_frame_cfa(frame, &operations, &count) && count == 1) {
		if (operations->atom == DW_OP_bregx && operations->number == STACK_POINTER)
			bytes = operations->number2;
		else if (operations->atom == DW_OP_breg0 + STACK_POINTER)
			bytes = operations->number;
	}
	free(frame);
	return bytes;
}
#else
static uint64_t frame_bytes(const struct module *module, Dwarf_Addr address)
{
	(void)module;
	(void)address;
	return 0;
}
#endif

bool symbols_caller(const struct symbols *symbols, uint32_t pid, const struct event_frame *innermost,
		    const struct symbol_top *top, struct event_frame *caller)
{
	struct event_frame now = {.kind = FRAME_ADDRESS, .place = top->address};
	const struct module *module = module_by_address(symbols, pid, &now);
	Dwarf_Addr address;
	uint64_t bytes;

	/* The process has the file there still, as when the stack was taken: so its other addresses hold too. */
	if (!module || !module->file || (innermost->kind == FRAME_FILE && memcmp(&now, innermost, sizeof(now)) != 0))
		return false;
	address = address_of(module, now.place);
	bytes = address ? frame_bytes(module, address) : 0;
	/* The return address is the last word of the frame. */
	if (!bytes || bytes % sizeof(uint64_t) || bytes > sizeof(top->words) ||
	    !top->words[bytes / sizeof(uint64_t) - 1])
		return false;
	*caller = (struct event_frame){.kind = FRAME_ADDRESS, .place = top->words[bytes / sizeof(uint64_t) - 1]};
	return true;
}
