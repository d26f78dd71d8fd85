/* SPDX-License-Identifier: EUPL-1.2 */
/* drivers/sim/profile.h and state.h: what is taken, and why the rest is refused. */
#include <dirent.h>
#include <errno.h>
#include <string.h>

#include "tests/unit/sim/scene.h"

static int load(const char *text, struct buf *why, struct profile **ret)
{
	_cleanup_json_ json_t *j = NULL;

	assert_int_equal(json_parse(view_str(text), &j), 0);
	return profile_new(j, why, ret);
}

#define VITALE(members)                                                                        \
	"{\"kind\":\"vitale\",\"atr\":\"3B00\",\"serial\":\"123\",\"valid_from\":"             \
	"\"20240101\","                                                                        \
	"\"organisation\":\"019990000\"," members "}"
#define PERSON(nir)                                                                            \
	"{\"surname\":\"A\",\"given\":\"B\",\"birth\":\"19800101\",\"nir\":\"" nir "\"}"
#define GOOD_NIR "185050099000117"
#define CPS(serial, id, more)                                                                  \
	"{\"kind\":\"cps4\",\"atr\":\"3B00\",\"serial\":\"" serial                             \
	"\",\"pin\":\"1234\",\"puk\":\"12345678\",\"professional\":{\"id\":\"" id              \
	"\",\"title\":\"T\"}" more "}"

