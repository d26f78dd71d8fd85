/* SPDX-License-Identifier: EUPL-1.2 */
/* The wire plan on the cards' side (doc/stand-in.md): short file identifiers, the one MSE SET that
 * names peer and own key, how long a challenge and an environment live. */
#include <string.h>

#include "base/tlv.h"
#include "tests/unit/sim/scene.h"

#define SELECT_VITALE "00A4040C0BD250000002564954414C45"
#define SELECT_MF     "00A4040C0ED2500000024D465F564954414C45"
#define SELECT_ADELE  "00A4040C0CD2500000044164E86C650101"
#define PROVE	      "0088000018"

static struct scene scene;

static int make(void **state)
{
	static const char *const names[] = {
		"vitale-family", "vitale-bare", "vitale-no-sfi", "cps3-gp", "cps4-gp", NULL};

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

static void run(struct play *p, const struct row *rows, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (play_send(p, rows[i].command) != rows[i].sw)
			fail_msg("row %zu: %s: %04X instead of %04X", i, rows[i].command, p->sw,
				rows[i].sw);
}

/* -- short file identifiers ---------------------------------------------------------------------- */

static void every_file_of_the_plan_is_read_by_its_short_identifier(void **state)
{
	static const struct row rows[] = {
		{SELECT_VITALE, 0x9000},
		{"00B0820060", 0x9000}, /* numbers */
		{"00B083000C", 0x9000}, /* validity */
		{"00B084000C", 0x6982}, /* COUVERTU: the condition holds by this way too */
		{"00A4000C023F00", 0x9000},
		{"00B08200FA", 0x9000}, /* identities */
		{"00B0840001", 0x9000}, /* PAN */
		{"00B084000C", 0x9000},
	};
	struct play p;
	struct cvc c;

	(void)state;
	play_start(&p, &scene, "vitale-family", 0);
	run(&p, rows, ARRAY_LEN(rows));
	assert_answer_hex(&p, "5A0A9250000100000417FFFF");
	assert_int_equal(p.characters, 8 + 12);
	assert_int_equal(play_fetch(&p, "00B0830000"), 0x9000);
	assert_int_equal(cvc_parse_whole(buf_view(&p.answer), &c), 0);
	/* the last one read is the current one: what is behind 256 bytes goes on from there */
	assert_int_equal(play_send(&p, "00B0000401"), 0x9000);
	play_done(&p);
}

static void a_card_without_the_files_says_6a82(void **state)
{
	static const struct row rows[] = {
		{SELECT_VITALE, 0x9000},
		{"00B0830000", 0x6A82},
		{"00B0840000", 0x6A82},
		{"00B0810000", 0x6A82},
		{"00A4020C022003", 0x6A82},
		{"00A4020C022010", 0x6A82},
		{"00A4020C022001", 0x6A82},
		{"00A4020C022004", 0x6A82},
		{"00A4020C022011", 0x6A82},
		{"00A4000C023F00", 0x9000},
		{"00B0830000", 0x6A82},
		{"00B084000C", 0x9000},
		{"002241A403840105", 0x6A88}, /* no certificate: no key to prove with */
		{"002281B61283104652564453494D524F4F543030303031", 0x6A88},
	};
	struct play p;

	(void)state;
	play_start(&p, &scene, "vitale-bare", 0);
	run(&p, rows, ARRAY_LEN(rows));
	play_done(&p);
}

static void a_card_without_invented_identifiers_has_its_files_all_the_same(void **state)
{
	static const struct row rows[] = {
		{SELECT_VITALE, 0x9000},
		{"00B0830000", 0x6A82},
		{"00B0840000", 0x6A82},
		{"00B0810000", 0x6A82},
		{"00B0820018", 0x9000},
		{"00A4020C022003", 0x9000},
		{"00B000000C", 0x9000},
		{"00A4020C022010", 0x9000},
		{"00B0000001", 0x6982},
		{"00A4000C023F00", 0x9000},
		{"00B0830000", 0x6A82},
		{"00B084000C", 0x6A82},
		{"00B0820001", 0x9000},
		{"00A4020C022F02", 0x9000},
		{"00B000000C", 0x9000},
		{"002241A403840105", 0x9000},
	};
	struct play p;

	(void)state;
	play_start(&p, &scene, "vitale-no-sfi", 0);
	run(&p, rows, ARRAY_LEN(rows));
	play_done(&p);
}

static void a_cps_is_walked_by_children_of_its_folders(void **state)
{
	static const struct row rows[] = {
		{"00A4090C023F00", 0x9000},
		{"00B09C000C", 0x9000},
		{"00A4020C02D010", 0x6A82},
		{"0020000100", 0x63C3},
		{"0020000100", 0x63C3}, /* asking costs nothing */
		{"002000010431323334", 0x9000},
		{"0020000100", 0x9000},
		{"00A4090C043F000001", 0x9000},
		{"00A4020C02D120", 0x9000},
		{"00B0000001", 0x9000},
		{"00A4020C02D121", 0x6A82},
		{"00A4020C02D122", 0x9000},
		{"00B0000001", 0x9000},
	};
	struct play p;

	(void)state;
	play_start(&p, &scene, "cps3-gp", 0);
	run(&p, rows, ARRAY_LEN(rows));
	play_done(&p);
}

/* -- between two cards ---------------------------------------------------------------------------- */

static void send_with(struct play *p, uint8_t ins, uint8_t p1, uint8_t p2, struct view data)
{
	_cleanup_(buf_done) struct buf c = BUF_NULL(600);

	buf_put_u8(&c, p->card->kind->cla);
	buf_put_u8(&c, ins);
	buf_put_u8(&c, p1);
	buf_put_u8(&c, p2);
	buf_put_u8(&c, (uint8_t)data.len);
	buf_put_view(&c, data);
	p->sw = play_fetch_view(p, buf_view(&c));
}

/* Names of @prover's certificate, whose bytes stay @prover's. */
static struct cvc names_of(const struct play *prover)
{
	struct cvc c;

	assert_int_equal(cvc_parse_whole(buf_view(&prover->card->state->cvc), &c), 0);
	return c;
}

static void import(struct play *verifier, const struct play *prover)
{
	_cleanup_(buf_done) struct buf data = BUF_NULL(64);
	struct cvc c = names_of(prover);
	struct tlv whole;

	tlv_put(&data, 0x83, c.car);
	send_with(verifier, 0x22, 0x81, 0xB6, buf_view(&data));
	assert_int_equal(verifier->sw, 0x9000);
	assert_int_equal(tlv_find(buf_view(&prover->card->state->cvc), 0x7F21, &whole), 0);
	send_with(verifier, 0x2A, 0x00, 0xBE, whole.value);
	assert_int_equal(verifier->sw, 0x9000);
}

static uint16_t name_both(struct play *p, struct view chr, uint8_t key)
{
	_cleanup_(buf_done) struct buf data = BUF_NULL(64);

	tlv_put(&data, 0x83, chr);
	tlv_put_u8(&data, 0x84, key);
	send_with(p, 0x22, 0xC1, 0xA4, buf_view(&data));
	return p->sw;
}

static void challenge(struct play *p, struct buf *message)
{
	assert_int_equal(
		play_send(p, p->card->kind->cla ? "0184000010" : "0084000010"), 0x9000);
	buf_reset(message);
	buf_put_view(message, buf_view(&p->answer));
	buf_put_view(message, view_last(VIEW(p->card->serial), 8));
}

static void start_cps(struct play *p, const char *name)
{
	play_start(p, &scene, name, 0);
	if (p->card->kind->cla)
		assert_int_equal(play_send(p, "01A4040C088025000001FF0100"), 0x9000);
	send_with(p, 0x20, 0x00, 0x01, VIEW_TEXT("1234"));
	assert_int_equal(p->sw, 0x9000);
	send_with(p, 0xA4, 0x09, 0x0C, VIEW_TEXT("\x3F\x00\x00\x01"));
	assert_int_equal(p->sw, 0x9000);
}

/* @prover's proof over @message to @verifier; @prover's own key is named already. */
static uint16_t prove_to(struct play *verifier, struct play *prover, struct view message)
{
	send_with(prover, 0x88, 0, 0, message);
	assert_int_equal(prover->sw, 0x9000);
	send_with(verifier, 0x82, 0, 0, buf_view(&prover->answer));
	return verifier->sw;
}

/* Both directions by one MSE SET and one GET CHALLENGE a card. */
static void one_command_names_peer_and_own_key(void **state)
{
	static const char *const names[] = {"cps3-gp", "cps4-gp"};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		_cleanup_(buf_done) struct buf to_vitale = BUF_NULL(64), to_cps = BUF_NULL(64);
		struct play vitale, cps;

		play_start(&vitale, &scene, "vitale-family", 0);
		start_cps(&cps, names[i]);
		import(&vitale, &cps);
		import(&cps, &vitale);
		assert_int_equal(name_both(&vitale, names_of(&cps).chr, 0x05), 0x9000);
		assert_int_equal(name_both(&cps, names_of(&vitale).chr, 0x83), 0x9000);
		challenge(&vitale, &to_cps);
		challenge(&cps, &to_vitale);
		/* each card proves itself between its challenge and the check of the other's proof */
		send_with(&vitale, 0x88, 0, 0, buf_view(&to_vitale));
		assert_int_equal(vitale.sw, 0x9000);
		assert_int_equal(prove_to(&vitale, &cps, buf_view(&to_cps)), 0x9000);
		assert_int_equal(prove_to(&cps, &vitale, buf_view(&to_vitale)), 0x9000);
		assert_int_equal(vitale.card->rights.role_value, 10);
		assert_int_equal(cps.card->rights.role_value, CVC_ROLE_PATIENT);
		/* COUVERTU by its SFI, and the own key is still named for the consent */
		assert_int_equal(play_send(&vitale, SELECT_VITALE), 0x9000);
		assert_int_equal(play_fetch(&vitale, "00B0840000"), 0x9000);
		send_with(&vitale, 0x88, 0, 0,
			VIEW_TEXT("0123456789012345678901234567890123456789"));
		assert_int_equal(vitale.sw, 0x9000);
		play_done(&vitale);
		play_done(&cps);
	}
}

