/* SPDX-License-Identifier: EUPL-1.2 */
/* The record in good times: entries, proofs, history, export, clocks, keys. */
#include "base/clock.h"
#include "base/hex.h"
#include "daemon/audit/key.h"
#include "tests/unit/audit/scene.h"

// clang-format off
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

/* -- entries ------------------------------------------------------------------------------------ */

static void every_event_has_a_word_of_its_own(void **state)
{
	(void)state;
	assert_string_equal(audit_event_word(AUDIT_EVENT_START), "start");
	assert_string_equal(audit_event_word(AUDIT_EVENT_STORE_REJECTED), "store-rejected");
	for (enum audit_event i = 0; i < AUDIT_EVENT_COUNT; i++) {
		for (enum audit_event j = 0; j < i; j++)
			assert_string_not_equal(audit_event_word(i), audit_event_word(j));
	}
}

static void a_full_entry_is_canonical_json(void **state)
{
	struct audit_entry e = AUDIT_ENTRY_NULL;
	struct audit *a;
	uint64_t index;
	char *text;

	(void)state;
	scene_wall = SCENE_WALL;
	scene_boot = 77;
	scene_boot_id = "0123456789abcdef0123456789abcdef";
	a = scene_open();
	e.event = AUDIT_EVENT_CONSENT;
	e.session = "session/1@0123";
	e.outcome = "ok";
	e.caller_uid = 1000;
	e.caller = ":1.42";
	e.application = "Caf\xc3\xa9 \"1\"";
	e.professional = "899700000123";
	e.structure = "100000000";
	e.pseudonym = SCENE_PERSON;
	e.mode = "normal";
	e.document = "d1";
	e.dossier_version = 3;
	e.dossier_hash = SCENE_HASH;
	e.rule = "author";
	e.details = json_pack("{s:s}", "statement-sha256", SCENE_HASH);
	assert_int_equal(audit_append(a, &e, &index), 0);
	assert_int_equal(index, 0);
	text = scene_entry(a, 0);
	assert_string_equal(text,
		"{\"application\":\"Caf\xc3\xa9 \\\"1\\\"\",\"boot-id\":\"0123456789abcdef"
		"0123456789abcdef\",\"boot-time\":77,\"caller\":\":1.42\",\"caller-uid\":1000,"
		"\"details\":{\"statement-sha256\":\"" SCENE_HASH "\"},\"document\":\"d1\","
		"\"dossier-hash\":\"" SCENE_HASH
		"\",\"dossier-version\":3,\"event\":\"consent\","
		"\"format\":1,\"mode\":\"normal\",\"outcome\":\"ok\",\"professional\":"
		"\"899700000123\",\"pseudonym\":\"" SCENE_PERSON "\",\"rule\":\"author\","
		"\"sequence\":0,\"session\":\"session/1@0123\",\"structure\":\"100000000\","
		"\"time\":1764000000000000}");
	free(text);
	json_decref((json_t *)(uintptr_t)e.details);
	audit_free(a);
}

static void an_entry_without_members_has_its_place_only(void **state)
{
	struct audit_entry e = AUDIT_ENTRY_NULL;
	struct audit *a;
	char *text;

	(void)state;
	scene_wall = SCENE_WALL;
	scene_boot = 1;
	scene_boot_id = "b";
	a = scene_open();
	assert_int_equal(audit_append(a, &e, NULL), 0);
	text = scene_entry(a, 0);
	assert_string_equal(text,
		"{\"boot-id\":\"b\",\"boot-time\":1,\"event\":\"start\",\"format\":1,"
		"\"sequence\":0,\"time\":1764000000000000}");
	free(text);
	audit_free(a);
}

