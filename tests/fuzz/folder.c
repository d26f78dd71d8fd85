/* SPDX-License-Identifier: EUPL-1.2 */
/* See folder.h. */
#include "tests/fuzz/folder.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define INPUT_MAX (1024U * 1024U)

static void run_file(int folder, const char *name, void (*run)(struct view in))
{
	static uint8_t bytes[INPUT_MAX];
	int fd = openat(folder, name, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, bytes, sizeof(bytes));

	if (fd >= 0) {
		close(fd);
	}
	if (n < 0) {
		perror(name);
		exit(1);
	}
	run(view_of(bytes, (size_t)n));
}

unsigned folder_each(const char *path, void (*run)(struct view in))
{
	DIR *folder = opendir(path);
	const struct dirent *e;
	unsigned files = 0;

	if (!folder) {
		perror(path);
		exit(2);
	}
	while ((e = readdir(folder)) != NULL) {
		if (e->d_name[0] != '.') {
			run_file(dirfd(folder), e->d_name, run);
			files++;
		}
	}
	closedir(folder);
	return files;
}
