/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * Keys. They live in struct secret and pass through a buf, wiped by its cleanup, on their way from
 * and to their files. A key is never made where dossiers already are: that would look like an
 * empty cupboard to everyone whose dossier is in it; and for the same reason none is taken that is
 * not the one of before.
 */
#include "daemon/dossier/keys.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/hex.h"
#include "base/rng.h"
#include "daemon/dossier/files.h"
#include "daemon/dossier/seal.h"

#define PATH_BYTES 1024U
#define CHECK	   ".check"
#define OTHER	   1 /* key than before */
#define WRAPPED	   (SEAL_NONCE + SEAL_KEY + SEAL_TAG)
#define NUMBER	   13U /* characters of a NIR or INS without its key */

static const char *text(const struct buf *b)
{
	return (const char *)b->data;
}

static int take_secret(struct view bytes, struct secret *ret)
{
	struct secret s;
	int r;

	if (bytes.len != SEAL_KEY) {
		return fault(-EBADMSG);
	}
	r = secret_new(&s, SEAL_KEY);
	if (r < 0) {
		return trace(r);
	}
	bytes_copy(s.data, s.size, bytes.data, bytes.len);
	s.len = bytes.len;
	*ret = s;
	return 0;
}

static int random_bytes(struct buf *out)
{
	uint8_t *to = buf_extend(out, SEAL_KEY);

	return to ? trace(rng_fill(to, SEAL_KEY)) : trace(buf_check(out));
}

/* -- the broker's own two ---------------------------------------------------------------------- */

static int path_in(struct buf *out, const char *folder, const char *name)
{
	buf_printf(out, "%s/%s", folder, name);
	buf_put_u8(out, 0);
	return trace(buf_check(out));
}

static int load_file(const char *folder, const char *name, bool private, struct secret *ret)
{
	_cleanup_(buf_done) struct buf path = BUF_NULL(PATH_BYTES);
	_cleanup_(buf_done) struct buf bytes = BUF_NULL(PATH_BYTES);
	int r;

	r = path_in(&path, folder, name);
	if (r == 0) {
		r = files_read(text(&path), PATH_BYTES, private, &bytes);
	}
	return r < 0 ? trace(r) : trace(take_secret(buf_view(&bytes), ret));
}

/* What cannot be looked at is taken to be there. */
static bool is_there(const char *path)
{
	return access(path, F_OK) == 0 || errno != ENOENT;
}

static bool exists(const char *folder, const char *name)
{
	_cleanup_(buf_done) struct buf path = BUF_NULL(PATH_BYTES);

	return path_in(&path, folder, name) < 0 || is_there(text(&path));
}

static int check_path(struct buf *out, const char *state, const char *name)
{
	buf_printf(out, "%s/%s" CHECK, state, name);
	buf_put_u8(out, 0);
	return trace(buf_check(out));
}

static int make_file(const char *state, const char *name, struct secret *ret)
{
	_cleanup_(buf_done) struct buf path = BUF_NULL(PATH_BYTES);
	_cleanup_(buf_done) struct buf bytes = BUF_NULL(SEAL_KEY);
	int r;

	r = check_path(&path, state, name);
	if (r < 0) {
		return trace(r);
	}
	if (exists(state, "dossiers") || is_there(text(&path))) {
		return fault(-ENOKEY);
	}
	buf_reset(&path);
	r = random_bytes(&bytes);
	if (r == 0) {
		r = path_in(&path, state, name);
	}
	if (r == 0) {
		r = files_write(text(&path), buf_view(&bytes));
	}
	return r < 0 ? trace(r) : trace(take_secret(buf_view(&bytes), ret));
}

static struct view bytes_of(const struct secret *s)
{
	return view_of(s->data, s->len);
}

/* A credential's; a file of that name must hold the same. */
static int load_credential(
	const char *credentials, const char *state, const char *name, struct secret *ret)
{
	_cleanup_(secret_done) struct secret file = SECRET_NULL;
	int r = 0;

	if (exists(state, name)) {
		r = load_file(state, name, true, &file);
	}
	if (r == 0) {
		r = load_file(credentials, name, false, ret);
	}
	if (r < 0) {
		return trace(r);
	}
	return file.len == 0 || secret_equal(bytes_of(&file), bytes_of(ret)) ? 0 : OTHER;
}

static int load_own(const char *state, const char *name, struct secret *ret)
{
	const char *credentials = secure_getenv("CREDENTIALS_DIRECTORY");

	if (credentials && exists(credentials, name)) {
		return trace(load_credential(credentials, state, name, ret));
	}
	if (exists(state, name)) {
		return trace(load_file(state, name, true, ret));
	}
	return trace(make_file(state, name, ret));
}

/* The check value of a key, doc/store.md. */
static int check_value(const char *name, const struct secret *key, uint8_t ret[SEAL_HASH])
{
	_cleanup_(buf_done) struct buf what = BUF_NULL(64);
	int r;

	buf_put_str(&what, "vitaled key check 1");
	buf_put_u8(&what, 0);
	buf_put_str(&what, name);
	r = buf_check(&what);
	return r < 0 ? trace(r) : trace(seal_hmac(bytes_of(key), buf_view(&what), ret));
}