static void an_entry_that_must_not_be_written_is_refused(void **state)
{
	struct audit *a = scene_open();
	json_t *list = json_array(), *real = json_pack("{s:f}", "x", 1.5);
	char *huge = calloc(1, 70000);
	struct audit_entry e[10];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(e); i++)
		e[i] = AUDIT_ENTRY_NULL;
	memset(huge, 'x', 69999);
	e[0].pseudonym = "1234567890123"; /* a number of a person */
	e[1].pseudonym = "00112233445566778899AABBCCDDEEFF00112233445566778899aabbccddeeff";
	e[2].dossier_hash = "00";
	e[3].dossier_hash = SCENE_HASH; /* of no version */
	e[3].pseudonym = SCENE_PERSON;
	e[4].dossier_hash = SCENE_HASH; /* of nobody */
	e[4].dossier_version = 1;
	e[5].application = "\xff\xfe";
	e[6].details = list;
	e[7].details = real;
	e[8].application = huge;
	e[9].pseudonym = "";
	for (size_t i = 0; i < ARRAY_LEN(e); i++) {
		assert_int_equal(audit_append(a, &e[i], NULL), AUDIT_UNAVAILABLE);
		assert_string_equal(audit_cause(a), "invalid entry");
		assert_int_equal(scene_size(a), 0);
	}
	assert_int_equal(scene_append(a, SCENE_PERSON), 0);
	assert_int_equal(scene_size(a), 1);
	assert_string_equal(audit_cause(a), ""); /* it is over */
	json_decref(list);
	json_decref(real);
	free(huge);
	audit_free(a);
}

static void every_entry_is_proved_at_every_size(void **state)
{
	struct audit *a = scene_open();
	struct buf b = BUF_NULL(4096), p = BUF_NULL(4096);

	(void)state;
	for (unsigned int n = 1; n <= 20; n++) {
		scene_fill(a, 1);
		for (unsigned int i = 0; i < n; i++)
			free(scene_entry(a, i));
		assert_int_equal(audit_proof(a, n, &b, &p), AUDIT_NO_ENTRY);
	}
	audit_free(a);
}

static void a_record_goes_on_after_it_was_closed(void **state)
{
	uint8_t before[MERKLE_HASH], after[MERKLE_HASH];
	uint64_t size, bad;
	struct audit *a;

	(void)state;
	for (unsigned int n = 0; n < 40; n += 3) {
		a = scene_open();
		assert_int_equal(scene_size(a), n);
		scene_fill(a, 3);
		audit_head(a, &size, before);
		audit_free(a);
		a = scene_open();
		audit_head(a, &size, after);
		assert_int_equal(size, n + 3);
		assert_memory_equal(before, after, sizeof(before));
		assert_int_equal(audit_verify(a, &bad), 0);
		audit_free(a);
	}
	assert_null(audit_free(NULL));
}

/* -- checkpoints and keys ----------------------------------------------------------------------- */

static void a_checkpoint_is_of_now_and_verifies(void **state)
{
	struct audit *a = scene_open();
	struct buf note = BUF_NULL(4096), again = BUF_NULL(4096), small = BUF_NULL(8);
	uint8_t root[MERKLE_HASH];
	struct checkpoint c;
	uint64_t size;

	(void)state;
	for (unsigned int n = 0; n < 5; n++) {
		buf_reset(&note);
		buf_reset(&again);
		assert_int_equal(audit_checkpoint(a, &note), 0);
		assert_int_equal(audit_checkpoint(a, &again), 0);
		assert_true(view_equal(buf_view(&note), buf_view(&again)));
		assert_int_equal(checkpoint_verify(buf_view(&note), audit_vkey(a), &c), 0);
		audit_head(a, &size, root);
		assert_int_equal(c.size, n);
		assert_int_equal(size, n);
		assert_memory_equal(c.root, root, sizeof(root));
		assert_string_equal(c.origin, SCENE_ORIGIN);
		scene_fill(a, 1);
	}
	assert_int_equal(audit_checkpoint(a, &small), AUDIT_UNAVAILABLE);
	buf_done(&note);
	buf_done(&again);
	audit_free(a);
}

