/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * Devices, and which of them are ours: by the rules of the newest watch (claims.h). A reader
 * whose rule is `auto` is tried when pcscd has had SERVE_GRACE_USEC to take it, when a pcscd that
 * stopped has not come back within SERVE_STOPPED_USEC, at once where there is none, and anew
 * when it comes or goes; what another program holds, or forbids, or what broke, is tried ever more
 * rarely. Of a device's interfaces that broke alone the others are let go of to try it, when nobody
 * has, waits for, or is reading a card in them, and SERVE_ANEW_MAX times in a row at most: after that,
 * until it is plugged in anew, the rules are others or all of it broke, they are left alone. The
 * journal is told when something changes, not at each attempt.
 */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/link-ops.h"
#include "base/log.h"
#include "drivers/usb/serve-inside.h"

static void name_of(const struct served *t, size_t reader, unsigned slot, char ret[NAMES_MAX])
{
	const struct usb_device *d = t->device;
	const struct names_device n = {
		.vendor = d->vendor,
		.product = d->product,
		.known = d->known ? d->known->name : NULL,
		.manufacturer = d->manufacturer,
		.model = d->name,
		.serial = d->serial,
		.port = d->port,
	};

	names_of(&n, reader, slot, ret);
}

/* Whether the journal has not been told so yet: of the device, ... */
static bool news(struct served *t, const char *why)
{
	bool same = t->why && strcmp(t->why, why) == 0;

	t->why = why;
	for (size_t i = 0; i < DESCRIPTOR_INTERFACES_MAX; i++) {
		t->broke[i] = NULL;
	}
	return !same;
}

/* ... of one of its interfaces. */
static bool news_of(struct served *t, size_t reader, const char *why)
{
	const char *last = t->broke[reader];

	t->broke[reader] = why;
	t->why = NULL;
	return !last || strcmp(last, why) != 0;
}

/* -- taking and letting go ----------------------------------------------------------------- */

static void try_in(struct served *t, uint64_t usec)
{
	t->waits = false;
	(void)sd_event_source_set_time(t->timer, clock_monotonic() + usec);
	(void)sd_event_source_set_enabled(t->timer, SD_EVENT_ONESHOT);
}

static uint64_t twice(uint64_t pause, uint64_t last)
{
	return pause * 2 < last ? pause * 2 : last;
}

/* @pause from now, and then twice as long. */
static void try_later(struct served *t, uint64_t *pause, uint64_t last)
{
	try_in(t, *pause);
	*pause = twice(*pause, last);
}

static void drop_seat(struct seat *seat)
{
	seat_gone(seat);
	if (seat->told) {
		reader_card(seat, false, seat->events + 1);
	}
	reader_tell(seat, WATCH_OP_READER_OUT);
	seat->owner = NULL;
	seat->machine = NULL;
	seat->slot = NULL;
}

static void drop_seats(struct served *t)
{
	for (size_t i = 0; i < t->n_seats; i++) {
		if (t->seats[i].machine) {
			drop_seat(&t->seats[i]);
		}
	}
	free(t->seats);
	t->seats = NULL;
	t->n_seats = 0;
	t->taken = false;
}

static void release(struct served *t)
{
	(void)sd_event_source_set_enabled(t->timer, SD_EVENT_OFF);
	if (t->taken) {
		usb_release(t->serve->usb, t->device);
		drop_seats(t);
	}
}

static size_t slots_of(const struct usb_device *d)
{
	size_t n = 0;

	for (size_t i = 0; i < d->n_readers; i++) {
		n += d->readers[i].slots;
	}
	return n;
}

/* A seat for each slot of each of its interfaces. Return: whether there was memory. */
static bool make_seats(struct served *t)
{
	const struct usb_device *d = t->device;
	size_t n = slots_of(d);

	t->seats = calloc(n, sizeof(*t->seats));
	t->n_seats = t->seats ? n : 0;
	n = 0;
	for (size_t i = 0; i < d->n_readers && t->seats; i++) {
		for (unsigned k = 0; k < d->readers[i].slots; k++) {
			struct seat *seat = &t->seats[n++];

			seat->reader = t;
			seat->interface = i;
			seat->machine = d->interfaces[i];
			seat->slot = &d->interfaces[i]->slots[k];
			name_of(t, i, k, seat->name);
		}
	}
	return t->seats != NULL;
}

