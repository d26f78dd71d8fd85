/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * What the packages install and the administrator writes: bus policy, activation, polkit actions and
 * rules, user, programs, libraries, configuration. While the service runs most of it is proved by that,
 * and what is missing then is not needed: it may be installed elsewhere.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <stdnoreturn.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "client/doctor.h"
#include "client/lang.h"

#define CONFIG "/etc/vitaled/vitaled.conf"

static bool any_there(const struct doctor *d, const char *const *paths, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (doctor_there(d, paths[i]) != DOCTOR_ABSENT) {
			return true; /* what may not be looked at is not called missing */
		}
	}
	return false;
}

/* files of which one of two places must have each */
static void look_installed(struct doctor *d)
{
	static const struct {
		enum vitaled_finding finding;
		const char *paths[2];
	} files[] = {
		{VITALED_FINDING_BUS_POLICY, {"/usr/share/dbus-1/system.d/org.vitaled1.conf",
						     "/etc/dbus-1/system.d/org.vitaled1.conf"}},
		{VITALED_FINDING_ACTIVATION,
			{"/usr/share/dbus-1/system-services/org.vitaled1.service",
				"/usr/local/share/dbus-1/system-services/"
				"org.vitaled1.service"}},
		{VITALED_FINDING_POLKIT_ACTIONS,
			{"/usr/share/polkit-1/actions/org.vitaled1.policy",
				"/usr/local/share/polkit-1/actions/org.vitaled1.policy"}},
	};

	for (size_t i = 0; i < ARRAY_LEN(files); i++) {
		if (files[i].finding == VITALED_FINDING_ACTIVATION && d->asked) {
			continue; /* the bus itself said what it can start */
		}
		if (!any_there(d, files[i].paths, ARRAY_LEN(files[i].paths))) {
			doctor_found(d, files[i].finding, files[i].paths[0], NULL);
		}
	}
}

static void look_libraries(struct doctor *d)
{
	static const char *const names[] = {"libpcsclite.so.1", "libcrypto.so.3",
		"libsqlite3.so.0", "libseccomp.so.2", "libsystemd.so.0", "libusb-1.0.so.0"};
	size_t n = ARRAY_LEN(names) - (doctor_has_usb(d) ? 0 : 1); /* the last is its alone */

	for (size_t i = 0; i < n; i++) {
		bool there;

		if (d->root[0] == '\0') {
			void *library = dlopen(names[i], RTLD_LAZY | RTLD_LOCAL);

			there = library != NULL;
			if (library) {
				(void)dlclose(library);
			}
		} else { /* another tree's linker is not ours: by the usual places */
			char pattern[DOCTOR_PATH_MAX];
			glob_t found = {0};

			there = snprintf(pattern, sizeof(pattern),
					"%s/{usr/lib,usr/lib64,lib,usr/lib/*-linux-*}/%s",
					d->root, names[i]) < (int)sizeof(pattern) &&
				glob(pattern, GLOB_BRACE | GLOB_NOSORT, NULL, &found) == 0;
			globfree(&found);
		}
		if (!there) {
			doctor_found(d, VITALED_FINDING_LIBRARY, names[i], NULL);
		}
	}
}

static const char *libexec(void)
{
	const char *folder = getenv("VITALED_LIBEXECDIR");

	return folder && folder[0] ? folder : VITALED_LIBEXECDIR;
}

bool doctor_has_usb(const struct doctor *d)
{
	char path[DOCTOR_PATH_MAX];

	return snprintf(path, sizeof(path), "%s/vitaled-usb", libexec()) < (int)sizeof(path) &&
	       doctor_there(d, path) == 0;
}

static void look_programs(struct doctor *d)
{
	static const char *const names[] = {"vitaled", "vitaled-watch", "vitaled-card",
		"vitaled-dossier", "vitaled-crl", "vitaled-feed"};
	char path[DOCTOR_PATH_MAX], whole[DOCTOR_PATH_MAX];

	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		if (snprintf(path, sizeof(path), "%s/%s", libexec(), names[i]) >=
				(int)sizeof(path) ||
			!doctor_path(d, path, whole) || access(whole, X_OK) < 0) {
			doctor_found(d, VITALED_FINDING_PROGRAM, path, NULL);
		}
	}
}

/* Whether a rule that can be read speaks of both. A folder that is hidden may hold it. */
static bool has_rule(const struct doctor *d, const char *folder)
{
	_cleanup_json_ json_t *names = NULL;
	int r = doctor_names(d, folder, 1024, &names);
	bool found = r == DOCTOR_DENIED;

	for (size_t i = 0; i < json_array_size(names) && !found; i++) {
		_cleanup_(buf_done) struct buf rule = BUF_NULL(DOCTOR_FILE_MAX);
		char path[DOCTOR_PATH_MAX];

		if (snprintf(path, sizeof(path), "%s/%s", folder,
			    json_string_value(json_array_get(names, i))) >= (int)sizeof(path)) {
			continue;
		}
		r = doctor_read(d, path, DOCTOR_FILE_MAX, &rule);
		found = r == DOCTOR_DENIED ||
			(rule.len > 0 &&
				memmem(rule.data, rule.len, "org.debian.pcsc-lite", 20) &&
				memmem(rule.data, rule.len, "vitaled", 7));
	}
	return found;
}

