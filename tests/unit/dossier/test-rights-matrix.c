/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * rights_decide() against the matrix M526 v1.8, line by line and cell by cell as it is printed, and
 * against the lines and columns that are ours, as they stand in doc/rights.md.
 */
/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include "tests/unit/dossier/rights-facts.h"

/* -- the matrix of the source ------------------------------------------------------------------- */

/* The columns of M526 as they are printed. n: consultation, r: regulation, b: broken glass. */
enum column {
	PS_N = 0,
	PS_R,
	PS_B,
	DR_N,
	DR_R,
	DR_B,
	OCC,
	MT_N,
	MT_B,
	CPE,
	ES_N,
	ES_R,
	COLUMN_COUNT,
};

#define NOT_OURS RIGHTS_ACTION_COUNT

/*
 * A row of M526, its cells in the source's groups PS (n r b), doctor (n r b), occupational, treating
 * doctor (n b), CPE, structure's certificate (n r). y, -: as printed; a digit: yes with that note:
 *   1 the authorisation goes to the structure   4 imputed to the structure
 *   6 own documents   7 only if the patient allowed it   8 own documents   9 those of the structure
 * (2, 3 and 5 are of lines that are not ours.)
 */
#define ACT(name) RIGHTS_ACTION_##name
#define MASKED	  RIGHTS_FLAG_MASQUE_PS
#define UNSEEN	  (RIGHTS_FLAG_INVISIBLE_PATIENT | RIGHTS_FLAG_INVISIBLE_REPRESENTANTS_LEGAUX)

/* clang-format off */
static const struct {
	const char *td;
	const char *cells;
	enum rights_action action; /* NOT_OURS: this service has no such act */
	unsigned int flags;
	bool oneself; /* the line is about one's own authorisation */
} m526[] = {
	/*                                 PS  Dr  O MT C ES */
	{"TD0.1, TD0.2, TD1.3a",           "yyy yyy y yy y yy", ACT(OPEN),                   0,       false},
	{"TD0.3 declare authorised",       "y-- y-- - y- 1 --", ACT(AUTHORISE),              0,       true},
	{"TD0.3 remove own",               "y-- y-- - y- - --", ACT(REVOKE),                 0,       true},
	{"TD0.3 leave the MT role",        "--- --- - y- - --", ACT(TREATING_DOCTOR_LEAVE),  0,       false},
	{"TD0.4 list of dossiers",         "yyy yyy y yy 2 3-", NOT_OURS,                    0,       false},
	{"TD0.5 search without INS",       "-y- -y- - -- - -y", NOT_OURS,                    0,       false},
	{"TD0.9 web",                      "yyy yyy y yy y --", NOT_OURS,                    0,       false},
	{"TD1.6 list professionals",       "y-- y-- y y- - --", ACT(LIST_PROFESSIONALS),     0,       false},
	{"TD2.1, TD2.2 (CPE) feed",        "yyy yyy y yy 4 44", ACT(ADD),                    0,       false},
	{"TD3.1 metadata",                 "yyy yyy y yy - --", ACT(LIST),                   0,       false},
	{"TD3.1 reference",                "yyy yyy y yy 5 55", NOT_OURS,                    0,       false},
	{"TD3.2 visible",                  "yyy yyy - yy - --", ACT(READ),                   0,       false},
	{"TD3.2 hidden from the patient",  "yyy yyy - yy - --", ACT(READ),                   UNSEEN,  false},
	{"TD3.2 masked to PS",             "677 677 - y7 - --", ACT(READ),                   MASKED,  false},
	{"TD3.3a mask",                    "y-- y-- y y- - --", ACT(MASK),                   0,       false},
	{"TD3.3b show to the patient",     "y-- y-- y y- - --", ACT(SHOW_PATIENT),           0,       false},
	{"TD3.3b ... to representatives",  "y-- y-- y y- - --", ACT(SHOW_REPRESENTATIVES),   0,       false},
	{"TD3.3a unmask",                  "8-- 8-- 8 y- - --", ACT(UNMASK),                 MASKED,  false},
	{"TD3.3d archive",                 "8-- 8yy 8 yy - --", ACT(ARCHIVE),                0,       false},
	{"TD3.3d unarchive",               "8-- 8yy 8 yy - --", ACT(UNARCHIVE),              0,       false},
	{"TD3.3c delete",                  "888 888 8 88 9 99", ACT(DELETE),                 0,       false},
};

/* clang-format on */
#undef ACT

static struct rights_facts in_column(enum rights_action action, enum column c)
{
	static const enum session_mode modes[COLUMN_COUNT] = {
		[PS_R] = SESSION_MODE_CENTRE_15,
		[DR_R] = SESSION_MODE_CENTRE_15,
		[ES_R] = SESSION_MODE_CENTRE_15,
		[PS_B] = SESSION_MODE_BRIS_DE_GLACE,
		[DR_B] = SESSION_MODE_BRIS_DE_GLACE,
		[MT_B] = SESSION_MODE_BRIS_DE_GLACE,
	};
	struct rights_facts f = facts(action);

