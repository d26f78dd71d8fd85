/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * What a reader says of its keypad, and the structures made from that. Of every structure: its size
 * is what part 10 says, and it ends with the command that was given.
 *
 *   quirk | digits | new digits | place of the old | of the new | how many messages of a reader:
 *   len | bytes: features, properties, TLV properties, the answer to the structure
 */
#include <assert.h>

#include "drivers/reader/pinpad.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *const names[] = {"a reader 00 00", "GemPCPinpad", "Dell keyboard",
	"Cherry GmbH SmartBoard XX44 00 00", "SPR 532", "VEGA-ALPHA 01 00"};

static struct view part(struct reader *r)
{
	size_t len = reader_u8(r);

	return reader_take(r, len < r->left ? len : r->left);
}

static void build(const struct pinpad *p, const struct transport_pin *pin)
{
	_cleanup_(buf_done) struct buf out = BUF_NULL(PINPAD_STRUCTURE_MAX);
	uint32_t code = 0;
	int r = pinpad_build(p, pin, &out, &code);

	assert(r == 0 || r == TRANSPORT_NO_PINPAD);
	if (r != 0) {
		assert(out.len == 0);
		return;
	}
	assert(buf_check(&out) == 0);
	assert(code != 0 && code == (pin->new_digits ? p->modify : p->verify));
	assert(out.len == (pin->new_digits ? 24U : 19U) + pin->command.len);
	assert(view_equal(view_last(buf_view(&out), pin->command.len), pin->command));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct reader r = reader_of(view_of(data, size));
	const char *name = names[reader_u8(&r) % ARRAY_LEN(names)];
	struct transport_pin pin = {.digits = reader_u8(&r), .new_digits = reader_u8(&r)};
	struct pinpad p = {.verify = 0};
	int q;

	pin.old_at = reader_u8(&r);
	pin.new_at = reader_u8(&r);
	if (pinpad_features(part(&r), name, &p) == 0) {
		pinpad_properties(&p, part(&r));
		pinpad_tlv(&p, part(&r));
	}
	q = pinpad_answer(part(&r));
	assert(q >= 0 && q <= TRANSPORT_TOUCHED);
	assert((pinpad_can(&p) & TRANSPORT_PINPAD_VERIFY) == (p.verify ? 1 : 0));
	pin.command = reader_rest(&r);
	build(&p, &pin);
	return 0;
}
