/* SPDX-License-Identifier: EUPL-1.2 */
/* Who signed a feed and who is above, as an import asks; of both programs that ask. */
#include "tests/unit/trust/chains.h"

#include "base/link-feed.h"
#include "base/tlv.h"
#include "daemon/trust/feeders.h"
#include "tests/unit/record/failing.h"

// clang-format off
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

// clang-format on

struct forged_x509 chains_signer(X509 *issuer, EVP_PKEY *issuer_key)
{
	struct forged_x509 f = pki_doctor();

	f.cn = "Caisse";
	f.issuer = issuer;
	f.issuer_key = issuer_key;
	return f;
}

void chains_anchor(struct buf *out, uint8_t nature, X509 *cert)
{
	size_t mark = tlv_open(out, FEED_TAG_ANCHOR);
	struct buf der = BUF_NULL(65536);

	forge_der(cert, &der);
	tlv_put_u8(out, FEED_TAG_NATURE, nature);
	tlv_put(out, FEED_TAG_CERTIFICATE, buf_view(&der));
	tlv_close(out, mark);
	buf_done(&der);
}

void chains_believe(X509 *const *certs)
{
	struct buf anchors = BUF_NULL(65536);

	for (; *certs; certs++)
		chains_anchor(&anchors, NATURE_SIMULATED, *certs);
	assert_int_equal(feeders_trust(pki.trust, buf_view(&anchors)), 0);
	buf_done(&anchors);
}

enum trust_revocation chains_ask(X509 *const *certs, uint64_t now)
{
	enum trust_revocation answer = TRUST_REVOCATION_UNKNOWN;
	struct buf chain = BUF_NULL(65536);

	for (; *certs; certs++)
		forge_der(*certs, &chain);
	assert_int_equal(revocation_feeder(pki.trust, buf_view(&chain), now, &answer), 0);
	buf_done(&chain);
	return answer;
}

static enum trust_revocation lie_beside(enum trust_revocation truth)
{
	return truth == TRUST_REVOCATION_GOOD ? TRUST_REVOCATION_UNKNOWN
					      : TRUST_REVOCATION_GOOD;
}

void chains_starve(X509 *const *certs, enum trust_revocation truth)
{
	enum trust_revocation lie = lie_beside(truth);
	struct buf chain = BUF_NULL(65536);

	for (size_t i = 0; certs[i]; i++)
		forge_der(certs[i], &chain);
	for (unsigned int i = 0; i < 2; i++) {
		bool met = true;

		for (unsigned int n = 0; met; n++) {
			enum trust_revocation answer = lie;
			int r;

			failing_arm(n, i == 1);
			r = revocation_feeder(pki.trust, buf_view(&chain), NOW_US, &answer);
			met = failing_off();
			if (r == 0)
				assert_int_equal(answer, truth);
			else
				assert_true(r < 0 && met && answer == lie);
		}
	}
	assert_int_equal(chains_ask(certs, NOW_US), truth);
	buf_done(&chain);
}
