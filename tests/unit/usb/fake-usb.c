/* SPDX-License-Identifier: EUPL-1.2 */
/* Readers that do what they are told (fake-usb.h). Whatever serve does wrong with them is an assertion. */
#include "tests/unit/usb/fake-usb.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>

struct fake_usb fake_usb;

struct usb {
	sd_event_source *first, *close;
};

static struct usb the_usb;

void fake_reset(void)
{
	assert(!fake_usb.made);
	buf_done(&fake_usb.command);
	for (size_t i = 0; i < FAKE_DEVICES; i++) {
		for (unsigned k = 0; k < DESCRIPTOR_INTERFACES_MAX * FAKE_NEXT; k++) {
			buf_done(&fake_slot((unsigned)i, k)->answer);
		}
	}
	wipe(&fake_usb, sizeof(fake_usb));
	fake_usb.command = BUF_NULL(SLOT_COMMAND_MAX);
}

void fake_reader(unsigned i, uint16_t vendor, uint16_t product, uint8_t slots, bool interrupt)
{
	struct fake_device *f = &fake_usb.devices[i];

	f->d.vendor = vendor;
	f->d.product = product;
	f->d.known = readers_known(vendor, product);
	(void)snprintf(f->d.port, sizeof(f->d.port), "1-%u", i + 1);
	f->d.n_readers = 1;
	f->d.readers[0] = (struct ccid_interface){.slots = slots, .busy = 1};
	f->d.readers[0].interrupt_in = interrupt ? 0x83 : 0;
	f->d.readers[0].pin = CCID_PIN_VERIFY | CCID_PIN_MODIFY;
}

void fake_interfaces(unsigned i, size_t n)
{
	struct usb_device *d = &fake_usb.devices[i].d;

	for (d->n_readers = 1; d->n_readers < n; d->n_readers++) {
		d->readers[d->n_readers] = d->readers[0];
		d->readers[d->n_readers].number = (uint8_t)d->n_readers;
	}
}

struct slot *fake_slot(unsigned i, unsigned slot)
{
	return &fake_usb.devices[i].machines[slot / FAKE_NEXT].slots[slot % FAKE_NEXT];
}

static void tell(struct fake_device *f)
{
	if (fake_usb.made && f->plugged && !f->told) {
		f->told = true;
		fake_usb.ops->came(fake_usb.user, &f->d);
	}
}

void fake_plug(unsigned i)
{
	fake_usb.devices[i].plugged = true;
	tell(&fake_usb.devices[i]);
}

static void begin_to_close(struct fake_device *f)
{
	f->claimed = false;
	f->closing = true;
	(void)sd_event_source_set_enabled(the_usb.close, SD_EVENT_ONESHOT);
}

static void end_one(unsigned i, size_t reader)
{
	fake_usb.devices[i].machines[reader].broken = true;
	for (unsigned k = 0; k < FAKE_NEXT; k++) {
		fake_end(i, (unsigned)reader * FAKE_NEXT + k, SLOT_UNPLUGGED);
	}
}

void fake_break_one(unsigned i, size_t reader, const char *why)
{
	struct fake_device *f = &fake_usb.devices[i];
	bool all = true;

	if (!f->claimed || f->machines[reader].broken) {
		return;
	}
	end_one(i, reader);
	for (size_t k = 0; k < f->d.n_readers; k++) {
		all = all && f->machines[k].broken;
	}
	fake_usb.ops->broken(fake_usb.user, &f->d, reader, why);
	if (all) {
		begin_to_close(f);
	}
}

void fake_break(unsigned i, const char *why)
{
	for (size_t k = 0; k < fake_usb.devices[i].d.n_readers; k++) {
		fake_break_one(i, k, why);
	}
}

void fake_close(unsigned i)
{
	struct fake_device *f = &fake_usb.devices[i];

	if (!fake_usb.made || !f->closing) {
		return;
	}
	for (size_t k = 0; k < f->d.n_readers; k++) {
		end_one(i, k);
	}
	f->closing = false;
	fake_usb.ops->closed(fake_usb.user, &f->d);
}