/* Whether @key is the one that was used here at first; now is the first time where nothing tells. */
static int check(const char *state, const char *name, const struct secret *key)
{
	_cleanup_(buf_done) struct buf path = BUF_NULL(PATH_BYTES);
	_cleanup_(buf_done) struct buf said = BUF_NULL(SEAL_HASH);
	uint8_t value[SEAL_HASH];
	int r;

	r = check_value(name, key, value);
	if (r == 0) {
		r = check_path(&path, state, name);
	}
	if (r < 0) {
		return trace(r);
	}
	if (!is_there(text(&path))) {
		return trace(files_write(text(&path), VIEW(value)));
	}
	r = files_read(text(&path), SEAL_HASH, true, &said);
	if (r == 0 && said.len != SEAL_HASH) {
		r = fault(-EBADMSG);
	}
	if (r < 0) {
		return trace(r);
	}
	return secret_equal(buf_view(&said), VIEW(value)) ? 0 : OTHER;
}

static int load_checked(const char *state, const char *name, struct secret *ret)
{
	int r = load_own(state, name, ret);

	return r == 0 ? trace(check(state, name, ret)) : trace(r);
}

int keys_load(const char *state, struct keys *ret)
{
	struct keys k = KEYS_NULL;
	int r;

	r = load_checked(state, "dossier.key", &k.master);
	if (r > 0) {
		r = KEYS_OTHER_MASTER;
	}
	if (r == 0) {
		r = load_checked(state, "pseudonym.key", &k.pseudonym);
		r = r > 0 ? KEYS_OTHER_PSEUDONYM : r;
	}
	if (r != 0) {
		keys_done(&k);
		return trace(r);
	}
	*ret = k;
	return 0;
}

void keys_done(struct keys *k)
{
	secret_done(&k->master);
	secret_done(&k->pseudonym);
}

int keys_pseudonym(
	const struct keys *k, const char *prefix, const char *number, char ret_hex[65])
{
	_cleanup_(buf_done) struct buf named = BUF_NULL(64);
	_cleanup_(buf_done) struct buf hex = BUF_NULL(64);
	uint8_t hash[SEAL_HASH];
	int r;

	/* departments 2A and 2B are written with their letter */
	if (strlen(number) != NUMBER || strspn(number, "0123456789AB") != NUMBER) {
		return fault(-EINVAL);
	}
	buf_put_str(&named, prefix);
	buf_put_str(&named, number);
	r = buf_check(&named);
	if (r == 0) {
		r = seal_hmac(bytes_of(&k->pseudonym), buf_view(&named), hash);
	}
	if (r < 0) {
		return trace(r);
	}
	hex_encode(&hex, VIEW(hash));
	r = buf_check(&hex);
	return r < 0 ? trace(r) : trace(view_copy_str(buf_view(&hex), ret_hex, 65));
}

/* -- one dossier's ----------------------------------------------------------------------------- */

static int place(struct buf *aad, const char *pseudonym)
{
	buf_put_str(aad, "vitaled dossier key 1");
	buf_put_u8(aad, 0);
	buf_put_str(aad, pseudonym);
	return trace(buf_check(aad));
}

static struct view master(const struct keys *k)
{
	return bytes_of(&k->master);
}

int keys_unwrap(
	const struct keys *k, const char *folder, const char *pseudonym, struct secret *ret)
{
	_cleanup_(buf_done) struct buf path = BUF_NULL(PATH_BYTES);
	_cleanup_(buf_done) struct buf wrapped = BUF_NULL(WRAPPED);
	_cleanup_(buf_done) struct buf aad = BUF_NULL(128);
	_cleanup_(buf_done) struct buf key = BUF_NULL(SEAL_KEY);
	int r;

	r = files_path(&path, folder, pseudonym, ".key");
	if (r == 0) {
		r = place(&aad, pseudonym);
	}
	if (r < 0) {
		return trace(r);
	}
	if (access(text(&path), F_OK) < 0 && errno == ENOENT) {
		return KEYS_ABSENT;
	}
	r = files_read(text(&path), WRAPPED, true, &wrapped);
	if (r < 0 || wrapped.len != WRAPPED) {
		return KEYS_DAMAGED;
	}
	r = seal_open(master(k), buf_view(&aad), buf_view(&wrapped), &key);
	if (r != 0) {
		return r < 0 ? trace(r) : KEYS_DAMAGED;
	}
	return trace(take_secret(buf_view(&key), ret));
}

int keys_make(const struct keys *k, const char *pseudonym, struct secret *ret,
	struct buf *ret_wrapped)
{
	_cleanup_(buf_done) struct buf aad = BUF_NULL(128);
	_cleanup_(buf_done) struct buf key = BUF_NULL(SEAL_KEY);
	int r;

	r = random_bytes(&key);
	if (r == 0) {
		r = place(&aad, pseudonym);
	}
	if (r == 0) {
		r = seal_put(master(k), buf_view(&aad), buf_view(&key), ret_wrapped);
	}
	return r < 0 ? trace(r) : trace(take_secret(buf_view(&key), ret));
}

int keys_save(const char *folder, const char *pseudonym, struct view wrapped)
{
	_cleanup_(buf_done) struct buf path = BUF_NULL(PATH_BYTES);
	int r;

	r = files_path(&path, folder, pseudonym, ".key");
	return r < 0 ? trace(r) : trace(files_write(text(&path), wrapped));
}

void keys_remove(const char *folder, const char *pseudonym)
{
	_cleanup_(buf_done) struct buf path = BUF_NULL(PATH_BYTES);

	if (files_path(&path, folder, pseudonym, ".key") == 0) {
		(void)unlink(text(&path));
	}
}
