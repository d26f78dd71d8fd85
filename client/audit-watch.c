/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * vitalectl audit watch: whether the record only grows. The checkpoint in the file is the memory; for
 * each checkpoint that the service tells of (the property Checkpoint, nothing is asked repeatedly) it
 * must show that the tree of the old one is the beginning of the tree of the new one (RFC 6962
 * §2.1.2). Only then is the new one put in the old one's place. The checkpoint told and the one kept
 * must both lead to one and the same: what the service shows of each of them alone could be two
 * records. A record that cannot show it was rewritten or rolled back: the watch ends with a status of
 * its own, the file stays at the last one that continues what was kept, and what the service said
 * instead is kept beside it.
 *
 * What the service cannot do now (it stopped, its disk is full) is no alarm; it is looked at again when
 * the next checkpoint comes, or the service.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "client/audit.h"
#include "client/content.h"
#include "client/lang.h"
#include "client/value.h"

#define TOLD_MAX 64U /* checkpoints that wait to be looked at */
#define MEET_MAX                                                                               \
	64U /* proofs until two checkpoints lead to one: the record may grow in between */

struct watch {
	struct ctl *ctl;
	const char *path;
	char *vkey;
	char *note; /* the last one that was good */
	struct checkpoint point;
	json_t *told;	/* notes that the service told of, oldest first */
	bool came_back; /* the service: its checkpoint is to be asked for */
};

enum watch_outcome {
	WATCH_LATER = 1, /* the service cannot answer now */
	WATCH_FORGED,	 /* a checkpoint that the record's key did not sign */
	WATCH_FORKED,	 /* no beginning of the new one */
	WATCH_SHORTER,	 /* fewer entries than there were */
	WATCH_REFUSED,	 /* we may not ask; said already */
};

static const char *explain(int outcome)
{
	switch ((enum watch_outcome)outcome) {
	case WATCH_LATER:
		return _("the service cannot show it now");
	case WATCH_FORGED:
		return _("its checkpoint is not signed by the record's key");
	case WATCH_FORKED:
		return _("what was there before is not its beginning: it was rewritten");
	case WATCH_SHORTER:
		return _("it has fewer entries than before: it was rolled back");
	case WATCH_REFUSED:
		break;
	}
	return "";
}

/* -- the file -------------------------------------------------------------------------------- */

/* @text in the place of the file @path, or the old one stays. */
static int replace_file(const char *path, const char *text)
{
	struct view left = view_str(text);
	char *beside = NULL;
	int fd;
	int r = 0;

	if (asprintf(&beside, "%s.new", path) < 0) {
		return fault(-ENOMEM);
	}
	fd = open(beside, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0) {
		r = fault(-errno);
	}
	while (r == 0 && left.len > 0) {
		ssize_t n = write(fd, left.data, left.len);

		if (n < 0 && errno != EINTR) {
			r = fault(-errno);
		}
		left = n > 0 ? view_last(left, left.len - (size_t)n) : left;
	}
	if (r == 0 && (fsync(fd) < 0 || rename(beside, path) < 0)) {
		r = fault(-errno);
	}
	if (fd >= 0) {
		close(fd);
	}
	if (r < 0) {
		(void)unlink(beside);
	}
	free(beside);
	return trace(r);
}

static int remember(struct watch *w, const char *note, const struct checkpoint *point)
{
	char *copy = strdup(note);
	int r = copy ? replace_file(w->path, note) : fault(-ENOMEM);

	if (r < 0) {
		free(copy);
		return trace(r);
	}
	free(w->note);
	w->note = copy;
	w->point = *point;
	return 0;
}

/* -- the service ----------------------------------------------------------------------------- */