	set_mode(&f, modes[c]);
	f.has_until = true;
	if (c <= PS_B) {
		f.profession = 60;
	}
	if (c == OCC) {
		f.sector = "SA13";
	}
	f.treating_doctor = c == MT_N || c == MT_B;
	if (c == CPE) {
		f.card_type = 2;
		f.profession = 0;
	}
	f.indirect = c >= ES_N;
	if (f.indirect) {
		f.card_type = UINT8_MAX;
		f.profession = 0;
	}
	return f;
}

/* Whether what is printed (or o: own, a: allowed, b: both, s: oneself) holds of @f. */
static bool printed(char cell, const struct rights_facts *f)
{
	switch (cell) {
	case 'y':
	case '4':
		return true;
	case '1':
	case 's':
		return f->self;
	case '6':
	case '8':
	case '9':
	case 'o':
		return f->author;
	case '7':
	case 'a':
		return f->masked_allowed;
	case 'b': /* both */
		return f->author && f->masked_allowed;
	case '-':
		return false;
	default:
		fail_msg("no such cell: %c", cell);
		return false;
	}
}

static void check_cell(const char *what, struct rights_facts f, char cell)
{
	for (unsigned int i = 0; i < 8; i++) {
		const char *rule;
		bool allowed;

		f.author = i & 1;
		f.self = i & 2;
		f.masked_allowed = i & 4;
		allowed = rights_decide(rights, &f, &rule) == RIGHTS_ALLOW;
		if (allowed != printed(cell, &f)) {
			fail_msg("%s, %s: %c, author %d, self %d, masked allowed %d: %s %s",
				what, session_mode_word(f.mode), cell, f.author, f.self,
				f.masked_allowed, allowed ? "allow" : "deny", rule);
		}
	}
}

static void every_cell_of_m526_is_as_printed(void **state)
{
	size_t checked = 0;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(m526); i++) {
		enum column c = PS_N;

		for (const char *p = m526[i].cells; *p; p++) {
			if (*p == ' ') {
				continue;
			}
			assert_true(c < COLUMN_COUNT);
			if (m526[i].action != NOT_OURS) {
				struct rights_facts f = in_column(m526[i].action, c);
				char cell = m526[i].oneself && *p == 'y' ? 's' : *p;

				f.flags = m526[i].flags;
				check_cell(m526[i].td, f, cell);
				checked++;
			}
			c++;
		}
		assert_int_equal(c, COLUMN_COUNT);
	}
	assert_int_equal(checked, 17 * COLUMN_COUNT);
}

/* "A patient's own document can be archived or deleted only by MT or patient." */
static void a_patients_own_document_is_put_away_by_the_treating_doctor_alone(void **state)
{
	static const enum rights_action actions[] = {
		RIGHTS_ACTION_ARCHIVE, RIGHTS_ACTION_UNARCHIVE, RIGHTS_ACTION_DELETE};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(actions) * COLUMN_COUNT; i++) {
		enum column c = (enum column)(i % COLUMN_COUNT);
		struct rights_facts f = in_column(actions[i / COLUMN_COUNT], c);
		bool treating = c == MT_N || c == MT_B;

		f.author_kind = RIGHTS_AUTHOR_PATIENT;
		check_cell("a patient's own", f, treating ? 'y' : '-');
		f.flags = RIGHTS_FLAG_MASQUE_PS;
		check_cell("a patient's own, masked", f,
			c == MT_N   ? 'y'
			: c == MT_B ? 'a'
				    : '-');
	}
}

/* -- what is ours ------------------------------------------------------------------------------- */

/*
 * All actions in all modes, with what M526 has no line or column for: groups normal (PS, Dr, MT, Occ,
 * CPE, ES), bris_de_glace (PS, Dr, MT), centre_15 (PS, Dr, MT, ES), administration (CPS, CPE,
 * agent of the fund, signed feed), patient (holder, representative). Columns as doc/rights.md has them.
 */
#define NOBODY	  "------ --- ---- ---- --"
#define ACT(name) RIGHTS_ACTION_##name

