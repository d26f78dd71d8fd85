/* SPDX-License-Identifier: EUPL-1.2 */
/* Other programs and other cards at the same reader, time, and the ends of a process. */
/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "drivers/reader/script.h"
#include "tests/unit/card/act.h"

/* -- other programs, other cards -------------------------------------------------------------------- */

static void a_card_that_left_is_seen_before_anything_is_sent(void **state)
{
	static const struct {
		const char *text;
		uint8_t outcome;
		uint8_t later;
	} table[] = {
		{OPENED "status gone", CARD_GONE, CARD_GONE},
		{OPENED "status no-service\nstatus no-service", CARD_NO_SERVICE,
			CARD_NO_SERVICE},
		{OPENED "status fault\n> 00CA000101\n< 07 9000", CARD_FAILED, CARD_DONE},
		{OPENED "> 00CA000101\n! gone", CARD_GONE, CARD_GONE},
		/* silence once is no absence */
		{OPENED "> 00CA000101\n! mute\n> 00CA000101\n< 07 9000", CARD_MUTE, CARD_DONE},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(table); i++) {
		struct act scene = {.text = table[i].text,
			.closed = 1,
			.steps = {OPEN_FIRST,
				{.op = CARD_OP_IDENTIFY, .outcome = table[i].outcome},
				{.op = CARD_OP_IDENTIFY, .outcome = table[i].later},
				{.op = CARD_OP_CLOSE}}};

		perform(&scene);
	}
}

static void after_a_reset_the_application_is_selected_again(void **state)
{
	static const struct act scene = {.text = OPENED
					 "reset\n" AGAIN
					 "> 00CA000101\n< 07 9000\n> 00CA000101\n< 07 9000\n",
		.closed = 1,
		.steps = {OPEN_FIRST, {.op = CARD_OP_RESET}, {.op = CARD_OP_IDENTIFY},
			{.op = CARD_OP_IDENTIFY}, {.op = CARD_OP_CLOSE}}};
	static const struct act other_atr = {.text = OPENED "reset\natr 3B03\n",
		.closed = 1,
		.steps = {OPEN_FIRST, {.op = CARD_OP_RESET, .outcome = CARD_GONE},
			{.op = CARD_OP_IDENTIFY, .outcome = CARD_GONE}}};
	static const struct act other_kind = {.text = OPENED "reset\n> 00A4000001BB\n< 6A82\n",
		.closed = 1,
		.steps = {OPEN_FIRST, {.op = CARD_OP_RESET},
			{.op = CARD_OP_IDENTIFY, .outcome = CARD_GONE}}};
	static const struct act gone = {.text = OPENED "gone-on-reset\n",
		.closed = 1,
		.steps = {OPEN_FIRST, {.op = CARD_OP_RESET, .outcome = CARD_GONE}}};
	/* a kind without a way back is probed anew */
	static const struct act bare = {
		.text = OPENED "reset\n> 00A4000001AA\n< 9000\n" SERIAL_IS("1111"),
		.closed = 1,
		.steps = {OPEN_FIRST, {.op = CARD_OP_RESET}, {.op = CARD_OP_PRESENT}}};

	(void)state;
	perform(&scene);
	perform(&other_atr);
	perform(&other_kind);
	perform(&gone);
	fake_kind = FAKE_BARE;
	perform(&bare);
}

static void on_a_shared_connection_every_request_selects_anew(void **state)
{
	static const struct act scene = {.text = OPENED AGAIN
					 "> 00CA000101\n< 07 9000\n" AGAIN
					 "> 00CA000101\n< 07 9000\nlock busy\nlock gone\n",
		.closed = 1,
		.steps = {SHARE_FIRST, {.op = CARD_OP_IDENTIFY}, {.op = CARD_OP_IDENTIFY},
			{.op = CARD_OP_IDENTIFY, .outcome = CARD_BUSY},
			{.op = CARD_OP_IDENTIFY, .outcome = CARD_GONE}}};

	(void)state;
	perform(&scene);
}

