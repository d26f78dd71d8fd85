/* SPDX-License-Identifier: EUPL-1.2 */
/* The data files of rights: every way in which one can be wrong, and what a narrower one does. */
/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/consent/rights.h"
#include "tests/unit/dossier/faults.h"

/* a general practitioner in SA07, consent for everything, proof mutual */
static struct rights_facts facts(enum rights_action action)
{
	return (struct rights_facts){
		.action = action,
		.mode = SESSION_MODE_NORMAL,
		.intents = SESSION_INTENT_CONSULT | SESSION_INTENT_FEED,
		.card_type = 0,
		.profession = 10,
		.speciality = "SM54",
		.sector = "SA07",
		.consented = true,
		.type = "consultation",
		.proof = PROOF_MUTUAL,
		.required = PROOF_MUTUAL,
	};
}

static const char *decide(const struct rights *rights, const struct rights_facts *f)
{
	static char text[64];
	const char *rule = NULL;
	enum rights_decision d = rights_decide(rights, f, &rule);

	assert_non_null(rule);
	(void)snprintf(text, sizeof(text), "%s %s", d == RIGHTS_ALLOW ? "allow" : "deny", rule);
	return text;
}

/* -- data files --------------------------------------------------------------------------------- */

static char folder[64];

static void put_file(const char *name, const char *content)
{
	char path[128];
	FILE *f;

	(void)snprintf(path, sizeof(path), "%s/%s", folder, name);
	f = fopen(path, "w");
	assert_non_null(f);
	(void)fputs(content, f);
	fclose(f);
}

static void copy_data(const char *name)
{
	_cleanup_(buf_done) struct buf text = BUF_NULL(256U * 1024U);
	char path[256];
	uint8_t block[1024];
	size_t n;
	FILE *f;

	(void)snprintf(path, sizeof(path), "%s/%s", RIGHTS_DATA, name);
	f = fopen(path, "r");
	assert_non_null(f);
	while ((n = fread(block, 1, sizeof(block), f)) > 0) {
		buf_put(&text, block, n);
	}
	fclose(f);
	buf_put_u8(&text, 0);
	put_file(name, (const char *)text.data);
}

static int make_folder(void **state)
{
	(void)state;
	(void)snprintf(folder, sizeof(folder), "/tmp/vitaled-rights-XXXXXX");
	assert_non_null(mkdtemp(folder));
	copy_data("professions.json");
	copy_data("sectors.json");
	copy_data("actions.json");
	return 0;
}

static int remove_folder(void **state)
{
	static const char *const names[] = {"professions.json", "sectors.json", "actions.json"};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		char path[128];

		(void)snprintf(path, sizeof(path), "%s/%s", folder, names[i]);
		(void)remove(path);
	}
	return rmdir(folder);
}

#define HEAD  "\"format\":1,\"date\":\"d\",\"source\":\"s\",\"note\":\"n\""
#define HEAD2 "\"format\":2,\"date\":\"d\",\"source\":\"s\",\"note\":\"n\""
#define CARDS                                                                                  \
	"\"cards\":[{\"code\":0,\"label\":\"CPS\",\"use\":\"own\",\"administration\":\"ps\"}]"
#define JOBS  "\"professions\":[{\"code\":10,\"label\":\"m\",\"role\":\"doctor\",\"types\":%s}]"
#define SPECS "\"occupational-specialities\":[\"SM25\"]"

/* {"file", "text"}: a file of @HEAD2 with these members */
#define PROFESSIONS(text)                                                                      \
	{                                                                                      \
		"professions.json", "{" HEAD2 text "}"                                         \
	}
#define JOB(text)  PROFESSIONS("," CARDS ",\"professions\":[" text "]")
#define CARD(text) PROFESSIONS(",\"cards\":[" text "]")
#define SECTORS(text)                                                                          \
	{                                                                                      \
		"sectors.json", "{" HEAD text "}"                                              \
	}
#define SECTOR(text) SECTORS(",\"sectors\":[" text "]")
#define ACTIONS(text)                                                                          \
	{                                                                                      \
		"actions.json", "{" HEAD2 ",\"actions\":[" text "]}"                           \
	}
#define OPEN(text)                                                                             \
	ACTIONS("{\"action\":\"open\",\"source\":\"\",\"consent\":\"none\",\"intent\":"        \
		"null" text "}")
#define CELLS(text) OPEN(",\"cells\":{" text "}")
#define NORMAL	    "\"normal\":\"no\","
#define MODES(word)                                                                            \
	"\"normal\":\"" word "\",\"bris_de_glace\":\"" word "\",\"centre_15\":\"" word         \
	"\",\"administration\":\"" word "\",\"patient\":\"" word "\""
#define LAYERED(name, word) OPEN(",\"cells\":{" MODES("yes") "},\"" name "\":{" MODES(word) "}")

