/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * Looking up certificates in the revocation lists. The whole chain is asked: a revoked authority
 * revokes what it issued; "good" is said of the card's own certificate alone, by a list that is
 * complete for it and within its time. struct trust owns the lists that were put; until then the
 * list is the caller's. The numbers come sorted from the child and are checked to be.
 *
 * Cards and feeders are two sides: a list is of the side whose anchor signed it and is asked for no
 * certificate of the other, although no key may be on both (feeders.h).
 *
 * "Unknown" is an answer, of lists that were asked. Whatever keeps us from asking them is a fault: OpenSSL
 * often says no more than "no", so whoever was verified before and is not now counts as one too.
 */
#include "daemon/trust/revocation.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/limits.h"
#include "daemon/trust/anchors.h"

#define AUTHORITIES_MAX (4U * 1024U * 1024U) /* bytes of all anchors; each comes from 64 kB */

enum side {
	SIDE_CARDS = 0,
	SIDE_FEEDERS, /* REVOCATION_SIDES */
};

enum is_outcome {
	IS_IT = 1,
};

struct revocation {
	struct revocation_head head;
	enum side side;
	uint8_t (*serials)[ISSUER_SERIAL]; /* ascending */
	uint32_t n;
};

static void points_put(CRL_DIST_POINTS **points)
{
	CRL_DIST_POINTS_free(*points);
}

const char *trust_revocation_word(enum trust_revocation r)
{
	static const char *const words[] = {"unknown", "good", "revoked"};

	return words[r];
}

/* -- the lists ---------------------------------------------------------------------------------- */

/* The @i-th X.509 anchor of @of, borrowed; NULL: there are no more. */
static X509 *anchor(const struct trust_nature *of, int i)
{
	const STACK_OF(X509_OBJECT) *all =
		of->store ? X509_STORE_get0_objects(of->store) : NULL;

	return i < sk_X509_OBJECT_num(all) ? X509_OBJECT_get0_X509(sk_X509_OBJECT_value(all, i))
					   : NULL;
}

static int put_der(X509 *cert, struct buf *out)
{
	unsigned char *der = NULL;
	int len = i2d_X509(cert, &der);

	if (len <= 0)
		return crypto_fault();
	buf_put(out, der, (size_t)len);
	OPENSSL_free(der);
	return 0;
}

int revocation_authorities(const struct trust *t, struct buf *out)
{
	_cleanup_(buf_done) struct buf all = BUF_NULL(AUTHORITIES_MAX);
	X509 *cert;

	for (size_t n = 0; n < NATURE_COUNT; n++) {
		for (int i = 0; (cert = anchor(&t->of[n], i)); i++) {
			int r = put_der(cert, &all);

			if (r < 0)
				return trace(r);
		}
	}
	for (size_t i = 0; i < t->n_feeders; i++) {
		int r = put_der(t->feeders[i].cert, &all);

		if (r < 0)
			return trace(r);
	}
	if (buf_check(&all) < 0)
		return trace(buf_check(&all));
	buf_put_view(out, buf_view(&all));
	return trace(buf_check(out));
}

/* Return: 0, a fault or IS_IT. */
static int is_named(X509 *cert, const uint8_t id[ISSUER_ID])
{
	uint8_t own[ISSUER_ID];
	int r = issuer_id(cert, own);

	if (r < 0)
		return trace(r);
	return memcmp(own, id, ISSUER_ID) == 0 ? IS_IT : 0;
}

/* Return: 0, a fault or STRANGER. */
static int find_authority(
	const struct trust *t, const uint8_t id[ISSUER_ID], enum side *ret_side)
{
	X509 *cert;
	int r = 0;

	for (size_t n = 0; n < NATURE_COUNT && r == 0; n++) {
		for (int i = 0; r == 0 && (cert = anchor(&t->of[n], i)); i++)
			r = is_named(cert, id);
	}
	*ret_side = SIDE_CARDS;
	for (size_t i = 0; i < t->n_feeders && r == 0; i++) {
		r = is_named(t->feeders[i].cert, id);
		*ret_side = SIDE_FEEDERS;
	}
	if (r < 0)
		return trace(r);
	return r == IS_IT ? 0 : REVOCATION_STRANGER;
}

