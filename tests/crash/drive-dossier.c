/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * One dossier of drive.h: its process is a fork that serves the link as vitaled-dossier does,
 * without the filter, and like that one never closes its file: it is killed, or ends with the link.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/hex.h"
#include "base/tlv.h"
#include "daemon/dossier/files.h"
#include "daemon/dossier/store/host.h"
#include "daemon/limits.h"
#include "tests/crash/drive.h"

#define AUTHOR "{\"id\":\"899700000001\",\"kind\":\"professional\"}"

static int no_filter(void)
{
	return 0;
}

__attribute__((noreturn)) static void serve(int link)
{
	struct host h;
	int r = 0;

	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	host_init(&h, link, no_filter);
	while (r == 0)
		r = host_turn(&h);
	_exit(r < 0);
}

static void spawn(struct person *p)
{
	int ends[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
		die("no socketpair");
	(void)fflush(stdout);
	p->pid = fork();
	if (p->pid < 0)
		die("no fork");
	if (p->pid == 0) {
		(void)close(ends[0]);
		serve(ends[1]);
	}
	(void)close(ends[1]);
	p->link = ends[0];
}

static void feed_all(int fd, struct view content)
{
	while (content.len > 0) {
		ssize_t n = write(fd, content.data, content.len);

		if (n <= 0)
			break; /* refused: nobody reads any more */
		content = view_last(content, content.len - (size_t)n);
	}
	(void)close(fd);
}

int person_ask(struct person *p, enum dossier_op op, struct buf *body, const int *fds,
	size_t n_fds, struct view content, int feed)
{
	struct link_frame f = LINK_FRAME_NULL;
	int r;

	f.kind = LINK_KIND_REQUEST;
	f.op = (uint8_t)op;
	f.seq = ++p->seq;
	f.body = buf_view(body);
	f.n_fds = n_fds;
	for (size_t i = 0; i < n_fds; i++)
		f.fds[i] = fds[i];
	r = link_send(p->link, &f, false);
	for (size_t i = 0; i < n_fds; i++)
		(void)close(fds[i]);
	if (feed >= 0)
		feed_all(feed, content);
	link_frame_done(&p->answer);
	while (r == 0) {
		r = link_recv(p->link, &p->storage, &p->answer, false);
		if (r != 0 || p->answer.kind != LINK_KIND_EVENT)
			break;
		link_frame_done(&p->answer); /* a content that was read has come to its end */
	}
	return r == 0 && p->answer.kind == LINK_KIND_ANSWER ? p->answer.outcome : -1;
}

static const char *word(int outcome)
{
	switch (outcome) {
	case DOSSIER_DONE:
		return NULL;
	case DOSSIER_FULL:
		return "store full";
	case DOSSIER_FAULT:
		return "store fault";
	case -1:
		return "store gone";
	default:
		die("a dossier's process answers %d", outcome);
	}
}

static void take_state(struct person *p)
{
	struct tlv hash;

	if (tlv_find_u64(p->answer.body, LINK_TAG_VERSION, &p->version) != 0 ||
		tlv_find(p->answer.body, LINK_TAG_HASH, &hash) != 0 ||
		view_copy(hash.value, p->hash, SEAL_HASH) != 0)
		die("no state in an answer");
}

/* -- opening ------------------------------------------------------------------------------------ */

static void say_people(struct person *p)
{
	char hex[2 * SEAL_HASH + 1];
	struct tlv people;

	if (tlv_find(p->answer.body, LINK_TAG_PEOPLE, &people) != 0)
		die("no people in an answer");
	say("+ people/%.2s %s", p->pseudonym, person_sha(people.value, hex));
}

static const char *open_file(struct person *p, bool make)
{
	_cleanup_(buf_done) struct buf body = BUF_NULL(4096);
	struct tlv previous;
	const char *why;

	tlv_put_str(&body, LINK_TAG_FOLDER, p->d->folder);
	tlv_put_str(&body, LINK_TAG_PSEUDONYM, p->pseudonym);
	tlv_put_u8(&body, LINK_TAG_VALUE, make);
	why = word(person_ask(p, DOSSIER_OP_OPEN, &body, NULL, 0, VIEW_NULL, -1));
	if (why)
		return why;
	take_state(p);
	if (tlv_find_u8(p->answer.body, LINK_TAG_STATE, &p->state) != 0 ||
		tlv_find(p->answer.body, LINK_TAG_DATA, &previous) != 0)
		die("no state in an answer");
	p->empty = p->state == DOSSIER_STATE_ABSENT;
	record_agrees(p, previous.value);
	if (!p->empty && !p->has_key)
		die("rejected: a dossier without a key");
	return p->empty && !make ? "absent" : NULL;
}

static const char *give_key(struct person *p, bool people)
{
	_cleanup_(buf_done) struct buf body = BUF_NULL(128);
	_cleanup_(secret_done) struct secret derived = SECRET_NULL;
	struct view key = view_of(p->key.data, p->key.len);

	if (seal_people_key(key, view_str(p->pseudonym), &derived) != 0)
		die("no people key");
	tlv_put(&body, LINK_TAG_KEY, people ? view_of(derived.data, derived.len) : key);
	return word(person_ask(p, DOSSIER_OP_KEY, &body, NULL, 0, VIEW_NULL, -1));
}

static const char *prepare(struct person *p, bool make)
{
	struct drive *d = p->d;
	int r = keys_unwrap(&d->keys, d->folder, p->pseudonym, &p->key);

	if (r == KEYS_DAMAGED)
		die("rejected: the key of %.2s is damaged", p->pseudonym);
	p->has_key = r == 0;
	if (r == KEYS_ABSENT)
		r = keys_make(&d->keys, p->pseudonym, &p->key, &p->wrapped);
	if (r < 0)
		return "store key";
	if (make && !files_store_exists(d->folder, p->pseudonym)) {
		p->pending = true;
		if (files_mark_pending(d->folder, p->pseudonym) < 0)
			return "store marker";
	}
	return NULL;
}

static const char *open_all(struct person *p, bool make)
{
	const char *why = prepare(p, make);

	if (!why) {
		spawn(p);
		why = open_file(p, make);
	}
	if (!why)
		why = give_key(p, true);
	if (!why)
		why = give_key(p, false);
	if (!why && !p->empty)
		say_people(p);
	if (!why && p->unfinished) {
		why = record_append(p->d, p->unfinished_event, "recovered", p, true);
		p->unfinished = false;
	}
	return why ? why : record_append(p->d, AUDIT_EVENT_UNLOCKED, "ok", p, true);
}

const char *person_open(struct drive *d, unsigned int n, bool make, struct person *p)
{
	const char *why;

	*p = (struct person){.d = d, .link = -1, .answer = LINK_FRAME_NULL};
	p->storage = BUF_NULL(LINK_MAX_FRAME);
	p->wrapped = BUF_NULL(256);
	pseudonym_of(n, p->pseudonym);
	why = open_all(p, make);
	if (why)
		person_close(p);
	return why;
}

static void drop_pending(struct person *p)
{
	if (!p->has_key)
		keys_remove(p->d->folder, p->pseudonym);
	if (p->has_key && !p->empty)
		files_unmark_pending(p->d->folder, p->pseudonym);
	else
		files_drop_pending(p->d->folder, p->pseudonym);
}

void person_close(struct person *p)
{
	link_frame_done(&p->answer);
	if (p->link >= 0) {
		(void)close(p->link);
		(void)kill(p->pid, SIGKILL);
		(void)waitpid(p->pid, NULL, 0);
		p->link = -1;
	}
	if (p->pending)
		drop_pending(p);
	p->pending = false;
	secret_done(&p->key);
	buf_done(&p->storage);
	buf_done(&p->wrapped);
}

/* -- changing ----------------------------------------------------------------------------------- */

/* The session ends: nothing more is known of what was begun. */
static const char *broke_off(struct person *p, const char *why)
{
	static char kept[64];

	(void)snprintf(kept, sizeof(kept), "%s", why);
	(void)record_append(p->d, AUDIT_EVENT_CHILD_FAILED, "child-failed", p, true);
	person_close(p);
	return kept;
}

static const char *end_change(struct person *p, enum audit_event e, int outcome)
{
	const char *why = word(outcome), *unrecorded;

	if (outcome == DOSSIER_FAULT || outcome == -1)
		return broke_off(p, why);
	if (!why)
		take_state(p);
	unrecorded = record_append(p->d, e, why ? "store-unavailable" : "ok", p, true);
	if (unrecorded)
		person_close(p);
	return why ? why : unrecorded;
}

const char *person_change(struct person *p, enum audit_event e, enum dossier_op op,
	struct buf *body, const int *fds, size_t n_fds, struct view content, int feed)
{
	const char *why = record_append(p->d, e, "started", p, false);

	if (why) {
		for (size_t i = 0; i < n_fds; i++)
			(void)close(fds[i]);
		if (feed >= 0)
			(void)close(feed);
		person_close(p);
		return why;
	}
	tlv_put_str(body, LINK_TAG_FACTS, AUTHOR);
	return end_change(p, e, person_ask(p, op, body, fds, n_fds, content, feed));
}

const char *person_create(struct person *p)
{
	_cleanup_(buf_done) struct buf body = BUF_NULL(4096);
	const char *why = record_append(p->d, AUDIT_EVENT_DOSSIER_CREATED, "started", p, false);
	int outcome;

	if (why) {
		person_close(p);
		return why;
	}
	if (!p->has_key && keys_save(p->d->folder, p->pseudonym, buf_view(&p->wrapped)) < 0) {
		why = record_append(
			p->d, AUDIT_EVENT_DOSSIER_CREATED, "store-unavailable", p, true);
		if (why)
			person_close(p);
		return why ? why : "store key";
	}
	tlv_put_str(&body, LINK_TAG_FACTS, AUTHOR);
	outcome = person_ask(p, DOSSIER_OP_CREATE, &body, NULL, 0, VIEW_NULL, -1);
	if (outcome == 0) {
		p->has_key = true;
		p->empty = false;
		if (p->pending)
			files_unmark_pending(p->d->folder, p->pseudonym);
		p->pending = false;
	}
	return end_change(p, AUDIT_EVENT_DOSSIER_CREATED, outcome);
}

const char *person_sha(struct view v, char ret[2 * SEAL_HASH + 1])
{
	_cleanup_(buf_done) struct buf hex = BUF_NULL(2 * SEAL_HASH);
	uint8_t hash[SEAL_HASH];

	if (seal_sha256(v, hash) != 0)
		die("no SHA-256");
	hex_encode(&hex, VIEW(hash));
	if (view_copy_str(buf_view(&hex), ret, 2 * SEAL_HASH + 1) != 0)
		die("no hex");
	return ret;
}

static int metadata(struct view content)
{
	_cleanup_(buf_done) struct buf text = BUF_NULL(4096);
	char hex[2 * SEAL_HASH + 1];
	int fd;

	buf_printf(&text,
		"{\"format\":1,\"type\":\"image\",\"title\":\"T\",\"date\":\"2026-01-02\","
		"\"mime\":\"application/octet-stream\",\"sha256\":\"%s\",\"size\":%zu}",
		person_sha(content, hex), content.len);
	if (json_memfd_text(buf_view(&text), "m", &fd) != 0)
		die("no memfd");
	return fd;
}

const char *person_add(
	struct person *p, struct view content, const char *replaces, char ret_id[37])
{
	_cleanup_(buf_done) struct buf body = BUF_NULL(4096);
	const char *why;
	int fds[2], ends[2];

	if (pipe2(ends, O_CLOEXEC) < 0)
		die("no pipe");
	fds[0] = ends[0];
	fds[1] = metadata(content);
	if (replaces)
		tlv_put_str(&body, LINK_TAG_ID, replaces);
	why = replaces ? person_change(p, AUDIT_EVENT_DOCUMENT_REPLACED, DOSSIER_OP_REPLACE,
				 &body, fds, 2, content, ends[1])
		       : person_change(p, AUDIT_EVENT_DOCUMENT_ADDED, DOSSIER_OP_ADD, &body,
				 fds, 2, content, ends[1]);
	if (!why && tlv_find_str(p->answer.body, LINK_TAG_ID, ret_id, 37) != 0)
		die("no id in an answer");
	return why;
}

/* -- showing ------------------------------------------------------------------------------------ */

/* The content of @id and its facts. */
static void read_one(
	struct person *p, const char *id, char ret_sha[2 * SEAL_HASH + 1], json_t **ret_facts)
{
	_cleanup_(buf_done) struct buf body = BUF_NULL(4096);
	_cleanup_(buf_done) struct buf all = BUF_NULL(64U * 1024U * 1024U);
	uint8_t *to;
	ssize_t n;

	tlv_put_str(&body, LINK_TAG_ID, id);
	if (person_ask(p, DOSSIER_OP_READ, &body, NULL, 0, VIEW_NULL, -1) != 0 ||
		p->answer.n_fds != 2 ||
		json_read_fd(p->answer.fds[1], LIMIT_JSON_FD, ret_facts) != 0)
		die("%s of %.2s cannot be read", id, p->pseudonym);
	do {
		to = buf_extend(&all, 65536);
		n = to ? read(p->answer.fds[0], to, 65536) : -1;
		if (n < 0)
			die("%s of %.2s breaks off", id, p->pseudonym);
		buf_truncate(&all, all.len - 65536 + (size_t)n);
	} while (n > 0);
	(void)person_sha(buf_view(&all), ret_sha);
}

static void say_row(struct person *p, const json_t *row)
{
	_cleanup_(buf_done) struct buf flags = BUF_NULL(1024);
	_cleanup_json_ json_t *facts = NULL;
	const char *id = json_get_str(row, "id"), *status = json_get_str(row, "status");
	char sha[2 * SEAL_HASH + 1] = "-";

	if (!id || !status || json_canonical(json_object_get(row, "flags"), &flags) != 0)
		die("a row without id, status or flags");
	buf_put_u8(&flags, 0);
	if (strcmp(status, "deleted") != 0) {
		read_one(p, id, sha, &facts);
		if (strcmp(json_get_str(facts, "sha256"), sha) != 0)
			die("%s of %.2s is not what its facts say", id, p->pseudonym);
	}
	say("+ doc/%.2s/%s %s:%s:%s", p->pseudonym, id, sha, status, (const char *)flags.data);
}

static json_t *rows_of(struct person *p, const char *filter)
{
	_cleanup_(buf_done) struct buf body = BUF_NULL(4096);
	json_t *rows = NULL;
	struct tlv t;
	uint8_t more;

	tlv_put_str(&body, LINK_TAG_FILTER, filter);
	if (person_ask(p, DOSSIER_OP_ROWS, &body, NULL, 0, VIEW_NULL, -1) != 0 ||
		tlv_find(p->answer.body, LINK_TAG_ROWS, &t) != 0 ||
		tlv_find_u8(p->answer.body, LINK_TAG_VALUE, &more) != 0 || more != 0 ||
		json_parse(t.value, &rows) != 0)
		die("%.2s cannot be listed", p->pseudonym);
	return rows;
}

const char *person_status(struct person *p, const char *id, char ret[16])
{
	char filter[128];
	_cleanup_json_ json_t *rows = NULL;

	(void)snprintf(filter, sizeof(filter), "{\"id\":\"%s\",\"status\":\"all\"}", id);
	rows = rows_of(p, filter);
	if (json_array_size(rows) != 1 ||
		view_copy_str(view_str(json_get_str(json_array_get(rows, 0), "status")), ret,
			16) != 0)
		die("%s of %.2s is not listed", id, p->pseudonym);
	return ret;
}

void person_show(struct person *p)
{
	_cleanup_json_ json_t *rows = rows_of(p, "{\"status\":\"all\"}");

	for (size_t i = 0; i < json_array_size(rows); i++)
		say_row(p, json_array_get(rows, i));
}
