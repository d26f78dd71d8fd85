/* SPDX-License-Identifier: EUPL-1.2 */
/* Wrong answers of a slot, made on purpose; see slot-fault.h. Pure: bytes in, bytes out. */
#include "drivers/sim/slot-fault.h"

#include "drivers/sim/os.h"

enum {
	SW_LEN = 2,
	CASE_2_LEN = 5,
	LOOP_CHUNK = 16,
	GARBAGE_MAX = 300, /* bytes: a little more than any answer may have */
	SW_MORE = 0x6100,
	SW_NONE = 0x1234, /* no status word begins with 1 */
	BITS = 8,
};

/* -- in the card's place ------------------------------------------------------------------- */

/* The Le that a command asks for, 256 for 00; 0 when it asks for nothing. */
static size_t wanted(struct view in, bool t1)
{
	struct reader r = reader_of(in), last = reader_of(view_last(in, 1));
	bool out = in.len == CASE_2_LEN;
	uint8_t le = reader_u8(&last);

	reader_take(&r, CASE_2_LEN - 1);
	if (t1 && in.len > CASE_2_LEN && reader_u8(&r) + CASE_2_LEN + 1U == in.len)
		out = true;
	if (!out)
		return 0;
	return le ? le : 256;
}

static void say_yes(struct view in, bool t1, struct buf *out)
{
	buf_extend(out, wanted(in, t1));
	buf_put_u16(out, OS_SW_OK);
}

static void loop_61(struct view in, bool t1, struct buf *out)
{
	struct reader r = reader_of(in);

	reader_u8(&r);
	if (reader_u8(&r) == 0xC0 || t1)
		buf_extend(out, LOOP_CHUNK);
	buf_put_u16(out, SW_MORE | LOOP_CHUNK);
}

bool slot_fault_answer(const struct slot_faults *f, struct view in, bool t1, struct buf *out)
{
	if (f->yes)
		say_yes(in, t1, out);
	else if (f->loop61)
		loop_61(in, t1, out);
	else if (f->loop6c)
		buf_put_u16(out, (uint16_t)(OS_SW_LE | ((wanted(in, t1) + 1) & 0xFF)));
	else
		return false;
	return true;
}

/* -- on the line --------------------------------------------------------------------------- */

static void give_procedure(enum slot_procedure procedure, struct buf *out)
{
	if (procedure == SLOT_PROCEDURE_RIGHT)
		return;
	buf_reset(out);
	if (procedure == SLOT_PROCEDURE_ONE)
		buf_put_u8(out, 0x60);
	if (procedure == SLOT_PROCEDURE_SW1)
		buf_put_u16(out, SW_NONE);
}

static void lengthen(size_t overlong, struct buf *out)
{
	uint8_t sw[SW_LEN];

	if (overlong == 0 || out->len < SW_LEN ||
		view_copy(view_last(buf_view(out), SW_LEN), sw, sizeof(sw)))
		return;
	buf_truncate(out, out->len - SW_LEN);
	buf_extend(out, overlong);
	buf_put(out, sw, sizeof(sw));
}

static void turn_bit(size_t bit, struct buf *out)
{
	bit %= out->len * BITS;
	out->data[bit / BITS] ^= (uint8_t)(0x80U >> (bit % BITS));
}

/* Marsaglia's xorshift32: a state of 0 stays 0, so it is never one. */
static uint32_t next_random(uint32_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 17;
	*state ^= *state << 5;
	return *state;
}

static void invent(uint32_t *state, struct buf *out)
{
	size_t len;

	if (*state == 0)
		*state = UINT32_MAX;
	len = next_random(state) % (GARBAGE_MAX + 1);
	buf_reset(out);
	for (size_t i = 0; i < len; i++)
		buf_put_u8(out, (uint8_t)(next_random(state) >> 24));
}

void slot_fault_distort(struct slot_faults *f, struct buf *out)
{
	give_procedure(f->procedure, out);
	lengthen(f->overlong, out);
	if (f->truncates)
		buf_truncate(out, f->truncate);
	if (f->flip > 0 && out->len > 0 && --f->flip == 0)
		turn_bit(f->flip_bit, out);
	if (f->garbages)
		invent(&f->garbage, out);
}

bool slot_fault_power(struct slot_faults *f)
{
	if (f->glitch > 0) {
		f->glitch--;
		return true;
	}
	return f->mute_atr || f->upside_down;
}

/* -- telling ------------------------------------------------------------------------------- */

static void list_flags(const struct slot_faults *f, struct buf *out)
{
	const struct {
		bool on;
		const char *name;
	} flags[] = {
		{f->mute, " mute"},
		{f->mute_atr, " mute-atr"},
		{f->upside_down, " upside-down"},
		{f->hang, " hang"},
		{f->wtx, " wtx"},
		{f->yes, " yes"},
		{f->loop61, " loop61"},
		{f->loop6c, " loop6c"},
		{f->procedure == SLOT_PROCEDURE_ONE, " procedure=one"},
		{f->procedure == SLOT_PROCEDURE_SW1, " procedure=sw1"},
		{f->procedure == SLOT_PROCEDURE_EMPTY, " procedure=empty"},
		{f->garbages, " garbage"},
	};

	for (size_t i = 0; i < ARRAY_LEN(flags); i++)
		if (flags[i].on)
			buf_put_str(out, flags[i].name);
}

static void list_numbers(const struct slot_faults *f, struct buf *out)
{
	const struct {
		bool on;
		const char *name;
		uint64_t value;
	} numbers[] = {
		{f->truncates, "truncate", f->truncate},
		{f->overlong > 0, "overlong", f->overlong},
		{f->delay_us > 0, "delay", f->delay_us / 1000},
		{f->stuck_us > 0, "stuck", f->stuck_us / 1000000},
		{f->glitch > 0, "glitch", f->glitch},
		{f->flip > 0, "flip", f->flip},
		{f->tear > 0, "tear", f->tear},
	};

	for (size_t i = 0; i < ARRAY_LEN(numbers); i++)
		if (numbers[i].on)
			buf_printf(out, " %s=%llu", numbers[i].name,
				(unsigned long long)numbers[i].value);
}

void slot_fault_list(const struct slot_faults *f, struct buf *out)
{
	list_flags(f, out);
	list_numbers(f, out);
}
