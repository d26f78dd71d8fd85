/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * Fuzzing of reading files (drivers/card/iso7816.c): the first byte says how, the second and third
 * what is expected, the rest is everything that the card answers (script_new_answers() of
 * reader.h). What was read is one object, or whole objects, and nothing too long; what was not read
 * leaves nothing behind that a caller could take for it.
 */
#include <assert.h>

#include "base/clock.h"
#include "base/tlv.h"
#include "drivers/card/iso7816.h"
#include "drivers/reader/script.h"

#define OUT_MAX (ISO7816_FILE_MAX + APDU_LE_MAX)
#define BEGIN	"before"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_object(struct view read, uint32_t tag)
{
	struct reader r = reader_of(read);
	struct tlv t;

	assert(read.len <= ISO7816_FILE_MAX);
	assert(tlv_next(&r, &t) == 0 && r.left == 0);
	assert(tag == 0 || t.tag == tag);
}

static void check_objects(struct view read)
{
	struct reader r = reader_of(read);
	struct tlv t;
	int q;

	assert(read.len <= ISO7816_FILE_MAX);
	do {
		q = tlv_next_padded(&r, &t);
	} while (q == 0);
	assert(q == TLV_END);
}

static int read_file(struct apdu *a, uint8_t how, const struct iso7816_file *f, struct buf *out)
{
	switch (how % 4) {
	case 0:
		return iso7816_read_object(a, 0, f, out);
	case 1:
		return iso7816_read_objects(a, 0, f, out);
	case 2:
		return iso7816_read(a, 0, f->sfi, f->guess << 4, f->guess % 255 + 1, out);
	default:
		return iso7816_get_challenge(a, 0, f->guess % 255 + 1, out);
	}
}

static void check(uint8_t how, const struct iso7816_file *f, struct view read)
{
	switch (how % 4) {
	case 0:
		check_object(read, f->tag);
		break;
	case 1:
		check_objects(read);
		break;
	case 2:
		assert(read.len <= f->guess % 255 + 1);
		break;
	default:
		assert(read.len == f->guess % 255 + 1);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint32_t tags[] = {0, 0x5A, 0x65, 0x7F21};
	_cleanup_(buf_done) struct buf out = BUF_NULL(OUT_MAX);
	struct reader r = reader_of(view_of(data, size));
	uint8_t how = reader_u8(&r);
	struct iso7816_file f = {.sfi = how >> 5, .tag = tags[how >> 3 & 3]};
	struct transport *t = NULL;
	struct apdu a;
	int q;

	f.guess = reader_u16(&r) % 4096;
	if (script_new_answers(reader_rest(&r), VIEW_NULL,
		    how & 4 ? TRANSPORT_T1 : TRANSPORT_T0, &t) < 0) {
		return 0;
	}
	apdu_init(&a, t);
	apdu_begin(&a, clock_monotonic() + 10 * USEC_PER_SEC);
	buf_put_str(&out, BEGIN);
	q = read_file(&a, how, &f, &out);
	assert(q >= 0 && view_equal(view_sub(buf_view(&out), 0, 6), VIEW_TEXT(BEGIN)));
	assert(a.block >= 1 && a.block <= APDU_LE_MAX);
	if (q == CARD_DONE && buf_check(&out) == 0) {
		check(how, &f, view_sub(buf_view(&out), 6, out.len));
	}
	transport_free(t);
	return 0;
}
