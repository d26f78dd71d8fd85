/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * State files of simulated cards: loaded whole, saved whole, never half. Owns the JSON document,
 * the keys and the certificates of one card until state_free().
 */
#include "drivers/sim/state.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/hex.h"

static void fd_put(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

bool state_name_ok(const char *name)
{
	size_t len = strlen(name);

	if (len == 0 || len >= STATE_NAME || name[0] == '.')
		return false;
	for (const char *c = name; *c; c++)
		if (!islower((unsigned char)*c) && !isdigit((unsigned char)*c) && *c != '-' &&
			*c != '.')
			return false;
	return true;
}

int state_read_file(const char *path, struct buf *out)
{
	_cleanup_(fd_put) int fd = open(path, O_RDONLY | O_CLOEXEC);
	uint8_t block[2048];
	ssize_t n;

	if (fd < 0)
		return errno == ENOENT ? STATE_ABSENT : fault(-errno);
	do {
		n = read(fd, block, sizeof(block));
		if (n > 0)
			buf_put(out, block, (size_t)n);
	} while (n > 0);
	wipe(block, sizeof(block));
	if (n < 0)
		return fault(-errno);
	return trace(buf_check(out));
}

static int write_all(int fd, struct view content)
{
	struct reader r = reader_of(content);

	while (r.left > 0) {
		ssize_t n = write(fd, r.data, r.left);

		if (n < 0)
			return fault(-errno);
		reader_take(&r, (size_t)n);
	}
	return 0;
}

static int sync_folder(const char *path)
{
	_cleanup_(fd_put) int fd = -1;
	char *copy = strdup(path); /* dirname() writes into it */

	if (!copy)
		return fault(-ENOMEM);
	fd = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	free(copy);
	if (fd < 0 || fsync(fd) < 0)
		return fault(-errno);
	return 0;
}

static int write_beside(const char *temporary, struct view content, unsigned mode)
{
	_cleanup_(fd_put) int fd =
		open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, mode);
	int r;

	if (fd < 0 || fchmod(fd, mode) < 0)
		return fault(-errno);
	r = write_all(fd, content);
	if (r)
		return trace(r);
	return fsync(fd) < 0 ? fault(-errno) : 0;
}

int state_write_file(const char *path, struct view content, unsigned mode)
{
	_cleanup_(buf_done) struct buf name = BUF_NULL(PATH_MAX);
	int r;

	buf_printf(&name, "%s.new", path);
	buf_put_u8(&name, 0);
	r = buf_check(&name);
	if (r)
		return trace(r);
	r = write_beside((const char *)name.data, content, mode);
	if (r)
		return trace(r);
	if (rename((const char *)name.data, path) < 0)
		return fault(-errno);
	return trace(sync_folder(path));
}

static int load_key(const json_t *keys, const char *member, bool required, EVP_PKEY **ret)
{
	const char *pem = json_get_str(keys, member);
	int r;

	if (!pem)
		return required ? STATE_INVALID : 0;
	r = crypto_load_private(pem, ret);
	return r > 0 ? STATE_INVALID : trace(r);
}

static int load_bytes(const json_t *j, const char *member, bool required, struct buf *out)
{
	const char *text = json_get_str(j, member);

	if (!text)
		return required ? STATE_INVALID : 0;
	if (base64_decode(out, view_str(text)) || buf_check(out))
		return STATE_INVALID;
	return 0;
}

static int load_code(const json_t *j, struct state_code *c)
{
	int64_t tries, max, uses;

	if (!json_get_str(j, "value") ||
		view_copy_str(view_str(json_get_str(j, "value")), c->value, sizeof(c->value)) ||
		json_get_int(j, "max", 1, 15, &max) ||
		json_get_int(j, "tries", 0, max, &tries) ||
		json_get_int(j, "uses", 0, 65535, &uses))
		return STATE_INVALID;
	c->tries = (uint8_t)tries;
	c->max = (uint8_t)max;
	c->uses = (uint16_t)uses;
	return 0;
}

static int load_root(const json_t *j, struct state *s)
{
	_cleanup_(buf_done) struct buf point = BUF_NULL(CRYPTO_POINT);
	const char *name = json_get_str(j, "name");
	int r;

	if (!name || view_copy_str(view_str(name), s->root_name, sizeof(s->root_name)))
		return STATE_INVALID;
	r = load_bytes(j, "point", true, &point);
	if (r)
		return r;
	r = crypto_ec_from_point(buf_view(&point), &s->root_key);
	return r > 0 ? STATE_INVALID : trace(r);
}

/* The contactless side: one key and its certificate. */
static int load_technical(struct state *s, const json_t *keys, const json_t *certificates)
{
	int r = load_key(keys, "technical", true, &s->technical_key);

	if (!r)
		r = load_bytes(certificates, "technical", true, &s->technical_certificate);
	return r;
}

