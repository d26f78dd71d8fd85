/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * What changes documents, through the dossier's program without its filter: replacing, archiving,
 * deleting. Each change is one version.
 */
#include "tests/unit/dossier/bench.h"

/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/dossier/store/query.h"
#include "tests/unit/dossier/faults.h"

static const char *shown(struct bench *b, const char *id, const char *member)
{
	static char text[64];
	_cleanup_json_ json_t *row = bench_shown(b, id);
	const char *value = json_get_str(row, member);

	(void)snprintf(text, sizeof(text), "%s", value ? value : "");
	return text;
}

static size_t flags_of(struct bench *b, const char *id)
{
	_cleanup_json_ json_t *row = bench_shown(b, id);

	return json_array_size(json_object_get(row, "flags"));
}

/* -- replacing ---------------------------------------------------------------------------------- */

static void replacement_keeps_the_chain_in_one_version(void **state)
{
	struct bench *b = *state;
	uint64_t before;
	char one[37];
	char two[37];
	char three[37];

	assert_int_equal(bench_add(b, VIEW_TEXT("1"), "", one), 0);
	before = bench_version(b);
	assert_int_equal(bench_replace(b, one, VIEW_TEXT("2"), "", two), 0);
	assert_int_equal(bench_version(b), before + 1);
	assert_int_equal(bench_replace(b, two, VIEW_TEXT("3"), "", three), 0);
	bench_again(b);
	assert_string_equal(shown(b, one, "status"), "replaced");
	assert_string_equal(shown(b, one, "replaced-by"), two);
	assert_string_equal(shown(b, one, "replaces"), "");
	assert_string_equal(shown(b, two, "status"), "replaced");
	assert_string_equal(shown(b, two, "replaces"), one);
	assert_string_equal(shown(b, three, "status"), "active");
	assert_string_equal(shown(b, three, "replaces"), two);
	/* an older one can still be read */
	assert_int_equal(bench_ask_with(b, DOSSIER_OP_READ, LINK_TAG_ID, one), 0);
}

static void only_an_active_document_is_replaced(void **state)
{
	struct bench *b = *state;
	uint64_t before;
	char one[37];
	char two[37];
	char id[37];

	assert_int_equal(bench_add(b, VIEW_TEXT("1"), "", one), 0);
	assert_int_equal(bench_replace(b, one, VIEW_TEXT("2"), "", two), 0);
	before = bench_version(b);
	assert_int_equal(bench_replace(b, one, VIEW_TEXT("3"), "", id), DOSSIER_WRONG_STATE);
	assert_int_equal(
		bench_replace(b, BENCH_STRANGER, VIEW_TEXT("3"), "", id), DOSSIER_NO_DOCUMENT);
	assert_int_equal(bench_replace(b, "", VIEW_TEXT("3"), "", id), DOSSIER_NO_DOCUMENT);
	assert_int_equal(bench_status(b, two, "archived"), 0);
	assert_int_equal(bench_replace(b, two, VIEW_TEXT("3"), "", id), DOSSIER_WRONG_STATE);
	assert_int_equal(bench_status(b, two, "deleted"), 0);
	assert_int_equal(bench_replace(b, two, VIEW_TEXT("3"), "", id), DOSSIER_WRONG_STATE);
	assert_int_equal(b->h.store.version, before + 2);
}

static void replacement_whose_content_lies_changes_nothing(void **state)
{
	_cleanup_(buf_done) struct buf body = BUF_NULL(4096);
	struct bench *b = *state;
	int ends[2];
	int fds[2];
	char one[37];

	assert_int_equal(bench_add(b, VIEW_TEXT("1"), "", one), 0);
	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	fds[0] = ends[0];
	fds[1] = bench_metadata(VIEW_TEXT("2"), "");
	tlv_put_str(&body, LINK_TAG_FACTS, BENCH_AUTHOR);
	tlv_put_str(&body, LINK_TAG_ID, one);
	bench_send(b, DOSSIER_OP_REPLACE, &body, fds, 2);
	assert_int_equal(write(ends[1], "3", 1), 1);
	close(ends[0]);
	close(ends[1]);
	assert_int_equal(bench_next(b), DOSSIER_MISMATCH);
	fds[0] = fds[1];
	bench_send(b, DOSSIER_OP_REPLACE, &body, fds, 1);
	assert_int_equal(
		bench_next(b), DOSSIER_FAULT); /* one descriptor: a bug of the broker */
	close(fds[1]);
	bench_again(b);
	assert_int_equal(b->h.store.version, 2);
	assert_string_equal(shown(b, one, "status"), "active");
}

