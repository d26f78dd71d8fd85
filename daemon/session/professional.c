/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * The life of a professional's card between sessions: its process holds the card exclusively, so
 * that the card's own verified-PIN state serves further sessions of the same user at the same pair
 * and nobody else. It ends when the card leaves, when pin-lifetime or pin-idle has passed (sleep
 * counts: CLOCK_BOOTTIME), on Card.Lock(), or when another user or pair needs the card; the card is
 * then reset (CLOSE) before its process ends. The PIN itself is never here. A life whose session is
 * still running when its time is over ends with that session.
 */
#include "daemon/session/professional.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct professional {
	struct sessions *all;
	struct professional *next;
	struct card *card;
	uid_t uid;
	char pair[sizeof(((struct config_pair *)NULL)->name)];
	struct session *session; /* that uses it now, or NULL */
	uint64_t since;		 /* of the PIN, CLOCK_BOOTTIME; 0: none verified */
	uint64_t used;
	bool doubt; /* a VERIFY may have changed the card's state */
	bool closing;
	sd_event_source *timer;
	bool open; /* OPEN has been answered */
	bool keypad;
	struct buf identity; /* IDENTIFY */
	struct buf public;   /* READ_PUBLIC */
	bool cached;	     /* ... of another time */
	bool stored;	     /* ... of this card, in the cache now */
};

static struct professional *life_of(struct sessions *all, const struct card *c)
{
	for (struct professional *p = all->lives; p; p = p->next) {
		if (p->card == c) {
			return p;
		}
	}
	return NULL;
}

static void forget(struct professional *p)
{
	struct professional **at = &p->all->lives;

	while (*at && *at != p) {
		at = &(*at)->next;
	}
	if (*at) {
		*at = p->next;
	}
	if (p->session) {
		p->session->life = NULL;
	}
	sd_event_source_disable_unref(p->timer);
	buf_done(&p->identity);
	buf_done(&p->public);
	free(p);
}

/* -- the end ------------------------------------------------------------------------------------- */

/* Let the card go without a word: its process is dead or dies now. */
static void drop(struct professional *p)
{
	struct cards *cards = p->all->cards;
	struct card *c = p->card;

	forget(p);
	cards_release(cards, c);
}

static void on_closed(void *user, struct link_frame *answer)
{
	(void)answer; /* reset or dead: either way the right is gone */
	drop(user);
}

static void close_life(struct professional *p)
{
	if (p->closing) {
		return;
	}
	p->closing = true;
	p->since = 0;
	p->timer = sd_event_source_disable_unref(p->timer);
	p->card->pin_until = 0;
	cards_touch(p->all->cards, p->card);
	if (p->all->closing ||
		cards_ask(p->card, CARD_OP_CLOSE, VIEW_NULL, NULL, 0, on_closed, p) != 0) {
		drop(p);
	}
}

/* -- the verified PIN ----------------------------------------------------------------------------- */

static uint64_t pin_until(const struct professional *p)
{
	const struct config *config = p->all->config;
	uint64_t life = p->since + config->pin_lifetime * USEC_PER_SEC;
	uint64_t idle = p->used + config->pin_idle * USEC_PER_SEC;

	if (p->since == 0) {
		return 0;
	}
	return life < idle ? life : idle;
}

/* The same moment on the clock of struct card, as far as that can be told: it stands still while
 * the machine sleeps. */
static uint64_t shown(uint64_t until)
{
	uint64_t now = clock_boottime();

	return until > now ? clock_monotonic() + (until - now) : 0;
}

static int on_time(sd_event_source *source, uint64_t usec, void *user);

static void schedule(struct professional *p)
{
	uint64_t until = pin_until(p);

	p->timer = sd_event_source_disable_unref(p->timer);
	p->card->pin_until = shown(until);
	if (until != 0 && sd_event_add_time(p->all->ev, &p->timer, CLOCK_BOOTTIME, until, 0,
				  on_time, p) < 0) {
		p->since = 0; /* a PIN whose end cannot be kept is not kept */
		p->card->pin_until = 0;
	}
	cards_touch(p->all->cards, p->card);
}

static int on_time(sd_event_source *source, uint64_t usec, void *user)
{
	struct professional *p = user;

	(void)source;
	(void)usec;
	if (p->session) {
		p->since = 0; /* leave() then closes */
		p->card->pin_until = 0;
		cards_touch(p->all->cards, p->card);
	} else {
		close_life(p);
	}
	return 0;
}

bool professional_pin_held(const struct professional *p)
{
	return p->since != 0 && !p->doubt && clock_boottime() < pin_until(p);
}

void professional_doubt(struct professional *p)
{
	p->doubt = true;
	p->since = 0;
}

void professional_pin_given(struct professional *p)
{
	p->doubt = false;
	p->since = clock_boottime();
	p->used = p->since;
	schedule(p);
}

void professional_used(struct professional *p)
{
	p->used = clock_boottime();
	if (p->since != 0) {
		schedule(p);
	}
}

/* -- use by sessions ------------------------------------------------------------------------------ */

static bool serves(const struct professional *p, const struct session *s)
{
	return p->uid == s->uid && strcmp(p->pair, s->pair) == 0 && !p->closing &&
	       professional_pin_held(p);
}

