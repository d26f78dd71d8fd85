/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * The operations. Which document may be shown to whom is not known here: the broker has rows, decides,
 * and names the ids that are released. Before the second key nothing but state and people facts is
 * answered, whatever is asked.
 */
#include "daemon/dossier/store/ops.h"

#include <errno.h>

#include "base/tlv.h"
#include "daemon/dossier/store/people.h"

/* -- requests -------------------------------------------------------------------------------- */

/* The broker is trusted: what is missing or malformed is a bug of ours, and a fault. */
int ops_get_view(const struct link_frame *request, uint32_t tag, struct view *ret)
{
	struct tlv t;

	if (tlv_find(request->body, tag, &t) != 0) {
		return fault(-EBADMSG);
	}
	*ret = t.value;
	return 0;
}

int ops_get_json(const struct link_frame *request, uint32_t tag, json_t **ret)
{
	struct view text;
	int r;

	r = ops_get_view(request, tag, &text);
	if (r < 0) {
		return trace(r);
	}
	r = json_parse(text, ret);
	return r > 0 ? fault(-EBADMSG) : trace(r);
}

int ops_get_str(const struct link_frame *request, uint32_t tag, char *ret, size_t size)
{
	return tlv_find_str(request->body, tag, ret, size) != 0 ? fault(-EBADMSG) : 0;
}

bool ops_get_flag(const struct link_frame *request, uint32_t tag)
{
	uint8_t v;

	return tlv_find_u8(request->body, tag, &v) == 0 && v == 1;
}

int ops_advise(struct host_answer *a, int outcome, const char *member)
{
	tlv_put_str(&a->body, LINK_TAG_ADVICE, member);
	return outcome;
}

void ops_put_state(const struct host *h, struct buf *body)
{
	tlv_put_u64(body, LINK_TAG_VERSION, h->store.version);
	tlv_put(body, LINK_TAG_HASH, VIEW(h->store.hash));
}

/* -- opening --------------------------------------------------------------------------------- */

static int op_open(struct host *h, struct link_frame *request, struct host_answer *a)
{
	char folder[1024];
	char pseudonym[STORE_PSEUDONYM + 1];
	int r;

	r = ops_get_str(request, LINK_TAG_FOLDER, folder, sizeof(folder));
	if (r == 0) {
		r = ops_get_str(request, LINK_TAG_PSEUDONYM, pseudonym, sizeof(pseudonym));
	}
	if (r == 0) {
		r = store_open(
			&h->store, folder, pseudonym, ops_get_flag(request, LINK_TAG_VALUE));
	}
	if (r == 0) {
		r = h->confine();
	}
	if (r == 0) {
		r = store_load(&h->store);
	}
	if (r != 0) {
		return trace(r);
	}
	h->stage = HOST_STAGE_OPENED;
	tlv_put_u8(&a->body, LINK_TAG_STATE, (uint8_t)h->store.state);
	ops_put_state(h, &a->body);
	tlv_put(&a->body, LINK_TAG_DATA, VIEW(h->store.previous));
	return 0;
}

int ops_commit(struct host *h, int r)
{
	if (r != 0) {
		store_rollback(&h->store);
		return trace(r);
	}
	return trace(store_commit(&h->store));
}

/* -- people ------------------------------------------------------------------------------------- */

/* "{}" of a dossier that is not there. */
static int load_people(struct host *h, struct view key, json_t **ret)
{
	_cleanup_(buf_done) struct buf text = BUF_NULL(STORE_RECORD);
	int r;

	if (h->store.state == DOSSIER_STATE_ABSENT) {
		*ret = json_object();
		return *ret ? 0 : fault(-ENOMEM);
	}
	r = store_read_people(&h->store, key, &text);
	return r != 0 ? trace(r) : trace(people_parse(buf_view(&text), ret));
}

int ops_load_people(struct host *h, json_t **ret)
{
	return trace(load_people(h, view_of(h->store.people.data, SEAL_KEY), ret));
}

/* As the broker is told it. */
static int put_people(json_t *people, struct buf *body)
{
	_cleanup_(buf_done) struct buf text = BUF_NULL(STORE_RECORD);
	_cleanup_json_ json_t *told = NULL;
	int r;

	r = people_told(people, &told);
	if (r == 0) {
		r = json_canonical(told, &text);
	}
	if (r != 0) {
		return r > 0 ? DOSSIER_DAMAGED : trace(r);
	}
	tlv_put(body, LINK_TAG_PEOPLE, buf_view(&text));
	return 0;
}