static void it_names_both_or_none(void **state)
{
	struct play vitale, cps;
	struct cvc c;

	(void)state;
	play_start(&vitale, &scene, "vitale-family", 0);
	start_cps(&cps, "cps3-gp");
	c = names_of(&cps);
	assert_int_equal(name_both(&vitale, c.chr, 0x05), 0x6A88); /* nothing imported */
	import(&vitale, &cps);
	assert_int_equal(name_both(&vitale, c.chr, 0x06), 0x6A88);
	assert_int_equal(name_both(&vitale, names_of(&vitale).chr, 0x05), 0x6A88);
	assert_false(vitale.card->rights.peer_named);
	assert_null(vitale.card->rights.auth_key);
	assert_int_equal(play_send(&vitale, "0022C1A403840105"), 0x6A80);
	send_with(&vitale, 0x22, 0xC1, 0xA4,
		VIEW_TEXT("\x83\x10"
			  "FRP9900010100001"));
	assert_int_equal(vitale.sw, 0x6A80);
	assert_int_equal(play_send(&vitale, "0022C1B603840105"), 0x6A86);
	/* a failure leaves what was named before */
	assert_int_equal(name_both(&vitale, c.chr, 0x05), 0x9000);
	assert_int_equal(name_both(&vitale, c.chr, 0x06), 0x6A88);
	assert_true(vitale.card->rights.peer_named);
	assert_non_null(vitale.card->rights.auth_key);
	/* the key of a CPS lies in its application's folder */
	import(&cps, &vitale);
	assert_int_equal(play_send(&cps, "00A4000C023F00"), 0x9000);
	assert_int_equal(name_both(&cps, names_of(&vitale).chr, 0x83), 0x6A88);
	play_done(&vitale);
	play_done(&cps);
}

