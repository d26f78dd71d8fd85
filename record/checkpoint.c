/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * Checkpoints: parsing is pure and takes a narrow form of the C2SP texts (printable ASCII but for
 * the dash of a signature line, at most CHECKPOINT_NOTE_MAX bytes); extension lines and further
 * signatures, by witnesses say, are passed over. Signing is deterministic (RFC 8032).
 */
#include "record/checkpoint.h"

#include <errno.h>
#include <string.h>

#include "base/hex.h"
#include "record/crypto.h"

#define NOTE_MAX  16384U /* bytes: some hundred witnesses */
#define KEY_ID	  4U
#define SIGNATURE 64U
#define ED25519	  0x01 /* algorithm byte of signed-note */

static const char dash[] = "\xe2\x80\x94 "; /* U+2014 and a blank open a signature line */

struct vkey {
	struct view name;
	uint8_t id[KEY_ID];
	uint8_t key[CHECKPOINT_KEY];
};

/* -- reading ------------------------------------------------------------------------------------ */

/* The next line without its newline; false when there is no whole line left. */
static bool next_line(struct reader *r, struct view *ret)
{
	const uint8_t *end = r->left ? memchr(r->data, '\n', r->left) : NULL;

	if (!end)
		return false;
	*ret = reader_take(r, (size_t)(end - r->data));
	(void)reader_u8(r);
	return true;
}

/* What stands before the first @mark of @from, which then begins after it. */
static bool next_part(struct view *from, uint8_t mark, struct view *ret)
{
	struct reader r = reader_of(*from);
	const uint8_t *end = r.left ? memchr(r.data, mark, r.left) : NULL;

	if (!end)
		return false;
	*ret = reader_take(&r, (size_t)(end - r.data));
	(void)reader_u8(&r);
	*from = reader_rest(&r);
	return true;
}

static bool all_between(struct view v, uint8_t low, uint8_t high)
{
	struct reader r = reader_of(v);

	while (r.left > 0) {
		uint8_t c = reader_u8(&r);

		if (c < low || c > high)
			return false;
	}
	return true;
}

/* A key name of signed-note, hence an origin: no blank, no plus. */
static bool name_ok(struct view v)
{
	return v.len > 0 && v.len < CHECKPOINT_ORIGIN_MAX && all_between(v, 0x21, 0x7e) &&
	       !memchr(v.data, '+', v.len);
}

/* Base64 of exactly @len bytes. Return: 0, a fault or CHECKPOINT_MALFORMED. */
static int decode_exact(struct view text, uint8_t *ret, size_t len)
{
	_cleanup_(buf_done) struct buf b = BUF_NULL(NOTE_MAX);
	int r = base64_decode(&b, text);

	if (b.failed)
		return trace(buf_check(&b));
	if (r != 0 || b.len != len)
		return CHECKPOINT_MALFORMED;
	bytes_copy(ret, len, b.data, b.len);
	return 0;
}

/* Decimal without leading zeros that fits. */
static bool decimal(struct view text, uint64_t *ret)
{
	struct reader r = reader_of(text);
	uint64_t n = 0;

	if (r.left == 0 || (r.left > 1 && *text.data == '0'))
		return false;
	while (r.left > 0) {
		uint64_t digit = (uint64_t)reader_u8(&r) - '0';

		if (digit > 9 || __builtin_mul_overflow(n, 10U, &n) ||
			__builtin_add_overflow(n, digit, &n))
			return false;
	}
	*ret = n;
	return true;
}

/* "— name base64". */
static bool signature_line(struct view line, struct view *ret_name, struct view *ret_value)
{
	const struct view head = VIEW_TEXT(dash);
	struct view rest = view_sub(line, head.len, line.len), name;

	if (!view_equal(view_sub(line, 0, head.len), head) || !next_part(&rest, ' ', &name) ||
		!name_ok(name) || rest.len == 0 || !all_between(rest, 0x21, 0x7e))
		return false;
	*ret_name = name;
	*ret_value = rest;
	return true;
}

/* origin, size, root, extension lines, the empty line; @r then stands at the signatures. */
static int parse_body(struct reader *r, struct checkpoint *ret)
{
	struct view origin, size, root, line;
	struct checkpoint c = {0};
	int k;

	if (!next_line(r, &origin) || !next_line(r, &size) || !next_line(r, &root))
		return CHECKPOINT_MALFORMED;
	if (!name_ok(origin) || !decimal(size, &c.size))
		return CHECKPOINT_MALFORMED;
	k = decode_exact(root, c.root, sizeof(c.root));
	if (k != 0)
		return trace(k);
	do {
		if (!next_line(r, &line) || !all_between(line, 0x20, 0x7e))
			return CHECKPOINT_MALFORMED;
	} while (line.len > 0);
	bytes_copy(c.origin, sizeof(c.origin) - 1, origin.data, origin.len);
	*ret = c;
	return 0;
}

