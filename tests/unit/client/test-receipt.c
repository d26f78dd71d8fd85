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
		    "$(cat $D/vkey) | grep -q '\"ok\":true,\"own-key\":false'"),
		0);
	assert_int_equal(run("$VITALECTL receipt show $D/r.json | grep -q 'patient'"), 0);
	assert_int_equal(
		run("$VITALECTL --json receipt show $D/r.json | grep -q '\"statement\":{'"), 0);
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_good_receipt_holds_under_the_anchors_of_its_nature),
		cmocka_unit_test(a_receipt_of_strangers_does_not_hold),
		cmocka_unit_test(a_bent_receipt_names_what_is_wrong),
		cmocka_unit_test(extracting_prints_commands_that_say_the_same),
		cmocka_unit_test(what_is_no_receipt_is_usage),
	};

	return cmocka_run_group_tests(tests, prepare, world_clean);
}
