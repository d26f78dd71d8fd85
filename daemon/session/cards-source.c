/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * Who serves readers: pcscd, always, and vitaled-usb, where the configuration allows it any reader. Each
 * has a watch and a guard of its own. vitaled-usb's is started when it is known how pcscd is, since that
 * decides who takes a reader that either may have, and told when that changes; a pcscd that takes
 * connections and says nothing counts as stopped (cards-watch.c). With other rules it is
 * started anew, and pcscd's readers do not notice.
 *
 * What the whole says of the service: that of pcscd, but where pcscd does not run vitaled-usb's, as soon
 * as it has had a reader or the configuration names one for it.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/link-usb.h"
#include "base/tlv.h"
#include "daemon/session/cards-inside.h"

#define RULES_MAX 4096U
#define LOOK_MAX  16U

static struct source *pcscd(struct cards *cs)
{
	return &cs->sources[READER_DRIVER_PCSC];
}

static struct source *usb(struct cards *cs)
{
	return &cs->sources[READER_DRIVER_USB];
}

/* -- processes -------------------------------------------------------------------------------------- */

/* Which socket every child finds vitaled-usb at; none where it may have no reader. */
static int set_socket(struct cards *cs, bool on)
{
	char *text = NULL;

	if (asprintf(&text, LINK_USB_ENVIRONMENT "=%s", on ? cs->config->usb_socket : "") < 0) {
		return fault(-ENOMEM);
	}
	free(cs->env[0]);
	cs->env[0] = text;
	return 0;
}

static char *rules_of(const struct config *c)
{
	_cleanup_(buf_done) struct buf rules = BUF_NULL(RULES_MAX);

	config_usb_rules(c, &rules);
	return buf_take_str(&rules);
}

static uint8_t state_of_pcscd(const struct cards *cs)
{
	switch (cs->sources[READER_DRIVER_PCSC].service) {
	case READER_SERVICE_ABSENT:
		return WATCH_SERVICE_ABSENT;
	case READER_SERVICE_STOPPED:
		return WATCH_SERVICE_STOPPED;
	case READER_SERVICE_RUNNING:
		return WATCH_SERVICE_RUNNING;
	}
	return WATCH_SERVICE_RUNNING;
}

int cards_sources_spawn(
	struct source *src, bool guard, const struct child_ops *ops, struct child **ret_c)
{
	struct cards *cs = src->cards;
	char says[] = WATCH_GUARD "=1";
	char state[] = WATCH_USB "=0";
	char *rules = NULL;
	char *env[CARDS_ENV + 4] = {NULL};
	size_t n = 0;
	int r;

	while (cs->env[n]) {
		env[n] = cs->env[n];
		n++;
	}
	if (guard) {
		env[n++] = says;
	}
	if (src->driver == READER_DRIVER_USB) {
		state[sizeof(WATCH_USB)] = (char)('0' + state_of_pcscd(cs));
		env[n++] = state;
		if (asprintf(&rules, LINK_USB_RULES "=%s", src->rules ? src->rules : "") < 0) {
			return fault(-ENOMEM);
		}
		env[n] = rules;
	}
	r = child_start(cs->ev, cs->watch_path, env, ops, src, ret_c);
	free(rules);
	return trace(r);
}

/* -- vitaled-usb's beginning and end ------------------------------------------------------------------ */

/* Return: 0 or a fault. */
static int usb_begin(struct cards *cs)
{
	struct source *src = usb(cs);
	char *rules = rules_of(cs->config);

	if (!rules) {
		return fault(-ENOMEM);
	}
	free(src->rules);
	src->rules = rules;
	src->on = true;
	return trace(set_socket(cs, true));
}

static void usb_end(struct cards *cs)
{
	struct source *src = usb(cs);

	src->on = false;
	cards_watch_stop(src);
	cards_all_out(src, CARD_LEFT_SERVICE);
	src->service = READER_SERVICE_ABSENT;
	src->heard = false;
	src->backoff = 0;
}

static void on_look(void *user, struct link_frame *answer)
{
	(void)user;
	(void)answer; /* a watch that did not answer has ended */
}