static void the_key_file_is_private_and_stays(void **state)
{
	struct audit *a = scene_open();
	char path[64], *vkey = strdup(audit_vkey(a));
	struct stat st;

	(void)state;
	audit_free(a);
	scene_path(path, "audit.key");
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_size, 32);
	assert_int_equal(st.st_mode & 07777, 0600);
	scene_path(path, "audit.sqlite");
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	scene_path(path, "audit.key.new");
	assert_int_equal(stat(path, &st), -1);
	a = scene_open();
	assert_string_equal(audit_vkey(a), vkey);
	audit_free(a);
	free(vkey);
}

/* one bit of a file's last byte */
static void flip_last(const char *path)
{
	int fd = open(path, O_RDWR | O_CLOEXEC);
	uint8_t last;

	assert_true(fd >= 0);
	assert_int_equal(pread(fd, &last, 1, 31), 1);
	last ^= 1;
	assert_int_equal(pwrite(fd, &last, 1, 31), 1);
	assert_int_equal(close(fd), 0);
}

static void a_key_that_others_read_or_that_is_none_is_refused(void **state)
{
	char path[64], other[64];

	(void)state;
	audit_free(scene_open());
	scene_path(path, "audit.key");
	assert_int_equal(chmod(path, 0640), 0);
	assert_int_equal(scene_open_result(), -EPERM);
	assert_int_equal(chmod(path, 0600), 0);
	assert_int_equal(scene_open_result(), 0);
	flip_last(path);
	assert_int_equal(scene_open_result(), AUDIT_OTHER_KEY);
	assert_int_equal(truncate(path, 31), 0);
	assert_int_equal(scene_open_result(), -EBADMSG);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(scene_open_result(), -EBADMSG); /* the key was taken away */
	assert_int_equal(access(path, F_OK), -1);	 /* and none is made in its place */
	scene_path(other, "elsewhere");
	assert_int_equal(symlink(other, path), 0);
	assert_int_equal(scene_open_result(), -ELOOP);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(mkdir(path, 0700), 0);
	assert_int_equal(scene_open_result(), -EPERM);
}

static void a_key_half_made_before_a_crash_is_no_hindrance(void **state)
{
	char path[64];
	int fd;

	(void)state;
	scene_path(path, "audit.key.new");
	fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	assert_int_equal(close(fd), 0);
	assert_int_equal(scene_open_result(), 0);
	assert_int_equal(access(path, F_OK), -1);
}

static void a_seed_from_a_credential_needs_no_file(void **state)
{
	static const uint8_t seed[32] = {1, 2, 3}, other[32] = {3, 2, 1};
	struct audit *a = NULL;
	char path[64];

	(void)state;
	assert_int_equal(audit_open(scene_folder, SCENE_ORIGIN, VIEW(seed), &a), 0);
	scene_fill(a, 2);
	audit_free(a);
	scene_path(path, "audit.key");
	assert_int_equal(access(path, F_OK), -1);
	assert_int_equal(
		audit_open(scene_folder, SCENE_ORIGIN, VIEW(other), &a), AUDIT_OTHER_KEY);
	assert_int_equal(
		audit_open(scene_folder, SCENE_ORIGIN, view_of(seed, 31), &a), -EINVAL);
	assert_int_equal(audit_open(scene_folder, "no name", VIEW(seed), &a), -EINVAL);
	assert_int_equal(
		audit_open("/tmp/no-such-folder", SCENE_ORIGIN, VIEW(seed), &a), -ENOENT);
	assert_int_equal(audit_open(scene_folder, SCENE_ORIGIN, VIEW(seed), &a), 0);
	assert_int_equal(scene_size(a), 2);
	audit_free(a);
}

