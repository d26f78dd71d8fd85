/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * Lays out dossiers of people who never come, for `run bench dossier`: with the store's and the keys'
 * own code, each with its key and one document, but never synced: fsync() is ours here. The service
 * must not be running. One line for lay-record each: pseudonym, version, hash.
 *
 * usage: lay-dossiers STATE FIRST COUNT    pseudonyms are SHA-256 of their number
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/hex.h"
#include "base/rng.h"
#include "daemon/dossier/files.h"
#include "daemon/dossier/keys.h"
#include "daemon/dossier/store/document.h"

#define AUTHOR "{\"id\":\"899700000001\",\"kind\":\"professional\",\"name\":\"B\"}"
#define METADATA                                                                               \
	"{\"date\":\"2026-01-02\",\"flags\":[],\"format\":1,\"mime\":\"text/plain\","          \
	"\"sha256\":\"2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881\","     \
	"\"size\":1,\"title\":\"One of many\",\"type\":\"consultation\"}"
#define PEOPLE                                                                                 \
	"{\"authorised\":[],\"blocked\":[],\"created\":1767312000000000,\"created-"            \
	"by\":" AUTHOR ",\"format\":2,\"oppositions\":[],\"treating-doctor\":null}"

/* SQLite's and ours: the page cache is enough for a benchmark */
int fsync(int fd)
{
	(void)fd;
	return 0;
}

int fdatasync(int fd)
{
	(void)fd;
	return 0;
}

struct place {
	char folder[512];
	struct keys keys;
	json_t *author;
	json_t *metadata;
};

static int numbered(uint64_t n, char ret[65])
{
	_cleanup_(buf_done) struct buf b = BUF_NULL(128), hex = BUF_NULL(128);
	uint8_t hash[SEAL_HASH];
	int r;

	buf_put_u64(&b, n);
	r = seal_sha256(buf_view(&b), hash);
	hex_encode(&hex, VIEW(hash));
	return r < 0 ? trace(r) : trace(view_copy_str(buf_view(&hex), ret, 65));
}

static int put_document(const struct place *p, struct store *s)
{
	_cleanup_(store_document_done) struct store_document d = STORE_DOCUMENT_NULL;
	_cleanup_(store_content_done) struct store_content c = {0};
	_cleanup_json_ json_t *record = NULL;
	uint8_t salt[DOCUMENT_SALT];
	int r;

	(void)snprintf(d.id, sizeof(d.id), "%.8s-%.4s-4%.3s-8%.3s-%.12s", s->pseudonym,
		s->pseudonym + 8, s->pseudonym + 12, s->pseudonym + 15, s->pseudonym + 18);
	r = rng_fill(salt, sizeof(salt));
	if (r == 0)
		r = store_next_seq(s, &d.seq);
	if (r == 0)
		r = store_content_init(s, d.seq, d.id, s->version + 1, VIEW(salt), &c);
	if (r == 0)
		r = store_put_chunk(s, &c, 0, true, VIEW_TEXT("x"));
	if (r == 0)
		r = document_new(p->metadata, p->author, s->version + 1, salt, "", &record);
	if (r == 0)
		r = document_text(record, &d.record);
	return r != 0 ? r : store_put(s, &d);
}

static int tell(const struct store *s)
{
	_cleanup_(buf_done) struct buf hex = BUF_NULL(128);

	hex_encode(&hex, VIEW(s->hash));
	buf_put_u8(&hex, 0);
	return printf("%s %llu %s\n", s->pseudonym, (unsigned long long)s->version,
		       (const char *)hex.data) < 0;
}

static int fill(const struct place *p, struct store *s, const struct secret *key)
{
	int r = store_load(s);

	if (r == 0)
		r = store_grant(s, view_of(key->data, key->len));
	if (r == 0)
		r = store_begin(s);
	if (r == 0)
		r = store_create(s, VIEW_TEXT(PEOPLE));
	if (r == 0)
		r = put_document(p, s);
	return r != 0 ? r : store_commit(s);
}

static int lay(const struct place *p, uint64_t n)
{
	_cleanup_(buf_done) struct buf wrapped = BUF_NULL(256);
	_cleanup_(secret_done) struct secret key = SECRET_NULL;
	_cleanup_(store_done) struct store s = {0};
	char pseudonym[65];
	int r = numbered(n, pseudonym);

	if (r == 0)
		r = keys_make(&p->keys, pseudonym, &key, &wrapped);
	if (r == 0)
		r = store_open(&s, p->folder, pseudonym, true);
	if (r == 0)
		r = keys_save(p->folder, pseudonym, buf_view(&wrapped));
	if (r == 0)
		r = fill(p, &s, &key);
	return r != 0 ? r : tell(&s);
}

static uint64_t number_of(const char *text)
{
	uint64_t n = 0;

	for (; *text >= '0' && *text <= '9'; text++)
		n = n * 10 + (uint64_t)(*text - '0');
	return n;
}

static int start(struct place *p, const char *state)
{
	int r;

	json_setup();
	(void)snprintf(p->folder, sizeof(p->folder), "%s/dossiers", state);
	r = seal_setup();
	if (r == 0)
		r = keys_load(state, &p->keys);
	if (r == 0)
		r = files_sweep(p->folder);
	if (r == 0)
		r = json_parse(VIEW_TEXT(AUTHOR), &p->author);
	return r != 0 ? r : json_parse(VIEW_TEXT(METADATA), &p->metadata);
}

int main(int argc, char **argv)
{
	struct place p = {.author = NULL};
	uint64_t n, end;
	int r;

	if (argc != 4) {
		(void)fprintf(stderr, "usage: lay-dossiers STATE FIRST COUNT\n");
		return 2;
	}
	n = number_of(argv[2]);
	end = n + number_of(argv[3]);
	r = start(&p, argv[1]);
	for (; r == 0 && n < end; n++)
		r = lay(&p, n);
	if (r != 0) {
		char trail[512];

		fault_describe(trail, sizeof(trail));
		(void)fprintf(stderr, "lay-dossiers: %d at %llu: %s\n", r,
			(unsigned long long)n, trail);
	}
	json_decref(p.author);
	json_decref(p.metadata);
	keys_done(&p.keys);
	return r != 0;
}
