/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * The maker of simulated cards. A card's state is built as one JSON document, checked by loading it,
 * and then written; a run that is repeated makes new cards under the same authority.
 */
#include "drivers/sim/personalise.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "base/clock.h"
#include "base/hex.h"
#include "drivers/sim/authority.h"

#define DAY_SECONDS (24 * 3600)
#define CRL_AGE	    3600

enum {
	PIN_TRIES = 3,
	PUK_TRIES = 10,
	PUK_USES = 100,
};

static void authority_put(struct authority **a)
{
	*a = authority_free(*a);
}

static void profile_put(struct profile **p)
{
	*p = profile_free(*p);
}

/* Set a base64 member. */
static int set_bytes(json_t *j, const char *member, struct view bytes)
{
	_cleanup_(buf_done) struct buf text = BUF_NULL(16384);

	base64_encode(&text, bytes);
	if (buf_check(&text))
		return trace(buf_check(&text));
	return trace(json_set(j, member, json_stringn((const char *)text.data, text.len)));
}

static int set_key(json_t *keys, const char *member, EVP_PKEY *key)
{
	_cleanup_(buf_done) struct buf pem = BUF_NULL(8192);
	int r;

	r = crypto_put_private(key, &pem);
	if (r)
		return trace(r);
	return trace(json_set(keys, member, json_stringn((const char *)pem.data, pem.len)));
}

struct issue {
	const struct personalise_job *job;
	const struct profile *profile;
	const struct authority *authority;
	struct certificate_times times;
	json_t *keys, *certificates; /* borrowed from the document */
};

static int issue_cvc(const struct issue *i)
{
	_cleanup_(buf_done) struct buf cvc = BUF_NULL(CVC_MAX);
	_cleanup_key_ EVP_PKEY *key = NULL;
	const struct profile *p = i->profile;
	bool cps = profile_is_cps(p);
	char chr[CVC_NAME + 1];
	struct cvc_request q = {.car = i->authority->car,
		.chr = chr,
		.signer = i->authority->cvc_key,
		.role = CVC_ROLE_PATIENT};
	int r;

	if (cps)
		q.role = p->professional.profession ? p->professional.profession
						    : CVC_ROLE_MEMBER;

	r = crypto_new_ec(&key);
	if (r)
		return trace(r);
	q.key = key;
	cvc_name(cps ? 'P' : 'V', p->serial, chr);
	cvc_date(i->times.from, q.from);
	cvc_date(i->times.until, q.until);
	r = cvc_build(&q, &cvc);
	if (!r)
		r = set_key(i->keys, "card", key);
	if (!r)
		r = set_bytes(i->certificates, "card", buf_view(&cvc));
	return trace(r);
}

/* A list is 30 days old at most, and its nextUpdate may be past when the profile says so. */
static int revoke(const struct issue *i, struct view certificate)
{
	int64_t now = (int64_t)(clock_wall() / USEC_PER_SEC);
	struct certificate_times t = {
		.from = now - CRL_AGE, .until = now + i->profile->crl_days * DAY_SECONDS};

	if (t.from >= t.until)
		t.from = t.until - 30 * DAY_SECONDS;
	return trace(authority_revoke(i->authority, i->job->dir, certificate, &t));
}

static int issue_x509(const struct issue *i, enum certificate_use use, const char *member)
{
	_cleanup_(buf_done) struct buf der = BUF_NULL(8192);
	_cleanup_key_ EVP_PKEY *key = NULL;
	int r;

	r = crypto_new_rsa(&key);
	if (!r)
		r = certificate_card(i->profile, use, key, i->authority->x509_key,
			buf_view(&i->authority->x509_root), &i->times, &der);
	if (!r)
		r = set_key(i->keys, member, key);
	if (!r)
		r = set_bytes(i->certificates, member, buf_view(&der));
	if (!r && i->profile->revoked)
		r = revoke(i, buf_view(&der));
	return trace(r);
}

/* A new object as a member; the document owns it. */
static int add_object(json_t *document, const char *member, json_t **ret)
{
	json_t *j = json_object();
	int r = json_set(document, member, j);

	if (!r)
		*ret = j;
	return trace(r);
}

static int set_root(json_t *document, const struct authority *a)
{
	json_t *root = NULL;
	uint8_t point[CRYPTO_POINT];
	int r;

	r = add_object(document, "root", &root);
	if (!r)
		r = json_set(root, "name", json_string(a->car));
	if (!r)
		r = crypto_ec_point(a->cvc_key, point);
	if (!r)
		r = set_bytes(root, "point", VIEW(point));
	return trace(r);
}

static int set_codes(json_t *document, const struct profile *p)
{
	int r;

	r = json_set(document, "pin",
		json_pack("{s:s, s:i, s:i, s:i}", "value", p->pin, "tries", PIN_TRIES, "max",
			PIN_TRIES, "uses", 1));
	if (!r)
		r = json_set(document, "puk",
			json_pack("{s:s, s:i, s:i, s:i}", "value", p->puk, "tries", PUK_TRIES,
				"max", PUK_TRIES, "uses", PUK_USES));
	return trace(r);
}