static int load_secrets(struct state *s)
{
	const json_t *keys = json_object_get(s->document, "keys");
	const json_t *certificates = json_object_get(s->document, "certificates");
	bool cps = profile_is_cps(s->profile);
	int r;

	if (!cps && s->profile->kind != PROFILE_KIND_VITALE)
		return 0;
	if (s->profile->contactless)
		return load_technical(s, keys, certificates);
	r = load_key(keys, "card", true, &s->card_key);
	if (!r)
		r = load_key(keys, "authentication", cps, &s->authentication_key);
	if (!r)
		r = load_key(keys, "signature", cps, &s->signature_key);
	if (!r)
		r = load_bytes(certificates, "card", true, &s->cvc);
	if (!r)
		r = load_bytes(
			certificates, "authentication", cps, &s->authentication_certificate);
	if (!r)
		r = load_bytes(certificates, "signature", cps, &s->signature_certificate);
	if (!r)
		r = load_root(json_object_get(s->document, "root"), s);
	if (!r && cps)
		r = load_code(json_object_get(s->document, "pin"), &s->pin);
	if (!r && cps)
		r = load_code(json_object_get(s->document, "puk"), &s->puk);
	return r;
}

int state_new(json_t *document, struct state **ret_state)
{
	_cleanup_state_ struct state *s = calloc(1, sizeof(*s));
	_cleanup_(buf_done) struct buf why = BUF_NULL(512);
	int r;

	if (!s)
		return fault(-ENOMEM);
	s->cvc = BUF_NULL(CVC_MAX);
	s->authentication_certificate = BUF_NULL(8192);
	s->signature_certificate = BUF_NULL(8192);
	s->technical_certificate = BUF_NULL(8192);
	s->document = json_incref(document);
	r = profile_new(json_object_get(document, "profile"), &why, &s->profile);
	if (r)
		return r > 0 ? STATE_INVALID : trace(r);
	r = load_secrets(s);
	if (r)
		return r > 0 ? STATE_INVALID : trace(r);
	*ret_state = s;
	s = NULL;
	return 0;
}

int state_load(const char *dir, const char *name, struct state **ret_state)
{
	_cleanup_(buf_done) struct buf path = BUF_NULL(PATH_MAX), text = BUF_NULL(STATE_MAX);
	_cleanup_json_ json_t *document = NULL;
	_cleanup_state_ struct state *s = NULL;
	int r;

	if (!state_name_ok(name))
		return STATE_ABSENT;
	buf_printf(&path, "%s/cards/%s.json", dir, name);
	buf_put_u8(&path, 0);
	r = buf_check(&path);
	if (r)
		return trace(r);
	r = state_read_file((const char *)path.data, &text);
	if (r)
		return r > 0 ? STATE_ABSENT : trace(r);
	r = json_parse(buf_view(&text), &document);
	if (r)
		return r > 0 ? STATE_INVALID : trace(r);
	r = state_new(document, &s);
	if (r)
		return r > 0 ? STATE_INVALID : trace(r);
	s->path = buf_take_str(&path);
	if (!s->path)
		return fault(-ENOMEM);
	*ret_state = s;
	s = NULL;
	return 0;
}

static int store_code(json_t *document, const char *member, const struct state_code *c)
{
	json_t *j = json_pack("{s:s, s:i, s:i, s:i}", "value", c->value, "tries", (int)c->tries,
		"max", (int)c->max, "uses", (int)c->uses);

	return trace(json_set(document, member, j));
}

int state_save(struct state *s)
{
	_cleanup_(buf_done) struct buf text = BUF_NULL(STATE_MAX);
	int r = 0;

	if (profile_has_codes(s->profile)) {
		r = store_code(s->document, "pin", &s->pin);
		if (!r)
			r = store_code(s->document, "puk", &s->puk);
	}
	if (r || !s->path)
		return trace(r);
	r = json_pretty(s->document, &text);
	if (r)
		return trace(r);
	return trace(state_write_file(s->path, buf_view(&text), 0600));
}

struct state *state_free(struct state *s)
{
	if (!s)
		return NULL;
	free(s->path);
	json_decref(s->document);
	profile_free(s->profile);
	EVP_PKEY_free(s->card_key);
	EVP_PKEY_free(s->authentication_key);
	EVP_PKEY_free(s->signature_key);
	EVP_PKEY_free(s->technical_key);
	EVP_PKEY_free(s->root_key);
	buf_done(&s->cvc);
	buf_done(&s->authentication_certificate);
	buf_done(&s->signature_certificate);
	buf_done(&s->technical_certificate);
	wipe(s, sizeof(*s));
	free(s);
	return NULL;
}
