/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * Reading the feeders' anchors. All or nothing, as those of cards: one file that is none, or that is
 * believed for something else as well, and no feed is taken. Nothing is kept. That cards and feeders
 * have nobody in common is looked at by key: a certificate can be issued anew, or by another.
 */
#include "daemon/trust/feeders.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/proverr.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/link-feed.h"
#include "base/tlv.h"
#include "daemon/trust/anchors.h"

#define CHAIN_MAX                                                                              \
	16 /* certificates from a feeder up: nine of the feed, and anchors above them */

#define NAMES_UNKNOWN (-2) /* X509_NAME_cmp(): memory ran out */

enum issued_outcome {
	ISSUED = 1,
};

struct gathering {
	const struct trust *cards;
	struct buf *out;
	enum nature nature;
	unsigned int n; /* of this nature */
};

static void fd_put(int *fd)
{
	if (*fd >= 0)
		(void)close(*fd);
}

static void dir_put(DIR **d)
{
	if (*d)
		(void)closedir(*d);
}

/* A certificate was parsed: OpenSSL gives one although memory ran out over its names, which then compare
 * as another's, and says so in its queue alone. Return: 0 or a fault. */
static int parsed_whole(void)
{
	return trace(crypto_refused(0));
}

/* An anchor has no password; OpenSSL would ask the terminal for one. */
static int no_password(char *to, int size, int writing, void *user)
{
	(void)to;
	(void)size;
	(void)writing;
	(void)user;
	return -1;
}

