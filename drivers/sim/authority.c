/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * The test authority on the disk. It is made completely in memory, written file by file with the
 * keys last, and counts as made when its keys are there; it never makes anything for nature real.
 */
#include "drivers/sim/authority.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "base/tlv.h"
#include "drivers/sim/state.h"

#define DAY_SECONDS (24 * 3600)
#define ROOT_YEARS  20

struct authority *authority_free(struct authority *a)
{
	if (!a)
		return NULL;
	EVP_PKEY_free(a->x509_key);
	EVP_PKEY_free(a->cvc_key);
	buf_done(&a->x509_root);
	free(a);
	return NULL;
}

static bool is_nature(const char *name)
{
	return strcmp(name, "simulated") == 0 || strcmp(name, "test") == 0;
}

static int make_folder(const char *path)
{
	if (mkdir(path, 0755) < 0 && errno != EEXIST)
		return fault(-errno);
	return 0;
}

/* DIR/PLACE/NAME/FILE, its folders made; the caller frees with buf_done(). */
static int path_of(struct buf *path, const char *dir, const char *place, const char *name,
	const char *file)
{
	_cleanup_(buf_done) struct buf folder = BUF_NULL(PATH_MAX);
	int r;

	buf_reset(path);
	buf_printf(path, "%s/%s/%s/%s", dir, place, name, file);
	buf_put_u8(path, 0);
	buf_printf(&folder, "%s/%s", dir, place);
	buf_put_u8(&folder, 0);
	r = buf_check(path);
	if (!r)
		r = buf_check(&folder);
	if (!r)
		r = make_folder((const char *)folder.data);
	buf_reset(&folder);
	buf_printf(&folder, "%s/%s/%s", dir, place, name);
	buf_put_u8(&folder, 0);
	if (!r)
		r = buf_check(&folder);
	if (!r)
		r = make_folder((const char *)folder.data);
	return trace(r);
}

struct place {
	const char *dir, *place, *name;
};

static int write_one(
	const struct place *at, const char *file, const struct buf *content, unsigned mode)
{
	_cleanup_(buf_done) struct buf path = BUF_NULL(PATH_MAX);
	int r;

	r = buf_check(content);
	if (!r)
		r = path_of(&path, at->dir, at->place, at->name, file);
	if (r)
		return trace(r);
	return trace(state_write_file((const char *)path.data, buf_view(content), mode));
}

/* Return: 0, a fault, or 1 when the file is not there. */
static int read_one(const struct place *at, const char *file, struct buf *content)
{
	_cleanup_(buf_done) struct buf path = BUF_NULL(PATH_MAX);
	int r;

	r = path_of(&path, at->dir, at->place, at->name, file);
	if (r)
		return trace(r);
	r = state_read_file((const char *)path.data, content);
	buf_put_u8(content, 0);
	return r;
}

static int write_cvc(const struct authority *a, const struct place *at, int64_t now)
{
	_cleanup_(buf_done) struct buf cvc = BUF_NULL(CVC_MAX), pem = BUF_NULL(4096);
	_cleanup_(buf_done) struct buf place = BUF_NULL(PATH_MAX);
	struct cvc_request q = {.car = a->car,
		.chr = a->car,
		.key = a->cvc_key,
		.signer = a->cvc_key,
		.role = CVC_ROLE_ROOT};
	struct place below = {.dir = at->dir, .name = "cvc"};
	int r;

	cvc_date(now - DAY_SECONDS, q.from);
	cvc_date(now + (int64_t)ROOT_YEARS * 365 * DAY_SECONDS, q.until);
	r = cvc_build(&q, &cvc);
	if (!r)
		r = crypto_put_public(a->cvc_key, &pem);
	if (!r)
		r = write_one(at, "cvc-root.cvcert", &cvc, 0644);
	if (!r)
		r = write_one(at, "cvc-root.pub", &pem, 0644);
	buf_printf(&place, "%s/%s", at->place, at->name);
	buf_put_u8(&place, 0);
	if (!r)
		r = buf_check(&place);
	if (r)
		return trace(r);
	below.place = (const char *)place.data;
	return trace(write_one(&below, a->car, &cvc, 0644));
}

static int write_x509(const struct authority *a, const struct place *at)
{
	_cleanup_(buf_done) struct buf pem = BUF_NULL(8192);
	int r;

	r = certificate_put_pem(buf_view(&a->x509_root), &pem);
	if (!r)
		r = write_one(at, "x509-root.pem", &pem, 0644);
	return trace(r);
}

