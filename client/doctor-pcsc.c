/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * pcscd: whether it answers, which release is installed, the readers it lists, the cards that others
 * hold. It is asked through libpcsclite, loaded by a process of its own that is killed when pcscd or a
 * driver hangs; nothing is connected to. Like any question it makes systemd start pcscd.
 */
#include <PCSC/winscard.h>
#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "client/doctor.h"
#include "client/lang.h"
#include "client/plist.h"

#define SOCKET	    "/run/pcscd/pcscd.comm"
#define READERS_MAX 64U
#define NAMES_MAX   8192U    /* bytes of a multi-string of reader names */
#define PROGRAM_MAX 4194304U /* bytes of pcscd's program that are looked through */

/* -- in the process of its own ---------------------------------------------------------------- */

struct library {
	LONG (*establish)(DWORD, LPCVOID, LPCVOID, LPSCARDCONTEXT);
	LONG (*list)(SCARDCONTEXT, LPCSTR, LPSTR, LPDWORD);
	LONG (*status)(SCARDCONTEXT, DWORD, SCARD_READERSTATE *, DWORD);
};

static bool symbol(void *library, const char *name, void *to, size_t size)
{
	void *found = dlsym(library, name);

	if (found) {
		/* ISO C knows no conversion; POSIX.1-2017 (dlsym) has the bytes alike */
		bytes_copy(to, size, &found, sizeof(found));
	}
	return found != NULL;
}

static void tell_readers(int fd, const struct library *l, SCARDCONTEXT context, char *names)
{
	static SCARD_READERSTATE states[READERS_MAX]; /* some kilobytes */
	size_t n = 0;
	LONG r;

	for (const char *name = names; *name && n < READERS_MAX; name += strlen(name) + 1) {
		states[n++].szReader = name;
	}
	r = n ? l->status(context, 0, states, (DWORD)n) : SCARD_S_SUCCESS;
	for (size_t i = 0; i < n; i++) {
		unsigned long state = r == SCARD_S_SUCCESS ? states[i].dwEventState : 0;

		(void)dprintf(fd, "r%08lx%s\n", state & 0xFFFFUL, states[i].szReader);
	}
}

/* Lines: "rSTATENAME" for each reader and "." when all were told, or "eCODE", or "l": no library. */
static void ask(int fd, void *arg)
{
	static char names[NAMES_MAX + 2]; /* ends with two NULs, whatever is written into it */
	DWORD size = NAMES_MAX;
	SCARDCONTEXT context;
	struct library l;
	void *library;
	LONG r;

	if (setenv("PCSCLITE_CSOCK_NAME", arg, 1) < 0) {
		return;
	}
	library = dlopen("libpcsclite.so.1", RTLD_NOW | RTLD_LOCAL);
	if (!library ||
		!symbol(library, "SCardEstablishContext", &l.establish, sizeof(l.establish)) ||
		!symbol(library, "SCardListReaders", &l.list, sizeof(l.list)) ||
		!symbol(library, "SCardGetStatusChange", &l.status, sizeof(l.status))) {
		(void)dprintf(fd, "l\n");
		return;
	}
	r = l.establish(SCARD_SCOPE_SYSTEM, NULL, NULL, &context);
	if (r == SCARD_S_SUCCESS) {
		r = l.list(context, NULL, names, &size);
	}
	if (r == SCARD_S_SUCCESS) {
		tell_readers(fd, &l, context, names);
	} else if (r != SCARD_E_NO_READERS_AVAILABLE) {
		(void)dprintf(fd, "e%08lx\n", (unsigned long)r & 0xFFFFFFFFUL);
		return;
	}
	(void)dprintf(fd, ".\n");
}

/* -- here -------------------------------------------------------------------------------------- */

json_t *doctor_pcscd_version(struct view program)
{
	static const char mark[] = "pcsc-lite ", end[] = " daemon ready";

	while (program.len > 0) {
		const uint8_t *at = memmem(program.data, program.len, mark, sizeof(mark) - 1);
		struct view version;
		size_t n = 0;

		if (!at) {
			return NULL;
		}
		program = view_sub(
			program, (size_t)(at - program.data) + sizeof(mark) - 1, program.len);
		version = view_sub(program, 0, 32);
		for (struct reader r = reader_of(version); r.left > 0; n++) {
			uint8_t c = reader_u8(&r);

			if ((c < '0' || c > '9') && c != '.') {
				break;
			}
		}
		if (n > 0 && view_equal(view_sub(program, n, sizeof(end) - 1),
				     view_of(end, sizeof(end) - 1))) {
			return doctor_text(view_sub(program, 0, n));
		}
	}
	return NULL;
}

/* Of the installed program: the running one says no more than its protocol. */
json_t *doctor_pcscd_installed(const struct doctor *d)
{
	static const char *const paths[] = {
		"/usr/sbin/pcscd", "/usr/bin/pcscd", "/usr/libexec/pcscd"};
	json_t *version = NULL;

	for (size_t i = 0; i < ARRAY_LEN(paths) && !version; i++) {
		_cleanup_(buf_done) struct buf program = BUF_NULL(PROGRAM_MAX);

		if (doctor_read(d, paths[i], PROGRAM_MAX, &program) != DOCTOR_ABSENT) {
			version = doctor_pcscd_version(buf_view(&program));
			version = version ? version : json_string("?");
		}
	}
	return version;
}

