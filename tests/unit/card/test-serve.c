/* SPDX-License-Identifier: EUPL-1.2 */
/* What holds for every card: recognition, outcomes of the transport, the rules of the requests. */
/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "tests/unit/card/dialogue.h"

static void cards_nobody_claims_are_named_and_sent_nothing(void **state)
{
	static const struct {
		const char *dialogue;
		uint8_t outcome;
		const char *answer; /* KIND, GENERATION, ... */
	} table[] = {
		{"vitale-1", CARD_UNSUPPORTED,
			"C60B756E737570706F72746564C708766974616C652D31C3093F6525002C09F99000C8"
			"08766974616C652D31"},
		{"cps-contactless", CARD_UNSUPPORTED,
			"C60B756E737570706F72746564C70463707333C314"},
		{"unknown-card", CARD_UNKNOWN,
			"C607756E6B6E6F776EC3053B80800101C80C756E6B6E6F776E"},
		{"not-an-atr", CARD_UNKNOWN, "C607756E6B6E6F776EC3033B7513"},
		{"vitale-impostor", CARD_UNKNOWN, "C607756E6B6E6F776EC30A"},
		{"vitale-refuses", CARD_UNKNOWN, "C607756E6B6E6F776EC30A"},
		{"vitale-nonsense", CARD_BROKEN, "DF2304"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(table); i++) {
		play(&(struct scene){table[i].dialogue, 1,
			{
				{.op = CARD_OP_OPEN,
					.outcome = table[i].outcome,
					.request = OPEN_EXCLUSIVE,
					.answer = table[i].answer},
				{.op = CARD_OP_READ_PUBLIC, .outcome = CARD_FAILED},
				{.op = CARD_OP_CLOSE},
			}});
	}
}

static void every_end_of_connecting_has_its_name(void **state)
{
	static const struct {
		const char *dialogue;
		uint8_t outcome;
	} table[] = {
		{"open-gone", CARD_GONE},
		{"open-mute", CARD_MUTE},
		{"open-busy", CARD_BUSY},
		{"open-no-service", CARD_NO_SERVICE},
		{"open-no-reader", CARD_NO_READER},
		{"open-broken", CARD_BROKEN},
		{"open-fault", CARD_FAILED},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(table); i++) {
		play(&(struct scene){table[i].dialogue, 0,
			{
				{.op = CARD_OP_OPEN,
					.outcome = table[i].outcome,
					.request = OPEN_EXCLUSIVE,
					.answer = "DF2304"},
				{.op = CARD_OP_CLOSE},
			}});
	}
}

static void endless_and_overlong_answers_are_broken(void **state)
{
	static const struct {
		const char *dialogue;
		uint8_t op;
		uint8_t outcome;
	} table[] = {
		{"card-61-for-ever", CARD_OP_READ_PEOPLE, CARD_BROKEN},
		{"card-6c-for-ever", CARD_OP_READ_PEOPLE, CARD_BROKEN},
		{"card-overlong", CARD_OP_READ_PUBLIC, CARD_BROKEN},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(table); i++) {
		play(&(struct scene){table[i].dialogue, 1,
			{
				{.op = CARD_OP_OPEN, .request = OPEN_EXCLUSIVE},
				{.op = table[i].op, .outcome = table[i].outcome},
				{.op = CARD_OP_CLOSE},
			}});
	}
}

static void a_card_torn_out_stays_gone(void **state)
{
	static const struct scene torn = {"card-torn-out", 1,
		{
			{.op = CARD_OP_OPEN, .request = OPEN_EXCLUSIVE},
			{.op = CARD_OP_READ_PUBLIC, .outcome = CARD_GONE},
			{.op = CARD_OP_READ_PEOPLE, .outcome = CARD_GONE},
			{.op = CARD_OP_PRESENT, .outcome = CARD_GONE},
			{.op = CARD_OP_CLOSE},
		}};
	static const struct scene silent = {"card-falls-silent", 1,
		{
			{.op = CARD_OP_OPEN, .request = OPEN_EXCLUSIVE},
			{.op = CARD_OP_READ_PUBLIC, .outcome = CARD_MUTE},
			{.op = CARD_OP_PRESENT},
			{.op = CARD_OP_CLOSE},
		}};
	static const struct scene replaced = {"card-replaced", 1,
		{
			{.op = CARD_OP_OPEN, .request = OPEN_EXCLUSIVE},
			{.op = CARD_OP_PRESENT},
			{.op = CARD_OP_PRESENT, .outcome = CARD_GONE},
			{.op = CARD_OP_CLOSE},
		}};

	(void)state;
	play(&torn);
	play(&silent);
	play(&replaced);
}

static void what_a_card_does_not_take_is_refused(void **state)
{
	static const struct {
		const char *dialogue;
		int closed;
		struct step steps[4];
	} table[] = {
		{"role-certificate-refused", 1,
			{{.op = CARD_OP_CHECK_CERTIFICATE,
				.outcome = CARD_REFUSED,
				.request = CAR_NAME CVC_OBJECT}}},
		{"role-certificate-malformed", 1,
			{{.op = CARD_OP_CHECK_CERTIFICATE,
				.outcome = CARD_REFUSED,
				.request = CAR_NAME CVC_OBJECT}}},
		{"role-name-unknown", 1,
			{{.op = CARD_OP_CHALLENGE,
				.outcome = CARD_REFUSED,
				.request = CHR_NAME}}},
		{"role-signature-false", 2,
			{{.op = CARD_OP_CHALLENGE, .request = CHR_NAME},
				{.op = CARD_OP_EXTERNAL_AUTHENTICATE,
					.outcome = CARD_REFUSED,
					.request = SIGNATURE},
				{.op = CARD_OP_EXTERNAL_AUTHENTICATE,
					.outcome = CARD_REFUSED,
					.request = SIGNATURE}}},
		{"role-key-locked", 1,
			{{.op = CARD_OP_INTERNAL_AUTHENTICATE,
				.outcome = CARD_DENIED,
				.request = DATA_24}}},
		{"role-challenge-short", 1,
			{{.op = CARD_OP_CHALLENGE,
				.outcome = CARD_BROKEN,
				.request = CHR_NAME}}},
		{"role-signature-long", 1,
			{{.op = CARD_OP_INTERNAL_AUTHENTICATE,
				.outcome = CARD_BROKEN,
				.request = DATA_24}}},
		{"role-folder-gone", 1,
			{{.op = CARD_OP_CHECK_CERTIFICATE,
				 .outcome = CARD_ABSENT,
				 .request = CAR_NAME CVC_OBJECT},
				{.op = CARD_OP_CHALLENGE,
					.outcome = CARD_ABSENT,
					.request = CHR_NAME},
				{.op = CARD_OP_INTERNAL_AUTHENTICATE,
					.outcome = CARD_ABSENT,
					.request = DATA_24}}},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(table); i++) {
		play(&(struct scene){table[i].dialogue, table[i].closed,
			{
				{.op = CARD_OP_OPEN, .request = OPEN_EXCLUSIVE},
				table[i].steps[0],
				table[i].steps[1].op ? table[i].steps[1]
						     : (struct step){.op = CARD_OP_CLOSE},
				table[i].steps[2],
			}});
	}
}

/* Nothing of this reaches the card: its dialogue has only the SELECT of OPEN. */
static void requests_of_the_wrong_shape_are_not_passed_on(void **state)
{
	static const struct scene scene = {"cps3-refused-pins", 1,
		{
			{.op = CARD_OP_READ_PUBLIC, .outcome = CARD_FAILED}, /* not open yet */
			{.op = CARD_OP_OPEN, .outcome = CARD_FAILED},	     /* no reader */
			{.op = CARD_OP_OPEN,
				.outcome = CARD_FAILED,
				.request = "C00141C5020101"},
			{.op = CARD_OP_OPEN, .request = "C00141"}, /* exclusive unless said */
			{.op = CARD_OP_OPEN, .outcome = CARD_FAILED, .request = OPEN_EXCLUSIVE},
			{.op = CARD_OP_CHECK_CERTIFICATE,
				.outcome = CARD_REFUSED,
				.request = CAR_NAME},
			{.op = CARD_OP_CHECK_CERTIFICATE,
				.outcome = CARD_REFUSED,
				.request = CVC_OBJECT},
			{.op = CARD_OP_CHECK_CERTIFICATE,
				.outcome = CARD_REFUSED,
				.request = CAR_NAME "CB057F21010000"},
			{.op = CARD_OP_CHECK_CERTIFICATE,
				.outcome = CARD_REFUSED,
				.request = CAR_NAME "CB03800100"},
			{.op = CARD_OP_CHALLENGE, .outcome = CARD_REFUSED, .request = "DE0141"},
			{.op = CARD_OP_INTERNAL_AUTHENTICATE,
				.outcome = CARD_REFUSED,
				.request = "DF210100"},
			{.op = CARD_OP_EXTERNAL_AUTHENTICATE,
				.outcome = CARD_REFUSED,
				.request = "DF220100"},
			{.op = CARD_OP_CLOSE + 1, .outcome = CARD_ABSENT},
			{.op = CARD_OP_PIN_STATE - 4 + 100,
				.outcome = CARD_ABSENT,
				.pin = "left"},
			{.op = CARD_OP_CLOSE},
		}};

	(void)state;
	play(&scene);
}

static void a_hang_up_closes_the_card(void **state)
{
	static const struct scene scene = {"cps3-wrong-pin", 2,
		{
			{.op = CARD_OP_OPEN, .request = OPEN_EXCLUSIVE},
			{.op = CARD_OP_VERIFY, .outcome = CARD_PIN_WRONG, .pin = "9999"},
			{.op = CARD_OP_VERIFY, .pin = "1234"},
		}};

	(void)state;
	play(&scene); /* no CLOSE: with the PIN verified, the hang-up resets the card */
}

static void what_is_no_request_ends_the_process(void **state)
{
	static const uint8_t frames[][10] = {
		{'V', 'D', 9, 1, 0, 0, 0, 0, 0, 1},		  /* no kind */
		{'V', 'D', LINK_KIND_EVENT, 1, 0, 0, 0, 0, 0, 0}, /* no request */
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(frames); i++) {
		struct transport *t = load_dialogue("unknown-card");
		struct serve s;
		int fds[2];

		assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds), 0);
		assert_int_equal(send(fds[0], frames[i], sizeof(frames[i]), 0), 10);
		assert_int_equal(serve_init(&s, fds[1], t), 0);
		assert_int_equal(serve_run(&s), SERVE_MALFORMED);
		serve_done(&s);
		close(fds[0]);
		close(fds[1]);
		assert_true(serve_init(&s, fds[1], t) == 0);
		assert_true(serve_run(&s) < 0); /* a closed descriptor is a fault */
		serve_done(&s);
		transport_free(t);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(cards_nobody_claims_are_named_and_sent_nothing),
		cmocka_unit_test(every_end_of_connecting_has_its_name),
		cmocka_unit_test(endless_and_overlong_answers_are_broken),
		cmocka_unit_test(a_card_torn_out_stays_gone),
		cmocka_unit_test(what_a_card_does_not_take_is_refused),
		cmocka_unit_test(requests_of_the_wrong_shape_are_not_passed_on),
		cmocka_unit_test(a_hang_up_closes_the_card),
		cmocka_unit_test(what_is_no_request_ends_the_process),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
