/* SPDX-License-Identifier: EUPL-1.2 */
/* Contents by descriptor: what is kept is what was checked. */
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
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "client/content.h"

#define HELLO_SHA256 "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"
#define EMPTY_SHA256 "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
#define SEALS	     (F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE)

static uint64_t soon(void)
{
	return clock_monotonic() + 5 * USEC_PER_SEC;
}

/* a pipe whose read end holds @text and then ends */
static int pipe_of(const char *text)
{
	int ends[2];

	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	assert_int_equal(write(ends[1], text, strlen(text)), (ssize_t)strlen(text));
	close(ends[1]);
	return ends[0];
}

static int memfd_of(const char *text, int seals)
{
	int fd = memfd_create("test", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	assert_true(seals == 0 || fcntl(fd, F_ADD_SEALS, seals) == 0);
	return fd;
}

static void a_pipe_is_read_to_its_end_and_hashed(void **state _unused_)
{
	struct content c = CONTENT_NULL;
	int fd = pipe_of("hello");

	assert_int_equal(content_read(fd, soon(), &c), 0);
	close(fd);
	assert_int_equal(c.size, 5);
	assert_memory_equal(c.map, "hello", 5);
	assert_string_equal(c.sha256, HELLO_SHA256);
	content_done(&c);
	assert_null(c.map);
	fd = pipe_of("");
	assert_int_equal(content_read(fd, soon(), &c), 0);
	close(fd);
	assert_int_equal(c.size, 0);
	assert_string_equal(c.sha256, EMPTY_SHA256);
	content_done(&c);
}

static void a_pipe_that_does_not_end_is_late(void **state _unused_)
{
	struct content c = CONTENT_NULL;
	int ends[2];

	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	assert_int_equal(write(ends[1], "x", 1), 1);
	assert_int_equal(content_read(ends[0], clock_monotonic() + 20000, &c), CONTENT_LATE);
	assert_null(c.map);
	close(ends[0]);
	close(ends[1]);
}

static void only_sealed_memfds_are_believed(void **state _unused_)
{
	static const int weak[] = {0, F_SEAL_SHRINK, F_SEAL_SHRINK | F_SEAL_GROW, F_SEAL_WRITE};
	struct content c = CONTENT_NULL;
	int fd;

	for (size_t i = 0; i < ARRAY_LEN(weak); i++) {
		fd = memfd_of("hello", weak[i]);
		assert_int_equal(content_memfd(fd, 100, &c), CONTENT_SEALS);
		close(fd);
	}
	fd = pipe_of("hello");
	assert_int_equal(content_memfd(fd, 100, &c), CONTENT_SEALS);
	close(fd);
	fd = memfd_of("hello", SEALS);
	assert_int_equal(content_memfd(fd, 4, &c), CONTENT_LARGE);
	/* its offset stands at the end: read from the start all the same */
	assert_int_equal(content_memfd(fd, 5, &c), 0);
	assert_string_equal(c.sha256, HELLO_SHA256);
	content_done(&c);
	close(fd);
}

static void contents_are_checked_against_size_and_hash(void **state _unused_)
{
	struct content c = CONTENT_NULL;
	int fd = pipe_of("hello");

	const struct {
		const char *facts;
		int outcome;
	} rows[] = {
		{"{\"size\":5,\"sha256\":\"" HELLO_SHA256 "\"}", 0},
		{"{\"size\":4,\"sha256\":\"" HELLO_SHA256 "\"}", CONTENT_SIZE},
		{"{\"size\":6,\"sha256\":\"" HELLO_SHA256 "\"}", CONTENT_SIZE},
		{"{\"size\":5,\"sha256\":\"" EMPTY_SHA256 "\"}", CONTENT_HASH},
		{"{\"size\":5,\"sha256\":\"\"}", CONTENT_HASH},
		{"{\"size\":5}", CONTENT_FACTS},
		{"{\"sha256\":\"" HELLO_SHA256 "\"}", CONTENT_FACTS},
		{"{\"size\":\"5\",\"sha256\":\"" HELLO_SHA256 "\"}", CONTENT_FACTS},
		{"{\"size\":-5,\"sha256\":\"" HELLO_SHA256 "\"}", CONTENT_FACTS},
		{"[]", CONTENT_FACTS},
	};

	assert_int_equal(content_read(fd, soon(), &c), 0);
	close(fd);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		json_t *facts = NULL;

		assert_int_equal(json_parse(view_str(rows[i].facts), &facts), 0);
		assert_int_equal(content_check(&c, facts), rows[i].outcome);
		assert_true(rows[i].outcome == 0 || content_explain(rows[i].outcome)[0]);
		json_decref(facts);
	}
	content_done(&c);
}

