/* SPDX-License-Identifier: EUPL-1.2 */
/* daemon/trust/feed/lines.h: what a line may hold, and what each that may not is called. */
// clang-format off
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/limits.h"
#include "daemon/trust/feed/lines.h"

#define T(f)   cmocka_unit_test(f)
#define HEADER "{\"format\":1,\"feeder\":\"Caisse\",\"made\":\"2026-11-20\",\"lines\":%u}\n"

/* a line with every member that must be there; @id and @nir, and what is changed in it */
#define LINE(id, nir, more)                                                                    \
	"{\"id\":\"" id "\",\"nir\":\"" nir "\",\"birth\":\"1985-07-12\",\"date\":"            \
	"\"2026-03-02\",\"kind\":\"medicine\",\"label\":\"Parac\\u00e9tamol\",\"quantity\":2," \
	"\"amount\":418,\"reimbursed\":272,\"performer\":\"889900000038\"" more "}\n"
#define ANNA  "2850775111222"
#define OTHER "2850775111223"

static struct buf text;
static struct feed_lines lines;
static struct feed_where where;

static int clean(void **state)
{
	(void)state;
	feed_lines_done(&lines);
	buf_done(&text);
	return 0;
}

/* A feed whose header counts @n, and @body. Return: of feed_lines_read(). */
static int read_feed(unsigned int n, const char *body)
{
	feed_lines_done(&lines);
	buf_done(&text);
	text = BUF_NULL(LIMIT_FEED_BYTES);
	buf_printf(&text, HEADER, n);
	buf_put_str(&text, body);
	assert_int_equal(buf_check(&text), 0);
	where = (struct feed_where){.line = 0};
	return feed_lines_read(buf_view(&text), "2026-11-23", &lines, &where);
}

static void is_wrong(int r, unsigned int line, const char *member)
{
	assert_int_equal(r, FEED_LINES_WRONG);
	assert_int_equal(where.line, line);
	assert_string_equal(where.member, member);
	assert_null(lines.lines);
}

/* One line whose member @name has the value @json, or is not there when that is NULL. */
static void line_with(const char *name, const char *json, char ret[2048])
{
	json_t *j = NULL;
	_cleanup_(buf_done) struct buf out = BUF_NULL(8192);

	assert_int_equal(json_parse(VIEW_TEXT(LINE("a", ANNA, "")), &j), 0);
	if (json) {
		assert_int_equal(
			json_object_set_new(j, name, json_loads(json, JSON_DECODE_ANY, NULL)),
			0);
	} else {
		(void)json_object_del(j, name);
	}
	assert_int_equal(json_canonical(j, &out), 0);
	buf_put_str(&out, "\n");
	buf_put_u8(&out, 0);
	assert_int_equal(buf_check(&out), 0);
	bytes_copy(ret, 2048, out.data, out.len);
	json_decref(j);
}

static void lines_are_gathered_by_person_in_their_order(void **state)
{
	_cleanup_json_ json_t *list = NULL;
	const json_t *first;

	(void)state;
	assert_int_equal(
		read_feed(3, LINE("c", OTHER, ",\"code\":\"3400930000000\"") LINE("b", ANNA,
				     ",\"profession\":21,\"prescriber\":\"889900000020\"")
				     LINE("a", ANNA, "")),
		0);
	assert_string_equal(lines.feeder, "Caisse");
	assert_int_equal(lines.n, 3);
	assert_int_equal(lines.persons, 2);
	assert_int_equal(feed_lines_person(&lines, 0), 2);
	assert_int_equal(feed_lines_person(&lines, 2), 1);
	assert_string_equal(lines.lines[0].number, ANNA);
	assert_string_equal(lines.lines[0].id, "b");
	assert_string_equal(lines.lines[1].id, "a");
	assert_int_equal(feed_lines_metadata(&lines, 0, 2, &list), 0);
	assert_int_equal(json_array_size(list), 2);
	first = json_array_get(list, 0);
	assert_string_equal(json_get_str(first, "title"), "Parac\xc3\xa9tamol");
	assert_string_equal(json_get_str(first, "type"), "reimbursement");
	assert_string_equal(json_get_str(json_object_get(first, "entry"), "act"), "medicine");
	assert_string_equal(
		json_get_str(json_object_get(first, "entry"), "prescriber"), "889900000020");
	/* whose it is does not leave with it */
	assert_null(json_object_get(first, "nir"));
	assert_null(json_object_get(json_object_get(first, "entry"), "birth"));
}