static const struct {
	const char *text, *why; /* NULL: taken */
} rows[] = {
	{VITALE("\"people\":[" PERSON(GOOD_NIR) "]"), NULL},
	{"{}", "\"kind\" is none that we simulate"},
	{"{\"kind\":\"cps9\",\"atr\":\"3B00\"}", "\"kind\" is none that we simulate"},
	{"{\"kind\":\"other\"}", "\"atr\" must be"},
	{"{\"kind\":\"other\",\"atr\":\"3\"}", "\"atr\" must be"},
	{"{\"kind\":\"other\",\"atr\":\"3B\"}", "\"atr\" must be"},
	{"{\"kind\":\"other\",\"atr\":\"3B00\"}", NULL},
	{"{\"kind\":\"other\",\"atr\":\"3B00\",\"serial\":\"12x\"}",
		"\"serial\" must be digits"},
	{"{\"kind\":\"other\",\"atr\":\"3B00\",\"serial\":\"12345678901234567890\"}",
		"\"serial\" is too"},
	{"{\"kind\":\"other\",\"atr\":\"3B00\",\"max_answer\":1000}",
		"\"max_answer\" is out of range"},
	{VITALE("\"people\":[]"), "\"people\" are missing"},
	{VITALE("\"people\":[{\"surname\":\"A\"}]"), "\"given\" is missing"},
	{VITALE("\"people\":[" PERSON("18505009900011") "]"), "\"nir\" is too"},
	{VITALE("\"people\":[" PERSON("18505009900011a") "]"), "\"nir\" must be digits"},
	{VITALE("\"people\":[" PERSON("18505009900011A") "]"), NULL}, /* lettered: no number */
	{VITALE("\"people\":[{\"surname\":\"A\",\"given\":\"B\",\"birth\":\"800101\"}]"), NULL},
	{VITALE("\"people\":[{\"surname\":\"A\",\"given\":\"B\",\"birth\":\"8001010\"}]"),
		"\"birth\" must be 8 digits"},
	{VITALE("\"people\":[{\"surname\":\"A\",\"given\":\"B\",\"birth\":\"8001\"}]"),
		"\"birth\" is too"},
	{VITALE("\"people\":[" PERSON("283062A00000072") "]"), NULL},
	{VITALE("\"people\":[" PERSON("181012B00000070") "]"), NULL},
	{VITALE("\"people\":[" PERSON("283062A0A000072") "]"),
		NULL}, /* lettered elsewhere, too */
	{VITALE("\"people\":[" PERSON("283062A00000073") "]"), "\"nir\" has a wrong key"},
	{VITALE("\"people\":[" PERSON("283062A00400007") "]"),
		"\"nir\" must have department 00"},
	{VITALE("\"people\":[" PERSON("283062A00000100") "]"),
		"\"nir\" must have department 00"},
	{VITALE("\"people\":[" PERSON("283062B01000000") "]"),
		"\"nir\" must have department 00"},
	{VITALE("\"people\":[" PERSON("555555000000176") "]"), NULL},
	{VITALE("\"people\":[" PERSON("555555000010074") "]"),
		"\"nir\" must have department 00"},
	{VITALE("\"people\":[" PERSON("393070099000637") "]"), NULL},
	{VITALE("\"people\":[" PERSON(GOOD_NIR) "],\"absent\":[\"validity\",\"photo\"]"), NULL},
	{VITALE("\"people\":[" PERSON(GOOD_NIR) "],\"absent\":[\"people\"]"),
		"\"absent\" names no file"},
	{VITALE("\"people\":[" PERSON(GOOD_NIR) "],\"absent\":[\"photo\",\"photo\"]"),
		"\"absent\" names no file"},
	{VITALE("\"people\":[" PERSON(GOOD_NIR) "],\"absent\":[1]"),
		"\"absent\" names no file"},
	{"{\"kind\":\"other\",\"atr\":\"3B01\"}", "\"atr\" is no answer to reset"},
	{"{\"kind\":\"other\",\"atr_byte\":\"44\"}", "\"atr\" must be"},
	{"{\"kind\":\"vitale\",\"atr_byte\":\"4\"}", "\"atr_byte\" must be"},
	{"{\"kind\":\"vitale\",\"atr_byte\":\"4445\"}", "\"atr_byte\" must be"},
	{CPS("802500000112345678", "3990000123/12", ""), NULL},
	{CPS("802500000112345678", "599900000000012/1", ""), NULL},
	{CPS("802500000112345678", "3420000123/12", ""), "\"id\" of a structure's member"},
	{CPS("802500000112345678", "3990000123456/", ""), "\"id\" of a structure's member"},
	{CPS("802500000112345678", "3990000/123/4", ""), "\"id\" of a structure's member"},
	{CPS("802500000112345678", "8899000000123", ""), "\"id\" must be 12 digits"},
	{CPS("802500000112345678", "88990000001,", ""), "\"id\" must be digits"},
	{CPS("802500000112345678", "399999999/1,DNS:a", ""), "\"id\" must be digits"},
	{CPS("802500000112345678", "889900000012", ",\"actua\":\"empty\""), NULL},
	{CPS("802500000112345678", "889900000012", ",\"actua\":\"zeros\""), NULL},
	{CPS("802500000112345678", "889900000012", ",\"actua\":\"full\""),
		"\"actua\" is neither"},
	{CPS("802500000112345678", "889900000012", ",\"contactless\":true"),
		"\"contactless\" is a cps3 only"},
	{"{\"kind\":\"cps3\",\"atr\":\"3B00\",\"contactless\":true,\"serial\":"
	 "\"802500000112345678\",\"professional\":{\"id\":\"889900000012\",\"title\":\"T\"}}",
		"\"contactless\" and the ATR"},
	{"{\"kind\":\"cps3\",\"atr\":\"3B8F80010031B86404B0ECC1739401808290000E\",\"serial\":"
	 "\"802500000112345678\",\"professional\":{\"id\":\"889900000012\",\"title\":\"T\"}}",
		"\"contactless\" and the ATR"},
	{CPS("802500000112345678", "889900000012",
		 ",\"activities\":[{\"number\":2,\"name\":\"A\",\"structure\":\"S\",\"sector\":"
		 "\"SA07\"},{\"number\":2,\"name\":\"A\",\"structure\":\"S\",\"sector\":"
		 "\"SA07\"}]"),
		"\"number\" stands twice"},
	{VITALE("\"people\":[" PERSON("185050099000118") "]"), "\"nir\" has a wrong key"},
	{VITALE("\"people\":[" PERSON("185057511600107") "]"),
		"\"nir\" must have department 00"},
	{VITALE("\"people\":[" PERSON(GOOD_NIR) "],\"coverage\":[{\"index\":20}]"),
		"\"index\" is out"},
	{VITALE("\"people\":[" PERSON(GOOD_NIR) "],\"coverage\":[{\"from\":\"2024\"}]"),
		"\"from\" is too"},
	{VITALE("\"people\":[{\"surname\":\"Ł\",\"given\":\"B\",\"birth\":\"19800101\",\"nir\":"
		"\"" GOOD_NIR "\"}]"),
		"\"surname, given or name\" has a character"},
	{CPS("802500000112345678", "889900000012", ""), NULL},
	{CPS("802500000112345678", "810000000012", ""),
		"\"id\" must be 12 digits and start 8899"},
	{CPS("802500000112345678", "8899", ""), "\"id\" is too short"},
	{CPS("902500000112345678", "889900000012", ""), "\"serial\" must be 8025000001"},
	{CPS("80250000011234567", "889900000012", ""), "\"serial\" must be 8025000001"},
	{CPS("802500000112345678", "889900000012", ",\"activities\":[{\"number\":17}]"),
		"\"number\" is out"},
	{CPS("802500000112345678", "889900000012",
		 ",\"activities\":[{\"number\":1,\"name\":\"€\",\"structure\":\"S\",\"sector\":"
		 "\"SA07\"}]"),
		"\"surname, given or name\" has"},
};

