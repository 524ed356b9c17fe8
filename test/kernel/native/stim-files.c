// SPDX-License-Identifier: Apache-2.0
/* Operations on files. FLAGS are words joined by +, e.g. `w+creat+trunc`. */
#include "stim.h"
#include <dirent.h>
#include <linux/openat2.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/xattr.h>

struct word_value {
	const char *word;
	unsigned long value;
};

static unsigned long flags_of(const char *words, const struct word_value *table)
{
	unsigned long flags = 0;
	char copy[128], *save = NULL;

	snprintf(copy, sizeof(copy), "%s", words);
	for (char *word = strtok_r(copy, "+", &save); word; word = strtok_r(NULL, "+", &save)) {
		const struct word_value *row = table;

		while (row->word && strcmp(row->word, word))
			row++;
		if (!row->word) {
			fprintf(stderr, "stim: no flag `%s`\n", word);
			exit(2);
		}
		flags |= row->value;
	}
	return flags;
}

static const struct word_value open_flags[] = {
	{ "r", O_RDONLY },
	{ "w", O_WRONLY },
	{ "rw", O_RDWR },
	{ "creat", O_CREAT },
	{ "trunc", O_TRUNC },
	{ "excl", O_EXCL },
	{ "append", O_APPEND },
	{ "path", O_PATH },
	{ "dir", O_DIRECTORY },
	{ "nofollow", O_NOFOLLOW },
	{ "tmpfile", O_TMPFILE },
	{ "none", 3 },
	{ NULL, 0 },
};

static const struct word_value resolve_flags[] = {
	{ "beneath", RESOLVE_BENEATH },      { "in-root", RESOLVE_IN_ROOT },
	{ "no-links", RESOLVE_NO_SYMLINKS }, { "no-magic", RESOLVE_NO_MAGICLINKS },
	{ "no-xdev", RESOLVE_NO_XDEV },      { NULL, 0 },
};

static const struct word_value protections[] = {
	{ "r", PROT_READ },  { "w", PROT_WRITE }, { "x", PROT_EXEC },
	{ "shared", 0x100 }, { NULL, 0 },
};

int open_flags_of(const char *words)
{
	return flags_of(words, open_flags);
}

static int open_words(int dir, const char *flags, const char *path)
{
	return openat(dir, path, flags_of(flags, open_flags) | O_CLOEXEC, 0644);
}

/* open FLAGS PATH */
static long do_open(char **w)
{
	int fd = open_words(AT_FDCWD, w[0], w[1]);

	return fd < 0 ? -1 : close(fd);
}

/* openat2 RESOLVE FLAGS DIR PATH: PATH from DIR */
static long do_openat2(char **w)
{
	struct open_how how = { .flags = flags_of(w[1], open_flags),
				.resolve = flags_of(w[0], resolve_flags) };
	int dir = open(w[2], O_PATH | O_DIRECTORY),
	    fd = syscall(SYS_openat2, dir, w[3], &how, sizeof(how)), error = errno;

	close(dir);
	errno = error;
	return fd < 0 ? -1 : close(fd);
}

/* hold S FLAGS PATH: into slot S */
static long do_hold(char **w)
{
	return slot_put(w[0], open_words(AT_FDCWD, w[1], w[2]));
}

/* openat S FLAGS NAME: from the directory in slot S */
static long do_openat(char **w)
{
	int fd = open_words(slot_get(w[0]), w[1], w[2]);

	return fd < 0 ? -1 : close(fd);
}

/* reopen S FLAGS: what slot S holds, once more through /proc */
static long do_reopen(char **w)
{
	char path[64];
	int fd;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", slot_get(w[0]));
	fd = open_words(AT_FDCWD, w[1], path);
	return fd < 0 ? -1 : close(fd);
}

static long do_close(char **w)
{
	return close(slot_get(w[0]));
}

static long do_read(char **w)
{
	char byte;

	return read(slot_get(w[0]), &byte, 1);
}

static long do_write(char **w)
{
	return write(slot_get(w[0]), "x", 1);
}

static long do_ftruncate(char **w)
{
	return ftruncate(slot_get(w[0]), number(w[1]));
}

static long do_fallocate(char **w)
{
	return fallocate(slot_get(w[0]), 0, 0, 4096);
}

static long do_fchmod(char **w)
{
	return fchmod(slot_get(w[0]), number(w[1]));
}

static long do_fchown(char **w)
{
	return fchown(slot_get(w[0]), number(w[1]), -1);
}

/* mmap S PROTECTION: a page of slot S, e.g. `mmap a r+w+shared` */
static long do_mmap(char **w)
{
	int flags = flags_of(w[1], protections);
	void *page = mmap(NULL, 4096, flags & 7, flags & 0x100 ? MAP_SHARED : MAP_PRIVATE,
			  slot_get(w[0]), 0);

	return page == MAP_FAILED ? -1 : munmap(page, 4096);
}

/* mprotect S BEFORE AFTER: maps as BEFORE, then changes to AFTER */
static long do_mprotect(char **w)
{
	int flags = flags_of(w[1], protections);
	void *page = mmap(NULL, 4096, flags & 7, flags & 0x100 ? MAP_SHARED : MAP_PRIVATE,
			  slot_get(w[0]), 0);

	return page == MAP_FAILED ? fail(ENOMEM)
				  : mprotect(page, 4096, flags_of(w[2], protections) & 7);
}

