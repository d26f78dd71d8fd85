/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * The terminal's side of T=1, block by block. The scenarios of ISO/IEC 7816-3:2006 annex A have the numbers
 * that they have in Infineon's published tests of its T=1' library; 25, 28 and from 33 on it has none.
 *
 * A dialogue: "+command" t1_begin(), "~IFSD" t1_ifsd(); ">block" the machine sends it; "<block" the card
 * sends it; "x" nothing comes, "!" a parity error, "#block" with a wrong checksum; "=end answer".
 */
/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */
#include <errno.h>
#include <string.h>

#include "base/hex.h"
#include "drivers/usb/t1.h"

#define PLAY(t, ...) play((t), (const char *const[]){__VA_ARGS__, NULL})

static uint8_t digit(char c)
{
	assert_in_range(c, '0', '3');
	return (uint8_t)(c - '0');
}

/* "I(0,1)0102", "R(0)", "R(0,1)", "S(IFS request)20" -> PCB; @ret_inf is what is behind it. */
static uint8_t pcb_of(const char *word, const char **ret_inf)
{
	static const char *const names[] = {"S(RESYNCH ", "S(IFS ", "S(ABORT ", "S(WTX "};
	const char *end = strchr(word, ')');

	assert_non_null(end);
	*ret_inf = end + 1;
	if (word[0] == 'I') {
		return (uint8_t)(digit(word[2]) << 6 | digit(word[4]) << 5);
	}
	if (word[0] == 'R') {
		return (uint8_t)(0x80 | digit(word[2]) << 4 |
				 (word[3] == ',' ? digit(word[4]) : 0));
	}
	for (uint8_t i = 0; i < ARRAY_LEN(names); i++) {
		if (strncmp(word, names[i], strlen(names[i])) == 0) {
			return (uint8_t)(0xC0 | i | (end[-1] == 't' ? 0 : 0x20));
		}
	}
	fail_msg("no block: %s", word);
	return 0;
}

static void block_of(const char *word, bool crc, struct buf *out)
{
	_cleanup_(buf_done) struct buf inf = BUF_NULL(T1_INF_MAX);
	const char *rest = NULL;
	uint8_t pcb = pcb_of(word, &rest);

	assert_int_equal(hex_decode(&inf, view_str(rest)), 0);
	t1_block_put(out, 0, pcb, buf_view(&inf), crc);
}

static int came(struct t1 *t, const char *line, struct buf *out)
{
	_cleanup_(buf_done) struct buf b = BUF_NULL(T1_BLOCK_MAX);

	if (line[0] == 'x') {
		return t1_next(t, T1_SILENCE, VIEW_NULL, out);
	}
	if (line[0] == '!') {
		return t1_next(t, T1_PARITY, VIEW_NULL, out);
	}
	block_of(line + 1, t->crc, &b);
	if (line[0] == '#') {
		b.data[b.len - 1] ^= 0x40;
	}
	return t1_next(t, T1_BLOCK, buf_view(&b), out);
}

static int begun(struct t1 *t, const char *line, struct buf *out)
{
	_cleanup_(buf_done) struct buf b = BUF_NULL(T1_COMMAND_MAX);

	assert_int_equal(hex_decode(&b, view_str(line + 1)), 0);
	return line[0] == '+' ? t1_begin(t, buf_view(&b), out) : t1_ifsd(t, b.data[0], out);
}

static void assert_sent(struct t1 *t, const char *line, int o, const struct buf *out)
{
	_cleanup_(buf_done) struct buf b = BUF_NULL(T1_BLOCK_MAX);

	assert_int_equal(o, T1_SEND);
	block_of(line + 1, t->crc, &b);
	assert_int_equal(out->len, b.len);
	assert_memory_equal(out->data, b.data, b.len);
}

static void assert_ended(struct t1 *t, const char *line, int o, const struct buf *out)
{
	static const char *const words[] = {[T1_SEND] = "send",
		[T1_DONE] = "done",
		[T1_ABORTED] = "aborted",
		[T1_LOST] = "lost",
		[T1_DEAD] = "dead"};
	_cleanup_(buf_done) struct buf b = BUF_NULL(T1_COMMAND_MAX);
	const char *answer = strchr(line, ' ');

	assert_in_range(o, T1_SEND, T1_DEAD);
	assert_memory_equal(line + 1, words[o], strlen(words[o]));
	assert_int_equal(out->len, 0);
	assert_int_equal(hex_decode(&b, view_str(answer ? answer + 1 : "")), 0);
	assert_true(view_equal(buf_view(&b), buf_view(&t->answer)));
	/* nothing is left of the command */
	assert_int_equal(t->command.len + t->last.len, 0);
}