static int write_keys(const struct authority *a, const struct place *at)
{
	_cleanup_(buf_done) struct buf pem = BUF_NULL(8192);
	int r;

	r = crypto_put_private(a->cvc_key, &pem);
	if (!r)
		r = write_one(at, "cvc-key.pem", &pem, 0600);
	buf_reset(&pem);
	if (!r)
		r = write_one(at, "x509-root.der", &a->x509_root, 0644);
	if (!r)
		r = crypto_put_private(a->x509_key, &pem);
	if (!r)
		r = write_one(at, "x509-key.pem", &pem, 0600);
	return trace(r);
}

static int make(struct authority *a, const char *dir)
{
	struct place public = {dir, is_nature(a->name) ? "anchors" : "outside", a->name};
	struct place private = {dir, "authorities", a->name};
	int64_t now = (int64_t)(clock_wall() / USEC_PER_SEC);
	struct certificate_times times = {
		.from = now -
			(int64_t)6 * 365 * DAY_SECONDS, /* expired cards were valid once */
		.until = now + (int64_t)ROOT_YEARS * 365 * DAY_SECONDS,
	};
	const char *organisation =
		strcmp(a->name, "test") == 0 ? "VITALED TEST" : "VITALED SIMULATION";
	int r;

	r = crypto_new_rsa(&a->x509_key);
	if (!r)
		r = crypto_new_ec(&a->cvc_key);
	if (!r)
		r = certificate_root(a->x509_key, organisation, &times, &a->x509_root);
	if (!r)
		r = write_x509(a, &public);
	if (!r)
		r = write_cvc(a, &public, times.from);
	if (!r)
		r = write_keys(a, &private);
	return trace(r);
}

/* Return: 0, a fault, or AUTHORITY_REFUSED when it has not been made yet. */
static int load(struct authority *a, const char *dir)
{
	_cleanup_(buf_done) struct buf x509 = BUF_NULL(8192), cvc = BUF_NULL(8192);
	struct place private = {dir, "authorities", a->name};
	int r;

	r = read_one(&private, "x509-key.pem", &x509);
	if (!r)
		r = read_one(&private, "cvc-key.pem", &cvc);
	if (!r)
		r = read_one(&private, "x509-root.der", &a->x509_root);
	if (r)
		return r > 0 ? AUTHORITY_REFUSED : trace(r);
	if (buf_check(&x509) || buf_check(&cvc) || buf_check(&a->x509_root))
		return fault(-EIO);
	buf_truncate(&a->x509_root, a->x509_root.len - 1);
	r = crypto_load_private((const char *)x509.data, &a->x509_key);
	if (!r)
		r = crypto_load_private((const char *)cvc.data, &a->cvc_key);
	return r > 0 ? fault(-EIO) : trace(r);
}

int authority_open(const char *dir, const char *name, struct authority **ret_authority)
{
	struct authority *a;
	int r;

	if (!state_name_ok(name) || strcmp(name, "real") == 0 ||
		strlen(name) >= sizeof(a->name))
		return AUTHORITY_REFUSED;
	a = calloc(1, sizeof(*a));
	if (!a)
		return fault(-ENOMEM);
	a->x509_root = BUF_NULL(8192);
	snprintf(a->name, sizeof(a->name), "%s", name);
	snprintf(a->car, sizeof(a->car), "%s",
		strcmp(name, "test") == 0 ? "FRVDTSTROOT00001" : "FRVDSIMROOT00001");
	r = load(a, dir);
	if (r > 0) {
		buf_reset(&a->x509_root);
		r = make(a, dir);
	}
	if (r) {
		authority_free(a);
		return trace(r);
	}
	*ret_authority = a;
	return 0;
}

int authority_revoke(const struct authority *a, const char *dir, struct view certificate,
	const struct certificate_times *t)
{
	_cleanup_(buf_done) struct buf before = BUF_NULL(STATE_MAX), list = BUF_NULL(STATE_MAX);
	struct place at = {dir, ".", "crl"};
	char file[sizeof(a->name) + 4];
	int r;

	snprintf(file, sizeof(file), "%s.crl", a->name);
	r = read_one(&at, file, &before);
	if (r < 0)
		return trace(r);
	if (buf_check(&before))
		return trace(buf_check(&before));
	if (r == 0)
		buf_truncate(&before, before.len - 1); /* the NUL that a text would need */
	else
		buf_reset(&before);
	r = certificate_crl(
		a->x509_key, buf_view(&a->x509_root), buf_view(&before), certificate, t, &list);
	if (!r)
		r = write_one(&at, file, &list, 0644);
	return trace(r);
}
