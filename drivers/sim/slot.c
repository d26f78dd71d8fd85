/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * A slot's life: insertion, power, commands with their faults, removal. Owns the card, the
 * transcript that is played and the one that is written.
 */
#include "drivers/sim/slot.h"

#include <errno.h>
#include <string.h>

#include "drivers/sim/os-card.h"
#include "drivers/sim/transcript.h"

enum {
	ANSWER_MIN = 2,
	LOOP_CHUNK = 16,
	SW_MORE = 0x6100,
};

void slot_init(struct slot *s, unsigned index, const char *state_dir, bool clocked)
{
	*s = (struct slot){.index = index,
		.state_dir = state_dir,
		.clocked = clocked,
		.replay = BUF_NULL(SLOT_REPLAY_MAX)};
	transport_init(&s->transport);
}

static void drop_card(struct slot *s)
{
	s->card = card_free(s->card);
	buf_reset(&s->replay);
	s->replay_at = 0;
	s->powered = false;
	s->present = false;
	s->name[0] = '\0';
	transport_reset(&s->transport, 0, 0);
}

void slot_done(struct slot *s)
{
	drop_card(s);
	if (s->record)
		fclose(s->record);
	s->record = NULL;
	buf_done(&s->replay);
	transport_done(&s->transport);
}

static void tell(struct slot *s)
{
	if (s->changed)
		s->changed(s->user, s->index, s->present);
}

static void come(struct slot *s, const char *name)
{
	(void)snprintf(s->name, sizeof(s->name), "%s", name);
	s->present = true;
	s->powered = false;
	if (s->record)
		transcript_put(s->record, '=', atr_view(&s->atr));
	tell(s);
}

int slot_insert(struct slot *s, const char *name)
{
	struct state *state;
	int r;

	if (s->present)
		return SLOT_FULL;
	r = state_load(s->state_dir, name, &state);
	if (r == STATE_ABSENT)
		return SLOT_ABSENT;
	if (r)
		return r > 0 ? SLOT_INVALID : trace(r);
	if (atr_parse(view_of(state->profile->atr, state->profile->atr_len), &s->atr)) {
		state_free(state);
		return SLOT_INVALID;
	}
	r = card_new(state, &s->card);
	if (r)
		return trace(r);
	come(s, name);
	return 0;
}

void slot_remove(struct slot *s)
{
	if (!s->present)
		return;
	drop_card(s);
	tell(s);
}

int slot_replay(struct slot *s, const char *path)
{
	_cleanup_(buf_done) struct buf answers = BUF_NULL(SLOT_REPLAY_MAX);
	struct atr atr;
	int r;

	r = transcript_load(path, &atr, &answers);
	if (r)
		return r == TRANSCRIPT_ABSENT ? SLOT_ABSENT : r > 0 ? SLOT_INVALID : trace(r);
	slot_remove(s);
	buf_put_view(&s->replay, buf_view(&answers));
	r = buf_check(&s->replay);
	if (r)
		return trace(r);
	s->atr = atr;
	come(s, "replay");
	return 0;
}

int slot_record(struct slot *s, const char *path)
{
	if (s->record)
		fclose(s->record);
	s->record = NULL;
	if (!path)
		return 0;
	s->record = fopen(path, "we");
	if (!s->record)
		return fault(-errno);
	if (s->present)
		transcript_put(s->record, '=', atr_view(&s->atr));
	return 0;
}

int slot_power(struct slot *s)
{
	if (!s->present)
		return SLOT_NO_CARD;
	s->powered = false;
	if (s->card)
		card_reset(s->card);
	transport_reset(&s->transport, s->atr.first, atr_ifsc(&s->atr));
	if (s->faults.mute_atr)
		return SLOT_MUTE;
	s->powered = true;
	return 0;
}

void slot_power_down(struct slot *s)
{
	s->powered = false;
	if (s->card)
		card_reset(s->card);
}

int slot_protocol(struct slot *s, unsigned protocol)
{
	if (!s->present)
		return SLOT_NO_CARD;
	if (!s->powered)
		return SLOT_UNPOWERED;
	if (protocol > 1 || !atr_offers(&s->atr, protocol))
		return SLOT_REFUSED;
	transport_reset(&s->transport, protocol, atr_ifsc(&s->atr));
	return 0;
}

/* -- one command --------------------------------------------------------------------------------- */