/* clang-format off */
static const struct {
	enum rights_action action;
	const char *plain;
	const char *masked;   /* NULL: masque_ps changes nothing */
	const char *patients; /* documents of the patient; NULL: as others */
	const char *insurers;
} ours[] = {
	/*                            normal bdg c15  adm  pat */
	{ACT(OPEN),                    "yyyyyy yyy yyyy yyyy yy", NULL, NULL, NULL},
	{ACT(CREATE),                  "yyy--- --- ---- yyy- --", NULL, NULL, NULL},
	{ACT(SUMMARY),                 "yyy--- yyy yyy- ---- yy", "ooy--- aaa aaa- ---- yy", NULL,                       NULL},
	{ACT(LIST),                    "yyyy-- yyy yyy- ---- yy", "ooyo-- aaa aaa- ---- yy", NULL,                       NULL},
	{ACT(READ),                    "yyy--- yyy yyy- ---- yy", "ooy--- aaa aaa- ---- yy", NULL,                       NULL},
	{ACT(ADD),                     "yyyyyy yyy yyyy ---- --", NULL, NULL, NULL},
	{ACT(REPLACE),                 "oooooo --- ---- ---- oo", NULL,                       "------ --- ---- ---- yy", NOBODY},
	{ACT(ARCHIVE),                 "ooyo-- -yy -yy- ---- oo", "ooyo-- -aa -aa- ---- oo", "--y--- --y --y- ---- yy", NOBODY},
	{ACT(UNARCHIVE),               "ooyo-- -yy -yy- ---- oo", "ooyo-- -aa -aa- ---- oo", "--y--- --y --y- ---- yy", NOBODY},
	{ACT(DELETE),                  "oooooo ooo oooo ---- oo", "oooooo bbb bbbb ---- oo", "--y--- --y --y- ---- yy", NOBODY},
	{ACT(MASK),                    "yyyy-- --- ---- ---- yy", "ooyo-- --- ---- ---- yy", NULL,                       "------ --- ---- ---- yy"},
	{ACT(UNMASK),                  "ooyo-- --- ---- ---- yy", NULL,                       NULL,                       "------ --- ---- ---- yy"},
	{ACT(SHOW_PATIENT),            "yyyy-- --- ---- ---- --", "ooyo-- --- ---- ---- --", NULL,                       NOBODY},
	{ACT(HIDE_PATIENT),            "ooyo-- --- ---- ---- --", NULL,                       NULL,                       NOBODY},
	{ACT(SHOW_REPRESENTATIVES),    "yyyy-- --- ---- ---- y-", "ooyo-- --- ---- ---- y-", NULL,                       "------ --- ---- ---- y-"},
	{ACT(HIDE_REPRESENTATIVES),    "ooyo-- --- ---- ---- y-", NULL,                       NULL,                       "------ --- ---- ---- y-"},
	{ACT(NOTES),                   "------ --- ---- ---- yy", NULL, NULL, NULL},
	{ACT(HISTORY),                 "yyyy-- yyy yyy- ---- yy", NULL, NULL, NULL},
	{ACT(LIST_PROFESSIONALS),      "yyyy-- --- ---- ---- yy", NULL, NULL, NULL},
	{ACT(AUTHORISE),               "sss-s- --- ---- ---- yy", NULL, NULL, NULL},
	{ACT(REVOKE),                  "sss--- --- ---- ---- yy", NULL, NULL, NULL},
	{ACT(BLOCK),                   "--y--- --- ---- ---- yy", NULL, NULL, NULL},
	{ACT(UNBLOCK),                 "--y--- --- ---- ---- yy", NULL, NULL, NULL},
	{ACT(TREATING_DOCTOR_TAKE),    "-yy--- --- ---- ---- --", NULL, NULL, NULL},
	{ACT(TREATING_DOCTOR_LEAVE),   "--y--- --- ---- ---- --", NULL, NULL, NULL},
	{ACT(OPPOSE),                  "yyy--- --- ---- yyy- yy", NULL, NULL, NULL},
	{ACT(UNOPPOSE),                "yyy--- --- ---- yyy- yy", NULL, NULL, NULL},
	{ACT(ALLOW_MASKED),            "yyy--- --- ---- yyy- yy", NULL, NULL, NULL},
	{ACT(CLOSE),                   "------ --- ---- yyy- yy", NULL, NULL, NULL},
	{ACT(REOPEN),                  "yyy--- --- ---- yyy- yy", NULL, NULL, NULL},
	{ACT(EXPORT),                  "------ --- ---- ---- yy", NULL, NULL, NULL},
	{ACT(ACTIVATION_CODE),         "------ --- ---- yyy- --", NULL, NULL, NULL},
	{ACT(PERSONAL_CODE),           "------ --- ---- ---- yy", NULL, NULL, NULL},
	{ACT(IMPORT),                  "------ --- ---- ---y --", NULL, NULL, NULL},
};

/* clang-format on */

struct place {
	enum session_mode mode;
	uint8_t card_type;
	uint8_t profession;
	const char *sector;
	bool treating;
	bool indirect;
	bool feeder;
	bool representative;
};

