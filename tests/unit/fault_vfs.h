/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * fault_vfs.h: a layer between SQLite and its files that fails on command: at the Nth call that changes something
 * on disk, once or until it is healed. Becomes SQLite's default layer. For tests only.
 */
#ifndef LASTACK_TESTS_FAULT_VFS_H
#define LASTACK_TESTS_FAULT_VFS_H

#include <sqlite3.h>
#include <stdbool.h>
#include <string.h>

struct fault_plan {
	int code;       /* what the calls fail with */
	int sync_code;  /* what a sync fails with instead */
	unsigned at;    /* the call that fails, from 1; 0: none */
	bool lasting;   /* and all after it */
	unsigned calls; /* so far */
	unsigned opens; /* of the database, whether they succeed or not */
	bool hit;
};

static struct fault_plan fault_plan;

struct fault_file {
	sqlite3_file base;
	sqlite3_file *real;
};

static inline int fault_check(int code)
{
	bool fails;

	fault_plan.calls++;
	fails = fault_plan.at &&
		(fault_plan.calls == fault_plan.at || (fault_plan.lasting && fault_plan.calls > fault_plan.at));
	fault_plan.hit |= fails;
	return fails ? code : SQLITE_OK;
}

static inline sqlite3_file *fault_real(sqlite3_file *file)
{
	return ((struct fault_file *)file)->real;
}

static inline int fault_close(sqlite3_file *file)
{
	sqlite3_file *real = fault_real(file);
	int code = real->pMethods ? real->pMethods->xClose(real) : SQLITE_OK;

	sqlite3_free(real);
	return code;
}

static inline int fault_read(sqlite3_file *file, void *bytes, int length, sqlite3_int64 at)
{
	return fault_real(file)->pMethods->xRead(fault_real(file), bytes, length, at);
}

static inline int fault_write(sqlite3_file *file, const void *bytes, int length, sqlite3_int64 at)
{
	int code = fault_check(fault_plan.code);

	return code ? code : fault_real(file)->pMethods->xWrite(fault_real(file), bytes, length, at);
}

static inline int fault_truncate(sqlite3_file *file, sqlite3_int64 size)
{
	int code = fault_check(fault_plan.sync_code);

	return code ? code : fault_real(file)->pMethods->xTruncate(fault_real(file), size);
}

/* Does not sync: nobody cuts the power here, and a test of many faults is done in time. */
static inline int fault_sync(sqlite3_file *file, int flags)
{
	(void)file;
	(void)flags;
	return fault_check(fault_plan.sync_code);
}

static inline int fault_size(sqlite3_file *file, sqlite3_int64 *size)
{
	return fault_real(file)->pMethods->xFileSize(fault_real(file), size);
}

static inline int fault_lock(sqlite3_file *file, int level)
{
	return fault_real(file)->pMethods->xLock(fault_real(file), level);
}

static inline int fault_unlock(sqlite3_file *file, int level)
{
	return fault_real(file)->pMethods->xUnlock(fault_real(file), level);
}

static inline int fault_reserved(sqlite3_file *file, int *result)
{
	return fault_real(file)->pMethods->xCheckReservedLock(fault_real(file), result);
}

static inline int fault_control(sqlite3_file *file, int operation, void *arg)
{
	return fault_real(file)->pMethods->xFileControl(fault_real(file), operation, arg);
}

static inline int fault_sector(sqlite3_file *file)
{
	return fault_real(file)->pMethods->xSectorSize(fault_real(file));
}

static inline int fault_traits(sqlite3_file *file)
{
	return fault_real(file)->pMethods->xDeviceCharacteristics(fault_real(file));
}

static inline int fault_shm_map(sqlite3_file *file, int page, int size, int extend, void volatile **memory)
{
	int code = extend ? fault_check(fault_plan.sync_code) : SQLITE_OK;

	return code ? code : fault_real(file)->pMethods->xShmMap(fault_real(file), page, size, extend, memory);
}

static inline int fault_shm_lock(sqlite3_file *file, int at, int count, int flags)
{
	return fault_real(file)->pMethods->xShmLock(fault_real(file), at, count, flags);
}

static inline void fault_shm_barrier(sqlite3_file *file)
{
	fault_real(file)->pMethods->xShmBarrier(fault_real(file));
}

static inline int fault_shm_unmap(sqlite3_file *file, int remove)
{
	return fault_real(file)->pMethods->xShmUnmap(fault_real(file), remove);
}

static const sqlite3_io_methods fault_methods = {
	2,
	fault_close,
	fault_read,
	fault_write,
	fault_truncate,
	fault_sync,
	fault_size,
	fault_lock,
	fault_unlock,
	fault_reserved,
	fault_control,
	fault_sector,
	fault_traits,
	fault_shm_map,
	fault_shm_lock,
	fault_shm_barrier,
	fault_shm_unmap,
	NULL,
	NULL,
};

static inline int fault_open(sqlite3_vfs *vfs, sqlite3_filename name, sqlite3_file *file, int flags, int *out_flags)
{
	sqlite3_vfs *real = vfs->pAppData;
	struct fault_file *made = (struct fault_file *)file;
	int code = flags & SQLITE_OPEN_CREATE ? fault_check(SQLITE_CANTOPEN) : SQLITE_OK;

	fault_plan.opens += (flags & SQLITE_OPEN_MAIN_DB) != 0;
	file->pMethods = NULL;
	if (code)
		return code;
	made->real = sqlite3_malloc(real->szOsFile);
	if (!made->real)
		return SQLITE_NOMEM;
	memset(made->real, 0, (size_t)real->szOsFile);
	code = real->xOpen(real, name, made->real, flags, out_flags);
	if (code) {
		sqlite3_free(made->real);
		return code;
	}
	file->pMethods = &fault_methods;
	return SQLITE_OK;
}

static inline int fault_delete(sqlite3_vfs *vfs, const char *name, int sync)
{
	sqlite3_vfs *real = vfs->pAppData;
	int code = fault_check(SQLITE_IOERR_DELETE);

	return code ? code : real->xDelete(real, name, sync);
}

static inline int fault_access(sqlite3_vfs *vfs, const char *name, int flags, int *result)
{
	sqlite3_vfs *real = vfs->pAppData;

	return real->xAccess(real, name, flags, result);
}

static inline int fault_path(sqlite3_vfs *vfs, const char *name, int size, char *full)
{
	sqlite3_vfs *real = vfs->pAppData;

	return real->xFullPathname(real, name, size, full);
}

static inline void fault_vfs_register(void)
{
	static sqlite3_vfs vfs;
	sqlite3_vfs *real = sqlite3_vfs_find(NULL);

	vfs = *real;
	vfs.zName = "fault";
	vfs.pAppData = real;
	vfs.szOsFile = (int)sizeof(struct fault_file);
	vfs.xOpen = fault_open;
	vfs.xDelete = fault_delete;
	vfs.xAccess = fault_access;
	vfs.xFullPathname = fault_path;
	sqlite3_vfs_register(&vfs, 1);
}

#endif
