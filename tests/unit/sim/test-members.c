/* SPDX-License-Identifier: EUPL-1.2 */
/* Every profile that we ship becomes a card, and shows what its member of the family shows: ATR,
 * directories, certificates, files that are absent, numbers and dates as they were written. */
#include <dirent.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/tlv.h"
#include "drivers/card/atr.h"
#include "tests/unit/sim/scene.h"

#define NAMES_MAX 64

/* one RSA key for all: making a pair for each card would take a minute and show nothing more */
static EVP_PKEY *spare_key;

int __real_crypto_new_rsa(EVP_PKEY **ret_key);
int __wrap_crypto_new_rsa(EVP_PKEY **ret_key);

int __wrap_crypto_new_rsa(EVP_PKEY **ret_key)
{
	EVP_PKEY_up_ref(spare_key);
	*ret_key = spare_key;
	return 0;
}

static struct scene scene;
static char names[NAMES_MAX][256];
static size_t n_names;

static int make(void **state)
{
	DIR *dir = opendir(TEST_PROFILES);
	const char *list[NAMES_MAX + 1] = {NULL};
	const struct dirent *e;

	(void)state;
	assert_int_equal(__real_crypto_new_rsa(&spare_key), 0);
	assert_non_null(dir);
	while ((e = readdir(dir))) {
		const char *end = strstr(e->d_name, ".json");

		if (!end)
			continue;
		assert_true(n_names < NAMES_MAX);
		snprintf(names[n_names], sizeof(names[0]), "%.*s", (int)(end - e->d_name),
			e->d_name);
		list[n_names] = names[n_names];
		n_names++;
	}
	closedir(dir);
	scene_make(&scene, list);
	return 0;
}

static int unmake(void **state)
{
	(void)state;
	scene_done(&scene);
	EVP_PKEY_free(spare_key);
	return 0;
}

static void every_profile_becomes_a_card_with_a_valid_atr(void **state)
{
	(void)state;
	assert_true(n_names >= 40);
	for (size_t i = 0; i < n_names; i++) {
		struct atr atr;
		struct play p;

		play_start(&p, &scene, names[i], 0);
		assert_int_equal(atr_parse(view_of(p.card->state->profile->atr,
						   p.card->state->profile->atr_len),
					 &atr),
			0);
		play_done(&p);
	}
}

static void atrs_are_those_of_their_members(void **state)
{
	static const struct {
		const char *name, *atr;
		bool t0, t1;
	} rows[] = {
		{"vitale-family", "3B751300004309EA9000", true, false},
		{"vitale-mask-44", "3B751300004409EA9000", true, false},
		{"vitale-fa", "3B751300004509FA9000", true, false},
		{"vitale-1", "3F6525002209F99000", true, false},
		{"vitale-1-bull", "3F65250052096A9000", true, false},
		{"vitale-1-scot", "3F652500A4096A9000", true, false},
		{"cps4-gp", "3B9B188001001225006480040100009044", true, true},
		{"cps4-rc", "3B9B188001001225006480000401009044", true, true},
		{"cps4-t0", "3BDC18FF00001225006480000401009000", true, false},
		{"cps3-contactless", "3B8F80010031B86404B0ECC1739401808290000E", true, true},
		{"cps2ter", "3BAC00402A001225006480820212009000", true, false},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct atr atr;
		struct play p;
		struct view bytes;

		play_start(&p, &scene, rows[i].name, 0);
		bytes = view_of(p.card->state->profile->atr, p.card->state->profile->atr_len);
		assert_view_hex(bytes, rows[i].atr);
		assert_int_equal(atr_parse(bytes, &atr), 0);
		assert_int_equal(atr_offers(&atr, 0), rows[i].t0);
		assert_int_equal(atr_offers(&atr, 1), rows[i].t1);
		play_done(&p);
	}
}

/* -- Vitale --------------------------------------------------------------------------------------- */

static void read_sfi2(struct play *p, bool numbers, struct buf *out)
{
	assert_int_equal(play_send(p, numbers ? "00A4040C0BD250000002564954414C45"
					      : "00A4040C0ED2500000024D465F564954414C45"),
		0x9000);
	assert_int_equal(play_fetch(p, "00B0820000"), 0x9000);
	buf_put_view(out, buf_view(&p->answer));
	while (p->answer.len == 256) {
		char more[32];

		snprintf(more, sizeof(more), "00B0%04zX00", out->len);
		if (play_fetch(p, more) == 0x6B00)
			break;
		buf_put_view(out, buf_view(&p->answer));
	}
}