static const struct {
	const char *name;
	const char *text;
} wrong_files[] = {
	{"professions.json", "["},
	{"professions.json", "[]"},
	{"professions.json", "{\"format\":1,\"date\":\"\",\"source\":\"\",\"note\":\"\"}"},
	{"professions.json", "{\"format\":2}"},
	{"professions.json", "{\"format\":2,\"date\":\"d\"}"},
	{"professions.json", "{\"format\":2,\"date\":\"d\",\"source\":\"s\"}"},
	PROFESSIONS(""),
	CARD(""),
	CARD("{\"code\":256}"),
	CARD("{\"code\":0}"),
	CARD("{\"code\":0,\"label\":\"\"}"),
	CARD("{\"code\":0,\"label\":\"\",\"use\":\"x\",\"administration\":\"none\"}"),
	CARD("{\"code\":0,\"label\":\"\",\"use\":\"own\"}"),
	CARD("{\"code\":0,\"label\":\"\",\"use\":\"own\",\"administration\":\"x\"}"),
	CARD("{\"code\":0,\"label\":\"\",\"use\":\"own\",\"administration\":\"ps\"},"
	     "{\"code\":0,\"label\":\"\",\"use\":\"ps\",\"administration\":\"ps\"}"),
	PROFESSIONS("," CARDS),
	JOB("{}"),
	JOB("{\"code\":1}"),
	JOB("{\"code\":1,\"label\":\"\"}"),
	JOB("{\"code\":1,\"label\":\"\",\"role\":\"occupational\"}"),
	JOB("{\"code\":1,\"label\":\"\",\"role\":\"ps\"}"),
	JOB("{\"code\":1,\"label\":\"\",\"role\":\"ps\",\"types\":1}"),
	JOB("{\"code\":1,\"label\":\"\",\"role\":\"ps\",\"types\":\"some\"}"),
	JOB("{\"code\":1,\"label\":\"\",\"role\":\"ps\",\"types\":[1]}"),
	JOB("{\"code\":1,\"label\":\"\",\"role\":\"ps\",\"types\":\"all\"},"
	    "{\"code\":1,\"label\":\"\",\"role\":\"ps\",\"types\":\"all\"}"),
	PROFESSIONS("," CARDS ",\"professions\":[{\"code\":1,\"label\":\"\",\"role\":\"ps\","
		    "\"types\":[]}],\"occupational-specialities\":[1]"),
	PROFESSIONS("," CARDS ",\"professions\":[{\"code\":1,\"label\":\"\",\"role\":\"ps\","
		    "\"types\":[]}],\"occupational-specialities\":[\"1\",\"2\",\"3\",\"4\","
		    "\"5\",\"6\",\"7\",\"8\",\"9\",\"10\",\"11\",\"12\",\"13\",\"14\","
		    "\"15\",\"16\",\"17\"]"),
	SECTORS(""),
	SECTOR("{}"),
	SECTOR("{\"code\":\"SA01\"}"),
	SECTOR("{\"code\":\"SA01\",\"label\":\"\"}"),
	SECTOR("{\"code\":\"SA01\",\"label\":\"\",\"access\":\"x\"}"),
	SECTOR("{\"code\":\"SA01\",\"label\":\"\",\"access\":\"never\"}"),
	SECTOR("{\"code\":\"SA01\",\"label\":\"\",\"access\":\"care\"},"
	       "{\"code\":\"SA01\",\"label\":\"\",\"access\":\"care\"}"),
	{"actions.json", "{" HEAD2 "}"},
	ACTIONS("{}"),
	ACTIONS("{\"action\":\"fly\"}"),
	ACTIONS("{\"action\":\"open\"}"),
	ACTIONS("{\"action\":\"open\",\"consent\":\"some\",\"source\":\"\"}"),
	ACTIONS("{\"action\":\"open\",\"consent\":\"none\"}"),
	ACTIONS("{\"action\":\"open\",\"consent\":\"none\",\"source\":\"\"}"),
	ACTIONS("{\"action\":\"open\",\"consent\":\"none\",\"source\":\"\",\"intent\":\"x\"}"),
	ACTIONS("{\"action\":\"open\",\"consent\":\"none\",\"source\":\"\",\"intent\":1}"),
	/* open alone is not all of them, and twice is too often */
	OPEN(",\"cells\":{" MODES("yes") "}"),
	ACTIONS("{\"action\":\"open\",\"source\":\"\",\"consent\":\"none\",\"intent\":null,"
		"\"cells\":{" MODES(
			"yes") "}},{\"action\":\"open\",\"source\":\"\",\"consent\":\"none\"}"),
	OPEN(",\"code\":1"),
	OPEN(",\"code\":true,\"until\":false"),
	OPEN(""),
	OPEN(",\"cells\":1"),
	OPEN(",\"cells\":{" MODES("yes") "},\"extra\":1"),
	/* every mode is there, and no other; every role of it, and no other; words of this layer */
	CELLS("\"normal\":\"no\""),
	CELLS(MODES("no") ",\"identity\":\"no\""),
	CELLS(MODES("maybe")),
	CELLS(MODES("allowed")),
	CELLS("\"normal\":1"),
	CELLS("\"normal\":{\"ps\":\"yes\"}"),
	CELLS(NORMAL "\"bris_de_glace\":{\"ps\":\"no\",\"doctor\":\"no\"}"),
	CELLS(NORMAL
		"\"bris_de_glace\":{\"ps\":\"no\",\"doctor\":\"no\",\"treating-doctor\":1}"),
	CELLS(NORMAL "\"bris_de_glace\":{\"ps\":\"no\",\"doctor\":\"no\",\"treating-doctor\":"
		     "\"no\",\"occupational\":\"no\"}"),
	OPEN(",\"cells\":{" MODES("yes") "},\"masked\":{}"),
	LAYERED("masked", "self"),
	LAYERED("patients-documents", "own"),
	LAYERED("insurers-documents", "allowed"),
	LAYERED("devices-documents", "no"),
};

