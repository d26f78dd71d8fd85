/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * vitalectl audit export, checkpoint, verify. The JSON of the service is copied byte by byte; the
 * FHIR resources are made from it here, of a record that has been recomputed first.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "client/audit-fhir.h"
#include "client/audit.h"
#include "client/content.h"
#include "client/lang.h"

#define PIECE 65536U /* bytes written at once */

/* -- writing --------------------------------------------------------------------------------- */

static int write_all(int to, struct view left)
{
	while (left.len > 0) {
		ssize_t n = write(to, left.data, left.len < PIECE ? left.len : PIECE);

		if (n < 0 && errno != EINTR) {
			return fault(-errno);
		}
		left = n > 0 ? view_last(left, left.len - (size_t)n) : left;
	}
	return 0;
}

/* struct out - standard output or a new file, which is removed again unless all of it was written */
struct out {
	int fd;
	const char *path;
};

static enum ctl_exit out_open(struct ctl *ctl, const char *path, struct out *ret)
{
	int fd = STDOUT_FILENO;

	if (path) {
		fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	}
	if (fd < 0) {
		return ctl_wrong(ctl, CTL_FAILED, path, strerror(errno));
	}
	*ret = (struct out){.fd = fd, .path = path};
	return CTL_OK;
}

static enum ctl_exit out_close(struct ctl *ctl, const struct out *o, int r)
{
	if (o->path && close(o->fd) < 0 && r == 0) {
		r = fault(-errno);
	}
	if (r < 0) {
		if (o->path) {
			(void)unlink(o->path);
		}
		return ctl_fault(ctl, r);
	}
	if (o->path && ctl->json) {
		ctl_json(json_pack("{s:s, s:s}", "command", "export", "output", o->path));
	}
	return CTL_OK;
}

/* -- FHIR ------------------------------------------------------------------------------------ */

struct convert {
	int fd;
	bool bundle;
	const char *origin;
	struct buf text; /* not written yet */
	uint64_t resources;
};

static int flush(struct convert *c, size_t below)
{
	int r = buf_check(&c->text);

	if (r == 0 && c->text.len > below) {
		r = write_all(c->fd, buf_view(&c->text));
		buf_reset(&c->text);
	}
	return trace(r);
}

static int put_resource(struct convert *c, struct view entry, uint64_t index)
{
	_cleanup_json_ json_t *resource = NULL;
	_cleanup_json_ json_t *row = NULL;
	char url[FHIR_URL_MAX];
	int r = fhir_audit_event(entry, index, c->origin, &resource, url);

	if (r == 0 && c->bundle) {
		buf_put_str(&c->text, c->resources == 0 ? ",\"entry\":[\n" : ",\n");
		row = json_pack("{s:s, s:O}", "fullUrl", url, "resource", resource);
		r = row ? json_canonical(row, &c->text) : fault(-ENOMEM);
	} else if (r == 0) {
		r = json_canonical(resource, &c->text);
		buf_put_u8(&c->text, '\n');
	}
	c->resources++;
	return trace(r);
}

static int convert_entry(void *user, uint64_t index, struct view text, size_t behind _unused_)
{
	struct convert *c = user;
	int r = text.data ? put_resource(c, text, index) : 0;

	return r == 0 ? trace(flush(c, PIECE)) : trace(r);
}

static int convert(const struct export_file *x, bool bundle, int fd)
{
	struct convert c = {.fd = fd,
		.bundle = bundle,
		.origin = x->origin,
		.text = BUF_NULL((size_t)16 * 1024 * 1024)};
	int r;

	if (bundle) {
		buf_put_str(&c.text, "{\"resourceType\":\"Bundle\",\"type\":\"collection\"");
	}
	r = export_each(x, convert_entry, &c);
	if (bundle) {
		buf_put_str(&c.text, c.resources > 0 ? "\n]}\n" : "}\n");
	}
	if (r == 0) {
		r = flush(&c, 0);
	}
	buf_done(&c.text);
	return r > 0 ? fault(-EBADMSG) : trace(r);
}

