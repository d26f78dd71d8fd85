/* SPDX-License-Identifier: EUPL-1.2 */
/* The hands of the doctor: files that are none, folders, programs that hang; clocks, disks, anchors. */
/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <stdnoreturn.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "client/doctor.h"
#include "tests/unit/record/forge.h"

#define DAY 86400

static char root[32];
static struct buf told; /* "found NAME DETAIL\n", "seen WHAT\n" */

static void on_found(void *user _unused_, const char *group _unused_, const char *name,
	const char *detail, const json_t *facts _unused_)
{
	buf_printf(&told, "found %s %s\n", name, detail);
}

static void on_seen(
	void *user _unused_, const char *group _unused_, const char *what, const json_t *facts)
{
	assert_true(json_is_object(facts));
	buf_printf(&told, "seen %s\n", what);
}

static struct doctor doctor(void)
{
	struct doctor d = {.root = root, .found = on_found, .seen = on_seen, .group = ""};

	(void)snprintf(d.anchors, sizeof(d.anchors), "/anchors");
	(void)snprintf(d.state, sizeof(d.state), "/state");
	return d;
}

static const char *all_told(void)
{
	buf_put_u8(&told, 0);
	assert_int_equal(buf_check(&told), 0);
	return (const char *)told.data;
}

static int setup(void **state)
{
	(void)state;
	told = BUF_NULL(65536);
	forge_folder(root);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	forge_remove(root);
	buf_done(&told);
	return 0;
}

static const char *at(const char *name)
{
	static char path[256];

	(void)snprintf(path, sizeof(path), "%s/%s", root, name);
	return path;
}

static void put(const char *name, const char *text)
{
	forge_file(at(name), view_str(text));
}

/* -- reading ----------------------------------------------------------------------------------- */

static void a_file_is_read_whole_or_up_to_its_limit(void **state)
{
	_cleanup_(buf_done) struct buf out = BUF_NULL(DOCTOR_FILE_MAX);
	struct doctor d = doctor();

	(void)state;
	put("a", "abcdef");
	assert_int_equal(doctor_read(&d, "/a", 6, &out), 0);
	assert_true(view_equal(buf_view(&out), VIEW_TEXT("abcdef")));
	buf_reset(&out);
	assert_int_equal(doctor_read(&d, "/a", 5, &out), DOCTOR_ODD);
	assert_true(view_equal(buf_view(&out), VIEW_TEXT("abcde")));
	assert_int_equal(doctor_read(&d, "/b", 5, &out), DOCTOR_ABSENT);
	assert_int_equal(doctor_read(&d, "/a/b", 5, &out), DOCTOR_ABSENT);
}

static void what_is_no_file_is_odd_and_stops_nobody(void **state)
{
	_cleanup_(buf_done) struct buf out = BUF_NULL(DOCTOR_FILE_MAX);
	struct doctor d = doctor();

	(void)state;
	assert_int_equal(mkfifo(at("fifo"), 0600), 0);
	assert_int_equal(symlink("loop", at("loop")), 0);
	assert_int_equal(symlink("/dev/zero", at("zero")), 0);
	assert_int_equal(mkdir(at("folder"), 0700), 0);
	assert_int_equal(doctor_read(&d, "/fifo", 5, &out), DOCTOR_ODD);
	assert_int_equal(doctor_read(&d, "/loop", 5, &out), DOCTOR_ODD);
	assert_int_equal(doctor_read(&d, "/zero", 5, &out), DOCTOR_ODD);
	assert_int_equal(doctor_read(&d, "/folder", 5, &out), DOCTOR_ODD);
	assert_int_equal(out.len, 0);
	assert_int_equal(doctor_there(&d, "/folder"), 0);
	assert_int_equal(doctor_there(&d, "/loop"), DOCTOR_ABSENT);
	assert_int_equal(doctor_there(&d, "/nothing"), DOCTOR_ABSENT);
}

static void a_path_that_is_too_long_is_not_there(void **state)
{
	_cleanup_(buf_done) struct buf out = BUF_NULL(64);
	static char path[2 * DOCTOR_PATH_MAX];
	struct doctor d = doctor();
	json_t *names = NULL;

	(void)state;
	memset(path, '/', sizeof(path) - 1);
	assert_int_equal(doctor_read(&d, path, 5, &out), DOCTOR_ABSENT);
	assert_int_equal(doctor_there(&d, path), DOCTOR_ABSENT);
	assert_int_equal(doctor_names(&d, path, 5, &names), DOCTOR_ABSENT);
	assert_null(names);
}

