/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * Fuzzing of record/cvc.h. Of every certificate that parses: names, dates and views are what the
 * header promises, the point is on the curve, the body lies inside the input and before the
 * signature, and verifying it against its own point ends in one of the documented answers. The
 * input is also taken for a point with a signature behind it. Calls into OpenSSL and the system
 * fail by the seed (harness.c): then the answer is a fault, never "true".
 */
#include <assert.h>
#include <string.h>

#include "record/cvc.h"
#include "tests/fuzz/fail.h"

#define NOW 1764000000000000ULL

static void check_text(const char *text, size_t len)
{
	assert(strlen(text) == len);
	for (size_t i = 0; i < len; i++) {
		assert((text[i] >= '0' && text[i] <= '9') ||
			((text[i] | 0x20) >= 'a' && (text[i] | 0x20) <= 'z'));
	}
}

static void check_certificate(const struct cvc *c, struct view in)
{
	_cleanup_(buf_done) struct buf pem = BUF_NULL(4096);
	_cleanup_(buf_done) struct buf der = BUF_NULL(256);
	int r;

	check_text(c->car, 16);
	check_text(c->chr, 16);
	check_text(c->from, 6);
	check_text(c->until, 6);
	assert((strcmp(c->car, c->chr) == 0) == (c->role == CVC_ROLE_ROOT));
	assert(c->body.data > in.data && c->body.len < in.len);
	assert(c->signature.len == CVC_SIGNATURE && c->signature.data > c->body.data);
	assert(c->signature.data + c->signature.len == in.data + in.len);
	r = cvc_verify(c, c->point);
	assert(r <= 0 || r == CVC_FALSE);
	assert(cvc_point_pem(c->point, &pem) <= 0);
	r = cvc_signature_der(c->signature, &der);
	assert(r < 0 || (der.len >= 8 && der.len <= 72));
	(void)cvc_valid_at(c->from, c->until, NOW);
	assert(!cvc_valid_at(c->from, c->until, NOW + 100ULL * 366 * 86400 * 1000000));
}

/* Any bytes as a point and a signature over all of them. */
static void check_loose(struct view in)
{
	_cleanup_(buf_done) struct buf pem = BUF_NULL(4096);
	_cleanup_(buf_done) struct buf der = BUF_NULL(256);
	struct view signature = view_sub(in, CVC_POINT, in.len);
	uint8_t point[CVC_POINT] = {0};
	int r;

	if (in.len < CVC_POINT) {
		return;
	}
	bytes_copy(point, sizeof(point), in.data, sizeof(point));
	r = cvc_check_signature(point, in, signature);
	assert(r <= 0 || r == CVC_FALSE);
	assert(r != 0 || signature.len == CVC_SIGNATURE);
	r = cvc_point_pem(point, &pem);
	assert(r <= 0 || r == CVC_MALFORMED);
	r = cvc_signature_der(signature, &der);
	assert(r <= 0 && (r < 0 || signature.len == CVC_SIGNATURE));
}

void target_run(struct view in)
{
	struct cvc c;
	int r = cvc_parse(in, &c);

	assert(r <= 0 || r == CVC_MALFORMED);
	if (r == 0) {
		check_certificate(&c, in);
	}
	check_loose(in);
}
