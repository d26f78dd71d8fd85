/* SPDX-License-Identifier: EUPL-1.2 */
/* vitalectl receipt: shown, verified and taken apart, over receipts good and bent. */
/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include <stdio.h>
#include <stdlib.h>

#include "tests/unit/record/receipt-world.h"

/* The world's anchors as a checker has them: $D/anchors/simulated, beside a stranger's in real. */
static int prepare(void **state)
{
	const struct forged_cvc root = {.car = ROOT,
		.chr = ROOT,
		.role = 0xFF,
		.from = "200101",
		.until = "391231",
		.key = NULL,
		.parameters = true};
	struct forged_cvc f = root;
	struct buf cvc = BUF_NULL(CVC_MAX);
	char path[96];

	if (world_prepare(state) != 0) {
		return -1;
	}
	f.key = world.cvc_root;
	f.signer = world.cvc_root;
	forge_cvc(&f, &cvc);
	assert_int_equal(forge_shell("mkdir -p $D/anchors/simulated $D/anchors/real $D/none && "
				     "cp $D/anchors.pem $D/anchors/simulated/root.pem",
				 world.folder),
		0);
	(void)snprintf(path, sizeof(path), "%s/anchors/simulated/root.cvcert", world.folder);
	forge_file(path, buf_view(&cvc));
	(void)snprintf(path, sizeof(path), "%s/anchors/real/other.pem", world.folder);
	forge_pem(world.other, path);
	(void)snprintf(path, sizeof(path), "%s/vkey", world.folder);
	forge_file(path, view_str(world.vkey));
	buf_done(&cvc);
	return 0;
}

/* @m's receipt as $D/r.json */
static void write_receipt(const struct made *m)
{
	struct buf text = BUF_NULL(RECEIPT_MAX);
	json_t *whole = world_make(m);
	char path[96];

	assert_int_equal(json_canonical(whole, &text), 0);
	(void)snprintf(path, sizeof(path), "%s/r.json", world.folder);
	forge_file(path, buf_view(&text));
	buf_done(&text);
	json_decref(whole);
}

static int run(const char *command)
{
	return forge_shell(command, world.folder);
}

static void a_good_receipt_holds_under_the_anchors_of_its_nature(void **state _unused_)
{
	struct made m = world_usual();

	write_receipt(&m);
	assert_int_equal(
		run("$VITALECTL receipt verify $D/r.json --anchors $D/anchors --vkey $D/vkey "
		    "| grep -q 'simulated card'"),
		0);
	assert_int_equal(
		run("$VITALECTL receipt verify $D/r.json --anchors $D/anchors/simulated "
		    ">/dev/null 2>&1"),
		0);
	assert_int_equal(
		run("$VITALECTL --json receipt verify $D/r.json --anchors $D/anchors --vkey "
		    "$(cat $D/vkey) | grep -q '\"ok\":true,\"omitted\":0,\"own-key\":false'"),
		0);
	assert_int_equal(run("$VITALECTL receipt show $D/r.json | grep -q 'patient'"), 0);
	assert_int_equal(
		run("$VITALECTL --json receipt show $D/r.json | grep -q '\"statement\":{'"), 0);
}

static void acts_are_shown_counted_and_taken_apart(void **state _unused_)
{
	struct made m = world_usual();

	m.act[0] = "{\"event\":\"document-read\",\"outcome\":\"ok\",\"pseudonym\":\"aa\","
		   "\"sequence\":6,\"session\":\"session/1@0a\",\"time\":1764000001000000}";
	m.omitted = 4;
	write_receipt(&m);
	assert_int_equal(
		run("$VITALECTL receipt verify $D/r.json --anchors $D/anchors --vkey $D/vkey "
		    "| grep -q 'in the record too: 1'"),
		0);
	assert_int_equal(run("$VITALECTL receipt show $D/r.json > $D/said"), 0);
	assert_int_equal(run("grep -qx '  2025-11-24T16:00:01 document-read ok' $D/said"), 0);
	assert_int_equal(run("grep -q 'and 4 older entries' $D/said"), 0);
	assert_int_equal(run("$VITALECTL --json receipt show $D/r.json | grep -q "
			     "'\"acts\":\\[{.*\"omitted\":4'"),
		0);
	assert_int_equal(run("$VITALECTL receipt extract $D/r.json --out $D/acted > /dev/null "
			     "&& grep -q document-read $D/acted/act-6.json"),
		0);
	m = world_usual();
	m.act[0] = "x";
	write_receipt(&m);
	assert_int_equal(run("$VITALECTL receipt show $D/r.json 2>/dev/null"), 8);
	assert_int_equal(run("$VITALECTL --json receipt show $D/r.json 2>/dev/null"), 8);
	assert_int_equal(run("$VITALECTL receipt show $D/r.json --page - 2>/dev/null"), 8);
}

