/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * The professional: certificates, PIN, activities, structure, admission. The PIN's pipe is handed
 * to the card's process unread and closed here; one VERIFY is sent for one pipe, never a second.
 * What the card says of its tries is believed and shown; the record gets outcome and tries.
 */
#include <string.h>
#include <unistd.h>

#include "base/hex.h"
#include "daemon/session/steps.h"

#define TRIES_UNKNOWN UINT8_MAX
#define ISSUER	      "8025000001" /* of the cards of professionals */
#define CHIP_DIGITS   9U

/* -- who is it ----------------------------------------------------------------------------------- */

/* Signature and authentication certificate: both trusted, of one person, one card and one nature. */
static enum vitaled_reason take_certificates(struct session *s, struct view body)
{
	struct trust_person *person = &s->professional.person;
	struct trust_person other = {0};
	uint64_t now = clock_wall();
	struct tlv sig;
	struct tlv aut;
	enum vitaled_reason r;

	if (tlv_find(body, LINK_TAG_CERT_SIG, &sig) != 0 ||
		tlv_find(body, LINK_TAG_CERT_AUT, &aut) != 0) {
		return VITALED_REASON_CARD_BROKEN;
	}
	r = session_trust_reason(trust_x509(s->all->trust, sig.value, now, true, person));
	if (r == VITALED_REASON_NONE) {
		r = session_trust_reason(
			trust_x509(s->all->trust, aut.value, now, false, &other));
	}
	if (r != VITALED_REASON_NONE) {
		return r;
	}
	if (strcmp(person->national_id, other.national_id) != 0 ||
		strcmp(person->card_number, other.card_number) != 0) {
		return VITALED_REASON_NOT_TRUSTED;
	}
	if (person->nature != other.nature) {
		return VITALED_REASON_NATURE_MIXED;
	}
	buf_reset(&s->professional_der);
	buf_put_view(&s->professional_der, sig.value);
	s->professional.certificate = buf_view(&s->professional_der);
	s->professional_side.nature = person->nature;
	return buf_check(&s->professional_der) < 0 ? VITALED_REASON_FAILED
						   : VITALED_REASON_NONE;
}

/*
 * The certificates are those of this chip: their card number is "8025000001/0" and the 9 digits that
 * EF.SN.ICC has after the issuer's number (doc/stand-in.md). How real cards write one into the other
 * is not public [U]: of them only one number in both certificates is asked, in take_certificates().
 */
static enum vitaled_reason check_chip(const struct session *s)
{
	_cleanup_(buf_done) struct buf digits = BUF_NULL(2 * SERIAL_MAX);
	_cleanup_(buf_done) struct buf number = BUF_NULL(64);
	struct view serial;

	if (s->professional.person.nature == NATURE_REAL) {
		return VITALED_REASON_NONE;
	}
	if (bcd_decode(&digits, buf_view(&s->professional_side.serial)) != 0) {
		return VITALED_REASON_CARD_BROKEN;
	}
	serial = buf_view(&digits);
	buf_put_str(&number, ISSUER "/0");
	buf_put_view(&number, view_last(serial, CHIP_DIGITS));
	if (buf_check(&number) < 0) {
		return VITALED_REASON_FAILED;
	}
	return serial.len == strlen(ISSUER) + CHIP_DIGITS &&
			       view_equal(
				       view_sub(serial, 0, strlen(ISSUER)), view_str(ISSUER)) &&
			       view_equal(buf_view(&number),
				       view_str(s->professional.person.card_number))
		       ? VITALED_REASON_NONE
		       : VITALED_REASON_NOT_TRUSTED;
}

/* What the certificate says of the speciality counts; the card's own file (D104), which nobody
 * signed, only where the certificate says nothing, and it must not contradict. */
static enum vitaled_reason take_speciality(struct session *s, struct view body)
{
	struct session_professional *p = &s->professional;
	const char *certified = p->person.speciality;
	char said[sizeof(p->speciality)] = "";
	int q = tlv_find_str(body, LINK_TAG_SPECIALITY, said, sizeof(said));

