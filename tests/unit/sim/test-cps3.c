/* SPDX-License-Identifier: EUPL-1.2 */
/* drivers/sim/cps3.c: what IAS-ECC software asks of a CPS3, and its two keys. */
#include <openssl/sha.h>
#include <string.h>

#include "tests/unit/sim/scene.h"

#define APPLICATION "00A404040DE828BD080F8025000001FF0010"
#define ROOT	    "00A40404088025000001FF0100"
#define VERIFY                                                                                 \
	"0020000104"                                                                           \
	"31323334"

static struct scene scene;

static int make(void **state)
{
	static const char *const names[] = {"cps3-gp", NULL};

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

static void ef_atr_and_its_control_are_those_of_real_cards(void **state)
{
	struct play p;

	(void)state;
	play_start(&p, &scene, "cps3-gp", 0);
	assert_int_equal(play_send(&p, "00A40904043F002F01"), 0x6127);
	assert_int_equal(play_send(&p, "00C0000027"), 0x9000);
	assert_answer_hex(&p, "622580020039820101"
			      "83022F018801E8A1128C077B45FFFFFF45009C077BFFFFFFFFFF008A0105");
	assert_int_equal(play_send(&p, "00B0000039"), 0x9000);
	assert_answer_hex(&p,
		"804301B8460404B0ECC147039401804F088025000001FF0100E01002020104020201040202"
		"010002020100780806062B8122F8780282029000");
	play_done(&p);
}

static void selection_follows_the_real_card(void **state)
{
	static const struct {
		const char *command;
		uint16_t sw;
	} rows[] = {
		{ROOT, 0x9000}, /* the root says nothing of itself */
		{"00A40400088025000001FF0100", 0x9000},
		{"00B09C00C0", 0x6C0C},
		{"00B09C000C", 0x9000},
		{"00A404000DE828BD080F8025000001FF0010", 0x6A86}, /* P2 = 00 */
		{"00A4040C0DE828BD080F8025000001FF0010", 0x9000},
		{"00A404040DE828BD080F8025000001FF0020", 0x6A82}, /* contactless */
		{APPLICATION, 0x6125},
		{"00A40904025031", 0x6124}, /* relative */
		{"00A40904022F00", 0x6A82}, /* no such child */
		{"00A40904063F0000017001", 0x6124},
		{"00A40204023F00", 0x9000},
		{"00A40904022F00", 0x6127},
		{"00A4020002"
		 "2F00",
			0x6A86},
		{"00A4000C023F00", 0x9000},
		{"00A40904043F000001", 0x6125},
		{"00A40904063F000001D123", 0x6A82}, /* a gap in the activities */
		{"00A40904063F000001D122", 0x6124},
		{"00B0000000", 0x6982},
	};
	struct play p;

	(void)state;
	play_start(&p, &scene, "cps3-gp", 0);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		if (play_send(&p, rows[i].command) != rows[i].sw)
			fail_msg("%s: %04X", rows[i].command, p.sw);
	play_done(&p);
}

static void security_objects_depend_on_the_folder(void **state)
{
	static const struct {
		const char *question, *root, *application; /* NULL: 6A88 */
	} rows[] = {
		{"00CB3FFF0A4D087006BF810102A080",
			"7016BF810112A0109A01039B0103A1088C06F3000013FF00", NULL},
		{"00CB3FFF0A4D087006BF810202A080",
			"701ABF810216A0149A010A9B010A9D020064A1088C06F3FF00FFFF00", NULL},
		{"00CB3FFF0B4D097007BF8101037F4180", "700DBF8101097F4106800104810104", NULL},
		{"00CB3FFF0B4D097007BF8102037F4180", "700DBF8102097F4106800108810108", NULL},
		{"00CB3FFF0A4D087006BFFB01027B80", "700EBFFB010A7B08A406950108830101", NULL},
		{"00CB3FFF0A4D087006BFFB03027B80", "700EBFFB030A7B08A406950108830102", NULL},
		{"00CB3FFF0B4D097007BF9001037F4880", NULL, "700ABF9001067F4803800101"},
		{"00CB3FFF0A4D087006BF900102A080", NULL,
			"701ABF900116A01480020100A10B8C044311FF009C0303FFFF9E0101"},
		{"00CB3FFF0A4D087006BF900202A080", NULL,
			"701BBF900217A01580020100A10C8C05331111FF009C0303FFFF9E0100"},
		{"00CB3FFF0A4D087006BF900302A080", NULL, NULL},
	};
	struct play p;

	(void)state;
	play_start(&p, &scene, "cps3-gp", 0);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		assert_int_equal(play_send(&p, "00A4000C023F00"), 0x9000);
		assert_int_equal(
			play_fetch(&p, rows[i].question), rows[i].root ? 0x9000 : 0x6A88);
		assert_answer_hex(&p, rows[i].root ? rows[i].root : "");
		assert_int_equal(play_send(&p, "00A4090C043F000001"), 0x9000);
		assert_int_equal(play_fetch(&p, rows[i].question),
			rows[i].application ? 0x9000 : 0x6A88);
		assert_answer_hex(&p, rows[i].application ? rows[i].application : "");
	}
	assert_int_equal(play_send(&p, "00CB00FF0A4D087006BF810102A080"), 0x6A86);
	assert_int_equal(play_send(&p, "00CB3FFF024D01"), 0x6A80);
	assert_int_equal(play_send(&p, "00CB3FFF044D027100"), 0x6A80);
	play_done(&p);
}

