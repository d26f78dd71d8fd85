/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * vitalectl doctor: what keeps this computer from opening a dossier. When the service runs it is
 * asked (Diagnose); what can be seen without it is looked at in any case: bus, activation, pcscd,
 * libraries, programs, anchors. Every finding has a name, a sentence and a remedy.
 */
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "client/ctl.h"
#include "client/lang.h"
#include "client/render.h"
#include "client/value.h"

#define ANCHORS "/etc/vitaled/anchors"
#define PCSCD	"/run/pcscd/pcscd.comm"

struct doctor {
	struct ctl *ctl;
	enum ctl_exit worst;
	unsigned int findings;	 /* remarks not counted */
	unsigned int unanchored; /* natures without anchors, of three */
};

/* @facts: borrowed, may be NULL; @detail: what exactly, may be "" */
static void finding(struct doctor *d, const char *name, const char *detail, json_t *facts)
{
	const struct message *m = message_finding(name);

	if (!m) {
		m = message_of_word(name);
	}
	if (!m || m->exit != CTL_OK) {
		d->findings++;
		d->worst = d->worst != CTL_OK ? d->worst : m ? m->exit : CTL_FAILED;
	}
	if (d->ctl->json) {
		ctl_json(json_pack("{s:s, s:s, s:s, s:s, s:s, s:O?}", "finding", name, "detail",
			detail, "sentence", m ? gettext(m->person) : name, "technician",
			m ? gettext(m->technician) : "", "remedy", m ? gettext(m->remedy) : "",
			"facts", facts));
		return;
	}
	ctl_line(d->ctl, "- %s: %s", name, m ? gettext(m->person) : "");
	if (m) {
		ctl_line(d->ctl, "    %s%s%s\n    %s", gettext(m->technician),
			detail[0] ? " " : "", detail, gettext(m->remedy));
	}
	if (facts) {
		_cleanup_(buf_done) struct buf text = BUF_NULL(65536);

		render(facts, &text);
		render_print(&text);
	}
}

/* -- without the service --------------------------------------------------------------------- */

static bool reachable(const char *path)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	int fd;
	bool ok;

	if (strlen(path) >= sizeof(a.sun_path)) {
		return false;
	}
	(void)snprintf(a.sun_path, sizeof(a.sun_path), "%s", path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	ok = fd >= 0 && connect(fd, (const struct sockaddr *)&a, sizeof(a)) == 0;
	if (fd >= 0) {
		close(fd);
	}
	return ok;
}

static void look_pcscd(struct doctor *d)
{
	const char *path = getenv("PCSCLITE_CSOCK_NAME");

	path = path && path[0] ? path : PCSCD;
	if (!reachable(path)) {
		finding(d, "pcscd", path, NULL);
	}
}

static void look_libraries(struct doctor *d)
{
	static const char *const names[] = {"libpcsclite.so.1", "libcrypto.so.3",
		"libsqlite3.so.0", "libseccomp.so.2", "libsystemd.so.0"};

	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		void *library = dlopen(names[i], RTLD_LAZY | RTLD_LOCAL);

		if (library) {
			(void)dlclose(library);
		} else {
			finding(d, "library", names[i], NULL);
		}
	}
}

static void look_programs(struct doctor *d)
{
	static const char *const names[] = {
		"vitaled-watch", "vitaled-card", "vitaled-dossier", "vitaled-crl"};
	const char *folder = getenv("VITALED_LIBEXECDIR");
	char path[512];

	folder = folder && folder[0] ? folder : VITALED_LIBEXECDIR;
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		if (snprintf(path, sizeof(path), "%s/%s", folder, names[i]) >=
				(int)sizeof(path) ||
			access(path, X_OK) < 0) {
			finding(d, "program", path, NULL);
		}
	}
}

static bool holds_anchor(const char *folder, const char *nature)
{
	const struct dirent *e;
	char path[512];
	bool found = false;
	DIR *dir = NULL;

	if (snprintf(path, sizeof(path), "%s/%s", folder, nature) < (int)sizeof(path)) {
		dir = opendir(path);
	}
	while (dir && !found && (e = readdir(dir)) != NULL) {
		const char *end = strrchr(e->d_name, '.');

		found = end && (strcmp(end, ".pem") == 0 || strcmp(end, ".cvcert") == 0);
	}
	if (dir) {
		(void)closedir(dir);
	}
	return found;
}

