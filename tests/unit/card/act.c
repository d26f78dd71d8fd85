/* SPDX-License-Identifier: EUPL-1.2 */
/* The stage of the tests of serve.c. */
/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */
#include "tests/unit/card/act.h"

#include <poll.h>

uint64_t clock_step;
static uint64_t clock_ahead; /* of the real one */
unsigned quiet;
int quiet_ms;

uint64_t __wrap_clock_monotonic(void);
uint64_t __real_clock_monotonic(void);
int __wrap_poll(struct pollfd *fds, nfds_t n, int ms);
int __real_poll(struct pollfd *fds, nfds_t n, int ms);

uint64_t __wrap_clock_monotonic(void)
{
	clock_ahead += clock_step;
	return __real_clock_monotonic() + clock_ahead;
}

int __wrap_poll(struct pollfd *fds, nfds_t n, int ms)
{
	if (quiet > 0) {
		quiet--;
		quiet_ms = ms;
		return 0;
	}
	return __real_poll(fds, n, ms);
}

int act_setup(void **state)
{
	(void)state;
	fake_kind = FAKE_CARD;
	fake_much = 0;
	clock_step = 0;
	clock_ahead = 0;
	quiet = 0;
	quiet_ms = -2;
	return 0;
}

void perform(const struct act *a)
{
	struct scene scene = {.dialogue = a->text, .closed = a->closed};

	for (size_t i = 0; i < SCENE_STEPS; i++) {
		scene.steps[i] = a->steps[i];
	}
	play_text(&scene, a->text, a->events);
}