/* Return: 0, a fault or BAD. */
static int read_file(int dirfd, const char *name, struct buf *out)
{
	_cleanup_(fd_put) int fd =
		openat(dirfd, name, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	struct stat st;
	uint8_t *to;
	ssize_t n;

	if (fd < 0 || fstat(fd, &st) < 0)
		return fault(-errno);
	if (!S_ISREG(st.st_mode) || st.st_size <= 0 || st.st_size > (off_t)TRUST_FILE_MAX)
		return FEEDERS_BAD;
	to = buf_extend(out, (size_t)st.st_size);
	if (!to)
		return trace(buf_check(out));
	n = pread(fd, to, (size_t)st.st_size, 0);
	if (n < 0)
		return fault(-errno);
	return n == (ssize_t)st.st_size ? 0 : FEEDERS_BAD;
}

/* Whether the key of @issuer is of another kind than what signed @cert: by numbers alone. OpenSSL compares
 * names, and has them differ when memory runs out. */
static bool is_of_other_kind(const X509 *cert, const X509 *issuer)
{
	int of_key = EVP_PKEY_get_base_id(X509_get0_pubkey(issuer));
	int wanted = NID_undef;

	if (OBJ_find_sigid_algs(X509_get_signature_nid(cert), NULL, &wanted) != 1)
		return false;
	return wanted != of_key && !(wanted == NID_rsassaPss && of_key == EVP_PKEY_RSA);
}

/* A certificate names the algorithm of its signature twice. */
static bool is_of_two_algorithms(const X509 *cert)
{
	const X509_ALGOR *outside;

	X509_get0_signature(NULL, &outside, cert);
	return X509_ALGOR_cmp(outside, X509_get0_tbs_sigalg(cert)) != 0;
}

/* Whether @e of X509_verify() says that the signature is not by this key, or that its parameters are none
 * that the key goes with: found out with every pair of kinds, on OpenSSL 3.0. */
static bool tells_refusal(unsigned long e)
{
	int reason = ERR_GET_REASON(e);

	switch (ERR_GET_LIB(e)) {
	case ERR_LIB_ASN1: /* the last word of each; and parameters of RSASSA-PSS */
		return reason != ERR_R_MALLOC_FAILURE && reason != ASN1_R_WRONG_PUBLIC_KEY_TYPE;
	case ERR_LIB_RSA:
		return reason != ERR_R_MALLOC_FAILURE;
	case ERR_LIB_EC: /* numbers too large for the key's curve */
		return reason == EC_R_BAD_SIGNATURE;
	case ERR_LIB_PROV: /* what a key of RSASSA-PSS asks for */
		return reason == ERR_R_RSA_LIB || reason == PROV_R_DIGEST_NOT_ALLOWED ||
		       reason == PROV_R_PSS_SALTLEN_TOO_SMALL;
	default:
		return false;
	}
}

/* Return: 0, a fault or ISSUED. */
static int verify(X509 *cert, EVP_PKEY *key)
{
	bool refused = false, other = false;
	unsigned long e;

	ERR_clear_error();
	if (X509_verify(cert, key) == 1)
		return trace(crypto_refused(ISSUED));
	while ((e = ERR_peek_error()) != 0 && !other) {
		refused = tells_refusal(e);
		other = !refused;
		if (refused)
			(void)ERR_get_error();
	}
	return refused ? 0 : crypto_fault();
}

/* Whether the key of @issuer has signed @cert, whatever else may be wrong with either. A refusal is asked for
 * twice: OpenSSL gives 0 for some of what it had no memory for. Return: 0, a fault or ISSUED. */
static int has_signed(X509 *issuer, X509 *cert)
{
	EVP_PKEY *key = X509_get0_pubkey(issuer);
	int r;

	if (!key)
		return crypto_fault();
	if (is_of_other_kind(cert, issuer) || is_of_two_algorithms(cert))
		return 0;
	r = verify(cert, key);
	return r == 0 ? trace(verify(cert, key)) : trace(r);
}

/* By name and key. Return: 0, a fault or ISSUED. */
static int has_issued(X509 *issuer, X509 *cert)
{
	int differ = X509_NAME_cmp(X509_get_subject_name(issuer), X509_get_issuer_name(cert));

	if (differ == NAMES_UNKNOWN)
		return crypto_fault();
	return differ == 0 ? trace(has_signed(issuer, cert)) : 0;
}

/* One key; or one leads to the other, so that what either side issues would be good for both.
 * Return: 0, a fault or ISSUED. */
static int are_related(X509 *card, X509 *feeder)
{
	const EVP_PKEY *of_card = X509_get0_pubkey(card);
	const EVP_PKEY *of_feeder = X509_get0_pubkey(feeder);
	bool same = of_card && of_feeder && EVP_PKEY_eq(of_card, of_feeder) == 1;
	int r = crypto_refused(same ? ISSUED : 0);

	if (r == 0)
		r = has_issued(card, feeder);
	if (r == 0)
		r = has_issued(feeder, card);
	return trace(r);
}

/* Whether @cert is an anchor of cards, of whatever nature, by way of one or above one.
 * Return: 0, a fault or BAD. */
static int of_cards(const struct trust *t, X509 *cert)
{
	int r = 0;

	for (size_t n = 0; n < NATURE_COUNT; n++) {
		const STACK_OF(X509_OBJECT) *all =
			t->of[n].store ? X509_STORE_get0_objects(t->of[n].store) : NULL;

		for (int i = 0; i < sk_X509_OBJECT_num(all) && r == 0; i++) {
			X509 *other = X509_OBJECT_get0_X509(sk_X509_OBJECT_value(all, i));

			r = other ? are_related(other, cert) : 0;
		}
	}
	return r == ISSUED ? FEEDERS_BAD : trace(r);
}

/* Whether one that was gathered already has @der, under another nature. */
static bool elsewhere(const struct gathering *g, struct view der)
{
	struct reader in = reader_of(buf_view(g->out));
	bool found = false;
	struct tlv a, c;

	while (!found && tlv_next(&in, &a) == 0) {
		uint8_t nature = 0;

		found = tlv_find_u8(a.value, FEED_TAG_NATURE, &nature) == 0 &&
			nature != g->nature &&
			tlv_find(a.value, FEED_TAG_CERTIFICATE, &c) == 0 &&
			view_equal(c.value, der);
	}
	return found;
}

/* An authority; or no authority at all, which is then this one signer (verify.c). */
static bool is_anchor(X509 *cert)
{
	bool own = X509_NAME_cmp(X509_get_subject_name(cert), X509_get_issuer_name(cert)) == 0;
	int ca = X509_check_ca(cert);
	bool ok = (ca == 0 || ca == 1) && X509_get0_pubkey(cert) &&
		  (X509_get_extension_flags(cert) & EXFLAG_INVALID) == 0 &&
		  (!own || X509_self_signed(cert, 1) == 1);

	ERR_clear_error();
	return ok;
}

/* Return: 0, a fault or BAD. */
static int add(struct gathering *g, X509 *cert)
{
	unsigned char *text = NULL;
	struct view der;
	size_t mark;
	int n;

	if (g->n == TRUST_ANCHOR_MAX || !is_anchor(cert))
		return FEEDERS_BAD;
	n = of_cards(g->cards, cert);
	if (n != 0)
		return trace(n);
	n = i2d_X509(cert, &text);
	if (n < 0)
		return crypto_fault();
	der = view_of(text, (size_t)n);
	if (elsewhere(g, der)) {
		OPENSSL_free(text);
		return FEEDERS_BAD;
	}
	mark = tlv_open(g->out, FEED_TAG_ANCHOR);
	tlv_put_u8(g->out, FEED_TAG_NATURE, (uint8_t)g->nature);
	tlv_put(g->out, FEED_TAG_CERTIFICATE, der);
	tlv_close(g->out, mark);
	OPENSSL_free(text);
	g->n++;
	return trace(buf_check(g->out));
}

/* Every certificate of one file. Return: 0, a fault or BAD. */
static int add_file(struct gathering *g, int dirfd, const char *name)
{
	_cleanup_(buf_done) struct buf file = BUF_NULL(TRUST_FILE_MAX);
	_cleanup_(crypto_bio_put) BIO *bio = NULL;
	unsigned int before = g->n;
	unsigned long e;
	int r;

	r = read_file(dirfd, name, &file);
	if (r != 0)
		return trace(r);
	bio = BIO_new_mem_buf(file.data, (int)file.len);
	if (!bio)
		return crypto_fault();
	for (;;) {
		_cleanup_(crypto_x509_put) X509 *cert =
			PEM_read_bio_X509(bio, NULL, no_password, NULL);

		if (!cert)
			break;
		r = parsed_whole();
		if (r == 0)
			r = add(g, cert);
		if (r != 0)
			return trace(r);
	}
	e = ERR_peek_last_error();
	if (ERR_GET_LIB(e) != ERR_LIB_PEM || ERR_GET_REASON(e) != PEM_R_NO_START_LINE)
		return trace(crypto_refused(FEEDERS_BAD));
	ERR_clear_error();
	return g->n > before ? 0 : FEEDERS_BAD;
}

/* Names go out to people: what is not printable is not shown. */
static void tell_name(enum nature n, const char *name, char ret[256])
{
	int len = snprintf(ret, 256, "%s/%.200s", nature_word(n), name);

	for (int i = 0; i < len && i < 255; i++) {
		if (ret[i] <= 0x20 || ret[i] >= 0x7f)
			ret[i] = '?';
	}
}

static bool is_pem(const char *name)
{
	size_t n = strlen(name);

	return n > 4 && strcmp(name + n - 4, ".pem") == 0;
}

/* Return: 0, or a fault or BAD with @ret_name; a folder that is not there is empty. */
static int add_folder(struct gathering *g, const char *folder, char ret_name[256])
{
	_cleanup_(buf_done) struct buf path = BUF_NULL(4096);
	_cleanup_(dir_put) DIR *dir = NULL;
	struct dirent *e;
	int r = 0;

	tell_name(g->nature, "", ret_name);
	buf_printf(&path, "%s/feeder/%s", folder, nature_word(g->nature));
	buf_put_u8(&path, 0);
	r = buf_check(&path);
	if (r < 0)
		return trace(r);
	dir = opendir((const char *)path.data);
	if (!dir)
		return errno == ENOENT ? 0 : fault(-errno);
	for (errno = 0; r == 0 && (e = readdir(dir)) != NULL; errno = 0) {
		r = is_pem(e->d_name) ? add_file(g, dirfd(dir), e->d_name) : 0;
		if (r != 0)
			tell_name(g->nature, e->d_name, ret_name);
	}
	if (r != 0)
		return trace(r);
	return errno ? fault(-errno) : 0;
}

int feeders_read(const char *folder, const struct trust *t, struct buf *out, char ret_name[256])
{
	struct gathering g = {.cards = t, .out = out};
	int r = 0;

	for (enum nature n = NATURE_REAL; n < NATURE_COUNT && r == 0; n++) {
		g.nature = n;
		g.n = 0;
		r = add_folder(&g, folder, ret_name);
	}
	return trace(r);
}

/* -- what they are good for besides ------------------------------------------------------------- */

/* One ANCHOR of feeders_read(); @ret: owned by the caller. Return: 0 or a fault. */
static int take_anchor(struct view anchor, enum nature *ret_nature, X509 **ret)
{
	const unsigned char *at;
	struct tlv der;
	uint8_t nature;
	int r;

	if (tlv_find_u8(anchor, FEED_TAG_NATURE, &nature) != 0 || nature >= NATURE_COUNT ||
		tlv_find(anchor, FEED_TAG_CERTIFICATE, &der) != 0)
		return fault(-EBADMSG); /* they are our own */
	at = der.value.data;
	*ret = d2i_X509(NULL, &at, (long)der.value.len);
	*ret_nature = (enum nature)nature;
	/* it was none that is invalid: memory ran out, and it must not pass for no authority */
	if (*ret && (X509_get_extension_flags(*ret) & EXFLAG_INVALID) == 0 &&
		X509_get0_pubkey(*ret))
		r = parsed_whole();
	else
		r = crypto_fault();
	if (r < 0) {
		X509_free(*ret);
		*ret = NULL;
	}
	return trace(r);
}

int feeders_each(struct view anchors, trust_anchor_fn each, void *user)
{
	struct reader in = reader_of(anchors);
	struct trust_anchor a;
	struct tlv t;
	int r;

	while ((r = tlv_next(&in, &t)) == 0) {
		_cleanup_(crypto_x509_put) X509 *cert = NULL;

		r = take_anchor(t.value, &a.nature, &cert);
		if (r < 0)
			return trace(r);
		trust_tell(cert, &a, each, user);
	}
	return r == TLV_END ? 0 : fault(-EBADMSG);
}

static void forget(struct trust_feeder *all, size_t n)
{
	for (size_t i = 0; i < n; i++)
		X509_free(all[i].cert);
}

/* Return: 0 or a fault; @all holds @n of them in any case. */
static int take_authorities(struct view anchors, struct trust_feeder *all, size_t *n)
{
	struct reader in = reader_of(anchors);
	struct tlv t;
	int r;

	while ((r = tlv_next(&in, &t)) == 0) {
		struct trust_feeder *f = &all[*n];

		if (*n == TRUST_FEEDERS_MAX)
			return fault(-EBADMSG);
		r = take_anchor(t.value, &f->nature, &f->cert);
		if (r < 0)
			return trace(r);
		if (X509_check_ca(f->cert) == 1)
			(*n)++;
		else
			X509_free(f->cert); /* this signer alone, who issues nothing */
	}
	return r == TLV_END ? 0 : fault(-EBADMSG);
}

int feeders_trust(struct trust *t, struct view anchors)
{
	struct trust_feeder all[TRUST_FEEDERS_MAX];
	size_t n = 0;
	int r = take_authorities(anchors, all, &n);

	if (r < 0) {
		forget(all, n);
		return trace(r);
	}
	forget(t->feeders, t->n_feeders);
	for (size_t i = 0; i < n; i++)
		t->feeders[i] = all[i];
	t->n_feeders = n;
	return 0;
}

/* -- who signed ---------------------------------------------------------------------------------- */

/* @cert: stolen in any case. */
static int push(trust_chain_of *chain, X509 *cert)
{
	if (sk_X509_push(chain, cert) > 0)
		return 0;
	X509_free(cert);
	return crypto_fault();
}

/* Return: 0, a fault or TRUST_MALFORMED. */
static int parse_chain(struct view der, trust_chain_of *chain)
{
	const unsigned char *at = der.data, *end = at + der.len;
	int r = der.len > 0 ? 0 : TRUST_MALFORMED;

	while (at < end && r == 0) {
		X509 *cert = d2i_X509(NULL, &at, (long)(end - at));

		if (!cert || sk_X509_num(chain) == CHAIN_MAX) {
			X509_free(cert);
			return trace(crypto_refused(TRUST_MALFORMED));
		}
		r = push(chain, cert);
		if (r == 0)
			r = parsed_whole();
	}
	return trace(r);
}

/* Whether @issuer issued @cert. Return: 0, a fault or ISSUED. */
static int is_issued(X509 *cert, X509 *issuer)
{
	int r = X509_check_issued(issuer, cert);

	switch (r) {
	case X509_V_OK:
		return trace(has_signed(issuer, cert));
	case X509_V_ERR_SUBJECT_ISSUER_MISMATCH:
	case X509_V_ERR_AKID_SKID_MISMATCH:
	case X509_V_ERR_AKID_ISSUER_SERIAL_MISMATCH:
	case X509_V_ERR_KEYUSAGE_NO_CERTSIGN:
	case X509_V_ERR_UNSUPPORTED_SIGNATURE_ALGORITHM: /* what nobody can verify, nobody issued */
		return 0;
	default: /* OpenSSL's list is open; all else: it could not be looked at */
		return r == X509_V_ERR_SIGNATURE_ALGORITHM_MISMATCH &&
				       is_of_other_kind(cert, issuer)
			       ? 0
			       : crypto_fault();
	}
}

/* The authority of feeders that issued @cert, borrowed; NULL: none, or itself. Return: 0 or a fault. */
static int issuer_of(const struct trust *t, X509 *cert, X509 **ret)
{
	int own = X509_self_signed(cert, 0);
	int r = 0;

	*ret = NULL;
	if (own < 0)
		return crypto_fault();
	for (size_t i = 0; i < t->n_feeders && own == 0 && r == 0; i++) {
		r = is_issued(cert, t->feeders[i].cert);
		if (r == ISSUED)
			*ret = t->feeders[i].cert;
	}
	return r < 0 ? trace(r) : 0;
}

/* An anchor may be no root, or the signer: whoever of the anchors is above it is asked as well. */
static int climb(const struct trust *t, trust_chain_of *chain)
{
	X509 *up;
	int r = 0;

	while (r == 0 && sk_X509_num(chain) < CHAIN_MAX) {
		r = issuer_of(t, sk_X509_value(chain, sk_X509_num(chain) - 1), &up);
		if (r < 0 || !up)
			break;
		if (X509_up_ref(up) != 1)
			return crypto_fault();
		r = push(chain, up);
	}
	return trace(r);
}

int feeders_chain(const struct trust *t, struct view der, trust_chain_of **ret)
{
	_cleanup_(trust_chain_put) trust_chain_of *chain = sk_X509_new_null();
	int r = chain ? parse_chain(der, chain) : crypto_fault();

	if (r == 0)
		r = climb(t, chain);
	if (r != 0)
		return trace(r);
	*ret = chain;
	chain = NULL;
	return 0;
}
