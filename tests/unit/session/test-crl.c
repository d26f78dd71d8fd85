/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * daemon/session/crl.h with the real vitaled-crl: the folder comes, changes and goes, files of every
 * kind, findings.
 */
#include "daemon/limits.h"
#include "tests/unit/record/failing.h"
#include "tests/unit/session/crl-scene.h"

// clang-format off
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* -- the folder --------------------------------------------------------------------------------- */

static void without_lists_all_is_unknown_and_said(void **state)
{
	(void)state;
	scene_start(TEST_REAL);
	scene_settle();
	assert_int_equal(scene.changes, 1);
	assert_int_equal(scene_ask(), TRUST_REVOCATION_UNKNOWN);
	scene_finds(NO_LIST);
}

static void lists_are_read_at_the_start_and_when_they_change(void **state)
{
	const char *const with[] = {scene.serial, NULL};
	struct forged_list f = scene_list_of("7", NULL);
	char from[512], to[512];

	(void)state;
	scene_put_list("persons.crl", &f);
	scene_put_text("README", "no list");
	scene_put_text(".hidden.crl", "no list");
	scene_start(TEST_REAL);
	scene_await(1);
	assert_int_equal(scene_ask(), TRUST_REVOCATION_GOOD);
	scene_finds(NO_TEST_LIST);
	scene_finds_at((uint64_t)(f.until + 1) * USEC_PER_SEC,
		NO_TEST_LIST "crl-expired simulated VITALED SIMULATED PERSONS\n");
	f = scene_list_of("8", with);
	scene_put_list("new", &f);
	scene_path_of(from, "new");
	scene_path_of(to, "persons.crl");
	assert_int_equal(rename(from, to), 0);
	scene_await(2);
	assert_int_equal(scene_ask(), TRUST_REVOCATION_REVOKED);
	f = scene_list_of("7", NULL);
	scene_put_list("older.crl", &f); /* beside it */
	scene_await(3);
	assert_int_equal(scene_ask(), TRUST_REVOCATION_REVOKED);
	scene_finds(NO_TEST_LIST "crl-rejected older.crl older\n");
	assert_int_equal(unlink(to), 0); /* what is known to be revoked is not forgotten */
	scene_await(4);
	assert_int_equal(scene_ask(), TRUST_REVOCATION_REVOKED);
}

static void a_file_that_did_not_change_is_not_read_again(void **state)
{
	struct forged_list f = scene_list_of("7", NULL);

	(void)state;
	scene_put_list("persons.crl", &f);
	scene_start(TEST_REAL);
	scene_await(1);
	scene_put_text("README", "no list");
	for (unsigned int i = 0; i < 20 && !crls_reading(scene.crls); i++)
		assert_true(sd_event_run(scene.ev, 100 * USEC_PER_MS) >= 0);
	assert_true(crls_reading(scene.crls)); /* it was looked at */
	scene_settle();
	assert_int_equal(scene.changes, 1); /* without news */
}

static void a_folder_may_come_later_go_and_come_back(void **state)
{
	struct forged_list f = scene_list_of("7", NULL);

	(void)state;
	assert_int_equal(rmdir(scene.config.crl), 0);
	scene_start(TEST_REAL);
	scene_await(1);
	scene_finds(NO_LIST);
	assert_int_equal(forge_shell("touch \"$D\"/other && mkdir \"$D\"/else", scene.base), 0);
	assert_int_equal(mkdir(scene.config.crl, 0700), 0);
	scene_put_list("persons.crl", &f);
	scene_await(2);
	assert_int_equal(scene_ask(), TRUST_REVOCATION_GOOD);
	assert_int_equal(forge_shell("rm -r \"$D\"/crl", scene.base), 0);
	scene_await(3);
	assert_int_equal(scene_ask(), TRUST_REVOCATION_GOOD);
	f = scene_list_of("6", NULL);
	assert_int_equal(forge_shell("mkdir \"$D\"/new", scene.base), 0);
	assert_int_equal(forge_shell("mv \"$D\"/new \"$D\"/crl", scene.base), 0);
	scene_put_list("persons.crl", &f);
	scene_await(4);
	scene_finds(NO_TEST_LIST "crl-rejected persons.crl older\n");
}

static void a_folder_without_parent_is_looked_for(void **state)
{
	struct forged_list f = scene_list_of("7", NULL);

	(void)state;
	assert_true(snprintf(scene.config.crl, sizeof(scene.config.crl), "%s/later/crl",
			    scene.base) > 0);
	scene.hourly = 700 * USEC_PER_MS;
	scene_start(TEST_REAL);
	scene_await(1);
	assert_int_equal(forge_shell("mkdir -p \"$D\"/later/crl", scene.base), 0);
	scene_put_list("persons.crl", &f);
	scene_await(2);
	assert_int_equal(scene_ask(), TRUST_REVOCATION_GOOD);
}

