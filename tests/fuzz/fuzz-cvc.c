/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * Fuzzing of record/cvc.h. Of every certificate that parses: names, dates and views are what the
 * header promises, the point is on the curve, the body lies inside the input and before the
 * signature, and verifying it against its own point ends in one of the documented answers.
 */
#include <assert.h>
#include <string.h>

#include "record/cvc.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_text(const char *text, size_t len)
{
	assert(strlen(text) == len);
	for (size_t i = 0; i < len; i++) {
		assert((text[i] >= '0' && text[i] <= '9') ||
			((text[i] | 0x20) >= 'a' && (text[i] | 0x20) <= 'z'));
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_(buf_done) struct buf pem = BUF_NULL(4096);
	_cleanup_(buf_done) struct buf der = BUF_NULL(256);
	struct cvc c;
	int r = cvc_parse(view_of(data, size), &c);

	assert(r == 0 || r == CVC_MALFORMED);
	if (r != 0)
		return 0;
	check_text(c.car, 16);
	check_text(c.chr, 16);
	check_text(c.from, 6);
	check_text(c.until, 6);
	assert((strcmp(c.car, c.chr) == 0) == (c.role == 0xff));
	assert(c.body.data > data && c.body.len < size);
	assert(c.signature.len == CVC_SIGNATURE && c.signature.data > c.body.data);
	assert(c.signature.data + c.signature.len == data + size);
	r = cvc_verify(&c, c.point);
	assert(r == 0 || r == CVC_FALSE);
	assert(cvc_point_pem(c.point, &pem) == 0);
	assert(cvc_signature_der(c.signature, &der) == 0 && der.len >= 8 && der.len <= 72);
	(void)cvc_valid_at(c.from, c.until, 1764000000000000ULL);
	return 0;
}
