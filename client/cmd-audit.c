/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * vitalectl audit: export the record, take a checkpoint away, and check an exported record. Only
 * export and checkpoint talk to the service; verify needs nothing but files.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "client/content.h"
#include "client/ctl.h"
#include "client/export-file.h"
#include "client/keys.h"
#include "client/lang.h"
#include "client/value.h"

/* -- export, checkpoint ---------------------------------------------------------------------- */

static int copy_all(int from, int to)
{
	_cleanup_(buf_done) struct buf some = BUF_NULL(65536);
	uint8_t *at = buf_extend(&some, 65536);

	if (!at) {
		return trace(buf_check(&some));
	}
	(void)lseek(from, 0, SEEK_SET); /* a memfd is shared with its sender; a pipe refuses */
	for (;;) {
		ssize_t n = read(from, at, 65536);
		struct view left = view_of(at, n > 0 ? (size_t)n : 0);

		if (n == 0) {
			return 0;
		}
		if (n < 0 && errno != EINTR) {
			return fault(-errno);
		}
		while (left.len > 0) {
			n = write(to, left.data, left.len);
			if (n < 0 && errno != EINTR) {
				return fault(-errno);
			}
			left = n > 0 ? view_last(left, left.len - (size_t)n) : left;
		}
	}
}

static enum ctl_exit save_export(struct ctl *ctl, int fd, const char *path)
{
	int to = STDOUT_FILENO;
	int r;

	if (path) {
		to = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	}
	if (to < 0) {
		return ctl_wrong(ctl, CTL_FAILED, path, strerror(errno));
	}
	r = copy_all(fd, to);
	if (path) {
		close(to);
	}
	if (r < 0) {
		if (path) {
			(void)unlink(path);
		}
		return ctl_fault(ctl, r);
	}
	if (path && ctl->json) {
		ctl_json(json_pack("{s:s, s:s}", "command", "export", "output", path));
	}
	return CTL_OK;
}

static enum ctl_exit do_export(struct ctl *ctl, const struct args *a)
{
	_cleanup_(conn_message_put) DBusMessage *reply = NULL;
	struct conn_failure f = {0};
	DBusMessageIter args;
	DBusMessageIter dict;
	enum ctl_exit code;
	int fd = -1;
	DBusMessage *call = conn_method(CONN_ROOT, "Manager", "ExportAudit");

	if (call) {
		dbus_message_iter_init_append(call, &args);
		if (!value_open_dict(&args, &dict) ||
			!dbus_message_iter_close_container(&args, &dict)) {
			conn_message_put(&call);
		}
	}
	code = ctl_result(ctl, conn_call(&ctl->conn, call, 300, NULL, &f, &reply), &f);
	if (code != CTL_OK) {
		return code;
	}
	if (value_fds(reply, 1, &fd) != 0) {
		return ctl_wrong(
			ctl, CTL_FAILED, "ExportAudit", _("the service's answer is malformed"));
	}
	code = save_export(ctl, fd, args_value(a, "output"));
	close(fd);
	return code;
}

static enum ctl_exit do_checkpoint(struct ctl *ctl, const struct args *a)
{
	_cleanup_(conn_message_put) DBusMessage *reply = NULL;
	struct conn_failure f = {0};
	const char *note = NULL;
	const char *path = args_value(a, "output");
	int r = conn_call(&ctl->conn, conn_method(CONN_ROOT, "Manager", "GetCheckpoint"), 60,
		NULL, &f, &reply);

	if (r != 0) {
		return ctl_result(ctl, r, &f);
	}
	if (!dbus_message_get_args(reply, NULL, DBUS_TYPE_STRING, &note, DBUS_TYPE_INVALID)) {
		return ctl_wrong(ctl, CTL_FAILED, "GetCheckpoint",
			_("the service's answer is malformed"));
	}
	if (path) {
		r = content_save(view_str(note), path);
		return r < 0 ? ctl_wrong(ctl, CTL_FAILED, path, strerror(-r)) : CTL_OK;
	}
	if (ctl->json) {
		ctl_json(json_pack("{s:s}", "checkpoint", note));
	} else {
		(void)fputs(note, stdout);
	}
	return CTL_OK;
}

/* -- verify ---------------------------------------------------------------------------------- */

static enum ctl_exit tell(struct ctl *ctl, int r, const struct export_result *res)
{
	bool ok = r == 0;

