/* SPDX-License-Identifier: EUPL-1.2 */
/* What may lie in the folders of anchors, and what makes the load fail and is named. */
#include "daemon/trust/trust.h"
#include "tests/unit/record/failing.h"
#include "tests/unit/record/forge.h"

// clang-format off
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define YEAR ((time_t)365 * 86400)
#define NOW  ((time_t)1764000000)
#define SIM  "FRVDSIMROOT00001"

static char folder[32];
static EVP_PKEY *rsa, *other_rsa, *ec, *other_ec;

static void path_of(char path[128], const char *rest)
{
	assert_true(snprintf(path, 128, "%s/%s", folder, rest) < 128);
}

static int prepare(void **state)
{
	(void)state;
	rsa = forge_rsa(2048);
	other_rsa = forge_rsa(2048);
	ec = forge_ec();
	other_ec = forge_ec();
	return 0;
}

static int clean(void **state)
{
	(void)state;
	EVP_PKEY_free(rsa);
	EVP_PKEY_free(other_rsa);
	EVP_PKEY_free(ec);
	EVP_PKEY_free(other_ec);
	return 0;
}

static int new_folder(void **state)
{
	char path[128];

	(void)state;
	forge_folder(folder);
	path_of(path, "real");
	assert_int_equal(mkdir(path, 0700), 0);
	path_of(path, "simulated");
	return mkdir(path, 0700);
}

static int old_folder(void **state)
{
	(void)state;
	forge_remove(folder);
	return 0;
}

static X509 *authority(const char *cn, EVP_PKEY *key, EVP_PKEY *signer, const char *constraints)
{
	const struct forged_x509 f = {.cn = cn,
		.surname = "authority",
		.ca = true,
		.constraints = constraints,
		.from = NOW - YEAR,
		.until = NOW + YEAR,
		.key = key,
		.issuer_key = signer};

	return forge_x509(&f);
}

static void write_authority(const char *where, const char *cn, EVP_PKEY *key, EVP_PKEY *signer,
	const char *constraints)
{
	X509 *cert = authority(cn, key, signer, constraints);
	char path[128];

	path_of(path, where);
	forge_pem(cert, path);
	X509_free(cert);
}

static void write_text(const char *where, const char *text)
{
	char path[128];

	path_of(path, where);
	forge_file(path, view_str(text));
}

static void write_root(const char *where, const char *name, EVP_PKEY *key, EVP_PKEY *signer)
{
	const struct forged_cvc f = {.car = name,
		.chr = name,
		.from = "200101",
		.until = "391231",
		.role = 0xff,
		.key = key,
		.signer = signer};
	struct buf b = BUF_NULL(CVC_MAX);
	char path[128];

	path_of(path, where);
	forge_cvc(&f, &b);
	forge_file(path, buf_view(&b));
	buf_done(&b);
}

/* The load fails and names @where. */
static void refused(const char *where)
{
	struct trust *t = NULL;
	char path[128], *bad = NULL;

	path_of(path, where);
	assert_int_equal(trust_new(folder, &t, &bad), -EBADMSG);
	assert_null(t);
	assert_string_equal(bad, path);
	free(bad);
	assert_int_equal(trust_new(folder, &t, NULL), -EBADMSG);
}

static struct trust *accepted(void)
{
	struct trust *t = NULL;
	char *bad = NULL;

	assert_int_equal(trust_new(folder, &t, &bad), 0);
	assert_null(bad);
	return t;
}

static void missing_folders_are_empty(void **state)
{
	struct trust *t = NULL;

	(void)state;
	assert_int_equal(trust_new("/tmp/there-is-no-such-folder", &t, NULL), 0);
	assert_int_equal(trust_count(t, NATURE_REAL), 0);
	assert_null(trust_free(t));
	assert_null(trust_free(NULL));
}

struct told {
	unsigned int n, real, simulated;
	uint64_t x509, root;
};

static void take(void *user, const struct trust_anchor *a)
{
	struct told *t = user;

	t->n++;
	t->real += a->nature == NATURE_REAL;
	t->simulated += a->nature == NATURE_SIMULATED;
	if (strcmp(a->subject, SIM) == 0)
		t->root = a->until;
	else if (strstr(a->subject, "CN=REAL"))
		t->x509 = a->until;
}

static void each_anchor_tells_when_it_ends(void **state)
{
	struct told told = {0};
	struct trust *t;

	(void)state;
	write_authority("real/root.pem", "REAL", rsa, rsa, NULL);
	write_root("simulated/sim.cvcert", SIM, ec, ec);
	t = accepted();
	trust_anchors(t, take, &told);
	assert_int_equal(told.n, 2);
	assert_int_equal(told.real, 1);
	assert_int_equal(told.simulated, 1);
	assert_int_equal(told.x509, (uint64_t)(NOW + YEAR) * 1000000U);
	assert_int_equal(told.root, 2208988800ULL * 1000000U);
	assert_null(trust_free(t));
}

