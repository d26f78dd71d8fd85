/* SPDX-License-Identifier: EUPL-1.2 */
/* What watches are told of readers and cards, each in the same order, and when their list is complete. */
#include "base/link-ops.h"
#include "drivers/usb/serve-inside.h"

static struct peer *watch_at(const struct serve *s, size_t i)
{
	struct peer *p = s->peers[i];

	return p && !p->ended && p->role == PEER_WATCH ? p : NULL;
}

void reader_tell(struct seat *seat, uint8_t op)
{
	struct serve *s = seat->reader->serve;

	for (size_t i = 0; i < SERVE_CONNECTIONS_MAX; i++) {
		if (watch_at(s, i)) {
			frame_reader(s->peers[i], op, seat);
		}
	}
}

void reader_card(struct seat *seat, bool in, uint32_t events)
{
	struct serve *s = seat->reader->serve;

	for (size_t i = 0; i < SERVE_CONNECTIONS_MAX; i++) {
		if (watch_at(s, i)) {
			frame_card(s->peers[i], in ? WATCH_OP_CARD_IN : WATCH_OP_CARD_OUT, seat,
				events);
		}
	}
}

void reader_tell_all(struct peer *watch)
{
	struct serve *s = watch->serve;

	for (size_t i = 0; i < USB_DEVICES_MAX; i++) {
		struct served *t = s->readers[i];

		for (size_t k = 0; t && k < t->n_seats; k++) {
			struct seat *seat = &t->seats[k];

			if (!seat->machine) {
				continue;
			}
			frame_reader(watch, WATCH_OP_READER_IN, seat);
			if (seat->told) {
				frame_card(watch, WATCH_OP_CARD_IN, seat, seat->events);
			}
		}
	}
}

/* Whether it is known of every reader whose it is, and of every slot what is in it. */
static bool all_known(const struct serve *s)
{
	for (size_t i = 0; i < USB_DEVICES_MAX; i++) {
		const struct served *t = s->readers[i];

		if (t && t->mode != CLAIMS_PCSC && !t->taken && !t->tried) {
			return false;
		}
		for (size_t k = 0; t && k < t->n_seats; k++) {
			const struct seat *seat = &t->seats[k];

			if (seat->machine &&
				(seat->slot->presence == SLOT_UNKNOWN ||
					(seat->slot->presence == SLOT_IN && !seat->told))) {
				return false;
			}
		}
	}
	return true;
}

void reader_listed(struct serve *s, bool whatever)
{
	_cleanup_(buf_done) struct buf nothing = BUF_NULL(0);
	bool known = whatever || all_known(s);

	for (size_t i = 0; i < SERVE_CONNECTIONS_MAX; i++) {
		struct peer *p = watch_at(s, i);

		if (p && known && !p->listed) {
			p->listed = true;
			(void)sd_event_source_set_enabled(p->timer, SD_EVENT_OFF);
			frame_event(p, WATCH_OP_LISTED, &nothing);
		}
	}
}
