/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * Which readers there are, and whether they are plugged in. A composite device is two readers
 * that come and go together; what is in a slot stays in it, without power, while its reader is
 * out.
 */
#include "drivers/sim/reader-link.h"
#include "drivers/sim/server.h"

static bool add_reader(
	struct server_reader *readers, unsigned *n, unsigned slots, unsigned device)
{
	unsigned first = *n > 0 ? readers[*n - 1].first + readers[*n - 1].slots : 0;

	if (*n == SERVER_READERS_MAX)
		return false;
	readers[(*n)++] = (struct server_reader){
		.first = first, .slots = slots, .device = device, .plugged = true};
	return true;
}

/* One device of the list: 2, 1 or 1+1. */
static bool add_device(struct reader *r, struct server_reader *readers, unsigned *n)
{
	unsigned device = *n;
	uint8_t slots = reader_u8(r);

	if ((slots != '1' && slots != '2') ||
		!add_reader(readers, n, (unsigned)(slots - '0'), device))
		return false;
	if (slots == '2' || r->left == 0 || *r->data != '+')
		return true;
	reader_u8(r);
	return reader_u8(r) == '1' && add_reader(readers, n, 1, device);
}

bool readers_lay_out(const char *devices, struct server_reader *ret_readers, unsigned *ret_n)
{
	struct reader r = reader_of(view_str(devices));
	unsigned n = 0;

	while (add_device(&r, ret_readers, &n)) {
		*ret_n = n;
		if (r.left == 0)
			return true;
		if (reader_u8(&r) != ',')
			return false;
	}
	return false;
}

struct server_reader *readers_of_slot(struct server *s, unsigned slot)
{
	for (unsigned i = 0; i < s->n_readers; i++)
		if (slot - s->readers[i].first < s->readers[i].slots)
			return &s->readers[i];
	return NULL;
}

bool readers_busy(const struct server *s, unsigned slot)
{
	for (unsigned i = 0; i < s->n_readers; i++) {
		const struct server_reader *reader = &s->readers[i];

		if (!reader->blocking || slot - reader->first >= reader->slots)
			continue;
		for (size_t n = 0; n < SERVER_PEERS_MAX; n++) {
			const struct server_peer *p = &s->peers[n];

			if (p->kind == SERVER_PEER_READER && p->wait != SERVER_WAIT_NOT &&
				p->slot != slot && p->slot - reader->first < reader->slots)
				return true;
		}
	}
	return false;
}

static void set_reader(struct server *s, struct server_reader *reader, bool plugged)
{
	reader->plugged = plugged;
	reader->unplug = 0;
	for (unsigned i = reader->first; i < reader->first + reader->slots; i++) {
		if (!plugged) {
			slot_power_down(&s->slots[i]);
			keypad_done(&s->slots[i].keypad);
			reader_port_cut(s, i, READER_STATUS_NO_READER);
		}
		reader_port_tell(s, i);
	}
}

void readers_set(struct server *s, unsigned reader, bool plugged)
{
	unsigned device = s->readers[reader].device;
	char line[32];

	if (s->readers[reader].plugged == plugged)
		return;
	for (unsigned i = 0; i < s->n_readers; i++)
		if (s->readers[i].device == device)
			set_reader(s, &s->readers[i], plugged);
	(void)snprintf(line, sizeof(line), "%s %u\n", plugged ? "plug" : "unplug", device);
	control_follow(s, SERVER_FOLLOW_READERS, line);
}

bool readers_count(struct server *s, unsigned slot)
{
	struct server_reader *reader = readers_of_slot(s, slot);

	if (reader->unplug == 0 || --reader->unplug > 0)
		return false;
	readers_set(s, reader->device, false);
	return true;
}