static void a_folder_that_is_none_is_said(void **state)
{
	(void)state;
	assert_int_equal(rmdir(scene.config.crl), 0);
	forge_file(scene.config.crl, VIEW_TEXT("a file"));
	scene_start(TEST_REAL);
	scene_await(1);
	scene_finds(NO_LIST "crl-failed unreadable\n");
}

static void more_files_than_the_limit_are_said(void **state)
{
	(void)state;
	for (unsigned int i = 0; i <= LIMIT_CRL_FILES; i++) {
		char name[32];

		assert_true(snprintf(name, sizeof(name), "%u.crl", i) > 0);
		scene_put_text(name, "no list");
	}
	scene_start(TEST_REAL);
	scene_await(1);
	{
		struct buf found = BUF_NULL(65536);

		crls_state(scene.crls, clock_wall(), scene_note, &found);
		buf_put_u8(&found, 0);
		assert_non_null(strstr((const char *)found.data, "crl-failed too-many\n"));
		assert_non_null(strstr((const char *)found.data, ".crl malformed\n"));
		buf_done(&found);
	}
}

static void a_folder_full_of_other_things_is_said(void **state)
{
	(void)state;
	assert_int_equal(forge_shell("cd \"$D\"/crl && seq 5000 | xargs touch", scene.base), 0);
	scene_start(TEST_REAL);
	scene_await(1);
	scene_finds(NO_LIST "crl-failed too-many\n");
}

/* -- files -------------------------------------------------------------------------------------- */

static void every_file_that_is_no_list_of_ours_is_named(void **state)
{
	struct forged_list f = scene_list_of("7", NULL);
	char path[512], to[512];

	(void)state;
	scene_put_text("a-text.pem", "no list");
	scene_put_text("b-empty.crl", "");
	scene_put_text("c odd.crl", "no list");
	scene_path_of(path, "d-folder.crl");
	assert_int_equal(mkdir(path, 0700), 0);
	scene_path_of(path, "e-link.crl");
	scene_path_of(to, "a-text.pem");
	assert_int_equal(symlink(to, path), 0);
	scene_path_of(path, "f-fifo.crl");
	assert_int_equal(mkfifo(path, 0600), 0);
	scene_put_text("g-huge.crl", "");
	scene_path_of(path, "g-huge.crl");
	assert_int_equal(truncate(path, (off_t)LIMIT_CRL_BYTES + 1), 0);
	f.delta = "6";
	scene_put_list("h-delta.crl", &f);
	f = scene_list_of("7", NULL);
	f.point = "critical,indirectCRL:TRUE";
	scene_put_list("i-indirect.crl", &f);
	f.point = "critical,onlyCA:TRUE";
	scene_put_list("j-partial.crl", &f);
	f = scene_list_of("7", NULL);
	f.extension = "1.2.3.4";
	scene_put_list("k-unsupported.crl", &f);
	f = scene_list_of("7", NULL);
	f.key = pki.stranger_key;
	scene_put_list("l-false.crl", &f);
	f.issuer = scene.card;
	scene_put_list("m-stranger.crl", &f);
	f = scene_list_of("7", NULL);
	f.digest = "SHA1";
	scene_put_list("n-weak.crl", &f);
	f = scene_list_of("7", NULL);
	f.from = scene.now + 3600;
	scene_put_list("o-early.crl", &f);
	scene_put_text("p-locked.pem",
		"-----BEGIN X509 CRL-----\nProc-Type: 4,ENCRYPTED\n"
		"DEK-Info: AES-128-CBC,00000000000000000000000000000000\n\n"
		"AAAA\n-----END X509 CRL-----\n");
	scene_start(TEST_REAL);
	scene_await(1);
	assert_int_equal(scene_ask(), TRUST_REVOCATION_UNKNOWN);
	scene_finds(NO_LIST
		"crl-rejected a-text.pem malformed\n"
		"crl-rejected b-empty.crl malformed\n"
		"crl-rejected c?odd.crl name\n"
		"crl-rejected d-folder.crl no-file\n"
		"crl-rejected e-link.crl no-file\n"
		"crl-rejected f-fifo.crl no-file\n"
		"crl-rejected g-huge.crl large\n"
		"crl-rejected h-delta.crl delta\n"
		"crl-rejected i-indirect.crl indirect\n"
		"crl-rejected j-partial.crl partial\n"
		"crl-rejected k-unsupported.crl unsupported\n"
		"crl-rejected l-false.crl false\n"
		"crl-rejected m-stranger.crl stranger\n"
		"crl-rejected n-weak.crl weak\n"
		"crl-rejected o-early.crl early\n"
		"crl-rejected p-locked.pem malformed\n"); /* nobody is asked for its password */
}

