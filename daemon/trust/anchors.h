/* SPDX-License-Identifier: EUPL-1.2 */
#pragma once
/* What stands behind struct trust; of this room only. */
#include "daemon/limits.h"
#include "daemon/trust/trust.h"
#include "record/crypto.h"

#define TRUST_FILE_MAX	 65536U /* bytes of one anchor file: a whole chain in PEM is a tenth */
#define REVOCATION_SIDES 2U	/* cards, feeders */
#define TRUST_ANCHOR_MAX 64U	/* anchors of one nature; IGC-Santé has a dozen */

struct trust_root {
	char car[17];
	char from[7];
	char until[7];
	uint8_t point[CVC_POINT];
};

struct trust_nature {
	X509_STORE *store;
	unsigned int n_x509;
	struct trust_root roots[TRUST_ANCHOR_MAX];
	unsigned int n_roots;
};

#define TRUST_FEEDERS_MAX (3U * TRUST_ANCHOR_MAX) /* of all natures */

/* An authority of feeders: its lists are believed of feeders, and it is an anchor of nothing. */
struct trust_feeder {
	enum nature nature;
	X509 *cert;
};

struct trust {
	struct trust_nature of[NATURE_COUNT]; /* of[NATURE_UNKNOWN] stays empty */
	struct trust_feeder feeders[TRUST_FEEDERS_MAX];
	size_t n_feeders;
	/* revocation.h; one an issuer and point */
	struct revocation *lists[REVOCATION_SIDES * LIMIT_CRL_FILES];
	size_t n_lists;
};

typedef STACK_OF(X509) trust_chain_of; /* each was issued by the next */

static inline void trust_chain_put(trust_chain_of **chain)
{
	sk_X509_pop_free(*chain, X509_free);
}

/** feeders_chain() - who signed a feed, and who is above, as revocation_feeder() is told them; then anchors
 *  of feeders above those. @ret: owned by the caller. Return: 0, a fault or TRUST_MALFORMED. */
int feeders_chain(const struct trust *t, struct view der, trust_chain_of **ret) _must_check_;

/** trust_tell() - name and end of @cert, of @a->nature, to @each. */
void trust_tell(const X509 *cert, struct trust_anchor *a, trust_anchor_fn each, void *user);
/** trust_parse() - exactly one certificate. Return: 0, a fault or TRUST_MALFORMED. */
int trust_parse(struct view der, X509 **ret) _must_check_;
/** trust_chain() - which nature's anchors verify @cert, whatever the time. @ret_chain: NULL, or gets
 *  the chain from @cert to the anchor. Return: 0, a fault or an outcome of trust_x509(). */
int trust_chain(const struct trust *t, X509 *cert, enum nature *ret,
	STACK_OF(X509) * *ret_chain) _must_check_;

/** person_read() - the profile of facts IGC-Santé, from a certificate that was verified.
 *  @ret: sha256 and nature are not its business. Return: 0, a fault or TRUST_MALFORMED. */
int person_read(X509 *cert, bool signing, struct trust_person *ret) _must_check_;