static void look_pcscd_rule(struct doctor *d)
{
	static const char actions[] = "/usr/share/polkit-1/actions/org.debian.pcsc-lite.policy";

	if (doctor_there(d, actions) == 0 && !has_rule(d, "/usr/share/polkit-1/rules.d") &&
		!has_rule(d, "/etc/polkit-1/rules.d")) {
		doctor_found(
			d, VITALED_FINDING_PCSCD_RULE, "/usr/share/polkit-1/rules.d", NULL);
	}
}

static void look_reader_rules(struct doctor *d)
{
	static const char *const rules[] = {"/usr/lib/udev/rules.d/65-vitaled-readers.rules",
		"/lib/udev/rules.d/65-vitaled-readers.rules",
		"/etc/udev/rules.d/65-vitaled-readers.rules"};
	static const char *const database[] = {"/usr/lib/udev/hwdb.d/60-vitaled-readers.hwdb",
		"/lib/udev/hwdb.d/60-vitaled-readers.hwdb",
		"/etc/udev/hwdb.d/60-vitaled-readers.hwdb"};
	static const char *const access[] = {"/usr/lib/udev/rules.d/74-vitaled-usb.rules",
		"/lib/udev/rules.d/74-vitaled-usb.rules",
		"/etc/udev/rules.d/74-vitaled-usb.rules"};
	static const char *const seat[] = {"/usr/lib/udev/rules.d/69-vitaled-usb.rules",
		"/lib/udev/rules.d/69-vitaled-usb.rules",
		"/etc/udev/rules.d/69-vitaled-usb.rules"};
	bool has_rules = any_there(d, rules, ARRAY_LEN(rules));

	if (!has_rules || !any_there(d, database, ARRAY_LEN(database))) {
		doctor_found(d, VITALED_FINDING_READER_RULES,
			has_rules ? database[0] : rules[0], NULL);
	}
	if (doctor_has_usb(d) && !any_there(d, access, ARRAY_LEN(access))) {
		doctor_found(d, VITALED_FINDING_READER_RULES, access[0], NULL);
	}
	if (doctor_has_usb(d) && !any_there(d, seat, ARRAY_LEN(seat))) {
		doctor_found(d, VITALED_FINDING_READER_RULES, seat[0], NULL);
	}
}

/* -- the configuration: by the service's own parser ---------------------------------------------- */

struct check {
	char program[DOCTOR_PATH_MAX];
	char file[DOCTOR_PATH_MAX];
};

static noreturn void check(int fd, void *arg)
{
	struct check *c = arg;
	char *const argv[] = {c->program, (char *)(uintptr_t) "--check",
		(char *)(uintptr_t) "--config", c->file, NULL};
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	if (null >= 0 && dup2(null, STDIN_FILENO) >= 0 && dup2(fd, STDOUT_FILENO) >= 0 &&
		dup2(null, STDERR_FILENO) >= 0) {
		(void)execv(c->program, argv);
	}
	_exit(127);
}

/* The value of line "@key=..." of @text, when it fits @ret. */
static void take_value(struct view text, const char *key, char *ret, size_t size)
{
	size_t n = strlen(key);

	while (text.len > 0) {
		const uint8_t *end = memchr(text.data, '\n', text.len);
		size_t line = end ? (size_t)(end - text.data) : text.len;

		if (view_equal(view_sub(text, 0, n), view_str(key)) && line > n &&
			view_copy_str(view_sub(text, n, line - n), ret, size) == 0) {
			return;
		}
		text = view_sub(text, line + 1, text.len);
	}
}

static void take_check(struct doctor *d, const char *file, int status, struct view text)
{
	if (!WIFEXITED(status) || WEXITSTATUS(status) == 127) {
		return; /* the program is missing: look_programs() says so */
	}
	if (WEXITSTATUS(status) == 0) {
		take_value(text, "state=", d->state, sizeof(d->state));
		if (!d->anchors_given) {
			take_value(text, "anchors=", d->anchors, sizeof(d->anchors));
		}
		doctor_seen(d, "configuration", json_pack("{s:s}", "file", file));
	} else {
		const uint8_t *end = text.len ? memchr(text.data, '\n', text.len) : NULL;
		_cleanup_json_ json_t *where = doctor_text(
			view_sub(text, 0, end ? (size_t)(end - text.data) : text.len));

		doctor_found(d, VITALED_FINDING_CONFIGURATION,
			where && json_string_length(where) ? json_string_value(where) : file,
			json_pack("{s:s}", "file", file));
	}
}

static void look_configuration(struct doctor *d)
{
	_cleanup_(buf_done) struct buf text = BUF_NULL(65536);
	struct check c;
	int status = 0;

	if (snprintf(c.program, sizeof(c.program), "%s/vitaled", libexec()) >=
			(int)sizeof(c.program) ||
		!doctor_path(d, CONFIG, c.file) || access(c.program, X_OK) < 0) {
		return;
	}
	if (access(c.file, R_OK) < 0) {
		doctor_seen(d, "configuration",
			json_pack("{s:s, s:s}", "file", c.file, "state",
				errno == EACCES ? N_("may not be read by this user")
						: N_("not there: defaults")));
	} else if (doctor_child(check, &c, &text, &status) == 0) {
		take_check(d, c.file, status, buf_view(&text));
	}
}

void doctor_files(struct doctor *d)
{
	if (!d->runs) {
		look_installed(d);
		look_libraries(d);
		look_programs(d);
	}
	look_pcscd_rule(d);
	look_reader_rules(d);
	look_configuration(d);
}