static void taken(struct served *t)
{
	const struct usb_device *d = t->device;

	if (!make_seats(t)) {
		usb_release(t->serve->usb, t->device);
		try_later(t, &t->retry, SERVE_RETRY_LAST_USEC);
		return;
	}
	if (t->failed) {
		t->broken = twice(t->broken, SERVE_BROKEN_LAST_USEC);
	}
	t->failed = false;
	t->taken = true;
	t->lied = false;
	t->since = clock_monotonic();
	t->held = SERVE_HELD_USEC;
	t->retry = SERVE_RETRY_USEC;
	log_msg(LOG_INFO, "reader-taken", "%04x:%04x at %s: %s", d->vendor, d->product, d->port,
		t->seats[0].name);
	for (size_t i = 0; i < d->n_readers; i++) {
		interface_watch(d->interfaces[i], true, clock_monotonic());
	}
	for (size_t i = 0; i < t->n_seats; i++) {
		reader_tell(&t->seats[i], WATCH_OP_READER_IN);
	}
}

static void say_left(struct served *t)
{
	const struct usb_device *d = t->device;

	if (news(t, "vanished")) {
		log_msg(LOG_INFO, "reader-left", "%04x:%04x at %s", d->vendor, d->product,
			d->port);
	}
}

static void not_taken(struct served *t, int r)
{
	bool waits = t->mode == CLAIMS_AUTO && t->serve->pcscd == WATCH_SERVICE_RUNNING;
	const struct usb_device *d = t->device;
	const char *why = d->refused ? descriptor_reason(d->refused) : "no-reader";

	switch (r) {
	case USB_USELESS:
		if (news(t, why)) {
			log_msg(LOG_WARNING, "reader-refused", "%04x:%04x at %s: %s", d->vendor,
				d->product, d->port, why);
		}
		return;
	case USB_HELD:
		if (news(t, "held")) {
			log_msg(waits ? LOG_INFO : LOG_WARNING, "reader-held",
				"%04x:%04x at %s: another program has it", d->vendor,
				d->product, d->port);
		}
		if (waits) { /* pcscd's, or another program's; reader_look() tells of pcscd */
			try_later(t, &t->held, SERVE_HELD_LAST_USEC);
			return;
		}
		break;
	case USB_DENIED:
		if (news(t, "denied")) {
			log_msg(LOG_ERR, "reader-denied",
				"%04x:%04x at %s: no permission for its device node", d->vendor,
				d->product, d->port);
		}
		break;
	case USB_VANISHED:
		say_left(t);
		break;
	case USB_LEAVING: /* that says nothing of it */
		try_in(t, SERVE_RETRY_USEC);
		t->waits = true;
		return;
	default:
		(void)log_fault(r, "reader-failed");
	}
	try_later(t, &t->retry, SERVE_RETRY_LAST_USEC);
}

/* Whether there is room for its slots beside those of the others. */
static bool fits(struct served *t)
{
	const struct usb_device *d = t->device;
	const struct serve *s = t->serve;
	size_t all = slots_of(d);

	for (size_t i = 0; i < USB_DEVICES_MAX; i++) {
		all += s->readers[i] ? s->readers[i]->n_seats : 0;
	}
	if (all <= SERVE_SLOTS_MAX) {
		return true;
	}
	if (news(t, "too-many-slots")) {
		log_msg(LOG_WARNING, "reader-refused", "%04x:%04x at %s: too-many-slots",
			d->vendor, d->product, d->port);
	}
	try_later(t, &t->retry, SERVE_RETRY_LAST_USEC); /* others may leave */
	return false;
}

static void try_to_take(struct served *t)
{
	int r;

	if (t->taken || t->mode == CLAIMS_PCSC) {
		return;
	}
	(void)sd_event_source_set_enabled(t->timer, SD_EVENT_OFF);
	t->tried = true;
	if (fits(t)) {
		r = usb_claim(t->serve->usb, t->device);
		t->tried = r != USB_LEAVING;
		if (r == 0) {
			taken(t);
		} else {
			not_taken(t, r);
		}
	}
	reader_listed(t->serve, false);
}

/* Some of its interfaces broke: all of it is taken anew, when nobody uses the others. A card that has
 * just come counts, too: it would vanish while it is read. */
