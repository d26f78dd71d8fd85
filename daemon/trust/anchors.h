/* SPDX-License-Identifier: EUPL-1.2 */
#pragma once
/* What stands behind struct trust; of this room only. */
#include "daemon/trust/trust.h"
#include "record/crypto.h"

#define TRUST_FILE_MAX	 65536U /* bytes of one anchor file: a whole chain in PEM is a tenth */
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

struct trust {
	struct trust_nature of[NATURE_COUNT]; /* of[NATURE_UNKNOWN] stays empty */
};

/** person_read() - the profile of facts IGC-Santé, from a certificate that was verified.
 *  @ret: sha256 and nature are not its business. Return: 0, a fault or TRUST_MALFORMED. */
int person_read(X509 *cert, bool signing, struct trust_person *ret) _must_check_;
