/* SPDX-License-Identifier: EUPL-1.2 */
/* See mutate-objects.h. */
#include "tests/fuzz/mutate-objects.h"

#include <assert.h>

#include "base/hex.h"
#include "base/tlv.h"

#define LEVELS 6U

size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max_size);

/* Data of answers, or objects in them. */
static const char *const objects[] = {
	"5A0A80250000010123456789",
	"5A0A80250000019999999999",
	"5A00",
	"5A11"
	"00112233445566778899AABBCCDDEEFF00",
	"651A8006444F4500000081044A4F48E98208313938303133333294"
	"0101",
	"65118003444F458104414E4E4582083139383030313031",
	"6500",
	"650582083139383030313031",
	"6511930F323830303137353030303030303235",
	"6516930F32383030313735303030303030323590"
	"034652416520",
	"6511930F31383530353241303030303030"
	"3532",
	"660A80083230323030313031",
	"66028000",
	"A62280010181083230323430313031820832303235313233318303303030840430313032",
	"A603800101",
	"A600",
	"7F2100",
	"7F2181D800",
	"7F2103010203",
	"E037A010820E00010000D250000002564954414C4580"
	"0C504144202020202000012F02800C4E49522020202020"
	"00012002",
	"E000",
	"E002A000",
	"E00EA0008000",
	"E016A0008012"
	"4944454E544954450001",
	"EE0F8404434142318505303132333486023130",
	"EE00",
	"EE028400",
	"EF03870131",
	"EF00",
	"EC1281072026010100000082072027010100000"
	"0",
	"EC0481008200",
	"EC00",
	"EC128107FFFFFFFFFFFFFF8207FFFFFFFFFFFFFF",
	"A408300604043F005015",
	"A40A300804063F000001"
	"4403",
	"A70A300804063F0000014405",
	"A4023000",
	"A400",
	"302130083003800101030100300304010"
	"2A110300E300C04063F000001B002",
	"3018300030030401"
	"20A10F300D300B04063F000001B00200",
	"3000",
	"30023000",
	"301630003000A110300E04063F000001D120",
	"3010300030"
	"00A10A300804063F000001D12F",
	"300C3000300030"
	"00A1043002"
	"0400",
	"7017BF8101"
	"13A0119A01039B01039C02FFFF9D02000A9E0100",
	"700FBF8102"
	"0BA0099B010A9D0200009E0100",
	"7000",
	"7007BF8101"
	"03A0019B",
	"308204D0"
	"0201",
	"3082FFFF",
	"3083010000",
	"308000",
	"1F",
	"00",
	"FFFF",
	"00000000",
	"8000",
	"9B0101",
	"04063F000001B001",
	"0402D003",
	"6D6F",
};

/* -- chance ---------------------------------------------------------------------------------------- */

static uint32_t state;

void mutate_seed(unsigned seed)
{
	state = seed * 2654435761U | 1U;
}

size_t mutate_pick(size_t n)
{
	state ^= state << 13;
	state ^= state >> 17;
	state ^= state << 5;
	return n > 0 ? state % n : 0;
}

/* -- changes --------------------------------------------------------------------------------------- */

void mutate_put_object(struct buf *out)
{
	assert(hex_decode(out, view_str(objects[mutate_pick(ARRAY_LEN(objects))])) == 0);
}

void mutate_put_bytes(struct view v, struct buf *out)
{
	uint8_t bytes[MUTATE_ANSWER];
	size_t n = v.len < MUTATE_ANSWER ? v.len : MUTATE_ANSWER;

	bytes_copy(bytes, sizeof(bytes), v.data, n);
	n = LLVMFuzzerMutate(bytes, n, n + 8 < MUTATE_ANSWER ? n + 8 : MUTATE_ANSWER);
	buf_put(out, bytes, n);
}

/* Some object of @in: what stands before it and after it. Return: whether there is one. */
static bool some_object(
	struct view in, struct tlv *ret, struct view *before, struct view *after)
{
	struct reader r = reader_of(in);
	struct tlv t;
	size_t n = 0;

	while (tlv_next(&r, &t) == 0) {
		if (mutate_pick(++n) == 0) {
			*ret = t;
			*before = view_of(in.data, (size_t)(t.whole.data - in.data));
			*after = view_of(r.data, r.left);
		}
	}
	return n > 0;
}

/* One change at the place of an object. */
static void edit(const struct tlv *t, struct buf *out)
{
	switch (mutate_pick(7)) {
	case 0: /* away */
		break;
	case 1:
		buf_put_view(out, t->whole);
		buf_put_view(out, t->whole);
		break;
	case 2:
		mutate_put_object(out);
		break;
	case 3:
		mutate_put_object(out);
		buf_put_view(out, t->whole);
		break;
	case 4:
		tlv_put(out, t->tag, VIEW_NULL);
		break;
	default: {
		_cleanup_(buf_done) struct buf value = BUF_NULL(2 * MUTATE_ANSWER);

		mutate_put_bytes(t->value, &value);
		tlv_put(out, t->tag, buf_view(&value));
	}
	}
}

/* Down a way of objects, a change there, and back with right lengths. */
void mutate_objects(struct view in, struct buf *out)
{
	struct view before[LEVELS];
	struct view after[LEVELS];
	struct tlv t[LEVELS];
	size_t depth = 0;

	while (depth < LEVELS && some_object(in, &t[depth], &before[depth], &after[depth])) {
		in = t[depth++].value;
		if (mutate_pick(3) == 0) {
			break;
		}
	}
	if (depth == 0) {
		mutate_put_bytes(in, out);
		return;
	}
	for (size_t i = depth; i-- > 0;) {
		_cleanup_(buf_done) struct buf level = BUF_NULL(8 * MUTATE_ANSWER);

		buf_put_view(&level, before[i]);
		if (i + 1 == depth) {
			edit(&t[i], &level);
		} else {
			tlv_put(&level, t[i].tag, buf_view(out));
		}
		buf_put_view(&level, after[i]);
		buf_reset(out);
		buf_put_view(out, buf_view(&level));
	}
}