/* Return: 0, a fault, WATCH_LATER or WATCH_REFUSED. */
static int failed(struct watch *w, int r, const struct conn_failure *f)
{
	enum ctl_exit code;

	if (r <= 0) {
		return trace(r);
	}
	code = message_of_error(f->name)->exit;
	if (code == CTL_REFUSED || code == CTL_USAGE) {
		(void)ctl_failure(w->ctl, f);
		return WATCH_REFUSED;
	}
	if (w->ctl->json) {
		ctl_json(json_pack("{s:s, s:n, s:s, s:s}", "watch", "audit", "ok", "why",
			explain(WATCH_LATER), "error", f->name));
	}
	ctl_note(w->ctl, "%s (%s)", explain(WATCH_LATER), f->name);
	return WATCH_LATER;
}

/* A text property of Manager, malloc'ed. */
static int get_text(struct watch *w, const char *name, char **ret)
{
	_cleanup_json_ json_t *all = NULL;
	struct conn_failure f = {0};
	int r = conn_get_all(&w->ctl->conn, CONN_ROOT, CONN_NAME ".Manager", &f, &all);
	const char *text = r == 0 ? json_get_str(all, name) : NULL;

	if (r != 0) {
		return trace(failed(w, r, &f));
	}
	*ret = strdup(text ? text : "");
	return *ret ? 0 : fault(-ENOMEM);
}

/* The proof from @note on, or NULL in @ret when the service does not know it. */
static int get_proof(struct watch *w, const char *note, json_t **ret)
{
	_cleanup_(conn_message_put) DBusMessage *reply = NULL;
	struct conn_failure f = {0};
	DBusMessage *call = conn_method(CONN_ROOT, "Manager", "GetAuditConsistency");
	int r;

	if (call &&
		!dbus_message_append_args(call, DBUS_TYPE_STRING, &note, DBUS_TYPE_INVALID)) {
		conn_message_put(&call);
	}
	r = conn_call(&w->ctl->conn, call, 60, NULL, &f, &reply);
	if (r == 0) {
		r = conn_reply_json(reply, &f, ret);
	}
	if (r == CONN_FAILED &&
		strcmp(f.name, vitaled_error_bus(VITALED_REASON_INVALID_ARGUMENT)) == 0) {
		*ret = NULL;
		return 0;
	}
	return trace(failed(w, r, &f));
}

/* -- checking -------------------------------------------------------------------------------- */

/* Return: 0, a fault or WATCH_FORGED. */
static int verify_note(const struct watch *w, const char *note, struct checkpoint *ret)
{
	int r = checkpoint_verify(view_str(note), w->vkey, ret);

	return r > 0 ? WATCH_FORGED : trace(r);
}

/* Whether @proof leads from @old to the checkpoint in it. Return: 0, a fault or an outcome. */
static int check_proof(const struct watch *w, const struct checkpoint *old, const json_t *proof,
	struct checkpoint *ret)
{
	_cleanup_(buf_done) struct buf path = BUF_NULL((size_t)3 * MERKLE_LEVELS * MERKLE_HASH);
	const char *note = json_get_str(proof, "checkpoint");
	int r = note && audit_path(proof, &path) ? verify_note(w, note, ret) : WATCH_FORKED;

	if (r != 0) {
		return trace(r);
	}
	if (ret->size < old->size) {
		return WATCH_SHORTER;
	}
	r = merkle_check_consistency(
		old->size, old->root, ret->size, ret->root, buf_view(&path));
	return r > 0 ? WATCH_FORKED : trace(r);
}

/* What the service says instead of a proof: its newest checkpoint. */
static int no_proof(struct watch *w, const struct checkpoint *old, char **ret_note)
{
	struct checkpoint now;
	int r = get_text(w, "Checkpoint", ret_note);

	if (r == 0) {
		r = verify_note(w, *ret_note, &now);
	}
	if (r != 0) {
		return trace(r);
	}
	return now.size < old->size ? WATCH_SHORTER : WATCH_FORKED;
}