static void a_challenge_lives_until_it_is_used_or_replaced(void **state)
{
	_cleanup_(buf_done) struct buf first = BUF_NULL(64), second = BUF_NULL(64);
	struct play vitale, cps;

	(void)state;
	play_start(&vitale, &scene, "vitale-family", 0);
	start_cps(&cps, "cps3-gp");
	import(&vitale, &cps);
	assert_int_equal(name_both(&vitale, names_of(&cps).chr, 0x05), 0x9000);
	assert_int_equal(play_send(&cps, "002241A403840183"), 0x9000);
	/* other commands stand between */
	challenge(&vitale, &first);
	assert_int_equal(play_send(&vitale, "00B084000C"), 0x9000);
	assert_int_equal(play_send(&vitale, SELECT_VITALE), 0x9000);
	assert_int_equal(play_send(&vitale, SELECT_MF), 0x9000);
	assert_int_equal(prove_to(&vitale, &cps, buf_view(&first)), 0x9000);
	assert_int_equal(prove_to(&vitale, &cps, buf_view(&first)), 0x6985);
	/* a new one takes its place */
	challenge(&vitale, &first);
	challenge(&vitale, &second);
	assert_int_equal(prove_to(&vitale, &cps, buf_view(&first)), 0x6300);
	assert_int_equal(prove_to(&vitale, &cps, buf_view(&second)), 0x6985);
	/* and another application forgets it */
	challenge(&vitale, &first);
	assert_int_equal(play_send(&vitale, SELECT_ADELE), 0x9000);
	assert_int_equal(prove_to(&vitale, &cps, buf_view(&first)), 0x6985);
	play_done(&vitale);
	play_done(&cps);
}