static enum ctl_exit export_fhir(struct ctl *ctl, const struct args *a, bool bundle)
{
	_cleanup_(audit_source_done) struct audit_source s = {0};
	struct export_result res;
	struct out out = {.fd = -1};
	enum ctl_exit code = audit_source_open(ctl, a->n_words > 1 ? a->words[1] : NULL, &s);

	if (code == CTL_OK) {
		code = audit_source_check(ctl, a, &s, &res);
	}
	if (code == CTL_OK) {
		code = out_open(ctl, args_value(a, "output"), &out);
	}
	if (code != CTL_OK) {
		return code;
	}
	if (res.pruned > 0) {
		ctl_note(ctl, _("%llu entries were pruned: nothing is told of them."),
			(unsigned long long)res.pruned);
	}
	return out_close(ctl, &out, convert(&s.file, bundle, out.fd));
}

/* -- JSON ------------------------------------------------------------------------------------ */

static enum ctl_exit export_json(struct ctl *ctl, const struct args *a)
{
	_cleanup_(audit_source_done) struct audit_source s = {0};
	struct out out = {.fd = -1};
	enum ctl_exit code = audit_source_open(ctl, NULL, &s);

	if (code == CTL_OK) {
		code = out_open(ctl, args_value(a, "output"), &out);
	}
	if (code != CTL_OK) {
		return code;
	}
	return out_close(ctl, &out, write_all(out.fd, view_of(s.map, s.size)));
}

enum ctl_exit audit_run_export(struct ctl *ctl, const struct args *a)
{
	const char *format = args_value(a, "format");

	if (format && strcmp(format, "fhir") == 0) {
		return export_fhir(ctl, a, true);
	}
	if (format && strcmp(format, "fhir-ndjson") == 0) {
		return export_fhir(ctl, a, false);
	}
	if (format && strcmp(format, "json") != 0) {
		return ctl_usage(ctl, format, _("json, fhir or fhir-ndjson is needed"));
	}
	if (a->n_words > 1) {
		return ctl_usage(
			ctl, a->words[1], _("a file is only converted (--format fhir)"));
	}
	return export_json(ctl, a);
}

/* -- a checkpoint, the check ----------------------------------------------------------------- */

static enum ctl_exit get_checkpoint(struct ctl *ctl, const char *path)
{
	_cleanup_(conn_message_put) DBusMessage *reply = NULL;
	struct conn_failure f = {0};
	const char *note = NULL;
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

enum ctl_exit audit_run_checkpoint(struct ctl *ctl, const struct args *a)
{
	enum ctl_exit code = ctl_connect(ctl, NULL, NULL);

	if (code == CTL_OK) {
		code = get_checkpoint(ctl, args_value(a, "output"));
		conn_close(&ctl->conn);
	}
	return code;
}

static void tell_whole(struct ctl *ctl, const struct export_result *res)
{
	if (ctl->json) {
		ctl_json(json_pack("{s:s, s:b, s:I, s:I, s:I, s:s, s:n, s:b}", "verify",
			"audit", "ok", 1, "entries", (json_int_t)res->size, "covered",
			(json_int_t)res->good, "pruned", (json_int_t)res->pruned, "why", "",
			"bad-entry", "own-key", res->own_key));
		return;
	}
	ctl_line(ctl, _("The record is whole: %llu entries, all covered by its checkpoint."),
		(unsigned long long)res->size);
	if (res->pruned > 0) {
		ctl_line(ctl, _("Of %llu of them, pruned, only the hash is left."),
			(unsigned long long)res->pruned);
	}
	if (res->given > 0) {
		ctl_line(ctl, _("The checkpoint given covers the first %llu of them."),
			(unsigned long long)res->given);
	}
	if (res->own_key) {
		ctl_note(ctl, "%s",
			_("The key was taken from the file itself: compare it with one "
			  "that you hold (--vkey)."));
	}
}

enum ctl_exit audit_run_verify(struct ctl *ctl, const struct args *a)
{
	_cleanup_(audit_source_done) struct audit_source s = {0};
	struct export_result res;
	enum ctl_exit code = audit_source_open(ctl, a->n_words > 1 ? a->words[1] : NULL, &s);

	if (code == CTL_OK) {
		code = audit_source_check(ctl, a, &s, &res);
	}
	if (code == CTL_OK) {
		tell_whole(ctl, &res);
	}
	return code;
}