static void what_may_not_be_read_is_denied_and_not_absent(void **state)
{
	_cleanup_(buf_done) struct buf out = BUF_NULL(64);
	struct doctor d = doctor();
	json_t *names = NULL;
	int status;
	pid_t pid;

	(void)state;
	assert_int_equal(mkdir(at("folder"), 0700), 0);
	put("folder/a", "a");
	assert_int_equal(chmod(at("folder"), 0), 0);
	assert_int_equal(chmod(root, 0755), 0);
	pid = fork(); /* a test may run as root, who may read everything */
	if (pid == 0) {
		bool good = (getuid() != 0 || setresuid(65534, 65534, 65534) == 0) &&
			    doctor_there(&d, "/folder/a") != 0 &&
			    doctor_read(&d, "/folder/a", 5, &out) == DOCTOR_DENIED &&
			    doctor_names(&d, "/folder", 5, &names) == DOCTOR_DENIED;

		_exit(good ? 0 : 1);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(chmod(at("folder"), 0700), 0);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

static void names_are_sorted_without_dots_and_limited(void **state)
{
	struct doctor d = doctor();
	json_t *names = NULL;

	(void)state;
	put("b", "");
	put("a", "");
	put(".c", "");
	put("d\xFF", ""); /* no UTF-8: none of those that anybody looks for */
	assert_int_equal(doctor_names(&d, "/", 9, &names), 0);
	assert_int_equal(json_array_size(names), 2);
	assert_string_equal(json_string_value(json_array_get(names, 0)), "a");
	json_decref(names);
	assert_int_equal(doctor_names(&d, "/", 4, &names), 0);
	json_decref(names);
	assert_int_equal(
		doctor_names(&d, "/", 3, &names), DOCTOR_ODD); /* no more is looked at */
	assert_true(json_array_size(names) <= 2);
	json_decref(names);
	assert_int_equal(doctor_names(&d, "/a", 1, &names), DOCTOR_ABSENT);
}

static void foreign_text_loses_what_is_no_text(void **state)
{
	static const struct {
		const char *bytes;
		const char *text;
	} rows[] = {{"", ""}, {"Zo\xC3\xA9", "Zo\xC3\xA9"}, {"a\nb\x1B[2J\x7F", "a?b?[2J?"},
		{"\xC3", "?"}, {"a\xFF\xC3\xA9", "a???"}};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		json_t *j = doctor_text(view_str(rows[i].bytes));

		assert_string_equal(json_string_value(j), rows[i].text);
		json_decref(j);
	}
}

/* -- processes --------------------------------------------------------------------------------- */

static void say(int fd, void *arg)
{
	(void)dprintf(fd, "%s", (const char *)arg);
}

static void fall(int fd, void *arg)
{
	(void)arg;
	(void)dprintf(fd, "x");
	(void)signal(SIGABRT, SIG_DFL);
	(void)raise(SIGKILL);
}

static noreturn void hang(int fd, void *arg)
{
	(void)fd;
	(void)arg;
	for (;;) {
		(void)pause();
	}
}

static void flood(int fd, void *arg)
{
	(void)arg;
	while (write(fd, "0123456789abcdef", 16) > 0) {
	}
}

static void a_process_says_what_it_says(void **state)
{
	_cleanup_(buf_done) struct buf out = BUF_NULL(64);
	char word[] = "seen";
	int status = -1;

	(void)state;
	assert_int_equal(doctor_child(say, word, &out, &status), 0);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	assert_true(view_equal(buf_view(&out), VIEW_TEXT("seen")));
	assert_int_equal(doctor_child(fall, NULL, &out, &status), 0);
	assert_true(WIFSIGNALED(status));
}

static void a_process_that_hangs_or_floods_is_ended(void **state)
{
	_cleanup_(buf_done) struct buf out = BUF_NULL(1024);
	int status = -1;

	(void)state;
	assert_int_equal(doctor_child(flood, NULL, &out, &status), DOCTOR_LATE);
	buf_reset(&out);
	assert_int_equal(doctor_child(hang, NULL, &out, &status), DOCTOR_LATE);
	assert_int_equal(status, -1);
	assert_int_equal(waitpid(-1, &status, WNOHANG), -1); /* nobody is left */
	assert_int_equal(errno, ECHILD);
}

static void programs_are_found_by_the_library_they_have_loaded(void **state)
{
	static const struct {
		const char *pid;
		const char *comm;
		const char *maps;
	} processes[] = {
		{"12", "scdaemon\n", "7f00 r-xp /usr/lib/libpcsclite.so.1.0.0\n"},
		{"13", "bash\n", "7f00 r-xp /usr/lib/libc.so.6\n"},
		{"14", "vitaled-card\n", "/usr/lib/libpcsclite.so.1\n"},
		{"15", "odd\x1B[2J\n", "/usr/lib/libpcsclite_real.so.1\n"},
		{"self", "me\n", "/usr/lib/libpcsclite.so.1\n"},
		{"1234567890123", "far\n", "/usr/lib/libpcsclite.so.1\n"},
	};
	struct doctor d = doctor();
	unsigned int hidden = 9;
	json_t *list = NULL;

	(void)state;
	assert_int_equal(mkdir(at("proc"), 0700), 0);
	for (size_t i = 0; i < ARRAY_LEN(processes); i++) {
		char name[64];

		(void)snprintf(name, sizeof(name), "proc/%s", processes[i].pid);
		assert_int_equal(mkdir(at(name), 0700), 0);
		(void)snprintf(name, sizeof(name), "proc/%s/comm", processes[i].pid);
		put(name, processes[i].comm);
		(void)snprintf(name, sizeof(name), "proc/%s/maps", processes[i].pid);
		put(name, processes[i].maps);
	}
	assert_int_equal(mkdir(at("proc/99"), 0700), 0); /* it ended under our eyes */
	assert_int_equal(doctor_programs(&d, &list, &hidden), 0);
	assert_int_equal(hidden, 0);
	assert_int_equal(json_array_size(list), 2);
	assert_string_equal(json_get_str(json_array_get(list, 0), "name"), "scdaemon");
	assert_string_equal(json_get_str(json_array_get(list, 1), "name"), "odd?[2J");
	json_decref(list);
	doctor_held(&d, "Reader");
	assert_string_equal(all_told(), "found card-held Reader\n");
}

static void the_release_of_pcscd_is_read_out_of_its_program(void **state)
{
	static const struct {
		const char *bytes;
		const char *version;
	} rows[] = {
		{"", NULL},
		{"pcsc-lite ", NULL},
		{"pcsc-lite 1.9", NULL},
		{"pcsc-lite daemon ready", NULL},
		{"pcsc-lite  daemon ready", NULL},
		{"pcsc-lite %s daemon; pcsc-lite 1.9.9 daemon ready.", "1.9.9"},
		{"pcsc-lite 1111111111222222222233333333334444444444 daemon ready", NULL},
		{"xpcsc-lite 2.3.0 daemon ready\n", "2.3.0"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		json_t *version = doctor_pcscd_version(view_str(rows[i].bytes));

		if (rows[i].version) {
			assert_string_equal(json_string_value(version), rows[i].version);
		} else {
			assert_null(version);
		}
		json_decref(version);
	}
}

/* -- judging ----------------------------------------------------------------------------------- */

static void a_clock_that_was_never_set_is_found_unless_the_service_told(void **state)
{
	struct doctor d = doctor();

	(void)state;
	doctor_judge_clock(&d, 0, false);
	assert_string_equal(all_told(),
		"seen clock\nfound clock-unset 1970-01-01T00:00:00.000000Z\n"
		"found clock-unsynchronised \n");
	buf_reset(&told);
	doctor_judge_clock(&d, 1767225600ULL * USEC_PER_SEC, true);
	d.runs = true;
	doctor_judge_clock(&d, 1, true);
	assert_string_equal(all_told(), "seen clock\nseen clock\n");
}

static void a_disk_that_is_full_or_read_only_is_found(void **state)
{
	struct doctor d = doctor();

	(void)state;
	doctor_judge_disk(&d, "/s", 100ULL * 1024 * 1024, false);
	doctor_judge_disk(&d, "/s", 100ULL * 1024 * 1024 - 1, false);
	doctor_judge_disk(&d, "/s", 0, true);
	assert_string_equal(all_told(), "seen store\nseen store\nfound store-low /s\nseen "
					"store\nfound state-read-only /s\n");
}

/* -- anchors ----------------------------------------------------------------------------------- */

static void put_pem(const char *name, time_t from, time_t until)
{
	EVP_PKEY *key = forge_ec();
	struct forged_x509 f = {.cn = "Authority",
		.ca = true,
		.key = key,
		.issuer_key = key,
		.from = time(NULL) + from,
		.until = time(NULL) + until};
	X509 *cert = forge_x509(&f);

	forge_pem(cert, at(name));
	X509_free(cert);
	EVP_PKEY_free(key);
}

static void put_cvc(const char *name, const char *from, const char *until)
{
	_cleanup_(buf_done) struct buf out = BUF_NULL(4096);
	EVP_PKEY *key = forge_ec();
	struct forged_cvc f = {.car = "FRSIM00000000001",
		.chr = "FRSIM00000000001",
		.from = from,
		.until = until,
		.role = 0xFF,
		.key = key,
		.signer = key,
		.parameters = true};

	forge_cvc(&f, &out);
	forge_file(at(name), buf_view(&out));
	EVP_PKEY_free(key);
}

static void anchors_are_judged_by_their_dates(void **state)
{
	struct doctor d = doctor();
	time_t soon = time(NULL) + 10 * DAY;
	struct tm tm;
	char day[40];

	(void)state;
	assert_non_null(gmtime_r(&soon, &tm));
	(void)snprintf(
		day, sizeof(day), "%02d%02d%02d", tm.tm_year % 100, tm.tm_mon + 1, tm.tm_mday);
	assert_int_equal(mkdir(at("anchors"), 0700), 0);
	assert_int_equal(mkdir(at("anchors/real"), 0700), 0);
	assert_int_equal(mkdir(at("anchors/simulated"), 0700), 0);
	put_pem("anchors/real/1good.pem", -DAY, 400 * DAY);
	put_pem("anchors/real/2old.pem", -9 * DAY, -DAY);
	put_pem("anchors/real/3early.pem", DAY, 400 * DAY);
	put_pem("anchors/real/4soon.pem", -DAY, 10 * DAY);
	put("anchors/real/notes.txt", "not looked at");
	put_cvc("anchors/simulated/1good.cvcert", "260101", "981231");
	put_cvc("anchors/simulated/2old.cvcert", "240101", "250101");
	put_cvc("anchors/simulated/3soon.cvcert", "240101", day);
	doctor_trust(&d);
	doctor_feeders(&d); /* there are none */
	assert_string_equal(all_told(),
		"seen anchor\nseen anchor\nfound anchor-expired /anchors/real/2old.pem\n"
		"seen anchor\nfound anchor-expired /anchors/real/3early.pem\n"
		"seen anchor\nfound anchor-expires /anchors/real/4soon.pem\n"
		"seen anchor\nseen anchor\nfound anchor-expired "
		"/anchors/simulated/2old.cvcert\n"
		"seen anchor\nfound anchor-expires /anchors/simulated/3soon.cvcert\n");
	buf_reset(&told);
	d.runs = true; /* the service tells them by itself */
	doctor_trust(&d);
	assert_null(strstr(all_told(), "found"));
}

static void anchors_of_feeders_are_judged_and_are_no_cards(void **state)
{
	struct doctor d = doctor();

	(void)state;
	assert_int_equal(mkdir(at("anchors"), 0700), 0);
	assert_int_equal(mkdir(at("anchors/feeder"), 0700), 0);
	assert_int_equal(mkdir(at("anchors/feeder/real"), 0700), 0);
	put_pem("anchors/feeder/real/1good.pem", -DAY, 400 * DAY);
	put_pem("anchors/feeder/real/2old.pem", -9 * DAY, -DAY);
	put_pem("anchors/feeder/real/3soon.pem", -DAY, 10 * DAY);
	put("anchors/feeder/real/4none.pem", "x");
	put_cvc("anchors/feeder/real/5card.cvcert", "240101", "250101");
	doctor_trust(&d); /* says nothing of them */
	assert_string_equal(all_told(), "found anchors /anchors\n");
	buf_reset(&told);
	doctor_feeders(&d);
	assert_string_equal(all_told(),
		"seen feeder-anchor\nseen feeder-anchor\n"
		"found feeder-anchor-expired "
		"/anchors/feeder/real/2old.pem\nseen feeder-anchor\n"
		"found feeder-anchors /anchors/feeder/real/4none.pem\n");
	buf_reset(&told);
	d.runs = true;
	doctor_feeders(&d);
	assert_string_equal(
		all_told(), "seen feeder-anchor\nseen feeder-anchor\nseen feeder-anchor\n");
}

static void files_that_are_no_anchors_are_named(void **state)
{
	static const char begin[] =
		"-----BEGIN CERTIFICATE-----\n!!!\n-----END CERTIFICATE-----\n";
	struct doctor d = doctor();

	(void)state;
	assert_int_equal(mkdir(at("anchors"), 0700), 0);
	doctor_trust(&d);
	assert_string_equal(all_told(), "found anchors /anchors\n");
	buf_reset(&told);
	assert_int_equal(mkdir(at("anchors/test"), 0700), 0);
	put("anchors/test/a.pem", "");
	put("anchors/test/b.pem", begin);
	put("anchors/test/c.cvcert", "x");
	assert_int_equal(mkfifo(at("anchors/test/d.pem"), 0600), 0);
	put_pem("anchors/test/e.pem", -DAY, 400 * DAY);
	doctor_trust(&d);
	assert_string_equal(all_told(), "found anchor-broken /anchors/test/a.pem\nfound "
					"anchor-broken /anchors/test/b.pem\n"
					"found anchor-broken /anchors/test/c.cvcert\nfound "
					"anchor-broken /anchors/test/d.pem\n"
					"seen anchor\n");
}

/* entries of a list of rights, little endian: tag, rights, number */
#define ACL	      "\x02\0\0\0"
#define OWNER	      "\x01\0\x06\0\xFF\xFF\xFF\xFF"
#define GROUP(rights) "\x08\0" rights "\0\x15\x01\0\0" /* of the group 277 */
#define MASK(rights)  "\x10\0" rights "\0\xFF\xFF\xFF\xFF"
#define ALLOWS(text)  doctor_acl_allows(view_of(text, sizeof(text) - 1), 277)

static void a_list_of_rights_lets_in_the_group_that_it_names(void **state)
{
	static const char good[] = ACL OWNER GROUP("\x06") MASK("\x06");

	(void)state;
	assert_true(ALLOWS(good));
	assert_false(doctor_acl_allows(view_of(good, sizeof(good) - 1), 276));
	assert_true(ALLOWS(ACL GROUP("\x07")));
	assert_false(ALLOWS(ACL OWNER MASK("\x06")));
	assert_false(ALLOWS(ACL GROUP("\x04") MASK("\x06")));
	assert_false(ALLOWS(ACL GROUP("\x06") MASK("\x04")));
	assert_false(ALLOWS("\x01\0\0\0" GROUP("\x06")));
	assert_false(ALLOWS(ACL GROUP("\x06") "\x10"));
	for (size_t n = 0; n < sizeof(good) - 1; n++) {
		/* without the mask it is whole too */
		assert_int_equal(doctor_acl_allows(view_of(good, n), 277), n == 4 + 2 * 8);
	}
}

#define USER(number, rights) "\x02\0" rights "\0" number "\0\0\0"
#define SHARES(text)	     doctor_acl_shares(view_of(text, sizeof(text) - 1))

static void a_list_of_rights_tells_of_users_besides_root(void **state)
{
	(void)state;
	assert_true(SHARES(ACL OWNER USER("\x09", "\x06") GROUP("\x04") MASK("\x06")));
	assert_true(SHARES(ACL USER("\x08", "\x04") USER("\x09", "\x06") USER("\x0A", "\x04")));
	assert_false(SHARES(ACL OWNER USER("\0", "\x06") GROUP("\x06") MASK("\x06")));
	assert_false(SHARES(ACL OWNER USER("\x09", "\x06") MASK("\x04")));
	assert_false(SHARES(ACL OWNER USER("\x09", "\x04") MASK("\x06")));
	assert_false(SHARES(ACL OWNER GROUP("\x06") MASK("\x06")));
}

int main(void)
{
#define T(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(a_file_is_read_whole_or_up_to_its_limit),
		T(what_is_no_file_is_odd_and_stops_nobody),
		T(a_path_that_is_too_long_is_not_there),
		T(what_may_not_be_read_is_denied_and_not_absent),
		T(names_are_sorted_without_dots_and_limited),
		T(foreign_text_loses_what_is_no_text),
		T(a_process_says_what_it_says),
		T(a_process_that_hangs_or_floods_is_ended),
		T(programs_are_found_by_the_library_they_have_loaded),
		T(the_release_of_pcscd_is_read_out_of_its_program),
		T(a_clock_that_was_never_set_is_found_unless_the_service_told),
		T(a_disk_that_is_full_or_read_only_is_found),
		T(anchors_are_judged_by_their_dates),
		T(anchors_of_feeders_are_judged_and_are_no_cards),
		T(files_that_are_no_anchors_are_named),
		T(a_list_of_rights_lets_in_the_group_that_it_names),
		T(a_list_of_rights_tells_of_users_besides_root),
	};
#undef T

	return cmocka_run_group_tests(tests, NULL, NULL);
}