static void a_page_is_a_new_file_in_the_persons_language(void **state _unused_)
{
	struct made m = world_usual();

	write_receipt(&m);
	assert_int_equal(run("$VITALECTL receipt show $D/r.json --page $D/page.txt"), 0);
	assert_int_equal(run("head -n1 $D/page.txt | grep -qx RECEIPT"), 0);
	assert_int_equal(
		run("$VITALECTL receipt show $D/r.json --page $D/page.txt 2>/dev/null"), 1);
	assert_int_equal(
		run("$VITALECTL receipt show $D/r.json --page - | cmp - $D/page.txt"), 0);
	assert_int_equal(run("LC_ALL=fr_FR.UTF-8 $VITALECTL receipt show $D/r.json --page - "
			     "| head -n1 | grep -qx REÇU"),
		0);
	assert_int_equal(run("$VITALECTL --json receipt show $D/r.json --page $D/other.txt "
			     "| grep -q '\"page\":\"/'"),
		0);
}

static void a_receipt_of_strangers_does_not_hold(void **state _unused_)
{
	struct made m = world_usual();

	write_receipt(&m);
	assert_int_equal(run("$VITALECTL receipt verify $D/r.json --anchors $D/anchors/real "
			     "2>/dev/null"),
		8);
	assert_int_equal(
		run("$VITALECTL receipt verify $D/r.json --anchors $D/none 2>/dev/null"), 2);
	assert_int_equal(
		run("$VITALECTL receipt verify $D/r.json --anchors $D/anchors --vkey nonsense "
		    "2>/dev/null"),
		2);
}

static void a_bent_receipt_names_what_is_wrong(void **state _unused_)
{
	struct made m = world_usual();

	m.entry_hash = "00";
	write_receipt(&m);
	assert_int_equal(
		run("$VITALECTL receipt verify $D/r.json --anchors $D/anchors 2>/dev/null"), 8);
	assert_int_equal(run("$VITALECTL --json receipt verify $D/r.json --anchors $D/anchors "
			     "| grep -q '\"ok\":false'"),
		0);
	m = world_usual();
	m.presence_key = world.cvc_root;
	write_receipt(&m);
	assert_int_equal(run("$VITALECTL receipt verify $D/r.json --anchors $D/anchors 2>&1 "
			     "| grep -q \"patient's card\""),
		0);
}

static void extracting_prints_commands_that_say_the_same(void **state _unused_)
{
	struct made m = world_usual();

	write_receipt(&m);
	assert_int_equal(run("$VITALECTL receipt extract $D/r.json --out $D/out > $D/said"), 0);
	assert_int_equal(run("cd $D/out && grep 'openssl dgst' $D/said | sh >/dev/null"), 0);
	/* the forged certificates lie in the past */
	assert_int_equal(
		run("cd $D/out && grep 'openssl cms' $D/said | "
		    "sed 's,ANCHORS.pem,../anchors.pem -attime 1764000000,' | sh 2>/dev/null"),
		0);
	assert_int_equal(
		run("$VITALECTL receipt extract $D/r.json --out $D/out 2>/dev/null"), 1);
	assert_int_equal(run("$VITALECTL --json receipt extract $D/r.json --out $D/out2 "
			     "| grep -q '\"professional\":\"openssl cms'"),
		0);
	assert_int_equal(
		run("$VITALECTL receipt extract $D/r.json --out $D/r.json 2>/dev/null"), 1);
}