	if (q != 0 && q != TLV_ABSENT) {
		return VITALED_REASON_CARD_BROKEN;
	}
	if (certified[0] != '\0' && said[0] != '\0' && strcmp(certified, said) != 0) {
		return VITALED_REASON_NOT_TRUSTED;
	}
	read_copy(
		p->speciality, sizeof(p->speciality), certified[0] != '\0' ? certified : said);
	return VITALED_REASON_NONE;
}

/* "2026-11-21T22:20:57..." as 20261121222057, to compare with EF_ACTUA (facts: IGC-Santé). */
static void now_digits(char ret[15])
{
	char text[28];
	size_t n = 0;

	clock_rfc3339(clock_wall(), text);
	for (size_t i = 0; text[i] != '\0' && n < 14; i++) {
		if (text[i] >= '0' && text[i] <= '9') {
			ret[n++] = text[i];
		}
	}
	ret[n] = '\0';
}

static enum vitaled_reason check_window(struct view body)
{
	char from[15] = "";
	char to[15] = "";
	char now[15];
	int a = tlv_find_str(body, LINK_TAG_ACTUA_FROM, from, sizeof(from));
	int b = tlv_find_str(body, LINK_TAG_ACTUA_TO, to, sizeof(to));

	if (a == TLV_ABSENT && b == TLV_ABSENT) {
		return VITALED_REASON_NONE;
	}
	if (a != 0 || b != 0 || strlen(from) != 14 || strlen(to) != 14) {
		return VITALED_REASON_CARD_BROKEN;
	}
	now_digits(now);
	return strcmp(now, from) < 0 || strcmp(now, to) > 0 ? VITALED_REASON_CARD_EXPIRED
							    : VITALED_REASON_NONE;
}

static enum card_kind kind_of_type(uint8_t card_type)
{
	static const enum card_kind kinds[] = {
		CARD_KIND_CPS, CARD_KIND_CPF, CARD_KIND_CPE, CARD_KIND_CPA};

	return card_type < ARRAY_LEN(kinds) ? kinds[card_type] : CARD_KIND_CPS;
}

enum vitaled_reason session_take_professional(struct session *s, struct view body)
{
	struct card *c = s->professional_side.card;
	enum vitaled_reason r = take_certificates(s, body);

	if (r == VITALED_REASON_NONE) {
		r = check_window(body);
	}
	if (r == VITALED_REASON_NONE) {
		r = session_take_role(s, &s->professional_side, body, 'P');
	}
	if (r == VITALED_REASON_NONE) {
		r = check_chip(s);
	}
	if (r == VITALED_REASON_NONE) {
		r = take_speciality(s, body);
	}
	if (r != VITALED_REASON_NONE) {
		return r;
	}
	s->professional.role_certificate = buf_view(&s->professional_side.certificate);
	c->kind = kind_of_type(s->professional.person.card_type);
	c->nature = s->professional.person.nature;
	cards_touch(s->all->cards, c);
	return VITALED_REASON_NONE;
}

/* -- PIN ----------------------------------------------------------------------------------------- */

static bool record_pin(struct session *s, enum vitaled_reason outcome)
{
	json_t *details = json_pack("{s:i}", "tries", (int)s->pin_tries);

	return session_record(s, AUDIT_EVENT_PIN,
		outcome == VITALED_REASON_NONE ? "ok" : vitaled_reason_word(outcome), NULL,
		details);
}

static void set_tries(struct session *s, uint8_t tries)
{
	if (s->pin_tries != tries) {
		s->pin_tries = tries;
		session_changed(s);
	}
}

/* The PIN is needed: whether it may be asked for depends on what is left. */
static void need_pin(struct session *s)
{
	if (s->pin_tries == 0) {
		if (record_pin(s, VITALED_REASON_PIN_BLOCKED)) {
			session_end(s, VITALED_REASON_PIN_BLOCKED);
		}
	} else {
		session_post(s,
			s->pin_tries == 1 ? SESSION_EVENT_PIN_LAST : SESSION_EVENT_PIN_NEEDED);
	}
}