/* The @n-th object 65 of @file. */
static struct view template_at(const struct buf *file, size_t n)
{
	struct reader r = reader_of(buf_view(file));
	struct tlv t = {0};

	for (size_t i = 0; i <= n; i++)
		assert_int_equal(tlv_next(&r, &t), 0);
	assert_int_equal(t.tag, 0x65);
	return t.value;
}

static void people_stand_on_the_card_as_in_their_profile(void **state)
{
	(void)state;
	for (size_t i = 0; i < n_names; i++) {
		_cleanup_(buf_done) struct buf who = BUF_NULL(4096), which = BUF_NULL(4096);
		const struct profile *p;
		struct play play;

		if (strncmp(names[i], "vitale-", 7) != 0 || strstr(names[i], "vitale-1"))
			continue;
		play_start(&play, &scene, names[i], 0);
		p = play.card->state->profile;
		read_sfi2(&play, false, &who);
		read_sfi2(&play, true, &which);
		for (size_t k = 0; k < p->n_people; k++) {
			struct view person = template_at(&who, k);
			struct tlv t;

			assert_int_equal(tlv_find(person, 0x82, &t), 0);
			assert_true(view_equal(t.value, view_str(p->people[k].birth)));
			assert_int_equal(
				tlv_find(person, 0x94, &t), p->people[k].rank ? 0 : TLV_ABSENT);
			person = template_at(&which, k);
			assert_int_equal(tlv_find(person, 0x93, &t),
				p->people[k].nir[0] ? 0 : TLV_ABSENT);
			if (p->people[k].nir[0])
				assert_true(view_equal(t.value, view_str(p->people[k].nir)));
		}
		play_done(&play);
	}
}

static void nineteen_beneficiaries_need_more_than_one_read(void **state)
{
	_cleanup_(buf_done) struct buf who = BUF_NULL(4096);
	struct play p;

	(void)state;
	play_start(&p, &scene, "vitale-nineteen", 0);
	read_sfi2(&p, false, &who);
	assert_true(who.len > 1024);
	template_at(&who, 18);
	play_done(&p);
}

static void numbers_and_names_of_every_kind_are_there(void **state)
{
	static const struct {
		const char *card;
		size_t person;
		const char *nir;
	} rows[] = {
		{"vitale-corsica", 0, "283062A00000072"},
		{"vitale-corsica", 1, "181012B00000070"},
		{"vitale-provisional", 0, "393070099000637"},
		{"vitale-agricultural", 0, "555555000000176"},
		{"vitale-letters", 0, "1A7010099001212"},
	};
	_cleanup_(buf_done) struct buf who = BUF_NULL(4096);
	struct play p;
	struct tlv t;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		_cleanup_(buf_done) struct buf which = BUF_NULL(4096);

		play_start(&p, &scene, rows[i].card, 0);
		read_sfi2(&p, true, &which);
		assert_int_equal(tlv_find(template_at(&which, rows[i].person), 0x93, &t), 0);
		assert_true(view_equal(
			view_sub(t.value, 0, 13), view_sub(view_str(rows[i].nir), 0, 13)));
		play_done(&p);
	}
	play_start(&p, &scene, "vitale-latin1", 0);
	read_sfi2(&p, false, &who);
	assert_int_equal(tlv_find(template_at(&who, 0), 0x80, &t), 0);
	assert_view_hex(view_sub(t.value, 0, 16), "C0C1C2C3C4C5C6C7C8C9CACBCCCDCECF");
	play_done(&p);
}

