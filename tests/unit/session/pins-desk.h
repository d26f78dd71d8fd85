/* SPDX-License-Identifier: EUPL-1.2 */
#pragma once
/*
 * A PIN job at a desk (desk.h): a card of a professional, a person who answers as told, and the
 * sessions below, played. What done() was told stands in t.
 */
#include "daemon/session/inside.h"
#include "daemon/session/pins.h"
#include "tests/unit/session/desk.h"

enum answer {
	GIVE = 0,
	LATER,
	FAIL,
	NEVER
};

struct person_at_desk {
	struct pins *all;
	struct card *card;
	struct desk_card *played;
	struct session session; /* one of the sessions, played */
	bool sessions;
	bool wanted; /* an emergency waits for the card */
	unsigned int locked;
	enum answer answer;
	unsigned int fail_from; /* FAIL only from this question on */
	bool last_try;
	bool twice; /* answers every question a second time */
	struct pin_job *job;
	unsigned int asked; /* codes */
	unsigned int asked_last;
	unsigned int keypad;
	unsigned int stopped;
	enum vitaled_reason stop;
	char questions[64];
	unsigned int tries_told;
	unsigned int done;
	enum vitaled_reason why;
	uint8_t tries;
	bool busy; /* inside one of our calls: done must not run */
};

extern struct person_at_desk t;

/* what pins_new() is given; its user is &t */
extern const struct pins_ops pins_desk_ops;

int pins_setup(void **state); /* the card is in and recognised; it tells three tries */
int pins_teardown(void **state);
int pins_start(enum pin_job_kind kind);
bool pins_done(void *user);
bool pins_asking(void *user);
bool pins_sent(void *user); /* enum card_op *: the card was asked that */
/** pins_finish() - turn until done ran, once, with @why; then the card must be free. */
void pins_finish(enum vitaled_reason why);
void pins_again(void); /* with the same card, nothing remembered */
void pins_give(struct pin_job *j, const char *digits);
uint8_t pins_sent_u8(enum card_op op, uint32_t tag); /* UINT8_MAX: not there */
/** pins_card_says() - the outcome of @op from now on; @tries: -1: does not tell. */
void pins_card_says(enum card_op op, uint8_t outcome, int tries);
void pins_puk_is(int tries, int uses);
