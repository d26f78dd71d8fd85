/* SPDX-License-Identifier: EUPL-1.2 */
/* drivers/sim/cps4.c: an applet on channel 1, its own references and its raw RSA. */
#include <string.h>

#include "tests/unit/sim/scene.h"

#define SELECT                                                                                 \
	"01A4040008"                                                                           \
	"8025000001FF0100"
#define VERIFY                                                                                 \
	"0120000104"                                                                           \
	"31323334"
#define ABC "BA7816BF8F01CFEA414140DE5DAE2223B00361A396177A9CB410FF61F20015AD"

static struct scene scene;

static int make(void **state)
{
	static const char *const names[] = {"cps4-gp", NULL};

	(void)state;
	scene_make(&scene, names);
	return 0;
}

static int unmake(void **state)
{
	(void)state;
	scene_done(&scene);
	return 0;
}

struct row {
	const char *command;
	uint16_t sw;
};

static void run(unsigned protocol, const struct row *rows, size_t n)
{
	struct play p;

	play_start(&p, &scene, "cps4-gp", protocol);
	for (size_t i = 0; i < n; i++)
		if (play_send(&p, rows[i].command) != rows[i].sw)
			fail_msg("%s: %04X", rows[i].command, p.sw);
	play_done(&p);
}

static void nothing_goes_before_the_applet_is_selected(void **state)
{
	static const struct row rows[] = {
		{"0120000100", 0x6985},
		{"01B09C000C", 0x6985},
		{"01A4000C023F00", 0x6985},
		{"01A4040C08"
		 "8025000001FF0002",
			0x6A82}, /* the other applet is not simulated */
		{"02A4040C08"
		 "8025000001FF0100",
			0x6881},
		{"01A4040C08"
		 "8025000001FF0100",
			0x9000},
		{"01B09C000C", 0x9000},
		{"01CB3FFF0A"
		 "4D087006BF810102A080",
			0x6D00},
		{"0120000100", 0x63C3},
	};

	(void)state;
	run(0, rows, ARRAY_LEN(rows));
}

static void pin_state_is_asked_by_an_empty_verify(void **state)
{
	static const struct row rows[] = {
		{SELECT, 0x9000},
		{"01200001", 0x63C3},
		{"0120000104"
		 "39393939",
			0x63C2},
		{"01200001", 0x63C2},
		{VERIFY, 0x9000},
		{"01200001", 0x9000},
		{SELECT, 0x9000}, /* selecting the applet anew drops the code */
		{"01200001", 0x63C3},
		{"01200002", 0x63CA},
		{"01200003", 0x6A88},
		{"01200101", 0x6A86},
		{"0120000103"
		 "313233",
			0x6700},
		{"01200001", 0x63C3},
	};

	(void)state;
	run(1, rows, ARRAY_LEN(rows));
}

static void assert_signed(const struct play *p, EVP_PKEY *key, struct view text)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();

	assert_int_equal(p->answer.len, 256);
	assert_int_equal(EVP_DigestVerifyInit(ctx, NULL, EVP_sha256(), NULL, key), 1);
	assert_int_equal(
		EVP_DigestVerify(ctx, p->answer.data, p->answer.len, text.data, text.len), 1);
	EVP_MD_CTX_free(ctx);
}

static void a_hash_is_signed(void **state)
{
	struct play p;

	(void)state;
	play_start(&p, &scene, "cps4-gp", 1);
	assert_int_equal(play_send(&p, SELECT), 0x9000);
	assert_int_equal(play_send(&p, "012A9E9A20" ABC "00"), 0x6985); /* no key named */
	assert_int_equal(play_send(&p, "012281B60491020A81"), 0x6A80);	/* SHA-1 */
	assert_int_equal(play_send(&p, "012281B60491022882"), 0x6A88);
	assert_int_equal(play_send(&p, "012281B60491022881"), 0x9000);
	assert_int_equal(play_send(&p, "012A9E9A20" ABC "00"), 0x6982);
	assert_int_equal(play_send(&p, VERIFY), 0x9000);
	assert_int_equal(play_send(&p, "012A9E9A20" ABC "00"), 0x9000);
	assert_signed(&p, p.card->state->signature_key, VIEW_TEXT("abc"));
	assert_int_equal(play_send(&p, "012A9E9A02AABB00"), 0x6700);
	assert_int_equal(play_send(&p, "012A90A0"
				       "079000"
				       "8003616263"),
		0x6A86); /* CPS3's way */
	assert_int_equal(play_send(&p, "012241B606840181800142"), 0x6A86);
	assert_int_equal(play_send(&p, "012241AA03800140"), 0x6A86);
	play_done(&p);
}