/* It opens the people record and nothing else; until the dossier's key has come. */
static int keep_people_key(struct host *h, struct view key)
{
	int r;

	if (key.len != SEAL_KEY) {
		return fault(-EBADMSG);
	}
	r = secret_new(&h->store.people, SEAL_KEY);
	if (r < 0) {
		return trace(r);
	}
	bytes_copy(h->store.people.data, h->store.people.size, key.data, key.len);
	h->store.people.len = key.len;
	return 0;
}

static int op_key(struct host *h, struct link_frame *request, struct host_answer *a)
{
	_cleanup_json_ json_t *people = NULL;
	struct view key;
	int r;

	r = ops_get_view(request, LINK_TAG_KEY, &key);
	if (r < 0) {
		return trace(r);
	}
	if (h->stage == HOST_STAGE_OPENED) {
		r = load_people(h, key, &people);
		if (r == 0) {
			r = keep_people_key(h, key);
		}
	} else {
		r = store_grant(&h->store, key);
		if (r == 0) {
			r = ops_load_people(h, &people);
		}
	}
	if (r == 0) {
		r = put_people(people, &a->body);
	}
	if (r == 0) {
		h->stage =
			h->stage == HOST_STAGE_OPENED ? HOST_STAGE_PEOPLE : HOST_STAGE_GRANTED;
	}
	return trace(r);
}

/* The record of a new dossier, as text. */
static int new_people(const struct link_frame *request, struct buf *out)
{
	_cleanup_json_ json_t *author = NULL;
	_cleanup_json_ json_t *people = NULL;
	int r;

	r = ops_get_json(request, LINK_TAG_FACTS, &author);
	if (r == 0) {
		r = people_new(author, &people);
	}
	if (r == 0) {
		r = json_canonical(people, out);
	}
	return r > 0 ? fault(-EINVAL) : trace(r);
}

static int op_create(struct host *h, struct link_frame *request, struct host_answer *a)
{
	_cleanup_(buf_done) struct buf people = BUF_NULL(STORE_RECORD);
	int r;

	if (!h->store.db) {
		return DOSSIER_WRONG_STATE;
	}
	r = new_people(request, &people);
	if (r == 0) {
		r = store_begin(&h->store);
	}
	if (r != 0) {
		return trace(r);
	}
	r = ops_commit(h, store_create(&h->store, buf_view(&people)));
	if (r == 0) {
		ops_put_state(h, &a->body);
	}
	return trace(r);
}

/* What the record says is what the dossier is. */
static int write_people(struct host *h, const json_t *people)
{
	_cleanup_(buf_done) struct buf text = BUF_NULL(STORE_RECORD);
	int r;

	r = json_canonical(people, &text);
	if (r != 0) {
		return r > 0 ? fault(-EINVAL) : trace(r);
	}
	r = store_begin(&h->store);
	if (r != 0) {
		return trace(r);
	}
	h->store.becoming = json_is_object(json_object_get(people, "closed"))
				    ? DOSSIER_STATE_CLOSED
				    : DOSSIER_STATE_OPEN;
	return trace(ops_commit(h, store_put_people(&h->store, buf_view(&text))));
}

int ops_apply_people(struct host *h, const json_t *act, struct host_answer *a)
{
	_cleanup_json_ json_t *people = NULL;
	bool changed = false;
	int r;

	r = ops_load_people(h, &people);
	if (r == 0) {
		r = people_apply(people, act, &changed);
	}
	if (r == 0 && changed) {
		r = write_people(h, people);
	}
	if (r == 0) {
		r = put_people(people, &a->body);
	}
	if (r == 0) {
		ops_put_state(h, &a->body);
	}
	return trace(r);
}

static int op_people(struct host *h, struct link_frame *request, struct host_answer *a)
{
	_cleanup_json_ json_t *act = NULL;
	int r;

	r = ops_get_json(request, LINK_TAG_FACTS, &act);
	return r < 0 ? trace(r) : trace(ops_apply_people(h, act, a));
}

/* -- documents ------------------------------------------------------------------------------------ */

int ops_load_record(
	struct host *h, const char *id, struct store_document *d, json_t **ret_record)
{
	int r;

	if (!store_id_valid(id)) {
		return DOSSIER_NO_DOCUMENT;
	}
	r = store_get(&h->store, id, d);
	return r != 0 ? trace(r) : trace(document_parse(buf_view(&d->record), ret_record));
}

/* -- which ----------------------------------------------------------------------------------- */

#define THERE (-1) /* open or closed */

