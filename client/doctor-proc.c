/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * Who uses the readers: the programs that have libpcsclite loaded, by /proc. Which of them holds the
 * card pcscd tells nobody, but there are seldom two. What belongs to other users can be looked at by
 * root alone; how many were hidden is told. And who listens, which everybody may see.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "client/doctor.h"

#define PROCESSES_MAX 32768U
#define MAPS_MAX      DOCTOR_FILE_MAX

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

/* Whether @line of /proc/net/unix (proc(5)) is of a socket that listens (flag __SO_ACCEPTCON) at @path:
 * "0000000000000000: 00000002 00000000 00010000 0005 01 31337 /run/vitaled-usb/socket". */
static bool listens(struct view line, struct view path)
{
	static const char flag[] = " 00010000 ";
	struct view before = view_sub(line, 0, line.len - view_last(line, path.len).len);

	return view_equal(view_last(line, path.len), path) &&
	       view_equal(view_last(before, 1), VIEW_TEXT(" ")) &&
	       memmem(before.data, before.len, flag, sizeof(flag) - 1) != NULL;
}

bool doctor_silent(const struct doctor *d, const char *path)
{
	_cleanup_(buf_done) struct buf all = BUF_NULL(DOCTOR_FILE_MAX);
	struct view text;

	if (doctor_read(d, "/proc/net/unix", DOCTOR_FILE_MAX, &all) != 0) {
		return false;
	}
	text = buf_view(&all);
	while (text.len > 0) {
		const uint8_t *end = memchr(text.data, '\n', text.len);
		size_t n = end ? (size_t)(end - text.data) : text.len;

		if (listens(view_sub(text, 0, n), view_str(path))) {
			return false;
		}
		text = view_sub(text, n + 1, text.len);
	}
	return true;
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
