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
		.intents = SESSION_INTENT_CONSULT | SESSION_INTENT_FEED | SESSION_INTENT_CREATE,
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
#define CARDS "\"cards\":[{\"code\":0,\"label\":\"CPS\",\"use\":\"own\"}]"
#define JOBS  "\"professions\":[{\"code\":10,\"label\":\"m\",\"role\":\"doctor\",\"types\":%s}]"
#define SPECS "\"occupational-specialities\":[\"SM25\"]"

static const struct {
	const char *name;
	const char *text;
} wrong_files[] = {
	{"professions.json", "["},
	{"professions.json", "[]"},
	{"professions.json", "{\"format\":2,\"date\":\"\",\"source\":\"\",\"note\":\"\"}"},
	{"professions.json", "{\"format\":1}"},
	{"professions.json", "{\"format\":1,\"date\":\"d\"}"},
	{"professions.json", "{\"format\":1,\"date\":\"d\",\"source\":\"s\"}"},
	{"professions.json", "{" HEAD "}"},
	{"professions.json", "{" HEAD ",\"cards\":[]}"},
	{"professions.json", "{" HEAD ",\"cards\":[{\"code\":256}]}"},
	{"professions.json", "{" HEAD ",\"cards\":[{\"code\":0}]}"},
	{"professions.json", "{" HEAD ",\"cards\":[{\"code\":0,\"label\":\"\"}]}"},
	{"professions.json",
		"{" HEAD ",\"cards\":[{\"code\":0,\"label\":\"\",\"use\":\"x\"}]}"},
	{"professions.json", "{" HEAD "," CARDS "}"},
	{"professions.json", "{" HEAD "," CARDS ",\"professions\":[{}]}"},
	{"professions.json", "{" HEAD "," CARDS ",\"professions\":[{\"code\":1}]}"},
	{"professions.json",
		"{" HEAD "," CARDS ",\"professions\":[{\"code\":1,\"label\":\"\"}]}"},
	{"professions.json", "{" HEAD "," CARDS ",\"professions\":[{\"code\":1,\"label\":\"\","
			     "\"role\":\"occupational\"}]}"},
	{"professions.json", "{" HEAD "," CARDS ",\"professions\":[{\"code\":1,\"label\":\"\","
			     "\"role\":\"ps\"}]}"},
	{"professions.json", "{" HEAD "," CARDS ",\"professions\":[{\"code\":1,\"label\":\"\","
			     "\"role\":\"ps\",\"types\":1}]}"},
	{"professions.json", "{" HEAD "," CARDS ",\"professions\":[{\"code\":1,\"label\":\"\","
			     "\"role\":\"ps\",\"types\":\"some\"}]}"},
	{"professions.json", "{" HEAD "," CARDS ",\"professions\":[{\"code\":1,\"label\":\"\","
			     "\"role\":\"ps\",\"types\":[1]}]}"},
	{"professions.json", "{" HEAD "," CARDS ",\"professions\":[{\"code\":1,\"label\":\"\","
			     "\"role\":\"ps\",\"types\":\"all\"},{\"code\":1,\"label\":\"\","
			     "\"role\":\"ps\",\"types\":\"all\"}]}"},
	{"professions.json",
		"{" HEAD "," CARDS ",\"professions\":[{\"code\":1,\"label\":\"\","
		"\"role\":\"ps\",\"types\":[]}],\"occupational-specialities\":[1]}"},
	{"professions.json",
		"{" HEAD "," CARDS ",\"professions\":[{\"code\":1,\"label\":\"\","
		"\"role\":\"ps\",\"types\":[]}],\"occupational-specialities\":[\"1\","
		"\"2\",\"3\","
		"\"4\",\"5\",\"6\",\"7\",\"8\",\"9\",\"10\",\"11\",\"12\",\"13\","
		"\"14\",\"15\","
		"\"16\",\"17\"]}"},
	{"sectors.json", "{" HEAD "}"},
	{"sectors.json", "{" HEAD ",\"sectors\":[{}]}"},
	{"sectors.json", "{" HEAD ",\"sectors\":[{\"code\":\"SA01\"}]}"},
	{"sectors.json", "{" HEAD ",\"sectors\":[{\"code\":\"SA01\",\"label\":\"\"}]}"},
	{"sectors.json",
		"{" HEAD ",\"sectors\":[{\"code\":\"SA01\",\"label\":\"\",\"access\":\"x\"}]}"},
	{"sectors.json", "{" HEAD ",\"sectors\":[{\"code\":\"SA01\",\"label\":\"\",\"access\":"
			 "\"never\"}]}"},
	{"actions.json", "{" HEAD "}"},
	{"actions.json", "{" HEAD ",\"actions\":[{\"action\":\"fly\"}]}"},
	{"actions.json", "{" HEAD ",\"actions\":[{\"action\":\"open\"}]}"},
	{"actions.json", "{" HEAD ",\"actions\":[{\"action\":\"open\",\"source\":\"\"}]}"},
	{"actions.json", "{" HEAD ",\"actions\":[{\"action\":\"open\",\"source\":\"\","
			 "\"intent\":\"x\"}]}"},
	{"actions.json", "{" HEAD ",\"actions\":[{\"action\":\"open\",\"source\":\"\","
			 "\"intent\":null}]}"},
	{"actions.json",
		"{" HEAD ",\"actions\":[{\"action\":\"open\",\"source\":\"\",\"intent\":null,"
		"\"cells\":{\"ps\":\"yes\",\"doctor\":\"yes\",\"treating-doctor\":"
		"\"yes\","
		"\"occupational\":\"maybe\"}}]}"},
	{"actions.json",
		"{" HEAD ",\"actions\":[{\"action\":\"open\",\"source\":\"\",\"intent\":null,"
		"\"cells\":{\"ps\":\"yes\",\"doctor\":\"yes\",\"treating-doctor\":"
		"\"yes\","
		"\"occupational\":\"yes\",\"nobody\":\"yes\"}}]}"},
	{"actions.json",
		"{" HEAD ",\"actions\":[{\"action\":\"open\",\"source\":\"\",\"intent\":null,"
		"\"cells\":{\"ps\":\"yes\",\"doctor\":\"yes\",\"treating-doctor\":"
		"\"yes\","
		"\"occupational\":\"yes\"},\"masked\":{}}]}"},
	{"actions.json",
		"{" HEAD ",\"actions\":[{\"action\":\"open\",\"source\":\"\",\"intent\":null,"
		"\"cells\":{\"ps\":\"yes\",\"doctor\":\"yes\",\"treating-doctor\":"
		"\"yes\","
		"\"occupational\":\"yes\"}}]}"},
	{"actions.json",
		"{" HEAD ",\"actions\":[{\"action\":\"open\",\"source\":\"\",\"intent\":null,"
		"\"cells\":{\"ps\":\"yes\",\"doctor\":\"yes\",\"treating-doctor\":"
		"\"yes\","
		"\"occupational\":\"yes\"}},{\"action\":\"open\",\"source\":\"\"}]}"},

#define CELLS                                                                                  \
	"\"cells\":{\"ps\":\"no\",\"doctor\":\"no\",\"treating-doctor\":\"no\","               \
	"\"occupational\":\"no\"}"
#define OPEN                                                                                   \
	"{" HEAD ",\"actions\":[{\"action\":\"open\",\"source\":\"\",\"intent\":null," CELLS
	/* the columns of the emergency modes: each there, and no other */
	{"actions.json", OPEN ",\"emergency\":{\"bris_de_glace\":{" CELLS "}}}]}"},
	{"actions.json",
		OPEN ",\"emergency\":{\"bris_de_glace\":{" CELLS "},\"centre_15\":{}}}]}"},
	{"actions.json", OPEN ",\"emergency\":{\"bris_de_glace\":{" CELLS
			      "},\"centre_15\":{" CELLS ",\"masked\":{}}}}]}"},
	{"actions.json", OPEN ",\"emergency\":{\"bris_de_glace\":{" CELLS
			      "},\"centre_15\":{" CELLS "},\"centre_16\":{" CELLS "}}}]}"},
};