/* From @note (with @old in it) to what the service has now, which is left in @ret_note. */
static int check_from(struct watch *w, const char *note, const struct checkpoint *old,
	struct checkpoint *ret, char **ret_note)
{
	_cleanup_json_ json_t *proof = NULL;
	int r = get_proof(w, note, &proof);
	const char *now;

	if (r != 0) {
		return trace(r);
	}
	if (!proof) {
		return trace(no_proof(w, old, ret_note));
	}
	now = json_get_str(proof, "checkpoint");
	*ret_note = strdup(now ? now : "");
	if (!*ret_note) {
		return fault(-ENOMEM);
	}
	return trace(check_proof(w, old, proof, ret));
}

static void tell_growth(const struct watch *w, uint64_t old)
{
	char now[28];

	clock_rfc3339(clock_wall(), now);
	if (w->ctl->json) {
		ctl_json(json_pack("{s:s, s:b, s:s, s:I, s:I}", "watch", "audit", "ok", 1,
			"time", now, "old", (json_int_t)old, "size",
			(json_int_t)w->point.size));
	} else {
		ctl_line(w->ctl, _("%s The record only grew: %llu entries, %llu before."), now,
			(unsigned long long)w->point.size, (unsigned long long)old);
	}
	(void)fflush(stdout);
}

/* What was kept and what the service says do not fit: both are signed, and both are the proof. */
static enum ctl_exit alarm_of(const struct watch *w, int outcome, const char *seen)
{
	char *beside = NULL;

	if (w->ctl->json) {
		ctl_json(json_pack("{s:s, s:b, s:s, s:s, s:s}", "watch", "audit", "ok", 0,
			"why", explain(outcome), "kept", w->note, "seen", seen ? seen : ""));
	} else {
		(void)fprintf(stderr, _("ALARM: the record is not what it was: %s.\n"),
			explain(outcome));
	}
	if (seen && seen[0] && asprintf(&beside, "%s.alarm", w->path) >= 0) {
		if (replace_file(beside, seen) == 0) {
			ctl_note(w->ctl,
				_("What the service says is in %s, what was kept in %s."),
				beside, w->path);
		}
		free(beside);
	}
	return CTL_REWRITTEN;
}

/* Return: CTL_LATER when it cannot be told now. */
static enum ctl_exit settle(struct watch *w, int r, const char *seen)
{
	if (r < 0) {
		return ctl_fault(w->ctl, r);
	}
	if (r == 0 || r == WATCH_LATER) {
		return r == 0 ? CTL_OK : CTL_LATER;
	}
	return r == WATCH_REFUSED ? CTL_REFUSED : alarm_of(w, r, seen);
}

/* A checkpoint beside the kept one, and where it leads. */
struct branch {
	struct checkpoint point;
	char *note;
};

/* The kept one goes on to what the service has now. On an outcome @ret_seen is what it says instead. */
static int kept_goes_on(struct watch *w, char **ret_seen)
{
	struct checkpoint now;
	char *note = NULL;
	int r = check_from(w, w->note, &w->point, &now, &note);

	if (r == 0) {
		r = remember(w, note, &now);
	}
	if (r > 0) {
		*ret_seen = note;
		note = NULL;
	}
	free(note);
	return trace(r);
}

/* The same of @b, which is itself what is seen when it leads nowhere. */
static int branch_goes_on(struct watch *w, struct branch *b, char **ret_seen)
{
	struct checkpoint now;
	char *note = NULL;
	int r = check_from(w, b->note, &b->point, &now, &note);

	if (r == 0) {
		free(b->note);
		*b = (struct branch){.point = now, .note = note};
		return 0;
	}
	if (r > 0) {
		char **seen = r == WATCH_FORGED ? &note : &b->note;

		*ret_seen = *seen;
		*seen = NULL;
	}
	free(note);
	return trace(r);
}