static void look_anchors(struct doctor *d, const char *folder)
{
	if (!holds_anchor(folder, "real") && !holds_anchor(folder, "test") &&
		!holds_anchor(folder, "simulated")) {
		finding(d, "anchors", folder, NULL);
	}
}

/* -- the bus --------------------------------------------------------------------------------- */

/* A question to the bus itself whose answer is kept in @ret. */
static bool ask_bus(struct doctor *d, const char *member, const char *name, json_t **ret)
{
	_cleanup_(conn_message_put) DBusMessage *reply = NULL;
	struct conn_failure f = {0};
	DBusMessage *call = dbus_message_new_method_call("org.freedesktop.DBus",
		"/org/freedesktop/DBus", "org.freedesktop.DBus", member);

	if (call && name &&
		!dbus_message_append_args(call, DBUS_TYPE_STRING, &name, DBUS_TYPE_INVALID)) {
		conn_message_put(&call);
	}
	return conn_call(&d->ctl->conn, call, 10, NULL, &f, &reply) == 0 &&
	       value_args(reply, ret) == 0;
}

static bool activatable(struct doctor *d)
{
	_cleanup_json_ json_t *args = NULL;
	const json_t *names;

	if (!ask_bus(d, "ListActivatableNames", NULL, &args)) {
		return false;
	}
	names = json_array_get(args, 0);
	for (size_t i = 0; i < json_array_size(names); i++) {
		const char *name = json_string_value(json_array_get(names, i));

		if (name && strcmp(name, CONN_NAME) == 0) {
			return true;
		}
	}
	return false;
}

static void look_service(struct doctor *d)
{
	finding(d, "service", "", NULL);
	if (!activatable(d)) {
		finding(d, "activation", "", NULL);
	}
}

/* Findings of the service: aa{sv}, each with its name under "name". */
static void diagnose(struct doctor *d)
{
	_cleanup_(conn_message_put) DBusMessage *reply = NULL;
	_cleanup_json_ json_t *args = NULL;
	struct conn_failure f = {0};
	int r = conn_call(&d->ctl->conn, conn_method(CONN_ROOT, "Manager", "Diagnose"), 30,
		NULL, &f, &reply);

	if (r == 0 && value_args(reply, &args) != 0) {
		conn_fail(&f, CONN_NAME ".Error.Failed", "Diagnose");
		r = CONN_FAILED;
	}
	if (r != 0) {
		d->worst = ctl_result(d->ctl, r, &f);
		d->findings++;
		return;
	}
	for (size_t i = 0; i < json_array_size(json_array_get(args, 0)); i++) {
		json_t *one = json_array_get(json_array_get(args, 0), i);
		const char *name = json_get_str(one, "name");

		d->unanchored += name && strcmp(name, "no-anchors") == 0;
		finding(d, name ? name : "unknown", "", one);
	}
	if (d->unanchored == 3) {
		finding(d, "anchors", "", NULL);
	}
}

/* Return: whether the service runs and told its own findings. */
static bool look_bus(struct doctor *d)
{
	_cleanup_json_ json_t *args = NULL;
	struct conn_failure f = {0};
	bool runs;

	if (conn_open(&d->ctl->conn, NULL, NULL, &f) != 0) {
		finding(d, "bus", f.detail, NULL);
		return false;
	}
	runs = ask_bus(d, "NameHasOwner", CONN_NAME, &args) &&
	       json_is_true(json_array_get(args, 0));
	if (runs) {
		diagnose(d);
	} else {
		look_service(d);
	}
	conn_close(&d->ctl->conn);
	return runs;
}

static const struct args_option options[] = {
	{"anchors", 0, "DIR"},
};

enum ctl_exit cmd_doctor(struct ctl *ctl, const struct args *line)
{
	struct doctor d = {.ctl = ctl};
	struct args a;
	enum ctl_exit code = ctl_parse(ctl, options, ARRAY_LEN(options), line, 0, 0, &a);

	if (code != CTL_OK) {
		return code;
	}
	if (!look_bus(&d)) {
		look_pcscd(&d);
		look_libraries(&d);
		look_programs(&d);
		look_anchors(
			&d, args_flag(&a, "anchors") ? args_value(&a, "anchors") : ANCHORS);
	}
	if (ctl->json) {
		ctl_json(json_pack("{s:i}", "findings", (int)d.findings));
	} else if (d.findings == 0) {
		ctl_line(ctl, "%s", _("Nothing stands in the way."));
	}
	return d.worst;
}