static EVP_PKEY *signer(const struct play *p)
{
	return p->card->state->signature_key;
}

/* The signature in @p->answer against SHA-256 of @text, by OpenSSL's own verification. */
static void assert_signed(const struct play *p, EVP_PKEY *key, struct view text)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();

	assert_int_equal(p->answer.len, 256);
	assert_int_equal(EVP_DigestVerifyInit(ctx, NULL, EVP_sha256(), NULL, key), 1);
	assert_int_equal(
		EVP_DigestVerify(ctx, p->answer.data, p->answer.len, text.data, text.len), 1);
	EVP_MD_CTX_free(ctx);
}

static void the_card_does_the_last_round_of_the_hash(void **state)
{
	uint8_t text[64 + 20];
	_cleanup_(buf_done) struct buf hash = BUF_NULL(512);
	SHA256_CTX ctx;
	struct play p;

	(void)state;
	memset(text, 'v', sizeof(text));
	/* the reference for the intermediate state is OpenSSL's older interface, fed one block */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"
	SHA256_Init(&ctx);
	SHA256_Update(&ctx, text, 64);
#pragma GCC diagnostic pop
	play_start(&p, &scene, "cps3-gp", 0);
	assert_int_equal(play_fetch(&p, APPLICATION), 0x9000);
	buf_put(&hash, "\x00\x2A\x90\xA0\x40\x90\x28", 7);
	for (size_t i = 0; i < 8; i++)
		buf_put_u32(&hash, ctx.h[i]);
	buf_put_u64(&hash, 512);
	buf_put(&hash, "\x80\x14", 2);
	buf_put(&hash, text + 64, 20);
	assert_int_equal(play_send_view(&p, buf_view(&hash)), 0x6985); /* no template */
	assert_int_equal(play_send(&p, "002241AA03800110"), 0x6A80);   /* SHA-1 */
	assert_int_equal(play_send(&p, "002241AA03800140"), 0x9000);
	assert_int_equal(play_send(&p, "002A9E9A00"), 0x6985);
	assert_int_equal(play_send(&p, "002241B606840181800112"), 0x6A80);
	assert_int_equal(play_send(&p, "002241B606840182800142"), 0x6A88); /* not for signing */
	assert_int_equal(play_send(&p, "002241B606840181800142"), 0x9000);
	assert_int_equal(play_send(&p, "002A9E9A00"), 0x6985); /* no hash */
	assert_int_equal(play_send_view(&p, buf_view(&hash)), 0x9000);
	assert_int_equal(play_send(&p, "002A9E9A00"), 0x6982); /* no PIN */
	assert_int_equal(play_send(&p, VERIFY), 0x9000);
	assert_int_equal(play_fetch(&p, "002A9E9A00"), 0x9000);
	assert_signed(&p, signer(&p), VIEW(text));
	assert_int_equal(play_send(&p, "002A9E9A00"), 0x6985); /* a hash serves once */
	play_done(&p);
}

