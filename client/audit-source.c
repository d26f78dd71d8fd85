/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * Where an export comes from, and what is found when it is recomputed. The service hands over a file
 * that nobody can write any more; it is mapped like any other.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/hex.h"
#include "client/audit.h"
#include "client/content.h"
#include "client/keys.h"
#include "client/lang.h"
#include "client/value.h"

#define EXPORT_TIMEOUT 600U		   /* s: millions of entries */
#define TELL_AFTER     (1 * USEC_PER_SEC)  /* of silence, at a terminal */
#define TELL_SELDOM    (10 * USEC_PER_SEC) /* the same into a file */

/* -- the export ------------------------------------------------------------------------------ */

DBusMessage *audit_export_call(void)
{
	DBusMessage *call = conn_method(CONN_ROOT, "Manager", "ExportAudit");
	DBusMessageIter args;
	DBusMessageIter dict;

	if (call) {
		dbus_message_iter_init_append(call, &args);
		if (!value_open_dict(&args, &dict) ||
			!dbus_message_iter_close_container(&args, &dict)) {
			conn_message_put(&call);
		}
	}
	return call;
}

enum ctl_exit audit_ask(struct ctl *ctl, DBusMessage *call, int *ret_fd)
{
	_cleanup_(conn_message_put) DBusMessage *reply = NULL;
	struct conn_failure f = {0};
	enum ctl_exit code = ctl_result(
		ctl, conn_call(&ctl->conn, call, EXPORT_TIMEOUT, NULL, &f, &reply), &f);

	if (code == CTL_OK && value_fds(reply, 1, ret_fd) != 0) {
		code = ctl_wrong(
			ctl, CTL_FAILED, "vitaled", _("the service's answer is malformed"));
	}
	return code;
}

/* The whole of @fd. Return: 0 or a fault. */
static int map_fd(int fd, struct audit_source *s)
{
	struct stat st;

	if (fstat(fd, &st) < 0) {
		return fault(-errno);
	}
	if (st.st_size <= 0 || !S_ISREG(st.st_mode)) {
		return fault(-EINVAL);
	}
	s->map = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (s->map == MAP_FAILED) {
		s->map = NULL;
		return fault(-errno);
	}
	s->size = (size_t)st.st_size;
	(void)madvise(s->map, s->size, MADV_SEQUENTIAL);
	return 0;
}

static enum ctl_exit ask_service(struct ctl *ctl, int *ret_fd)
{
	enum ctl_exit code = ctl_connect(ctl, NULL, NULL);

	if (code == CTL_OK) {
		code = audit_ask(ctl, audit_export_call(), ret_fd);
		conn_close(&ctl->conn);
	}
	return code;
}

enum ctl_exit audit_source_open(struct ctl *ctl, const char *path, struct audit_source *ret)
{
	struct audit_source s = {0};
	enum ctl_exit code;
	int fd = -1;
	int r;

	if (path) {
		fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
		code = fd < 0 ? ctl_usage(ctl, path, strerror(errno)) : CTL_OK;
	} else {
		code = ask_service(ctl, &fd);
	}
	if (code != CTL_OK) {
		return code;
	}
	r = map_fd(fd, &s);
	close(fd);
	if (r < 0) {
		return path ? ctl_usage(ctl, path, strerror(-r)) : ctl_fault(ctl, r);
	}
	*ret = s;
	return CTL_OK;
}

void audit_source_done(struct audit_source *s)
{
	export_done(&s->file);
	if (s->map) {
		(void)munmap(s->map, s->size);
	}
	*s = (struct audit_source){0};
}

/* -- recomputing ----------------------------------------------------------------------------- */

struct progress {
	const struct ctl *ctl;
	uint64_t next; /* monotonic us */
	bool terminal;
	bool shown;
};

static void tell_progress(void *user, size_t done, size_t all)
{
	struct progress *p = user;
	uint64_t now = clock_monotonic();

	if (p->ctl->json || now < p->next || all == 0) {
		return;
	}
	p->next = now + (p->terminal ? USEC_PER_SEC / 4 : TELL_SELDOM);
	p->shown = true;
	(void)fprintf(stderr, p->terminal ? "\r%s %3u %%" : "%s %u %%\n", _("Checking:"),
		(unsigned int)((double)done * 100.0 / (double)all));
	(void)fflush(stderr);
}