static void a_record_keeps_the_origin_that_it_was_made_with(void **state)
{
	static const uint8_t seed[32] = {1, 2, 3}, other[32] = {3, 2, 1};
	char made[CHECKPOINT_ORIGIN_MAX] = "";
	struct audit *a = NULL;

	(void)state;
	assert_int_equal(audit_origin(scene_folder, made), -ENOENT);
	assert_int_equal(audit_open(scene_folder, SCENE_ORIGIN, VIEW(seed), &a), 0);
	scene_fill(a, 2);
	audit_free(a);
	assert_int_equal(
		audit_open(scene_folder, "another/name", VIEW(seed), &a), AUDIT_OTHER_ORIGIN);
	assert_int_equal(audit_origin(scene_folder, made), 0);
	assert_string_equal(made, SCENE_ORIGIN);
	assert_int_equal(
		audit_open(scene_folder, "another/name", VIEW(other), &a), AUDIT_OTHER_KEY);
	scene_sql("UPDATE checkpoint SET note = replace(note, 'vitaled.', 'another.')");
	assert_int_equal(audit_open(scene_folder, "another.example/record", VIEW(seed), &a),
		AUDIT_OTHER_KEY); /* its key's number is made of the name too */
	scene_sql("UPDATE checkpoint SET note = replace(note, 'another.', 'vitaled.')");
	assert_int_equal(audit_open(scene_folder, SCENE_ORIGIN, VIEW(seed), &a), 0);
	assert_int_equal(scene_size(a), 2);
	audit_free(a);
}

static void a_changed_checkpoint_is_damage_under_every_origin(void **state)
{
	static const uint8_t seed[32] = {1, 2, 3};
	struct audit *a = NULL;
	char made[CHECKPOINT_ORIGIN_MAX] = "";

	(void)state;
	assert_int_equal(audit_open(scene_folder, SCENE_ORIGIN, VIEW(seed), &a), 0);
	audit_free(a);
	scene_sql("UPDATE checkpoint SET note = replace(note, char(10) || '0' || char(10), "
		  "char(10) || '1' || char(10))");
	assert_int_equal(audit_open(scene_folder, SCENE_ORIGIN, VIEW(seed), &a), -EBADMSG);
	assert_int_equal(audit_open(scene_folder, "another/name", VIEW(seed), &a), -EBADMSG);
	scene_sql("UPDATE checkpoint SET note = 'nothing'");
	assert_int_equal(audit_open(scene_folder, SCENE_ORIGIN, VIEW(seed), &a), -EBADMSG);
	assert_int_equal(audit_origin(scene_folder, made), -EBADMSG);
	assert_int_equal(audit_origin("/tmp/no-such-folder", made), -ENOENT);
}

static void a_credential_beside_a_key_file_must_be_the_same(void **state)
{
	static const uint8_t other[32] = {3, 2, 1};
	uint8_t seed[32];
	struct audit *a = NULL;
	char path[64];
	int fd;

	(void)state;
	audit_free(scene_open());
	scene_path(path, "audit.key");
	fd = open(path, O_RDONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	assert_int_equal(read(fd, seed, sizeof(seed)), sizeof(seed));
	assert_int_equal(close(fd), 0);
	assert_int_equal(
		audit_open(scene_folder, SCENE_ORIGIN, VIEW(other), &a), AUDIT_OTHER_KEY);
	assert_int_equal(audit_open(scene_folder, SCENE_ORIGIN, VIEW(seed), &a), 0);
	audit_free(a);
	assert_int_equal(chmod(path, 0640), 0);
	assert_int_equal(audit_open(scene_folder, SCENE_ORIGIN, VIEW(seed), &a), -EPERM);
	assert_int_equal(unlink(path), 0); /* now the credential alone has it */
	assert_int_equal(audit_open(scene_folder, SCENE_ORIGIN, VIEW(seed), &a), 0);
	audit_free(a);
}

static void a_key_without_its_record_makes_no_new_one_however_often_it_is_tried(void **state)
{
	char path[64];

	(void)state;
	audit_free(scene_open());
	scene_path(path, "audit.sqlite");
	assert_int_equal(unlink(path), 0);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(scene_open_result(), -EBADMSG);
		assert_int_equal(access(path, F_OK), -1);
	}
}

static void a_record_is_opened_once_at_a_time(void **state)
{
	struct audit *a = scene_open();

	(void)state;
	scene_fill(a, 1);
	assert_int_equal(scene_open_result(), -EBUSY);
	audit_free(a);
	assert_int_equal(scene_open_result(), 0);
}

/* -- history ------------------------------------------------------------------------------------ */

struct seen {
	uint64_t indices[16];
	unsigned int n;
	int answer;
};