static const struct {
	int (*serve)(struct host *h, struct link_frame *request, struct host_answer *a);
	enum dossier_op op;
	enum host_stage from; /* least and last stage that it is for */
	enum host_stage to;
	int state; /* enum dossier_state, THERE, or 0: any */
} ops[] = {
	{op_open, DOSSIER_OP_OPEN, HOST_STAGE_START, HOST_STAGE_START, 0},
	{op_key, DOSSIER_OP_KEY, HOST_STAGE_OPENED, HOST_STAGE_PEOPLE, 0},
	{op_create, DOSSIER_OP_CREATE, HOST_STAGE_GRANTED, HOST_STAGE_GRANTED,
		DOSSIER_STATE_ABSENT},
	{ops_rows, DOSSIER_OP_ROWS, HOST_STAGE_GRANTED, HOST_STAGE_GRANTED, THERE},
	{ops_list, DOSSIER_OP_LIST, HOST_STAGE_GRANTED, HOST_STAGE_GRANTED, DOSSIER_STATE_OPEN},
	{ops_summary, DOSSIER_OP_SUMMARY, HOST_STAGE_GRANTED, HOST_STAGE_GRANTED,
		DOSSIER_STATE_OPEN},
	{ops_read, DOSSIER_OP_READ, HOST_STAGE_GRANTED, HOST_STAGE_GRANTED, DOSSIER_STATE_OPEN},
	{ops_add, DOSSIER_OP_ADD, HOST_STAGE_GRANTED, HOST_STAGE_GRANTED, DOSSIER_STATE_OPEN},
	{ops_flag, DOSSIER_OP_FLAG, HOST_STAGE_GRANTED, HOST_STAGE_GRANTED, DOSSIER_STATE_OPEN},
	{ops_weigh, DOSSIER_OP_WEIGH, HOST_STAGE_GRANTED, HOST_STAGE_GRANTED,
		DOSSIER_STATE_OPEN},
	{ops_replace, DOSSIER_OP_REPLACE, HOST_STAGE_GRANTED, HOST_STAGE_GRANTED,
		DOSSIER_STATE_OPEN},
	{ops_status, DOSSIER_OP_STATUS, HOST_STAGE_GRANTED, HOST_STAGE_GRANTED,
		DOSSIER_STATE_OPEN},
	{ops_import, DOSSIER_OP_IMPORT, HOST_STAGE_GRANTED, HOST_STAGE_GRANTED,
		DOSSIER_STATE_OPEN},
	{op_people, DOSSIER_OP_PEOPLE, HOST_STAGE_GRANTED, HOST_STAGE_GRANTED,
		DOSSIER_STATE_OPEN},
	{ops_code, DOSSIER_OP_CODE, HOST_STAGE_PEOPLE, HOST_STAGE_GRANTED, 0},
	{ops_set_code, DOSSIER_OP_SET_CODE, HOST_STAGE_GRANTED, HOST_STAGE_GRANTED,
		DOSSIER_STATE_OPEN},
	{ops_issue_code, DOSSIER_OP_ISSUE_CODE, HOST_STAGE_GRANTED, HOST_STAGE_GRANTED,
		DOSSIER_STATE_OPEN},
	{ops_close, DOSSIER_OP_CLOSE, HOST_STAGE_GRANTED, HOST_STAGE_GRANTED,
		DOSSIER_STATE_OPEN},
	{ops_reopen, DOSSIER_OP_REOPEN, HOST_STAGE_GRANTED, HOST_STAGE_GRANTED,
		DOSSIER_STATE_CLOSED},
	{ops_export, DOSSIER_OP_EXPORT, HOST_STAGE_GRANTED, HOST_STAGE_GRANTED, THERE},
};

static bool is_for(const struct host *h, int state)
{
	if (state == THERE) {
		return h->store.state != DOSSIER_STATE_ABSENT;
	}
	return state == 0 || state == (int)h->store.state;
}

int ops_serve(struct host *h, struct link_frame *request, struct host_answer *a)
{
	int r;

	for (size_t i = 0; i < ARRAY_LEN(ops); i++) {
		if (ops[i].op != request->op) {
			continue;
		}
		if (h->stage < ops[i].from || h->stage > ops[i].to ||
			!is_for(h, ops[i].state)) {
			return DOSSIER_WRONG_STATE;
		}
		r = store_settle(&h->store);
		return r != 0 ? trace(r) : trace(ops[i].serve(h, request, a));
	}
	return fault(-EBADMSG);
}
