/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * Fuzzing of daemon/config.h: the input is the file. What is taken keeps its bounds, is terminated,
 * holds the rules that a start relies on (no reader for both sides of a pair, agents complete), and
 * what is refused says where. An empty input is the default file, which is not there. Calls into
 * the system fail by the seed (harness.c).
 */
#include <assert.h>
#include <errno.h>
#include <pwd.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "daemon/config.h"
#include "tests/fuzz/fail.h"

#define FILE_MAX_BYTES 65536U

struct passwd *__wrap_getpwnam(const char *name);

/* in place of the C library's, which reads this machine's files */
struct passwd *__wrap_getpwnam(const char *name)
{
	static struct passwd who = {.pw_uid = 4711};

	return !fail_now() && strcmp(name, "someone") == 0 ? &who : NULL;
}

FILE *__real_fopen64(const char *path, const char *mode);
FILE *__wrap_fopen64(const char *path, const char *mode);

FILE *__wrap_fopen64(const char *path, const char *mode)
{
	if (fail_now()) {
		errno = EMFILE;
		return NULL;
	}
	if (strncmp(path, "/proc/", strlen("/proc/")) != 0) {
		errno = ENOENT; /* nothing of this machine's */
		return NULL;
	}
	return __real_fopen64(path, mode);
}

int __wrap_asprintf(char **ret, const char *fmt, ...) _printf_(2, 3);

int __wrap_asprintf(char **ret, const char *fmt, ...)
{
	va_list more;
	int n = -1;

	va_start(more, fmt);
	if (!fail_now()) {
		n = vasprintf(ret, fmt, more);
	}
	va_end(more);
	return n;
}

static bool text(const char *s, size_t size)
{
	return strnlen(s, size) < size;
}

static void check_readers(const struct config *c)
{
	for (size_t i = 0; i < c->n_readers; i++) {
		const struct config_reader *r = &c->readers[i];

		assert(text(r->name, sizeof(r->name)) && r->name[0]);
		assert(r->role <= CONFIG_ROLE_PROFESSIONAL);
		assert(r->sharing <= CARD_SHARE_EXCLUSIVE);
		assert(strcmp(config_reader(c, r->name)->name, r->name) == 0);
	}
	assert(config_reader(c, "a reader that no file names")->role <=
		CONFIG_ROLE_PROFESSIONAL);
}

static void check_pairs(const struct config *c)
{
	for (size_t i = 0; i < c->n_pairs; i++) {
		const struct config_pair *p = &c->pairs[i];

		assert(text(p->name, sizeof(p->name)) && p->name[0]);
		assert(text(p->patient_reader, sizeof(p->patient_reader)));
		assert(text(p->professional_reader, sizeof(p->professional_reader)));
		assert(!p->patient_reader[0] ||
			strcmp(p->patient_reader, p->professional_reader) != 0);
		assert(config_reader(c, p->patient_reader)->role != CONFIG_ROLE_PROFESSIONAL);
		assert(config_reader(c, p->professional_reader)->role != CONFIG_ROLE_PATIENT);
	}
}

static void check_usb(const struct config *c)
{
	_cleanup_(buf_done) struct buf rules = BUF_NULL(4096);

	assert(c->n_usb <= CONFIG_USB_MAX && text(c->usb_socket, sizeof(c->usb_socket)));
	config_usb_rules(c, &rules);
	for (size_t i = 0; i < c->n_usb; i++) {
		assert(text(c->usb[i].which, sizeof(c->usb[i].which)) && c->usb[i].which[0]);
		assert(!strpbrk(c->usb[i].which, " =\t\n"));
		assert(c->usb[i].driver <= CONFIG_USB_USB);
	}
	assert(config_usb_any(c) || c->n_usb > 0 || !c->usb_socket[0]);
}

static void check(const struct config *c)
{
	assert(c->n_readers <= CONFIG_READERS_MAX && c->n_pairs <= CONFIG_PAIRS_MAX);
	assert(c->n_agents <= CONFIG_AGENTS_MAX);
	assert(c->state[0] == '/' && c->anchors[0] == '/' && c->children[0] == '/');
	assert(text(c->origin, sizeof(c->origin)) && text(c->crl, sizeof(c->crl)));
	for (size_t i = 0; i < NATURE_COUNT; i++) {
		assert(c->required[i] != PROOF_NONE && c->required[i] <= PROOF_LOCKED);
		assert(proof_word(c->required[i])[0] != '\0');
	}
	assert(config_required(c, NATURE_UNKNOWN) == c->required[NATURE_REAL]);
	assert(config_required(c, NATURE_TEST) == c->required[NATURE_TEST]);
	for (size_t i = 0; i < c->n_agents; i++) {
		assert(c->agents[i].capability[0] && c->agents[i].uid != (uid_t)-1);
	}
	check_readers(c);
	check_usb(c);
	check_pairs(c);
}

void target_run(struct view in)
{
	static struct config c;
	char *where = NULL;
	char path[32];
	int fd = memfd_create("config", MFD_CLOEXEC);
	int r;

	assert(fd >= 0 && in.len <= FILE_MAX_BYTES * 16U);
	assert(pwrite(fd, in.data, in.len, 0) == (ssize_t)in.len);
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	r = config_load(in.len > 0 ? path : NULL, &c, &where);
	assert(r <= CONFIG_INVALID && (r == CONFIG_INVALID) == (where != NULL));
	if (r == 0) {
		check(&c);
	} else if (r == CONFIG_INVALID) {
		assert(strncmp(where, path, strlen(path)) == 0);
	}
	free(where);
	close(fd);
}
