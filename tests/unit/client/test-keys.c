/* SPDX-License-Identifier: EUPL-1.2 */
/* Keys and anchors of a checker. */
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
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "client/content.h"
#include "client/keys.h"
#include "record/checkpoint.h"

static char folder[] = "/tmp/vitaled-keys-XXXXXX";

static int setup(void **state _unused_)
{
	return mkdtemp(folder) ? 0 : -1;
}

static int teardown(void **state _unused_)
{
	return rmdir(folder);
}

static void put(const char *name, const char *text)
{
	char path[128];

	(void)snprintf(path, sizeof(path), "%s/%s", folder, name);
	assert_int_equal(content_save(view_str(text), path), 0);
}

static void drop(const char *name)
{
	char path[128];

	(void)snprintf(path, sizeof(path), "%s/%s", folder, name);
	assert_int_equal(remove(path), 0);
}

static char *vkey(void)
{
	static const uint8_t seed[CHECKPOINT_KEY] = {1};
	struct buf out = BUF_NULL(4096);
	char *s;

	assert_int_equal(checkpoint_vkey("a.example/record", VIEW(seed), &out), 0);
	s = buf_take_str(&out);
	assert_non_null(s);
	return s;
}

static void a_vkey_is_taken_as_text_or_from_a_file(void **state _unused_)
{
	char *key = vkey();
	char path[128];
	char line[512];
	char *got = NULL;

	assert_int_equal(keys_vkey(key, &got), 0);
	assert_string_equal(got, key);
	free(got);
	(void)snprintf(line, sizeof(line), "%s\r\nsecond line\n", key);
	put("key", line);
	(void)snprintf(path, sizeof(path), "%s/key", folder);
	assert_int_equal(keys_vkey(path, &got), 0);
	assert_string_equal(got, key);
	free(got);
	drop("key");
	free(key);
}

static void what_is_no_vkey_is_refused(void **state _unused_)
{
	static const char *const wrong[] = {"", "nonsense", "a+b+c", "a+00000000+AAAA"};
	char path[128];
	char *got = NULL;

	(void)snprintf(path, sizeof(path), "%s/key", folder);
	for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
		put("key", wrong[i]);
		assert_int_equal(keys_vkey(path, &got), KEYS_INVALID);
		drop("key");
	}
	assert_int_equal(keys_vkey("/nowhere/key", &got), -ENOENT);
	assert_null(got);
}

static void pem_anchors_of_a_nature_come_as_one_file(void **state _unused_)
{
	struct keys_anchors k = KEYS_ANCHORS_NULL;
	struct content c = CONTENT_NULL;
	char path[128];
	char text[64] = "";

	assert_int_equal(keys_anchors(folder, "test", NULL, &k), KEYS_NONE);
	(void)snprintf(path, sizeof(path), "%s/test", folder);
	assert_int_equal(mkdir(path, 0700), 0);
	assert_int_equal(keys_anchors(folder, "test", NULL, &k), KEYS_NONE);
	put("test/a.pem", "one");
	put("test/b.pem", "two");
	put("test/c.txt", "three");
	put("test/.pem", "four");
	put("test/d.cvcert", "no certificate");
	assert_int_equal(keys_anchors(folder, "test", "FRVDSIMROOT00001", &k), 0);
	assert_false(k.has_root);
	assert_int_equal(content_file(k.pem_path, &c), 0);
	assert_int_equal(c.size, 8);
	assert_int_equal(view_copy_str(content_view(&c), text, sizeof(text)), 0);
	assert_true(strcmp(text, "one\ntwo\n") == 0 || strcmp(text, "two\none\n") == 0);
	content_done(&c);
	keys_anchors_done(&k);
	assert_int_equal(k.pem, -1);
	/* another nature is another set */
	assert_int_equal(keys_anchors(folder, "real", NULL, &k), KEYS_NONE);
	drop("test/a.pem");
	drop("test/b.pem");
	drop("test/c.txt");
	drop("test/.pem");
	drop("test/d.cvcert");
	drop("test");
}

static void an_anchor_that_is_too_large_is_a_fault(void **state _unused_)
{
	struct keys_anchors k = KEYS_ANCHORS_NULL;
	static char large[70000];

	for (size_t i = 0; i + 1 < sizeof(large); i++) {
		large[i] = 'x';
	}
	put("a.pem", large);
	assert_int_equal(keys_anchors(folder, "", NULL, &k), -EFBIG);
	drop("a.pem");
	for (size_t i = 0; i + 1 < 2000; i++) {
		large[i] = 'y';
	}
	large[2000] = '\0';
	assert_int_equal(keys_anchors(large, "real", NULL, &k), -ENAMETOOLONG);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_vkey_is_taken_as_text_or_from_a_file),
		cmocka_unit_test(what_is_no_vkey_is_refused),
		cmocka_unit_test(pem_anchors_of_a_nature_come_as_one_file),
		cmocka_unit_test(an_anchor_that_is_too_large_is_a_fault),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