static void play(struct t1 *t, const char *const *lines)
{
	_cleanup_(buf_done) struct buf out = BUF_NULL(T1_BLOCK_MAX);
	int o = 0;

	for (; *lines; lines++) {
		switch (**lines) {
		case '>':
			assert_sent(t, *lines, o, &out);
			break;
		case '=':
			assert_ended(t, *lines, o, &out);
			break;
		case '+':
		case '~':
			buf_reset(&out);
			o = begun(t, *lines, &out);
			break;
		default:
			buf_reset(&out);
			o = came(t, *lines, &out);
			break;
		}
	}
}

static int fresh(void **state)
{
	static struct t1 t;

	t1_init(&t, 2, false);
	*state = &t;
	return 0;
}

static int over(void **state)
{
	t1_done(*state);
	return 0;
}

/* -- annex A, without errors -------------------------------------------------------------------- */

static void scenario_1_information_goes_both_ways(void **state)
{
	PLAY(*state, "+0102", ">I(0,0)0102", "<I(0,0)9000", "=done 9000", "+0304",
		">I(1,0)0304", "<I(1,0)6A82", "=done 6A82", "+05", ">I(0,0)05");
}

static void scenario_2_the_card_gets_more_time(void **state)
{
	struct t1 *t = *state;

	PLAY(t, "+0102", ">I(0,0)0102");
	assert_int_equal(t->waiting, 1);
	PLAY(t, "<S(WTX request)10");
	assert_int_equal(t->waiting, 16);
	PLAY(t, "<I(0,0)9000", "=done 9000");
	assert_int_equal(t->waiting, 1);
	PLAY(t, "+0102", ">I(1,0)0102", "<S(WTX request)FF", ">S(WTX response)FF",
		"<S(WTX request)01", ">S(WTX response)01", "<I(1,0)9000", "=done 9000");
}

static void scenario_3_the_card_tells_its_ifs(void **state)
{
	struct t1 *t = *state;

	PLAY(t, "+01020304", ">I(0,1)0102", "<S(IFS request)79", ">S(IFS response)79", "<R(1)",
		">I(1,0)0304", "<I(0,0)9000", "=done 9000");
	assert_int_equal(t->ifsc, 0x79);
	PLAY(t, "+01020304", ">I(0,0)01020304");
}

static void scenario_4_we_tell_ours(void **state)
{
	struct t1 *t = *state;

	PLAY(t, "+0102", ">I(0,0)0102", "<I(0,0)9000", "=done 9000", "~79", ">S(IFS request)79",
		"<S(IFS response)79", "=done", "+0304", ">I(1,0)0304", "<I(1,0)9000",
		"=done 9000");
	assert_int_equal(t->ifsd, 0x79);
}

static void scenario_5_our_command_is_a_chain(void **state)
{
	PLAY(*state, "+010203040506", ">I(0,1)0102", "<R(1)", ">I(1,1)0304", "<R(0)",
		">I(0,0)0506", "<I(0,0)9000", "=done 9000");
}

static void scenario_6_the_answer_is_a_chain(void **state)
{
	PLAY(*state, "+0102", ">I(0,0)0102", "<I(0,1)F1F2", ">R(1)", "<I(1,0)F3F4",
		"=done F1F2F3F4", "+0304", ">I(1,0)0304", "<I(0,0)F5F6", "=done F5F6");
}

static void scenario_7_a_chain_may_end_with_an_empty_block(void **state)
{
	PLAY(*state, "+0102", ">I(0,0)0102", "<I(0,1)F1F2", ">R(1)", "<I(1,0)", "=done F1F2",
		"+0304", ">I(1,0)0304", "<I(0,0)F3F4", "=done F3F4");
}

/* -- annex A, with errors ----------------------------------------------------------------------- */