/* Where the list is that @head would replace; n_lists when there is none. */
static size_t place_of(const struct trust *t, const struct revocation_head *head)
{
	size_t i = 0;

	while (i < t->n_lists &&
		(memcmp(t->lists[i]->head.issuer, head->issuer, ISSUER_ID) != 0 ||
			strcmp(t->lists[i]->head.point, head->point) != 0))
		i++;
	return i;
}

static bool is_older(const struct revocation_head *head, const struct revocation_head *held)
{
	if (head->numbered && held->numbered &&
		memcmp(head->number, held->number, ISSUER_SERIAL) < 0)
		return true;
	return head->this_update < held->this_update;
}

/* Whether @head may take its place; each side has room of its own, so that none fills the other's.
 * Return: 0, OLDER or FULL. */
static int check_place(
	const struct trust *t, const struct revocation_head *head, enum side side)
{
	size_t at = place_of(t, head);
	uint64_t entries = head->count;
	size_t places = 1;

	if (at < t->n_lists && is_older(head, &t->lists[at]->head))
		return REVOCATION_OLDER;
	for (size_t i = 0; i < t->n_lists; i++) {
		if (i != at && t->lists[i]->side == side) {
			entries += t->lists[i]->n;
			places++;
		}
	}
	return places > LIMIT_CRL_FILES || entries > LIMIT_CRL_ENTRIES ? REVOCATION_FULL : 0;
}

int revocation_begin(const struct trust *t, const struct revocation_head *head, uint64_t now,
	struct revocation **ret)
{
	struct revocation *l;
	enum side side;
	int r = find_authority(t, head->issuer, &side);

	if (r != 0)
		return trace(r);
	if (head->this_update > now)
		return REVOCATION_EARLY;
	r = check_place(t, head, side);
	if (r != 0)
		return r;
	l = calloc(1, sizeof(*l));
	if (!l)
		return fault(-ENOMEM);
	l->head = *head;
	l->side = side;
	l->serials = malloc(((size_t)head->count + 1) * ISSUER_SERIAL);
	if (!l->serials) {
		free(l);
		return fault(-ENOMEM);
	}
	*ret = l;
	return 0;
}

int revocation_add(struct revocation *l, struct view serials)
{
	struct reader r = reader_of(serials);

	if (serials.len % ISSUER_SERIAL != 0 ||
		serials.len / ISSUER_SERIAL > l->head.count - l->n)
		return REVOCATION_BROKEN;
	while (r.left > 0) {
		struct view one = reader_take(&r, ISSUER_SERIAL);

		bytes_copy(l->serials[l->n], ISSUER_SERIAL, one.data, one.len);
		if (l->n > 0 &&
			memcmp(l->serials[l->n - 1], l->serials[l->n], ISSUER_SERIAL) >= 0)
			return REVOCATION_BROKEN;
		l->n++;
	}
	return 0;
}

bool revocation_complete(const struct revocation *l)
{
	return l->n == l->head.count;
}

int revocation_put(struct trust *t, struct revocation *l)
{
	size_t at = place_of(t, &l->head);
	int r = revocation_complete(l) ? check_place(t, &l->head, l->side) : REVOCATION_BROKEN;

	if (r != 0) {
		revocation_free(l);
		return r;
	}
	if (at == t->n_lists)
		t->n_lists++;
	else
		revocation_free(t->lists[at]);
	t->lists[at] = l;
	return 0;
}

struct revocation *revocation_free(struct revocation *l)
{
	if (l)
		free(l->serials);
	free(l);
	return NULL;
}

/* -- looking up --------------------------------------------------------------------------------- */

static bool is_current(const struct revocation_head *h, uint64_t now)
{
	return h->this_update <= now && now <= h->next_update;
}

static int by_serial(const void *a, const void *b)
{
	return memcmp(a, b, ISSUER_SERIAL);
}

static bool has_serial(const struct revocation *l, const uint8_t serial[ISSUER_SERIAL])
{
	return bsearch(serial, l->serials, l->n, ISSUER_SERIAL, by_serial) != NULL;
}

/* Whether one of the full names of @point is the URI @uri. */
static bool names_uri(const DIST_POINT *point, const char *uri)
{
	const GENERAL_NAMES *names = point->distpoint && point->distpoint->type == 0
					     ? point->distpoint->name.fullname
					     : NULL;

	for (int i = 0; names && i < sk_GENERAL_NAME_num(names); i++) {
		const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, i);
		const ASN1_STRING *s =
			name->type == GEN_URI ? name->d.uniformResourceIdentifier : NULL;

		if (s && view_equal(view_of(ASN1_STRING_get0_data(s),
					    (size_t)ASN1_STRING_length(s)),
				 view_str(uri)))
			return true;
	}
	return false;
}