static void on_pin_state(void *user, struct link_frame *answer)
{
	struct session *s = user;
	bool verified;

	if (!session_judge(s, &s->professional_side, answer)) {
		return;
	}
	verified = read_u8_or(answer->body, LINK_TAG_VERIFIED, 0) == 1;
	set_tries(s, read_u8_or(answer->body, LINK_TAG_TRIES, TRIES_UNKNOWN));
	/* a right that somebody else obtained before we held the card is none of ours */
	if (verified && s->life && professional_pin_held(s->life)) {
		session_post(s, SESSION_EVENT_PIN_HELD);
	} else {
		need_pin(s);
	}
}

void session_pin_state(struct session *s)
{
	session_ask_card(s, &s->professional_side, CARD_OP_PIN_STATE, VIEW_NULL, on_pin_state);
}

void session_ask_pin(struct session *s)
{
	bool again = s->pin_asked > 0;

	if (s->pin_asked == LIMIT_PIN_TRIES_ASKED) {
		session_end(s, s->pin_result);
		return;
	}
	s->pin_asked++;
	s->all->ops.ask_pin(s->all->user, s, s->pin_tries, again);
}

static void pin_done(struct session *s)
{
	professional_pin_given(s->life);
	if (record_pin(s, VITALED_REASON_NONE)) {
		session_post(s, SESSION_EVENT_PIN_HELD);
	}
}

/* A wrong or unusable entry: ask anew as long as the card allows. */
static void pin_again(struct session *s, enum vitaled_reason why)
{
	s->pin_result = why;
	if (record_pin(s, why)) {
		need_pin(s);
	}
}

static void on_verify(void *user, struct link_frame *answer)
{
	struct session *s = user;
	enum card_outcome outcome = answer ? (enum card_outcome)answer->outcome : CARD_FAILED;

	s->pin_last = false;
	if (answer) {
		set_tries(s, read_u8_or(answer->body, LINK_TAG_TRIES, s->pin_tries));
	}
	if (outcome == CARD_PIN_WRONG) {
		pin_again(s, VITALED_REASON_PIN_WRONG);
	} else if (outcome == CARD_PIN_REFUSED) {
		pin_again(s, VITALED_REASON_PIN_REFUSED);
	} else if (outcome == CARD_PIN_LAST) {
		session_post(s, SESSION_EVENT_PIN_LAST);
	} else if (outcome == CARD_PIN_BLOCKED) {
		set_tries(s, 0);
		need_pin(s);
	} else if (session_judge(s, &s->professional_side, answer)) {
		pin_done(s);
	}
}

void session_verify(struct session *s)
{
	_cleanup_(buf_done) struct buf body = BUF_NULL(16);
	struct card *c = s->professional_side.card;
	int r;

	tlv_put_u8(&body, LINK_TAG_LAST_TRY, s->pin_last ? 1 : 0);
	professional_doubt(s->life);
	r = child_request(c->child, CARD_OP_VERIFY, buf_view(&body), &s->pin, 1,
		LIMIT_PIN_PIPE + LIMIT_CARD_OPERATION, on_verify, s);
	close(s->pin);
	s->pin = -1;
	if (r != 0) {
		session_end(s, VITALED_REASON_CHILD_FAILED);
	}
}

void session_pin_given(struct session *s, int fd)
{
	if (s->step != SESSION_STEP_PIN || s->pin >= 0) {
		close(fd);
		return;
	}
	s->pin = fd;
	session_post(s, SESSION_EVENT_GO);
}

void session_pin_failed(struct session *s, enum vitaled_reason r)
{
	if (s->step == SESSION_STEP_PIN || s->step == SESSION_STEP_LAST_TRY) {
		session_end(s, r);
	}
}

void session_last_try(struct session *s, bool yes)
{
	if (s->step != SESSION_STEP_LAST_TRY) {
		return;
	}
	if (!yes) {
		session_end(s, VITALED_REASON_CANCELLED);
		return;
	}
	s->pin_last = true;
	session_post(s, SESSION_EVENT_GO);
}

/* -- activities and structure ---------------------------------------------------------------------- */