static void a_short_text_needs_no_intermediate_state(void **state)
{
	struct play p;

	(void)state;
	play_start(&p, &scene, "cps3-gp", 0);
	assert_int_equal(play_fetch(&p, APPLICATION), 0x9000);
	assert_int_equal(play_send(&p, VERIFY), 0x9000);
	assert_int_equal(play_send(&p, "002241AA03800140"), 0x9000);
	assert_int_equal(play_send(&p, "002241B606840181800142"), 0x9000);
	assert_int_equal(play_send(&p, "002A90A0"
				       "079000"
				       "8003616263"),
		0x9000);
	assert_int_equal(play_fetch(&p, "002A9E9A00"), 0x9000);
	assert_signed(&p, signer(&p), VIEW_TEXT("abc"));
	/* and the hash may be given whole */
	assert_int_equal(
		play_fetch(&p,
			"002A9E9A20"
			"BA7816BF8F01CFEA414140DE5DAE2223B00361A396177A9CB410FF61F20015AD"),
		0x9000);
	assert_signed(&p, signer(&p), VIEW_TEXT("abc"));
	assert_int_equal(play_fetch(&p, "002A9E9A021122"), 0x6700);
	/* malformed: a state of 39 bytes, a count of half a block, two blocks at the end, no tags */
	assert_int_equal(play_send(&p, "002A90A005900100"
				       "8000"),
		0x6A80);
	assert_int_equal(play_send(&p, "002A90A02C9028"
				       "0000000000000000000000000000000000000000000000000000000"
				       "0000000000000000000000007"
				       "8000"),
		0x6A80);
	assert_int_equal(play_send(&p, "002A90A0029000"), 0x6A80);
	play_done(&p);
}

static void a_pin_for_each_signature_can_be_asked(void **state)
{
	struct play p;

	(void)state;
	play_start(&p, &scene, "cps3-gp", 0);
	p.card->state->profile->pin_each_signature = true;
	assert_int_equal(play_fetch(&p, APPLICATION), 0x9000);
	assert_int_equal(play_send(&p, VERIFY), 0x9000);
	assert_int_equal(play_send(&p, "002241AA03800140"), 0x9000);
	assert_int_equal(play_send(&p, "002241B606840181800142"), 0x9000);
	assert_int_equal(play_send(&p, "002A90A0"
				       "079000"
				       "8003616263"),
		0x9000);
	assert_int_equal(play_fetch(&p, "002A9E9A00"), 0x9000);
	assert_int_equal(play_send(&p, "002A90A0"
				       "079000"
				       "8003616263"),
		0x9000);
	assert_int_equal(play_fetch(&p, "002A9E9A00"), 0x6982);
	play_done(&p);
}

static void client_key_signs_what_it_is_given(void **state)
{
	static const char info[] =
		"0088000033"
		"3031300D060960864801650304020105000420"
		"BA7816BF8F01CFEA414140DE5DAE2223B00361A396177A9CB410FF61F20015AD";
	struct play p;

	(void)state;
	play_start(&p, &scene, "cps3-gp", 0);
	assert_int_equal(play_send(&p, "002241A406840182800102"), 0x6A88); /* not in the MF */
	assert_int_equal(play_fetch(&p, APPLICATION), 0x9000);
	assert_int_equal(
		play_send(&p, "002241A403840182"), 0x6A88); /* the algorithm is missing */
	assert_int_equal(play_send(&p, "002241A406840182800102"), 0x9000);
	assert_int_equal(play_send(&p, info), 0x6982);
	assert_int_equal(play_send(&p, VERIFY), 0x9000);
	assert_int_equal(play_send(&p, info), 0x6100);
	assert_int_equal(play_send(&p, "00C00000E7"), 0x6119);
	assert_int_equal(play_fetch(&p, info), 0x9000);
	assert_signed(&p, p.card->state->authentication_key, VIEW_TEXT("abc"));
	assert_int_equal(play_send(&p, "00880000"), 0x6700);
	/* the root's name ends it */
	assert_int_equal(play_send(&p, ROOT), 0x9000);
	assert_int_equal(play_send(&p, "0020000100"), 0x63C3);
	assert_int_equal(play_send(&p, info), 0x6985);
	play_done(&p);
}