static int see(void *user, uint64_t index, const json_t *entry)
{
	struct seen *s = user;

	assert_string_equal(json_get_str(entry, "pseudonym"), SCENE_PERSON);
	assert_true(s->n < ARRAY_LEN(s->indices));
	s->indices[s->n++] = index;
	return s->answer;
}

static void history_is_of_one_person_newest_first(void **state)
{
	struct audit *a = scene_open();
	struct seen s = {0};

	(void)state;
	scene_fill(a, 10); /* 0, 3, 6, 9 are theirs */
	assert_int_equal(audit_history(a, SCENE_PERSON, 100, see, &s), 0);
	assert_int_equal(s.n, 4);
	assert_int_equal(s.indices[0], 9);
	assert_int_equal(s.indices[3], 0);
	s = (struct seen){0};
	assert_int_equal(audit_history(a, SCENE_PERSON, 2, see, &s), 0);
	assert_int_equal(s.n, 2);
	assert_int_equal(s.indices[1], 6);
	s = (struct seen){.answer = -ECANCELED};
	assert_int_equal(audit_history(a, SCENE_PERSON, 100, see, &s), -ECANCELED);
	assert_int_equal(s.n, 1);
	s = (struct seen){.answer = 1}; /* only a fault stops it */
	assert_int_equal(audit_history(a, SCENE_PERSON, 100, see, &s), 0);
	assert_int_equal(s.n, 4);
	s = (struct seen){0};
	assert_int_equal(audit_history(a, SCENE_HASH, 100, see, &s), 0);
	assert_int_equal(s.n, 0);
	assert_int_equal(scene_append(a, SCENE_PERSON), 0); /* reading has ended */
	audit_free(a);
}

static void the_last_version_is_that_of_the_newest_entry_that_names_one(void **state)
{
	struct audit *a = scene_open();
	struct audit_entry e = AUDIT_ENTRY_NULL;
	struct buf expected = BUF_NULL(32);
	uint8_t hash[32] = {0};
	uint64_t version = 99;

	(void)state;
	assert_int_equal(audit_last_version(a, SCENE_PERSON, &version, hash), AUDIT_NO_ENTRY);
	e.event = AUDIT_EVENT_DOCUMENT_ADDED;
	e.pseudonym = SCENE_PERSON;
	e.dossier_version = 1;
	e.dossier_hash = SCENE_OTHER;
	assert_int_equal(audit_append(a, &e, NULL), 0);
	e.dossier_version = 2;
	e.dossier_hash = SCENE_HASH;
	assert_int_equal(audit_append(a, &e, NULL), 0);
	e.dossier_hash = NULL; /* names a version, but not its hash */
	e.dossier_version = 7;
	assert_int_equal(audit_append(a, &e, NULL), 0);
	scene_fill(a, 4);
	assert_int_equal(audit_last_version(a, SCENE_OTHER, &version, hash), AUDIT_NO_ENTRY);
	assert_int_equal(version, 99);
	assert_int_equal(audit_last_version(a, SCENE_PERSON, &version, hash), 0);
	assert_int_equal(version, 2);
	assert_int_equal(hex_decode(&expected, view_str(SCENE_HASH)), 0);
	assert_memory_equal(hash, expected.data, 32);
	buf_done(&expected);
	audit_free(a);
}

/* -- export ------------------------------------------------------------------------------------- */

static void read_all(int fd, struct buf *out)
{
	uint8_t piece[1024];
	ssize_t n;

	assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
	while ((n = read(fd, piece, sizeof(piece))) > 0)
		buf_put(out, piece, (size_t)n);
	assert_int_equal(buf_check(out), 0);
}