static void pointers_list_only_files_that_are_there(void **state)
{
	struct play p;
	struct reader r;
	struct tlv t;
	unsigned files = 0;

	(void)state;
	play_start(&p, &scene, "vitale-single", 0);
	p.card->state->profile->absent = PROFILE_FILE_CERTIFICATE | PROFILE_FILE_PHOTO;
	{
		struct state *s = p.card->state;
		struct card *again = NULL;

		/* built again from the same state, with two files less */
		p.card->state = NULL;
		card_free(p.card);
		p.card = NULL;
		assert_int_equal(card_new(s, &again), 0);
		p.card = again;
	}
	assert_int_equal(play_send(&p, "00A4040C0BD250000002564954414C45"), 0x9000);
	assert_int_equal(play_fetch(&p, "00B0810000"), 0x9000);
	assert_int_equal(tlv_find(buf_view(&p.answer), 0xE0, &t), 0);
	r = reader_of(t.value);
	while (tlv_next(&r, &t) == 0) {
		struct view fid = view_last(t.value, 2);

		files += t.tag == 0x80;
		assert_false(view_equal(fid, VIEW_TEXT("\x2F\x83")));
		assert_false(view_equal(fid, VIEW_TEXT("\x20\x11")));
	}
	assert_int_equal(files, 6);
	play_done(&p);
}

/* -- professional's cards ------------------------------------------------------------------------- */

static X509 *certificate_of(const struct play *p, bool technical)
{
	const struct buf *der = technical ? &p->card->state->technical_certificate
					  : &p->card->state->authentication_certificate;
	const unsigned char *at = der->data;
	X509 *x = d2i_X509(NULL, &at, (long)der->len);

	assert_non_null(x);
	return x;
}

/* @hex NULL: the extension is not there. */
static void assert_extension(X509 *x, const char *oid, const char *hex)
{
	ASN1_OBJECT *object = OBJ_txt2obj(oid, 1);
	int at = X509_get_ext_by_OBJ(x, object, -1);
	const ASN1_OCTET_STRING *octets;

	ASN1_OBJECT_free(object);
	if (!hex) {
		assert_true(at < 0);
		return;
	}
	assert_true(at >= 0);
	octets = X509_EXTENSION_get_data(X509_get_ext(x, at));
	assert_view_hex(
		view_of(ASN1_STRING_get0_data(octets), (size_t)ASN1_STRING_length(octets)),
		hex);
}

/* Whether @part stands in the subject: C=FR, O=..., GN=... + CN=... + SN=... */
static bool has_name(X509 *x, const char *part)
{
	BIO *bio = BIO_new(BIO_s_mem());
	char *text = NULL;
	bool found;

	assert_true(X509_NAME_print_ex(
			    bio, X509_get_subject_name(x), 0, XN_FLAG_SEP_CPLUS_SPC) > 0);
	assert_int_equal(BIO_write(bio, "", 1), 1);
	BIO_get_mem_data(bio, &text);
	found = strstr(text, part) != NULL;
	BIO_free(bio);
	return found;
}

static void certificates_say_which_member_it_is(void **state)
{
	static const struct {
		const char *card, *type, *profession, *future, *responsibility, *name;
		uint8_t role;
	} rows[] = {
		{"cps3-nurse", "020100", "02013C", NULL, NULL, "SN=LAMBERT", 60},
		{"cps3-student", "020101", NULL, "02010A", NULL, "SN=CARON", CVC_ROLE_MEMBER},
		{"cps4-employee", "020102", NULL, NULL, NULL,
			"ST=Loire (42), O=CENTRE DE SANTE DES TILLEULS, OU=1990000123",
			CVC_ROLE_MEMBER},
		{"cps3-midwife", "020102", "020132", NULL, NULL, "CN=3990000777/0000000047",
			50},
		{"cps4-director", "020102", NULL, NULL, "020101", "SN=AUBRY", CVC_ROLE_MEMBER},
		{"cps4-fund", "020103", NULL, NULL, NULL, "CN=599900000000012/0000000321",
			CVC_ROLE_MEMBER},
		{"cps4-pharmacist", "020100", "020115", NULL, NULL, "SN=NGUYEN", 21},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct cvc c;
		struct play p;
		X509 *x;

		play_start(&p, &scene, rows[i].card, 0);
		x = certificate_of(&p, false);
		assert_extension(x, "1.2.250.1.71.1.2.2", rows[i].type);
		assert_extension(x, "1.2.250.1.71.1.2.5", "040180");
		assert_extension(x, "1.2.250.1.71.1.2.7", rows[i].profession);
		assert_extension(x, "1.2.250.1.71.1.2.8", rows[i].future);
		assert_extension(x, "1.2.250.1.71.1.2.12", rows[i].responsibility);
		if (!has_name(x, rows[i].name))
			fail_msg("%s: no %s", rows[i].card, rows[i].name);
		X509_free(x);
		assert_int_equal(cvc_parse_whole(buf_view(&p.card->state->cvc), &c), 0);
		assert_int_equal(c.role, rows[i].role);
		play_done(&p);
	}
}