/* 9000 and as many zero bytes as were asked for */
static void say_yes(const struct slot *s, struct view in, struct buf *out)
{
	struct reader r = reader_of(in);
	bool out_only = in.len == 5;
	size_t le = 0;

	if (in.len > 5) { /* T=1: a Le may follow the data */
		reader_take(&r, 4);
		if (s->transport.protocol == 1 && reader_u8(&r) + 6U == in.len)
			out_only = true;
	}
	if (out_only) {
		struct reader last = reader_of(view_last(in, 1));

		le = reader_u8(&last);
		le = le ? le : 256;
	}
	buf_extend(out, le);
	buf_put_u16(out, OS_SW_OK);
}

static void loop_61(const struct slot *s, struct view in, struct buf *out)
{
	struct reader r = reader_of(in);

	reader_u8(&r);
	if (reader_u8(&r) == 0xC0 || s->transport.protocol == 1)
		buf_extend(out, LOOP_CHUNK);
	buf_put_u16(out, SW_MORE | LOOP_CHUNK);
}

static void play(struct slot *s, struct buf *out)
{
	struct reader r =
		reader_of(view_sub(buf_view(&s->replay), s->replay_at, SLOT_REPLAY_MAX));
	struct view answer = reader_take(&r, reader_u16(&r));

	if (r.failed || answer.len == 0) {
		buf_put_u16(out, OS_SW_BROKEN);
		return;
	}
	buf_put_view(out, answer);
	s->replay_at += 2 + answer.len;
}

/* What the card, or what stands in for it, answers. Return: characters on the line. */
static size_t answer(struct slot *s, struct view in, struct buf *out)
{
	if (s->faults.yes)
		say_yes(s, in, out);
	else if (s->faults.loop61)
		loop_61(s, in, out);
	else if (!s->card)
		play(s, out);
	else
		return transport_exchange(&s->transport, s->card, in, out);
	return transport_characters(&s->transport, in.len, out->len);
}

static void distort(const struct slot_faults *f, struct buf *out)
{
	if (f->overlong > 0 && out->len >= ANSWER_MIN) {
		size_t at = out->len - ANSWER_MIN;
		uint8_t sw[ANSWER_MIN];

		if (view_copy(view_last(buf_view(out), ANSWER_MIN), sw, sizeof(sw)))
			return;
		buf_truncate(out, at);
		buf_extend(out, f->overlong);
		buf_put(out, sw, sizeof(sw));
	}
	if (f->truncates)
		buf_truncate(out, f->truncate);
}

static void note(struct slot *s, struct view in, const struct buf *out, size_t characters)
{
	s->tpdus++;
	s->characters += characters;
	if (s->trace)
		transcript_trace(s->trace, s->index, in, buf_view(out), characters);
	if (s->record) {
		transcript_put(s->record, '>', in);
		transcript_put(s->record, '<', buf_view(out));
	}
}

/* The card leaves during this command: it may have done it, nobody hears of it. */
static void tear(struct slot *s)
{
	char next[STATE_NAME];

	(void)snprintf(next, sizeof(next), "%s", s->faults.tear_insert);
	s->faults.tear_insert[0] = '\0';
	slot_remove(s);
	if (next[0] && slot_insert(s, next))
		return; /* no such card: the slot stays empty */
}

int slot_transmit(struct slot *s, struct view in, struct buf *out, uint64_t *ret_delay)
{
	size_t characters;

	buf_reset(out);
	if (!s->present)
		return SLOT_NO_CARD;
	if (!s->powered)
		return SLOT_UNPOWERED;
	if (s->faults.hang)
		return SLOT_HANG;
	*ret_delay = s->faults.delay_us;
	if (s->faults.mute) {
		*ret_delay += clock_silence_us(&s->atr, s->transport.protocol);
		return SLOT_MUTE;
	}
	characters = answer(s, in, out);
	if (s->faults.tear > 0 && --s->faults.tear == 0) {
		tear(s);
		return SLOT_NO_CARD;
	}
	distort(&s->faults, out);
	note(s, in, out, characters);
	if (s->clocked)
		*ret_delay += clock_line_us(&s->atr, s->transport.protocol, characters);
	if (s->clocked && s->card)
		*ret_delay += s->card->work_us;
	if (s->card)
		s->card->work_us = 0;
	return 0;
}