static void chain_is_hidden_and_shown_as_one(void **state)
{
	struct bench *b = *state;
	char one[37];
	char two[37];
	char three[37];
	uint64_t before;

	assert_int_equal(bench_add(b, VIEW_TEXT("1"), "", one), 0);
	/* the new one is masked: so is the one before */
	assert_int_equal(
		bench_replace(b, one, VIEW_TEXT("2"), ",\"flags\":[\"masque_ps\"]", two), 0);
	assert_int_equal(flags_of(b, one), 1);
	/* a third that says nothing of flags takes them over */
	assert_int_equal(bench_replace(b, two, VIEW_TEXT("3"), "", three), 0);
	assert_int_equal(flags_of(b, three), 1);
	assert_int_equal(bench_ask_flag(b, one, "masque_ps", false), DOSSIER_WRONG_STATE);
	before = b->h.store.version;
	assert_int_equal(bench_ask_flag(b, three, "masque_ps", false), 0);
	assert_int_equal(bench_version(b), before + 1);
	assert_int_equal(flags_of(b, one) + flags_of(b, two) + flags_of(b, three), 0);
	assert_int_equal(bench_ask_flag(b, three, "invisible_patient", true), 0);
	bench_again(b);
	assert_int_equal(flags_of(b, one) + flags_of(b, two) + flags_of(b, three), 3);
}

static void weighing_a_replacement_tells_its_flags_and_whether_it_may_be(void **state)
{
	_cleanup_(buf_done) struct buf body = BUF_NULL(4096);
	_cleanup_json_ json_t *rows = NULL;
	struct bench *b = *state;
	int fd = bench_metadata(VIEW_TEXT("x"), "");
	char one[37];
	struct tlv t;

	assert_int_equal(bench_add(b, VIEW_TEXT("1"), ",\"flags\":[\"masque_ps\"]", one), 0);
	tlv_put_str(&body, LINK_TAG_FACTS, BENCH_AUTHOR);
	tlv_put_str(&body, LINK_TAG_ID, one);
	bench_send(b, DOSSIER_OP_WEIGH, &body, &fd, 1);
	assert_int_equal(bench_next(b), 0);
	assert_int_equal(tlv_find(b->answer.body, LINK_TAG_ROWS, &t), 0);
	assert_int_equal(json_parse(t.value, &rows), 0);
	assert_string_equal(json_string_value(json_array_get(
				    json_object_get(json_array_get(rows, 0), "flags"), 0)),
		"masque_ps");
	assert_int_equal(bench_status(b, one, "deleted"), 0);
	bench_send(b, DOSSIER_OP_WEIGH, &body, &fd, 1);
	assert_int_equal(bench_next(b), DOSSIER_WRONG_STATE);
	close(fd);
}

static void chain_that_leads_nowhere_is_damage(void **state)
{
	static const char *const befores[] = {BENCH_STRANGER, BENCH_STRANGER "0"};
	struct bench *b = *state;
	char one[37];

	for (size_t i = 0; i < ARRAY_LEN(befores); i++) {
		struct store_document d = STORE_DOCUMENT_NULL;
		json_t *record;

		assert_int_equal(bench_add(b, VIEW_TEXT("1"), "", one), 0);
		assert_int_equal(store_get(&b->h.store, one, &d), 0);
		assert_int_equal(document_parse(buf_view(&d.record), &record), 0);
		json_object_set_new(record, "replaces", json_string(befores[i]));
		assert_int_equal(document_text(record, &d.record), 0);
		json_decref(record);
		assert_int_equal(store_begin(&b->h.store), 0);
		assert_int_equal(store_replace(&b->h.store, &d), 0);
		assert_int_equal(store_commit(&b->h.store), 0);
		store_document_done(&d);
		assert_int_equal(bench_ask_flag(b, one, "masque_ps", true), DOSSIER_DAMAGED);
		assert_int_equal(bench_status(b, one, "deleted"), DOSSIER_DAMAGED);
		bench_again(b);
		assert_string_equal(shown(b, one, "status"), "active");
		assert_int_equal(flags_of(b, one), 0);
	}
}

