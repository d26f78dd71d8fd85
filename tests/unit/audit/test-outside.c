/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * What others say of our record: the openssl program of a checkpoint, and tests/tools/
 * verify_audit.py (whose path is in VERIFY_AUDIT) of an export, whole and damaged.
 */
#include "tests/unit/audit/scene.h"
#include "tests/unit/record/forge.h"

// clang-format off
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void write_file(const char *name, struct view content)
{
	char path[64];
	int fd;

	scene_path(path, name);
	fd = open(path, O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, content.data, content.len), content.len);
	assert_int_equal(close(fd), 0);
}

/* log.json, note.txt, vkey.txt and key.pem of a record of @n entries, and @more after the note. */
static void export_record(unsigned int n, unsigned int more)
{
	struct buf note = BUF_NULL(4096), pem = BUF_NULL(4096);
	struct audit *a = scene_open();
	char path[64];
	int fd;

	scene_fill(a, n);
	assert_int_equal(audit_checkpoint(a, &note), 0);
	scene_fill(a, more);
	assert_int_equal(checkpoint_vkey_pem(audit_vkey(a), &pem), 0);
	write_file("note.txt", buf_view(&note));
	write_file("vkey.txt", view_str(audit_vkey(a)));
	write_file("key.pem", buf_view(&pem));
	scene_path(path, "log.json");
	fd = open(path, O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC, 0600);
	assert_int_equal(audit_export(a, fd), 0);
	assert_int_equal(close(fd), 0);
	buf_done(&note);
	buf_done(&pem);
	audit_free(a);
}

/* @command finds the folder as $D and the script as $VERIFY_AUDIT. */
static int shell(const char *command)
{
	return forge_shell(command, scene_folder);
}

/* The script's answer contains @expected, and its exit status goes with it. */
static void script_says(const char *expected)
{
	assert_int_equal(setenv("EXPECTED", expected, 1), 0);
	assert_int_equal(
		shell("python3 \"$VERIFY_AUDIT\" --log $D/log.json --checkpoint $D/note.txt"
		      " --vkey $D/vkey.txt > $D/said; s=$?;"
		      " grep -qF \"$EXPECTED\" $D/said || { cat $D/said; exit 9; };"
		      " case \"$EXPECTED\" in ok*) exit $s;; esac; test $s = 1"),
		0);
}

/* Change log.json by a Python statement over `log` (the JSON) with `json` and `base64` at hand. */
static void change(const char *statement)
{
	assert_int_equal(setenv("CHANGE", statement, 1), 0);
	assert_int_equal(shell("python3 -c 'import base64, hashlib, json, os\n"
			       "path = os.environ[\"D\"] + \"/log.json\"\n"
			       "log = json.load(open(path))\n"
			       "e = log[\"entries\"]\n"
			       "exec(os.environ[\"CHANGE\"])\n"
			       "json.dump(log, open(path, \"w\"))'"),
		0);
}

static void openssl_verifies_a_checkpoint(void **state)
{
	(void)state;
	export_record(5, 0);
	assert_int_equal(
		shell("head -n 3 $D/note.txt > $D/body; tail -n 1 $D/note.txt |"
		      " cut -d' ' -f3 | base64 -d | tail -c 64 > $D/sig;"
		      " openssl pkeyutl -verify -rawin -pubin -inkey $D/key.pem -in $D/body"
		      " -sigfile $D/sig > /dev/null"),
		0);
}

static void the_script_verifies_a_whole_export(void **state)
{
	(void)state;
	export_record(37, 0);
	script_says("ok: 37 entries verified");
}

static void the_script_verifies_an_export_that_grew(void **state)
{
	(void)state;
	export_record(9, 4);
	script_says("ok: 9 entries verified, 4 after the checkpoint");
}

static void the_script_verifies_an_empty_export(void **state)
{
	(void)state;
	export_record(0, 0);
	script_says("ok: 0 entries verified");
}