void fake_unplug(unsigned i)
{
	struct fake_device *f = &fake_usb.devices[i];

	fake_break(i, "reader-gone");
	f->plugged = f->closing = false;
	if (f->told) {
		f->told = false;
		fake_usb.ops->left(fake_usb.user, &f->d);
	}
}

void fake_card(unsigned i, unsigned slot, bool in)
{
	struct fake_device *f = &fake_usb.devices[i];
	struct slot *s = fake_slot(i, slot);

	if (!f->claimed || f->machines[slot / FAKE_NEXT].broken) {
		return;
	}
	s->events += in && s->presence == SLOT_IN ? 2 : 1;
	s->presence = in ? SLOT_IN : SLOT_OUT;
	s->hot = s->hot && in;
	f->colds[slot]++;
	s->powers += s->active ? 1 : 0;
	s->active = false;
	fake_usb.ops->presence(fake_usb.user, &f->d, slot / FAKE_NEXT, s);
}

void fake_answer(unsigned i, unsigned slot, struct view bytes)
{
	struct slot *s = fake_slot(i, slot);

	if (s->job == SLOT_JOB_POWER || s->job == SLOT_JOB_RESET) {
		s->atr.len = bytes.len < ATR_MAX ? bytes.len : ATR_MAX;
		bytes_copy(s->atr.bytes, ATR_MAX, bytes.data, s->atr.len);
	}
	buf_reset(&s->answer);
	buf_put_view(&s->answer, bytes);
	fake_end(i, slot, SLOT_DONE);
}

void fake_end(unsigned i, unsigned slot, enum slot_end end)
{
	struct fake_device *f = &fake_usb.devices[i];
	struct slot *s = fake_slot(i, slot);
	enum slot_job job = s->job;

	if (job == SLOT_JOB_NONE) {
		return;
	}
	s->job = SLOT_JOB_NONE;
	if (job == SLOT_JOB_OFF || (job == SLOT_JOB_RESET && s->active)) {
		s->powers += s->active ? 1 : 0;
		s->active = false;
	}
	if (job == SLOT_JOB_OFF && end == SLOT_DONE && !fake_usb.keeps_power) {
		s->hot = false;
		f->colds[slot]++;
	}
	if (job == SLOT_JOB_POWER || job == SLOT_JOB_RESET) {
		s->active = end == SLOT_DONE;
		s->hot = end != SLOT_MUTE && s->presence != SLOT_OUT;
		f->colds[slot] += end == SLOT_MUTE ? 1 : 0;
	}
	fake_usb.ops->ended(fake_usb.user, &f->d, slot / FAKE_NEXT, s, job, end);
}

/* -- usb.h --------------------------------------------------------------------------------- */

static int on_first(sd_event_source *e, void *user)
{
	(void)e;
	(void)user;
	for (size_t i = 0; i < FAKE_DEVICES; i++) {
		tell(&fake_usb.devices[i]);
	}
	return 0;
}

static int on_close(sd_event_source *e, void *user)
{
	(void)e;
	(void)user;
	for (unsigned i = 0; i < FAKE_DEVICES; i++) {
		if (!fake_usb.devices[i].lingers) {
			fake_close(i);
		}
	}
	return 0;
}

int usb_new(sd_event *ev, const struct usb_ops *ops, void *user, struct usb **ret)
{
	int r;

	assert(!fake_usb.made);
	fake_usb.ops = ops;
	fake_usb.user = user;
	r = sd_event_add_defer(ev, &the_usb.first, on_first, NULL);
	if (r >= 0) {
		r = sd_event_source_set_priority(the_usb.first, SD_EVENT_PRIORITY_IMPORTANT);
	}
	if (r >= 0) {
		r = sd_event_add_defer(ev, &the_usb.close, on_close, NULL);
	}
	if (r >= 0) {
		r = sd_event_source_set_enabled(the_usb.close, SD_EVENT_OFF);
	}
	if (r < 0) {
		the_usb.first = sd_event_source_disable_unref(the_usb.first);
		the_usb.close = sd_event_source_disable_unref(the_usb.close);
		return fault(r);
	}
	fake_usb.made = true;
	*ret = &the_usb;
	return 0;
}