static void client_key_deciphers_in_two_parts(void **state)
{
	_cleanup_(buf_done) struct buf first = BUF_NULL(512), last = BUF_NULL(512);
	EVP_PKEY_CTX *ctx;
	uint8_t cryptogram[256];
	size_t len = sizeof(cryptogram);
	struct play p;

	(void)state;
	play_start(&p, &scene, "cps3-gp", 0);
	ctx = EVP_PKEY_CTX_new(p.card->state->authentication_key, NULL);
	assert_int_equal(EVP_PKEY_encrypt_init(ctx), 1);
	assert_int_equal(
		EVP_PKEY_encrypt(ctx, cryptogram, &len, (const uint8_t *)"secret", 6), 1);
	EVP_PKEY_CTX_free(ctx);
	assert_int_equal(play_fetch(&p, APPLICATION), 0x9000);
	assert_int_equal(play_send(&p, "002A80860181"), 0x6985);
	assert_int_equal(play_send(&p, "002241B806840182800102"), 0x6A80);
	assert_int_equal(play_send(&p, "002241B80684018180011A"), 0x6A88);
	assert_int_equal(play_send(&p, "002241B80380011A"), 0x6A80);
	assert_int_equal(play_send(&p, "002241B80684018280011A"), 0x9000);
	assert_int_equal(play_send(&p, "002A80860181"), 0x6982);
	assert_int_equal(play_send(&p, VERIFY), 0x9000);
	assert_int_equal(play_send(&p, "002A80860182"), 0x6A80);
	assert_int_equal(play_send(&p, "002A80860181"), 0x6A80);
	buf_put(&first, "\x10\x2A\x80\x86\xC9\x81", 6);
	buf_put(&first, cryptogram, 200);
	buf_put(&last, "\x00\x2A\x80\x86\x38", 5);
	buf_put(&last, cryptogram + 200, 56);
	assert_int_equal(play_send_view(&p, buf_view(&first)), 0x9000);
	assert_int_equal(play_fetch_view(&p, buf_view(&last)), 0x9000);
	assert_true(view_equal(buf_view(&p.answer), VIEW_TEXT("secret")));
	play_done(&p);
}

static void environments_are_restored_by_number(void **state)
{
	struct play p;

	(void)state;
	play_start(&p, &scene, "cps3-gp", 0);
	assert_int_equal(play_fetch(&p, APPLICATION), 0x9000);
	assert_int_equal(play_send(&p, "002241A406840182800102"), 0x9000);
	assert_int_equal(play_send(&p, "0022F301"), 0x9000);
	assert_int_equal(play_send(&p, "008800000101"), 0x6985);
	assert_int_equal(play_send(&p, "0022F203"), 0x9000);
	assert_int_equal(play_send(&p, "0022F302"), 0x6A88);
	assert_int_equal(play_send(&p, "0022F30101AA"), 0x6700);
	play_done(&p);
}

static void activities_open_with_the_pin(void **state)
{
	struct play p;

	(void)state;
	play_start(&p, &scene, "cps3-gp", 0);
	assert_int_equal(play_send(&p, VERIFY), 0x9000);
	assert_int_equal(play_send(&p, "00A4090C063F000001D120"), 0x9000);
	assert_int_equal(play_fetch(&p, "00B0000000"), 0x9000);
	assert_answer_hex(&p, "EE2C8416434142494E4554204455204452204D41524543"
			      "48414C850C343839393030303030303131860453413037");
	play_reset(&p);
	assert_int_equal(play_send(&p, "00A4090C063F000001D120"), 0x9000);
	assert_int_equal(play_fetch(&p, "00B0000000"), 0x6982);
	play_done(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ef_atr_and_its_control_are_those_of_real_cards),
		cmocka_unit_test(selection_follows_the_real_card),
		cmocka_unit_test(security_objects_depend_on_the_folder),
		cmocka_unit_test(the_card_does_the_last_round_of_the_hash),
		cmocka_unit_test(a_short_text_needs_no_intermediate_state),
		cmocka_unit_test(a_pin_for_each_signature_can_be_asked),
		cmocka_unit_test(client_key_signs_what_it_is_given),
		cmocka_unit_test(client_key_deciphers_in_two_parts),
		cmocka_unit_test(environments_are_restored_by_number),
		cmocka_unit_test(activities_open_with_the_pin),
	};

	return cmocka_run_group_tests(tests, make, unmake);
}