static void the_last_line_may_lack_its_end(void **state)
{
	_cleanup_(buf_done) struct buf cut = BUF_NULL(8192);

	(void)state;
	buf_put(&cut, LINE("a", ANNA, ""), sizeof(LINE("a", ANNA, "")) - 2);
	buf_put_u8(&cut, 0);
	assert_int_equal(read_feed(1, (const char *)cut.data), 0);
}

static void a_member_that_is_wrong_is_named_with_its_line(void **state)
{
	static const struct {
		const char *member;
		const char *json; /* NULL: it is not there */
		const char *named;
	} rows[] = {
		{"id", NULL, "id"},
		{"id", "\"\"", "id"},
		{"id", "\"a b\"", "id"},
		{"id", "\"caf\\u00e9\"", "id"},
		{"id", "7", "id"},
		{"nir", "\"285077511122\"", "nir"},
		{"nir", "\"28507751112224\"", "nir"},
		{"nir", "\"5850775111222\"", "nir"},
		{"nir", "\"2850779111 22\"", "nir"},
		{"nir", "\"28507AA111222\"", "nir"},
		{"nir", "\"285072C111222\"", "nir"},
		{"nir", "2850775111222", "nir"},
		{"birth", "\"1985-02-30\"", "birth"},
		{"birth", "\"1984-07-12\"", "birth"},
		{"birth", "\"1985-08-12\"", "birth"},
		{"birth", "\"19850712\"", "birth"},
		{"date", "\"2026-13-01\"", "date"},
		{"date", "\"2026-11-21\"", "date"}, /* after the feed was made */
		{"date", "\"1985-07-11\"", "date"}, /* before they were born */
		{"date", "\"0001-01-01\"", "date"},
		{"date", "20260302", "date"},
		{"kind", "\"medicines\"", "kind"},
		{"kind", "[]", "kind"},
		{"code", "\"\"", "code"},
		{"code", "\"a;b\"", "code"},
		{"label", "\"\"", "label"},
		{"label", "\"a\\u0007b\"", "label"},
		{"label", "null", "label"},
		{"quantity", "0", "quantity"},
		{"quantity", "10000", "quantity"},
		{"quantity", "\"2\"", "quantity"},
		{"amount", "-1", "amount"},
		{"amount", "100000001", "amount"},
		{"amount", "9223372036854775807", "amount"},
		{"reimbursed", "419", "reimbursed"}, /* more than it cost */
		{"reimbursed", "-1", "reimbursed"},
		{"performer", NULL, "performer"},
		{"performer", "\"\"", "performer"},
		{"profession", "256", "profession"},
		{"profession", "\"21\"", "profession"},
		{"prescriber", "{}", "prescriber"},
		{"masked", "true", "unknown"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		_cleanup_(buf_done) struct buf body = BUF_NULL(16384);
		char changed[2048];

		line_with(rows[i].member, rows[i].json, changed);
		buf_put_str(&body, LINE("first", ANNA, ""));
		buf_put_str(&body, changed);
		buf_put_str(&body, LINE("last", ANNA, ""));
		buf_put_u8(&body, 0);
		is_wrong(read_feed(3, (const char *)body.data), 3, rows[i].named);
	}
}

static void numbers_of_corsica_and_unknown_months_are_numbers(void **state)
{
	static const char *const numbers[] = {
		"285072A111222", "185072B111222", "2858575111222", "7852075111222"};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(numbers); i++) {
		char json[32];
		char changed[2048];

		(void)snprintf(json, sizeof(json), "\"%s\"", numbers[i]);
		line_with("nir", json, changed);
		assert_int_equal(read_feed(1, changed), 0);
	}
}

static void what_is_no_json_is_named_so(void **state)
{
	static const char *const bodies[] = {"not json\n", "\n", "[]\n", "{\"id\":\"a\"\n",
		"{\"a\":1,\"a\":2}\n", "{\"amount\":1.5}\n", "\xff\xfe\n",
		"{\"id\":\"\xc3\"}\n", "{\"id\":\"\xed\xa0\x80\"}\n"};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bodies); i++) {
		is_wrong(read_feed(1, bodies[i]), 2, "json");
	}
}

