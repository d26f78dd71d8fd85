/* SPDX-License-Identifier: EUPL-1.2 */
/* Checking an exported record: any change is found. */
/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hex.h"
#include "client/export-file.h"

#define ORIGIN "vitaled.example/record"
#define N      5U

static const uint8_t seed[CHECKPOINT_KEY] = {7, 7, 7};
static const uint8_t other_seed[CHECKPOINT_KEY] = {8, 8, 8};

struct made {
	char *entries[N]; /* canonical texts */
	char *vkey;
	char *notes[N + 1]; /* checkpoint of each size */
};

static char *text_of(struct buf *b)
{
	char *s = buf_take_str(b);

	assert_non_null(s);
	return s;
}

static void make_note(
	const struct merkle *tree, const char *origin, const uint8_t *key, char **ret)
{
	struct buf out = BUF_NULL(4096);
	struct checkpoint c = {.size = tree->size};

	(void)snprintf(c.origin, sizeof(c.origin), "%s", origin);
	assert_int_equal(merkle_root(tree, c.root), 0);
	assert_int_equal(checkpoint_sign(&c, view_of(key, CHECKPOINT_KEY), &out), 0);
	*ret = text_of(&out);
}

static int setup(void **state)
{
	static struct made m;
	struct merkle tree = {0};
	struct buf vkey = BUF_NULL(4096);

	assert_int_equal(checkpoint_vkey(ORIGIN, VIEW(seed), &vkey), 0);
	m.vkey = text_of(&vkey);
	for (size_t i = 0; i < N; i++) {
		struct buf text = BUF_NULL(4096);
		uint8_t leaf[MERKLE_HASH];
		json_t *j = json_pack("{s:i, s:I, s:s, s:s, s:s, s:i, s:i}", "format", 1,
			"sequence", (json_int_t)i, "event", "session-opened", "application",
			"L\xC3\xA9o \"x\" \\ 1", "boot-id", "b", "boot-time", 7, "time", 9);

		make_note(&tree, ORIGIN, seed, &m.notes[i]);
		assert_int_equal(json_canonical(j, &text), 0);
		json_decref(j);
		assert_int_equal(merkle_leaf_hash(buf_view(&text), leaf), 0);
		assert_int_equal(merkle_append(&tree, leaf, NULL, NULL), 0);
		m.entries[i] = text_of(&text);
	}
	make_note(&tree, ORIGIN, seed, &m.notes[N]);
	*state = &m;
	return 0;
}

static int teardown(void **state)
{
	struct made *m = *state;

	for (size_t i = 0; i <= N; i++) {
		free(m->notes[i]);
		free(i < N ? m->entries[i] : NULL);
	}
	free(m->vkey);
	return 0;
}

static bool with_leaves = true;

static void put_leaf(struct buf *out, const char *entry)
{
	uint8_t leaf[MERKLE_HASH];

	assert_int_equal(merkle_leaf_hash(view_str(entry), leaf), 0);
	buf_put_u8(out, '"');
	base64_encode(out, VIEW(leaf));
	buf_put_u8(out, '"');
}

/* An export of @n of the entries in the given order, as the service writes it. */
static char *export_of(const struct made *m, const size_t *order, size_t n, const char *note)
{
	struct buf out = BUF_NULL(65536);
	json_t *list[2] = {json_string(m->vkey), json_string(note)};

	buf_put_str(&out, "{\"format\":1,\n\"origin\":\"" ORIGIN "\",\n\"vkey\":");
	assert_int_equal(json_canonical(list[0], &out), 0);
	buf_put_str(&out, ",\n\"checkpoint\":");
	assert_int_equal(json_canonical(list[1], &out), 0);
	buf_put_str(&out, ",\n\"entries\":[");
	for (size_t i = 0; i < n; i++) {
		json_t *s = json_string(m->entries[order[i]]);

		buf_put_str(&out, i > 0 ? ",\n" : "\n");
		assert_int_equal(json_canonical(s, &out), 0);
		json_decref(s);
	}
	buf_put_str(&out, with_leaves ? "\n],\n\"leaves\":[" : "\n]}\n");
	for (size_t i = 0; with_leaves && i < n; i++) {
		buf_put_str(&out, i > 0 ? ",\n" : "\n");
		put_leaf(&out, m->entries[order[i]]);
	}
	buf_put_str(&out, with_leaves ? "\n]}\n" : "");
	json_decref(list[0]);
	json_decref(list[1]);
	return text_of(&out);
}

static const size_t in_order[N] = {0, 1, 2, 3, 4};