static void files_are_saved_for_their_owner_and_never_over_others(void **state _unused_)
{
	char path[] = "/tmp/vitaled-content-XXXXXX";
	char name[64];
	struct content c = CONTENT_NULL;
	struct stat st;

	assert_non_null(mkdtemp(path));
	(void)snprintf(name, sizeof(name), "%s/a", path);
	assert_int_equal(content_save(VIEW_TEXT("hello"), name), 0);
	assert_int_equal(stat(name, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_int_equal(content_file(name, &c), 0);
	assert_string_equal(c.sha256, HELLO_SHA256);
	content_done(&c);
	assert_int_equal(content_save(VIEW_TEXT("other"), name), -EEXIST);
	assert_int_equal(content_file(name, &c), 0);
	assert_string_equal(c.sha256, HELLO_SHA256);
	content_done(&c);
	assert_int_equal(unlink(name), 0);
	assert_int_equal(symlink("/tmp/elsewhere", name), 0);
	assert_true(content_save(VIEW_TEXT("x"), name) < 0);
	assert_int_equal(unlink(name), 0);
	assert_int_equal(content_file(name, &c), -ENOENT);
	assert_int_equal(content_save(VIEW_TEXT("x"), "/nowhere/at/all"), -ENOENT);
	assert_int_equal(rmdir(path), 0);
}

/* a pipe whose read end holds @len bytes of 'x', then @end, and then ends */
static int long_pipe(size_t len, struct view end)
{
	_cleanup_(buf_done) struct buf bytes = BUF_NULL(65536);
	int ends[2];

	while (bytes.len < len) {
		buf_put_u8(&bytes, 'x');
	}
	buf_put_view(&bytes, end);
	assert_true(bytes.len <= 65536);
	assert_int_equal(buf_check(&bytes), 0);
	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	assert_int_equal(write(ends[1], bytes.data, bytes.len), (ssize_t)bytes.len);
	close(ends[1]);
	return ends[0];
}

static void put_little(struct buf *out, uint64_t v, unsigned int n)
{
	for (unsigned int i = 0; i < n; i++) {
		buf_put_u8(out, i < 8 ? (uint8_t)(v >> (8 * i)) : 0);
	}
}

/* The end record of APPNOTE 4.3.16, without a comment. */
static void put_end(struct buf *out, uint64_t at, uint64_t length)
{
	buf_put_view(out, VIEW_TEXT("PK\005\006"));
	put_little(out, 0, 8);
	put_little(out, length, 4);
	put_little(out, at, 4);
	put_little(out, 0, 2);
}

/* ... and those of 4.3.14 and 4.3.15 before it; the record stands at @end */
static void put_end_64(struct buf *out, uint64_t at, uint64_t length, uint64_t end)
{
	buf_put_view(out, VIEW_TEXT("PK\006\006"));
	put_little(out, 44, 8);
	put_little(out, 0, 28);
	put_little(out, length, 8);
	put_little(out, at, 8);
	buf_put_view(out, VIEW_TEXT("PK\006\007"));
	put_little(out, 0, 4);
	put_little(out, end, 8);
	put_little(out, 1, 4);
	put_end(out, UINT32_MAX, UINT32_MAX);
}

static void tell(void *user, uint64_t size)
{
	uint64_t *so_far = user;

	assert_true(size > *so_far);
	*so_far = size;
}

static int archived(struct view bytes)
{
	uint64_t told;
	char path[] = "/tmp/vitaled-content-XXXXXX";
	uint64_t size = 0;
	char name[64];
	int fd = long_pipe(0, bytes);
	int r;

	assert_non_null(mkdtemp(path));
	(void)snprintf(name, sizeof(name), "%s/a.zip", path);
	told = 0;
	r = content_archive(fd, name, USEC_PER_SEC, tell, &told, &size);
	assert_true(r != 0 || told == size); /* every byte, at the latest at the end */
	close(fd);
	assert_int_equal(access(name, F_OK), r == 0 ? 0 : -1);
	assert_true(r != 0 || (size == bytes.len && unlink(name) == 0));
	assert_int_equal(rmdir(path), 0);
	return r;
}

static struct buf of_bytes(size_t n)
{
	struct buf b = BUF_NULL(65536);

	while (b.len < n) {
		buf_put_u8(&b, 'x');
	}
	return b;
}

/* What is stored may be a ZIP: where the export breaks off behind it, its end is not the export's. */
static void an_archive_that_broke_off_behind_a_document_that_is_one_is_not_kept(
	void **state _unused_)
{
	_cleanup_(buf_done) struct buf b = of_bytes(300);

	put_end(&b, 200, 60); /* of a document of 260 bytes and its end, which began at 40 */
	assert_int_equal(archived(buf_view(&b)), CONTENT_CUT);
	buf_done(&b);
	b = of_bytes(300);
	put_end(&b, 240, 60);
	assert_int_equal(archived(buf_view(&b)), 0);
	buf_put_u8(&b, 0); /* something behind the end */
	assert_int_equal(archived(buf_view(&b)), CONTENT_CUT);
	buf_done(&b);
	b = of_bytes(300);
	put_end(&b, UINT32_MAX, UINT32_MAX); /* with nothing of 64 bits before it */
	assert_int_equal(archived(buf_view(&b)), CONTENT_CUT);
}

static void a_large_archive_has_an_end_of_64_bits(void **state _unused_)
{
	static const struct {
		uint64_t at;
		uint64_t length;
		uint64_t end;
		int r;
	} rows[] = {
		{240, 60, 300, 0},
		{300, 0, 300, 0},
		{200, 60, 260, CONTENT_CUT}, /* a document's, which began at 40 */
		{240, 60, 260, CONTENT_CUT},
		{240, 61, 300, CONTENT_CUT},
		{241, 60, 300, CONTENT_CUT},
		{UINT64_MAX, 301, 300, CONTENT_CUT},
		{301, UINT64_MAX, 300, CONTENT_CUT},
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		_cleanup_(buf_done) struct buf b = of_bytes(300);

		put_end_64(&b, rows[i].at, rows[i].length, rows[i].end);
		assert_int_equal(archived(buf_view(&b)), rows[i].r);
	}
}

static void an_archive_that_broke_off_is_not_kept(void **state _unused_)
{
	static const struct {
		size_t len;
		size_t cut; /* bytes of the end record that are missing */
		int r;
	} rows[] = {
		{0, 0, 0},
		{40000, 0, 0},
		{40000, 1, CONTENT_CUT},
		{40000, 22, CONTENT_CUT},
		{0, 22, CONTENT_CUT},
		{0, 1, CONTENT_CUT},
	};

	char path[] = "/tmp/vitaled-content-XXXXXX";
	char name[64];
	struct stat st;
	int ends[2];

	assert_non_null(mkdtemp(path));
	(void)snprintf(name, sizeof(name), "%s/a.zip", path);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		_cleanup_(buf_done) struct buf end = BUF_NULL(22);
		uint64_t size = 0;
		int fd;

		put_end(&end, rows[i].len, 0);
		assert_int_equal(end.len, 22);
		fd = long_pipe(rows[i].len, view_sub(buf_view(&end), 0, 22 - rows[i].cut));

		assert_int_equal(
			content_archive(fd, name, USEC_PER_SEC, NULL, NULL, &size), rows[i].r);
		close(fd);
		assert_int_equal(stat(name, &st), rows[i].r == 0 ? 0 : -1);
		if (rows[i].r == 0) {
			assert_int_equal(size, rows[i].len + 22);
			assert_int_equal((uint64_t)st.st_size, size);
			assert_int_equal(st.st_mode & 0777, 0600);
			assert_int_equal(
				content_archive(-1, name, USEC_PER_SEC, NULL, NULL, &size),
				-EEXIST);
			assert_int_equal(unlink(name), 0);
		}
	}
	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	assert_int_equal(content_archive(ends[0], name, 20000, NULL, NULL, &(uint64_t){0}),
		CONTENT_LATE);
	close(ends[0]);
	close(ends[1]);
	assert_int_equal(rmdir(path), 0);
}

static void each_outcome_is_explained(void **state _unused_)
{
	for (int i = CONTENT_LARGE; i <= CONTENT_CUT; i++) {
		assert_true(strlen(content_explain(i)) > 5);
	}
	assert_string_equal(content_explain(0), "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_pipe_is_read_to_its_end_and_hashed),
		cmocka_unit_test(a_pipe_that_does_not_end_is_late),
		cmocka_unit_test(only_sealed_memfds_are_believed),
		cmocka_unit_test(contents_are_checked_against_size_and_hash),
		cmocka_unit_test(files_are_saved_for_their_owner_and_never_over_others),
		cmocka_unit_test(an_archive_that_broke_off_is_not_kept),
		cmocka_unit_test(
			an_archive_that_broke_off_behind_a_document_that_is_one_is_not_kept),
		cmocka_unit_test(a_large_archive_has_an_end_of_64_bits),
		cmocka_unit_test(each_outcome_is_explained),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
