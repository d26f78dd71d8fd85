/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * From what was seen to the names of what is missing: pure, and therefore tested without a sandbox.
 * The texts are the kernel's (proc(5)); one that does not say what it should counts as missing.
 */
#include "daemon/confined.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* include/linux/proc_ns.h: the numbers of the namespaces that the machine began with */
#define FIRST_IPC  "ipc:[4026531839]"
#define FIRST_UTS  "uts:[4026531838]"
#define EVERY_USER "0 0 4294967295"

#define FIELD_ROOT  3U /* of a line of mountinfo: the folder within its file system */
#define FIELD_POINT 4U /* where it is mounted */

const char *confined_word(enum confined_directive d)
{
	static const char *const words[] = {
#define X(id, word) word,
		CONFINED_DIRECTIVES(X)
#undef X
	};

	return (unsigned int)d < CONFINED_COUNT ? words[d] : "";
}

/* The line after the one that begins at @line, or NULL. */
static const char *next_line(const char *line)
{
	const char *end = strchr(line, '\n');

	return end && end[1] != '\0' ? end + 1 : NULL;
}

/* Whether @text has the line "@key:" + blanks + @value, and nothing behind it. */
static bool says(const char *text, const char *key, const char *value)
{
	size_t n = strlen(key);

	for (const char *line = text; line; line = next_line(line)) {
		const char *at;

		if (strncmp(line, key, n) != 0 || line[n] != ':')
			continue;
		at = line + n + 1;
		at += strspn(at, " \t");
		n = strlen(value);
		return strncmp(at, value, n) == 0 && (at[n] == '\n' || at[n] == '\0');
	}
	return false;
}

static bool no_capability(const char *status)
{
	static const char *const sets[] = {"CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"};

	for (size_t i = 0; i < ARRAY_LEN(sets); i++)
		if (!says(status, sets[i], "0000000000000000"))
			return false;
	return true;
}

/* The fields of a line, one blank between them: where field @n (from 0) begins. */
static const char *field(const char *line, unsigned int n)
{
	for (; n > 0; n--) {
		line += strcspn(line, " \n");
		if (*line != ' ')
			return "";
		line++;
	}
	return line;
}

static bool field_is(const char *at, const char *text)
{
	size_t n = strcspn(at, " \n");

	return n == strlen(text) && strncmp(at, text, n) == 0;
}

/* Whether what is mounted last at @point comes from a folder whose name holds @part; @last: ends so. */
static bool mounted_from(const char *mountinfo, const char *point, const char *part, bool last)
{
	bool found = false;

	for (const char *line = mountinfo; line && *line; line = next_line(line)) {
		const char *root = field(line, FIELD_ROOT), *at = strstr(root, part);
		size_t n = strcspn(root, " \n");

		if (!field_is(field(line, FIELD_POINT), point))
			continue;
		if (last)
			found = n >= strlen(part) &&
				strncmp(root + n - strlen(part), part, strlen(part)) == 0;
		else
			found = at && at < root + n;
	}
	return found;
}

/* The first line of uid_map, its blanks made one each. */
static bool own_users(const char *uid_map)
{
	static const char every[] = EVERY_USER;
	size_t at = 0;

	uid_map += strspn(uid_map, " ");
	while (every[at] != '\0' && *uid_map == every[at]) {
		if (*uid_map == ' ')
			uid_map += strspn(uid_map, " ") - 1;
		uid_map++;
		at++;
	}
	return *uid_map != '\0' && every[at] != '\0';
}

/* No IPv4 route behind the heading, and no IPv6 address but lo's. */
static bool no_network(const struct confined_facts *f)
{
	const char *line = f->addresses;

	if (f->routes[0] != '\0' && next_line(f->routes))
		return false;
	for (; line && *line != '\0'; line = next_line(line)) {
		const char *end = strchr(line, '\n');

		if (!end || end - line < 3 || strncmp(end - 3, " lo", 3) != 0)
			return false;
	}
	return true;
}

/* The processes' own rights: status and the attempts. */
static uint32_t rights_missing(const struct confined_facts *f)
{
	const struct {
		enum confined_directive directive;
		bool in_force;
	} rows[] = {
		{CONFINED_NO_NEW_PRIVILEGES, says(f->status, "NoNewPrivs", "1")},
		{CONFINED_CAPABILITIES, no_capability(f->status)},
		{CONFINED_UMASK, says(f->status, "Umask", "0077")},
		/* without a filter nobody is found */
		{CONFINED_SYSTEM_CALLS, says(f->status, "Seccomp", "2") &&
						f->filtered != ESRCH && f->filtered != 0},
		{CONFINED_MEMORY, f->write_execute == EPERM},
		{CONFINED_PERSONALITY, f->personality == EPERM},
		{CONFINED_SUID, f->suid == EPERM},
		{CONFINED_FAMILIES, f->inet == EAFNOSUPPORT},
		{CONFINED_NETWORK, no_network(f)},
		{CONFINED_USERS, own_users(f->uid_map)},
		{CONFINED_IPC, f->ipc[0] && strcmp(f->ipc, FIRST_IPC) != 0},
		{CONFINED_HOSTNAME, f->uts[0] && strcmp(f->uts, FIRST_UTS) != 0},
		{CONFINED_CORE, f->core == 0},
	};

	uint32_t missing = 0;

	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		missing |= rows[i].in_force ? 0 : UINT32_C(1) << rows[i].directive;
	return missing;
}

/* What the process sees of the machine. */
static uint32_t view_missing(const struct confined_facts *f)
{
	const struct {
		enum confined_directive directive;
		bool in_force;
	} rows[] = {
		{CONFINED_ROOT, mounted_from(f->mountinfo, "/", "/vitaled/root", true)},
		{CONFINED_EXECUTION, f->root_noexec},
		{CONFINED_SYSTEM, !f->system_writable},
		{CONFINED_TMP, mounted_from(f->mountinfo, "/tmp", "/systemd-private-", false)},
		{CONFINED_HOME, !f->homes},
		{CONFINED_DEVICES, !f->devices},
		{CONFINED_PROC, !f->init},
		{CONFINED_PROC_SUBSET, !f->meminfo},
		{CONFINED_TUNABLES, !f->tunables},
		{CONFINED_CONTROL_GROUPS, !f->control_groups},
		{CONFINED_MODULES, !f->modules},
		{CONFINED_KERNEL_LOGS, !f->kernel_logs},
	};

	uint32_t missing = 0;

	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		missing |= rows[i].in_force ? 0 : UINT32_C(1) << rows[i].directive;
	return missing;
}

uint32_t confined_missing(const struct confined_facts *f)
{
	if (!f->asked)
		return UINT32_C(1) << CONFINED_ALL;
	return rights_missing(f) | view_missing(f);
}

int confined_check(uint32_t *ret_missing)
{
	struct confined_facts *f = calloc(1, sizeof(*f)); /* some 90 kilobytes */
	int r;

	if (!f)
		return fault(-ENOMEM);
	r = confined_look(f);
	if (r == 0)
		*ret_missing = confined_missing(f);
	free(f);
	return trace(r);
}
