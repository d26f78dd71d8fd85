/* SPDX-License-Identifier: EUPL-1.2 */
/* The pieces of a receipt as files, and what the openssl program alone says of them. */
#include "tests/unit/record/failing.h"
#include "tests/unit/record/receipt-world.h"

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
#include <unistd.h>

/* The disk: the call after @left others fails; or writes take a byte at a time. */
static struct {
	bool armed;
	bool met;
	bool slow;
	unsigned int left;
} disk;

ssize_t __real_write(int fd, const void *data, size_t len);
ssize_t __wrap_write(int fd, const void *data, size_t len);
int __real_close(int fd);
int __wrap_close(int fd);

static bool disk_refuses(void)
{
	if (!disk.armed || disk.met)
		return false;
	if (disk.left > 0) {
		disk.left--;
		return false;
	}
	disk.met = true;
	errno = ENOSPC;
	return true;
}

ssize_t __wrap_write(int fd, const void *data, size_t len)
{
	static unsigned int turn;

	if (disk_refuses())
		return -1;
	if (disk.slow && turn++ % 2 == 0) {
		errno = EINTR;
		return -1;
	}
	return __real_write(fd, data, disk.slow && len > 1 ? len / 2 : len);
}

int __wrap_close(int fd)
{
	bool refused = disk_refuses();
	int r = __real_close(fd); /* a failed close has closed all the same */

	return refused ? -1 : r;
}

static int out_folder(char path[64])
{
	int fd;

	assert_true(snprintf(path, 64, "%s/out-XXXXXX", world.folder) < 64);
	assert_non_null(mkdtemp(path));
	fd = open(path, O_DIRECTORY | O_RDONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	return fd;
}

static void openssl_alone_verifies_the_pieces(void **state)
{
	struct made m = world_usual();
	json_t *whole = world_make(&m);
	char folder[64];
	int fd = out_folder(folder);
	struct receipt r;

	(void)state;
	assert_int_equal(world_parse(whole, &r), 0);
	assert_int_equal(receipt_extract(&r, fd), 0);
	assert_int_equal(
		forge_shell("openssl cms -verify -inform DER -in $D/professional.cms -binary "
			    "-content $D/statement.json -CAfile $D/../anchors.pem -attime "
			    "1764000000 "
			    "-out $D/verified.json 2>/dev/null",
			folder),
		0);
	assert_int_equal(forge_shell("cmp $D/verified.json $D/statement.json", folder), 0);
	assert_int_equal(forge_shell("openssl dgst -sha256 -verify $D/presence.pem -signature "
				     "$D/presence.sig $D/presence.bin >/dev/null",
				 folder),
		0);
	assert_int_equal(forge_shell("openssl x509 -noout -in $D/professional.pem", folder), 0);
	assert_int_equal(forge_shell("test $(stat -c %s $D/presence.bin) = 40", folder), 0);
	assert_int_equal(forge_shell("grep -q statement-sha256 $D/entry.json", folder), 0);
	assert_int_equal(forge_shell("grep -q vitaled.example $D/checkpoint.txt", folder), 0);
	/* a second time nothing is overwritten */
	assert_int_equal(receipt_extract(&r, fd), -EEXIST);
	assert_int_equal(forge_shell("openssl x509 -noout -in $D/professional.pem", folder), 0);
	assert_int_equal(receipt_extract(&r, -1), -EBADF);
	(void)close(fd);
	receipt_done(&r);
	json_decref(whole);
}

static void a_file_that_is_in_the_way_leaves_the_folder_as_it_was(void **state)
{
	struct made m = world_usual();
	json_t *whole = world_make(&m);
	char folder[64];
	int fd = out_folder(folder);
	struct receipt r;

	(void)state;
	assert_int_equal(world_parse(whole, &r), 0);
	assert_int_equal(forge_shell("echo mine > $D/presence.pem", folder), 0);
	assert_int_equal(receipt_extract(&r, fd), -EEXIST);
	assert_int_equal(
		forge_shell("test \"$(ls $D)\" = presence.pem && grep -q mine $D/presence.pem",
			folder),
		0);
	(void)close(fd);
	receipt_done(&r);
	json_decref(whole);
}

static void pieces_that_are_not_there_are_not_written(void **state)
{
	struct made m = world_usual();
	json_t *whole;
	char folder[64];
	int fd = out_folder(folder);
	struct receipt r;

	(void)state;
	json_object_set_new(m.statement, "professional", json_null());
	m.kiosk = true;
	m.alone = true;
	m.proof = "none";
	whole = world_make(&m);
	assert_int_equal(world_parse(whole, &r), 0);
	assert_int_equal(receipt_extract(&r, fd), 0);
	assert_int_equal(forge_shell("test $(ls $D | wc -l) = 3", folder), 0);
	(void)close(fd);
	receipt_done(&r);
	json_decref(whole);
}

static void parts_that_do_not_parse_are_not_extracted(void **state)
{
	static const struct {
		const char *in;
		const char *member;
		const char *value;
		int outcome;
	} changes[] = {
		{"professional", "cms", "AAAA", RECEIPT_PROFESSIONAL},
		{"patient", "certificate", "AAAA", RECEIPT_PATIENT},
		{"patient", "signature", "AAAA", RECEIPT_PATIENT},
		{"patient", "certificate", "", RECEIPT_PATIENT},
		{"audit", "entry", "!", RECEIPT_MALFORMED},
	};

	char folder[64];
	int fd = out_folder(folder);

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(changes); i++) {
		struct made m = world_usual();
		json_t *whole = world_make(&m);
		struct receipt r;

		json_object_set_new(json_object_get(whole, changes[i].in), changes[i].member,
			json_string(changes[i].value));
		assert_int_equal(world_parse(whole, &r), 0);
		assert_int_equal(receipt_extract(&r, fd), changes[i].outcome);
		assert_int_equal(forge_shell("test -z \"$(ls $D)\"", folder), 0);
		receipt_done(&r);
		json_decref(whole);
	}
	(void)close(fd);
}