static void client_authentication_is_a_raw_decipherment(void **state)
{
	_cleanup_(buf_done) struct buf block = BUF_NULL(256), first = BUF_NULL(512),
				       last = BUF_NULL(512);
	static const uint8_t info[] = {0x30, 0x31, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48,
		0x01, 0x65, 0x03, 0x04, 0x02, 0x01, 0x05, 0x00, 0x04, 0x20};
	uint8_t hash[32];
	struct play p;

	(void)state;
	assert_int_equal(EVP_Digest("abc", 3, hash, NULL, EVP_sha256(), NULL), 1);
	buf_put_u16(&block, 0x0001);
	while (block.len < 256 - 1 - sizeof(info) - sizeof(hash))
		buf_put_u8(&block, 0xFF);
	buf_put_u8(&block, 0);
	buf_put(&block, info, sizeof(info));
	buf_put(&block, hash, sizeof(hash));
	play_start(&p, &scene, "cps4-gp", 1);
	assert_int_equal(play_send(&p, SELECT), 0x9000);
	assert_int_equal(play_send(&p, VERIFY), 0x9000);
	assert_int_equal(play_send(&p, "012241B803830121"), 0x6A88);
	assert_int_equal(play_send(&p, "012241B803830120"), 0x9000);
	buf_put(&first, "\x11\x2A\x80\x86\xF0", 5);
	buf_put_view(&first, view_sub(buf_view(&block), 0, 240));
	buf_put(&last, "\x01\x2A\x80\x86\x10", 5);
	buf_put_view(&last, view_sub(buf_view(&block), 240, 16));
	buf_put_u8(&last, 0);
	assert_int_equal(play_send_view(&p, buf_view(&first)), 0x9000);
	assert_int_equal(play_send_view(&p, buf_view(&last)), 0x9000);
	assert_signed(&p, p.card->state->authentication_key, VIEW_TEXT("abc"));
	assert_int_equal(
		play_send(&p, "012241A406840120800102"), 0x6A88); /* no INTERNAL AUTH. */
	play_done(&p);
}

static void files_lie_as_on_a_cps3(void **state)
{
	struct cvc c;
	struct play p;

	(void)state;
	play_start(&p, &scene, "cps4-gp", 1);
	assert_int_equal(play_send(&p, SELECT), 0x9000);
	assert_int_equal(play_send(&p, "01A4090C02D003"), 0x9000);
	assert_int_equal(play_send(&p, "01B0000000"), 0x9000);
	assert_answer_hex(&p, "5A0A8025000001990002021F");
	assert_int_equal(play_send(&p, "01A4090C02D010"), 0x6A82); /* issued, never changed */
	assert_int_equal(play_send(&p, "01A4090C043F000001"), 0x9000);
	assert_int_equal(play_send(&p, "01A4020C02B003"), 0x9000);
	assert_int_equal(play_send(&p, "01B0000000"), 0x9000);
	assert_int_equal(cvc_parse_whole(buf_view(&p.answer), &c), 0);
	assert_true(view_equal(c.chr, VIEW_TEXT("FRP9000202100001")));
	assert_int_equal(c.role, 10);
	assert_int_equal(play_send(&p, "01A4020C02D104"), 0x9000);
	assert_int_equal(play_send(&p, "01B0000000"), 0x9000);
	assert_answer_hex(&p, "EF0F80010A8101808201008704534D3534");
	assert_int_equal(play_send(&p, "01A4020C02D120"), 0x9000);
	assert_int_equal(play_send(&p, "01B0000000"), 0x6982);
	assert_int_equal(play_send(&p, VERIFY), 0x9000);
	assert_int_equal(play_send(&p, "01B0000000"), 0x9000);
	assert_int_equal(play_send(&p, "01A4020C02D121"), 0x6A82); /* the gap */
	assert_int_equal(play_send(&p, "01A4020C02D122"), 0x9000);
	play_done(&p);
}

/* EF_ACTUA: absent at issue; whole, or with a start alone as broken cards have it. */
static void the_life_of_a_card_can_be_changed_after_issue(void **state)
{
	static const struct {
		const char *from, *to, *content;
	} rows[] = {
		{"20250101000000", "20271231235959",
			"EC1281072025010100000082072027123123"
			"5959"},
		{"20250101000000", "", "EC09810720250101000000"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct state *s = NULL;
		struct play p;

		play_start(&p, &scene, "cps4-gp", 1);
		card_free(p.card);
		assert_int_equal(state_load(scene.dir, "cps4-gp", &s), 0);
		snprintf(s->profile->actua_from, 15, "%s", rows[i].from);
		snprintf(s->profile->actua_to, 15, "%s", rows[i].to);
		assert_int_equal(card_new(s, &p.card), 0);
		assert_int_equal(play_send(&p, SELECT), 0x9000);
		assert_int_equal(play_send(&p, "01A4090C02D010"), 0x9000);
		assert_int_equal(play_send(&p, "01B0000000"), 0x9000);
		assert_answer_hex(&p, rows[i].content);
		play_done(&p);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_goes_before_the_applet_is_selected),
		cmocka_unit_test(pin_state_is_asked_by_an_empty_verify),
		cmocka_unit_test(a_hash_is_signed),
		cmocka_unit_test(client_authentication_is_a_raw_decipherment),
		cmocka_unit_test(files_lie_as_on_a_cps3),
		cmocka_unit_test(the_life_of_a_card_can_be_changed_after_issue),
	};

	return cmocka_run_group_tests(tests, make, unmake);
}