/* -- archive ------------------------------------------------------------------------------------ */

static void archived_document_is_listed_apart_and_comes_back(void **state)
{
	_cleanup_json_ json_t *active = NULL;
	_cleanup_json_ json_t *archived = NULL;
	struct bench *b = *state;
	uint64_t before;
	char one[37];

	assert_int_equal(bench_add(b, VIEW_TEXT("1"), "", one), 0);
	before = bench_version(b);
	assert_int_equal(bench_status(b, one, "archived"), 0);
	assert_int_equal(bench_version(b), before + 1);
	assert_int_equal(bench_status(b, one, "archived"), 0); /* said twice, done once */
	assert_int_equal(bench_version(b), before + 1);
	active = bench_rows(b, "{}", NULL);
	archived = bench_rows(b, "{\"status\":\"archived\"}", NULL);
	assert_int_equal(json_array_size(active), 0);
	assert_int_equal(json_array_size(archived), 1);
	assert_int_equal(bench_ask_with(b, DOSSIER_OP_READ, LINK_TAG_ID, one), 0);
	assert_int_equal(bench_status(b, one, "active"), 0);
	assert_string_equal(shown(b, one, "status"), "active");
	assert_int_equal(bench_status(b, BENCH_STRANGER, "archived"), DOSSIER_NO_DOCUMENT);
	assert_int_equal(bench_status(b, one, "replaced"), DOSSIER_FAULT);
	assert_int_equal(bench_ask_with(b, DOSSIER_OP_STATUS, LINK_TAG_ID, one), DOSSIER_FAULT);
}

/* -- deleting ----------------------------------------------------------------------------------- */

static size_t file_size(struct bench *b, const char *suffix)
{
	char path[256];
	struct stat st;

	(void)snprintf(path, sizeof(path), "%s/%.2s/%s.dossier%s", b->folder, BENCH_PSEUDONYM,
		BENCH_PSEUDONYM, suffix);
	assert_int_equal(stat(path, &st), 0);
	return (size_t)st.st_size;
}

/* Whether @bytes are anywhere in the file or its log. */
static bool is_on_disk(struct bench *b, struct view bytes)
{
	static const char *const suffixes[] = {"", "-wal"};
	bool found = false;

	for (size_t i = 0; i < ARRAY_LEN(suffixes); i++) {
		size_t n = file_size(b, suffixes[i]);
		uint8_t *all = malloc(n + 1);
		char path[256];
		int fd;

		(void)snprintf(path, sizeof(path), "%s/%.2s/%s.dossier%s", b->folder,
			BENCH_PSEUDONYM, BENCH_PSEUDONYM, suffixes[i]);
		fd = open(path, O_RDONLY | O_CLOEXEC);
		assert_true(fd >= 0);
		assert_int_equal(read(fd, all, n), n);
		close(fd);
		found = found || memmem(all, n, bytes.data, bytes.len);
		free(all);
	}
	return found;
}

/* Some bytes as they are sealed: of the record, or of the chunk with @key. */
static void sealed_bytes(struct bench *b, const char *sql, uint8_t ret[200])
{
	struct query q = query_of(b->h.store.db, sql);
	struct view sealed;

	assert_true(query_row(&q));
	sealed = query_blob(&q);
	assert_true(sealed.len > 400);
	bytes_copy(ret, 200, view_sub(sealed, 100, 200).data, 200);
	query_done(&q);
}

