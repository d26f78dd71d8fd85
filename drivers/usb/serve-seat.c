/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * One slot and what runs in it: at most one job at a time, begun by seat_turn() in the order
 * that safety wants: first the power that must go, then what the owner asked for, then the ATR
 * of a card that came. Guarantees: a card that somebody used has lost its power, by the reader's
 * own word, before somebody else has it, and before anybody has it whose user wanted it reset; no
 * command reaches another card than the one that was attached, nor one that lost its power since;
 * every request is answered once.
 */
#include <errno.h>

#include "base/clock.h"
#include "base/link-ops.h"
#include "base/log.h"
#include "base/tlv.h"
#include "drivers/usb/serve-inside.h"

#define LEARNS_MAX 3U /* *invented* */
/* seat.user: somebody has left it with power, and whoever comes next is not the one */
#define SOMEBODY   UINT64_MAX

/* A keypad has a say in SECURE alone; in any other job a reader that speaks of it lies. */
static enum usb_outcome of_keypad(enum seat_work work, enum usb_outcome o)
{
	return work == SEAT_SECURE ? o : work == SEAT_ATTACH ? USB_BROKEN : USB_LIED;
}

static enum usb_outcome outcome_of(
	const struct seat *seat, enum seat_work work, enum slot_end end)
{
	switch (end) {
	case SLOT_DONE:
		return USB_DONE;
	case SLOT_EMPTY:
	case SLOT_UNPOWERED:
	case SLOT_UNPLUGGED:
		return USB_GONE;
	case SLOT_MUTE:
		return USB_MUTE;
	case SLOT_BROKEN:
	case SLOT_UNABLE:
		return USB_BROKEN;
	case SLOT_CANCELLED:
		return seat->stopped ? USB_CANCELLED : of_keypad(work, USB_CANCELLED);
	case SLOT_LATE:
		return of_keypad(work, USB_LATE);
	case SLOT_REFUSED:
		return of_keypad(work, USB_REFUSED);
	case SLOT_NO_KEYPAD:
		return of_keypad(work, USB_NO_PINPAD);
	case SLOT_LIED:
		return USB_LIED;
	case SLOT_FAILED:
		return USB_FAILED;
	}
	return USB_FAILED;
}

/* -- jobs ---------------------------------------------------------------------------------- */

/* Return: whether it has begun. */
static bool begin(
	struct seat *seat, enum seat_work work, enum slot_job job, struct view command)
{
	int r = interface_job(
		seat->machine, seat->slot->number, job, command, clock_monotonic());

	seat->work = r == 0 ? work : SEAT_NOTHING;
	seat->stopped = false;
	return r == 0;
}

static bool card_in(const struct seat *seat)
{
	return seat->slot->presence == SLOT_IN;
}

static bool has_power(const struct slot *slot)
{
	return slot->active || slot->hot;
}

/* The card in @p's hands is not the one that was, or not as it was. */
static bool changed(const struct peer *p)
{
	const struct slot *slot = p->seat ? p->seat->slot : NULL;

	return !slot || slot->presence != SLOT_IN || slot->events != p->events ||
	       slot->powers != p->powers || !slot->active;
}

/* Who waits longest for a seat that is free. */
static struct peer *next_in_line(const struct seat *seat)
{
	struct serve *s = seat->reader->serve;
	struct peer *first = NULL;

	for (size_t i = 0; i < SERVE_CONNECTIONS_MAX; i++) {
		struct peer *p = s->peers[i];

		if (p && !p->ended && p->seat == seat && p->at == PEER_WAITS &&
			(!first || p->id < first->id)) {
			first = p;
		}
	}
	return first;
}

/* The seat is @seat->owner's, who waits for its card. */
static void give_power(struct seat *seat)
{
	struct peer *p = seat->owner;
	bool others = seat->user != 0 && seat->user != p->id;

	if (seat->slot->presence == SLOT_OUT) {
		seat_leave(p);
		frame_answer(p, USB_GONE, NULL);
	} else if (others) { /* a reset would be the reader's word alone */
		if (!begin(seat, SEAT_CHANGE, SLOT_JOB_OFF, VIEW_NULL)) {
			seat_leave(p);
			frame_answer(p, USB_FAILED, NULL);
		}
	} else if (begin(seat, SEAT_ATTACH, SLOT_JOB_POWER, VIEW_NULL)) {
		seat->user = p->id;
	} else {
		seat_leave(p);
		frame_answer(p, USB_FAILED, NULL);
	}
}