static void scenario_8_the_card_asks_for_a_block_again(void **state)
{
	PLAY(*state, "+0102", ">I(0,0)0102", "<R(0,1)", ">I(0,0)0102", "<I(0,0)9000",
		"=done 9000");
}

static void scenario_9_we_ask_for_a_block_again(void **state)
{
	PLAY(*state, "+0102", ">I(0,0)0102", "#I(0,0)9000", ">R(0,1)", "<I(0,0)9000",
		"=done 9000");
}

static void scenario_10_the_request_to_repeat_is_lost(void **state)
{
	PLAY(*state, "+0102", ">I(0,0)0102", "#R(0,1)", ">R(0,1)", "<R(0,1)", ">I(0,0)0102",
		"<I(0,0)9000", "=done 9000");
}

static void scenario_11_ours_is_lost_after_the_answer(void **state)
{
	PLAY(*state, "+0102", ">I(0,0)0102", "#I(0,0)9000", ">R(0,1)", "<R(1,1)", ">R(0,1)",
		"<I(0,0)9000", "=done 9000");
}

static void scenario_12_both_are_lost_after_the_answer(void **state)
{
	PLAY(*state, "+0102", ">I(0,0)0102", "#I(0,0)9000", ">R(0,1)", "#R(1,1)", ">R(0,1)",
		"<I(0,0)9000", "=done 9000");
}

static void scenario_13_both_are_lost_and_ours_once_more(void **state)
{
	PLAY(*state, "+0102", ">I(0,0)0102", "#I(0,0)9000", ">R(0,1)", "#R(1,1)", ">R(0,1)",
		"<R(1,1)", ">R(0,1)", "<I(0,0)9000", "=done 9000");
}

static void scenarios_14_and_15_a_request_for_time_is_lost(void **state)
{
	PLAY(*state, "+0102", ">I(0,0)0102", "#S(WTX request)10", ">R(0,1)",
		"<S(WTX request)10", ">S(WTX response)10", "<I(0,0)9000", "=done 9000");
}

static void scenarios_16_and_17_a_request_of_the_cards_ifs_is_lost(void **state)
{
	PLAY(*state, "+0102", ">I(0,0)0102", "#S(IFS request)79", ">R(0,1)",
		"<S(IFS request)79", ">S(IFS response)79", "<I(0,0)9000", "=done 9000");
}

static void scenario_18_our_response_is_lost(void **state)
{
	PLAY(*state, "+0102", ">I(0,0)0102", "<S(IFS request)79", ">S(IFS response)79",
		"<S(IFS request)79", ">S(IFS response)79", "<I(0,0)9000", "=done 9000");
}

static void scenario_19_the_answer_after_a_response_is_lost(void **state)
{
	PLAY(*state, "+0102", ">I(0,0)0102", "<S(IFS request)79", ">S(IFS response)79",
		"#I(0,0)9000", ">R(0,1)", "<I(0,0)9000", "=done 9000");
}

static void scenario_20_and_our_r_block_as_well(void **state)
{
	PLAY(*state, "+0102", ">I(0,0)0102", "<S(IFS request)79", ">S(IFS response)79",
		"#I(0,0)9000", ">R(0,1)", "<R(1,1)", ">R(0,1)", "<I(0,0)9000", "=done 9000");
}

static void scenarios_21_and_22_an_acknowledgement_of_the_card_is_lost(void **state)
{
	PLAY(*state, "+010203040506", ">I(0,1)0102", "#R(1)", ">R(0,1)", "<R(1)", ">I(1,1)0304",
		"<R(0)", ">I(0,0)0506", "<I(0,0)9000", "=done 9000");
}

static void scenario_23_an_acknowledgement_of_ours_is_lost(void **state)
{
	PLAY(*state, "+0102", ">I(0,0)0102", "<I(0,1)F1F2", ">R(1)", "<R(1,1)", ">R(1)",
		"<I(1,0)F3F4", "=done F1F2F3F4");
}

static void scenario_24_and_what_the_card_says_to_that(void **state)
{
	PLAY(*state, "+0102", ">I(0,0)0102", "<I(0,1)F1F2", ">R(1)", "#R(1,1)", ">R(1)",
		"<I(1,0)F3F4", "=done F1F2F3F4");
}

/* -- annex A, abort and RESYNCH ----------------------------------------------------------------- */

