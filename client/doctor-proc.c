/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * Who uses the readers: the programs that have libpcsclite loaded, by /proc. Which of them holds the
 * card pcscd tells nobody, but there are seldom two. What belongs to other users can be looked at by
 * root alone; how many were hidden is told. And who listens, which everybody may see.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "client/doctor.h"

#define PROCESSES_MAX 32768U
#define MAPS_MAX      DOCTOR_FILE_MAX
#define REAL_MAX      8192U		    /* bytes of a path without links */
#define MANAGER	      "/run/systemd/notify" /* systemd's socket for what its services tell it */

static bool is_number(const char *name)
{
	return name[0] != '\0' && strspn(name, "0123456789") == strlen(name) &&
	       strlen(name) < 10;
}

/* pcscd itself, and processes of the service: what they hold is no surprise */
static bool is_ours(const char *name)
{
	static const char *const ours[] = {
		"pcscd", "vitaled", "vitaled-watch", "vitaled-card", "vitalectl"};

	for (size_t i = 0; i < ARRAY_LEN(ours); i++) {
		if (strcmp(name, ours[i]) == 0) {
			return true;
		}
	}
	return false;
}

/* Return: 0, or DENIED; @ret: whether the library is among the process's mappings. */
static int uses(const struct doctor *d, const char *pid, bool *ret)
{
	_cleanup_(buf_done) struct buf maps = BUF_NULL(MAPS_MAX);
	char path[64];
	int r;

	(void)snprintf(path, sizeof(path), "/proc/%s/maps", pid);
	r = doctor_read(d, path, MAPS_MAX, &maps);
	*ret = maps.len > 0 && memmem(maps.data, maps.len, "/libpcsclite", 12) != NULL;
	return r == DOCTOR_DENIED ? DOCTOR_DENIED : 0;
}

static int put_program(const struct doctor *d, const char *pid, json_t *list)
{
	_cleanup_(buf_done) struct buf text = BUF_NULL(64);
	_cleanup_json_ json_t *name = NULL;
	long long number = 0;
	char path[64];

	(void)snprintf(path, sizeof(path), "/proc/%s/comm", pid);
	(void)(doctor_read(d, path, 63, &text) ==
		0); /* without a name it is told all the same */
	if (text.len > 0 && view_equal(view_last(buf_view(&text), 1), VIEW_TEXT("\n"))) {
		buf_truncate(&text, text.len - 1);
	}
	name = doctor_text(buf_view(&text));
	if (!name) {
		return fault(-ENOMEM);
	}
	if (is_ours(json_string_value(name))) {
		return 0;
	}
	for (const char *c = pid; *c; c++) {
		number = number * 10 + (*c - '0');
	}
	return json_array_append_new(list,
		       json_pack("{s:O, s:I}", "name", name, "pid", (json_int_t)number)) < 0
		       ? fault(-ENOMEM)
		       : 0;
}

int doctor_programs(const struct doctor *d, json_t **ret, unsigned int *ret_hidden)
{
	_cleanup_json_ json_t *all = NULL;
	_cleanup_json_ json_t *list = json_array();
	unsigned int hidden = 0;
	int r = doctor_names(d, "/proc", PROCESSES_MAX, &all);

	if (r < 0 || !list) {
		return fault(-ENOMEM);
	}
	for (size_t i = 0; i < json_array_size(all); i++) {
		const char *pid = json_string_value(json_array_get(all, i));
		bool used = false;

		if (!is_number(pid)) {
			continue;
		}
		hidden += uses(d, pid, &used) == DOCTOR_DENIED;
		if (used && put_program(d, pid, list) < 0) {
			return fault(-ENOMEM);
		}
	}
	*ret = json_incref(list);
	*ret_hidden = hidden;
	return 0;
}

/* -- who listens --------------------------------------------------------------------------------- */

/* Whether a socket is bound at @path: a connection of a kind that it is not for is refused by the kernel
 * (unix(7), EPROTOTYPE) before anybody hears of it. Names, links and network namespaces do not matter.
 * Return: 0, ABSENT (certainly none), DENIED (this user cannot tell). */
static int bound(const char *path)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	int fd, e;

	if (strlen(path) >= sizeof(a.sun_path)) {
		return DOCTOR_DENIED;
	}
	(void)snprintf(a.sun_path, sizeof(a.sun_path), "%s", path);
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0) {
		return DOCTOR_DENIED;
	}
	e = connect(fd, (const struct sockaddr *)&a, sizeof(a)) == 0 ? EPROTOTYPE : errno;
	(void)close(fd);
	if (e == EPROTOTYPE) {
		return 0;
	}
	return e == ENOENT || e == ENOTDIR || e == ECONNREFUSED ? DOCTOR_ABSENT : DOCTOR_DENIED;
}