#define N  SESSION_MODE_NORMAL
#define B  SESSION_MODE_BRIS_DE_GLACE
#define R  SESSION_MODE_CENTRE_15
#define A  SESSION_MODE_ADMINISTRATION
#define P  SESSION_MODE_PATIENT
#define NO UINT8_MAX

static const struct place places[] = {
	{N, 0, 60, "SA07", false, false, false, false},
	{N, 0, 10, "SA07", false, false, false, false},
	{N, 0, 10, "SA07", true, false, false, false},
	{N, 0, 10, "SA13", true, false, false, false},
	{N, 2, 0, "SA05", false, false, false, false},
	{N, NO, 0, "SA01", false, true, false, false},
	{B, 0, 60, "SA07", false, false, false, false},
	{B, 0, 10, "SA07", false, false, false, false},
	{B, 0, 10, "SA07", true, false, false, false},
	{R, 0, 60, "SA01", false, false, false, false},
	{R, 0, 10, "SA01", false, false, false, false},
	{R, 0, 10, "SA01", true, false, false, false},
	{R, NO, 0, "SA01", false, true, false, false},
	{A, 0, 10, "SA07", true, false, false, false},
	{A, 2, 0, "SA05", false, false, false, false},
	{A, 3, 0, "SA24", false, false, false, false},
	{A, NO, 0, "", false, false, true, false},
	{P, NO, 0, "", false, false, false, false},
	{P, NO, 0, "", false, false, false, true},
};

static struct rights_facts in_place(enum rights_action action, const struct place *p)
{
	struct rights_facts f = facts(action);

	set_mode(&f, p->mode);
	f.has_until = true;
	f.code = true;
	f.card_type = p->card_type;
	f.profession = p->profession;
	f.speciality = "";
	f.sector = p->sector;
	f.treating_doctor = p->treating;
	f.indirect = p->indirect;
	f.feeder = p->feeder;
	f.holder = p->mode == P && !p->representative;
	f.representative = p->representative;
	f.age = p->representative ? RIGHTS_AGE_MINOR : RIGHTS_AGE_ADULT;
	return f;
}

/* The patient's own are told by their author's kind. */
static char own_of(char cell, enum rights_author kind)
{
	if (cell != 'o') {
		return cell;
	}
	return kind == RIGHTS_AUTHOR_PATIENT ? 'y' : '-';
}

static void check_row(enum rights_action action, const char *cells, unsigned int flags,
	enum rights_author kind)
{
	size_t c = 0;

	for (const char *p = cells; *p; p++) {
		struct rights_facts f;
		char cell = *p;

		if (cell == ' ') {
			continue;
		}
		assert_true(c < ARRAY_LEN(places));
		f = in_place(action, &places[c++]);
		f.flags = flags;
		f.author_kind = (uint8_t)kind;
		if (f.mode == P) {
			cell = own_of(cell, kind);
			/* masque_ps hides nothing from the patient, whoever wrote it */
			f.flags |= RIGHTS_FLAG_MASQUE_PS;
			check_cell(rights_action_word(action), f, cell);
			f.flags = flags;
		}
		check_cell(rights_action_word(action), f, cell);
	}
	assert_int_equal(c, ARRAY_LEN(places));
}

static void every_cell_of_ours_is_as_documented(void **state)
{
	(void)state;
	assert_int_equal(ARRAY_LEN(ours), RIGHTS_ACTION_COUNT);
	for (size_t i = 0; i < ARRAY_LEN(ours); i++) {
		const char *masked = ours[i].masked ? ours[i].masked : ours[i].plain;
		const char *patients = ours[i].patients ? ours[i].patients : ours[i].plain;
		const char *insurers = ours[i].insurers ? ours[i].insurers : ours[i].plain;

		assert_int_equal(ours[i].action, i);
		check_row(ours[i].action, ours[i].plain, 0, RIGHTS_AUTHOR_PROFESSIONAL);
		check_row(ours[i].action, masked, RIGHTS_FLAG_MASQUE_PS,
			RIGHTS_AUTHOR_PROFESSIONAL);
		check_row(ours[i].action, patients, 0, RIGHTS_AUTHOR_PATIENT);
		check_row(ours[i].action, insurers, 0, RIGHTS_AUTHOR_INSURER);
		/* of a device or a structure nothing is said: as of anybody else */
		check_row(ours[i].action, ours[i].plain, 0, RIGHTS_AUTHOR_DEVICE);
		check_row(ours[i].action, ours[i].plain, 0, RIGHTS_AUTHOR_STRUCTURE);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test(name)
		T(every_cell_of_m526_is_as_printed),
		T(a_patients_own_document_is_put_away_by_the_treating_doctor_alone),
		T(every_cell_of_ours_is_as_documented),
	};

	json_setup();
	return cmocka_run_group_tests(tests, load, unload);
}
