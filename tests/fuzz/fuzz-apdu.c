/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * One exchange: the input is the command (protocol, Le, number of data bytes, data) and then the
 * card's answers. Behind the protocol's bit: how many bytes the request may still bring, 0: all. What must hold is checked here: bounds, and no data beyond what was asked.
 */
#include <stdlib.h>

#include "base/clock.h"
#include "drivers/card/apdu.h"
#include "drivers/reader/script.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void hold(bool right)
{
	if (!right) {
		abort();
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_(buf_done) struct buf answer = BUF_NULL(APDU_ROUNDS_MAX * APDU_LE_MAX);
	struct reader r = reader_of(view_of(data, size));
	uint8_t how = reader_u8(&r);
	enum transport_protocol protocol = how & 1 ? TRANSPORT_T1 : TRANSPORT_T0;
	size_t le = reader_u16(&r) % (APDU_LE_MAX + 1);
	size_t n = reader_u16(&r) % 600;
	struct apdu_command c = {.cla = 0x01, .ins = APDU_INTERNAL_AUTHENTICATE, .le = le};
	struct transport *t = NULL;
	struct apdu a;
	uint16_t sw = 0;
	int q;

	c.data = reader_take(&r, n < r.left ? n : r.left);
	if (script_new_answers(reader_rest(&r), VIEW_NULL, protocol, &t) < 0) {
		return 0;
	}
	apdu_init(&a, t);
	apdu_begin(&a, clock_monotonic() + 10 * USEC_PER_SEC);
	if (how > 1) {
		a.bytes_left = how; /* as behind other commands of the same request */
	}
	q = apdu_exchange(&a, &c, &answer, &sw);
	hold(q >= 0);
	hold(a.tpdus <= APDU_ROUNDS_MAX + c.data.len / APDU_DATA_MAX * APDU_ROUNDS_MAX);
	hold(q == 0 || answer.len == 0);
	hold(how <= 1 || answer.len <= how);
	hold(le == APDU_LE_MAX || answer.len <= le);
	transport_free(t);
	return 0;
}