/* The kept one and @b until they are one: the shorter goes on. Return: 0, a fault or an outcome. */
static int meet(struct watch *w, struct branch *b, char **ret_seen)
{
	int r = 0;

	for (unsigned int n = 0; r == 0 && n < MEET_MAX; n++) {
		if (b->point.size != w->point.size) {
			r = b->point.size < w->point.size ? branch_goes_on(w, b, ret_seen)
							  : kept_goes_on(w, ret_seen);
			continue;
		}
		if (memcmp(b->point.root, w->point.root, sizeof(b->point.root)) == 0) {
			return 0;
		}
		*ret_seen = b->note; /* two of one size: each proves the other false */
		b->note = NULL;
		return WATCH_FORKED;
	}
	if (r == 0) {
		ctl_note(w->ctl, "%s", explain(WATCH_LATER));
	}
	return r == 0 ? WATCH_LATER : trace(r);
}

/* The kept one against the newest; @told, which may be one in between, must lead there too. */
static int check_told(struct watch *w, const char *told, char **ret_seen)
{
	struct branch b = {0};
	uint64_t old = w->point.size;
	int r = verify_note(w, told, &b.point);

	if (r != 0) {
		*ret_seen = strdup(told);
		return trace(r);
	}
	if (strcmp(told, w->note) == 0) {
		return 0;
	}
	b.note = strdup(told);
	r = b.note ? kept_goes_on(w, ret_seen) : fault(-ENOMEM);
	if (r == 0) {
		r = meet(w, &b, ret_seen);
	}
	if (r == 0) {
		tell_growth(w, old);
	}
	free(b.note);
	return trace(r);
}

static enum ctl_exit look_at(struct watch *w, const char *told)
{
	char *seen = NULL;
	int r = check_told(w, told, &seen);
	enum ctl_exit code = settle(w, r, seen);

	free(seen);
	return code;
}

/* The checkpoint that the service has now. */
static enum ctl_exit look_now(struct watch *w)
{
	char *note = NULL;
	int r = get_text(w, "Checkpoint", &note);
	enum ctl_exit code = r == 0 ? look_at(w, note) : settle(w, r, NULL);

	free(note);
	return code;
}

/* -- being told ------------------------------------------------------------------------------ */

static bool on_message(void *user, DBusMessage *m)
{
	_cleanup_json_ json_t *args = NULL;
	struct watch *w = user;
	const char *note;

	if (dbus_message_is_signal(m, "org.freedesktop.DBus", "NameOwnerChanged")) {
		w->came_back = value_args(m, &args) == 0 &&
			       json_string_length(json_array_get(args, 2)) > 0;
		return true;
	}
	if (!dbus_message_is_signal(m, CONN_PROPERTIES, "PropertiesChanged") ||
		!dbus_message_has_path(m, CONN_ROOT) || value_args(m, &args) != 0) {
		return false;
	}
	note = json_get_str(json_array_get(args, 1), "Checkpoint");
	if (!note || json_array_size(w->told) == TOLD_MAX) {
		w->came_back =
			w->came_back || note; /* more than we keep: the newest is enough */
		return true;
	}
	(void)json_array_append_new(w->told, json_string(note));
	return true;
}

static enum ctl_exit look_at_all(struct watch *w)
{
	enum ctl_exit code = CTL_OK;

	if (w->came_back) {
		w->came_back = false;
		code = look_now(w);
	}
	while ((code == CTL_OK || code == CTL_LATER) && json_array_size(w->told) > 0) {
		_cleanup_json_ json_t *note = json_incref(json_array_get(w->told, 0));

		(void)json_array_remove(w->told, 0);
		code = look_at(w, json_string_value(note));
	}
	return code;
}

static enum ctl_exit run(struct watch *w, bool once)
{
	enum ctl_exit code = look_now(w);
	int r = 0;

