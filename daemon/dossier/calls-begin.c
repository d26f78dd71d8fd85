/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * The calls about documents as they come in: arguments are looked at, and what is whole waits for its
 * turn (calls.c). Descriptors are duplicated: they are the caller's.
 */
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "daemon/dossier/call.h"
#include "daemon/limits.h"

void dossier_create(struct session *s, dossier_done_fn done, void *user)
{
	struct call *c = call_begin(s, CALL_CREATE, RIGHTS_ACTION_CREATE, done, user);

	if (c) {
		call_enqueue(c);
	}
}

/* -- queries ------------------------------------------------------------------------------------ */

/* jansson wants an object that it could change. */
static json_t *for_reading(const json_t *object)
{
	union {
		const json_t *in;
		json_t *out;
	} u = {.in = object};

	return u.out;
}

/* Members that only the broker itself asks by are no one else's. */
static bool filter_is_public(const json_t *filter)
{
	return !json_object_get(filter, "id") && !json_object_get(filter, "entry");
}

/* How many rows are wanted is counted here: the process does not know which may be shown. Return:
 * whether it is a number that there may be. */
static bool take_limit(struct call *c)
{
	int64_t most = 0;

	if (c->kind != CALL_LIST || !json_object_get(c->filter, "limit")) {
		return true;
	}
	if (json_get_int(c->filter, "limit", 1, LIMIT_LIST_ASKED, &most) != 0) {
		return false;
	}
	c->most = (size_t)most;
	return json_object_del(c->filter, "limit") == 0;
}

static void begin_filtered(struct session *s, enum call_kind kind, enum rights_action action,
	const json_t *filter, dossier_done_fn done, void *user)
{
	struct call *c = call_begin(s, kind, action, done, user);

	if (!c) {
		return;
	}
	if (filter && (!json_is_object(filter) || !filter_is_public(filter))) {
		call_drop(c, VITALED_REASON_INVALID_ARGUMENT, "filter");
		return;
	}
	c->filter = json_object();
	/* its values are shared: nobody changes them. jansson reads @filter only. */
	if (!c->filter || (filter && json_object_update(c->filter, for_reading(filter)) < 0)) {
		call_drop(c, VITALED_REASON_FAILED, NULL);
		return;
	}
	if (!take_limit(c)) {
		call_drop(c, VITALED_REASON_INVALID_ARGUMENT, "limit");
		return;
	}
	call_enqueue(c);
}

void dossier_summary(struct session *s, dossier_done_fn done, void *user)
{
	begin_filtered(s, CALL_SUMMARY, RIGHTS_ACTION_SUMMARY, NULL, done, user);
}

void dossier_list(struct session *s, const json_t *filter, dossier_done_fn done, void *user)
{
	begin_filtered(s, CALL_LIST, RIGHTS_ACTION_LIST, filter, done, user);
}

void dossier_history(struct session *s, const json_t *filter, dossier_done_fn done, void *user)
{
	begin_filtered(s, CALL_HISTORY, RIGHTS_ACTION_HISTORY, filter, done, user);
}

/* -- one document ------------------------------------------------------------------------------- */

/* Ids are ours: 36 characters of lower case hex and hyphens, or no document has it. */
static bool take_id(struct call *c, const char *id)
{
	return strlen(id) == sizeof(c->id) - 1 &&
	       strspn(id, "0123456789abcdef-") == strlen(id) &&
	       view_copy_str(view_str(id), c->id, sizeof(c->id)) == 0;
}

/* A call on the document @id. NULL: refused, and told. */
static struct call *begin_document(struct session *s, enum call_kind kind,
	enum rights_action action, const char *id, dossier_done_fn done, void *user)
{
	struct call *c = call_begin(s, kind, action, done, user);

	if (c && !take_id(c, id)) {
		call_drop(c, VITALED_REASON_NO_SUCH_DOCUMENT, NULL);
		return NULL;
	}
	return c;
}

void dossier_read(struct session *s, const char *id, dossier_done_fn done, void *user)
{
	struct call *c = begin_document(s, CALL_READ, RIGHTS_ACTION_READ, id, done, user);

	if (c) {
		call_enqueue(c);
	}
}