static void tell_wrong(const struct ctl *ctl, int r, const struct export_result *res)
{
	bool named = r == EXPORT_ENTRY || r == EXPORT_PRUNED;

	if (ctl->json) {
		ctl_json(json_pack("{s:s, s:b, s:I, s:I, s:I, s:s, s:o, s:b}", "verify",
			"audit", "ok", 0, "entries", (json_int_t)res->size, "covered",
			(json_int_t)res->good, "pruned", (json_int_t)res->pruned, "why",
			export_explain(r), "bad-entry",
			named ? json_integer((json_int_t)res->bad) : json_null(), "own-key",
			res->own_key));
	} else if (named) {
		(void)fprintf(stderr, _("The record is NOT whole: %s (entry %llu).\n"),
			export_explain(r), (unsigned long long)res->bad);
	} else {
		(void)fprintf(stderr,
			_("The record is NOT whole: %s (good up to %llu of %llu entries "
			  "read).\n"),
			export_explain(r), (unsigned long long)res->good,
			(unsigned long long)res->size);
	}
}

enum ctl_exit audit_vkey_option(struct ctl *ctl, const struct args *a, char **ret)
{
	int r;

	*ret = NULL;
	if (!args_flag(a, "vkey")) {
		return CTL_OK;
	}
	r = keys_vkey(args_value(a, "vkey"), ret);
	if (r == 0) {
		return CTL_OK;
	}
	return ctl_usage(ctl, args_value(a, "vkey"),
		r < 0 ? strerror(-r) : _("it is no public key of a record (vkey)"));
}

static enum ctl_exit check(struct ctl *ctl, struct audit_source *s,
	struct export_against *against, struct export_result *ret)
{
	struct progress p = {.ctl = ctl, .terminal = isatty(STDERR_FILENO) == 1};
	int r = export_parse(view_of(s->map, s->size), &s->file);

	p.next = clock_monotonic() + (p.terminal ? TELL_AFTER : TELL_SELDOM);
	against->progress = tell_progress;
	against->user = &p;
	if (r == 0) {
		r = export_verify(&s->file, against, ret);
	}
	if (p.shown && p.terminal) {
		(void)fputs("\r\033[K", stderr);
	}
	if (r < 0) {
		return ctl_fault(ctl, r);
	}
	if (r > 0) {
		tell_wrong(ctl, r, ret);
	}
	return r == 0 ? CTL_OK : CTL_FALSE;
}

enum ctl_exit audit_source_check(struct ctl *ctl, const struct args *a, struct audit_source *s,
	struct export_result *ret)
{
	_cleanup_(content_done) struct content note = CONTENT_NULL;
	const char *path = args_value(a, "checkpoint");
	struct export_against against = {0};
	enum ctl_exit code;
	char *vkey = NULL;

	*ret = (struct export_result){0};
	if (path) {
		int r = content_file(path, &note);

		if (r != 0 || note.size == 0) {
			return ctl_usage(
				ctl, path, r < 0 ? strerror(-r) : _("it holds no checkpoint"));
		}
		against.note = content_view(&note);
	}
	code = audit_vkey_option(ctl, a, &vkey);
	if (code == CTL_OK) {
		against.vkey = vkey;
		code = check(ctl, s, &against, ret);
	}
	free(vkey);
	return code;
}

bool audit_path(const json_t *proof, struct buf *out)
{
	const json_t *list = json_object_get(proof, "path");
	const json_t *item;
	size_t i;

	if (!json_is_array(list) || json_array_size(list) > 2 * MERKLE_LEVELS) {
		return false;
	}
	json_array_foreach(list, i, item)
	{
		size_t before = out->len;

		if (!json_is_string(item) ||
			base64_decode(out, view_of(json_string_value(item),
						   json_string_length(item))) != 0 ||
			out->len - before != MERKLE_HASH) {
			return false;
		}
	}
	return !out->failed;
}