static void scenario_26_the_card_ends_its_own_chain(void **state)
{
	PLAY(*state, "+0102", ">I(0,0)0102", "<I(0,1)F1F2", ">R(1)", "<S(ABORT request)",
		">S(ABORT response)", "<R(1)", "=aborted", "+0304", ">I(1,0)0304",
		"<I(1,0)9000", "=done 9000");
}

static void scenario_27_the_card_ends_our_chain(void **state)
{
	PLAY(*state, "+010203040506", ">I(0,1)0102", "<R(1)", ">I(1,1)0304",
		"<S(ABORT request)", ">S(ABORT response)", "<R(0)", "=aborted", "+07",
		">I(0,0)07", "<I(0,0)9000", "=done 9000");
}

/* Rule 9 for us: an answer longer than any. */
static void we_end_a_chain_that_is_longer_than_an_answer(void **state)
{
	struct t1 *t = *state;

	PLAY(t, "+0102", ">I(0,0)0102", "<I(0,1)F1F2", ">R(1)");
	assert_non_null(buf_extend(&t->answer, T1_ANSWER_MAX - 3));
	PLAY(t, "<I(1,1)F1F2", ">S(ABORT request)", "x", ">S(ABORT request)",
		"<S(WTX response)01", ">S(ABORT request)", "<S(ABORT response)", "=aborted",
		"+03", ">I(1,0)03", "<I(0,0)9000", "=done 9000");
}

static void an_answer_that_ends_one_byte_too_long_is_lost(void **state)
{
	struct t1 *t = *state;

	PLAY(t, "+0102", ">I(0,0)0102", "<I(0,1)F1F2", ">R(1)");
	assert_non_null(buf_extend(&t->answer, T1_ANSWER_MAX - 3));
	PLAY(t, "<I(1,0)F1F2", ">S(RESYNCH request)", "<S(RESYNCH response)", "=lost");
}

static void scenarios_29_to_32_resynch_is_tried_until_it_is_answered(void **state)
{
	PLAY(*state, "+01", ">I(0,0)01", "<S(WTX request)02", "x", ">R(0,2)", "!", ">R(0,2)",
		"x", ">S(RESYNCH request)", "<S(RESYNCH response)", "=lost", "+02", ">I(0,0)02",
		"<I(0,0)9000", "=done 9000", "+03", ">I(1,0)03", "#I(1,0)9000", ">R(1,1)",
		"#I(1,0)9000", ">R(1,1)", "#I(1,0)9000", ">S(RESYNCH request)", "<R(0,1)",
		">S(RESYNCH request)", "#S(RESYNCH response)", ">S(RESYNCH request)",
		"<S(RESYNCH response)", "=lost", "+04", ">I(0,0)04");
}

static void after_three_attempts_nothing_but_a_reset_helps(void **state)
{
	PLAY(*state, "+01", ">I(0,0)01", "<I(0,0)9000", "=done 9000", "+02", ">I(1,0)02", "x",
		">R(1,2)", "x", ">R(1,2)", "x", ">S(RESYNCH request)", "x",
		">S(RESYNCH request)", "<I(1,0)9000", ">S(RESYNCH request)", "x", "=dead",
		"+03", "=dead", "~20", "=dead", "<I(1,0)9000", "=dead");
}

/* -- rule 7 beyond the annex -------------------------------------------------------------------- */

static void a_card_that_never_said_anything_is_dead_after_three_silences(void **state)
{
	PLAY(*state, "+01", ">I(0,0)01", "x", ">R(0,2)", "#I(0,0)9000", ">R(0,2)", "x",
		"=dead");
}

static void ifs_is_told_three_times(void **state)
{
	struct t1 *t = *state;

	PLAY(t, "~FE", ">S(IFS request)FE", "x", ">S(IFS request)FE", "<S(IFS response)20",
		">S(IFS request)FE", "<R(0,2)", ">S(RESYNCH request)", "<S(RESYNCH response)",
		"=lost");
	assert_int_equal(t->ifsd, 0xFE); /* it may have taken it */
	PLAY(t, "~20", ">S(IFS request)20", "<S(WTX request)20", ">S(IFS request)20",
		"<S(IFS response)20", "=done");
	assert_int_equal(t->ifsd, 0x20);
	PLAY(t, "~05", ">S(IFS request)05", "<S(IFS response)05", "=done", "+01", ">I(0,0)01",
		"x", ">R(0,2)", "x", ">R(0,2)", "x", ">S(RESYNCH request)",
		"<S(RESYNCH response)", "=lost");
	assert_int_equal(t->ifsd, 0x20); /* as after the reset, but for a card that keeps FE */
}