static void a_service_card_names_nobody(void **state)
{
	struct play p;
	X509 *x;

	(void)state;
	play_start(&p, &scene, "cps4-employee", 0);
	x = certificate_of(&p, false);
	assert_false(has_name(x, "SN="));
	assert_false(has_name(x, "GN="));
	X509_free(x);
	assert_int_equal(play_send(&p, "01A4040C088025000001FF0100"), 0x9000);
	assert_int_equal(play_send(&p, "01A4090C063F000001D102"), 0x9000);
	assert_int_equal(play_fetch(&p, "01B0000000"), 0x9000);
	assert_answer_hex(&p, "E2178015333939303030303132332F30303030303030303132");
	play_done(&p);
}

/* One file of the contact application, whole. */
static void read_file(struct play *p, uint16_t fid, struct buf *out)
{
	unsigned cla = p->card->kind->cla;
	char command[32];

	snprintf(command, sizeof(command), "%02XA4090C063F000001%04X", cla, fid);
	assert_int_equal(play_send(p, command), 0x9000);
	for (;;) {
		snprintf(command, sizeof(command), "%02XB0%04zX00", cla, out->len);
		if (play_fetch(p, command) != 0x9000)
			break;
		buf_put_view(out, buf_view(&p->answer));
	}
	assert_int_equal(p->sw, 0x6B00);
}

static unsigned count(const struct buf *file, const char *text)
{
	struct view want = view_str(text);
	unsigned n = 0;

	for (size_t i = 0; i + want.len <= file->len; i++)
		n += view_equal(view_sub(buf_view(file), i, want.len), want);
	return n;
}

static void directories_list_the_activities_that_are_there(void **state)
{
	(void)state;
	for (size_t i = 0; i < n_names; i++) {
		_cleanup_(buf_done) struct buf dodf = BUF_NULL(8192), cdf = BUF_NULL(4096);
		const struct profile *profile;
		struct play p;

		play_start(&p, &scene, names[i], 0);
		profile = p.card->state->profile;
		if (!profile_has_codes(profile)) {
			play_done(&p);
			continue;
		}
		if (p.card->kind->cla)
			assert_int_equal(play_send(&p, "01A4040C088025000001FF0100"), 0x9000);
		read_file(&p, 0x7006, &dodf);
		assert_int_equal(count(&dodf, "CPS_ACTIVITY_"), profile->n_activities);
		for (size_t k = 0; k < profile->n_activities; k++) {
			_cleanup_(buf_done) struct buf one = BUF_NULL(512);
			char label[32];

			snprintf(label, sizeof(label), "CPS_ACTIVITY_%02u_PS",
				profile->activities[k].number);
			assert_int_equal(count(&dodf, label), 1);
			p.card->rights.pin = true;
			read_file(&p, (uint16_t)(0xD120 + profile->activities[k].number - 1),
				&one);
			assert_true(one.len > 0);
		}
		read_file(&p, 0x7005, &cdf);
		assert_int_equal(count(&cdf, "Certificat de Signature CPS"), 1);
		assert_int_equal(count(&cdf, "Certificat d'Authentification CPS"), 1);
		play_done(&p);
	}
}

static void ef_actua_is_absent_whole_or_broken(void **state)
{
	static const struct {
		const char *card;
		uint16_t sw;
		const char *content;
	} rows[] = {
		{"cps3-actua", 0x9000, "EC12810720250101000000820720271231235959"},
		{"cps3-actua-broken", 0x9000, "EC09810720250101000000"},
		{"cps3-actua-empty", 0x6B00, ""},
		{"cps4-actua-zeros", 0x9000, "0000000000000000000000000000000000000000"},
	};
	struct play p;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		bool four = rows[i].card[3] == '4';

		play_start(&p, &scene, rows[i].card, 0);
		if (four)
			assert_int_equal(play_send(&p, "01A4040C088025000001FF0100"), 0x9000);
		assert_int_equal(
			play_send(&p, four ? "01A4020C02D010" : "00A4020C02D010"), 0x9000);
		assert_int_equal(
			play_fetch(&p, four ? "01B0000000" : "00B0000000"), rows[i].sw);
		assert_answer_hex(&p, rows[i].content);
		play_done(&p);
	}
	play_start(&p, &scene, "cps3-nurse", 0);
	assert_int_equal(play_send(&p, "00A4020C02D010"), 0x6A82);
	play_done(&p);
}