static void an_early_list_is_taken_when_its_time_has_come(void **state)
{
	struct forged_list f = scene_list_of("7", NULL);

	(void)state;
	f.from = (time_t)(clock_wall() / USEC_PER_SEC) + 2;
	scene_put_list("early.crl", &f);
	scene.hourly = 300 * USEC_PER_MS;
	scene_start(TEST_REAL);
	scene_settle();
	scene_finds(NO_LIST "crl-rejected early.crl early\n");
	while (scene_ask() == TRUST_REVOCATION_UNKNOWN)
		assert_true(sd_event_run(scene.ev, 100 * USEC_PER_MS) >= 0);
	assert_int_equal(scene_ask(), TRUST_REVOCATION_GOOD);
	scene_settle();
	scene_finds(NO_TEST_LIST);
}

static void a_list_of_many_pieces_arrives_whole(void **state)
{
	struct forged_list f = scene_list_of("7", NULL);

	(void)state;
	f.many = 7001;
	scene_put_list("many.crl", &f);
	scene_start(TEST_REAL);
	scene_await(1);
	scene_finds(NO_TEST_LIST);
	assert_int_equal(scene_ask(), TRUST_REVOCATION_GOOD);
}

/* A whole authority by the command line, as an administrator would have it. */
static void lists_of_the_openssl_command_are_read(void **state)
{
	static const char make[] =
		"cd \"$D\" && mkdir -p ca/simulated && : > ca/index && echo 01 > ca/number && "
		"printf '[ca]\\ndefault_ca=a\\n[a]\\ndatabase=ca/index\\ncrlnumber=ca/number\\n"
		"default_md=sha256\\ndefault_crl_days=30\\ncrl_extensions=e\\n[e]\\n"
		"authorityKeyIdentifier=keyid\\n' > ca/conf && "
		"openssl req -x509 -newkey rsa:2048 -nodes -keyout ca/key -days 30 "
		"-subj '/C=FR/CN=COMMAND LINE' -addext keyUsage=critical,keyCertSign,cRLSign "
		"-out ca/simulated/ca.pem 2>ca/log && "
		"openssl req -new -newkey rsa:2048 -nodes -keyout ca/k -subj /CN=x -out ca/req "
		"2>ca/log && openssl x509 -req -in ca/req -CA ca/simulated/ca.pem -CAkey "
		"ca/key "
		"-set_serial 4242 -out ca/cert 2>ca/log && "
		"openssl ca -config ca/conf -keyfile ca/key -cert ca/simulated/ca.pem "
		"-revoke ca/cert 2>ca/log && "
		"openssl ca -config ca/conf -keyfile ca/key -cert ca/simulated/ca.pem -gencrl "
		"-out crl/list.pem 2>ca/log && "
		"openssl x509 -in ca/cert -outform DER -out ca/der && "
		"openssl x509 -req -in ca/req -CA ca/simulated/ca.pem -CAkey ca/key "
		"-set_serial 4243 -outform DER -out ca/der2 2>ca/log";
	struct buf der = BUF_NULL(8192);
	char path[64];

	(void)state;
	assert_int_equal(forge_shell(make, scene.base), 0);
	trust_free(pki.trust);
	pki.trust = NULL;
	assert_true(snprintf(path, sizeof(path), "%s/ca", scene.base) > 0);
	assert_int_equal(trust_new(path, &pki.trust, NULL), 0);
	scene_start(TEST_REAL);
	scene_await(1);
	scene_finds("");
	for (unsigned int i = 0; i < 2; i++) {
		FILE *file;
		uint8_t piece[2048];

		assert_true(snprintf(path, sizeof(path), "%s/ca/der%s", scene.base,
				    i ? "2" : "") > 0);
		file = fopen(path, "rb");
		assert_non_null(file);
		buf_reset(&der);
		buf_put(&der, piece, fread(piece, 1, sizeof(piece), file));
		assert_int_equal(fclose(file), 0);
		assert_int_equal(scene_ask_of(buf_view(&der)),
			i ? TRUST_REVOCATION_GOOD : TRUST_REVOCATION_REVOKED);
	}
	buf_done(&der);
}

#define SCENE(test) cmocka_unit_test_setup_teardown(test, scene_set, scene_strike)

int main(void)
{
	const struct CMUnitTest tests[] = {
		SCENE(without_lists_all_is_unknown_and_said),
		SCENE(lists_are_read_at_the_start_and_when_they_change),
		SCENE(a_file_that_did_not_change_is_not_read_again),
		SCENE(a_folder_may_come_later_go_and_come_back),
		SCENE(a_folder_without_parent_is_looked_for),
		SCENE(a_folder_that_is_none_is_said),
		SCENE(more_files_than_the_limit_are_said),
		SCENE(a_folder_full_of_other_things_is_said),
		SCENE(every_file_that_is_no_list_of_ours_is_named),
		SCENE(an_early_list_is_taken_when_its_time_has_come),
		SCENE(a_list_of_many_pieces_arrives_whole),
		SCENE(lists_of_the_openssl_command_are_read),
	};

	failing_setup();
	if (scene_block_sigchld() < 0)
		return 1;
	return cmocka_run_group_tests(tests, scene_prepare, scene_clean);
}