/* A note taken apart. */
struct note {
	struct checkpoint checkpoint;
	struct view body; /* what is signed */
	bool found;	  /* a signature by the key asked for */
	uint8_t signed_by[KEY_ID + SIGNATURE];
};

/* Take the signature if it is by @v: its name, and its id before the signature. Others under the
 * same name (another key or algorithm) are passed over. Return: 0 or a fault. */
static int match(const struct vkey *v, struct view name, struct view value, struct note *n)
{
	int r;

	if (!v || n->found || !view_equal(name, v->name))
		return 0;
	r = decode_exact(value, n->signed_by, sizeof(n->signed_by));
	if (r < 0)
		return trace(r);
	n->found = r == 0 && memcmp(n->signed_by, v->id, KEY_ID) == 0;
	return 0;
}

/* @v: whose signature is looked for, or NULL. Return: 0, a fault or CHECKPOINT_MALFORMED. */
static int parse(struct view text, const struct vkey *v, struct note *ret)
{
	struct reader r = reader_of(text);
	struct view line, name, value;
	struct note n = {0};
	int k;

	if (text.len > NOTE_MAX)
		return CHECKPOINT_MALFORMED;
	k = parse_body(&r, &n.checkpoint);
	if (k != 0)
		return trace(k);
	if (r.left == 0)
		return CHECKPOINT_MALFORMED;
	n.body = view_sub(text, 0, text.len - r.left - 1);
	while (next_line(&r, &line)) {
		if (!signature_line(line, &name, &value))
			return CHECKPOINT_MALFORMED;
		k = match(v, name, value, &n);
		if (k < 0)
			return trace(k);
	}
	if (r.left > 0)
		return CHECKPOINT_MALFORMED;
	*ret = n;
	return 0;
}

int checkpoint_parse(struct view note, struct checkpoint *ret)
{
	struct note n;
	int r = parse(note, NULL, &n);

	if (r == 0)
		*ret = n.checkpoint;
	return trace(r);
}

/* -- keys --------------------------------------------------------------------------------------- */

static int key_id(struct view name, const uint8_t key[CHECKPOINT_KEY], uint8_t ret[KEY_ID])
{
	static const uint8_t between[] = {'\n', ED25519};
	const struct view parts[] = {name, VIEW(between), view_of(key, CHECKPOINT_KEY)};
	uint8_t hash[CRYPTO_SHA256];
	int r = crypto_sha256(parts, ARRAY_LEN(parts), hash);

	if (r < 0)
		return trace(r);
	bytes_copy(ret, KEY_ID, hash, KEY_ID);
	return 0;
}

/* <name>+<hex id>+<base64>. Return: 0, a fault or CHECKPOINT_MALFORMED. */
static int parse_vkey(const char *text, struct vkey *ret)
{
	struct view rest = view_str(text), id_text;
	_cleanup_(buf_done) struct buf id = BUF_NULL(KEY_ID);
	uint8_t data[1 + CHECKPOINT_KEY], expected[KEY_ID];
	struct vkey v = {0};
	int r;

	if (!next_part(&rest, '+', &v.name) || !name_ok(v.name) ||
		!next_part(&rest, '+', &id_text) || id_text.len != 2 * (size_t)KEY_ID ||
		hex_decode(&id, id_text) != 0)
		return CHECKPOINT_MALFORMED;
	r = decode_exact(rest, data, sizeof(data));
	if (r != 0)
		return trace(r);
	bytes_copy(v.key, sizeof(v.key), data + 1, CHECKPOINT_KEY);
	r = key_id(v.name, v.key, expected);
	if (r < 0)
		return trace(r);
	if (data[0] != ED25519 || !view_equal(buf_view(&id), VIEW(expected)))
		return CHECKPOINT_MALFORMED;
	bytes_copy(v.id, sizeof(v.id), expected, KEY_ID);
	*ret = v;
	return 0;
}