bool professional_usable(const struct session *s, struct card *c, bool *ret_soon)
{
	struct professional *p = life_of(s->all, c);

	*ret_soon = false;
	if (!c->child) {
		return true;
	}
	if (!p || p->session) {
		return false;
	}
	if (serves(p, s)) {
		return true;
	}
	close_life(
		p); /* another user's or pair's, or of no use any more: reset, then it is free */
	*ret_soon = true;
	return false;
}

int professional_take(struct session *s, struct card *c)
{
	struct sessions *all = s->all;
	struct professional *p = life_of(all, c);
	int r;

	if (!p) {
		p = calloc(1, sizeof(*p));
		if (!p) {
			return fault(-ENOMEM);
		}
		*p = (struct professional){
			.all = all,
			.card = c,
			.uid = s->uid,
			.identity = BUF_NULL(LINK_MAX_FRAME),
			.public = BUF_NULL(CACHE_BODY_MAX),
		};
		r = view_copy_str(view_str(s->pair), p->pair, sizeof(p->pair));
		if (r == 0) {
			r = cards_claim(all->cards, c, s->uid, p);
		}
		if (r < 0) {
			free(p);
			return trace(r);
		}
		p->next = all->lives;
		all->lives = p;
	}
	p->session = s;
	s->life = p;
	return 0;
}

/* Whether the card may be kept between sessions: where others may use it, now or by what the
 * configuration has become, they could sign with it. */
static bool keeps(const struct professional *p)
{
	const struct config *config = p->all->config;
	const struct card_reader *r = p->card->reader;

	return config->pin_lifetime > 0 && professional_pin_held(p) &&
	       r->sharing == CARD_SHARE_EXCLUSIVE &&
	       cards_sharing(config, r) == CARD_SHARE_EXCLUSIVE;
}

void professional_leave(struct session *s)
{
	struct professional *p = s->life;

	if (!p) {
		return;
	}
	s->life = NULL;
	p->session = NULL;
	child_forget(p->card->child, s);
	if (!keeps(p)) {
		close_life(p);
	} else {
		professional_used(p);
	}
}

void professional_give_up(struct session *s)
{
	struct professional *p = s->life;

	if (p) {
		s->life = NULL;
		p->session = NULL;
		child_forget(p->card->child, s);
		close_life(p);
	}
}

bool professional_idle(struct sessions *all, const struct card *c, uid_t uid)
{
	const struct professional *p = life_of(all, c);

	return p && !p->session && p->uid == uid;
}

void professional_close(struct sessions *all, const struct card *c)
{
	struct professional *p = life_of(all, c);

	if (p) {
		close_life(p);
	}
}

/* -- what is known of the card ---------------------------------------------------------------------- */

bool professional_is_open(const struct professional *p)
{
	return p->open;
}

void professional_opened(struct professional *p, struct view body)
{
	uint8_t can = p->card->reader->pinpad ? CARD_PINPAD_VERIFY : 0;

	p->open = true;
	p->keypad = (read_u8_or(body, LINK_TAG_PINPAD, can) & CARD_PINPAD_VERIFY) != 0;
}

bool professional_keypad(const struct professional *p)
{
	return p->keypad;
}

const struct buf *professional_identity(const struct professional *p)
{
	return &p->identity;
}

int professional_keep_identity(struct professional *p, struct view body)
{
	buf_reset(&p->identity);
	buf_put_view(&p->identity, body);
	return trace(buf_check(&p->identity));
}

const struct buf *professional_public(const struct professional *p)
{
	return &p->public;
}

int professional_keep_public(struct professional *p, struct view body, bool cached)
{
	buf_reset(&p->public);
	buf_put_view(&p->public, body);
	p->cached = cached;
	p->stored = false;
	return trace(buf_check(&p->public));
}

void professional_forget_public(struct professional *p)
{
	buf_reset(&p->public);
	p->cached = false;
}

bool professional_cached(const struct professional *p)
{
	return p->cached;
}

bool professional_to_store(struct professional *p)
{
	bool store = !p->cached && !p->stored && p->public.len > 0;

	p->stored = p->stored || store;
	return store;
}

void professional_lock(struct sessions *all, struct card *c)
{
	struct professional *p = life_of(all, c);

	if (p && !p->session) {
		close_life(p);
	} else if (p) {
		p->since = 0; /* closed when its session leaves it */
	}
}

void professional_gone(struct sessions *all, struct card *c)
{
	struct professional *p = life_of(all, c);

	if (p) {
		drop(p);
	}
}

void professional_close_all(struct sessions *all)
{
	struct professional *next;

	for (struct professional *p = all->lives; p; p = next) {
		next = p->next;
		if (p->session) {
			p->since = 0; /* leave() then closes */
		} else {
			close_life(p);
		}
	}
}

void professional_configured(struct sessions *all)
{
	struct professional *next;

	for (struct professional *p = all->lives; p; p = next) {
		next = p->next;
		if (!p->session && !keeps(p)) {
			close_life(p);
		} else if (p->since != 0) {
			schedule(p);
		}
	}
}

void professional_free_all(struct sessions *all)
{
	while (all->lives) {
		drop(all->lives);
	}
}
