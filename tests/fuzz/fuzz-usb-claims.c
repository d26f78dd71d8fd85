/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * Fuzzing of drivers/usb/claims.h: the input is a serial number up to a newline, then the rules. With any
 * rules some mode holds or all are broken; a rule for everybody before them changes nothing for a device
 * that has one of its own, and a rule for its very serial number always counts.
 */
#include <assert.h>
#include <string.h>

#include "drivers/usb/claims.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool blank(char c)
{
	return c == ' ' || c == '\t' || c == '\n';
}

static void check_own(struct view rules, const char *serial)
{
	_cleanup_(buf_done) struct buf more = BUF_NULL(65536);
	enum claims_mode mode;

	for (const char *p = serial; *p; p++) {
		if (*p == '\t') {
			return; /* cannot be written in a rule */
		}
	}
	buf_put_view(&more, rules);
	buf_put_str(&more, " 2947:0101:");
	for (const char *p = serial; *p; p++) {
		buf_put_u8(&more, blank(*p) ? '_' : (uint8_t)*p);
	}
	buf_put_str(&more, "=usb");
	assert(claims_mode(buf_view(&more), 0x2947, 0x0101, serial, false, &mode) == 0);
	assert(mode == CLAIMS_USB);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_(buf_done) struct buf more = BUF_NULL(65536);
	struct view in = view_of(data, size < 4096 ? size : 4096);
	struct view rules = VIEW_NULL;
	char serial[64] = "";
	size_t n = 0;
	enum claims_mode mode, other;
	int r;

	for (struct reader i = reader_of(in); i.left > 0; n++) {
		if (reader_u8(&i) == '\n') {
			rules = reader_rest(&i);
			break;
		}
	}
	if (view_copy_str(view_sub(in, 0, n < 63 ? n : 63), serial, sizeof(serial)) != 0) {
		return 0;
	}
	r = claims_mode(rules, 0x2947, 0x0101, serial, true, &mode);
	assert(r == 0 || r == CLAIMS_BROKEN);
	assert(claims_mode(rules, 0x1234, 0x5678, NULL, false, &other) == r);
	buf_put_str(&more, "2947:0101=pcsc ");
	buf_put_view(&more, rules);
	assert(claims_mode(buf_view(&more), 0x2947, 0x0101, serial, true, &other) == r);
	if (r == 0) {
		assert(strlen(claims_word(mode)) > 2);
		if (serial[0]) {
			check_own(rules, serial);
		}
	}
	return 0;
}