static void what_is_no_receipt_is_usage(void **state _unused_)
{
	assert_int_equal(
		run("echo '{}' > $D/x; $VITALECTL receipt verify $D/x 2>/dev/null"), 2);
	assert_int_equal(run("$VITALECTL receipt show /nowhere 2>/dev/null"), 2);
	assert_int_equal(run("$VITALECTL receipt look $D/r.json 2>/dev/null"), 2);
}

/* @m says that the text of @id in @language was shown for @act; "two" has sections */
static void says_text(struct made *m, const char *id, const char *language, const char *act)
{
	/* SHA-256 of "abc" and end of line: sha256sum says so too */
	assert_int_equal(
		json_object_set_new(m->statement, "text",
			json_pack("{s:s, s:s, s:s}", "id", id, "language", language, "sha256",
				"edeaaff3f1774ad2888673770c6d64097e391bc362d7d6fb"
				"34982ddf0efd18cb")),
		0);
	assert_int_equal(json_object_set_new(m->statement, "acts", json_pack("[s]", act)), 0);
}

static void the_text_that_was_shown_is_made_again_by_its_hash(void **state _unused_)
{
	static const struct {
		const char *id, *language, *act;
		bool found;
	} rows[] = {
		{"consent-1", "fr", "feed", true},
		{"consent-2", "fr", "feed", true},
		{"consent-2", "fr", "consult", false}, /* another text was shown for that */
		{"consent-3", "fr", "feed", false},    /* a marker that is none */
		{"consent-4", "fr", "feed", false},    /* not there */
		{"consent-5", "fr", "feed", false},    /* too large */
		{"../texts/consent-1", "fr", "feed", false},
		{"consent-1", "../fr", "feed", false},
		{"", "fr", "feed", false},
	};

	assert_int_equal(
		run("mkdir -p $D/texts && cd $D/texts && echo abc > consent-1.fr.txt && "
		    "printf '[all]\\n[consult]\\nx\\n[oppose feed]\\nabc\\n' > "
		    "consent-2.fr.txt && "
		    "printf '[feed]\\nabc\\n[Feed]\\n' > consent-3.fr.txt && "
		    "head -c 20000 /dev/zero > consent-5.fr.txt"),
		0);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct made m = world_usual();

		says_text(&m, rows[i].id, rows[i].language, rows[i].act);
		write_receipt(&m);
		assert_int_equal(run("$VITALECTL --json receipt show $D/r.json --wordings "
				     "$D/texts > $D/shown"),
			0);
		assert_int_equal(
			run(rows[i].found ? "grep -q '\"wording\":\"abc\\\\n\"' $D/shown"
					  : "grep -q '\"wording\":null' $D/shown"),
			0);
		assert_int_equal(run("$VITALECTL receipt show $D/r.json --wordings $D/texts "
				     "> $D/shown"),
			0);
		assert_int_equal(run(rows[i].found ? "grep -qx abc $D/shown"
						   : "grep -q 'is not in .*/texts' $D/shown"),
			0);
	}
}

static void a_receipt_of_an_emergency_says_that_no_text_was_shown(void **state _unused_)
{
	struct made m = world_usual();

	assert_int_equal(json_object_set_new(m.statement, "text", json_null()), 0);
	write_receipt(&m);
	assert_int_equal(
		run("$VITALECTL receipt show $D/r.json | grep -q 'was shown no text'"), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_good_receipt_holds_under_the_anchors_of_its_nature),
		cmocka_unit_test(acts_are_shown_counted_and_taken_apart),
		cmocka_unit_test(a_page_is_a_new_file_in_the_persons_language),
		cmocka_unit_test(a_receipt_of_strangers_does_not_hold),
		cmocka_unit_test(a_bent_receipt_names_what_is_wrong),
		cmocka_unit_test(extracting_prints_commands_that_say_the_same),
		cmocka_unit_test(the_text_that_was_shown_is_made_again_by_its_hash),
		cmocka_unit_test(a_receipt_of_an_emergency_says_that_no_text_was_shown),
		cmocka_unit_test(what_is_no_receipt_is_usage),
	};

	return cmocka_run_group_tests(tests, prepare, world_clean);
}