void seat_turn(struct seat *seat)
{
	if (seat->work != SEAT_NOTHING || seat->machine->broken) {
		return;
	}
	if (seat->off) { /* until it has begun nobody has the card */
		seat->off = !begin(seat, SEAT_OFF, SLOT_JOB_OFF, VIEW_NULL);
		return;
	}
	if (!seat->owner) {
		seat->owner = next_in_line(seat);
	}
	if (seat->owner && seat->owner->at == PEER_WAITS) {
		give_power(seat);
	}
	if (seat->work == SEAT_NOTHING && card_in(seat) && !seat->told) {
		seat->came = seat->slot->events;
		seat->powers = seat->slot->powers;
		(void)begin(seat, SEAT_LEARN, SLOT_JOB_POWER, VIEW_NULL);
	}
}

bool seat_used(const struct seat *seat)
{
	return seat->owner || seat->work != SEAT_NOTHING || next_in_line(seat);
}

/* -- cards that come and leave ------------------------------------------------------------- */

/* Whether the card bounced while its ATR was read: that says nothing of it, and it is read anew. */
static bool bounced(struct seat *seat, enum seat_work work, enum slot_end end)
{
	const struct slot *slot = seat->slot;

	return work == SEAT_LEARN && end == SLOT_UNPOWERED &&
	       (slot->events != seat->came || slot->powers != seat->powers) &&
	       seat->learns++ < LEARNS_MAX;
}

/* What a job that gave power, or did not, tells of the card that is in. */
static void tell_card(struct seat *seat, enum slot_end end)
{
	bool mute = end != SLOT_DONE;

	if (!card_in(seat) || end == SLOT_EMPTY || end == SLOT_UNPLUGGED ||
		(seat->told && (mute || !seat->mute))) {
		return;
	}
	if (seat->told) { /* one that was mute has spoken */
		reader_card(seat, false, seat->events);
	}
	seat->told = true;
	seat->learns = 0;
	seat->mute = mute;
	seat->events = seat->slot->events;
	reader_card(seat, true, seat->events);
	reader_listed(seat->reader->serve, false);
}

void seat_presence(struct seat *seat)
{
	if (seat->told && (!card_in(seat) || seat->slot->events != seat->events)) {
		seat->told = false;
		seat->user = 0;
		reader_card(seat, false, seat->slot->events - (card_in(seat) ? 1 : 0));
	}
	seat_turn(seat);
	reader_listed(seat->reader->serve, false);
}

/* -- how jobs end -------------------------------------------------------------------------- */

static void answer_atr(struct peer *p, bool pinpad)
{
	_cleanup_(buf_done) struct buf body = BUF_NULL(LINK_MAX_FRAME);
	const struct slot *slot = p->seat->slot;

	p->seat->user = p->id; /* though the card came while its power did */
	p->events = slot->events;
	p->powers = slot->powers;
	p->at = PEER_ATTACHED;
	tlv_put(&body, LINK_TAG_ATR, view_of(slot->atr.bytes, slot->atr.len));
	tlv_put_u8(&body, LINK_TAG_PROTOCOL, slot->parameters.protocol);
	if (pinpad) {
		tlv_put_u8(&body, LINK_TAG_PINPAD,
			(slot->reader->pin & CCID_PIN_VERIFY ? CARD_PINPAD_VERIFY : 0U) |
				(slot->reader->pin & CCID_PIN_MODIFY ? CARD_PINPAD_MODIFY
								     : 0U));
	}
	tlv_put_u32(&body, LINK_TAG_EVENTS, slot->events);
	frame_answer(p, USB_DONE, &body);
}

static void end_attach(struct seat *seat, struct peer *p, enum slot_end end)
{
	if (end == SLOT_DONE) {
		(void)sd_event_source_set_enabled(p->timer, SD_EVENT_OFF);
		answer_atr(p, true);
		return;
	}
	seat_leave(p);
	frame_answer(p, outcome_of(seat, SEAT_ATTACH, end), NULL);
	seat->off = true;
}