static int check(
	const char *text, const char *note, const char *vkey, struct export_result *res)
{
	const struct export_against against = {.note = view_str(note), .vkey = vkey};
	_cleanup_(export_done) struct export_file x = {0};
	int r = export_parse(view_str(text), &x);

	return r != 0 ? r : export_verify(&x, &against, res);
}

static void a_whole_record_verifies_with_and_without_other_checkpoints(void **state)
{
	const struct made *m = *state;
	char *text = export_of(m, in_order, N, m->notes[N]);
	struct export_result res;

	assert_int_equal(check(text, NULL, NULL, &res), 0);
	assert_int_equal(res.size, N);
	assert_int_equal(res.good, N);
	assert_true(res.own_key);
	for (size_t i = 0; i <= N; i++) {
		assert_int_equal(check(text, m->notes[i], m->vkey, &res), 0);
		assert_int_equal(res.given, i);
		assert_false(res.own_key);
	}
	free(text);
}

static void an_empty_record_verifies(void **state)
{
	const struct made *m = *state;
	char *text = export_of(m, in_order, 0, m->notes[0]);
	struct export_result res;

	assert_int_equal(check(text, m->notes[0], m->vkey, &res), 0);
	assert_int_equal(res.size, 0);
	assert_int_equal(check(text, m->notes[1], m->vkey, &res), EXPORT_SHORT);
	free(text);
}

static void every_flipped_bit_is_found(void **state)
{
	const struct made *m = *state;
	char *text = export_of(m, in_order, N, m->notes[N]);
	struct export_result res;
	size_t blanks = 0;

	for (size_t i = 0; text[i]; i++) {
		for (unsigned int bit = 0; bit < 7; bit++) {
			char was = text[i];

			text[i] = (char)(was ^ (1 << bit));
			/* between the tokens one blank may stand for another */
			if (text[i] && strchr(" \n\t\r", was) && strchr(" \n\t\r", text[i])) {
				blanks++;
			} else if (text[i] && check(text, NULL, m->vkey, &res) == 0) {
				fail_msg("bit %u of byte %zu (%c) was not found", bit, i, was);
			}
			text[i] = was;
		}
	}
	assert_true(blanks < 64);
	assert_int_equal(check(text, NULL, m->vkey, &res), 0);
	free(text);
}

static void a_changed_entry_is_named_when_it_is_out_of_form(void **state)
{
	const struct made *m = *state;
	char *text = export_of(m, in_order, N, m->notes[N]);
	char *third = strstr(text, "\\\"sequence\\\":3");
	struct export_result res;

	assert_non_null(third);
	third[strlen("\\\"sequence\\\":")] = '4';
	assert_int_equal(check(text, NULL, NULL, &res), EXPORT_ENTRY);
	assert_int_equal(res.bad, 3);
	free(text);
}

/* in form, but not what was signed: the leaves tell which it is */
static void a_changed_entry_is_named_by_the_leaves(void **state)
{
	const struct made *m = *state;
	char *text = export_of(m, in_order, N, m->notes[N]);
	char *entries = strstr(text, "\"entries\"");
	char *second = strstr(strstr(entries, "session-opened") + 1, "session-opened");
	struct export_result res;

	second[0] = 'S';
	assert_int_equal(check(text, NULL, NULL, &res), EXPORT_ENTRY);
	assert_int_equal(res.bad, 1);
	/* found by the smaller checkpoint already, and not before it */
	assert_int_equal(check(text, m->notes[1], NULL, &res), EXPORT_ENTRY);
	assert_int_equal(res.good, 1);
	assert_int_equal(check(text, m->notes[3], NULL, &res), EXPORT_ENTRY);
	assert_int_equal(res.good, 0);
	free(text);
	with_leaves = false;
	text = export_of(m, in_order, N, m->notes[N]);
	second = strstr(
		strstr(strstr(text, "\"entries\""), "session-opened") + 1, "session-opened");
	assert_int_equal(check(text, NULL, NULL, &res), 0);
	second[0] = 'S';
	assert_int_equal(check(text, NULL, NULL, &res), EXPORT_TREE);
	with_leaves = true;
	free(text);
}