/* The private key of @seed and its public half. */
static int seed_key(struct view seed, EVP_PKEY **ret_key, uint8_t ret_public[CHECKPOINT_KEY])
{
	_cleanup_(crypto_pkey_put) EVP_PKEY *key = NULL;
	size_t len = CHECKPOINT_KEY;

	if (seed.len != CHECKPOINT_KEY)
		return fault(-EINVAL);
	key = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, seed.data, seed.len);
	if (!key || EVP_PKEY_get_raw_public_key(key, ret_public, &len) != 1)
		return crypto_fault();
	*ret_key = key;
	key = NULL;
	return 0;
}

int checkpoint_vkey(const char *name, struct view seed, struct buf *out)
{
	_cleanup_(crypto_pkey_put) EVP_PKEY *key = NULL;
	uint8_t data[1 + CHECKPOINT_KEY] = {ED25519}, id[KEY_ID];
	int r;

	if (!name_ok(view_str(name)))
		return fault(-EINVAL);
	r = seed_key(seed, &key, data + 1);
	if (r < 0)
		return trace(r);
	r = key_id(view_str(name), data + 1, id);
	if (r < 0)
		return trace(r);
	buf_printf(out, "%s+", name);
	hex_encode(out, VIEW(id));
	buf_put_str(out, "+");
	base64_encode(out, VIEW(data));
	return trace(buf_check(out));
}

int checkpoint_vkey_pem(const char *vkey, struct buf *out)
{
	_cleanup_(crypto_pkey_put) EVP_PKEY *key = NULL;
	struct vkey v;
	int r = parse_vkey(vkey, &v);

	if (r != 0)
		return trace(r);
	key = EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, v.key, sizeof(v.key));
	if (!key)
		return crypto_fault();
	return trace(crypto_public_pem(key, out));
}

/* -- signing and verifying ---------------------------------------------------------------------- */

int checkpoint_sign(const struct checkpoint *c, struct view seed, struct buf *out)
{
	_cleanup_(crypto_md_ctx_put) EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	_cleanup_(crypto_pkey_put) EVP_PKEY *key = NULL;
	_cleanup_(buf_done) struct buf body = BUF_NULL(NOTE_MAX);
	const struct view origin = view_of(c->origin, strnlen(c->origin, sizeof(c->origin)));
	uint8_t public[CHECKPOINT_KEY], signed_by[KEY_ID + SIGNATURE];
	size_t len = SIGNATURE;
	int r;

	if (!name_ok(origin))
		return fault(-EINVAL);
	r = seed_key(seed, &key, public);
	if (r < 0)
		return trace(r);
	r = key_id(origin, public, signed_by);
	if (r < 0)
		return trace(r);
	buf_printf(&body, "%s\n%llu\n", c->origin, (unsigned long long)c->size);
	base64_encode(&body, VIEW(c->root));
	buf_put_u8(&body, '\n');
	r = buf_check(&body);
	if (r < 0)
		return trace(r);
	if (!ctx || EVP_DigestSignInit(ctx, NULL, NULL, NULL, key) != 1 ||
		EVP_DigestSign(ctx, signed_by + KEY_ID, &len, body.data, body.len) != 1)
		return crypto_fault();
	buf_put_view(out, buf_view(&body));
	buf_printf(out, "\n%s%s ", dash, c->origin);
	base64_encode(out, VIEW(signed_by));
	buf_put_u8(out, '\n');
	return trace(buf_check(out));
}

/* Return: 0, a fault or CHECKPOINT_FALSE. */
static int check_signature(const struct vkey *v, struct view body, struct view signature)
{
	_cleanup_(crypto_md_ctx_put) EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	_cleanup_(crypto_pkey_put) EVP_PKEY *key =
		EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, v->key, sizeof(v->key));

	if (!ctx || !key || EVP_DigestVerifyInit(ctx, NULL, NULL, NULL, key) != 1)
		return crypto_fault();
	if (EVP_DigestVerify(ctx, signature.data, signature.len, body.data, body.len) != 1)
		return trace(crypto_refused(CHECKPOINT_FALSE));
	return 0;
}

int checkpoint_verify(struct view note, const char *vkey, struct checkpoint *ret)
{
	struct note n;
	struct vkey v;
	int r;

	r = parse_vkey(vkey, &v);
	if (r == 0)
		r = parse(note, &v, &n);
	if (r != 0)
		return trace(r);
	if (!n.found || !view_equal(view_str(n.checkpoint.origin), v.name))
		return CHECKPOINT_OTHER_KEY;
	r = check_signature(&v, n.body, view_last(VIEW(n.signed_by), SIGNATURE));
	if (r == 0)
		*ret = n.checkpoint;
	return trace(r);
}