static void a_folder_that_is_none_is_a_fault(void **state)
{
	struct trust *t = NULL;
	char path[128];

	(void)state;
	path_of(path, "real");
	assert_int_equal(rmdir(path), 0);
	write_text("real", "a file");
	assert_int_equal(trust_new(folder, &t, NULL), -ENOTDIR);
	assert_null(t);
}

static void other_files_are_passed_over(void **state)
{
	struct trust *t;

	(void)state;
	write_text("real/README", "text");
	write_text("real/.pem", "text"); /* a suffix without a name */
	write_text("real/pem", "text");
	write_authority("real/root.pem", "REAL", rsa, rsa, NULL);
	t = accepted();
	assert_int_equal(trust_count(t, NATURE_REAL), 1);
	assert_null(trust_free(t));
}

static void a_text_that_is_no_certificate_is_named(void **state)
{
	(void)state;
	write_text("real/root.pem", "nothing of the kind\n");
	refused("real/root.pem");
}

static void a_broken_certificate_is_named(void **state)
{
	(void)state;
	write_text("real/root.pem",
		"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
	refused("real/root.pem");
}

static void an_empty_or_a_huge_file_is_named(void **state)
{
	struct buf huge = BUF_NULL(131072);
	char path[128];

	(void)state;
	write_text("simulated/empty.pem", "");
	refused("simulated/empty.pem");
	path_of(path, "simulated/empty.pem");
	assert_int_equal(unlink(path), 0);
	assert_non_null(buf_extend(&huge, 65537));
	path_of(path, "simulated/huge.pem");
	forge_file(path, buf_view(&huge));
	refused("simulated/huge.pem");
	buf_done(&huge);
}

static void what_is_no_file_is_named(void **state)
{
	char path[128];

	(void)state;
	path_of(path, "real/folder.pem");
	assert_int_equal(mkdir(path, 0700), 0);
	refused("real/folder.pem");
}

static void a_link_to_nothing_is_a_fault(void **state)
{
	struct trust *t = NULL;
	char path[128];

	(void)state;
	path_of(path, "real/link.pem");
	assert_int_equal(symlink("nowhere", path), 0);
	assert_int_equal(trust_new(folder, &t, NULL), -ENOENT);
}

static void a_certificate_that_may_sign_none_is_no_anchor(void **state)
{
	(void)state;
	write_authority("real/card.pem", "CARD", rsa, rsa, "CA:FALSE");
	refused("real/card.pem");
}

static void a_root_that_did_not_sign_itself_is_no_anchor(void **state)
{
	(void)state;
	write_authority("real/root.pem", "ROOT", rsa, other_rsa, NULL);
	refused("real/root.pem");
}

static void the_same_anchor_under_two_natures_is_refused(void **state)
{
	X509 *cert = authority("BOTH", rsa, rsa, NULL);
	char path[128];

	(void)state;
	path_of(path, "real/root.pem");
	forge_pem(cert, path);
	path_of(path, "simulated/root.pem");
	forge_pem(cert, path);
	refused("simulated/root.pem");
	X509_free(cert);
}

static void more_anchors_than_the_limit_are_refused(void **state)
{
	X509 *cert = authority("MANY", rsa, rsa, NULL);
	char path[128];

	(void)state;
	path_of(path, "real/many.pem");
	for (int i = 0; i < 40; i++)
		forge_pem(cert, path);
	path_of(path, "real/more.pem");
	for (int i = 0; i < 40; i++)
		forge_pem(cert, path);
	{
		struct trust *t = NULL;

		assert_int_equal(trust_new(folder, &t, NULL), -EBADMSG);
	}
	X509_free(cert);
}

static void a_card_verifiable_root_is_loaded(void **state)
{
	struct trust *t;

	(void)state;
	write_root("simulated/root.cvcert", SIM, ec, ec);
	t = accepted();
	assert_int_equal(trust_count(t, NATURE_SIMULATED), 1);
	assert_non_null(trust_cvc_root(t, NATURE_SIMULATED, SIM));
	assert_null(trust_free(t));
}

static void a_card_verifiable_root_must_have_signed_itself(void **state)
{
	(void)state;
	write_root("simulated/root.cvcert", SIM, ec, other_ec);
	refused("simulated/root.cvcert");
}

static void a_cards_certificate_is_no_root(void **state)
{
	const struct forged_cvc f = {.car = SIM,
		.chr = "FRV1234567800001",
		.from = "200101",
		.until = "391231",
		.key = ec,
		.signer = ec};
	struct buf b = BUF_NULL(CVC_MAX);
	char path[128];

	(void)state;
	path_of(path, "simulated/card.cvcert");
	forge_cvc(&f, &b);
	forge_file(path, buf_view(&b));
	refused("simulated/card.cvcert");
	buf_done(&b);
}

static void bytes_that_are_no_certificate_are_named(void **state)
{
	(void)state;
	write_text("simulated/root.cvcert", "x");
	refused("simulated/root.cvcert");
}

static void a_roots_name_or_key_is_known_once(void **state)
{
	struct trust *t = NULL;
	char path[128];

	(void)state;
	write_root("real/a.cvcert", SIM, ec, ec);
	write_root("simulated/a.cvcert", SIM, other_ec, other_ec); /* the name again */
	refused("simulated/a.cvcert");
	write_root("simulated/a.cvcert", "FRVDOTHERRO00001", ec, ec); /* the key again */
	refused("simulated/a.cvcert");
	write_root("simulated/a.cvcert", "FRVDOTHERRO00001", other_ec, other_ec);
	assert_int_equal(trust_new(folder, &t, NULL), 0);
	t = trust_free(t);
	path_of(path, "simulated/a.cvcert");
	assert_int_equal(unlink(path), 0);
	write_root("real/b.cvcert", SIM, other_ec, other_ec); /* in the same nature as well */
	assert_int_equal(trust_new(folder, &t, NULL), -EBADMSG);
}

static void more_roots_than_the_limit_are_refused(void **state)
{
	struct trust *t = NULL;

	(void)state;
	for (int i = 0; i < 65; i++) {
		char name[32], where[64];
		EVP_PKEY *key = forge_ec();

		assert_true(snprintf(name, sizeof(name), "FRVDROOT%03d00001", i) == 16);
		assert_true(snprintf(where, sizeof(where), "real/%d.cvcert", i) > 0);
		write_root(where, name, key, key);
		EVP_PKEY_free(key);
	}
	assert_int_equal(trust_new(folder, &t, NULL), -EBADMSG);
}

static void memory_that_runs_out_loads_all_or_nothing(void **state)
{
	bool met = true;
	unsigned int n = 0;

	(void)state;
	write_authority("real/root.pem", "REAL", rsa, rsa, NULL);
	write_root("simulated/root.cvcert", SIM, ec, ec);
	for (; met; n++) {
		struct trust *t = NULL;
		char *bad = NULL;
		int r;

		failing_arm(n, false);
		r = trust_new(folder, &t, &bad);
		met = failing_off();
		assert_true(met || r == 0);
		assert_true((r == 0) == (t != NULL));
		if (r == 0)
			assert_int_equal(
				trust_count(t, NATURE_REAL) + trust_count(t, NATURE_SIMULATED),
				2);
		t = trust_free(t);
		free(bad);
	}
	assert_true(n > 30);
}

int main(void)
{
#define test_in_folder(f) cmocka_unit_test_setup_teardown(f, new_folder, old_folder)
	const struct CMUnitTest tests[] = {
		test_in_folder(missing_folders_are_empty),
		test_in_folder(each_anchor_tells_when_it_ends),
		test_in_folder(a_folder_that_is_none_is_a_fault),
		test_in_folder(other_files_are_passed_over),
		test_in_folder(a_text_that_is_no_certificate_is_named),
		test_in_folder(a_broken_certificate_is_named),
		test_in_folder(an_empty_or_a_huge_file_is_named),
		test_in_folder(what_is_no_file_is_named),
		test_in_folder(a_link_to_nothing_is_a_fault),
		test_in_folder(a_certificate_that_may_sign_none_is_no_anchor),
		test_in_folder(a_root_that_did_not_sign_itself_is_no_anchor),
		test_in_folder(the_same_anchor_under_two_natures_is_refused),
		test_in_folder(more_anchors_than_the_limit_are_refused),
		test_in_folder(a_card_verifiable_root_is_loaded),
		test_in_folder(a_card_verifiable_root_must_have_signed_itself),
		test_in_folder(a_cards_certificate_is_no_root),
		test_in_folder(bytes_that_are_no_certificate_are_named),
		test_in_folder(a_roots_name_or_key_is_known_once),
		test_in_folder(more_roots_than_the_limit_are_refused),
		test_in_folder(memory_that_runs_out_loads_all_or_nothing),
	};

	failing_setup();
	return cmocka_run_group_tests(tests, prepare, clean);
}