static void changed_missing_and_added_leaves_are_found(void **state)
{
	static const char *const bent[][2] = {
		{"\n]}", ",\n\"AAAA\"\n]}"},
		{"\n]}", ",\n]}"},
		{"=\",", "=\",\"AA==\","},
	};
	const struct made *m = *state;
	char *text = export_of(m, in_order, N, m->notes[N]);
	char *leaves = strstr(text, "\"leaves\"");
	struct export_result res;

	for (size_t i = 0; i < ARRAY_LEN(bent); i++) {
		struct buf out = BUF_NULL(65536);
		char *at = strstr(leaves, bent[i][0]);
		char *other;

		buf_put(&out, text, (size_t)(at - text));
		buf_put_str(&out, bent[i][1]);
		buf_put_str(&out, at + strlen(bent[i][0]));
		other = text_of(&out);
		assert_int_not_equal(check(other, NULL, NULL, &res), 0);
		free(other);
	}
	leaves[12] = leaves[12] == 'A' ? 'B' : 'A';
	assert_int_equal(check(text, NULL, NULL, &res), EXPORT_LEAVES);
	leaves[11] = ' '; /* the first one's quotation mark */
	assert_int_equal(check(text, NULL, NULL, &res), EXPORT_MALFORMED);
	free(text);
}

static void removed_swapped_and_doubled_entries_are_named(void **state)
{
	const struct made *m = *state;

	static const struct {
		size_t order[N];
		size_t n;
		uint64_t bad;
	} rows[] = {
		{{1, 2, 3, 4}, 4, 0},
		{{0, 1, 3, 4}, 4, 2},
		{{0, 2, 1, 3, 4}, 5, 1},
		{{0, 0, 1, 2, 3}, 5, 1},
	};
	struct export_result res;

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		char *text = export_of(m, rows[i].order, rows[i].n, m->notes[N]);

		assert_int_equal(check(text, NULL, NULL, &res), EXPORT_ENTRY);
		assert_int_equal(res.bad, rows[i].bad);
		free(text);
	}
}

static void cut_and_lengthened_records_are_found(void **state)
{
	const struct made *m = *state;
	char *cut = export_of(m, in_order, 3, m->notes[N]);
	char *rolled_back = export_of(m, in_order, 3, m->notes[3]);
	char *longer = export_of(m, in_order, N, m->notes[3]);
	struct export_result res;

	assert_int_equal(check(cut, NULL, NULL, &res), EXPORT_SHORT);
	/* consistent in itself: only a checkpoint kept elsewhere tells */
	assert_int_equal(check(rolled_back, NULL, NULL, &res), 0);
	assert_int_equal(check(rolled_back, m->notes[N], NULL, &res), EXPORT_SHORT);
	assert_int_equal(check(longer, NULL, NULL, &res), EXPORT_LONG);
	assert_int_equal(res.good, 3);
	free(cut);
	free(rolled_back);
	free(longer);
}

/* the log's own key signed it, but it is not the log of which a checkpoint was taken away */
static void a_rewritten_record_disagrees_with_a_checkpoint_kept_elsewhere(void **state)
{
	const struct made *m = *state;
	struct made other = *m;
	struct merkle tree = {0};
	char first[] = "{\"boot-id\":\"b\",\"boot-time\":1,\"event\":\"stop\",\"format\":1,"
		       "\"sequence\":0,\"time\":1}";
	struct export_result res;
	char *note = NULL;
	char *text;

	other.entries[0] = first;
	for (size_t i = 0; i < N; i++) {
		uint8_t leaf[MERKLE_HASH];

		assert_int_equal(merkle_leaf_hash(view_str(other.entries[i]), leaf), 0);
		assert_int_equal(merkle_append(&tree, leaf, NULL, NULL), 0);
	}
	make_note(&tree, ORIGIN, seed, &note);
	text = export_of(&other, in_order, N, note);
	assert_int_equal(check(text, NULL, m->vkey, &res), 0);
	assert_int_equal(check(text, m->notes[2], m->vkey, &res), EXPORT_TREE);
	free(text);
	free(note);
}

static void foreign_keys_and_checkpoints_are_refused(void **state)
{
	const struct made *m = *state;
	struct merkle empty = {0};
	char *text = export_of(m, in_order, N, m->notes[N]);
	struct buf vkey = BUF_NULL(4096);
	struct export_result res;
	char *other_key;
	char *note = NULL;
	char *forged;

	assert_int_equal(checkpoint_vkey(ORIGIN, VIEW(other_seed), &vkey), 0);
	other_key = text_of(&vkey);
	assert_int_equal(check(text, NULL, other_key, &res), EXPORT_KEY);
	make_note(&empty, ORIGIN, other_seed, &note);
	assert_int_equal(check(text, note, NULL, &res), EXPORT_OTHER);
	assert_int_equal(check(text, "nonsense", NULL, &res), EXPORT_OTHER);
	forged = export_of(m, in_order, 0, note);
	assert_int_equal(check(forged, NULL, NULL, &res), EXPORT_CHECKPOINT);
	free(forged);
	free(note);
	free(other_key);
	free(text);
}

