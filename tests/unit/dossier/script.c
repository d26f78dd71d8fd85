/* SPDX-License-Identifier: EUPL-1.2 */
/* Scripts for strange.c, and its notes; every failure here fails the running test. */
#include "tests/unit/dossier/script.h"

/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/hex.h"

void script_init(struct bed *b, struct script *ret)
{
	_cleanup_(buf_done) struct buf bytes = BUF_NULL(SEAL_HASH);
	const json_t *entry;

	bed_init(b);
	bed_created(b);
	bed_lock(b);
	entry = fake_audit_last("dossier-created");
	ret->version = (uint64_t)json_integer_value(json_object_get(entry, "dossier-version"));
	assert_int_equal(hex_decode(&bytes, view_str(json_get_str(entry, "dossier-hash"))), 0);
	bytes_copy(ret->hash, sizeof(ret->hash), bytes.data, bytes.len);
	(void)snprintf(b->config.children, sizeof(b->config.children), "%s", STRANGE);
}

static FILE *open_beside(const struct bed *b, const char *name, const char *how)
{
	char path[128];

	(void)snprintf(path, sizeof(path), "%s/%s", b->state, name);
	return fopen(path, how);
}

void script_begin(const struct bed *b)
{
	FILE *f = open_beside(b, "script", "w");

	assert_non_null(f);
	fclose(f);
}

void script_add(const struct bed *b, char kind, unsigned int outcome, unsigned int n_fds,
	struct buf *body)
{
	_cleanup_(buf_done) struct buf hex = BUF_NULL(16384);
	FILE *f = open_beside(b, "script", "a");

	hex_encode(&hex, buf_view(body));
	buf_put_u8(&hex, 0);
	assert_non_null(f);
	(void)fprintf(f, "%c %u %u %s\n", kind, outcome, n_fds,
		body->len > 0 ? (const char *)hex.data : "-");
	fclose(f);
	buf_done(body);
}

void script_plain(const struct bed *b, char kind, unsigned int outcome)
{
	struct buf none = BUF_NULL(16);

	script_add(b, kind, outcome, 0, &none);
}

struct buf script_opened_body(const struct script *s, uint8_t st)
{
	struct buf body = BUF_NULL(4096);
	uint8_t previous[SEAL_HASH] = {0};

	tlv_put_u8(&body, LINK_TAG_STATE, st);
	tlv_put_u64(&body, LINK_TAG_VERSION, s->version);
	tlv_put(&body, LINK_TAG_HASH, VIEW(s->hash));
	tlv_put(&body, LINK_TAG_DATA, VIEW(previous));
	return body;
}

void script_opened(const struct bed *b, const struct script *s, uint8_t st)
{
	struct buf body = script_opened_body(s, st);

	script_add(b, 'A', 0, 0, &body);
}

void script_people(const struct bed *b, const char *people)
{
	struct buf body = BUF_NULL(4096);

	tlv_put_str(&body, LINK_TAG_PEOPLE, people);
	script_add(b, 'A', 0, 0, &body);
}

void script_unlocked(const struct bed *b, const struct script *s, const char *people)
{
	script_begin(b);
	script_opened(b, s, DOSSIER_STATE_OPEN);
	script_people(b, people);
	script_people(b, people);
}

void script_rows(const struct bed *b, const char *rows, bool more)
{
	struct buf body = BUF_NULL(8192);

	tlv_put_str(&body, LINK_TAG_ROWS, rows);
	tlv_put_u8(&body, LINK_TAG_VALUE, more);
	script_add(b, 'A', 0, 0, &body);
}

/* Hashes here are of nothing: each version has another. */
static void next_hash(const struct script *s, uint8_t ret_hash[SEAL_HASH])
{
	memset(ret_hash, (int)((s->version + 1) & 0xFF), SEAL_HASH);
}

void script_changed(
	const struct bed *b, const struct script *s, const char *id, const char *people)
{
	struct buf body = BUF_NULL(8192);
	uint8_t hash[SEAL_HASH];

	next_hash(s, hash);
	if (id) {
		tlv_put_str(&body, LINK_TAG_ID, id);
	}
	if (people) {
		tlv_put_str(&body, LINK_TAG_PEOPLE, people);
	}
	tlv_put_u64(&body, LINK_TAG_VERSION, s->version + 1);
	tlv_put(&body, LINK_TAG_HASH, VIEW(hash));
	script_add(b, 'A', 0, 0, &body);
}

void script_moved(struct script *s)
{
	uint8_t hash[SEAL_HASH];

	next_hash(s, hash);
	bytes_copy(s->hash, sizeof(s->hash), hash, sizeof(hash));
	s->version++;
}

void script_ahead(const struct bed *b, const struct script *s)
{
	struct buf body = BUF_NULL(4096);
	uint8_t hash[SEAL_HASH];

	next_hash(s, hash);
	tlv_put_u8(&body, LINK_TAG_STATE, DOSSIER_STATE_OPEN);
	tlv_put_u64(&body, LINK_TAG_VERSION, s->version + 1);
	tlv_put(&body, LINK_TAG_HASH, VIEW(hash));
	tlv_put(&body, LINK_TAG_DATA, VIEW(s->hash));
	script_add(b, 'A', 0, 0, &body);
}

void script_unlock(struct bed *b, unsigned int intents)
{
	bed_lock(b);
	fake_session(&b->s);
	b->s.intents = intents;
	assert_int_equal(bed_prepare(b), VITALED_REASON_NONE);
	assert_int_equal(bed_unlock(b), VITALED_REASON_NONE);
}

/* The body of the newest request @op. Return: whether there was one. */
static bool heard(const struct bed *b, enum dossier_op op, struct buf *ret)
{
	FILE *f = open_beside(b, "heard", "r");
	static char hex[131073];
	unsigned int which;
	bool found = false;

	while (f && fscanf(f, "%u %131072s", &which, hex) == 2) {
		if (which == (unsigned int)op) {
			found = true;
			buf_reset(ret);
			assert_true(
				strcmp(hex, "-") == 0 || hex_decode(ret, view_str(hex)) == 0);
		}
	}
	if (f) {
		fclose(f);
	}
	return found;
}

json_t *script_heard(const struct bed *b, enum dossier_op op)
{
	_cleanup_(buf_done) struct buf body = BUF_NULL(LINK_MAX_FRAME);
	json_t *j = NULL;
	struct tlv t;

	if (!heard(b, op, &body)) {
		return NULL;
	}
	assert_int_equal(tlv_find(buf_view(&body), LINK_TAG_FACTS, &t), 0);
	assert_int_equal(json_parse(t.value, &j), 0);
	return j;
}

bool script_heard_text(
	const struct bed *b, enum dossier_op op, uint32_t tag, char *ret, size_t size)
{
	_cleanup_(buf_done) struct buf body = BUF_NULL(LINK_MAX_FRAME);

	return heard(b, op, &body) && tlv_find_str(buf_view(&body), tag, ret, size) == 0;
}
