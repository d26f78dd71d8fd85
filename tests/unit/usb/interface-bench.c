/* SPDX-License-Identifier: EUPL-1.2 */
/* See interface-bench.h. */
/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
/* clang-format on */

#include "tests/unit/usb/interface-bench.h"

#include "base/hex.h"

#define PACKET 64U

/* -- the ops ------------------------------------------------------------------------------- */

static void op_send(void *user, struct view message)
{
	struct desk *d = user;
	struct reader r = reader_of(message);
	unsigned waiting = 0;
	uint8_t type = reader_u8(&r), slot;

	assert_false(d->sending);
	d->sending = true;
	d->sends++;
	buf_reset(&d->out);
	buf_put_view(&d->out, message);
	(void)reader_u32(&r);
	slot = reader_u8(&r);
	assert_true(slot < d->i->reader.slots);
	assert_true(d->i->slots[slot].job != SLOT_JOB_NONE);
	d->seq[slot] = reader_u8(&r);
	for (unsigned n = 0; n < d->i->reader.slots; n++) {
		waiting += d->i->slots[n].waits;
	}
	assert_true(type == MESSAGE_ABORT || waiting <= d->i->reader.busy);
}

static void op_receive(void *user, size_t size)
{
	struct desk *d = user;

	assert_false(d->receiving);
	assert_true(size > 0 && size % PACKET == 0);
	d->receiving = true;
	d->room = size;
	d->receives++;
}

static void op_abort(void *user, uint8_t slot, uint8_t seq)
{
	struct desk *d = user;

	d->aborts++;
	d->abort_slot = slot;
	d->abort_seq = seq;
}

static void op_recover(void *user, enum interface_recover how)
{
	struct desk *d = user;

	d->recovers++;
	d->how = how;
	d->sending = d->receiving = false;
}

static void op_timer(void *user, uint64_t when)
{
	struct desk *d = user;

	assert_true(when > 0);
	d->timer = when;
}

static void op_ended(void *user, struct slot *slot, enum slot_job job, enum slot_end end)
{
	struct desk *d = user;

	assert_true(d->n_ends < DESK_ENDS);
	assert_int_equal(slot->job, SLOT_JOB_NONE);
	d->ends[d->n_ends].slot = slot->number;
	d->ends[d->n_ends].job = job;
	d->ends[d->n_ends].end = end;
	d->n_ends++;
	if (d->again > 0) {
		d->again--;
		assert_int_equal(
			interface_job(d->i, slot->number, SLOT_JOB_STATUS, VIEW_NULL, d->now),
			0);
	}
}

static void op_presence(void *user, struct slot *slot)
{
	struct desk *d = user;

	assert_int_not_equal(slot->presence, SLOT_UNKNOWN);
	d->presences++;
}

static void op_broken(void *user, const char *why)
{
	struct desk *d = user;

	assert_null(d->broken);
	d->broken = why;
}

static const struct interface_ops ops = {
	.send = op_send,
	.receive = op_receive,
	.abort = op_abort,
	.recover = op_recover,
	.timer = op_timer,
	.ended = op_ended,
	.presence = op_presence,
	.broken = op_broken,
};

/* -- the desk ------------------------------------------------------------------------------ */

static void begin(struct desk *d, uint8_t slots, uint8_t busy, bool interrupt, bool extended)
{
	const struct ccid_interface reader = {.slots = slots,
		.busy = busy,
		.voltages = 1,
		.protocols = 3,
		.clock = 4000,
		.rate = 10752,
		.rate_max = 344086,
		.ifsd = 254,
		.features = CCID_AUTO_VOLTAGE | CCID_AUTO_NEGOTIATION,
		.level = extended ? CCID_LEVEL_EXTENDED_APDU : CCID_LEVEL_SHORT_APDU,
		.message = extended ? DESCRIPTOR_MESSAGE_MAX : DESCRIPTOR_MESSAGE_MIN,
		.pin = CCID_PIN_VERIFY,
		.interrupt_in = interrupt ? 0x83 : 0,
		.packet_in = PACKET,
		.packet_out = PACKET};

	*d = (struct desk){.now = 1000000};
	d->out = BUF_NULL(MESSAGE_MAX);
	assert_int_equal(interface_new(&reader, &ops, d, &d->i), 0);
	assert_int_equal(d->sends, 0);
	assert_int_not_equal(d->timer, 0);
}

void desk_begin(struct desk *d, uint8_t slots, uint8_t busy, bool interrupt)
{
	begin(d, slots, busy, interrupt, false);
}

static void ready(struct desk *d)
{
	uint8_t slots = d->i->reader.slots;

	interface_due(d->i, d->now);
	for (uint8_t n = 0; n < slots; n++) {
		desk_takes(d, MESSAGE_GET_SLOT_STATUS, n);
		desk_answers(d, MESSAGE_SLOT_STATUS, n, 1, 0, "");
	}
	assert_int_equal(d->presences, slots);
	for (uint8_t n = 0; n < slots; n++) {
		desk_job(d, n, SLOT_JOB_POWER, "");
		desk_takes(d, MESSAGE_POWER_ON, n);
		desk_answers(d, MESSAGE_DATA_BLOCK, n, 0, 0, "3B00");
		desk_takes(d, MESSAGE_GET_PARAMETERS, n);
		desk_answers(d, MESSAGE_PARAMETERS, n, 0, 0, "1100000A00");
		desk_ends(d, n, SLOT_JOB_POWER, SLOT_DONE);
		assert_true(d->i->slots[n].active);
	}
	desk_quiet(d);
	assert_int_equal(d->n_ends, slots);
}

void desk_ready(struct desk *d, uint8_t slots, uint8_t busy, bool interrupt)
{
	begin(d, slots, busy, interrupt, false);
	ready(d);
}