static void files_of_another_form_are_malformed(void **state)
{
	const struct made *m = *state;
	static const char *const wrong[] = {"", "{", "{}", "[]", "null", "{\"format\":2}",
		"{\"format\":1,", "{\"format\":1,\"new\":1}", "{\"origin\":1}",
		"{\"origin\":\"x", "{\"entries\":[1]}", "{\"entries\":[\"a\",]}",
		"{\"entries\":[\"a\" \"b\"]}", "{\"entries\":[]",
		"{\"origin\":\"a\",\"origin\":\"a\"}", "{\"entries\":[],\"entries\":[]}",
		"{\"vkey\":\"\\u0000\"}", "{\"format\":1,\"format\":1,",
		"{\"origin\":\"\",\"vkey\":\"\",\"checkpoint\":\"\",\"entries\":[]}"};
	char *text = export_of(m, in_order, 1, m->notes[1]);
	struct export_file x = {0};
	struct export_result res;

	for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
		assert_int_equal(export_parse(view_str(wrong[i]), &x), EXPORT_MALFORMED);
	}
	/* every beginning of a good file */
	for (size_t n = strlen(text) - 2; n > 0; n--) {
		assert_int_equal(export_parse(view_of(text, n), &x), EXPORT_MALFORMED);
	}
	assert_null(x.origin);
	text[strlen(text) - 1] = 'x';
	assert_int_equal(check(text, NULL, NULL, &res), EXPORT_MALFORMED);
	free(text);
	for (int i = EXPORT_MALFORMED; i <= EXPORT_PRUNED; i++) {
		assert_true(strlen(export_explain(i)) > 5);
	}
	assert_string_equal(export_explain(0), "");
}

/* Signed by the record's own key, so that nothing but their form is wrong. */
static void entries_that_lack_something_or_go_back_in_time_are_named(void **state)
{
#define HEAD "{\"boot-id\":\"b\",\"boot-time\":"
#define TAIL ",\"event\":\"x\",\"format\":1,\"sequence\":1,\"time\":1}"

	static const struct {
		const char *second;
		int outcome;
	} rows[] = {
		{HEAD "7" TAIL, 0},
		{HEAD "8,\"application\":1" TAIL, EXPORT_ENTRY}, /* not canonical */
		{HEAD "8,\"details\":\"\xC3\xA9\"" TAIL, 0},
		{HEAD "6" TAIL, EXPORT_ENTRY},
		{HEAD "6,\"details\":\"\xC3\xA9\"" TAIL, EXPORT_ENTRY},
		{"{\"boot-id\":\"c\",\"boot-time\":6" TAIL, 0},
		{"{\"boot-id\":\"c\",\"boot-time\":\"6\"" TAIL, EXPORT_ENTRY},
		{"{\"boot-id\":\"c\",\"details\":\"\xC3\xA9\"" TAIL, EXPORT_ENTRY},
		{"{\"boot-id\":7,\"boot-time\":6" TAIL, EXPORT_ENTRY},
		{"{\"boot-time\":6" TAIL, EXPORT_ENTRY},
		{HEAD "7,\"event\":\"x\",\"format\":2,\"sequence\":1,\"time\":1}",
			EXPORT_ENTRY},
		{HEAD "7,\"event\":\"x\",\"sequence\":1,\"time\":1}", EXPORT_ENTRY},
		{HEAD "7,\"format\":1,\"sequence\":1,\"time\":1}", EXPORT_ENTRY},
		{HEAD "7,\"event\":1,\"format\":1,\"sequence\":1,\"time\":1}", EXPORT_ENTRY},
		{HEAD "7,\"event\":\"x\",\"format\":1,\"sequence\":1}", EXPORT_ENTRY},
		{HEAD "7,\"event\":\"x\",\"format\":1,\"sequence\":1,\"time\":true}",
			EXPORT_ENTRY},
		{HEAD "7,\"event\":\"x\",\"format\":1,\"sequence\":2,\"time\":1}",
			EXPORT_ENTRY},
		{"[]", EXPORT_ENTRY},
	};
	const struct made *m = *state;

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct made other = *m;
		struct merkle tree = {0};
		struct export_result res;
		char *second = strdup(rows[i].second);
		char *note = NULL;
		char *text;

		assert_non_null(second);
		other.entries[1] = second;
		for (size_t n = 0; n < 2; n++) {
			uint8_t leaf[MERKLE_HASH];

			assert_int_equal(merkle_leaf_hash(view_str(other.entries[n]), leaf), 0);
			assert_int_equal(merkle_append(&tree, leaf, NULL, NULL), 0);
		}
		make_note(&tree, ORIGIN, seed, &note);
		text = export_of(&other, in_order, 2, note);
		if (check(text, NULL, m->vkey, &res) != rows[i].outcome) {
			fail_msg("%s", second);
		}
		assert_true(rows[i].outcome == 0 || res.bad == 1);
		free(text);
		free(note);
		free(second);
	}
}