	if (once) {
		return code;
	}
	if (code == CTL_OK) {
		ctl_note(w->ctl, "%s", _("Watching; Ctrl-C ends."));
	}
	while ((code == CTL_OK || code == CTL_LATER) && r == 0 && !ferror(stdout)) {
		code = look_at_all(w);
		if (code == CTL_OK || code == CTL_LATER) {
			r = conn_turn(&w->ctl->conn, NULL, 0, CONN_FAR);
		}
	}
	if (code != CTL_OK && code != CTL_LATER) {
		return code;
	}
	if (r < 0) {
		return ctl_fault(w->ctl, r);
	}
	return r == CONN_GONE ? CTL_NO_SERVICE : CTL_OK;
}

/* -- the beginning --------------------------------------------------------------------------- */

/* The record's key: the one given, else what the service says, which must fit what was kept. */
static enum ctl_exit take_key(struct watch *w, const struct args *a)
{
	enum ctl_exit code = audit_vkey_option(w->ctl, a, &w->vkey);
	int r = 0;

	if (code == CTL_OK && !w->vkey) {
		r = get_text(w, "RecordKey", &w->vkey);
		code = settle(w, r, NULL);
	}
	return code;
}

/* Nothing was kept: what there is now is the beginning, and that is said. */
static enum ctl_exit begin(struct watch *w)
{
	struct checkpoint point;
	char *note = NULL;
	int r = get_text(w, "Checkpoint", &note);

	if (r == 0) {
		r = verify_note(w, note, &point);
	}
	if (r == 0) {
		r = remember(w, note, &point);
	}
	free(note);
	if (r != 0) {
		return r == WATCH_FORGED ? ctl_wrong(w->ctl, CTL_FALSE, "vitaled", explain(r))
					 : settle(w, r, NULL);
	}
	ctl_note(w->ctl,
		_("Nothing was kept in %s: it begins here, with a checkpoint of %llu entries."),
		w->path, (unsigned long long)point.size);
	return CTL_OK;
}

static enum ctl_exit take_kept(struct watch *w, bool key_given)
{
	_cleanup_(content_done) struct content file = CONTENT_NULL;
	_cleanup_(buf_done) struct buf text = BUF_NULL((size_t)64 * 1024);
	int r;

	if (access(w->path, F_OK) < 0 && errno == ENOENT) {
		return begin(w);
	}
	r = content_file(w->path, &file);
	if (r != 0) {
		return ctl_usage(
			w->ctl, w->path, r < 0 ? strerror(-r) : _("it holds no checkpoint"));
	}
	buf_put_view(&text, content_view(&file));
	w->note = buf_take_str(&text);
	r = w->note ? checkpoint_parse(content_view(&file), &w->point) : 1;
	if (r != 0) {
		return r < 0 ? ctl_fault(w->ctl, r)
			     : ctl_usage(w->ctl, w->path, _("it holds no checkpoint"));
	}
	r = verify_note(w, w->note, &w->point);
	if (r == WATCH_FORGED && key_given) {
		return ctl_usage(w->ctl, w->path, _("it is not signed by the key given"));
	}
	return settle(w, r, w->vkey);
}

enum ctl_exit audit_run_watch(struct ctl *ctl, const struct args *a)
{
	struct watch w = {
		.ctl = ctl, .path = args_value(a, "checkpoint"), .told = json_array()};
	enum ctl_exit code;

	if (!w.path) {
		json_decref(w.told);
		return ctl_usage(ctl, "audit watch", _("--checkpoint FILE is needed"));
	}
	code = w.told ? ctl_connect(ctl, on_message, &w) : ctl_fault(ctl, fault(-ENOMEM));
	if (code == CTL_OK) {
		code = take_key(&w, a);
		if (code == CTL_OK) {
			code = take_kept(&w, args_flag(a, "vkey"));
		}
		if (code == CTL_OK) {
			code = run(&w, args_flag(a, "once"));
		}
		conn_close(&ctl->conn);
	}
	json_decref(w.told);
	free(w.vkey);
	free(w.note);
	return code;
}