/* Whether a list for @point is complete for @cert. Return: 0, a fault or IS_IT. */
static int covers(X509 *cert, const char *point)
{
	_cleanup_(points_put) CRL_DIST_POINTS *points = NULL;
	int critical = -1;

	if (!*point)
		return IS_IT;
	points = X509_get_ext_d2i(cert, NID_crl_distribution_points, &critical, NULL);
	if (!points && critical != -1)
		return crypto_fault();
	for (int i = 0; points && i < sk_DIST_POINT_num(points); i++) {
		const DIST_POINT *p = sk_DIST_POINT_value(points, i);

		if (!p->reasons && names_uri(p, point))
			return IS_IT;
	}
	return 0;
}

/* What the lists of authority @id say of @cert, whose number is @serial. Return: 0 or a fault. */
static int look_up_serial(const struct trust *t, enum side side, X509 *cert,
	const uint8_t id[ISSUER_ID], const uint8_t serial[ISSUER_SERIAL], uint64_t now,
	enum trust_revocation *ret)
{
	enum trust_revocation answer = TRUST_REVOCATION_UNKNOWN;
	int r;

	for (size_t i = 0; i < t->n_lists; i++) {
		const struct revocation *l = t->lists[i];

		if (l->side != side || memcmp(l->head.issuer, id, ISSUER_ID) != 0)
			continue;
		if (has_serial(l, serial)) {
			*ret = TRUST_REVOCATION_REVOKED;
			return 0;
		}
		r = is_current(&l->head, now) ? covers(cert, l->head.point) : 0;
		if (r < 0)
			return trace(r);
		if (r == IS_IT)
			answer = TRUST_REVOCATION_GOOD;
	}
	*ret = answer;
	return 0;
}

/* What the lists of @issuer say of @cert. Return: 0 or a fault. */
static int look_up(const struct trust *t, enum side side, X509 *cert, X509 *issuer,
	uint64_t now, enum trust_revocation *ret)
{
	uint8_t id[ISSUER_ID], serial[ISSUER_SERIAL];
	int r = issuer_id(issuer, id);

	if (r < 0)
		return trace(r);
	if (issuer_serial(X509_get0_serialNumber(cert), serial) != 0) {
		*ret = TRUST_REVOCATION_UNKNOWN; /* no list can have it */
		return 0;
	}
	return trace(look_up_serial(t, side, cert, id, serial, now, ret));
}

/* @chain: each was issued by the next. Return: 0 or a fault. */
static int look_up_chain(const struct trust *t, enum side side, const trust_chain_of *chain,
	uint64_t now, enum trust_revocation *ret)
{
	enum trust_revocation answer = TRUST_REVOCATION_UNKNOWN;

	for (int i = 0; i + 1 < sk_X509_num(chain); i++) {
		enum trust_revocation one;
		int r = look_up(t, side, sk_X509_value(chain, i), sk_X509_value(chain, i + 1),
			now, &one);

		if (r < 0)
			return trace(r);
		if (i == 0 || one == TRUST_REVOCATION_REVOKED)
			answer = one;
		if (one == TRUST_REVOCATION_REVOKED)
			break;
	}
	*ret = answer;
	return 0;
}

int trust_revocation(
	const struct trust *t, struct view der, uint64_t now, enum trust_revocation *ret)
{
	_cleanup_(crypto_x509_put) X509 *cert = NULL;
	_cleanup_(trust_chain_put) trust_chain_of *chain = NULL;
	enum nature nature;
	int r;

	if (t->n_lists == 0) {
		*ret = TRUST_REVOCATION_UNKNOWN;
		return 0;
	}
	r = trust_parse(der, &cert);
	if (r == 0)
		r = trust_chain(t, cert, &nature, &chain);
	if (r > 0)
		return fault(-EBADMSG);
	return r < 0 ? trace(r) : trace(look_up_chain(t, SIDE_CARDS, chain, now, ret));
}