static long do_unlink(char **w)
{
	return unlink(w[0]);
}

static long do_rmdir(char **w)
{
	return rmdir(w[0]);
}

static long do_mkdir(char **w)
{
	return mkdir(w[0], 0755);
}

/* mknod PATH TYPE: file, fifo or null (a device) */
static long do_mknod(char **w)
{
	int type = !strcmp(w[1], "fifo") ? S_IFIFO : !strcmp(w[1], "null") ? S_IFCHR : S_IFREG;

	return mknod(w[0], type | 0644, type == S_IFCHR ? 0x103 : 0);
}

static long do_symlink(char **w)
{
	return symlink(w[0], w[1]);
}

static long do_link(char **w)
{
	return link(w[0], w[1]);
}

/* linkfd S PATH: gives what slot S holds another name */
static long do_linkfd(char **w)
{
	return linkat(slot_get(w[0]), "", AT_FDCWD, w[1], AT_EMPTY_PATH);
}

static long do_rename(char **w)
{
	return rename(w[0], w[1]);
}

static long do_exchange(char **w)
{
	return renameat2(AT_FDCWD, w[0], AT_FDCWD, w[1], RENAME_EXCHANGE);
}

static long do_chmod(char **w)
{
	return chmod(w[1], number(w[0]));
}

static long do_chown(char **w)
{
	return chown(w[1], number(w[0]), -1);
}

static long do_lchown(char **w)
{
	return lchown(w[1], number(w[0]), -1);
}

static long do_truncate(char **w)
{
	return truncate(w[0], number(w[1]));
}

/* The owner, one other user, and the rest may read: linux/posix_acl_xattr.h, version 2. */
static long do_setacl(char **w)
{
	static const struct {
		unsigned version;
		struct {
			unsigned short tag, perm;
			unsigned id;
		} entry[5];
	} list = { 2,
		   { { 1, 6, -1 }, { 2, 4, 1000 }, { 4, 4, -1 }, { 16, 4, -1 }, { 32, 4, -1 } } };

	return setxattr(w[0], "system.posix_acl_access", &list, sizeof(list), 0);
}

static long do_removeacl(char **w)
{
	return removexattr(w[0], "system.posix_acl_access");
}

static long do_setxattr(char **w)
{
	return setxattr(w[0], "trusted.stim", "1", 1, 0);
}

static long do_removexattr(char **w)
{
	return removexattr(w[0], "trusted.stim");
}

static long do_stat(char **w)
{
	struct stat st;

	return stat(w[0], &st);
}

static long do_readlink(char **w)
{
	char to[4096];

	return readlink(w[0], to, sizeof(to));
}

static long do_list(char **w)
{
	DIR *dir = opendir(w[0]);
	long n = 0;

	if (!dir)
		return -1;
	while (readdir(dir))
		n++;
	closedir(dir);
	return n;
}

/* copy FROM TO */
static long do_copy(char **w)
{
	int from = open(w[0], O_RDONLY | O_CLOEXEC), to;

	if (from < 0)
		return -1;
	to = open(w[1], O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0755);
	if (to < 0)
		return -1;
	while (sendfile(to, from, NULL, 1 << 20) > 0)
		;
	close(from);
	return close(to);
}

/* deep N NAME: makes and enters NAME, N times */
static long do_deep(char **w)
{
	for (long n = number(w[0]); n > 0; n--) {
		mkdir(w[1], 0755);
		if (chdir(w[1]))
			return -1;
	}
	return 0;
}

/* burst N PREFIX: makes directories PREFIX0 …; OK where all were refused */
static long do_burst(char **w)
{
	char path[4096];

	for (long i = 0; i < number(w[0]); i++) {
		snprintf(path, sizeof(path), "%s%ld", w[1], i);
		if (!mkdir(path, 0755))
			return fail(EEXIST);
		if (errno != EACCES)
			return -1;
	}
	return 0;
}

const struct op file_ops[] = {
	{ "open", do_open },
	{ "openat2", do_openat2 },
	{ "hold", do_hold },
	{ "openat", do_openat },
	{ "reopen", do_reopen },
	{ "close", do_close },
	{ "read", do_read },
	{ "write", do_write },
	{ "ftruncate", do_ftruncate },
	{ "fallocate", do_fallocate },
	{ "fchmod", do_fchmod },
	{ "fchown", do_fchown },
	{ "mmap", do_mmap },
	{ "mprotect", do_mprotect },
	{ "unlink", do_unlink },
	{ "rmdir", do_rmdir },
	{ "mkdir", do_mkdir },
	{ "mknod", do_mknod },
	{ "symlink", do_symlink },
	{ "link", do_link },
	{ "linkfd", do_linkfd },
	{ "rename", do_rename },
	{ "exchange", do_exchange },
	{ "chmod", do_chmod },
	{ "chown", do_chown },
	{ "lchown", do_lchown },
	{ "truncate", do_truncate },
	{ "setxattr", do_setxattr },
	{ "setacl", do_setacl },
	{ "removeacl", do_removeacl },
	{ "removexattr", do_removexattr },
	{ "stat", do_stat },
	{ "readlink", do_readlink },
	{ "list", do_list },
	{ "copy", do_copy },
	{ "deep", do_deep },
	{ "burst", do_burst },
	{ NULL, NULL },
};