/* A change whose entries have @details, taken. */
static void enqueue_with(struct call *c, json_t *details)
{
	c->details = details;
	if (!details) {
		call_drop(c, VITALED_REASON_FAILED, NULL);
		return;
	}
	call_enqueue(c);
}

enum rights_action call_flag_action(unsigned int flag, bool on)
{
	if (flag == RIGHTS_FLAG_MASQUE_PS) {
		return on ? RIGHTS_ACTION_MASK : RIGHTS_ACTION_UNMASK;
	}
	if (flag == RIGHTS_FLAG_INVISIBLE_PATIENT) {
		return on ? RIGHTS_ACTION_HIDE_PATIENT : RIGHTS_ACTION_SHOW_PATIENT;
	}
	return on ? RIGHTS_ACTION_HIDE_REPRESENTATIVES : RIGHTS_ACTION_SHOW_REPRESENTATIVES;
}

void dossier_set_visibility(struct session *s, const char *id, const char *flag, bool on,
	dossier_done_fn done, void *user)
{
	unsigned int bit = rights_flag_of(flag);
	struct call *c = call_begin(s, CALL_FLAG, call_flag_action(bit, on), done, user);

	if (!c) {
		return;
	}
	if (bit == 0) {
		call_drop(c, VITALED_REASON_INVALID_ARGUMENT, "flag");
		return;
	}
	if (!take_id(c, id)) {
		call_drop(c, VITALED_REASON_NO_SUCH_DOCUMENT, NULL);
		return;
	}
	c->word = rights_flag_word((enum rights_flag)bit);
	c->on = on;
	enqueue_with(c, json_pack("{s:s,s:b}", "flag", c->word, "on", on));
}

void dossier_archive(
	struct session *s, const char *id, bool on, dossier_done_fn done, void *user)
{
	struct call *c = begin_document(s, CALL_ARCHIVE,
		on ? RIGHTS_ACTION_ARCHIVE : RIGHTS_ACTION_UNARCHIVE, id, done, user);

	if (c) {
		c->word = on ? "archived" : "active";
		enqueue_with(c, json_pack("{s:b}", "on", on));
	}
}

void dossier_delete(struct session *s, const char *id, dossier_done_fn done, void *user)
{
	struct call *c = begin_document(s, CALL_DELETE, RIGHTS_ACTION_DELETE, id, done, user);

	if (c) {
		c->word = "deleted";
		call_enqueue(c);
	}
}

/* -- contents ----------------------------------------------------------------------------------- */

static bool is_pipe(int fd)
{
	struct stat st;
	int flags = fcntl(fd, F_GETFL);

	return flags >= 0 && (flags & O_ACCMODE) == O_RDONLY && fstat(fd, &st) == 0 &&
	       S_ISFIFO(st.st_mode);
}

static bool is_sealed(int fd)
{
	int seals = fcntl(fd, F_GET_SEALS);
	int wanted = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE;

	return seals >= 0 && (seals & wanted) == wanted;
}

enum rights_action call_add_action(const struct session *s)
{
	return session_mode(s) == SESSION_MODE_PATIENT ? RIGHTS_ACTION_NOTES
						       : RIGHTS_ACTION_ADD;
}

static void enqueue_content(struct call *c, int content, int metadata)
{
	if (!is_pipe(content) || !is_sealed(metadata)) {
		call_drop(c, VITALED_REASON_INVALID_ARGUMENT,
			is_pipe(content) ? "metadata" : "content");
		return;
	}
	c->fds[0] = fcntl(content, F_DUPFD_CLOEXEC, 3);
	c->fds[1] = fcntl(metadata, F_DUPFD_CLOEXEC, 3);
	if (c->fds[0] < 0 || c->fds[1] < 0) {
		call_drop(c, VITALED_REASON_FAILED, NULL);
		return;
	}
	call_enqueue(c);
}

void dossier_add(struct session *s, int content, int metadata, dossier_done_fn done, void *user)
{
	struct call *c = call_begin(s, CALL_ADD, call_add_action(s), done, user);

	if (c) {
		enqueue_content(c, content, metadata);
	}
}

void dossier_replace(struct session *s, const char *id, int content, int metadata,
	dossier_done_fn done, void *user)
{
	struct call *c = begin_document(s, CALL_REPLACE, RIGHTS_ACTION_REPLACE, id, done, user);

	if (c) {
		enqueue_content(c, content, metadata);
	}
}