static bool take_activity(struct session_activity *a, struct view value)
{
	*a = (struct session_activity){0};
	return tlv_find_u8(value, LINK_TAG_INDEX, &a->index) == 0 &&
	       tlv_find_str(value, LINK_TAG_NAME, a->name, sizeof(a->name)) == 0 &&
	       tlv_find_str(value, LINK_TAG_STRUCTURE, a->structure, sizeof(a->structure)) ==
		       0 &&
	       tlv_find_str(value, LINK_TAG_SECTOR, a->sector, sizeof(a->sector)) == 0;
}

static bool take_activities(struct session_professional *p, struct view body)
{
	struct reader r = reader_of(body);
	struct tlv t;
	int q;

	p->n_activities = 0;
	while ((q = tlv_next(&r, &t)) == 0) {
		if (t.tag != LINK_TAG_ACTIVITY) {
			continue;
		}
		if (p->n_activities == ARRAY_LEN(p->activities) ||
			!take_activity(&p->activities[p->n_activities], t.value)) {
			return false;
		}
		p->n_activities++;
	}
	return q == TLV_END;
}

/* The caller may have named the structure: then nothing is offered outside it. */
static bool is_offered(const struct session *s, const struct session_activity *a)
{
	return !s->structure || strcmp(s->structure, a->structure) == 0;
}

/* The structure that the caller named, or the only one. Never the first of several. */
static void choose_structure(struct session *s)
{
	struct session_professional *p = &s->professional;
	const struct session_activity *match = NULL;
	size_t n = 0;

	for (size_t i = 0; i < p->n_activities; i++) {
		if (is_offered(s, &p->activities[i])) {
			match = &p->activities[i];
			n++;
		}
	}
	if (s->structure && n == 0) {
		session_end(s, VITALED_REASON_INVALID_ARGUMENT);
	} else if (n > 1) {
		session_post(s, SESSION_EVENT_ASK);
	} else {
		p->chosen = match;
		session_post(s, SESSION_EVENT_GO);
	}
}

static void on_activities(void *user, struct link_frame *answer)
{
	struct session *s = user;
	bool absent = answer && answer->outcome == CARD_ABSENT;

	if (!absent && !session_judge(s, &s->professional_side, answer)) {
		return;
	}
	if (!absent && !take_activities(&s->professional, answer->body)) {
		session_end(s, VITALED_REASON_CARD_BROKEN);
		return;
	}
	choose_structure(s);
}

void session_activities(struct session *s)
{
	session_ask_card(
		s, &s->professional_side, CARD_OP_READ_ACTIVITIES, VIEW_NULL, on_activities);
}

void session_ask_structure(struct session *s)
{
	const struct session_professional *p = &s->professional;
	_cleanup_json_ json_t *choices = json_array();

	for (size_t i = 0; i < p->n_activities; i++) {
		const struct session_activity *a = &p->activities[i];

		if (is_offered(s, a) &&
			json_array_append_new(
				choices, json_pack("{s:s,s:s,s:s}", "name", a->name, "id",
						 a->structure, "sector", a->sector)) < 0) {
			session_end(s, VITALED_REASON_FAILED);
			return;
		}
	}
	s->all->ops.ask_choice(s->all->user, s, SESSION_CHOICE_STRUCTURE, choices);
}

/* @index counts what was offered. */
int session_choose_structure(struct session *s, uint32_t index)
{
	struct session_professional *p = &s->professional;

	if (s->step != SESSION_STEP_STRUCTURE) {
		return SESSION_CHOOSE_STATE;
	}
	for (size_t i = 0; i < p->n_activities; i++) {
		if (!is_offered(s, &p->activities[i])) {
			continue;
		}
		if (index == 0) {
			p->chosen = &p->activities[i];
			session_post(s, SESSION_EVENT_GO);
			return 0;
		}
		index--;
	}
	return SESSION_CHOOSE_RANGE;
}

void session_admit(struct session *s)
{
	const char *rule = NULL;
	enum vitaled_reason r = s->all->ops.admit(s->all->user, s, &rule);

	if (r == VITALED_REASON_NONE) {
		session_post(s, SESSION_EVENT_GO);
	} else if (session_record(s, AUDIT_EVENT_DENIED, vitaled_reason_word(r), rule, NULL)) {
		session_end(s, r);
	}
}