void desk_ready_extended(struct desk *d)
{
	begin(d, 1, 1, true, true);
	ready(d);
}

void desk_done(struct desk *d)
{
	d->i = interface_free(d->i);
	buf_done(&d->out);
}

void desk_job(struct desk *d, unsigned slot, enum slot_job job, const char *hex)
{
	_cleanup_(buf_done) struct buf command = BUF_NULL(MESSAGE_MAX);
	size_t ends = d->n_ends;

	assert_int_equal(hex_decode(&command, view_str(hex)), 0);
	assert_int_equal(interface_job(d->i, slot, job, buf_view(&command), d->now), 0);
	assert_int_equal(d->n_ends, ends); /* never told inside */
}

void desk_takes(struct desk *d, enum message_type type, uint8_t slot)
{
	struct reader r = reader_of(buf_view(&d->out));

	assert_true(d->sending);
	assert_int_equal(reader_u8(&r), type);
	(void)reader_u32(&r);
	assert_int_equal(reader_u8(&r), slot);
	d->sending = false;
	interface_sent(d->i, INTERFACE_OK, d->now);
}

void desk_quiet(struct desk *d)
{
	assert_false(d->sending);
	assert_false(d->receiving);
}

void desk_message(struct buf *ret, uint8_t type, uint8_t slot, uint8_t seq, uint8_t status,
	const char *hex)
{
	_cleanup_(buf_done) struct buf data = BUF_NULL(MESSAGE_MAX);
	const uint8_t three[3] = {status, 0, 0};

	assert_int_equal(hex_decode(&data, view_str(hex)), 0);
	message_put(ret, (enum message_type)type, slot, seq, three, buf_view(&data));
	assert_int_equal(buf_check(ret), 0);
}

void desk_bytes(struct desk *d, struct view bytes)
{
	assert_true(d->receiving);
	assert_true(bytes.len <= d->room);
	d->receiving = false;
	interface_received(d->i, INTERFACE_OK, bytes, d->now);
}

void desk_answers(struct desk *d, uint8_t type, uint8_t slot, uint8_t status, uint8_t error,
	const char *hex)
{
	_cleanup_(buf_done) struct buf b = BUF_NULL(MESSAGE_MAX);

	desk_message(&b, type, slot, d->seq[slot], status, hex);
	b.data[8] = error;
	desk_bytes(d, buf_view(&b));
}

void desk_notifies(struct desk *d, const char *hex)
{
	_cleanup_(buf_done) struct buf b = BUF_NULL(64);

	assert_int_equal(hex_decode(&b, view_str(hex)), 0);
	interface_notified(d->i, buf_view(&b), d->now);
}

void desk_waits(struct desk *d)
{
	assert_int_not_equal(d->timer, 0);
	if (d->timer > d->now) {
		d->now = d->timer;
	}
	d->timer = 0;
	interface_due(d->i, d->now);
}

void desk_ends(struct desk *d, unsigned slot, enum slot_job job, enum slot_end end)
{
	assert_true(d->read_ends < d->n_ends);
	assert_int_equal(d->ends[d->read_ends].slot, slot);
	assert_int_equal(d->ends[d->read_ends].job, job);
	assert_int_equal(d->ends[d->read_ends].end, end);
	d->read_ends++;
}

void desk_transmits(struct desk *d, unsigned slot)
{
	desk_job(d, slot, SLOT_JOB_TRANSMIT, "00B0000008");
	desk_takes(d, MESSAGE_XFR_BLOCK, (uint8_t)slot);
	desk_answers(d, MESSAGE_DATA_BLOCK, (uint8_t)slot, 0, 0, "01029000");
	desk_ends(d, slot, SLOT_JOB_TRANSMIT, SLOT_DONE);
	assert_int_equal(d->i->slots[slot].answer.len, 4);
}

void desk_two(struct desk *d)
{
	desk_ready(d, 2, 2, true);
	desk_job(d, 0, SLOT_JOB_TRANSMIT, "00B0000008");
	desk_job(d, 1, SLOT_JOB_TRANSMIT, "00B0000008");
	desk_takes(d, MESSAGE_XFR_BLOCK, 0);
	desk_takes(d, MESSAGE_XFR_BLOCK, 1);
}

void desk_other_goes_on(struct desk *d)
{
	desk_answers(d, MESSAGE_DATA_BLOCK, 1, 0, 0, "9000");
	desk_ends(d, 1, SLOT_JOB_TRANSMIT, SLOT_DONE);
	assert_null(d->broken);
}

void desk_powers(struct desk *d, uint8_t slot)
{
	desk_job(d, slot, SLOT_JOB_POWER, "");
	desk_takes(d, MESSAGE_POWER_ON, slot);
	desk_answers(d, MESSAGE_DATA_BLOCK, slot, 0, 0, "3B00");
	desk_takes(d, MESSAGE_GET_PARAMETERS, slot);
	desk_answers(d, MESSAGE_PARAMETERS, slot, 0, 0, "1100000A00");
	desk_ends(d, slot, SLOT_JOB_POWER, SLOT_DONE);
	desk_transmits(d, slot);
}

void desk_is_aborted(struct desk *d, enum slot_end end)
{
	while (d->aborts == 0) {
		desk_waits(d);
	}
	assert_int_equal(d->abort_slot, 0);
	desk_takes(d, MESSAGE_ABORT, 0);
	assert_int_equal(d->seq[0], d->abort_seq);
	desk_answers(d, MESSAGE_SLOT_STATUS, 0, 0, 0, "");
	desk_ends(d, 0, SLOT_JOB_TRANSMIT, end);
	assert_true(d->now <= 1000000 + SLOT_JOB_USEC + SLOT_ABORT_USEC);
}