/* Every piece but the last is written, then the disk is full. */
static void a_disk_that_is_full_leaves_nothing_behind(void **state)
{
	struct made m = world_usual();
	json_t *whole = world_make(&m);
	char folder[64];
	int fd = out_folder(folder);
	struct receipt r;
	unsigned int n = 0;

	(void)state;
	assert_int_equal(world_parse(whole, &r), 0);
	for (disk.met = true; disk.met; n++) {
		int k;

		disk.met = false;
		disk.left = n;
		disk.armed = true;
		k = receipt_extract(&r, fd);
		disk.armed = false;
		assert_true(k == (disk.met ? -ENOSPC : 0));
		if (disk.met)
			assert_int_equal(forge_shell("test -z \"$(ls $D)\"", folder), 0);
	}
	assert_int_equal(n, 8 * 2 + 1); /* eight files, written and closed */
	(void)close(fd);
	receipt_done(&r);
	json_decref(whole);
}

static void a_write_that_takes_a_part_or_is_interrupted_goes_on(void **state)
{
	struct made m = world_usual();
	json_t *whole = world_make(&m);
	char folder[64];
	int fd = out_folder(folder);
	struct receipt r;

	(void)state;
	assert_int_equal(world_parse(whole, &r), 0);
	disk.slow = true;
	assert_int_equal(receipt_extract(&r, fd), 0);
	disk.slow = false;
	assert_int_equal(forge_shell("test $(stat -c %s $D/presence.bin) = 40", folder), 0);
	(void)close(fd);
	receipt_done(&r);
	json_decref(whole);
}

static void memory_that_runs_out_extracts_nothing(void **state)
{
	struct made m = world_usual();
	json_t *whole = world_make(&m);
	struct receipt r;
	bool met = true;

	(void)state;
	assert_int_equal(world_parse(whole, &r), 0);
	for (unsigned int n = 0; met; n++) {
		int k;

		failing_arm(n, false);
		k = receipt_extract(&r, -1);
		met = failing_off();
		assert_true(k == -EBADF || (met && k != 0));
	}
	receipt_done(&r);
	json_decref(whole);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(openssl_alone_verifies_the_pieces),
		cmocka_unit_test(a_file_that_is_in_the_way_leaves_the_folder_as_it_was),
		cmocka_unit_test(pieces_that_are_not_there_are_not_written),
		cmocka_unit_test(parts_that_do_not_parse_are_not_extracted),
		cmocka_unit_test(a_disk_that_is_full_leaves_nothing_behind),
		cmocka_unit_test(a_write_that_takes_a_part_or_is_interrupted_goes_on),
		cmocka_unit_test(memory_that_runs_out_extracts_nothing),
	};

	failing_setup();
	json_setup();
	return cmocka_run_group_tests(tests, world_prepare, world_clean);
}
