/* SPDX-License-Identifier: EUPL-1.2 */
/* What libqrencode makes, drawn. It only ever sees a text of our own, of a few hundred bytes. */
#include "record/page-qr.h"

#include <errno.h>
#include <qrencode.h>

#define QUIET 4 /* modules of white on each side: ISO/IEC 18004:2015 §6.3.8 */

static void code_put(QRcode **code)
{
	QRcode_free(*code);
	*code = NULL;
}

/* Whether the module is dark; outside there is white. */
static bool dark(const QRcode *code, int x, int y)
{
	struct view all = view_of(code->data, (size_t)code->width * (size_t)code->width);
	struct view one = VIEW_NULL;

	if (x >= 0 && x < code->width && y >= 0 && y < code->width) {
		one = view_sub(all, (size_t)y * (size_t)code->width + (size_t)x, 1);
	}
	return one.len == 1 && (one.data[0] & 1U);
}

/* Rows @y and @y + 1; blanks at the end are left out. */
static void put_line(const QRcode *code, int y, struct buf *out)
{
	static const char *const blocks[] = {
		" ", "\xE2\x96\x84", "\xE2\x96\x80", "\xE2\x96\x88"};
	size_t inked = out->len;

	for (int x = -QUIET; x < code->width; x++) {
		unsigned int which =
			(dark(code, x, y) ? 2U : 0U) + (dark(code, x, y + 1) ? 1U : 0U);

		buf_put_str(out, blocks[which]);
		inked = which ? out->len : inked;
	}
	buf_truncate(out, inked);
	buf_put_u8(out, '\n');
}

int page_qr(const char *text, unsigned int columns, struct buf *out)
{
	static const QRecLevel levels[] = {QR_ECLEVEL_M, QR_ECLEVEL_L};

	for (size_t i = 0; i < ARRAY_LEN(levels); i++) {
		_cleanup_(code_put) QRcode *code = QRcode_encodeString8bit(text, 0, levels[i]);

		if (!code && errno != ERANGE) {
			return fault(errno == ENOMEM ? -ENOMEM : -EINVAL);
		}
		if (!code || (unsigned int)code->width + 2 * QUIET > columns) {
			continue;
		}
		for (int y = -QUIET; y < code->width + QUIET; y += 2) {
			put_line(code, y, out);
		}
		return trace(buf_check(out));
	}
	return PAGE_QR_LARGE;
}