static void the_script_names_what_was_done(void **state)
{
	static const struct {
		const char *change;
		const char *said;
	} cases[] = {
		{"e[7] = e[7].replace('ok', 'no')", "bad: entry 7:"},
		{"e[0] = e[0].replace('1000', '1001')", "bad: entry 0:"},
		{"e[19] = e[19][:-2] + chr(ord(e[19][-2]) ^ 1) + '}'", "bad: entry 19:"},
		{"del e[4]", "bad: entry 4:"},
		{"del e[19]", "bad: entry 19:"},
		{"e[5], e[6] = e[6], e[5]", "bad: entry 5:"},
		{"e.insert(3, e[3])", "bad: entry 4:"},
		{"e.append(e[19])", "bad: entry 20:"},
		{"e[8] = '{'", "bad: entry 8:"},
		{"e[8] = e[8] + ' '", "bad: entry 8:"},
		/* the leaves bent as well: no longer proven, the checkpoints say what they can */
		{"log['leaves'][2] = log['leaves'][3]; e[7] = e[7].replace('ok', 'no')",
			"bad: entry 0: from here on"},
		{"del log['leaves']; e[7] = '{}'", "bad: entry 7:"},
		{"del log['leaves']; e[7] = e[7].replace('ok', 'no')",
			"bad: entry 0: from here on"},
		{"del log['checkpoint']", "bad: the log is not an export"},
		{"log['checkpoint'] = log['checkpoint'].replace('20', '21')",
			"bad: the checkpoint's"},
		{"log['format'] = 2", "bad: the log is not an export"},
		{"log['entries'] = {}", "bad: the log is not an export"},
		{"log['entries'][3] = 3", "bad: the log is not an export"},
	};

	(void)state;
	export_record(20, 0);
	script_says("ok: 20 entries verified");
	assert_int_equal(shell("cp $D/log.json $D/whole.json"), 0);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		assert_int_equal(shell("cp $D/whole.json $D/log.json"), 0);
		change(cases[i].change);
		script_says(cases[i].said);
	}
}

static void the_script_refuses_a_false_checkpoint_or_key(void **state)
{
	static const struct {
		const char *command;
		const char *said;
	} cases[] = {
		{"sed -i 2s/8/9/ $D/note.txt", "bad: the checkpoint's signature"},
		{"sed -i 1s/record/recorf/ $D/note.txt", "bad: the checkpoint is of another"},
		{"sed -i 's/ AA*[^ ]*$/ AAAAAAAA/' $D/note.txt; sed -i '$s/ [^ ]*$/ AAAAAAAA/' "
		 "$D/note.txt",
			"bad: the checkpoint is not signed by this key"},
		{"head -n 3 $D/keep.txt > $D/note.txt", "bad: the checkpoint has no"},
		{"echo x > $D/vkey.txt", "bad: the key is not"},
		{"rm $D/note.txt", "bad: "},
		{"echo x > $D/log.json", "bad: the log is not JSON"},
	};

	(void)state;
	export_record(8, 0);
	assert_int_equal(shell("cp $D/note.txt $D/keep.txt; cp $D/vkey.txt $D/keep.vkey"), 0);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		assert_int_equal(
			shell("cp $D/keep.txt $D/note.txt; cp $D/keep.vkey $D/vkey.txt"), 0);
		assert_int_equal(shell(cases[i].command), 0);
		script_says(cases[i].said);
	}
}

static void the_script_finds_a_record_that_was_rewritten(void **state)
{
	(void)state;
	export_record(10, 0);
	assert_int_equal(
		shell("cp $D/note.txt $D/held.txt; cp $D/vkey.txt $D/held.vkey;"
		      " mkdir $D/old; mv $D/audit.sqlite $D/old; cp $D/audit.key $D/old;"
		      " rm $D/audit.key"),
		0);
	export_record(12, 0); /* another record by another key, longer than the note */
	assert_int_equal(shell("cp $D/held.txt $D/note.txt"), 0);
	script_says("bad: the checkpoint is not signed by this key");
	assert_int_equal(shell("cp $D/held.vkey $D/vkey.txt"), 0);
	script_says(
		"bad: the checkpoint is not signed by this key"); /* the export's own note */
	change("folder = os.environ['D']\n"
	       "log['checkpoint'] = open(folder + '/note.txt').read()");
	script_says("bad: the log is of another record, or of another key");
	change("log['vkey'] = open(os.environ['D'] + '/vkey.txt').read().strip()");
	script_says("bad: entry 0: from here on");
	change("del log['checkpoint']");
	script_says("bad: the log is not an export of format 1");
}

static void the_script_finds_a_record_that_was_rolled_back(void **state)
{
	(void)state;
	export_record(10, 0);
	assert_int_equal(shell("cp $D/log.json $D/early.json"), 0);
	export_record(5, 0); /* goes on to 15 */
	assert_int_equal(shell("cp $D/early.json $D/log.json"), 0);
	script_says("bad: entry 10: the log ends here, the checkpoint covers 15");
}

int main(void)
{
#define test_scene(f) cmocka_unit_test_setup_teardown(f, scene_setup, scene_teardown)
	const struct CMUnitTest tests[] = {
		test_scene(openssl_verifies_a_checkpoint),
		test_scene(the_script_verifies_a_whole_export),
		test_scene(the_script_verifies_an_export_that_grew),
		test_scene(the_script_verifies_an_empty_export),
		test_scene(the_script_names_what_was_done),
		test_scene(the_script_refuses_a_false_checkpoint_or_key),
		test_scene(the_script_finds_a_record_that_was_rewritten),
		test_scene(the_script_finds_a_record_that_was_rolled_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