static void profiles_are_taken_or_refused_with_a_sentence(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		_cleanup_(buf_done) struct buf why = BUF_NULL(512);
		struct profile *p = NULL;
		int r = load(rows[i].text, &why, &p);

		buf_put_u8(&why, 0);
		if (r != (rows[i].why ? PROFILE_INVALID : 0) ||
			(rows[i].why && !strstr((const char *)why.data, rows[i].why)))
			fail_msg("%s: %d %s", rows[i].text, r, (const char *)why.data);
		profile_free(p);
	}
}

static void too_many_of_anything_are_refused(void **state)
{
	static const char *const arrays[] = {"people", "coverage", "activities"};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(arrays); i++) {
		_cleanup_(buf_done) struct buf why = BUF_NULL(512), text = BUF_NULL(4096);
		struct profile *p = NULL;

		buf_printf(&text,
			"{\"kind\":\"%s\",\"atr\":\"3B00\",\"serial\":\"802500000112345678\","
			"\"pin\":\"1234\",\"puk\":\"12345678\",\"valid_from\":\"20240101\","
			"\"organisation\":\"019990000\",\"professional\":{\"id\":"
			"\"889900000012\",\"title\":\"T\"},\"%s\":[{}",
			i == 2 ? "cps3" : "vitale", arrays[i]);
		for (int n = 0; n < 40; n++)
			buf_put_str(&text, ",{}");
		buf_put_str(&text, "]}");
		buf_put_u8(&text, 0);
		assert_int_equal(load((const char *)text.data, &why, &p), PROFILE_INVALID);
		buf_put_u8(&why, 0);
		assert_non_null(strstr((const char *)why.data, arrays[i]));
	}
}

static void every_shipped_profile_is_taken(void **state)
{
	DIR *dir = opendir(TEST_PROFILES);
	const struct dirent *e;
	unsigned n = 0;

	(void)state;
	assert_non_null(dir);
	while ((e = readdir(dir))) {
		_cleanup_(buf_done) struct buf text = BUF_NULL(65536), why = BUF_NULL(512);
		struct profile *p = NULL;
		char path[512];

		if (!strstr(e->d_name, ".json"))
			continue;
		snprintf(path, sizeof(path), "%s/%s", TEST_PROFILES, e->d_name);
		assert_int_equal(state_read_file(path, &text), 0);
		buf_put_u8(&text, 0);
		assert_int_equal(load((const char *)text.data, &why, &p), 0);
		if (profile_is_cps(p) && !strchr(p->professional.id, '/')) {
			struct view id = view_str(p->professional.id);

			/* the last digit of a RPPS number is its Luhn digit */
			assert_int_equal(profile_luhn(view_sub(id, 1, 10)), id.data[11] - '0');
		}
		profile_free(p);
		n++;
	}
	closedir(dir);
	assert_true(n >= 40);
}

static void numbers_have_their_keys(void **state)
{
	(void)state;
	assert_int_equal(profile_nir_key(VIEW_TEXT("2550814168025")), 38);
	/* Corsica counts as 19 and 18 */
	assert_int_equal(profile_nir_key(VIEW_TEXT("283062A000000")),
		profile_nir_key(VIEW_TEXT("2830619000000")));
	assert_int_equal(profile_nir_key(VIEW_TEXT("181012B000000")),
		profile_nir_key(VIEW_TEXT("1810118000000")));
	assert_int_equal(profile_luhn(VIEW_TEXT("7992739871")), 3);
	assert_int_equal(profile_luhn(VIEW_TEXT("0")), 0);
}

static void a_serial_is_padded_with_f(void **state)
{
	_cleanup_(buf_done) struct buf why = BUF_NULL(512);
	struct profile *p = NULL;
	uint8_t serial[10];

	(void)state;
	assert_int_equal(load(CPS("802500000112345678", "889900000012", ""), &why, &p), 0);
	profile_serial(p, serial);
	assert_view_hex(view_of(serial, 9), "802500000112345678");
	assert_int_equal(serial[9] & 0x0F, 0x0F);
	profile_free(p);
}

