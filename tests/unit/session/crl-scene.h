/* SPDX-License-Identifier: EUPL-1.2 */
#pragma once
/* A folder of revocation lists, anchors, a card of theirs, and a struct crls on a loop. */
#include "base/clock.h"
#include "daemon/session/crl.h"
#include "tests/unit/trust/lists.h"
#include "tests/unit/trust/pki.h"

struct scene {
	char base[32];
	struct config config;
	sd_event *ev;
	struct crls *crls;
	unsigned int changes;
	unsigned int taken;
	time_t now;
	X509 *card;
	struct buf der;
	char serial[64];
	unsigned int readings; /* that are over */
	uint64_t hourly;       /* instead of the hour between two looks */
	uint64_t pace; /* the monotonic clock goes on by so much whenever it is looked at */
	uint64_t passed;
	unsigned int no_memfd; /* so many are refused */
};

extern struct scene scene;

#define NO_TEST_LIST "crl-missing test VITALED TEST ROOT\n"
#define NO_LIST	     NO_TEST_LIST "crl-missing simulated VITALED SIMULATED PERSONS\n"

int scene_prepare(void **state); /* for the whole program */
int scene_clean(void **state);
int scene_set(void **state); /* for each test */
int scene_strike(void **state);
int scene_block_sigchld(void);
void scene_start(const char *children);
/** scene_settle() - until no reading is under way or due. */
void scene_settle(void);
/** scene_await() - until @changes readings had news, and not one more. */
void scene_await(unsigned int changes);
void scene_path_of(char path[512], const char *name);
void scene_put_file(const char *name, struct view content);
void scene_put_text(const char *name, const char *text);
/** scene_put_order() - a text for the false child: @word, and the name of our authority. */
void scene_put_order(const char *name, const char *word);
struct forged_list scene_list_of(const char *number, const char *const *serials);
void scene_put_list(const char *name, const struct forged_list *f);
/** scene_ask() - what the lists say of the card. */
enum trust_revocation scene_ask(void);
enum trust_revocation scene_ask_of(struct view der);
void scene_note(void *user, const struct crl_finding *f); /* a line to struct buf *user */
void scene_finds_at(uint64_t now, const char *text);
void scene_finds(const char *text);