/* Return: 0, ABSENT (nobody listens) or DENIED. */
static int reach(const char *path)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	int fd, r;

	if (strlen(path) >= sizeof(a.sun_path)) {
		return DOCTOR_ABSENT;
	}
	(void)snprintf(a.sun_path, sizeof(a.sun_path), "%s", path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0) {
		return DOCTOR_DENIED;
	}
	r = connect(fd, (const struct sockaddr *)&a, sizeof(a)) == 0 ? 0 : errno;
	(void)close(fd);
	if (r == EACCES || r == EPERM) {
		return DOCTOR_DENIED;
	}
	return r == 0 || r == EAGAIN ? 0 : DOCTOR_ABSENT; /* EAGAIN: a full backlog */
}

/* One reader's line: eight digits of its state, and its name. */
static void take_reader(struct doctor *d, struct view line)
{
	json_t *name = doctor_text(view_sub(line, 8, line.len));
	uint16_t state;

	if (!name || json_array_append_new(d->readers, name) < 0 ||
		!plist_hex(view_sub(line, 4, 4), &state)) {
		return;
	}
	doctor_seen(d, "reader",
		json_pack("{s:O, s:s}", "name", name, "card",
			state & SCARD_STATE_PRESENT ? N_("card in it") : N_("empty")));
	if (state & SCARD_STATE_MUTE) {
		doctor_found(d, VITALED_FINDING_CARD_MUTE, json_string_value(name),
			json_pack("{s:O}", "reader", name));
	}
	/* while the service runs the holder may be its own process: it tells of others */
	if (!d->runs && (state & (SCARD_STATE_INUSE | SCARD_STATE_EXCLUSIVE))) {
		doctor_held(d, json_string_value(name));
	}
}

static void take_error(struct doctor *d, struct view code, const char *path)
{
	bool denied = view_equal(view_sub(code, 0, 8), VIEW_TEXT("8010006a"));

	if (denied) { /* SCARD_W_SECURITY_VIOLATION: polkit said no */
		doctor_found(d, VITALED_FINDING_PCSCD_DENIED, path, NULL);
	} else if (!d->runs) {
		_cleanup_json_ json_t *text = doctor_text(code);

		doctor_found(d, VITALED_FINDING_PCSCD, json_string_value(text), NULL);
	}
}

/* Return: whether pcscd listed its readers. */
static bool take_lines(struct doctor *d, struct view text, const char *path)
{
	bool listed = false;

	while (text.len > 0) {
		const uint8_t *end = memchr(text.data, '\n', text.len);
		size_t n = end ? (size_t)(end - text.data) : text.len;
		struct view line = view_sub(text, 0, n);
		struct view rest = view_sub(line, 1, n);
		uint8_t kind = n > 0 ? *line.data : 0;

		if (kind == 'r') {
			take_reader(d, rest);
		} else if (kind == 'e') {
			take_error(d, rest, path);
		} else if (kind == 'l') {
			doctor_found(d, VITALED_FINDING_LIBRARY, "libpcsclite.so.1", NULL);
		}
		listed = listed || kind == '.';
		text = view_sub(text, n + 1, text.len);
	}
	return listed;
}

static void ask_readers(struct doctor *d, char *path)
{
	_cleanup_(buf_done) struct buf text = BUF_NULL(65536);
	json_t *before = d->readers;
	int status = 0;
	int r = doctor_child(ask, path, &text, &status);

	if (r == DOCTOR_LATE) {
		doctor_found(d, VITALED_FINDING_PCSCD_SILENT, path, NULL);
	}
	if (r != 0 || !WIFEXITED(status)) {
		return;
	}
	d->readers = json_array();
	if (d->readers && take_lines(d, buf_view(&text), path)) {
		json_decref(before);
	} else {
		json_decref(d->readers);
		d->readers = before;
	}
}

/* What the service sees, where this user may not ask pcscd. */
static void tell_service_readers(struct doctor *d)
{
	for (size_t i = 0; i < json_array_size(d->readers); i++) {
		doctor_seen(
			d, "reader", json_pack("{s:O}", "name", json_array_get(d->readers, i)));
	}
}

static void tell_programs(struct doctor *d)
{
	_cleanup_json_ json_t *programs = NULL;
	unsigned int hidden = 0;

	if (doctor_programs(d, &programs, &hidden) != 0) {
		return;
	}
	for (size_t i = 0; i < json_array_size(programs); i++) {
		doctor_seen(d, "program", json_incref(json_array_get(programs, i)));
	}
}

void doctor_pcsc(struct doctor *d)
{
	const char *given = getenv("PCSCLITE_CSOCK_NAME");
	char path[DOCTOR_PATH_MAX];
	json_t *version = doctor_pcscd_installed(d);
	const json_t *before = NULL;
	bool installed = version != NULL;
	int r;

	if (given && given[0] && strlen(given) < sizeof(path)) {
		(void)snprintf(path, sizeof(path), "%s", given);
	} else if (!doctor_path(d, SOCKET, path)) {
		path[0] = '\0';
	}
	r = reach(path);
	doctor_seen(d, "pcscd",
		json_pack("{s:o, s:s}", "version", version ? version : json_string("-"),
			"socket", path));
	if (r == DOCTOR_DENIED) {
		doctor_found(d, VITALED_FINDING_PCSCD_DENIED, path, NULL);
	} else if (r != 0 && !d->runs && (installed || !doctor_has_usb(d))) {
		doctor_found(d, VITALED_FINDING_PCSCD, path, NULL);
	} else if (r == 0) {
		before = d->readers;
		ask_readers(d, path);
	}
	if (d->readers && (r != 0 || d->readers == before)) {
		tell_service_readers(d);
	}
	tell_programs(d);
}