static void deleted_document_is_gone_and_its_row_stays(void **state)
{
	static uint8_t content[150000];
	_cleanup_json_ json_t *active = NULL;
	_cleanup_json_ json_t *deleted = NULL;
	_cleanup_json_ json_t *row = NULL;
	struct bench *b = *state;
	uint8_t chunk[200];
	uint8_t record[200];
	uint64_t before;
	uint32_t n;
	char one[37];

	assert_int_equal(bench_add(b, VIEW(content), "", one), 0);
	sealed_bytes(b, "SELECT sealed FROM chunk WHERE key = 8193", chunk);
	sealed_bytes(b, "SELECT sealed FROM document", record);
	assert_true(is_on_disk(b, VIEW(chunk)));
	assert_true(is_on_disk(b, VIEW(record)));
	before = b->h.store.version;
	assert_int_equal(bench_status(b, one, "deleted"), 0);
	assert_int_equal(bench_version(b), before + 1);
	assert_int_equal(store_count_chunks(&b->h.store, 1, &n), 0);
	assert_int_equal(n, 0);
	assert_false(is_on_disk(b, VIEW(chunk)));
	assert_false(is_on_disk(b, VIEW(record)));
	bench_again(b);
	assert_int_equal(
		bench_ask_with(b, DOSSIER_OP_READ, LINK_TAG_ID, one), DOSSIER_NO_DOCUMENT);
	active = bench_rows(b, "{}", NULL);
	deleted = bench_rows(b, "{\"status\":\"deleted\"}", NULL);
	assert_int_equal(json_array_size(active), 0);
	assert_int_equal(json_array_size(deleted), 1);
	assert_string_equal(json_get_str(json_array_get(deleted, 0), "author"), "899700000001");
	row = bench_shown(b, one);
	assert_null(json_object_get(row, "title"));
	assert_null(json_object_get(row, "sha256"));
	assert_non_null(json_object_get(json_object_get(row, "deleted"), "time"));
}

static void deleted_document_is_changed_no_more(void **state)
{
	static const char *const words[] = {"active", "archived", "deleted"};
	struct bench *b = *state;
	uint64_t before;
	char one[37];

	assert_int_equal(bench_add(b, VIEW_TEXT("1"), "", one), 0);
	assert_int_equal(bench_status(b, one, "archived"), 0);
	assert_int_equal(bench_status(b, one, "deleted"), 0);
	before = bench_version(b);
	for (size_t i = 0; i < ARRAY_LEN(words); i++) {
		assert_int_equal(bench_status(b, one, words[i]), DOSSIER_WRONG_STATE);
	}
	assert_int_equal(bench_ask_flag(b, one, "masque_ps", true), DOSSIER_WRONG_STATE);
	assert_int_equal(bench_status(b, BENCH_STRANGER, "deleted"), DOSSIER_NO_DOCUMENT);
	assert_int_equal(bench_status(b, "", "deleted"), DOSSIER_NO_DOCUMENT);
	assert_int_equal(b->h.store.version, before);
}

static void chain_is_deleted_as_one(void **state)
{
	struct bench *b = *state;
	uint64_t before;
	uint32_t n;
	char one[37];
	char two[37];
	char other[37];

	assert_int_equal(bench_add(b, VIEW_TEXT("1"), "", one), 0);
	assert_int_equal(bench_add(b, VIEW_TEXT("other"), "", other), 0);
	assert_int_equal(bench_replace(b, one, VIEW_TEXT("2"), "", two), 0);
	assert_int_equal(bench_status(b, one, "deleted"), DOSSIER_WRONG_STATE);
	before = b->h.store.version;
	assert_int_equal(bench_status(b, two, "deleted"), 0);
	assert_int_equal(bench_version(b), before + 1);
	assert_string_equal(shown(b, one, "status"), "deleted");
	assert_string_equal(shown(b, one, "replaced-by"), two);
	assert_string_equal(shown(b, two, "status"), "deleted");
	for (int64_t seq = 1; seq <= 3; seq++) {
		assert_int_equal(store_count_chunks(&b->h.store, seq, &n), 0);
		assert_int_equal(n, seq == 2);
	}
	assert_int_equal(bench_ask_with(b, DOSSIER_OP_READ, LINK_TAG_ID, other), 0);
}

