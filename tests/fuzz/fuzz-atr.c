/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * Fuzzing of drivers/card/atr.h: the input is an answer to reset, behind its length a pattern of
 * the same kind that card_drivers[] uses. Whatever parses keeps the bounds of ISO/IEC 7816-3, and
 * a card is chosen by it, by a transport that then says nothing.
 */
#include <assert.h>
#include <string.h>

#include "base/clock.h"
#include "drivers/card/card.h"
#include "drivers/reader/script.h"

#define HZ_LEAST 1000000U
#define HZ_MOST	 20000000U

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_times(const struct atr *a)
{
	assert(atr_fi(a) >= 372 && atr_fi(a) <= 2048);
	assert(atr_di(a) >= 1 && atr_di(a) <= 64);
	assert(atr_ifsc(a) >= 1 && atr_ifsc(a) <= 254);
	for (unsigned protocol = 0; protocol < 2; protocol++) {
		unsigned guard = atr_guard_time(a, protocol);

		assert(guard >= 11 && guard <= 266);
		assert(atr_character_ns(a, protocol, HZ_MOST) > 0);
		assert(atr_character_ns(a, protocol, HZ_LEAST) >=
			atr_character_ns(a, protocol, HZ_MOST));
		/* the longest silence that the standard allows: minutes, not hours */
		assert(atr_waiting_ns(a, protocol, HZ_LEAST) <= 3600ULL * 1000000000ULL);
		assert(atr_waiting_ns(a, protocol, HZ_MOST) > 0);
	}
}

static void check_matches(const struct atr *a, struct view other)
{
	uint8_t ones[ATR_MAX];
	uint8_t zeros[ATR_MAX] = {0};
	char pattern[64] = "";

	memset(ones, 0xFF, sizeof(ones));
	assert(atr_matches(a, atr_view(a), view_of(ones, a->len)));
	assert(atr_matches(a, view_sub(VIEW(ones), 0, a->len), view_of(zeros, a->len)));
	assert(atr_matches(a, other, view_of(ones, a->len)) == view_equal(other, atr_view(a)));
	if (view_copy_str(view_sub(other, 0, sizeof(pattern) - 1), pattern, sizeof(pattern)) ==
		0) {
		(void)atr_like(a, pattern, false);
		(void)atr_like(a, pattern, true);
	}
	assert(atr_like(a, "", true));
}

static void check(const struct atr *a, struct view in, struct view other)
{
	assert(view_equal(atr_view(a), in) && in.len >= 2 && in.len <= ATR_MAX);
	assert(a->n_levels >= 1 && a->n_levels <= ATR_LEVELS_MAX);
	assert(atr_view_historical(a).len <= 15);
	assert(a->protocols != 0 && a->first < 15);
	assert(!atr_offers(a, 15) && !atr_offers(a, 99));
	check_times(a);
	check_matches(a, other);
}

/* A card that shows it and is gone at the first command. */
static void choose(struct view atr)
{
	struct transport *t = NULL;
	struct card c;
	int r;

	assert(script_new_answers(VIEW_NULL, atr, TRANSPORT_T0, &t) == 0);
	assert(card_init(&c, t) == 0);
	apdu_begin(&c.apdu, clock_monotonic() + 10 * USEC_PER_SEC);
	r = card_recognise(&c);
	assert(r == CARD_GONE || r == CARD_UNKNOWN || r == CARD_UNSUPPORTED);
	assert((r == CARD_UNSUPPORTED) == (c.driver && c.driver->advice));
	card_done(&c);
	transport_free(t);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct reader r = reader_of(view_of(data, size));
	size_t len = reader_u8(&r);
	struct view in = reader_take(&r, len < r.left ? len : r.left);
	struct atr a;
	int q = atr_parse(in, &a);

	assert(q == 0 || q == ATR_CUT || q == ATR_LONG || q == ATR_CONVENTION ||
		q == ATR_CHECKSUM);
	if (q == 0) {
		check(&a, in, reader_rest(&r));
	}
	choose(in);
	return 0;
}