static void end_command(
	struct seat *seat, struct peer *p, enum seat_work work, enum slot_end end)
{
	_cleanup_(buf_done) struct buf body = BUF_NULL(LINK_MAX_FRAME - LINK_HEADER);

	if (end == SLOT_DONE) {
		tlv_put(&body, LINK_TAG_DATA, buf_view(&seat->slot->answer));
	}
	frame_answer(p, outcome_of(seat, work, end), &body);
}

static void answer_status(struct peer *p)
{
	_cleanup_(buf_done) struct buf body = BUF_NULL(64);

	tlv_put_u32(&body, LINK_TAG_EVENTS, p->seat ? p->seat->slot->events : 0);
	frame_answer(p, changed(p) ? USB_GONE : USB_DONE, &body);
}

/* What was to take its power away. A card that came meanwhile (user 0) has been without. */
static void end_change(struct seat *seat, struct peer *p, enum slot_end end)
{
	bool kept = seat->slot->hot && seat->user != 0;

	if (end == SLOT_DONE && !kept) {
		seat->user = 0; /* its power comes next */
	} else {
		end_attach(seat, p, end == SLOT_DONE ? SLOT_BROKEN : end);
	}
}

static void end_for_owner(struct seat *seat, enum seat_work work, enum slot_end end)
{
	struct peer *p = seat->owner;

	switch (work) {
	case SEAT_NOTHING:
	case SEAT_LEARN:
		break;
	case SEAT_OFF: /* a DETACH */
		p->at = PEER_DETACHED;
		p->seat = NULL;
		seat->owner = NULL;
		frame_answer(p, USB_DONE, NULL);
		break;
	case SEAT_CHANGE:
		end_change(seat, p, end);
		break;
	case SEAT_ATTACH:
		end_attach(seat, p, end);
		break;
	case SEAT_RESET:
		if (end == SLOT_DONE) {
			answer_atr(p, false);
		} else {
			frame_answer(p, outcome_of(seat, work, end), NULL);
		}
		break;
	case SEAT_STATUS:
		answer_status(p);
		break;
	case SEAT_COMMAND:
	case SEAT_SECURE:
		end_command(seat, p, work, end);
		break;
	}
}

static void say_lied(struct served *t)
{
	const struct usb_device *d = t->device;

	if (!t->lied) {
		t->lied = true;
		log_msg(LOG_WARNING, "reader-lied", "%04x:%04x at %s", d->vendor, d->product,
			d->port);
	}
}

void seat_ended(struct seat *seat, enum slot_end end)
{
	enum seat_work work = seat->work;
	bool power = work == SEAT_LEARN || work == SEAT_ATTACH || work == SEAT_RESET;

	seat->work = SEAT_NOTHING;
	if (work == SEAT_OFF) {
		seat->user = seat->slot->hot ? SOMEBODY : 0;
	}
	if (seat->owner && seat->owner->asks) {
		if (outcome_of(seat, work, end) == USB_LIED) {
			say_lied(seat->reader);
		}
		end_for_owner(seat, work, end);
	}
	if (power && !bounced(seat, work, end)) {
		tell_card(seat, end);
	}
	seat_turn(seat);
	if (seat->work == SEAT_NOTHING && !seat->owner) {
		interface_idle(seat->machine, seat->slot->number, clock_monotonic());
	}
}

/* -- peers that come and leave ------------------------------------------------------------- */

void seat_attach(struct peer *p, const char *name)
{
	struct seat *seat = reader_seat(p->serve, name);

	if (!seat) {
		frame_answer(p, USB_NO_READER, NULL);
		return;
	}
	p->seat = seat;
	p->at = PEER_WAITS;
	(void)sd_event_source_set_time(p->timer, clock_monotonic() + SERVE_WAIT_USEC);
	(void)sd_event_source_set_enabled(p->timer, SD_EVENT_ONESHOT);
	seat_turn(seat);
}

void seat_late(struct peer *p)
{
	if (p->at == PEER_WAITS && p->seat && p->seat->owner != p) {
		p->at = PEER_DETACHED;
		p->seat = NULL;
		frame_answer(p, USB_BUSY, NULL);
	}
}