/* lock touched: another program has reset the card. */
static void a_card_that_another_program_reset_shows_its_number(void **state)
{
	static const struct act same = {
		.text = OPENED AGAIN SERIAL_IS("1111") "lock touched\n" AGAIN SERIAL_IS(
			"1111") "> 00CA000101\n< 07 9000\n",
		.closed = 1,
		.steps = {SHARE_FIRST, {.op = CARD_OP_PRESENT}, {.op = CARD_OP_IDENTIFY}}};
	static const struct act other = {
		.text = OPENED AGAIN SERIAL_IS("1111") "lock touched\n" AGAIN SERIAL_IS("2222"),
		.closed = 1,
		.steps = {SHARE_FIRST, {.op = CARD_OP_PRESENT},
			{.op = CARD_OP_IDENTIFY, .outcome = CARD_GONE},
			{.op = CARD_OP_IDENTIFY, .outcome = CARD_GONE}}};
	/* its number is not known yet: nothing to compare */
	static const struct act unknown = {
		.text = OPENED "lock touched\n" AGAIN "> 00CA000101\n< 07 9000\n",
		.closed = 1,
		.steps = {SHARE_FIRST, {.op = CARD_OP_IDENTIFY}}};
	static const struct act while_opening = {
		.text = CARD "lock touched\n> 00A4000001AA\n< 9000\n",
		.closed = 1,
		.steps = {SHARE_FIRST}};
	static const struct act other_kind = {
		.text = OPENED "lock touched\n> 00A4000001BB\n< 6A82\n",
		.closed = 1,
		.steps = {SHARE_FIRST, {.op = CARD_OP_IDENTIFY, .outcome = CARD_GONE}}};

	(void)state;
	perform(&same);
	perform(&other);
	perform(&unknown);
	perform(&while_opening);
	perform(&other_kind);
}

static void a_right_and_its_signature_share_a_transaction_that_a_reset_ends(void **state)
{
	static const struct act scene = {
		.text = OPENED AGAIN "> 0020000104 31323334\n< 9000\n> 002A9E9A01FF\n< 6102\n"
				     "> 00C0000002\n< 0E0F 9000\nreset\n" AGAIN
				     "> 002A9E9A01FF\n< 6982\n",
		.closed = 1,
		.steps = {SHARE_FIRST, {.op = CARD_OP_VERIFY, .pin = "1234"},
			A_REQUEST(CARD_OP_SIGN, CARD_DONE, "DF2101FF"),
			A_REQUEST(CARD_OP_SIGN, CARD_DENIED, "DF2101FF")}};
	static const struct act gone = {
		.text = OPENED AGAIN "> 0020000104 31323334\n< 9000\n> 002A9E9A01FF\n< 6102\n"
				     "> 00C0000002\n< 0E0F 9000\ngone-on-reset\n",
		.closed = 1,
		.steps = {SHARE_FIRST, {.op = CARD_OP_VERIFY, .pin = "1234"},
			A_REQUEST(CARD_OP_SIGN, CARD_GONE, "DF2101FF")}};

	(void)state;
	perform(&scene);
	perform(&gone);
}

/* The broker asks nothing for five seconds: other programs shall not wait longer than that. */
static void a_right_that_nobody_uses_is_given_back(void **state)
{
	static const struct act given = {.text = OPENED AGAIN
					 "> 0020000104 31323334\n< 9000\nreset\n" AGAIN
					 "> 002A9E9A01FF\n< 6982\n",
		.closed = 1,
		.steps = {SHARE_FIRST, {.op = CARD_OP_VERIFY, .pin = "1234"},
			A_REQUEST(CARD_OP_SIGN, CARD_DENIED, "DF2101FF")}};
	static const struct act gone = {
		.text = OPENED AGAIN "> 0020000104 31323334\n< 9000\ngone-on-reset\n",
		.closed = 1,
		.steps = {SHARE_FIRST, {.op = CARD_OP_VERIFY, .pin = "1234"},
			A_REQUEST(CARD_OP_SIGN, CARD_GONE, "DF2101FF")}};
	/* exclusively, nobody else waits: it is kept, and nothing wakes the process */
	static const struct act exclusive = {
		.text = OPENED "> 0020000104 31323334\n< 9000\n> 002A9E9A01FF\n< 6982\n",
		.closed = 2,
		.steps = {OPEN_FIRST, {.op = CARD_OP_VERIFY, .pin = "1234"},
			A_REQUEST(CARD_OP_SIGN, CARD_DENIED, "DF2101FF")}};

	(void)state;
	quiet = 1;
	perform(&given);
	assert_int_equal(quiet, 0);
	assert_in_range(
		quiet_ms, SERVE_KEPT_USEC / USEC_PER_MS - 500, SERVE_KEPT_USEC / USEC_PER_MS);
	quiet = 1;
	perform(&gone);
	assert_int_equal(quiet, 0);
	quiet = 1;
	perform(&exclusive);
	assert_int_equal(quiet, 1);
}