static void a_line_that_is_too_long_is_not_parsed(void **state)
{
	_cleanup_(buf_done) struct buf body = BUF_NULL(2U * 1024U * 1024U);

	(void)state;
	buf_put_str(&body, "{\"id\":\"");
	for (size_t i = 0; i < 1024U * 1024U / 64U; i++) {
		buf_put_str(&body,
			"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx");
	}
	buf_put_str(&body, "\"}\n");
	buf_put_u8(&body, 0);
	is_wrong(read_feed(1, (const char *)body.data), 2, "size");
}

static void a_count_that_lies_is_the_headers_fault(void **state)
{
	(void)state;
	is_wrong(read_feed(2, LINE("a", ANNA, "")), 1, "lines");
	is_wrong(read_feed(1, LINE("a", ANNA, "") LINE("b", ANNA, "")), 1, "lines");
	is_wrong(read_feed(1, ""), 1, "lines");
	is_wrong(read_feed(0, ""), 1, "lines");
	is_wrong(read_feed(LIMIT_FEED_LINES + 1, ""), 1, "lines");
}

static int read_header(const char *header)
{
	feed_lines_done(&lines);
	return feed_lines_read(view_str(header), "2026-11-23", &lines, &where);
}

static void a_header_that_is_none_is_the_first_line(void **state)
{
	(void)state;
	is_wrong(read_header(""), 1, "json");
	is_wrong(read_header("{}"), 1, "format");
	is_wrong(read_header(
			 "{\"format\":2,\"feeder\":\"x\",\"made\":\"2026-01-01\",\"lines\":1}"),
		1, "format");
	is_wrong(read_header(
			 "{\"format\":1,\"feeder\":\"\",\"made\":\"2026-01-01\",\"lines\":1}"),
		1, "feeder");
	is_wrong(
		read_header("{\"format\":1,\"feeder\":\"x\",\"made\":\"2026-01\",\"lines\":1}"),
		1, "made");
	is_wrong(read_header(
			 "{\"format\":1,\"feeder\":\"x\",\"made\":\"2026-11-24\",\"lines\":1}"),
		1, "made"); /* not made yet */
	is_wrong(read_header(
			 "{\"format\":1,\"feeder\":\"x\",\"made\":\"2026-01-01\",\"lines\":1,"
			 "\"more\":1}"),
		1, "unknown");
}

static void without_a_clock_a_feed_may_be_of_any_day(void **state)
{
	(void)state;
	assert_int_equal(read_feed(1, LINE("a", ANNA, "")), 0);
	feed_lines_done(&lines);
	assert_int_equal(feed_lines_read(buf_view(&text), "2026-11-19", &lines, &where),
		FEED_LINES_WRONG);
	assert_int_equal(feed_lines_read(buf_view(&text), NULL, &lines, &where), 0);
}

static void an_id_that_comes_twice_is_named_where_it_comes_again(void **state)
{
	(void)state;
	is_wrong(read_feed(4, LINE("z", ANNA, "") LINE("a", ANNA, "") LINE("a", OTHER, "")
				      LINE("z", ANNA, "")),
		4, "id");
}

static void a_person_has_so_many_lines_and_no_more(void **state)
{
	_cleanup_(buf_done) struct buf body = BUF_NULL(LIMIT_FEED_BYTES);

	(void)state;
	for (unsigned int i = 0; i <= LIMIT_FEED_PERSON; i++) {
		buf_printf(&body, LINE("%u", ANNA, ""), i);
	}
	buf_put_u8(&body, 0);
	is_wrong(read_feed(LIMIT_FEED_PERSON + 1, (const char *)body.data),
		LIMIT_FEED_PERSON + 2, "nir");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(lines_are_gathered_by_person_in_their_order),
		T(the_last_line_may_lack_its_end),
		T(a_member_that_is_wrong_is_named_with_its_line),
		T(numbers_of_corsica_and_unknown_months_are_numbers),
		T(what_is_no_json_is_named_so),
		T(a_line_that_is_too_long_is_not_parsed),
		T(a_count_that_lies_is_the_headers_fault),
		T(a_header_that_is_none_is_the_first_line),
		T(without_a_clock_a_feed_may_be_of_any_day),
		T(an_id_that_comes_twice_is_named_where_it_comes_again),
		T(a_person_has_so_many_lines_and_no_more),
	};

	json_setup();
	return cmocka_run_group_tests(tests, NULL, clean);
}