static void the_contactless_side_has_one_key_and_no_code(void **state)
{
	static const struct {
		const char *command;
		uint16_t sw;
	} rows[] = {
		{"00A4040C0DE828BD080F8025000001FF0010", 0x6A82}, /* the contact application */
		{"00A4090C063F0000017001", 0x9000},
		{"00B0000001", 0x6982}, /* by this software tells the sides apart */
		{"00A4090C063F000001B002", 0x6A82},
		{"0020000100", 0x6A88},
		{"002000010431323334", 0x6A88},
		{"00240001083132333431323334", 0x6D00},
		{"002C030100", 0x6D00},
		{"002A9E9A00", 0x6D00},
		{"00CB3FFF0A4D087006BF810102A080", 0x6A88},
	};
	struct play p;
	X509 *x;

	(void)state;
	play_start(&p, &scene, "cps3-contactless", 1);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		if (play_send(&p, rows[i].command) != rows[i].sw)
			fail_msg("%s: %04X", rows[i].command, p.sw);
	assert_int_equal(play_send(&p, "00A4000C023F00"), 0x9000);
	assert_int_equal(play_send(&p, "00B09C000C"), 0x9000);
	assert_answer_hex(&p, "5A0A8025000001990025253F");
	assert_int_equal(play_send(&p, "00A4040C0DE828BD080F8025000001FF0020"), 0x9000);
	assert_int_equal(play_send(&p, "00A4020C027005"), 0x9000);
	assert_int_equal(play_send(&p, "00B0000000"), 0x9000);
	assert_int_equal(count(&p.answer, "Certificat Technique CPS"), 1);
	assert_int_equal(
		play_send(&p, "002281B61283104652564453494D524F4F543030303031"), 0x6A88);
	assert_int_equal(play_send(&p, "002241A403840183"), 0x6A88); /* no role key */
	assert_int_equal(play_send(&p, "002241A406840181800102"), 0x9000);
	assert_int_equal(play_send(&p, "008800000361626300"), 0x9000);
	assert_int_equal(p.answer.len, 256);
	x = certificate_of(&p, true);
	assert_true(has_name(x, "CN=8025000001/0990025253"));
	assert_extension(x, "1.2.250.1.71.1.2.7", NULL);
	X509_free(x);
	assert_int_equal(state_save(p.card->state), 0);
	play_done(&p);
}

static void expired_cards_were_valid_once(void **state)
{
	static const char *const cards[] = {"vitale-expired", "cps3-expired", "cps4-expired"};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cards); i++) {
		struct cvc c;
		struct play p;
		char today[7];

		play_start(&p, &scene, cards[i], 0);
		cvc_date(time(NULL), today);
		assert_int_equal(cvc_parse_whole(buf_view(&p.card->state->cvc), &c), 0);
		for (size_t k = 0; k < 6; k++)
			today[k] = (char)(today[k] - '0');
		assert_true(memcmp(c.until.data, today, 6) < 0);
		assert_true(memcmp(c.from.data, c.until.data, 6) < 0);
		play_done(&p);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_profile_becomes_a_card_with_a_valid_atr),
		cmocka_unit_test(atrs_are_those_of_their_members),
		cmocka_unit_test(people_stand_on_the_card_as_in_their_profile),
		cmocka_unit_test(nineteen_beneficiaries_need_more_than_one_read),
		cmocka_unit_test(numbers_and_names_of_every_kind_are_there),
		cmocka_unit_test(pointers_list_only_files_that_are_there),
		cmocka_unit_test(certificates_say_which_member_it_is),
		cmocka_unit_test(a_service_card_names_nobody),
		cmocka_unit_test(directories_list_the_activities_that_are_there),
		cmocka_unit_test(ef_actua_is_absent_whole_or_broken),
		cmocka_unit_test(the_contactless_side_has_one_key_and_no_code),
		cmocka_unit_test(expired_cards_were_valid_once),
	};

	return cmocka_run_group_tests(tests, make, unmake);
}
