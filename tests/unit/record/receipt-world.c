/* SPDX-License-Identifier: EUPL-1.2 */
/* Makes receipts, good ones and bent ones, with OpenSSL and our own tree. */
#include "tests/unit/record/receipt-world.h"

#include "base/clock.h"
#include "base/hex.h"
#include "record/checkpoint.h"

// clang-format off
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on

#include <stdio.h>
#include <stdlib.h>

struct world world;

const uint8_t world_seed[32] = {7};

static X509 *certificate(const char *cn, EVP_PKEY *key, bool ca)
{
	const struct forged_x509 f = {.cn = cn,
		.surname = "X",
		.ca = ca,
		.usage = ca ? "critical,keyCertSign" : "critical,nonRepudiation",
		.from = NOW - YEAR,
		.until = NOW + YEAR,
		.key = key,
		.issuer = ca ? NULL : world.root,
		.issuer_key = ca ? NULL : world.root_key};

	return forge_x509(&f);
}

void world_cvc(
	const char *chr, uint8_t role, const char *until, EVP_PKEY *signer, struct buf *out)
{
	const struct forged_cvc f = {.car = ROOT,
		.chr = chr,
		.role = role,
		.from = "240101",
		.until = until,
		.key = world.cvc_card,
		.signer = signer};

	buf_reset(out);
	forge_cvc(&f, out);
}

static void hex_of(struct view v, char ret[65])
{
	struct buf hex = BUF_NULL(64);
	uint8_t hash[32];

	assert_int_equal(crypto_sha256(&v, 1, hash), 0);
	hex_encode(&hex, VIEW(hash));
	assert_int_equal(view_copy_str(buf_view(&hex), ret, 65), 0);
	buf_done(&hex);
}

int world_prepare(void **state)
{
	struct buf der = BUF_NULL(8192), vkey = BUF_NULL(1024);

	(void)state;
	forge_folder(world.folder);
	assert_true(snprintf(world.anchors, 64, "%s/anchors.pem", world.folder) < 64);
	world.root_key = forge_rsa(2048);
	world.card_key = forge_rsa(2048);
	world.other_key = forge_rsa(2048);
	world.cvc_root = forge_ec();
	world.cvc_card = forge_ec();
	world.root = certificate("ROOT", world.root_key, true);
	world.card = certificate("CARD", world.card_key, false);
	world.other = certificate("OTHER", world.other_key, true);
	forge_pem(world.root, world.anchors);
	forge_point(world.cvc_root, world.point);
	world.cvc = BUF_NULL(CVC_MAX);
	world_cvc("FRV1234567800001", 0, "291231", world.cvc_root, &world.cvc);
	assert_int_equal(checkpoint_vkey(ORIGIN, VIEW(world_seed), &vkey), 0);
	world.vkey = buf_take_str(&vkey);
	forge_der(world.card, &der);
	hex_of(buf_view(&der), world.certificate);
	buf_done(&der);
	return 0;
}

int world_clean(void **state)
{
	(void)state;
	X509_free(world.root);
	X509_free(world.card);
	X509_free(world.other);
	EVP_PKEY_free(world.root_key);
	EVP_PKEY_free(world.card_key);
	EVP_PKEY_free(world.other_key);
	EVP_PKEY_free(world.cvc_root);
	EVP_PKEY_free(world.cvc_card);
	buf_done(&world.cvc);
	free(world.vkey);
	forge_remove(world.folder);
	return 0;
}

/* -- making one --------------------------------------------------------------------------------- */

static json_t *base64(struct view v)
{
	struct buf b = BUF_NULL(2 * RECEIPT_MAX);
	json_t *j;
	char *text;

	base64_encode(&b, v);
	text = buf_take_str(&b);
	j = json_string(text);
	free(text);
	return j;
}

struct made world_usual(void)
{
	return (struct made){
		.statement = json_pack("{s:i, s:I, s:{s:s, s:s}, s:{s:s, s:s}}", "format", 1,
			"time", (json_int_t)(NOW * (json_int_t)USEC_PER_SEC), "patient",
			"proof", "mutual", "serial", "5678", "professional", "certificate",
			world.certificate, "name", "X"),
		.proof = "mutual",
		.signer = world.card,
		.signer_key = world.card_key,
		.cms_flags = CMS_DETACHED,
		.cvc = buf_view(&world.cvc),
		.presence_key = world.cvc_card};
}

/* The nodes of a tree of eight. */
static uint8_t nodes[4][8][MERKLE_HASH];

static int store(
	void *user, unsigned int level, uint64_t index, const uint8_t hash[MERKLE_HASH])
{
	(void)user;
	bytes_copy(nodes[level][index], MERKLE_HASH, hash, MERKLE_HASH);
	return 0;
}

static int fetch(void *user, unsigned int level, uint64_t index, uint8_t ret_hash[MERKLE_HASH])
{
	(void)user;
	bytes_copy(ret_hash, MERKLE_HASH, nodes[level][index], MERKLE_HASH);
	return 0;
}

