/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * Operations on the dossier as a whole: closing and reopening it, which the people record says, and
 * handing out everything.
 */
#include <errno.h>
#include <string.h>

#include "daemon/dossier/store/ops.h"

/* An act of this @word on the people record, and with it the dossier's state. */
static int apply(
	struct host *h, struct link_frame *request, const char *word, struct host_answer *a)
{
	_cleanup_json_ json_t *act = NULL;
	const char *said;
	int r;

	r = ops_get_json(request, LINK_TAG_FACTS, &act);
	if (r < 0) {
		return trace(r);
	}
	said = json_get_str(act, "act");
	if (!said || strcmp(said, word) != 0) {
		return fault(-EBADMSG);
	}
	return trace(ops_apply_people(h, act, a));
}

int ops_close(struct host *h, struct link_frame *request, struct host_answer *a)
{
	return trace(apply(h, request, "close", a));
}

int ops_reopen(struct host *h, struct link_frame *request, struct host_answer *a)
{
	return trace(apply(h, request, "reopen", a));
}

/* The ids of all pages, and the history that came with the last. One at a time. */
int ops_export(struct host *h, struct link_frame *request, struct host_answer *a)
{
	json_t *ids;
	bool last;
	int history;
	int r;

	if (h->export.fd >= 0) {
		return DOSSIER_TOO_LARGE;
	}
	r = ops_release(h, request, STORE_DOCUMENTS, &last);
	if (r != 0 || !last) {
		return trace(r);
	}
	ids = h->released;
	h->released = NULL;
	history = request->n_fds == 1 ? request->fds[0] : -1;
	if (history < 0) {
		json_decref(ids);
		return fault(-EBADMSG);
	}
	request->fds[0] = -1;
	r = export_start(&h->export, &h->store, ids, history, &a->fds[0]);
	if (r == 0) {
		a->n_fds = 1;
	}
	return trace(r);
}