static void an_own_key_stays_named_within_its_application(void **state)
{
	static const char data[] = PROVE "303132333435363738393031323334353637383930313233";
	static const struct row vitale_rows[] = {
		{"002241A403840105", 0x9000},
		{SELECT_VITALE, 0x9000},
		{"00A4020C022002", 0x9000},
		{data, 0x6140},
		{SELECT_MF, 0x9000},
		{data, 0x6140},
		{SELECT_ADELE, 0x9000},
		{data, 0x6985},
	};
	static const struct row cps_rows[] = {
		{"002000010431323334", 0x9000}, {"00A4090C043F000001", 0x9000},
		{"002241A403840183", 0x9000}, {"00A4020C02D120", 0x9000}, /* an EF */
		{data, 0x6140},
		{"00A4090C063F000001D122", 0x9000}, /* an EF by a path through the folder */
		{data, 0x6140}, {"00A4090C023F00", 0x9000}, /* the MF, for the serial */
		{"00B09C000C", 0x9000}, {data, 0x6140},
		{"00A4090C043F000001", 0x9000}, /* the folder anew */
		{data, 0x6985}, {"002241A403840183", 0x9000},
		{"00A4040C0DE828BD080F8025000001FF0010", 0x9000}, /* by name */
		{data, 0x6985},
		{"0020000100", 0x9000}, /* the code is no part of the environment */
	};
	struct play p;

	(void)state;
	play_start(&p, &scene, "vitale-family", 0);
	run(&p, vitale_rows, ARRAY_LEN(vitale_rows));
	play_done(&p);
	play_start(&p, &scene, "cps3-gp", 0);
	run(&p, cps_rows, ARRAY_LEN(cps_rows));
	play_reset(&p);
	assert_int_equal(play_send(&p, data), 0x6985);
	play_done(&p);
}

static void entering_the_folder_of_a_cps_forgets_root_and_peer(void **state)
{
	_cleanup_(buf_done) struct buf message = BUF_NULL(64);
	struct play vitale, cps;
	struct cvc c;

	(void)state;
	play_start(&vitale, &scene, "vitale-family", 0);
	start_cps(&cps, "cps3-gp");
	c = names_of(&vitale);
	import(&cps, &vitale);
	assert_int_equal(name_both(&cps, c.chr, 0x83), 0x9000);
	challenge(&cps, &message);
	assert_int_equal(play_send(&cps, "00A4090C043F000001"), 0x9000);
	assert_false(cps.card->rights.peer_named);
	assert_false(cps.card->rights.root_named);
	/* the imported key and the challenge are no part of the environment */
	assert_int_equal(name_both(&cps, c.chr, 0x83), 0x9000);
	assert_int_equal(play_send(&vitale, "002241A403840105"), 0x9000);
	assert_int_equal(prove_to(&cps, &vitale, buf_view(&message)), 0x9000);
	play_done(&vitale);
	play_done(&cps);
}

static void a_member_without_a_profession_opens_no_coverage(void **state)
{
	struct play p;

	(void)state;
	play_start(&p, &scene, "vitale-family", 0);
	assert_int_equal(play_send(&p, SELECT_VITALE), 0x9000);
	p.card->rights.role = true;
	p.card->rights.role_value = CVC_ROLE_MEMBER;
	assert_int_equal(play_send(&p, "00B0840001"), 0x6982);
	p.card->rights.role_value = 60;
	assert_int_equal(play_send(&p, "00B0840001"), 0x9000);
	play_done(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_file_of_the_plan_is_read_by_its_short_identifier),
		cmocka_unit_test(a_card_without_the_files_says_6a82),
		cmocka_unit_test(
			a_card_without_invented_identifiers_has_its_files_all_the_same),
		cmocka_unit_test(a_cps_is_walked_by_children_of_its_folders),
		cmocka_unit_test(one_command_names_peer_and_own_key),
		cmocka_unit_test(it_names_both_or_none),
		cmocka_unit_test(a_challenge_lives_until_it_is_used_or_replaced),
		cmocka_unit_test(an_own_key_stays_named_within_its_application),
		cmocka_unit_test(entering_the_folder_of_a_cps_forgets_root_and_peer),
		cmocka_unit_test(a_member_without_a_profession_opens_no_coverage),
	};

	return cmocka_run_group_tests(tests, make, unmake);
}