static json_t *make_entry(struct view entry, uint64_t index)
{
	struct buf path = BUF_NULL(1024);
	json_t *list = json_array();

	assert_int_equal(merkle_prove(index, 8, fetch, NULL, &path), 0);
	for (size_t at = 0; at < path.len; at += MERKLE_HASH)
		json_array_append_new(list, base64(view_sub(buf_view(&path), at, MERKLE_HASH)));
	buf_done(&path);
	return json_pack(
		"{s:i, s:o, s:o}", "index", (int)index, "entry", base64(entry), "path", list);
}

/* Eight entries, ours the sixth, and what the session did the others after it. */
static json_t *make_audit(const struct made *m, const char *hash)
{
	struct buf entry = BUF_NULL(4096), note = BUF_NULL(1024);
	uint8_t leaf[MERKLE_HASH];
	struct checkpoint c = {.origin = ORIGIN, .size = 8};
	json_t *j = json_pack("{s:{s:s}, s:i, s:s, s:s}", "details", "statement-sha256",
		       m->entry_hash ? m->entry_hash : hash, "sequence", 5, "session",
		       "session/1@0a", "pseudonym", "aa"),
	       *acts = json_array(), *audit;
	static struct merkle t;
	char *text;

	if (m->origin)
		assert_int_equal(
			view_copy_str(view_str(m->origin), c.origin, sizeof(c.origin)), 0);
	t.size = 0;
	if (m->entry_text)
		buf_put_str(&entry, m->entry_text);
	else
		assert_int_equal(json_canonical(j, &entry), 0);
	for (uint8_t i = 0; i < 8; i++) {
		struct view v = i == 5 ? buf_view(&entry) : view_of(&i, 1);

		if (i > 5 && m->act[i - 6])
			v = view_str(m->act[i - 6]);
		assert_int_equal(merkle_leaf_hash(v, leaf), 0);
		assert_int_equal(merkle_append(&t, leaf, store, NULL), 0);
	}
	assert_int_equal(merkle_root(&t, c.root), 0);
	assert_int_equal(checkpoint_sign(&c, VIEW(world_seed), &note), 0);
	text = buf_take_str(&note);
	audit = make_entry(buf_view(&entry), 5);
	json_object_set_new(audit, "checkpoint", json_string(text));
	json_object_set_new(audit, "vkey", json_string(world.vkey));
	for (size_t i = 0; i < ARRAY_LEN(m->act); i++)
		if (m->act[i])
			json_array_append_new(acts, make_entry(view_str(m->act[i]), i + 6));
	if (m->act[0] || m->act[1]) {
		json_object_set(audit, "acts", acts);
		json_object_set_new(audit, "omitted", json_integer(m->omitted));
	}
	json_decref(acts);
	free(text);
	json_decref(j);
	buf_done(&entry);
	return audit;
}

static json_t *make_patient(const struct made *m, struct view statement)
{
	struct buf data = BUF_NULL(64);
	uint8_t hash[32], sig[CVC_SIGNATURE];

	assert_int_equal(crypto_sha256(&statement, 1, hash), 0);
	buf_put(&data, hash, sizeof(hash));
	buf_put_str(&data, "VDCONS01");
	forge_sign(m->presence_key, buf_view(&data), sig);
	buf_done(&data);
	if (m->alone)
		return json_pack(
			"{s:s, s:n, s:n}", "proof", m->proof, "certificate", "signature");
	return json_pack("{s:s, s:o, s:o}", "proof", m->proof, "certificate", base64(m->cvc),
		"signature", base64(VIEW(sig)));
}

/* The receipt as JSON; takes over m->statement. */
json_t *world_make(const struct made *m)
{
	struct buf text = BUF_NULL(65536), cms = BUF_NULL(65536);
	struct view statement;
	json_t *whole;
	char hash[65];

	assert_int_equal(json_canonical(m->statement, &text), 0);
	statement = m->statement_text.len ? m->statement_text : buf_view(&text);
	hex_of(statement, hash);
	forge_cms(m->signer, m->signer_key, statement, m->cms_flags, &cms);
	whole = json_pack("{s:i, s:o, s:o, s:o, s:o}", "format", 1, "statement",
		base64(statement), "professional",
		m->kiosk ? json_null() : json_pack("{s:o}", "cms", base64(buf_view(&cms))),
		"patient", make_patient(m, statement), "audit", make_audit(m, hash));
	json_decref(m->statement);
	buf_done(&text);
	buf_done(&cms);
	return whole;
}

struct receipt_anchors world_known(void)
{
	return (struct receipt_anchors){.x509_file = world.anchors,
		.cvc_root_key = VIEW(world.point),
		.vkey = world.vkey};
}

int world_parse(const json_t *whole, struct receipt *ret)
{
	struct buf text = BUF_NULL(2 * RECEIPT_MAX);
	int r;

	assert_int_equal(json_canonical(whole, &text), 0);
	r = receipt_parse(buf_view(&text), ret);
	buf_done(&text);
	return r;
}

/* Parse, verify, free @whole. */
int world_judge(json_t *whole, const struct receipt_anchors *a, const char **at)
{
	struct receipt r;
	int k = world_parse(whole, &r);

	*at = "parsing";
	json_decref(whole);
	if (k != 0)
		return k;
	k = receipt_verify(&r, a, at);
	receipt_done(&r);
	return k;
}