void cards_sources_look(struct cards *cs)
{
	_cleanup_(buf_done) struct buf body = BUF_NULL(LOOK_MAX);
	struct source *src = usb(cs);

	if (!src->on || cs->asleep || !pcscd(cs)->heard) {
		return;
	}
	if (!src->watch) {
		if (!src->restart) {
			cards_watch_try(src);
		}
		return;
	}
	tlv_put_u8(&body, LINK_TAG_STATE, state_of_pcscd(cs));
	if (child_request(src->watch, WATCH_OP_LOOK, buf_view(&body), NULL, 0,
		    LIMIT_CHILD_START, on_look, src) != 0) {
		cards_watch_lost(src); /* it would decide by what is not so any more */
	}
}

/* Return: 0 or a fault. */
int cards_sources_init(struct cards *cs)
{
	bool on = config_usb_any(cs->config);
	int r;

	for (size_t i = 0; i < ARRAY_LEN(cs->sources); i++) {
		cs->sources[i].cards = cs;
		cs->sources[i].driver = (enum reader_driver)i;
	}
	pcscd(cs)->on = true;
	r = on ? usb_begin(cs) : set_socket(cs, false);
	return r < 0 ? trace(r) : trace(cards_watch_start(pcscd(cs)));
}

void cards_sources_done(struct cards *cs)
{
	for (size_t i = 0; i < ARRAY_LEN(cs->sources); i++) {
		cards_watch_stop(&cs->sources[i]);
		free(cs->sources[i].rules);
		cs->sources[i].rules = NULL;
	}
}

void cards_sources_configured(struct cards *cs)
{
	struct source *src = usb(cs);
	bool on = config_usb_any(cs->config);
	char *rules = on ? rules_of(cs->config) : NULL;
	bool same = on == src->on && (!on || (rules && strcmp(rules, src->rules) == 0));

	free(rules);
	if (same) {
		return;
	}
	if (src->on) {
		usb_end(cs);
	}
	/* without memory for it: as if no reader were vitaled-usb's */
	if ((on && usb_begin(cs) < 0) || (!on && set_socket(cs, false) < 0)) {
		src->on = false;
	}
	spare_drop(cs, READER_DRIVER_USB); /* they are connected as it was before */
	spare_update(cs);
	cards_tell_service(cs);
	cards_sources_look(cs);
}

/* -- sleep --------------------------------------------------------------------------------------------- */

void cards_sleep(struct cards *cs)
{
	cs->asleep = true;
	for (size_t i = 0; i < ARRAY_LEN(cs->sources); i++) {
		cards_watch_stop(&cs->sources[i]);
		cards_all_out(&cs->sources[i], CARD_LEFT_WATCH);
	}
}

void cards_wake(struct cards *cs)
{
	cs->asleep = false;
	for (size_t i = 0; i < ARRAY_LEN(cs->sources); i++) {
		struct source *src = &cs->sources[i];

		bool known = src == pcscd(cs) || pcscd(cs)->heard;

		if (src->on && known && !src->watch && !src->restart) {
			src->backoff = 0;
			cards_watch_try(src);
		}
	}
}

/* -- what the whole says -------------------------------------------------------------------------------- */

/* Whether readers of vitaled-usb count: it has had one, or the configuration names one. */
static bool usb_counts(const struct cards *cs)
{
	for (size_t i = 0; i < cs->config->n_usb; i++) {
		if (cs->config->usb[i].driver == CONFIG_USB_USB) {
			return true;
		}
	}
	for (size_t i = 0; i < cs->n_readers; i++) {
		if (cs->readers[i]->served == READER_DRIVER_USB) {
			return true;
		}
	}
	return false;
}

enum reader_service cards_service(const struct cards *cs)
{
	const struct source *other = &cs->sources[READER_DRIVER_USB];
	enum reader_service service = cs->sources[READER_DRIVER_PCSC].service;

	if (service != READER_SERVICE_RUNNING && other->on &&
		other->service == READER_SERVICE_RUNNING && usb_counts(cs)) {
		return READER_SERVICE_RUNNING;
	}
	return service;
}

/* Nothing more is to come at once. */
static bool settled(const struct source *src)
{
	return !src->on || src->listed ||
	       (src->heard && src->service != READER_SERVICE_RUNNING);
}

bool cards_listed(const struct cards *cs)
{
	const struct source *first = &cs->sources[READER_DRIVER_PCSC];

	if (!settled(first)) {
		return false;
	}
	/* vitaled-usb may wait for pcscd to take a reader first: readers that are there do not wait for it */
	for (size_t i = 0; i < cs->n_readers; i++) {
		if (cs->readers[i]->present && cs->readers[i]->served == READER_DRIVER_PCSC) {
			return true;
		}
	}
	return settled(&cs->sources[READER_DRIVER_USB]);
}