static void data_files_that_are_wrong_are_refused(void **state)
{
	struct rights *r = NULL;

	(void)state;
	assert_int_equal(rights_new(folder, &r), 0);
	r = rights_free(r);
	for (size_t i = 0; i < ARRAY_LEN(wrong_files); i++) {
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
	(void)snprintf(text, sizeof(text), "{" HEAD "," CARDS "," JOBS "," SPECS "}",
		"[\"prescription\",\"consultation\"]");
	put_file("professions.json", text);
	assert_int_equal(rights_new(folder, &r), 0);
	assert_string_equal(decide(r, &f), "allow doctor");
	f.type = "image";
	assert_string_equal(decide(r, &f), "deny document-type");
	f.author = true;
	assert_string_equal(decide(r, &f), "allow author");
	/* but whoever adds is the author, and may not add just anything */
	f.action = RIGHTS_ACTION_ADD;
	assert_string_equal(decide(r, &f), "deny document-type");
	f.type = "consultation";
	assert_string_equal(decide(r, &f), "allow author");
	f.action = RIGHTS_ACTION_READ;
	f.author = false;
	f.type = NULL;
	assert_string_equal(decide(r, &f), "allow doctor");
	rights_free(r);
}

static void a_masked_cell_of_no_refuses_the_author_too(void **state)
{
	static const char own[] = "\"masked\": {\"ps\": \"own\", \"doctor\": \"own\"";
	_cleanup_(buf_done) struct buf text = BUF_NULL(256U * 1024U);
	struct rights_facts f = facts(RIGHTS_ACTION_READ);
	struct rights *r = NULL;
	char path[128];
	uint8_t *at;
	size_t n;
	FILE *file;

	(void)state;
	(void)snprintf(path, sizeof(path), "%s/actions.json", folder);
	file = fopen(path, "r");
	assert_non_null(file);
	at = buf_extend(&text, (size_t)64 * 1024);
	n = fread(at, 1, (size_t)64 * 1024 - 1, file);
	fclose(file);
	buf_truncate(&text, n + 1);
	while ((at = memmem(text.data, n, own, sizeof(own) - 1))) {
		at[sizeof(own) - 5] = 'n'; /* "own" becomes "no" */
		at[sizeof(own) - 4] = 'o';
		at[sizeof(own) - 3] = '"';
		at[sizeof(own) - 2] = ' ';
	}
	put_file("actions.json", (const char *)text.data);
	assert_int_equal(rights_new(folder, &r), 0);
	f.flags = RIGHTS_FLAG_MASQUE_PS;
	f.author = true;
	assert_string_equal(decide(r, &f), "deny role-forbidden");
	rights_free(r);
}

static void loading_survives_every_failure(void **state)
{
	static const enum faults_kind kinds[] = {FAULTS_MEMORY, FAULTS_CALLS};

	(void)state;
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
		F(a_masked_cell_of_no_refuses_the_author_too),
		F(loading_survives_every_failure),
	};

	faults_setup();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
