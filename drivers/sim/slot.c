/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * A slot's life: insertion, power, commands with their faults, removal. Owns the card, the
 * transcript that is played and the one that is written.
 */
#include "drivers/sim/slot.h"

#include <errno.h>
#include <string.h>

#include "base/clock.h"
#include "drivers/sim/os-card.h"
#include "drivers/sim/transcript.h"

void slot_init(struct slot *s, unsigned index, const char *state_dir, bool clocked)
{
	*s = (struct slot){.index = index,
		.state_dir = state_dir,
		.clocked = clocked,
		.replay = BUF_NULL(SLOT_REPLAY_MAX)};
	transport_init(&s->transport);
	keypad_init(&s->keypad, false);
}

static void drop_card(struct slot *s)
{
	s->card = card_free(s->card);
	buf_reset(&s->replay);
	s->replay_at = 0;
	s->powered = false;
	s->present = false;
	s->name[0] = '\0';
	s->back[0] = '\0';
	s->faults.upside_down = false;
	transport_reset(&s->transport, 0, 0);
}

void slot_done(struct slot *s)
{
	drop_card(s);
	if (s->record)
		fclose(s->record);
	s->record = NULL;
	buf_done(&s->replay);
	keypad_done(&s->keypad);
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
	s->back[0] = '\0';
	if (s->record)
		transcript_put(s->record, '=', atr_view(&s->atr));
}

/* A card into an empty slot; nobody is told. */
static int put(struct slot *s, const char *name)
{
	struct state *state;
	int r;

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

int slot_insert(struct slot *s, const char *name)
{
	int r;

	if (s->present)
		return SLOT_FULL;
	r = put(s, name);
	if (r)
		return r > 0 ? r : trace(r);
	tell(s);
	return 0;
}

void slot_remove(struct slot *s)
{
	s->back[0] = '\0';
	if (!s->present)
		return;
	drop_card(s);
	tell(s);
}

int slot_swap(struct slot *s, const char *name, enum slot_swap how)
{
	unsigned protocol = s->transport.protocol;
	bool live = how == SLOT_SWAP_LIVE && s->powered;
	int r;

	if (how == SLOT_SWAP_SEEN || !s->present) {
		slot_remove(s);
		return slot_insert(s, name);
	}
	drop_card(s);
	r = put(s, name);
	if (r) { /* there is none: the slot is empty, and that is seen */
		tell(s);
		return r > 0 ? r : trace(r);
	}
	s->powered = live;
	transport_reset(&s->transport, protocol, atr_ifsc(&s->atr));
	return 0;
}

static void come_later(struct slot *s, const char *name, uint64_t us)
{
	(void)snprintf(s->back, sizeof(s->back), "%s", name);
	s->back_at = clock_monotonic() + us;
}

int slot_bounce(struct slot *s, uint64_t us)
{
	char name[STATE_NAME];

	if (!s->card) /* a transcript is no card that one can take */
		return SLOT_NO_CARD;
	(void)snprintf(name, sizeof(name), "%s", s->name);
	slot_remove(s);
	come_later(s, name, us);
	return 0;
}

int slot_come_back(struct slot *s)
{
	char name[STATE_NAME];

	(void)snprintf(name, sizeof(name), "%s", s->back);
	s->back[0] = '\0';
	return slot_insert(s, name);
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
	tell(s);
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
	if (slot_fault_power(&s->faults))
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

/* -- one command --------------------------------------------------------------------------- */

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
	if (!slot_fault_answer(&s->faults, in, s->transport.protocol == 1, out)) {
		if (s->card)
			return transport_exchange(&s->transport, s->card, in, out);
		play(s, out);
	}
	return transport_characters(&s->transport, in.len, out->len);
}

/* Microseconds that the exchange takes on the line and, where a profile says so, in the
 * card. */
static uint64_t spend(struct slot *s, size_t characters)
{
	uint64_t us = clock_line_us(&s->atr, s->transport.protocol, characters);

	if (s->card) {
		us += s->card->work_us;
		s->card->work_us = 0;
	}
	s->tpdus++;
	s->characters += characters;
	s->link_us += us;
	return s->clocked ? us : 0;
}

static void note(struct slot *s, struct view in, const struct buf *out, size_t characters)
{
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
	uint64_t us = s->faults.tear_us;
	char next[STATE_NAME];

	(void)snprintf(next, sizeof(next), "%s", s->faults.tear_insert);
	s->faults.tear_insert[0] = '\0';
	s->faults.tear_us = 0;
	slot_remove(s);
	if (next[0] && us > 0)
		come_later(s, next, us);
	else if (next[0] && slot_insert(s, next))
		return; /* no such card: the slot stays empty */
}

int slot_transmit(struct slot *s, struct view in, struct buf *out, uint64_t *ret_delay)
{
	size_t characters;
	int r;

	buf_reset(out);
	if (!s->present)
		return SLOT_NO_CARD;
	if (!s->powered)
		return SLOT_UNPOWERED;
	if (s->faults.hang)
		return SLOT_HANG;
	*ret_delay = s->faults.delay_us + s->faults.stuck_us;
	s->faults.stuck_us = 0;
	if (s->faults.mute) {
		*ret_delay += clock_silence_us(&s->atr, s->transport.protocol);
		return SLOT_MUTE;
	}
	characters = answer(s, in, out);
	if (s->faults.tear > 0 && --s->faults.tear == 0) {
		tear(s);
		return SLOT_NO_CARD;
	}
	slot_fault_distort(&s->faults, out);
	r = buf_check(out);
	if (r)
		return trace(r);
	note(s, in, out, characters);
	*ret_delay += spend(s, characters);
	return s->faults.wtx ? SLOT_WTX : 0;
}
