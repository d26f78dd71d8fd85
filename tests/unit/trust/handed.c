/* SPDX-License-Identifier: EUPL-1.2 */
/* A list is forged, read by the reader of vitaled-crl and put; see handed.h. */
#include "tests/unit/trust/handed.h"

#include "daemon/trust/crl/crl.h"
#include "daemon/trust/revocation.h"

// clang-format off
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on

#include <openssl/bn.h>
#include <stdio.h>

void handed_serial(X509 *cert, char ret[64])
{
	BIGNUM *n = ASN1_INTEGER_to_BN(X509_get0_serialNumber(cert), NULL);
	char *text = BN_bn2dec(n);

	assert_true(snprintf(ret, 64, "%s", text) < 64);
	OPENSSL_free(text);
	BN_free(n);
}

struct forged_list handed_list(X509 *issuer, EVP_PKEY *key, const char *const *serials)
{
	return (struct forged_list){.issuer = issuer,
		.key = key,
		.from = NOW - 3600,
		.until = NOW + 86400,
		.number = "300",
		.serials = serials};
}

int handed_in(const struct forged_list *f, uint64_t now)
{
	struct buf der = BUF_NULL(65536), authorities = BUF_NULL(65536);
	struct revocation_head h = {.count = 0};
	struct revocation *l = NULL;
	struct crl c;
	int r;

	forge_list_der(f, &der);
	assert_int_equal(revocation_authorities(pki.trust, &authorities), 0);
	assert_int_equal(crl_read(buf_view(&der), buf_view(&authorities), &c), CRL_DONE);
	bytes_copy(h.issuer, sizeof(h.issuer), c.issuer, sizeof(c.issuer));
	bytes_copy(h.number, sizeof(h.number), c.number, sizeof(c.number));
	bytes_copy(h.point, sizeof(h.point), c.point, sizeof(c.point));
	h.numbered = c.numbered;
	h.this_update = c.this_update * USEC_PER_SEC;
	h.next_update = c.next_update * USEC_PER_SEC;
	h.count = c.n;
	r = revocation_begin(pki.trust, &h, now, &l);
	if (r == 0) {
		r = revocation_add(l, view_of(c.serials, (size_t)c.n * ISSUER_SERIAL));
		assert_int_equal(r, 0);
		r = revocation_put(pki.trust, l);
	}
	crl_done(&c);
	buf_done(&der);
	buf_done(&authorities);
	return r;
}
