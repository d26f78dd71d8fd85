/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * The credential is a file of exactly the seed's size; one of another size is not guessed at.
 */
#include "daemon/broker/seed.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define SEED_SIZE 32U

int seed_read(struct secret *ret_seed)
{
	_cleanup_(secret_done) struct secret seed = SECRET_NULL;
	const char *folder = secure_getenv("CREDENTIALS_DIRECTORY");
	char *path = NULL;
	ssize_t n;
	int fd;
	int r;

	if (!folder) {
		return 0;
	}
	if (asprintf(&path, "%s/audit.key", folder) < 0) {
		return fault(-ENOMEM);
	}
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	free(path);
	if (fd < 0) {
		return errno == ENOENT ? 0 : fault(-errno);
	}
	r = secret_new(&seed, SEED_SIZE + 1);
	n = r < 0 ? 0 : read(fd, seed.data, SEED_SIZE + 1);
	close(fd);
	if (r < 0 || n != (ssize_t)SEED_SIZE) {
		return r < 0 ? trace(r) : fault(-EBADMSG);
	}
	seed.len = SEED_SIZE;
	*ret_seed = seed;
	seed = SECRET_NULL;
	return 0;
}
