/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * Readers and their cards, as events. Only the counter of PC/SC tells that a card was exchanged
 * faster than we looked; flags that others cause (in use, exclusive, powered down) are no events.
 */
#include "drivers/watch/track.h"

#include <string.h>

static struct track_reader *find(struct track *t, struct view name)
{
	for (size_t i = 0; i < TRACK_READERS_MAX; i++) {
		if (view_equal(view_str(t->readers[i].name), name)) {
			return &t->readers[i];
		}
	}
	return NULL;
}

static int report(struct track *t, enum track_event event, const struct track_reader *r)
{
	return t->report(t->user, event, r);
}

static int drop(struct track *t, struct track_reader *r)
{
	int q = 0;

	if (r->state.present) {
		q = report(t, TRACK_CARD_OUT, r);
	}
	if (q == 0) {
		q = report(t, TRACK_READER_OUT, r);
	}
	*r = (struct track_reader){.seen = false};
	return q;
}

static int drop_unseen(struct track *t)
{
	int q = 0;

	for (size_t i = 0; i < TRACK_READERS_MAX && q == 0; i++) {
		struct track_reader *r = &t->readers[i];

		if (r->name[0] && !r->seen) {
			q = drop(t, r);
		}
	}
	return q;
}

static int add(struct track *t, struct view name)
{
	struct track_reader *r = find(t, VIEW_NULL);

	if (!r) {
		return 0;
	}
	*r = (struct track_reader){.seen = true};
	bytes_copy(r->name, sizeof(r->name) - 1, name.data, name.len);
	return report(t, TRACK_READER_IN, r);
}

static struct view next_name(struct reader *names)
{
	struct reader ahead = *names;
	size_t len = 0;

	while (ahead.left > 0 && reader_u8(&ahead) != 0) {
		len++;
	}
	struct view name = reader_take(names, len);

	if (names->left > 0) {
		(void)reader_u8(names);
	}
	return name;
}

/* Readers that have gone first: a name may come back for another device. */
static void mark(struct track *t, struct view names)
{
	struct reader r = reader_of(names);
	struct view name;

	for (size_t i = 0; i < TRACK_READERS_MAX; i++) {
		t->readers[i].seen = false;
	}
	while ((name = next_name(&r)).len > 0) {
		struct track_reader *known = find(t, name);

		if (known) {
			known->seen = true;
		}
	}
}

int track_list(struct track *t, struct view names)
{
	struct reader r = reader_of(names);
	struct view name;
	int q;

	mark(t, names);
	q = drop_unseen(t);
	while (q == 0 && (name = next_name(&r)).len > 0) {
		if (name.len < TRACK_NAME_MAX && !find(t, name)) {
			q = add(t, name);
		}
	}
	return q;
}

int track_change(struct track *t, struct track_reader *r, const struct track_state *now)
{
	struct track_state before = r->state;
	bool other = before.events != now->events || before.mute != now->mute;
	bool out = before.present && (!now->present || other);
	bool in = now->present && (!before.present || other);
	int q = 0;

	if (out) {
		r->state.present = false;
		r->state.events = now->events;
		q = report(t, TRACK_CARD_OUT, r);
	}
	r->state = *now;
	if (q == 0 && in) {
		q = report(t, TRACK_CARD_IN, r);
	}
	return q;
}

static int digit(uint8_t c)
{
	if (c >= '0' && c <= '9') {
		return c - '0';
	}
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

int track_slot(const char *name)
{
	struct view tail = view_last(view_str(name), 6);
	struct reader r = reader_of(tail);
	int d[4];
	bool good = reader_u8(&r) == ' ';

	d[0] = digit(reader_u8(&r));
	d[1] = digit(reader_u8(&r));
	good = good && reader_u8(&r) == ' ';
	d[2] = digit(reader_u8(&r));
	d[3] = digit(reader_u8(&r));
	if (!good || r.failed || d[0] < 0 || d[1] < 0 || d[2] < 0 || d[3] < 0) {
		return -1;
	}
	return d[2] * 16 + d[3];
}