/* The next thing that is told: a content is at its end, which is no damage. */
static void next_end(struct bench *b)
{
	uint8_t state = UINT8_MAX;
	int r = LINK_AGAIN;

	link_frame_done(&b->answer);
	for (int i = 0; i < 100 && r == LINK_AGAIN; i++) {
		r = link_recv(b->link, &b->storage, &b->answer, true);
		if (r == LINK_AGAIN) {
			assert_int_equal(host_turn(&b->h), 0);
		}
	}
	assert_int_equal(r, 0);
	assert_int_equal(b->answer.kind, LINK_KIND_EVENT);
	assert_int_equal(b->answer.op, DOSSIER_OP_READ);
	assert_int_equal(tlv_find_u8(b->answer.body, LINK_TAG_STATE, &state), 0);
	assert_int_equal(state, DOSSIER_DONE);
}

static void content_that_is_deleted_while_it_is_read_ends_short(void **state)
{
	static uint8_t content[300000];
	struct bench *b = *state;
	uint8_t block[1024];
	size_t total = 0;
	char one[37];
	char other[37];
	ssize_t n;
	int kept;
	int fd;

	assert_int_equal(bench_add(b, VIEW(content), "", one), 0);
	assert_int_equal(bench_add(b, VIEW(content), "", other), 0);
	assert_int_equal(bench_ask_with(b, DOSSIER_OP_READ, LINK_TAG_ID, one), 0);
	fd = b->answer.fds[0];
	b->answer.fds[0] = -1;
	assert_int_equal(bench_ask_with(b, DOSSIER_OP_READ, LINK_TAG_ID, other), 0);
	kept = b->answer.fds[0];
	b->answer.fds[0] = -1;
	assert_int_equal(host_turn(&b->h), 0); /* fills the pipes */
	/* an answer, not an event of damage */
	assert_int_equal(bench_status(b, one, "deleted"), 0);
	assert_int_equal(b->h.out[0].fd, -1);
	assert_true(b->h.out[1].fd >= 0);
	while ((n = read(fd, block, sizeof(block))) > 0) {
		total += (size_t)n;
	}
	assert_int_equal(n, 0);
	assert_true(total > 0 && total < sizeof(content));
	close(fd);
	close(kept);
	/* ... and after the answer word of both ends: the deleted one's, and that of the other when
	 * nobody reads it any more */
	for (size_t i = 0; i < 2; i++) {
		next_end(b);
	}
	assert_int_equal(b->h.out[1].fd, -1);
}

static void log_that_was_not_emptied_is_emptied_at_the_next_opening(void **state)
{
	static uint8_t content[150000];
	struct bench *b = *state;
	uint8_t chunk[200];
	char one[37];

	assert_int_equal(bench_add(b, VIEW(content), "", one), 0);
	sealed_bytes(b, "SELECT sealed FROM chunk WHERE key = 8193", chunk);
	/* as a process leaves it that dies between the two */
	assert_int_equal(store_begin(&b->h.store), 0);
	assert_int_equal(store_drop_content(&b->h.store, 1), 0);
	assert_int_equal(store_commit(&b->h.store), 0);
	assert_true(is_on_disk(b, VIEW(chunk)));
	bench_again(b);
	assert_false(is_on_disk(b, VIEW(chunk)));
	/* and once */
	assert_int_equal(store_scrub(&b->h.store), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, bench_setup, bench_teardown)
		T(replacement_keeps_the_chain_in_one_version),
		T(only_an_active_document_is_replaced),
		T(replacement_whose_content_lies_changes_nothing),
		T(chain_is_hidden_and_shown_as_one),
		T(weighing_a_replacement_tells_its_flags_and_whether_it_may_be),
		T(chain_that_leads_nowhere_is_damage),
		T(archived_document_is_listed_apart_and_comes_back),
		T(deleted_document_is_gone_and_its_row_stays),
		T(deleted_document_is_changed_no_more),
		T(chain_is_deleted_as_one),
		T(content_that_is_deleted_while_it_is_read_ends_short),
		T(log_that_was_not_emptied_is_emptied_at_the_next_opening),
	};

	(void)signal(SIGPIPE, SIG_IGN);
	faults_setup();
	return seal_setup() < 0 ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}
