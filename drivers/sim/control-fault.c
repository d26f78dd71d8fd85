/* SPDX-License-Identifier: EUPL-1.2 */
/* The control commands that make faults and end them; what each means is in slot-fault.h. */
#include <stdio.h>
#include <string.h>

#include "drivers/sim/control.h"

#define OVERLONG_MAX 65000U /* bytes: what still fits into a datagram of the reader link */

/* -- cards --------------------------------------------------------------------------------- */

void fault_upside_down(const struct request *q)
{
	int r;

	slot_remove(q->slot);
	r = slot_insert(q->slot, q->word[0]);
	if (r == 0)
		q->slot->faults.upside_down = true;
	control_report(q, r);
}

void fault_tear(const struct request *q)
{
	struct slot_faults *f = &q->slot->faults;
	uint64_t n, ms = 0;

	if (!control_number(q->word[0], &n) || n == 0) {
		control_error(q, "a number of commands is needed");
		return;
	}
	if (q->word[1] && !state_name_ok(q->word[1])) {
		control_error(q, "no such card or file");
		return;
	}
	if (q->word[1] && q->word[2] && !control_number(q->word[2], &ms)) {
		control_error(q, "a number of milliseconds is needed");
		return;
	}
	f->tear = (unsigned)n;
	f->tear_us = ms * 1000;
	(void)snprintf(
		f->tear_insert, sizeof(f->tear_insert), "%s", q->word[1] ? q->word[1] : "");
	control_report(q, 0);
}

/* -- on and off ---------------------------------------------------------------------------- */

static void set_flag(const struct request *q, bool *flag)
{
	if (!q->word[0])
		*flag = true;
	else if (!control_on_off(q, q->word[0], flag))
		return;
	control_report(q, 0);
}

void fault_mute(const struct request *q)
{
	set_flag(q, &q->slot->faults.mute);
}

void fault_mute_atr(const struct request *q)
{
	set_flag(q, &q->slot->faults.mute_atr);
}

void fault_hang(const struct request *q)
{
	set_flag(q, &q->slot->faults.hang);
	if (!q->slot->faults.hang)
		reader_port_release(q->server, q->slot->index, SERVER_WAIT_EVER);
}

void fault_wtx(const struct request *q)
{
	set_flag(q, &q->slot->faults.wtx);
	if (!q->slot->faults.wtx)
		reader_port_release(q->server, q->slot->index, SERVER_WAIT_ALIVE);
}

void fault_yes(const struct request *q)
{
	set_flag(q, &q->slot->faults.yes);
}

void fault_loop61(const struct request *q)
{
	set_flag(q, &q->slot->faults.loop61);
}

void fault_loop6c(const struct request *q)
{
	set_flag(q, &q->slot->faults.loop6c);
}

void fault_procedure(const struct request *q)
{
	static const char *const names[] = {
		[SLOT_PROCEDURE_RIGHT] = "off",
		[SLOT_PROCEDURE_ONE] = "one",
		[SLOT_PROCEDURE_SW1] = "sw1",
		[SLOT_PROCEDURE_EMPTY] = "empty",
	};

	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		if (strcmp(q->word[0], names[i]) != 0)
			continue;
		q->slot->faults.procedure = (enum slot_procedure)i;
		control_report(q, 0);
		return;
	}
	control_error(q, "one, sw1, empty or off");
}

/* -- numbers ------------------------------------------------------------------------------- */

/* A number up to @max, or off, which is 0. Return: whether it was one; else @what is the
 * answer. */
static bool number_or_off(
	const struct request *q, uint64_t max, const char *what, uint64_t *ret, bool *ret_off)
{
	uint64_t n = 0;
	bool off = strcmp(q->word[0], "off") == 0;

	if (!off && (!control_number(q->word[0], &n) || n > max)) {
		control_error(q, what);
		return false;
	}
	*ret = n;
	*ret_off = off;
	return true;
}

void fault_truncate(const struct request *q)
{
	uint64_t n;
	bool off;

	if (!number_or_off(q, UINT32_MAX, "a number of bytes is needed, or off", &n, &off))
		return;
	q->slot->faults.truncates = !off;
	q->slot->faults.truncate = n;
	control_report(q, 0);
}

void fault_overlong(const struct request *q)
{
	uint64_t n;
	bool off;

	if (!number_or_off(q, OVERLONG_MAX, "a number of bytes up to 65000 is needed, or off",
		    &n, &off))
		return;
	q->slot->faults.overlong = n;
	control_report(q, 0);
}

void fault_garbage(const struct request *q)
{
	uint64_t n;
	bool off;

	if (!number_or_off(q, UINT32_MAX, "a seed is needed, or off", &n, &off))
		return;
	q->slot->faults.garbages = !off;
	q->slot->faults.garbage = (uint32_t)n;
	control_report(q, 0);
}

void fault_flip(const struct request *q)
{
	uint64_t n, bit = 0;
	bool off;

	if (!number_or_off(q, UINT32_MAX, "a number of answers is needed, or off", &n, &off))
		return;
	if (q->word[1] && !control_number(q->word[1], &bit)) {
		control_error(q, "a number of bits is needed");
		return;
	}
	q->slot->faults.flip = (unsigned)n;
	q->slot->faults.flip_bit = bit;
	control_report(q, 0);
}

void fault_glitch(const struct request *q)
{
	uint64_t n;
	bool off;

	if (!number_or_off(q, UINT32_MAX, "a number of power-ups is needed, or off", &n, &off))
		return;
	q->slot->faults.glitch = (unsigned)n;
	control_report(q, 0);
}

void fault_stuck(const struct request *q)
{
	uint64_t n;
	bool off;

	if (!number_or_off(q, UINT32_MAX, "a number of seconds is needed, or off", &n, &off))
		return;
	q->slot->faults.stuck_us = n * 1000000;
	if (off)
		reader_port_release(q->server, q->slot->index, SERVER_WAIT_LINE);
	control_report(q, 0);
}

void fault_delay(const struct request *q)
{
	uint64_t n;

	if (!control_number(q->word[0], &n)) {
		control_error(q, "a number of milliseconds is needed");
		return;
	}
	q->slot->faults.delay_us = n * 1000;
	control_report(q, 0);
}

/* -- all of them --------------------------------------------------------------------------- */

void fault_normal(const struct request *q)
{
	q->slot->faults = (struct slot_faults){0};
	readers_of_slot(q->server, q->slot->index)->unplug = 0;
	reader_port_release(q->server, q->slot->index, SERVER_WAIT_EVER);
	reader_port_release(q->server, q->slot->index, SERVER_WAIT_ALIVE);
	reader_port_release(q->server, q->slot->index, SERVER_WAIT_LINE);
	q->slot->keypad.answer = KEYPAD_ANSWER_CANCEL;
	control_report(q, reader_port_keys(q->server, q->slot->index));
	keypad_done(&q->slot->keypad);
}

void fault_list(const struct request *q)
{
	const struct server_reader *r = readers_of_slot(q->server, q->slot->index);
	size_t before;

	buf_put_str(q->out, "ok");
	before = q->out->len;
	slot_fault_list(&q->slot->faults, q->out);
	if (r->unplug > 0)
		buf_printf(q->out, " unplug=%u", r->unplug);
	if (!r->plugged)
		buf_put_str(q->out, " unplugged");
	if (r->blocking)
		buf_put_str(q->out, " blocking");
	if (q->slot->back[0])
		buf_put_str(q->out, " bounce");
	if (q->out->len == before)
		buf_put_str(q->out, " none");
}