static void try_anew(struct served *t)
{
	bool used = false;

	for (size_t i = 0; i < t->n_seats; i++) {
		used = used || seat_used(&t->seats[i]);
	}
	if (used) {
		try_in(t, SERVE_BROKEN_USEC);
	} else {
		release(t);
		try_to_take(t);
	}
}

static int on_try(sd_event_source *e, uint64_t when, void *user)
{
	struct served *t = user;

	(void)e;
	(void)when;
	if (t->taken) {
		try_anew(t);
	} else {
		try_to_take(t);
	}
	return 0;
}

/* How long pcscd has to take, or take back, what is auto. */
static uint64_t patience(uint8_t pcscd)
{
	if (pcscd == WATCH_SERVICE_ABSENT) {
		return 0;
	}
	return pcscd == WATCH_SERVICE_STOPPED ? SERVE_STOPPED_USEC : SERVE_GRACE_USEC;
}

/* What the rules say of @t, and what follows from it. */
static void judge(struct served *t)
{
	const struct usb_device *d = t->device;
	struct serve *s = t->serve;

	/* they were looked at when they came */
	if (!s->ruled ||
		claims_mode(buf_view(&s->rules), d->vendor, d->product,
			d->serial[0] ? d->serial : NULL, d->known != NULL, &t->mode) != 0) {
		t->mode = CLAIMS_PCSC;
	}
	if (t->mode == CLAIMS_PCSC) {
		release(t);
	} else if (!t->taken && t->mode == CLAIMS_AUTO && s->pcscd != WATCH_SERVICE_ABSENT) {
		try_in(t, patience(s->pcscd));
	} else if (!t->taken) {
		try_to_take(t);
	}
}

/* Other rules: what broke again and again is given another chance. */
static void begin_anew(struct served *t)
{
	for (size_t i = 0; i < DESCRIPTOR_INTERFACES_MAX; i++) {
		t->breaks[i] = 0;
	}
	for (size_t i = 0; i < t->n_seats; i++) {
		if (!t->seats[i].machine) {
			try_in(t, SERVE_BROKEN_USEC);
		}
	}
}

int reader_rules(struct serve *s, struct view rules, uint8_t pcscd)
{
	enum claims_mode mode;
	bool anew;

	if (claims_mode(rules, 0, 0, NULL, false, &mode) != 0 || rules.len > SERVE_RULES_MAX) {
		return CLAIMS_BROKEN;
	}
	anew = !view_equal(buf_view(&s->rules), rules);
	buf_reset(&s->rules);
	buf_put_view(&s->rules, rules);
	s->ruled = buf_check(&s->rules) == 0;
	s->pcscd = pcscd;
	for (size_t i = 0; i < USB_DEVICES_MAX; i++) {
		if (s->readers[i]) {
			s->readers[i]->retry = SERVE_RETRY_USEC;
			s->readers[i]->held = SERVE_HELD_USEC;
			s->readers[i]->tried = false;
			judge(s->readers[i]);
			if (anew) {
				begin_anew(s->readers[i]);
			}
		}
	}
	return 0;
}

void reader_look(struct serve *s, uint8_t pcscd)
{
	s->pcscd = pcscd;
	for (size_t i = 0; i < USB_DEVICES_MAX; i++) {
		struct served *t = s->readers[i];

		if (t && !t->taken && t->mode == CLAIMS_AUTO) {
			t->retry = SERVE_RETRY_USEC;
			t->held = SERVE_HELD_USEC;
			try_in(t, patience(pcscd));
		}
	}
}

void reader_release_all(struct serve *s)
{
	s->ruled = false;
	for (size_t i = 0; i < USB_DEVICES_MAX; i++) {
		if (s->readers[i]) {
			judge(s->readers[i]);
		}
	}
}

/* -- what usb.h tells ---------------------------------------------------------------------- */

static void on_came(void *user, struct usb_device *d)
{
	struct serve *s = user;
	struct served *t = calloc(1, sizeof(*t));
	size_t i = 0;

	while (i < USB_DEVICES_MAX && s->readers[i]) {
		i++;
	}
	if (!t || i == USB_DEVICES_MAX ||
		sd_event_add_time(
			s->ev, &t->timer, CLOCK_MONOTONIC, 0, USEC_PER_MS, on_try, t) < 0) {
		free(t);
		return;
	}
	(void)sd_event_source_set_enabled(t->timer, SD_EVENT_OFF);
	t->serve = s;
	t->device = d;
	t->retry = SERVE_RETRY_USEC;
	t->broken = SERVE_BROKEN_USEC;
	t->held = SERVE_HELD_USEC;
	d->user = t;
	s->readers[i] = t;
	judge(t);
}

