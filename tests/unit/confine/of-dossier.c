/* SPDX-License-Identifier: EUPL-1.2 */
/* vitaled-dossier: its filter.c, before and after its file is opened. */
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/rng.h"
#include "base/secret.h"
#include "daemon/dossier/store/filter.h"
#include "tests/unit/confine/denials.h"

static bool confine_opening(void)
{
	return filter_limits() == 0 && filter_load_early() == 0;
}

static bool confine_all(void)
{
	return confine_opening() && filter_load() == 0;
}

/* Contents in and out, answers in memfds, keys, memory. */
static bool work(void)
{
	struct secret key = SECRET_NULL;
	void *p = malloc((size_t)64 * 1024 * 1024);
	int ends[2];
	int fd = memfd_create("answer", MFD_CLOEXEC);
	char text[4];
	bool ok;

	ok = p && fd >= 0 && write(fd, "x", 1) == 1 && pipe2(ends, O_CLOEXEC) == 0 &&
	     write(ends[1], "x", 1) == 1 && read(DENIALS_OTHER, text, sizeof(text)) == 4 &&
	     sendto(DENIALS_LINK, "x", 1, MSG_NOSIGNAL, NULL, 0) == 1 &&
	     secret_new(&key, 32) == 0 && rng_fill(key.data, 32) == 0 && clock_monotonic() > 0;
	secret_done(&key);
	free(p);
	return ok;
}

static bool open_and_work(void)
{
	int fd = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	return fd >= 0 && fsync(fd) == 0 && close(fd) == 0 && work();
}

int main(void)
{
	const struct confined_program dossier[] = {
		{PROGRAM_OPENING, confine_opening, open_and_work},
		{PROGRAM_DOSSIER, confine_all, work},
	};

	return denials_run(dossier, ARRAY_LEN(dossier));
}
