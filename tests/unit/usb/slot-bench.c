/* SPDX-License-Identifier: EUPL-1.2 */
/* See slot-bench.h. */
/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
/* clang-format on */

#include "tests/unit/usb/slot-bench.h"

#include "base/hex.h"

#define VOLTAGES_5_3 3U
#define CLOCK_KHZ    4000U
#define RATE	     10752U

static struct buf bytes_of(const char *hex)
{
	struct buf b = BUF_NULL(MESSAGE_MAX);

	assert_int_equal(hex_decode(&b, view_str(hex)), 0);
	return b;
}

void bench_begin(struct bench *b, enum ccid_level level, uint32_t features)
{
	*b = (struct bench){.now = 1000000};
	b->reader = (struct ccid_interface){.slots = 1,
		.busy = 1,
		.voltages = VOLTAGES_5_3,
		.protocols = 3,
		.clock = CLOCK_KHZ,
		.clock_max = CLOCK_KHZ,
		.rate = RATE,
		.rate_max = 344086,
		.ifsd = 254,
		.features = features,
		.level = level,
		.message = 271,
		.pin = CCID_PIN_VERIFY | CCID_PIN_MODIFY};
	assert_int_equal(slot_init(&b->slot, &b->reader, 0), 0);
}

void bench_done(struct bench *b)
{
	slot_done(&b->slot);
}

void bench_start(struct bench *b, enum slot_job job, const char *hex)
{
	_cleanup_(buf_done) struct buf command = bytes_of(hex);

	slot_start(&b->slot, job, buf_view(&command), b->now);
}

void bench_sends(struct bench *b, enum message_type type, const char *three, const char *hex)
{
	_cleanup_(buf_done) struct buf out = BUF_NULL(MESSAGE_MAX);
	_cleanup_(buf_done) struct buf want = BUF_NULL(MESSAGE_MAX);
	_cleanup_(buf_done) struct buf data = bytes_of(hex);
	_cleanup_(buf_done) struct buf head = bytes_of(three);

	assert_true(slot_next(&b->slot, &out, b->now));
	assert_int_equal(head.len, 3);
	message_put(&want, type, b->slot.number, b->slot.seq, head.data, buf_view(&data));
	assert_int_equal(out.len, want.len);
	assert_memory_equal(out.data, want.data, want.len);
	assert_true(b->slot.deadline > b->now && b->slot.deadline <= b->slot.whole);
	b->out++;
}

void bench_silent(struct bench *b)
{
	_cleanup_(buf_done) struct buf out = BUF_NULL(MESSAGE_MAX);

	assert_false(slot_next(&b->slot, &out, b->now));
	assert_int_equal(out.len, 0);
}

void bench_says(struct bench *b, uint8_t type, uint8_t status, uint8_t error, uint8_t last,
	const char *hex)
{
	_cleanup_(buf_done) struct buf data = bytes_of(hex);
	_cleanup_(buf_done) struct buf all = BUF_NULL(MESSAGE_MAX + 64);
	const uint8_t three[3] = {status, error, last};
	struct message m;

	message_put(&all, (enum message_type)type, b->slot.number, b->slot.seq, three,
		buf_view(&data));
	assert_int_equal(message_parse(buf_view(&all), MESSAGE_MAX, &m), 0);
	slot_take(&b->slot, &m, b->now);
	b->in++;
}

void bench_data(struct bench *b, const char *hex)
{
	bench_says(b, MESSAGE_DATA_BLOCK, BENCH_ACTIVE, 0, 0, hex);
}

void bench_ends(struct bench *b, enum slot_end end, const char *hex)
{
	_cleanup_(buf_done) struct buf want = bytes_of(hex ? hex : "");
	enum slot_end got;

	bench_silent(b);
	assert_true(slot_over(&b->slot));
	assert_true(slot_ended(&b->slot, &got));
	assert_int_equal(got, end);
	assert_int_equal(b->slot.answer.len, want.len);
	if (want.len > 0) {
		assert_memory_equal(b->slot.answer.data, want.data, want.len);
	}
	assert_int_equal(b->slot.job, SLOT_JOB_NONE);
	assert_false(b->slot.waits);
}

void bench_power(struct bench *b, const char *atr)
{
	bench_start(b, SLOT_JOB_POWER, "");
	bench_sends(b, MESSAGE_POWER_ON, "000000", "");
	bench_data(b, atr);
	if (b->slot.job != SLOT_JOB_NONE && !slot_over(&b->slot)) {
		_cleanup_(buf_done) struct buf out = BUF_NULL(MESSAGE_MAX);

		/* GetParameters: what it says is of no interest here */
		assert_true(slot_next(&b->slot, &out, b->now));
		assert_int_equal(slot_asked(&b->slot), MESSAGE_GET_PARAMETERS);
		bench_says(b, MESSAGE_PARAMETERS, BENCH_ACTIVE | BENCH_FAILED, 0, 0, "");
	}
	bench_ends(b, SLOT_DONE, NULL);
	assert_true(b->slot.active);
	b->out = b->in = 0;
}