static void a_size_that_the_standard_does_not_have_is_the_default(void **state)
{
	struct t1 *t = *state;

	t1_init(t, 0, false);
	assert_int_equal(t->ifsc, 32);
	t1_init(t, 255, false);
	assert_int_equal(t->ifsc, 32);
	PLAY(t, "~00", ">S(IFS request)20", "<S(IFS response)20", "=done");
}

static void a_card_that_does_not_take_ifs_at_all_is_dead(void **state)
{
	PLAY(*state, "~FE", ">S(IFS request)FE", "x", ">S(IFS request)FE", "x",
		">S(IFS request)FE", "x", "=dead");
}

static void a_block_longer_than_we_take_is_none(void **state)
{
	struct t1 *t = *state;

	t->ifsd = 3;
	PLAY(t, "+01", ">I(0,0)01", "<I(0,0)01029000", ">R(0,2)", "<I(0,0)029000",
		"=done 029000");
}

static void a_block_with_the_wrong_number_is_asked_for_again(void **state)
{
	PLAY(*state, "+01", ">I(0,0)01", "<I(1,0)9000", ">R(0,2)", "<R(0,3)", ">R(0,2)",
		"<I(0,1)F1", ">R(1)", "<I(0,1)F1", ">R(1)", "<I(1,0)F2", "=done F1F2");
}

static void an_answer_in_the_middle_of_our_chain_is_none(void **state)
{
	PLAY(*state, "+010203", ">I(0,1)0102", "<I(0,0)6700", ">R(0,2)", "<R(1)", ">I(1,0)03",
		"<I(0,0)9000", "=done 9000");
}

static void r_blocks_that_answer_nothing_end_in_resynch(void **state)
{
	PLAY(*state, "+01", ">I(0,0)01", "<R(0)", ">I(0,0)01", "<R(0)", ">I(0,0)01", "<R(0)",
		">S(RESYNCH request)", "<S(RESYNCH response)", "=lost", "+01", ">I(0,0)01",
		"<I(0,1)F1", ">R(1)", "<R(0)", ">R(1)", "<R(1)", ">R(1)", "<R(1)", ">R(1)",
		"<R(1)", ">S(RESYNCH request)");
}

static void a_command_that_the_card_has_is_not_sent_again(void **state)
{
	PLAY(*state, "+01", ">I(0,0)01", "<S(WTX request)02", ">S(WTX response)02", "<R(0)",
		">R(0,2)", "<R(1)", ">R(0,2)", "<R(0)", ">R(0,2)", "<I(0,0)9000", "=done 9000",
		"+02", ">I(1,0)02", "<R(0)", ">R(1,2)", "<R(1)", ">R(1,2)", "<R(1)", ">R(1,2)",
		"<R(1)", ">S(RESYNCH request)", "<S(RESYNCH response)", "=lost");
}

static void a_block_that_is_sent_again_has_the_length_that_the_card_takes_now(void **state)
{
	struct t1 *t = *state;

	PLAY(t, "+0102", ">I(0,0)0102", "<S(IFS request)01", ">S(IFS response)01", "<R(0,2)",
		">I(0,1)01", "<R(1)", ">I(1,0)02", "<I(0,0)9000", "=done 9000", "+03",
		">I(0,0)03", "#R(0)", ">R(1,1)", "#R(0)", ">R(1,1)", "#R(0)",
		">S(RESYNCH request)", "<S(RESYNCH response)", "=lost");
	assert_int_equal(t->ifsc, 1);
	PLAY(t, "+03", ">I(0,0)03", "<S(IFS request)20", ">S(IFS response)20", "x", ">R(0,2)",
		"x", ">R(0,2)", "x", ">S(RESYNCH request)", "<S(RESYNCH response)", "=lost");
	assert_int_equal(t->ifsc, 2); /* as after the reset */
}