	if (ctl->json) {
		ctl_json(json_pack("{s:s, s:b, s:I, s:I, s:s, s:o, s:b}", "verify", "audit",
			"ok", ok, "entries", (json_int_t)res->size, "covered",
			(json_int_t)res->good, "why", export_explain(r), "bad-entry",
			r == EXPORT_ENTRY ? json_integer((json_int_t)res->bad) : json_null(),
			"own-key", res->own_key));
		return ok ? CTL_OK : CTL_FALSE;
	}
	if (ok) {
		ctl_line(ctl,
			_("The record is whole: %llu entries, all covered by its checkpoint."),
			(unsigned long long)res->size);
		if (res->given > 0) {
			ctl_line(ctl, _("The checkpoint given covers the first %llu of them."),
				(unsigned long long)res->given);
		}
		if (res->own_key) {
			ctl_note(ctl, "%s",
				_("The key was taken from the file itself: compare it with one "
				  "that you hold (--vkey)."));
		}
		return CTL_OK;
	}
	if (r == EXPORT_ENTRY) {
		(void)fprintf(stderr, _("The record is NOT whole: %s (entry %llu).\n"),
			export_explain(r), (unsigned long long)res->bad);
	} else {
		(void)fprintf(stderr,
			_("The record is NOT whole: %s (good up to %llu of %llu entries "
			  "read).\n"),
			export_explain(r), (unsigned long long)res->good,
			(unsigned long long)res->size);
	}
	return CTL_FALSE;
}

/* The whole of @path, mapped: exports can be larger than memory. */
static int map_file(const char *path, void **ret_map, size_t *ret_size)
{
	struct stat st;
	void *map = NULL;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	int r = 0;

	if (fd < 0) {
		return fault(-errno);
	}
	if (fstat(fd, &st) < 0 || st.st_size <= 0 || !S_ISREG(st.st_mode)) {
		r = fault(-EINVAL);
	} else {
		map = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
		r = map == MAP_FAILED ? fault(-errno) : 0;
	}
	close(fd);
	if (r < 0) {
		return trace(r);
	}
	*ret_map = map;
	*ret_size = (size_t)st.st_size;
	return 0;
}

static enum ctl_exit verify_map(struct ctl *ctl, const struct args *a, struct view text)
{
	_cleanup_(export_done) struct export_file x = {0};
	_cleanup_(content_done) struct content note = CONTENT_NULL;
	struct export_result res = {0};
	char *vkey = NULL;
	int r = export_parse(text, &x);

	if (r != 0) {
		return r < 0 ? ctl_fault(ctl, r) : tell(ctl, r, &res);
	}
	if (args_flag(a, "checkpoint")) {
		r = content_file(args_value(a, "checkpoint"), &note);
		if (r != 0 || note.size == 0) {
			return ctl_usage(ctl, args_value(a, "checkpoint"),
				r < 0 ? strerror(-r) : _("it holds no checkpoint"));
		}
	}
	if (args_flag(a, "vkey")) {
		r = keys_vkey(args_value(a, "vkey"), &vkey);
		if (r != 0) {
			return ctl_usage(ctl, args_value(a, "vkey"),
				r < 0 ? strerror(-r)
				      : _("it is no public key of a record (vkey)"));
		}
	}
	r = export_verify(&x, content_view(&note), vkey, &res);
	free(vkey);
	return r < 0 ? ctl_fault(ctl, r) : tell(ctl, r, &res);
}

static enum ctl_exit do_verify(struct ctl *ctl, const struct args *a)
{
	enum ctl_exit code;
	void *map = NULL;
	size_t size = 0;
	int r = map_file(a->words[1], &map, &size);

	if (r < 0) {
		return ctl_usage(ctl, a->words[1], strerror(-r));
	}
	code = verify_map(ctl, a, view_of(map, size));
	(void)munmap(map, size);
	return code;
}

static const struct args_option options[] = {
	{"output", 'o', "FILE"},
	{"checkpoint", 0, "FILE"},
	{"vkey", 0, "TEXT|FILE"},
};

enum ctl_exit cmd_audit(struct ctl *ctl, const struct args *line)
{
	struct args a;
	enum ctl_exit code = ctl_parse(ctl, options, ARRAY_LEN(options), line, 1, 2, &a);

	if (code != CTL_OK) {
		return code;
	}
	if (strcmp(a.words[0], "verify") == 0) {
		return a.n_words == 2
			       ? do_verify(ctl, &a)
			       : ctl_usage(ctl, "audit verify", _("an argument is missing"));
	}
	if (a.n_words != 1 ||
		(strcmp(a.words[0], "export") != 0 && strcmp(a.words[0], "checkpoint") != 0)) {
		return ctl_usage(ctl, a.words[a.n_words - 1],
			_("export, checkpoint or verify FILE is needed"));
	}
	code = ctl_connect(ctl, NULL, NULL);
	if (code == CTL_OK) {
		code = strcmp(a.words[0], "export") == 0 ? do_export(ctl, &a)
							 : do_checkpoint(ctl, &a);
		conn_close(&ctl->conn);
	}
	return code;
}
