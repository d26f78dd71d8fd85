/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * Lays out dossiers of people who never come, for `run bench dossier`: with the store's and the keys'
 * own code, each with its key and some documents, but never synced: fsync() is ours here. Or gives
 * documents to a dossier that is there. The service must not be running. One line for lay-record each:
 * pseudonym, version, hash. How far it is goes to standard error.
 *
 * usage: lay-dossiers STATE FIRST COUNT DOCUMENTS    pseudonyms are SHA-256 of their number
 *        lay-dossiers STATE grow PSEUDONYM DOCUMENTS
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
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

/* "DONE of ALL, S s left", at most once in two seconds. */
static void tell_progress(uint64_t done, uint64_t all)
{
	static uint64_t begun, told;
	uint64_t now = clock_monotonic();

	if (begun == 0)
		begun = told = now;
	if (now - told < 2 * USEC_PER_SEC || done == 0)
		return;
	told = now;
	(void)fprintf(stderr, "  %llu of %llu, %llu s left\n", (unsigned long long)done,
		(unsigned long long)all,
		(unsigned long long)((now - begun) / done * (all - done) / USEC_PER_SEC));
}

static int put_document(const struct place *p, struct store *s)
{
	_cleanup_(store_document_done) struct store_document d = STORE_DOCUMENT_NULL;
	_cleanup_(store_content_done) struct store_content c = {0};
	_cleanup_json_ json_t *record = NULL;
	uint8_t salt[DOCUMENT_SALT];
	int r;

	r = rng_fill(salt, sizeof(salt));
	if (r == 0)
		r = store_next_seq(s, &d.seq);
	/* in no order, as real ones are */
	(void)snprintf(d.id, sizeof(d.id), "%02x%02x%02x%02x-%.4s-4%.3s-8%.3s-0000%08x",
		salt[0], salt[1], salt[2], salt[3], s->pseudonym + 8, s->pseudonym + 12,
		s->pseudonym + 15, (unsigned int)d.seq);
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

static int put_documents(const struct place *p, struct store *s, uint64_t documents)
{
	int r = 0;

	for (uint64_t i = 0; r == 0 && i < documents; i++)
		r = put_document(p, s);
	return r;
}

static int fill(
	const struct place *p, struct store *s, const struct secret *key, uint64_t documents)
{
	bool there;
	int r = store_load(s);

	if (r == 0)
		r = store_grant(s, view_of(key->data, key->len));
	there = s->state != DOSSIER_STATE_ABSENT;
	if (r == 0)
		r = store_begin(s);
	if (r == 0 && !there)
		r = store_create(s, VIEW_TEXT(PEOPLE));
	if (r == 0)
		r = put_documents(p, s, documents);
	return r != 0 ? r : store_commit(s);
}

static int lay(const struct place *p, uint64_t n, uint64_t documents)
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
		r = fill(p, &s, &key, documents);
	return r != 0 ? r : tell(&s);
}

static int grow(const struct place *p, const char *pseudonym, uint64_t documents)
{
	_cleanup_(secret_done) struct secret key = SECRET_NULL;
	_cleanup_(store_done) struct store s = {0};
	int r = keys_unwrap(&p->keys, p->folder, pseudonym, &key);

	if (r == 0)
		r = store_open(&s, p->folder, pseudonym, false);
	if (r == 0)
		r = fill(p, &s, &key, documents);
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
	uint64_t n = 0, count, documents;
	int r;

	if (argc != 5) {
		(void)fprintf(stderr, "usage: lay-dossiers STATE FIRST COUNT DOCUMENTS\n"
				      "       lay-dossiers STATE grow PSEUDONYM DOCUMENTS\n");
		return 2;
	}
	documents = number_of(argv[4]);
	r = start(&p, argv[1]);
	if (r == 0 && strcmp(argv[2], "grow") == 0) {
		r = grow(&p, argv[3], documents);
	} else {
		count = number_of(argv[3]);
		for (; r == 0 && n < count; n++) {
			r = lay(&p, number_of(argv[2]) + n, documents);
			tell_progress(n, count);
		}
	}
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