static void s_blocks_that_nobody_asked_for_are_none(void **state)
{
	PLAY(*state, "+01", ">I(0,0)01", "<S(RESYNCH response)", ">R(0,2)",
		"<S(RESYNCH request)", ">R(0,2)", "<S(IFS response)20", ">S(RESYNCH request)",
		"<S(ABORT response)", ">S(RESYNCH request)", "<S(WTX request)01",
		">S(RESYNCH request)", "<S(RESYNCH response)", "=lost", "+01", ">I(0,0)01",
		"<S(ABORT response)", ">R(0,2)", "<S(WTX response)01", ">R(0,2)", "<I(0,0)9000",
		"=done 9000", "~20", ">S(IFS request)20", "<S(ABORT response)",
		">S(IFS request)20", "<I(1,0)9000", ">S(IFS request)20", "<S(IFS response)20",
		"=done");
}

static void after_an_abort_only_the_right_to_send_is_awaited(void **state)
{
	PLAY(*state, "+01", ">I(0,0)01", "<I(0,1)F1", ">R(1)", "<S(ABORT request)",
		">S(ABORT response)", "<I(1,1)F1", ">R(1,2)", "<R(0)", ">R(1,2)",
		"<S(WTX request)03", ">S(WTX response)03", "<S(ABORT request)",
		">S(ABORT response)", "<I(1,0)6F00", "=aborted", "+02", ">I(1,0)02",
		"<I(0,0)9000", "=done 9000", "+010203", ">I(0,1)0102", "<S(ABORT request)",
		">S(ABORT response)", "<I(1,0)6F00", ">R(1,2)", "x", ">R(1,2)", "<R(0)",
		"=aborted", "+03", ">I(0,0)03");
}

/* -- no end of it ------------------------------------------------------------------------------- */

static void requests_without_end_are_bounded(void **state)
{
	for (unsigned i = 0; i < T1_WTX_MAX; i++) {
		if (i == 0) {
			PLAY(*state, "+01");
		}
		PLAY(*state, "<S(WTX request)01", ">S(WTX response)01");
	}
	PLAY(*state, "<S(IFS request)20", ">S(RESYNCH request)", "<S(RESYNCH response)",
		"=lost", "+01", ">I(0,0)01", "<S(WTX request)01", ">S(WTX response)01");
}

static void empty_blocks_without_end_are_bounded(void **state)
{
	PLAY(*state, "+01");
	for (unsigned i = 0; i < T1_WTX_MAX; i++) {
		PLAY(*state, i % 2 ? "<I(1,1)" : "<I(0,1)", i % 2 ? ">R(0)" : ">R(1)");
	}
	PLAY(*state, "<I(0,1)", ">S(RESYNCH request)");
}

static void what_comes_out_of_turn_makes_the_next_exchange_dead(void **state)
{
	PLAY(*state, "+01", ">I(0,0)01", "+02", "=dead", "<I(0,0)9000", "=dead");
	(void)over(state);
	t1_init(*state, 2, false);
	PLAY(*state, "+01", ">I(0,0)01", "<I(0,0)9000", "=done 9000", "<I(1,0)6A82", "=dead");
}

/* -- faults of ours ----------------------------------------------------------------------------- */

static void faults_are_told_and_nothing_goes_on_after_them(void **state)
{
	static const uint8_t much[T1_COMMAND_MAX + 1];
	_cleanup_(buf_done) struct buf out = BUF_NULL(T1_BLOCK_MAX), small = BUF_NULL(3);
	static const uint8_t answer[] = {0x00, 0x00, 0x02, 0x90, 0x00, 0x92};
	static const uint8_t more_time[] = {0x00, 0xC3, 0x01, 0x01, 0xC3};
	struct t1 *t = *state;

	assert_int_equal(t1_begin(t, VIEW(much), &out), -EMSGSIZE);
	PLAY(t, "+01", ">I(0,0)01"); /* nothing had been sent */
	assert_int_equal(t1_next(t, T1_BLOCK, VIEW(more_time), &small), -EMSGSIZE);
	t->answer.failed = -ENOMEM;
	assert_int_equal(t1_next(t, T1_BLOCK, VIEW(answer), &out), -ENOMEM);
	PLAY(t, "+01", "=dead");
	t1_done(t);
	t1_init(t, 2, false);
	t->last.max = 3;
	assert_int_equal(t1_begin(t, view_of(much, 1), &out), -EMSGSIZE);
}

