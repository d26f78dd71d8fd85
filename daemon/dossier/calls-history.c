/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * What the record tells of a patient: History, and history.json of an Export. A record may hold tens of
 * thousands of entries about somebody, so they are gathered in steps, one a turn of the loop; between
 * two of them everything else goes on, and the call may end. Before each step rights decide anew, so
 * who may see less meanwhile is given less: it begins again. Entries that come meanwhile are not in it.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "daemon/dossier/call.h"
#include "daemon/limits.h"

/* LIMIT_EXPORT_HISTORY of the largest entries that the record takes */
#define TEXT_MAX ((size_t)128 * 1024 * 1024)

struct call_history {
	struct call *call;
	sd_event_source *turn;
	struct record_history said;
};

struct call_history *call_history_free(struct call_history *h)
{
	if (!h) {
		return NULL;
	}
	sd_event_source_disable_unref(h->turn);
	buf_done(&h->said.text);
	free(h);
	return NULL;
}

static void begin(struct call_history *h, bool own)
{
	buf_done(&h->said.text);
	h->said = (struct record_history){.own = own,
		.hidden = h->call->hidden,
		.limit = h->call->n_history,
		.text = BUF_NULL(TEXT_MAX)};
}

/* All of it is there. */
static void give_out(struct call *c)
{
	struct buf *text = &c->history->said.text;
	bool export = c->kind == CALL_EXPORT;
	struct stat st;

	buf_put_str(text, "]");
	if (buf_check(text) < 0 || json_memfd_text(buf_view(text), "vitaled-history",
					   &c->fds[export ? 1 : 0]) != 0) {
		call_finish(c, VITALED_REASON_FAILED);
		return;
	}
	c->history = call_history_free(c->history);
	if (export) {
		call_send_ids(c);
	} else if (fstat(c->fds[0], &st) < 0 || st.st_size > (off_t)LIMIT_JSON_FD) {
		call_finish(c, VITALED_REASON_LIMITS_EXCEEDED);
	} else {
		call_succeed(c);
	}
}

/* By the role in which it is allowed, which is less than what the dossier says of them in an
 * occupational service, or with a card that counts for less; the patient sees all. */
static bool sees_all(const struct call *c, const char *rule)
{
	return strcmp(rule, "treating-doctor") == 0 ||
	       session_mode(c->d->session) == SESSION_MODE_PATIENT;
}

static void step(struct call *c)
{
	struct call_history *h = c->history;
	const char *rule;
	bool more;

	if (call_decide(c, c->action, NULL, &rule) != RIGHTS_ALLOW) {
		call_denied(c, rule);
		return;
	}
	if (h->said.own == sees_all(c, rule)) {
		begin(h, !sees_all(c, rule));
	}
	if (record_history_step(c->d, &h->said, &more) < 0) {
		call_unrecorded(c);
	} else if (!more) {
		give_out(c);
	} else if (sd_event_source_set_enabled(h->turn, SD_EVENT_ONESHOT) < 0) {
		call_finish(c, VITALED_REASON_FAILED);
	}
}

static int on_turn(sd_event_source *src, void *user)
{
	(void)src;
	step(user);
	return 0;
}

void call_gather_history(struct call *c)
{
	struct call_history *h = calloc(1, sizeof(*h));
	int r;

	if (!h) {
		call_finish(c, VITALED_REASON_FAILED);
		return;
	}
	c->history = h;
	h->call = c;
	begin(h, false);
	r = sd_event_add_defer(c->d->all->ev, &h->turn, on_turn, c);
	if (r >= 0) {
		r = sd_event_source_set_enabled(h->turn, SD_EVENT_OFF);
	}
	if (r < 0) {
		call_finish(c, VITALED_REASON_FAILED);
		return;
	}
	step(c); /* mostly the only one */
}

/* The patient is told nothing of documents that they may not see yet: which those are say the rows. */
void call_run_history(struct call *c)
{
	int64_t limit = LIMIT_HISTORY;

	if (json_object_get(c->filter, "limit") &&
		json_get_int(c->filter, "limit", 1, LIMIT_HISTORY, &limit) != 0) {
		c->rule = "limit";
		call_finish(c, VITALED_REASON_INVALID_ARGUMENT);
		return;
	}
	c->n_history = (unsigned int)limit;
	if (session_mode(c->d->session) != SESSION_MODE_PATIENT ||
		c->d->state == DOSSIER_STATE_ABSENT) {
		call_gather_history(c);
		return;
	}
	json_decref(c->filter);
	c->filter = json_pack("{s:s}", "status", "all");
	c->hidden = json_object();
	call_run_rows(c);
}