/* One line of /proc/net/unix (proc(5)):
 * "0000000000000000: 00000002 00000000 00010000 0005 01 31337 /run/vitaled-usb/socket". */
struct entry {
	bool listens; /* flag __SO_ACCEPTCON */
	char path[DOCTOR_PATH_MAX];
};

static struct view take_field(struct view *line)
{
	struct view field;
	size_t n = 0;

	while (line->len > 0 && *line->data == ' ') {
		*line = view_sub(*line, 1, line->len);
	}
	while (n < line->len && line->data[n] != ' ') {
		n++;
	}
	field = view_sub(*line, 0, n);
	*line = view_sub(*line, n, line->len);
	return field;
}

/* Return: whether it is of a socket with a path from the root on. */
static bool take_entry(struct view line, struct entry *ret)
{
	for (unsigned int i = 0; i < 7; i++) {
		struct view field = take_field(&line);

		if (i == 3) {
			ret->listens = view_equal(field, VIEW_TEXT("00010000"));
		}
	}
	return view_copy_str(view_sub(line, 1, line.len), ret->path, sizeof(ret->path)) == 0 &&
	       ret->path[0] == '/';
}

/* @path, which is absolute, with its folder as it is without links. Return: whether that can be told. */
static bool resolve(const struct doctor *d, const char *path, struct buf *ret)
{
	char whole[DOCTOR_PATH_MAX];
	char *name, *folder;

	if (!doctor_path(d, path, whole)) {
		return false;
	}
	name = strrchr(whole, '/');
	*name = '\0';
	folder = realpath(whole[0] ? whole : "/", NULL);
	buf_printf(ret, "%s/%s", folder ? folder : "", name + 1);
	free(folder);
	return folder != NULL && !ret->failed;
}

/* Whether @e may be the socket at @path, whose folder is as of @real. */
static bool may_be(
	const struct doctor *d, const struct entry *e, const char *path, struct view real)
{
	_cleanup_(buf_done) struct buf other = BUF_NULL(REAL_MAX);

	return e->listens && strcmp(strrchr(e->path, '/'), strrchr(path, '/')) == 0 &&
	       (!resolve(d, e->path, &other) || view_equal(buf_view(&other), real));
}

/* Whether the kernel's list is certain to hold the system's sockets, and none that listens at @path. It is
 * of this network namespace alone: that of systemd, where the list has systemd's own. */
static bool unlisted(const struct doctor *d, struct view text, const char *path)
{
	_cleanup_(buf_done) struct buf real = BUF_NULL(REAL_MAX);
	bool of_system = false;
	struct entry e;

	if (path[0] != '/' || !resolve(d, path, &real)) {
		return false;
	}
	while (text.len > 0) {
		const uint8_t *end = memchr(text.data, '\n', text.len);
		size_t n = end ? (size_t)(end - text.data) : text.len;

		if (take_entry(view_sub(text, 0, n), &e)) {
			of_system = of_system || strcmp(e.path, MANAGER) == 0;
			if (may_be(d, &e, path, buf_view(&real))) {
				return false;
			}
		}
		text = view_sub(text, n + 1, text.len);
	}
	return of_system;
}

bool doctor_silent(const struct doctor *d, const char *path)
{
	_cleanup_(buf_done) struct buf all = BUF_NULL(DOCTOR_FILE_MAX);
	char whole[DOCTOR_PATH_MAX];
	int r;

	if (!doctor_path(d, path, whole) ||
		doctor_read(d, "/proc/net/unix", DOCTOR_FILE_MAX, &all) != 0) {
		return false; /* files alone, of a computer that does not run */
	}
	r = bound(whole);
	return r == DOCTOR_DENIED ? unlisted(d, buf_view(&all), path) : r == DOCTOR_ABSENT;
}

/* "scdaemon (12), opensc-tool (99)" */
static void put_programs(const json_t *programs, struct buf *out)
{
	for (size_t i = 0; i < json_array_size(programs); i++) {
		const json_t *one = json_array_get(programs, i);

		buf_printf(out, "%s%s (%lld)", i ? ", " : "", json_get_str(one, "name"),
			(long long)json_integer_value(json_object_get(one, "pid")));
	}
	buf_put_u8(out, 0);
}

void doctor_held(struct doctor *d, const char *reader)
{
	_cleanup_(buf_done) struct buf names = BUF_NULL(4096);
	_cleanup_json_ json_t *programs = NULL;
	unsigned int hidden = 0;

	if (doctor_programs(d, &programs, &hidden) < 0) {
		return;
	}
	put_programs(programs, &names);
	doctor_found(d, VITALED_FINDING_CARD_HELD, reader,
		json_pack("{s:s, s:s, s:i}", "reader", reader, "programs",
			names.failed ? "" : (const char *)names.data, "hidden-processes",
			(int)hidden));
}