static void nothing_of_a_command_stays_in_memory(void **state)
{
	struct t1 *t = *state;

	PLAY(t, "+0020000104313233345A", ">I(0,1)0020");
	t->ifsc = 254;
	PLAY(t, "<R(1)", ">I(1,0)000104313233345A");
	assert_memory_equal(t->command.data + 5, "1234", 4);
	assert_memory_equal(t->last.data + 6, "1234", 4);
	PLAY(t, "<I(0,0)9000", "=done 9000");
	for (size_t i = 0; t->command.data && i < 10; i++) {
		assert_int_equal(t->command.data[i], 0);
	}
	for (size_t i = 0; t->last.data && i < 10; i++) {
		assert_int_equal(t->last.data[i], 0);
	}
}

#define SCENARIO(f) cmocka_unit_test_setup_teardown(f, fresh, over)

int main(void)
{
	const struct CMUnitTest tests[] = {
		SCENARIO(scenario_1_information_goes_both_ways),
		SCENARIO(scenario_2_the_card_gets_more_time),
		SCENARIO(scenario_3_the_card_tells_its_ifs),
		SCENARIO(scenario_4_we_tell_ours),
		SCENARIO(scenario_5_our_command_is_a_chain),
		SCENARIO(scenario_6_the_answer_is_a_chain),
		SCENARIO(scenario_7_a_chain_may_end_with_an_empty_block),
		SCENARIO(scenario_8_the_card_asks_for_a_block_again),
		SCENARIO(scenario_9_we_ask_for_a_block_again),
		SCENARIO(scenario_10_the_request_to_repeat_is_lost),
		SCENARIO(scenario_11_ours_is_lost_after_the_answer),
		SCENARIO(scenario_12_both_are_lost_after_the_answer),
		SCENARIO(scenario_13_both_are_lost_and_ours_once_more),
		SCENARIO(scenarios_14_and_15_a_request_for_time_is_lost),
		SCENARIO(scenarios_16_and_17_a_request_of_the_cards_ifs_is_lost),
		SCENARIO(scenario_18_our_response_is_lost),
		SCENARIO(scenario_19_the_answer_after_a_response_is_lost),
		SCENARIO(scenario_20_and_our_r_block_as_well),
		SCENARIO(scenarios_21_and_22_an_acknowledgement_of_the_card_is_lost),
		SCENARIO(scenario_23_an_acknowledgement_of_ours_is_lost),
		SCENARIO(scenario_24_and_what_the_card_says_to_that),
		SCENARIO(scenario_26_the_card_ends_its_own_chain),
		SCENARIO(scenario_27_the_card_ends_our_chain),
		SCENARIO(we_end_a_chain_that_is_longer_than_an_answer),
		SCENARIO(an_answer_that_ends_one_byte_too_long_is_lost),
		SCENARIO(scenarios_29_to_32_resynch_is_tried_until_it_is_answered),
		SCENARIO(after_three_attempts_nothing_but_a_reset_helps),
		SCENARIO(a_card_that_never_said_anything_is_dead_after_three_silences),
		SCENARIO(ifs_is_told_three_times),
		SCENARIO(a_size_that_the_standard_does_not_have_is_the_default),
		SCENARIO(a_card_that_does_not_take_ifs_at_all_is_dead),
		SCENARIO(a_block_longer_than_we_take_is_none),
		SCENARIO(a_block_with_the_wrong_number_is_asked_for_again),
		SCENARIO(an_answer_in_the_middle_of_our_chain_is_none),
		SCENARIO(r_blocks_that_answer_nothing_end_in_resynch),
		SCENARIO(a_command_that_the_card_has_is_not_sent_again),
		SCENARIO(a_block_that_is_sent_again_has_the_length_that_the_card_takes_now),
		SCENARIO(s_blocks_that_nobody_asked_for_are_none),
		SCENARIO(after_an_abort_only_the_right_to_send_is_awaited),
		SCENARIO(requests_without_end_are_bounded),
		SCENARIO(empty_blocks_without_end_are_bounded),
		SCENARIO(what_comes_out_of_turn_makes_the_next_exchange_dead),
		SCENARIO(faults_are_told_and_nothing_goes_on_after_them),
		SCENARIO(nothing_of_a_command_stays_in_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
