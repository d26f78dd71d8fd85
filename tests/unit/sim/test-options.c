/* SPDX-License-Identifier: EUPL-1.2 */
/* drivers/sim/options.h: both forms of the command line. */
#include <string.h>
#include <unistd.h>

#include "drivers/sim/options.h"
#include "tests/unit/sim/scene.h"

static int parse(const char *const *words, struct options *ret)
{
	static char copies[16][256]; /* the options borrow them */
	char *argv[16];
	int argc = 0;

	for (; words[argc]; argc++) {
		snprintf(copies[argc], sizeof(copies[argc]), "%s", words[argc]);
		argv[argc] = copies[argc];
	}
	argv[argc] = NULL;
	return options_parse(argc, argv, ret);
}

static void both_forms_are_understood(void **state)
{
	static const char *const serve[] = {"vitale-sim", "--socket", "r", "--control", "c",
		"--state", "s", "--clock", "--slot0", "a", "--slot1", "b", "--ready-fd", "7",
		NULL};
	static const char *const personalise[] = {"vitale-sim", "personalise", "--out", "o",
		"--nature", "test", "--profiles", "p", "x", NULL};
	struct options o;

	(void)state;
	assert_int_equal(parse(serve, &o), 0);
	assert_string_equal(o.server.reader_socket, "r");
	assert_string_equal(o.server.control_socket, "c");
	assert_string_equal(o.server.state_dir, "s");
	assert_true(o.server.clocked);
	assert_string_equal(o.slots[0], "a");
	assert_string_equal(o.slots[1], "b");
	assert_int_equal(o.ready_fd, 7);
	options_done(&o);
	assert_int_equal(parse(personalise, &o), 0);
	assert_true(o.personalise);
	assert_string_equal(o.job.dir, "o");
	assert_string_equal(o.job.nature, "test");
	assert_string_equal(o.job.profiles, "p");
}

static void readers_and_keypads_are_understood(void **state)
{
	static const char *const some[] = {"vitale-sim", "--socket", "r", "--state", "s",
		"--readers", "2,1+1", "--keypad", "3", "--keypad", "0", "--slot3", "x", NULL};
	static const char *const all[] = {"vitale-sim", "--socket", "r", "--state", "s",
		"--keypad", "all", "--readers", "2,2,2,2", "--slot7", "y", NULL};
	struct options o;

	(void)state;
	assert_int_equal(parse(some, &o), 0);
	assert_string_equal(o.server.readers, "2,1+1");
	assert_int_equal(o.server.keypads, 0x9);
	assert_string_equal(o.slots[3], "x");
	assert_int_equal(parse(all, &o), 0);
	assert_int_equal(o.server.keypads, 0xFF);
	assert_string_equal(o.slots[7], "y");
}

static void what_is_wrong_is_said(void **state)
{
	static const char *const rows[][8] = {
		{"vitale-sim"},
		{"vitale-sim", "--state", "s"},
		{"vitale-sim", "--socket", "r"},
		{"vitale-sim", "--socket", "r", "--state", "s", "more"},
		{"vitale-sim", "--socket", "r", "--state", "s", "--ready-fd", "x"},
		{"vitale-sim", "--socket", "r", "--state", "s", "--ready-fd", ""},
		{"vitale-sim", "--socket", "r", "--state", "s", "--ready-fd", "777"},
		{"vitale-sim", "--socket", "r", "--state", "s", "--trace", "/nonexistent/t"},
		{"vitale-sim", "--socket", "r", "--state", "s", "--slot2", "x"},
		{"vitale-sim", "--socket", "r", "--state", "s", "--keypad", "2"},
		{"vitale-sim", "--socket", "r", "--state", "s", "--keypad", "9"},
		{"vitale-sim", "--socket", "r", "--state", "s", "--keypad", "some"},
		{"vitale-sim", "--socket", "r", "--state", "s", "--readers", "3"},
		{"vitale-sim", "--fly"},
		{"vitale-sim", "personalise"},
		{"vitale-sim", "personalise", "--out", "o"},
		{"vitale-sim", "personalise", "x"},
		{"vitale-sim", "personalise", "--clock"},
	};
	struct options o;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		const char *words[9] = {0};

		for (size_t w = 0; w < 8; w++)
			words[w] = rows[i][w];
		assert_int_equal(parse(words, &o), OPTIONS_USAGE);
	}
}

static void help_and_version_are_printed(void **state)
{
	static const char *const rows[][3] = {
		{"vitale-sim", "--help"}, {"vitale-sim", "--version"}};
	struct options o;

	(void)state;
	assert_int_equal(parse(rows[0], &o), OPTIONS_DONE);
	assert_int_equal(parse(rows[1], &o), OPTIONS_DONE);
}

static void personalising_reports_each_kind_of_trouble(void **state)
{
	static const char *const none[] = {NULL};
	char good[] = "vitale-1", absent[] = "nobody", broken[256];
	char *profiles[2] = {good, NULL};
	struct scene scene;
	struct options o = {.job = {.nature = "simulated", .profiles = TEST_PROFILES},
		.profiles = profiles};

	(void)state;
	scene_make(&scene, none);
	o.job.dir = scene.dir;
	assert_int_equal(options_personalise(&o), 0);
	profiles[0] = absent;
	assert_int_equal(options_personalise(&o), OPTIONS_USAGE);
	snprintf(broken, sizeof(broken), "%s/broken.json", scene.dir);
	assert_int_equal(state_write_file(broken, VIEW_TEXT("{}"), 0600), 0);
	profiles[0] = broken;
	assert_int_equal(options_personalise(&o), OPTIONS_USAGE);
	o.job.nature = "real";
	snprintf(broken, sizeof(broken), "vitale-single");
	assert_int_equal(options_personalise(&o), OPTIONS_USAGE);
	o.job.nature = "simulated";
	o.job.dir = "/nonexistent/dir";
	assert_true(options_personalise(&o) < 0);
	scene_done(&scene);
}

static void a_trace_is_opened(void **state)
{
	static const char *const none[] = {NULL};
	struct scene scene;
	struct options o;
	char path[128];

	(void)state;
	scene_make(&scene, none);
	snprintf(path, sizeof(path), "%s/trace", scene.dir);
	const char *const words[] = {
		"vitale-sim", "--socket", "r", "--state", "s", "--trace", path, NULL};

	assert_int_equal(parse(words, &o), 0);
	assert_non_null(o.server.trace);
	options_done(&o);
	assert_null(o.server.trace);
	assert_int_equal(access(path, F_OK), 0);
	scene_done(&scene);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(both_forms_are_understood),
		cmocka_unit_test(readers_and_keypads_are_understood),
		cmocka_unit_test(what_is_wrong_is_said),
		cmocka_unit_test(help_and_version_are_printed),
		cmocka_unit_test(personalising_reports_each_kind_of_trouble),
		cmocka_unit_test(a_trace_is_opened),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
