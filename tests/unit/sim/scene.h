/* SPDX-License-Identifier: EUPL-1.2 */
#pragma once
/* What the tests of the simulated cards share: a temporary folder with personalised cards, and a
 * card with its transport that takes commands in hexadecimal. */
/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */
#include "drivers/sim/os-card.h"
#include "drivers/sim/personalise.h"
#include "drivers/sim/transport.h"

struct scene {
	char dir[64];
};

/** scene_make() - personalise @names (NULL-terminated) in a new folder; asserts. */
void scene_make(struct scene *s, const char *const *names);
void scene_done(struct scene *s); /* removes the folder */

/** struct play - a card and the last answer. */
struct play {
	struct card *card;
	struct transport transport;
	struct buf answer; /* without the status word */
	uint16_t sw;
	size_t characters;
};

void play_start(struct play *p, const struct scene *s, const char *name, unsigned protocol);
void play_done(struct play *p);
void play_reset(struct play *p);
/** play_send() - one TPDU or APDU; the status word is in @p->sw. Return: it. */
uint16_t play_send(struct play *p, const char *hex);
uint16_t play_send_view(struct play *p, struct view command);
/** play_fetch() - T=0: send, and follow 61XX and 6CXX as a reader does. Return: the last SW. */
uint16_t play_fetch(struct play *p, const char *hex);
uint16_t play_fetch_view(struct play *p, struct view command);
void assert_view_hex(struct view v, const char *hex);
#define assert_answer_hex(p, hex) assert_view_hex(buf_view(&(p)->answer), hex)