static void data_files_that_are_wrong_are_refused(void **state)
{
	struct rights *r = NULL;

	(void)state;
	assert_int_equal(rights_new(folder, &r), 0);
	r = rights_free(r);
	for (size_t i = 0; i < ARRAY_LEN(wrong_files); i++) {
		_cleanup_json_ json_t *j = json_loads(wrong_files[i].text, 0, NULL);

		assert_int_equal(j == NULL, i == 0); /* wrong by what they say, but the first */
		put_file(wrong_files[i].name, wrong_files[i].text);
		assert_int_equal(rights_new(folder, &r), -EBADMSG);
		assert_null(r);
		copy_data(wrong_files[i].name);
	}
}

static void too_many_sectors_are_refused(void **state)
{
	_cleanup_(buf_done) struct buf text = BUF_NULL(64U * 1024U);
	struct rights *r = NULL;

	(void)state;
	buf_put_str(&text, "{" HEAD ",\"sectors\":[");
	for (int i = 0; i < 129; i++) {
		buf_printf(&text, "%s{\"code\":\"X%d\",\"label\":\"\",\"access\":\"care\"}",
			i > 0 ? "," : "", i);
	}
	buf_put_str(&text, "]}");
	buf_put_u8(&text, 0);
	put_file("sectors.json", (const char *)text.data);
	assert_int_equal(rights_new(folder, &r), -EBADMSG);
}

static void files_that_cannot_be_read_are_a_fault(void **state)
{
	_cleanup_(buf_done) struct buf large = BUF_NULL(300U * 1024U);
	_cleanup_(buf_done) struct buf name = BUF_NULL(8192);
	struct rights *r = NULL;
	char path[128];

	(void)state;
	assert_int_equal(rights_new("/nowhere", &r), -ENOENT);
	(void)memset(buf_extend(&large, 299 * 1024), ' ', (size_t)299 * 1024);
	buf_put_u8(&large, 0);
	put_file("sectors.json", (const char *)large.data);
	assert_int_equal(rights_new(folder, &r), -EMSGSIZE);
	(void)snprintf(path, sizeof(path), "%s/sectors.json", folder);
	assert_int_equal(remove(path), 0);
	assert_int_equal(mkdir(path, 0700), 0);
	assert_int_equal(rights_new(folder, &r), -EISDIR);
	(void)memset(buf_extend(&name, 5000), 'x', 5000);
	buf_put_u8(&name, 0);
	assert_int_equal(rights_new((const char *)name.data, &r), -EMSGSIZE);
}

static void a_list_of_types_narrows_a_profession_but_not_an_author(void **state)
{
	struct rights_facts f = facts(RIGHTS_ACTION_READ);
	struct rights *r = NULL;
	char text[512];

	(void)state;
	(void)snprintf(text, sizeof(text), "{" HEAD2 "," CARDS "," JOBS "," SPECS "}",
		"[\"prescription\",\"consultation\"]");
	put_file("professions.json", text);
	assert_int_equal(rights_new(folder, &r), 0);
	assert_string_equal(decide(r, &f), "allow doctor");
	f.type = "image";
	assert_string_equal(decide(r, &f), "deny document-type");
	f.author = true;
	assert_string_equal(decide(r, &f), "allow author");
	/* but whoever adds is the author, and may not add just anything */
	f.action = RIGHTS_ACTION_REPLACE;
	assert_string_equal(decide(r, &f), "deny document-type");
	f.action = RIGHTS_ACTION_ADD;
	assert_string_equal(decide(r, &f), "deny document-type");
	f.type = "consultation";
	assert_string_equal(decide(r, &f), "allow author");
	f.action = RIGHTS_ACTION_READ;
	f.author = false;
	f.type = NULL;
	assert_string_equal(decide(r, &f), "allow doctor");
	f.type = "image"; /* a structure's employees have no profession */
	f.action = RIGHTS_ACTION_ADD;
	f.indirect = true;
	assert_string_equal(decide(r, &f), "allow structure");
	rights_free(r);
}

