/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * Operations that show documents: only those whose ids the broker names. Ids may come in pages; what
 * is released is forgotten with the answer, whatever it was.
 */
#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/tlv.h"
#include "daemon/dossier/store/ops.h"
#include "daemon/dossier/store/summary.h"
#include "daemon/limits.h"

int ops_release(struct host *h, const struct link_frame *request, size_t most, bool *ret_last)
{
	_cleanup_json_ json_t *ids = NULL;
	int r;

	r = ops_get_json(request, LINK_TAG_IDS, &ids);
	if (r < 0) {
		return trace(r);
	}
	if (!json_is_array(ids)) {
		return fault(-EBADMSG);
	}
	h->released = h->released ? h->released : json_array();
	if (json_array_extend(h->released, ids) < 0) {
		return fault(-ENOMEM);
	}
	*ret_last = !ops_get_flag(request, LINK_TAG_VALUE);
	if (json_array_size(h->released) > most) {
		json_put(&h->released);
		return DOSSIER_TOO_LARGE;
	}
	return 0;
}

/* @j as a sealed memfd in the answer. Return: 0, a fault or DOSSIER_TOO_LARGE. */
static int put_memfd(struct host_answer *a, const json_t *j, const char *name)
{
	struct stat st;
	int fd;
	int r;

	r = json_memfd(j, name, &fd);
	if (r != 0) {
		return r > 0 ? DOSSIER_DAMAGED : trace(r);
	}
	if (fstat(fd, &st) < 0 || st.st_size > (off_t)LIMIT_JSON_FD) {
		close(fd);
		return DOSSIER_TOO_LARGE;
	}
	a->fds[a->n_fds++] = fd;
	return 0;
}

static int load_item(struct host *h, const json_t *id, json_t **ret)
{
	_cleanup_(store_document_done) struct store_document d = STORE_DOCUMENT_NULL;
	_cleanup_json_ json_t *record = NULL;
	const char *text = json_string_value(id);
	int r;

	r = text ? ops_load_record(h, text, &d, &record) : fault(-EBADMSG);
	return r != 0 ? trace(r) : trace(document_item(record, d.id, d.version, ret));
}

/* In the order of release, which is that of the rows. */
static int load_items(struct host *h, json_t *list)
{
	json_t *id;
	size_t i;
	int r = 0;

	json_array_foreach(h->released, i, id)
	{
		json_t *item;

		r = load_item(h, id, &item);
		if (r == 0 && json_array_append_new(list, item) < 0) {
			r = fault(-ENOMEM);
		}
		if (r != 0) {
			break;
		}
	}
	return trace(r);
}

int ops_list(struct host *h, struct link_frame *request, struct host_answer *a)
{
	_cleanup_json_ json_t *list = json_array();
	bool last;
	int r;

	r = ops_release(h, request, LIMIT_LIST, &last);
	if (r != 0 || !last) {
		return trace(r);
	}
	r = load_items(h, list);
	json_put(&h->released);
	return r != 0 ? trace(r) : trace(put_memfd(a, list, "vitaled-list"));
}

static int load_records(struct host *h, json_t **records, char (*ids)[STORE_ID + 1])
{
	int r = 0;

	for (size_t i = 0; i < json_array_size(h->released) && r == 0; i++) {
		_cleanup_(store_document_done) struct store_document d = STORE_DOCUMENT_NULL;
		const char *id = json_string_value(json_array_get(h->released, i));

		r = id ? ops_load_record(h, id, &d, &records[i]) : fault(-EBADMSG);
		if (r == 0) {
			bytes_copy(ids[i], STORE_ID + 1, d.id, sizeof(d.id));
		}
	}
	return trace(r);
}

static int summarise(struct host *h, json_t **ret)
{
	_cleanup_json_ json_t *people = NULL;
	size_t n = json_array_size(h->released);
	json_t **records = calloc(n + 1, sizeof(json_t *));
	char(*ids)[STORE_ID + 1] = calloc(n + 1, sizeof(*ids));
	char today[28];
	int r;

	clock_rfc3339(clock_wall(), today);
	today[10] = '\0';
	r = records && ids ? ops_load_people(h, &people) : fault(-ENOMEM);
	if (r == 0) {
		r = load_records(h, records, ids);
	}
	if (r == 0) {
		r = summary_make(
			records, (const char(*)[STORE_ID + 1]) ids, n, people, today, ret);
	}
	for (size_t i = 0; records && i < n; i++) {
		json_decref(records[i]);
	}
	free(records);
	free(ids);
	return trace(r);
}

int ops_summary(struct host *h, struct link_frame *request, struct host_answer *a)
{
	_cleanup_json_ json_t *summary = NULL;
	bool last;
	int r;

	r = ops_release(h, request, LIMIT_LIST, &last);
	if (r != 0 || !last) {
		return trace(r);
	}
	r = summarise(h, &summary);
	json_put(&h->released);
	return r != 0 ? trace(r) : trace(put_memfd(a, summary, "vitaled-summary"));
}

static struct outflow *free_outflow(struct host *h)
{
	for (size_t i = 0; i < HOST_OUTFLOWS; i++) {
		if (h->out[i].fd < 0) {
			return &h->out[i];
		}
	}
	return NULL;
}

int ops_read(struct host *h, struct link_frame *request, struct host_answer *a)
{
	_cleanup_(store_document_done) struct store_document d = STORE_DOCUMENT_NULL;
	_cleanup_json_ json_t *record = NULL;
	_cleanup_json_ json_t *facts = NULL;
	struct outflow *out = free_outflow(h);
	char id[STORE_ID + 1];
	int r;

	r = ops_get_str(request, LINK_TAG_ID, id, sizeof(id));
	if (r == 0) {
		r = ops_load_record(h, id, &d, &record);
	}
	if (r == 0 && document_is(record, "deleted")) {
		r = DOSSIER_NO_DOCUMENT;
	}
	if (r == 0) {
		r = document_facts(record, d.id, d.version, &facts);
	}
	if (r == 0) {
		r = out ? outflow_start(out, &h->store, &d, record, &a->fds[0])
			: DOSSIER_TOO_LARGE;
	}
	if (r != 0) {
		return trace(r);
	}
	a->n_fds = 1;
	r = put_memfd(a, facts, "vitaled-facts");
	if (r != 0) {
		outflow_done(out);
	}
	return trace(r);
}