/* The seat is nobody's; what runs in it for @p runs on until it is aborted or done. */
void seat_leave(struct peer *p)
{
	struct seat *seat = p->seat;

	(void)sd_event_source_set_enabled(p->timer, SD_EVENT_OFF);
	p->seat = NULL;
	p->at = PEER_DETACHED;
	if (seat && seat->owner == p) {
		seat->owner = NULL;
		if (seat->work == SEAT_ATTACH || seat->work == SEAT_RESET ||
			seat->work == SEAT_COMMAND || seat->work == SEAT_SECURE) {
			interface_abort(seat->machine, seat->slot->number, clock_monotonic());
		}
	}
}

void seat_gone(struct seat *seat)
{
	struct serve *s = seat->reader->serve;

	for (size_t i = 0; i < SERVE_CONNECTIONS_MAX; i++) {
		struct peer *p = s->peers[i];

		if (p && p->seat == seat) {
			bool waits = p->at == PEER_WAITS;

			p->seat = NULL;
			p->at = waits ? PEER_DETACHED : p->at;
			if (p->asks) {
				frame_answer(p, USB_GONE, NULL);
			}
		}
	}
}

/* -- requests ------------------------------------------------------------------------------ */

/* Return: whether @p may use its card; else it was answered. */
static bool usable(struct peer *p)
{
	if (changed(p)) {
		frame_answer(p, USB_GONE, NULL);
		return false;
	}
	if (p->seat->work != SEAT_NOTHING) {
		frame_answer(p, USB_FAILED, NULL);
		return false;
	}
	return true;
}

void seat_transmit(struct peer *p, struct view command)
{
	if (usable(p) && !begin(p->seat, SEAT_COMMAND, SLOT_JOB_TRANSMIT, command)) {
		frame_answer(p, USB_FAILED, NULL);
	}
}

void seat_secure(struct peer *p, const struct slot_pin *pin)
{
	int r;

	if (!usable(p)) {
		return;
	}
	r = interface_pin(p->seat->machine, p->seat->slot->number, pin, clock_monotonic());
	p->seat->work = r == 0 ? SEAT_SECURE : SEAT_NOTHING;
	p->seat->stopped = false;
	if (r != 0) {
		frame_answer(p, USB_FAILED, NULL);
	}
}

void seat_reset(struct peer *p)
{
	struct seat *seat = p->seat;

	/* power may have gone, the card may not */
	if (!seat || !card_in(seat) || seat->slot->events != p->events) {
		frame_answer(p, USB_GONE, NULL);
	} else if (seat->work != SEAT_NOTHING ||
		   !begin(seat, SEAT_RESET, SLOT_JOB_RESET, VIEW_NULL)) {
		frame_answer(p, USB_FAILED, NULL);
	}
}

void seat_status(struct peer *p)
{
	struct seat *seat = p->seat;

	/* a reader without an interrupt pipe must be asked */
	if (changed(p) || seat->slot->reader->interrupt_in != 0 || seat->work != SEAT_NOTHING ||
		!begin(seat, SEAT_STATUS, SLOT_JOB_STATUS, VIEW_NULL)) {
		answer_status(p);
	}
}

void seat_detach(struct peer *p, bool reset)
{
	struct seat *seat = p->seat;

	if (seat && reset && has_power(seat->slot) && seat->work == SEAT_NOTHING) {
		seat->off = true;
		seat_turn(seat);
		if (seat->work == SEAT_OFF) {
			return; /* answered when it has no power any more */
		}
	}
	seat_leave(p);
	frame_answer(p, USB_DONE, NULL);
	if (seat) {
		seat->off = seat->off || reset;
		seat_turn(seat);
		if (seat->work == SEAT_NOTHING && !seat->owner) {
			interface_idle(seat->machine, seat->slot->number, clock_monotonic());
		}
	}
}

void seat_abort(struct peer *p)
{
	struct seat *seat = p->seat;

	if (!p->asks || !seat) {
		return;
	}
	if (seat->owner == p && seat->work != SEAT_OFF && seat->work != SEAT_NOTHING) {
		seat->stopped = true;
		interface_abort(seat->machine, seat->slot->number, clock_monotonic());
	} else if (seat->owner != p) {
		seat_leave(p);
		frame_answer(p, USB_CANCELLED, NULL);
	}
}