static json_t *file_of(const char *name)
{
	char path[128];
	json_t *j;

	(void)snprintf(path, sizeof(path), "%s/%s", folder, name);
	j = json_load_file(path, 0, NULL);
	assert_non_null(j);
	return j;
}

static void write_file(const char *name, const json_t *j)
{
	char path[128];

	(void)snprintf(path, sizeof(path), "%s/%s", folder, name);
	assert_int_equal(json_dump_file(j, path, 0), 0);
}

static void what_the_files_say_decides(void **state)
{
	_cleanup_json_ json_t *j = file_of("actions.json");
	struct rights_facts f = facts(RIGHTS_ACTION_READ);
	json_t *row = NULL;
	struct rights *r = NULL;
	size_t i;

	(void)state;
	json_array_foreach(json_object_get(j, "actions"), i, row)
	{
		if (strcmp(json_get_str(row, "action"), "read") == 0) {
			break;
		}
	}
	/* a masked cell of "no" refuses the author too */
	assert_int_equal(json_object_set_new(
				 json_object_get(row, "masked"), "normal", json_string("no")),
		0);
	assert_int_equal(json_object_set_new(row, "code", json_true()), 0);
	assert_int_equal(json_object_set_new(row, "until", json_true()), 0);
	write_file("actions.json", j);
	assert_int_equal(rights_new(folder, &r), 0);
	f.flags = RIGHTS_FLAG_MASQUE_PS;
	f.author = true;
	assert_string_equal(decide(r, &f), "deny code");
	f.code = true;
	assert_string_equal(decide(r, &f), "deny masked");
	f.flags = 0;
	assert_string_equal(decide(r, &f), "deny no-end");
	f.has_until = true;
	assert_string_equal(decide(r, &f), "allow author");
	rights_free(r);
}

static void every_action_must_be_there(void **state)
{
	struct rights *r = NULL;

	(void)state;
	for (size_t i = 0; i < RIGHTS_ACTION_COUNT; i++) {
		_cleanup_json_ json_t *j = NULL;

		copy_data("actions.json");
		j = file_of("actions.json");
		assert_int_equal(json_array_remove(json_object_get(j, "actions"), i), 0);
		write_file("actions.json", j);
		assert_int_equal(rights_new(folder, &r), -EBADMSG);
	}
}

/* The least that is whole: what fails is the same, and there is less of it. */
static void make_small(void)
{
	_cleanup_(buf_done) struct buf text = BUF_NULL(64U * 1024U);
	char professions[512];

	(void)snprintf(professions, sizeof(professions),
		"{" HEAD2 "," CARDS "," JOBS "," SPECS "}", "[\"consultation\"]");
	put_file("professions.json", professions);
	put_file("sectors.json",
		"{" HEAD
		",\"sectors\":[{\"code\":\"SA07\",\"label\":\"\",\"access\":\"care\"}]}");
	buf_put_str(&text, "{" HEAD2 ",\"actions\":[");
	for (int i = 0; i < RIGHTS_ACTION_COUNT; i++) {
		buf_printf(&text,
			"%s{\"action\":\"%s\",\"source\":\"\",\"consent\":\"none\",\"intent\":"
			"null,"
			"\"cells\":{" MODES("yes") "}}",
			i > 0 ? "," : "", rights_action_word((enum rights_action)i));
	}
	buf_put_str(&text, "]}");
	buf_put_u8(&text, 0);
	put_file("actions.json", (const char *)text.data);
}

static void loading_survives_every_failure(void **state)
{
	static const enum faults_kind kinds[] = {FAULTS_MEMORY, FAULTS_CALLS};

	(void)state;
	make_small();
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
		bool met = true;

		for (unsigned int n = 0; met; n++) {
			struct rights *r = NULL;
			int e;

			faults_arm(kinds[i], n);
			e = rights_new(folder, &r);
			met = faults_off();
			assert_true(met || e == 0);
			assert_true(e == 0 ? r != NULL : r == NULL);
			rights_free(r);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define F(name) cmocka_unit_test_setup_teardown(name, make_folder, remove_folder)
		F(data_files_that_are_wrong_are_refused),
		F(too_many_sectors_are_refused),
		F(files_that_cannot_be_read_are_a_fault),
		F(a_list_of_types_narrows_a_profession_but_not_an_author),
		F(what_the_files_say_decides),
		F(every_action_must_be_there),
		F(loading_survives_every_failure),
	};

	faults_setup();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