/* what is told is told of entries in order, in the one-line layout of other programs as well */
static int count_entry(void *user, uint64_t index, struct view text, size_t behind)
{
	uint64_t *n = user;

	assert_int_equal(index, *n);
	assert_true(text.len > 10 && behind > text.len);
	return ++*n == 4 ? EXPORT_LONG : 0;
}

static void progress(void *user, size_t done, size_t all)
{
	size_t *last = user;

	assert_true(done > *last && done <= all);
	*last = done;
}

static void a_walk_ends_when_it_is_told_to_and_long_work_is_told_of(void **state)
{
	enum {
		MANY = 40000
	};

	const struct made *m = *state;
	_cleanup_(export_done) struct export_file x = {0};
	_cleanup_(buf_done) struct buf out = BUF_NULL(16U * 1024 * 1024);
	struct merkle tree = {0};
	struct export_result res;
	size_t told = 0;
	uint64_t n = 0;
	char *note = NULL;
	const struct export_against against = {.progress = progress, .user = &told};
	json_t *quoted;

	for (int i = 0; i < MANY; i++) {
		uint8_t leaf[MERKLE_HASH];
		char text[128];

		(void)snprintf(text, sizeof(text),
			"{\"boot-id\":\"b\",\"boot-time\":1,\"event\":\"x\",\"format\":1,"
			"\"sequence\":%d,\"time\":1}",
			i);
		assert_int_equal(merkle_leaf_hash(view_str(text), leaf), 0);
		assert_int_equal(merkle_append(&tree, leaf, NULL, NULL), 0);
	}
	make_note(&tree, ORIGIN, seed, &note);
	quoted = json_string(note);
	buf_printf(&out,
		"{\"format\":1,\"origin\":\"" ORIGIN "\",\"vkey\":\"%s\",\"checkpoint\":",
		m->vkey);
	assert_int_equal(json_canonical(quoted, &out), 0);
	buf_put_str(&out, ",\"entries\":[");
	for (int i = 0; i < MANY; i++) {
		buf_printf(&out,
			"%s\"{\\\"boot-id\\\":\\\"b\\\",\\\"boot-time\\\":1,\\\"event\\\":"
			"\\\"x\\\",\\\"format\\\":1,\\\"sequence\\\":%d,\\\"time\\\":1}\"",
			i > 0 ? ", " : "", i);
	}
	buf_put_str(&out, "]}");
	assert_int_equal(buf_check(&out), 0);
	assert_int_equal(export_parse(buf_view(&out), &x), 0);
	assert_int_equal(export_verify(&x, &against, &res), 0);
	assert_int_equal(res.size, MANY);
	assert_true(told > 0);
	assert_int_equal(export_each(&x, count_entry, &n), EXPORT_LONG);
	assert_int_equal(n, 4);
	json_decref(quoted);
	free(note);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_whole_record_verifies_with_and_without_other_checkpoints),
		cmocka_unit_test(an_empty_record_verifies),
		cmocka_unit_test(every_flipped_bit_is_found),
		cmocka_unit_test(a_changed_entry_is_named_when_it_is_out_of_form),
		cmocka_unit_test(a_changed_entry_is_named_by_the_leaves),
		cmocka_unit_test(changed_missing_and_added_leaves_are_found),
		cmocka_unit_test(removed_swapped_and_doubled_entries_are_named),
		cmocka_unit_test(cut_and_lengthened_records_are_found),
		cmocka_unit_test(a_rewritten_record_disagrees_with_a_checkpoint_kept_elsewhere),
		cmocka_unit_test(foreign_keys_and_checkpoints_are_refused),
		cmocka_unit_test(files_of_another_form_are_malformed),
		cmocka_unit_test(entries_that_lack_something_or_go_back_in_time_are_named),
		cmocka_unit_test(a_walk_ends_when_it_is_told_to_and_long_work_is_told_of),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