static int fill(json_t *document, const struct personalise_job *job, const struct profile *p,
	const struct authority *a)
{
	int64_t now = (int64_t)(clock_wall() / USEC_PER_SEC);
	struct issue i = {.job = job, .profile = p, .authority = a};
	int r;

	i.times.from = now + p->from_days * DAY_SECONDS;
	i.times.until = now + p->until_days * DAY_SECONDS;
	r = add_object(document, "keys", &i.keys);
	if (!r)
		r = add_object(document, "certificates", &i.certificates);
	if (!r && p->contactless)
		return trace(issue_x509(&i, CERTIFICATE_TECHNICAL, "technical"));
	if (!r)
		r = issue_cvc(&i);
	if (!r)
		r = set_root(document, a);
	if (r || !profile_is_cps(p))
		return trace(r);
	r = issue_x509(&i, CERTIFICATE_AUTHENTICATION, "authentication");
	if (!r)
		r = issue_x509(&i, CERTIFICATE_SIGNATURE, "signature");
	if (!r)
		r = set_codes(document, p);
	return trace(r);
}

/* The card's name: the profile's file name without its folder and .json. */
static int find_profile(const struct personalise_job *job, const char *profile,
	struct buf *path, char *ret_name, size_t size)
{
	const char *base = strrchr(profile, '/');
	struct view name = view_str(base ? base + 1 : profile);

	if (view_equal(view_last(name, 5), VIEW_TEXT(".json")))
		name.len -= 5;
	if (view_copy_str(name, ret_name, size) || !state_name_ok(ret_name))
		return PERSONALISE_ABSENT;
	if (base)
		buf_put_str(path, profile);
	else
		buf_printf(path, "%s/%s.json", job->profiles, ret_name);
	buf_put_u8(path, 0);
	return trace(buf_check(path));
}

static int read_profile(const char *path, struct buf *why, json_t **ret_json)
{
	_cleanup_(buf_done) struct buf text = BUF_NULL(STATE_MAX);
	int r;

	r = state_read_file(path, &text);
	if (r)
		return r > 0 ? PERSONALISE_ABSENT : trace(r);
	r = json_parse(buf_view(&text), ret_json);
	if (r > 0) {
		buf_put_str(why, "it is not JSON");
		return PERSONALISE_INVALID;
	}
	return trace(r);
}

static int write_state(const struct personalise_job *job, const char *name, json_t *document)
{
	_cleanup_(buf_done) struct buf path = BUF_NULL(PATH_MAX), text = BUF_NULL(STATE_MAX);
	_cleanup_state_ struct state *check = NULL;
	int r;

	r = state_new(document, &check);
	if (r)
		return r > 0 ? fault(-EINVAL) : trace(r);
	buf_printf(&path, "%s/cards", job->dir);
	buf_put_u8(&path, 0);
	r = buf_check(&path);
	if (r)
		return trace(r);
	if (mkdir((const char *)path.data, 0700) < 0 && errno != EEXIST)
		return fault(-errno);
	buf_reset(&path);
	buf_printf(&path, "%s/cards/%s.json", job->dir, name);
	buf_put_u8(&path, 0);
	r = buf_check(&path);
	if (!r)
		r = json_pretty(document, &text);
	if (r)
		return trace(r);
	return trace(state_write_file((const char *)path.data, buf_view(&text), 0600));
}

static int make_card(const struct personalise_job *job, const char *name, json_t *profile_json,
	const struct profile *p)
{
	_cleanup_(authority_put) struct authority *a = NULL;
	_cleanup_json_ json_t *document = json_object();
	int r;

	r = json_set(document, "version", json_integer(1));
	if (!r)
		r = json_set(document, "name", json_string(name));
	if (!r)
		r = json_set(document, "profile", json_incref(profile_json));
	if (r)
		return trace(r);
	if (profile_is_cps(p) || p->kind == PROFILE_KIND_VITALE) {
		r = authority_open(job->dir, p->authority[0] ? p->authority : job->nature, &a);
		if (r)
			return r > 0 ? PERSONALISE_AUTHORITY : trace(r);
		r = fill(document, job, p, a);
		if (r)
			return trace(r);
	}
	return trace(write_state(job, name, document));
}

int personalise_card(const struct personalise_job *job, const char *profile, struct buf *why)
{
	_cleanup_(buf_done) struct buf path = BUF_NULL(PATH_MAX);
	_cleanup_(profile_put) struct profile *p = NULL;
	_cleanup_json_ json_t *j = NULL;
	char name[STATE_NAME];
	int r;

	r = find_profile(job, profile, &path, name, sizeof(name));
	if (!r)
		r = read_profile((const char *)path.data, why, &j);
	if (r)
		return r > 0 ? r : trace(r);
	r = profile_new(j, why, &p);
	if (r)
		return r > 0 ? PERSONALISE_INVALID : trace(r);
	if (mkdir(job->dir, 0755) < 0 && errno != EEXIST)
		return fault(-errno);
	return make_card(job, name, j, p);
}