struct usb *usb_free(struct usb *u)
{
	if (u) {
		assert(fake_usb.made);
		for (unsigned i = 0; i < FAKE_DEVICES; i++) {
			assert(!fake_usb.devices[i].d.user);
			for (size_t k = 0; k < fake_usb.devices[i].d.n_readers; k++) {
				end_one(i, k);
			}
			fake_usb.devices[i].claimed = fake_usb.devices[i].told = false;
			fake_usb.devices[i].closing = false;
		}
		u->first = sd_event_source_disable_unref(u->first);
		u->close = sd_event_source_disable_unref(u->close);
		fake_usb.made = false;
	}
	return NULL;
}

int usb_ready(struct usb *u)
{
	assert(u == &the_usb && fake_usb.made);
	return 0;
}

int usb_claim(struct usb *u, struct usb_device *d)
{
	struct fake_device *f = (struct fake_device *)(void *)d;

	(void)u;
	assert(f->plugged && !f->claimed);
	if (f->closing) {
		f->early++;
		return USB_LEAVING;
	}
	f->claims++;
	if (f->answer != 0) {
		return f->answer;
	}
	f->claimed = true;
	for (size_t k = 0; k < d->n_readers; k++) {
		f->machines[k].reader = d->readers[k];
		f->machines[k].broken = false;
		d->interfaces[k] = &f->machines[k];
	}
	for (unsigned k = 0; k < d->n_readers * FAKE_NEXT; k++) {
		struct slot *s = fake_slot((unsigned)(f - fake_usb.devices), k);

		buf_done(&s->answer);
		wipe(s, sizeof(*s));
		s->reader = &f->machines[k / FAKE_NEXT].reader;
		s->number = (uint8_t)(k % FAKE_NEXT);
		s->answer = BUF_NULL(SLOT_ANSWER_MAX);
		f->colds[k]++; /* who had it before has taken the power away */
	}
	return 0;
}

void usb_release(struct usb *u, struct usb_device *d)
{
	struct fake_device *f = (struct fake_device *)(void *)d;

	(void)u;
	assert(f->claimed);
	begin_to_close(f);
	f->releases++;
}

bool usb_idle(const struct usb *u)
{
	bool idle = true;

	(void)u;
	for (size_t i = 0; i < FAKE_DEVICES; i++) {
		idle = idle && !fake_usb.devices[i].claimed && !fake_usb.devices[i].closing;
	}
	return idle;
}

/* -- interface.h --------------------------------------------------------------------------- */

static int begin(struct interface *i, unsigned slot, enum slot_job job, struct view command)
{
	assert(slot < i->reader.slots);
	if (fake_usb.refuses || i->broken) {
		return fault(fake_usb.refuses ? fake_usb.refuses : -ENODEV);
	}
	assert(i->slots[slot].job == SLOT_JOB_NONE);
	i->slots[slot].job = job;
	i->slots[slot].hot |= job == SLOT_JOB_POWER || job == SLOT_JOB_RESET;
	fake_usb.jobs++;
	buf_reset(&fake_usb.command);
	buf_put_view(&fake_usb.command, command);
	return 0;
}

int interface_job(struct interface *i, unsigned slot, enum slot_job job, struct view command,
	uint64_t now)
{
	(void)now;
	assert(job != SLOT_JOB_NONE && job != SLOT_JOB_SECURE);
	return begin(i, slot, job, command);
}

int interface_pin(struct interface *i, unsigned slot, const struct slot_pin *pin, uint64_t now)
{
	(void)now;
	fake_usb.pin = *pin;
	return begin(i, slot, SLOT_JOB_SECURE, pin->command);
}

void interface_abort(struct interface *i, unsigned slot, uint64_t now)
{
	(void)now;
	assert(slot < i->reader.slots);
	fake_usb.aborts++;
}

void interface_idle(struct interface *i, unsigned slot, uint64_t now)
{
	(void)now;
	assert(slot < i->reader.slots);
	fake_usb.idles++;
}

void interface_watch(struct interface *i, bool on, uint64_t now)
{
	(void)now;
	i->watched = on;
	fake_usb.watches++;
}