static void an_export_is_all_entries_under_its_checkpoint(void **state)
{
	struct audit *a = scene_open();
	struct buf text = BUF_NULL(16 * 1024 * 1024);
	int fd = memfd_create("export", MFD_CLOEXEC);
	struct merkle t = {0};
	struct checkpoint c;
	uint8_t root[MERKLE_HASH];
	json_t *j = NULL, *entries;

	(void)state;
	scene_fill(a, 500); /* more than one write */
	assert_int_equal(audit_export(a, fd), 0);
	read_all(fd, &text);
	assert_int_equal(json_parse(buf_view(&text), &j), 0);
	assert_string_equal(json_get_str(j, "origin"), SCENE_ORIGIN);
	assert_string_equal(json_get_str(j, "vkey"), audit_vkey(a));
	assert_int_equal(
		checkpoint_verify(view_str(json_get_str(j, "checkpoint")), audit_vkey(a), &c),
		0);
	entries = json_object_get(j, "entries");
	assert_int_equal(json_array_size(entries), 500);
	for (size_t i = 0; i < 500; i++) {
		const char *entry = json_string_value(json_array_get(entries, i));
		uint8_t leaf[MERKLE_HASH];

		assert_int_equal(merkle_leaf_hash(view_str(entry), leaf), 0);
		assert_int_equal(merkle_append(&t, leaf, NULL, NULL), 0);
	}
	assert_int_equal(merkle_root(&t, root), 0);
	assert_int_equal(c.size, 500);
	assert_memory_equal(root, c.root, sizeof(root));
	assert_int_equal(scene_append(a, NULL), 0); /* reading has ended */
	json_decref(j);
	buf_done(&text);
	(void)close(fd);
	audit_free(a);
}

static void an_empty_record_exports_as_an_empty_list(void **state)
{
	struct audit *a = scene_open();
	struct buf text = BUF_NULL(65536);
	int fd = memfd_create("export", MFD_CLOEXEC);
	json_t *j = NULL;

	(void)state;
	assert_int_equal(audit_export(a, fd), 0);
	read_all(fd, &text);
	assert_int_equal(json_parse(buf_view(&text), &j), 0);
	assert_int_equal(json_array_size(json_object_get(j, "entries")), 0);
	json_decref(j);
	buf_done(&text);
	(void)close(fd);
	audit_free(a);
}

static void an_export_that_cannot_be_written_is_a_fault(void **state)
{
	struct audit *a = scene_open();
	int fd = open("/dev/full", O_WRONLY | O_CLOEXEC);

	(void)state;
	scene_fill(a, 300);
	assert_int_equal(audit_export(a, fd), -ENOSPC);
	assert_int_equal(audit_export(a, -1), -EBADF);
	assert_int_equal(scene_append(a, NULL), 0);
	(void)close(fd);
	audit_free(a);
}

int main(void)
{
#define test_scene(f) cmocka_unit_test_setup_teardown(f, scene_setup, scene_teardown)
	const struct CMUnitTest tests[] = {
		test_scene(every_event_has_a_word_of_its_own),
		test_scene(a_full_entry_is_canonical_json),
		test_scene(an_entry_without_members_has_its_place_only),
		test_scene(an_entry_that_must_not_be_written_is_refused),
		test_scene(every_entry_is_proved_at_every_size),
		test_scene(a_record_goes_on_after_it_was_closed),
		test_scene(a_checkpoint_is_of_now_and_verifies),
		test_scene(the_key_file_is_private_and_stays),
		test_scene(a_key_that_others_read_or_that_is_none_is_refused),
		test_scene(a_key_half_made_before_a_crash_is_no_hindrance),
		test_scene(a_seed_from_a_credential_needs_no_file),
		test_scene(a_record_keeps_the_origin_that_it_was_made_with),
		test_scene(a_changed_checkpoint_is_damage_under_every_origin),
		test_scene(a_credential_beside_a_key_file_must_be_the_same),
		test_scene(a_key_without_its_record_makes_no_new_one_however_often_it_is_tried),
		test_scene(a_record_is_opened_once_at_a_time),
		test_scene(history_is_of_one_person_newest_first),
		test_scene(the_last_version_is_that_of_the_newest_entry_that_names_one),
		test_scene(an_export_is_all_entries_under_its_checkpoint),
		test_scene(an_empty_record_exports_as_an_empty_list),
		test_scene(an_export_that_cannot_be_written_is_a_fault),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