int revocation_feeder(
	const struct trust *t, struct view der, uint64_t now, enum trust_revocation *ret)
{
	_cleanup_(trust_chain_put) trust_chain_of *chain = NULL;
	int r = feeders_chain(t, der, &chain);

	if (r == 0)
		r = look_up_chain(t, SIDE_FEEDERS, chain, now, ret);
	return trace(r);
}

/* -- what is there ------------------------------------------------------------------------------ */

/* Whether @cert issued @other, which is not it nor its renewal. */
static bool has_issued(X509 *cert, X509 *other)
{
	return X509_NAME_cmp(X509_get_subject_name(other), X509_get_issuer_name(other)) != 0 &&
	       X509_check_issued(cert, other) == X509_V_OK;
}

/* Whether @cert issued another anchor of @of, and so no cards. */
static bool issues_anchors(const struct trust_nature *of, X509 *cert)
{
	X509 *other;

	for (int i = 0; (other = anchor(of, i)); i++) {
		if (has_issued(cert, other))
			return true;
	}
	return false;
}

static enum revocation_lists lists_of(
	const struct trust *t, const uint8_t id[ISSUER_ID], uint64_t now)
{
	enum revocation_lists answer = REVOCATION_LISTS_NONE;

	for (size_t i = 0; i < t->n_lists; i++) {
		if (memcmp(t->lists[i]->head.issuer, id, ISSUER_ID) != 0)
			continue;
		if (is_current(&t->lists[i]->head, now))
			return REVOCATION_LISTS_CURRENT;
		answer = REVOCATION_LISTS_EXPIRED;
	}
	return answer;
}

/* The CN of @cert, or its whole name, in UTF-8. */
static int name_of(X509 *cert, struct buf *out)
{
	_cleanup_(crypto_bio_put) BIO *bio = BIO_new(BIO_s_mem());
	X509_NAME *name = X509_get_subject_name(cert);
	int at = X509_NAME_get_index_by_NID(name, NID_commonName, -1);
	int ok;

	if (!bio)
		return crypto_fault();
	ok = at < 0 ? X509_NAME_print_ex(bio, name, 0,
			      XN_FLAG_ONELINE & ~(unsigned long)ASN1_STRFLGS_ESC_MSB)
		    : ASN1_STRING_print_ex(bio,
			      X509_NAME_ENTRY_get_data(X509_NAME_get_entry(name, at)),
			      ASN1_STRFLGS_UTF8_CONVERT | ASN1_STRFLGS_ESC_CTRL);
	if (ok < 0 || BIO_write(bio, "", 1) != 1)
		return crypto_fault();
	return trace(crypto_bio_take(bio, out));
}

/* @s: nature and side. */
static int tell(const struct trust *t, struct revocation_state s, X509 *cert, uint64_t now,
	revocation_state_fn found, void *user)
{
	_cleanup_(buf_done) struct buf name = BUF_NULL(TRUST_FILE_MAX);
	uint8_t id[ISSUER_ID];
	int r = issuer_id(cert, id);

	if (r == 0)
		r = name_of(cert, &name);
	if (r < 0)
		return trace(r);
	s.authority = (const char *)name.data;
	s.lists = lists_of(t, id, now);
	found(user, &s);
	return 0;
}

/* Whether @f issued another authority of its nature; it may issue signers beside, as few do. */
static bool issues_authorities(const struct trust *t, const struct trust_feeder *f)
{
	for (size_t i = 0; i < t->n_feeders; i++) {
		const struct trust_feeder *other = &t->feeders[i];

		if (other->nature == f->nature && has_issued(f->cert, other->cert))
			return true;
	}
	return false;
}

int revocation_each(const struct trust *t, uint64_t now, revocation_state_fn found, void *user)
{
	X509 *cert;
	int r;

	for (enum nature n = NATURE_REAL; n < NATURE_COUNT; n++) {
		for (int i = 0; (cert = anchor(&t->of[n], i)); i++) {
			if (issues_anchors(&t->of[n], cert))
				continue;
			r = tell(t, (struct revocation_state){.nature = n}, cert, now, found,
				user);
			if (r < 0)
				return trace(r);
		}
	}
	for (size_t i = 0; i < t->n_feeders; i++) {
		const struct trust_feeder *f = &t->feeders[i];

		if (issues_authorities(t, f))
			continue;
		r = tell(t, (struct revocation_state){.nature = f->nature, .feeders = true},
			f->cert, now, found, user);
		if (r < 0)
			return trace(r);
	}
	return 0;
}