static void latin1_refuses_what_it_has_not(void **state)
{
	_cleanup_(buf_done) struct buf out = BUF_NULL(64);

	(void)state;
	assert_int_equal(profile_put_latin1(&out, "Zo\xC3\xAB", 6), 0);
	assert_view_hex(buf_view(&out), "5A6FEB000000");
	assert_int_equal(profile_put_latin1(&out, "\xC5\x93", 0), PROFILE_INVALID);
	assert_int_equal(profile_put_latin1(&out, "\xE2\x82\xAC", 0), PROFILE_INVALID);
	buf_done(&out);
	out = BUF_NULL(2);
	assert_int_equal(profile_put_latin1(&out, "abc", 0), -EMSGSIZE);
}

static void names_of_cards_cannot_leave_their_folder(void **state)
{
	(void)state;
	assert_true(state_name_ok("cps4-gp.2"));
	assert_false(state_name_ok(""));
	assert_false(state_name_ok("../x"));
	assert_false(state_name_ok(".hidden"));
	assert_false(state_name_ok("A"));
	assert_false(state_name_ok("a/b"));
	assert_false(state_name_ok("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
				   "aaaaaaaaaaaaaaaaaaaaa"));
}

/* Take one member away from a good state, and the state is refused. */
static void a_state_with_a_part_missing_is_refused(void **state)
{
	static const char *const names[] = {"cps4-gp", NULL};

	static const struct {
		const char *object, *member;
	} parts[] = {
		{NULL, "profile"},
		{NULL, "root"},
		{"keys", "card"},
		{"keys", "authentication"},
		{"keys", "signature"},
		{"certificates", "card"},
		{"certificates", "authentication"},
		{"certificates", "signature"},
		{"root", "name"},
		{"root", "point"},
		{"pin", "value"},
		{"pin", "tries"},
		{"puk", "uses"},
	};
	struct scene scene;

	(void)state;
	scene_make(&scene, names);
	for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
		struct state *s = NULL, *again = NULL;
		json_t *object;

		assert_int_equal(state_load(scene.dir, "cps4-gp", &s), 0);
		object = parts[i].object ? json_object_get(s->document, parts[i].object)
					 : s->document;
		assert_int_equal(json_object_del(object, parts[i].member), 0);
		assert_int_equal(state_new(s->document, &again), STATE_INVALID);
		json_object_set_new(object, parts[i].member, json_string("non sense!"));
		if (strcmp(parts[i].member, "value") != 0 &&
			strcmp(parts[i].member, "name") != 0)
			assert_int_equal(state_new(s->document, &again), STATE_INVALID);
		state_free(s);
	}
	scene_done(&scene);
}

static void absent_and_broken_files_have_their_outcome(void **state)
{
	static const char *const names[] = {"vitale-1", NULL};
	struct scene scene;
	struct state *s = NULL;
	char path[128];

	(void)state;
	scene_make(&scene, names);
	assert_int_equal(state_load(scene.dir, "nothing", &s), STATE_ABSENT);
	assert_int_equal(state_load(scene.dir, "../x", &s), STATE_ABSENT);
	snprintf(path, sizeof(path), "%s/cards/broken.json", scene.dir);
	assert_int_equal(state_write_file(path, VIEW_TEXT("{"), 0600), 0);
	assert_int_equal(state_load(scene.dir, "broken", &s), STATE_INVALID);
	assert_int_equal(state_write_file(path, VIEW_TEXT("{}"), 0600), 0);
	assert_int_equal(state_load(scene.dir, "broken", &s), STATE_INVALID);
	assert_int_equal(state_load(scene.dir, "vitale-1", &s), 0);
	assert_int_equal(state_save(s), 0);
	state_free(s);
	assert_int_equal(state_write_file("/nonexistent/x", VIEW_TEXT("{"), 0600), -ENOENT);
	assert_null(state_free(NULL));
	scene_done(&scene);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(profiles_are_taken_or_refused_with_a_sentence),
		cmocka_unit_test(too_many_of_anything_are_refused),
		cmocka_unit_test(every_shipped_profile_is_taken),
		cmocka_unit_test(numbers_have_their_keys),
		cmocka_unit_test(a_serial_is_padded_with_f),
		cmocka_unit_test(latin1_refuses_what_it_has_not),
		cmocka_unit_test(names_of_cards_cannot_leave_their_folder),
		cmocka_unit_test(a_state_with_a_part_missing_is_refused),
		cmocka_unit_test(absent_and_broken_files_have_their_outcome),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