static void forget(struct served *t)
{
	drop_seats(t);
	(void)sd_event_source_disable_unref(t->timer);
	t->device->user = NULL;
	free(t);
}

static void on_left(void *user, struct usb_device *d)
{
	struct serve *s = user;

	for (size_t i = 0; i < USB_DEVICES_MAX; i++) {
		if (s->readers[i] && s->readers[i]->device == d) {
			forget(s->readers[i]);
			s->readers[i] = NULL;
			reader_listed(s, false);
		}
	}
}

static void on_closed(void *user, struct usb_device *d)
{
	struct served *t = d->user;

	(void)user;
	if (t->waits) {
		try_to_take(t);
	}
}

static struct seat *seat_of(struct usb_device *d, size_t reader, const struct slot *slot)
{
	struct served *t = d->user;

	(void)reader;
	for (size_t i = 0; t && i < t->n_seats; i++) {
		if (t->seats[i].slot == slot) {
			return &t->seats[i];
		}
	}
	return NULL;
}

static void on_ended(void *user, struct usb_device *d, size_t reader, struct slot *slot,
	enum slot_job job, enum slot_end end)
{
	struct seat *seat = seat_of(d, reader, slot);

	(void)user;
	(void)job;
	if (seat) {
		seat_ended(seat, end);
	}
}

static void on_presence(void *user, struct usb_device *d, size_t reader, struct slot *slot)
{
	struct seat *seat = seat_of(d, reader, slot);

	(void)user;
	if (seat) {
		seat_presence(seat);
	}
}

static void say_broken(struct served *t, size_t reader, const char *why)
{
	const struct usb_device *d = t->device;

	if (strcmp(why, "reader-gone") == 0) {
		say_left(t);
	} else if (!news_of(t, reader, why)) {
		return;
	} else if (d->n_readers > 1) {
		log_msg(LOG_WARNING, "reader-broken", "%04x:%04x at %s, interface %u: %s",
			d->vendor, d->product, d->port, d->readers[reader].number, why);
	} else {
		log_msg(LOG_WARNING, "reader-broken", "%04x:%04x at %s: %s", d->vendor,
			d->product, d->port, why);
	}
}

/* Its slots end; those of the device's other interfaces go on. */
static void on_broken(void *user, struct usb_device *d, size_t reader, const char *why)
{
	struct serve *s = user;
	struct served *t = d->user;
	bool all = true;

	if (!t) {
		return;
	}
	if (t->taken && clock_monotonic() - t->since >= SERVE_GOOD_USEC) {
		t->broken = SERVE_BROKEN_USEC;
		t->breaks[reader] = 0;
		t->broke[reader] = NULL;
	}
	t->failed = true;
	t->breaks[reader]++;
	say_broken(t, reader, why);
	for (size_t i = 0; i < t->n_seats; i++) {
		if (t->seats[i].interface == reader && t->seats[i].machine) {
			drop_seat(&t->seats[i]);
		}
		all = all && !t->seats[i].machine;
	}
	if (all) {
		drop_seats(t);
	}
	if (all || t->breaks[reader] <= SERVE_ANEW_MAX) {
		try_in(t, t->broken);
	}
	reader_listed(s, false);
}

const struct usb_ops reader_ops = {
	.came = on_came,
	.left = on_left,
	.closed = on_closed,
	.ended = on_ended,
	.presence = on_presence,
	.broken = on_broken,
};

struct seat *reader_seat(struct serve *s, const char *name)
{
	for (size_t i = 0; i < USB_DEVICES_MAX; i++) {
		struct served *t = s->readers[i];

		for (size_t k = 0; t && k < t->n_seats; k++) {
			if (t->seats[k].machine && strcmp(t->seats[k].name, name) == 0) {
				return &t->seats[k];
			}
		}
	}
	return NULL;
}

void reader_free_all(struct serve *s)
{
	for (size_t i = 0; i < USB_DEVICES_MAX; i++) {
		if (s->readers[i]) {
			forget(s->readers[i]);
			s->readers[i] = NULL;
		}
	}
}