/* -- time ------------------------------------------------------------------------------------------- */

static void a_long_request_gives_signs_of_life(void **state)
{
	static const struct act scene = {.text = OPENED
					 "> 00CA0004 02 0305\n< 6101\n> 00C0000001\n< 04 9000\n"
					 "> 00CA000101\n< 07 9000\n",
		.closed = 1,
		.events = "...+.",
		.steps = {OPEN_FIRST, {.op = CARD_OP_READ_ACTIVITIES, .request = "DF2D020305"},
			{.op = CARD_OP_IDENTIFY}, {.op = CARD_OP_CLOSE}}};
	struct act slow = scene;

	(void)state;
	slow.events = "....";
	perform(&slow);
	clock_step = 300000; /* three or four looks at the clock for every command */
	slow.events = NULL;
	perform(&slow);
	clock_step = 1000000;
	slow.events = "+.++.+..";
	perform(&slow);
}

/* Behind the deadline of the request nothing is sent any more. */
static void a_request_ends_at_its_deadline(void **state)
{
	static const struct act scene = {.text = CARD,
		.closed = 1,
		.steps = {{.op = CARD_OP_OPEN, .outcome = CARD_MUTE, .request = OPEN_EXCLUSIVE},
			{.op = CARD_OP_CLOSE}}};

	(void)state;
	clock_step = SERVE_REQUEST_USEC / 2 + 1;
	perform(&scene);
}

/* -- the ends --------------------------------------------------------------------------------------- */

static void a_hang_up_closes_the_card(void **state)
{
	static const struct act scene = {.text = OPENED "> 0020000104 31323334\n< 9000\n",
		.closed = 2,
		.steps = {OPEN_FIRST, {.op = CARD_OP_VERIFY, .pin = "1234"}}};

	(void)state;
	perform(&scene); /* no CLOSE: with the PIN verified, the hang-up resets the card */
}

static void what_is_no_request_ends_the_process(void **state)
{
	static const uint8_t frames[][10] = {
		{'V', 'D', 9, 1, 0, 0, 0, 0, 0, 1},		  /* no kind */
		{'V', 'D', LINK_KIND_EVENT, 1, 0, 0, 0, 0, 0, 0}, /* no request */
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(frames); i++) {
		struct transport *t = NULL;
		struct serve s;
		int fds[2];

		assert_int_equal(script_new(VIEW_NULL, &t), 0);
		assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds), 0);
		assert_int_equal(send(fds[0], frames[i], sizeof(frames[i]), 0), 10);
		assert_int_equal(serve_init(&s, fds[1], READER_DRIVER_PCSC, t), 0);
		assert_int_equal(serve_run(&s), SERVE_MALFORMED);
		serve_done(&s);
		close(fds[0]);
		close(fds[1]);
		assert_true(serve_init(&s, fds[1], READER_DRIVER_PCSC, t) == 0);
		assert_true(serve_run(&s) < 0); /* a closed descriptor is a fault */
		serve_done(&s);
		transport_free(t);
	}
}

#define TEST(name) cmocka_unit_test_setup(name, act_setup)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_card_that_left_is_seen_before_anything_is_sent),
		TEST(after_a_reset_the_application_is_selected_again),
		TEST(on_a_shared_connection_every_request_selects_anew),
		TEST(a_card_that_another_program_reset_shows_its_number),
		TEST(a_right_and_its_signature_share_a_transaction_that_a_reset_ends),
		TEST(a_right_that_nobody_uses_is_given_back),
		TEST(a_long_request_gives_signs_of_life),
		TEST(a_request_ends_at_its_deadline),
		TEST(a_hang_up_closes_the_card),
		TEST(what_is_no_request_ends_the_process),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
