/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * Who the professional is: serial and content stamp first, then the public files, out of the card's
 * process, the cache or the card, in this order. Wherever they come from, certificates are verified
 * anew for every session. Files of the cache are believed no more than a card: the signatures that
 * verify under the certificate bound to this serial are the proof, and when one fails the entry is
 * dropped and the card read anew, once a session. Files get into the cache when the card that gave
 * them has signed, so that a forger of a serial cannot leave anything there for its owner.
 */
#include <string.h>
#include <time.h>

#include "base/hex.h"
#include "daemon/session/steps.h"

#define ISSUER	    "8025000001" /* of the cards of professionals */
#define CHIP_DIGITS 9U

/* -- who is it ----------------------------------------------------------------------------------- */

/* Either of them revoked: the card is opposed. What the lists say of the signature's is shown. When they
 * cannot be asked, the session fails. */
static enum vitaled_reason check_revocation(
	struct session *s, struct view sig, struct view aut, uint64_t now)
{
	enum trust_revocation of_sig;
	enum trust_revocation of_aut;

	int r = trust_revocation(s->all->trust, sig, now, &of_sig);

	if (r >= 0) {
		r = trust_revocation(s->all->trust, aut, now, &of_aut);
	}
	if (r < 0) {
		s->all->ops.failed(s->all->user, r);
		return VITALED_REASON_FAILED;
	}
	s->professional.revocation = of_sig;
	return of_sig == TRUST_REVOCATION_REVOKED || of_aut == TRUST_REVOCATION_REVOKED
		       ? VITALED_REASON_CARD_OPPOSED
		       : VITALED_REASON_NONE;
}

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
	if (r == VITALED_REASON_NONE) {
		r = check_revocation(s, sig.value, aut.value, now);
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
	buf_put_view(&s->professional_der, aut.value);
	s->professional.certificate =
		view_sub(buf_view(&s->professional_der), 0, sig.value.len);
	s->professional_side.nature = person->nature;
	return buf_check(&s->professional_der) < 0 ? VITALED_REASON_FAILED
						   : VITALED_REASON_NONE;
}

void session_judge_again(struct session *s)
{
	struct view sig = s->professional.certificate;
	struct view both = buf_view(&s->professional_der);
	enum vitaled_reason r;

	if (session_over(s) || sig.len == 0) {
		return;
	}
	r = check_revocation(s, sig, view_sub(both, sig.len, both.len - sig.len), clock_wall());
	if (r != VITALED_REASON_NONE) {
		session_end(s, r);
	}
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

static enum vitaled_reason take_professional(struct session *s, struct view body)
{
	struct card *c = s->professional_side.card;
	enum vitaled_reason r = take_certificates(s, body);

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

/* -- which card ---------------------------------------------------------------------------------- */

/* The stamp of the public files: the validity of EF_ACTUA, which every update of the card moves. */
static void put_stamp(struct view identity, struct buf *stamp)
{
	char text[16];

	read_text(identity, LINK_TAG_ACTUA_FROM, text, sizeof(text));
	buf_put_str(stamp, text);
	read_text(identity, LINK_TAG_ACTUA_TO, text, sizeof(text));
	buf_put_str(stamp, text);
}

static enum vitaled_reason take_identity(struct session *s, struct view body)
{
	enum vitaled_reason r = session_take_serial(s, &s->professional_side, body);

	return r == VITALED_REASON_NONE ? check_window(body) : r;
}

/* Return: whether the cache has files of this card that verify. */
static bool take_cached(struct session *s)
{
	_cleanup_(buf_done) struct buf stamp = BUF_NULL(CACHE_STAMP_MAX);
	_cleanup_(buf_done) struct buf body = BUF_NULL(CACHE_BODY_MAX);
	struct view serial = buf_view(&s->professional_side.serial);

	put_stamp(buf_view(professional_identity(s->life)), &stamp);
	if (buf_check(&stamp) < 0 ||
		cache_get(s->all->cache, serial, buf_view(&stamp), &body) != 0) {
		return false;
	}
	if (professional_keep_public(s->life, buf_view(&body), true) == 0 &&
		take_professional(s, buf_view(&body)) == VITALED_REASON_NONE) {
		return true;
	}
	cache_drop(s->all->cache, serial);
	professional_forget_public(s->life);
	return false;
}

static void identified(struct session *s, struct view body)
{
	enum vitaled_reason r = take_identity(s, body);

	if (r == VITALED_REASON_NONE && professional_keep_identity(s->life, body) < 0) {
		r = VITALED_REASON_FAILED;
	}
	if (r != VITALED_REASON_NONE) {
		session_end(s, r);
		return;
	}
	session_post_track(s, &s->professional_side,
		take_cached(s) ? SESSION_EVENT_KNOWN : SESSION_EVENT_GO);
}

/* Back after a lease: the same card, or none. */
static void identified_again(struct session *s, struct side *side, struct view body)
{
	_cleanup_(buf_done) struct buf before = BUF_NULL(SERIAL_MAX);
	enum vitaled_reason r;

	buf_put_view(&before, buf_view(&side->serial));
	r = buf_check(&before) < 0 ? VITALED_REASON_FAILED : session_take_serial(s, side, body);
	if (r == VITALED_REASON_NONE &&
		!view_equal(buf_view(&before), buf_view(&side->serial))) {
		r = VITALED_REASON_CARD_LENT;
	}
	if (r == VITALED_REASON_NONE && side == &s->professional_side) {
		r = check_window(body);
	}
	if (r == VITALED_REASON_NONE && side == &s->professional_side &&
		professional_keep_identity(s->life, body) < 0) {
		r = VITALED_REASON_FAILED;
	}
	if (r != VITALED_REASON_NONE) {
		session_end(s, r);
	} else {
		session_post_track(s, side, SESSION_EVENT_GO);
	}
}

static void on_professional_identify(void *user, struct link_frame *answer)
{
	struct session *s = user;

	if (!session_judge(s, &s->professional_side, answer)) {
		return;
	}
	if (s->step == SESSION_STEP_RESUME) {
		identified_again(s, &s->professional_side, answer->body);
	} else {
		identified(s, answer->body);
	}
}

static void on_patient_identify(void *user, struct link_frame *answer)
{
	struct session *s = user;

	if (session_judge(s, &s->patient_side, answer)) {
		identified_again(s, &s->patient_side, answer->body);
	}
}

void session_identify(struct session *s, struct side *side)
{
	session_ask_card(s, side, CARD_OP_IDENTIFY, VIEW_NULL,
		side == &s->patient_side ? on_patient_identify : on_professional_identify);
}

/* -- its public files ---------------------------------------------------------------------------- */

/* The files alone: an answer counts TPDUs and characters beside. */
static void put_files(struct view body, struct buf *files)
{
	static const uint32_t tags[] = {LINK_TAG_CERT_SIG, LINK_TAG_CERT_AUT, LINK_TAG_CVC,
		LINK_TAG_SPECIALITY, LINK_TAG_DIRECTORY};
	struct tlv t;

	for (size_t i = 0; i < ARRAY_LEN(tags); i++) {
		if (tlv_find(body, tags[i], &t) == 0) {
			buf_put_view(files, t.whole);
		}
	}
}

static enum vitaled_reason take_public(struct session *s, struct view files)
{
	if (professional_keep_public(s->life, files, false) < 0) {
		return VITALED_REASON_FAILED;
	}
	return take_professional(s, files);
}

/* The other card may begin with it while the files are read that say whether it may go on. */
static void on_professional_role(void *user, struct link_frame *answer)
{
	struct session *s = user;
	enum vitaled_reason r;

	if (!session_judge(s, &s->professional_side, answer)) {
		return;
	}
	r = session_show_role(s, &s->professional_side, answer->body);
	if (r != VITALED_REASON_NONE) {
		session_end(s, r);
	} else if (s->professional_side.certificate.len > 0) {
		s->professional_side.card->nature = s->professional_side.nature;
		cards_touch(s->all->cards, s->professional_side.card);
		session_post_track(s, &s->professional_side, SESSION_EVENT_GO);
	}
}

static void on_professional_public(void *user, struct link_frame *answer)
{
	_cleanup_(buf_done) struct buf files = BUF_NULL(CACHE_BODY_MAX);
	struct session *s = user;
	enum vitaled_reason r;

	if (!session_judge(s, &s->professional_side, answer)) {
		return;
	}
	put_files(answer->body, &files);
	r = buf_check(&files) < 0 ? VITALED_REASON_FAILED : take_public(s, buf_view(&files));
	if (r != VITALED_REASON_NONE) {
		session_end(s, r);
		return;
	}
	s->professional_side.shown = false;
	if (s->professional_side.track == TRACK_STEP_ROLE) { /* it has none to be shown */
		session_post_track(s, &s->professional_side, SESSION_EVENT_GO);
	}
	session_post_track(s, &s->professional_side, SESSION_EVENT_GO);
}

/* The day the card is valid from, as stored; text of the same form compares like dates. */
static bool not_valid_yet(struct view body)
{
	char today[sizeof("YYYYMMDD")];
	char from[sizeof(today)] = "";
	time_t now = (time_t)(clock_wall() / USEC_PER_SEC);
	struct tm tm;

	return tlv_find_str(body, LINK_TAG_VALID_FROM, from, sizeof(from)) == 0 &&
	       gmtime_r(&now, &tm) && strftime(today, sizeof(today), "%Y%m%d", &tm) > 0 &&
	       strcmp(from, today) > 0;
}

/* The people wait in the card's process: nothing of them came with this answer. */
static void on_kept(void *user, struct link_frame *answer)
{
	struct session *s = user;

	if (session_judge(s, &s->patient_side, answer) && not_valid_yet(answer->body)) {
		session_end(s, VITALED_REASON_CARD_EXPIRED);
	}
}

static void on_patient_public(void *user, struct link_frame *answer)
{
	struct session *s = user;
	enum vitaled_reason r;

	if (!session_judge(s, &s->patient_side, answer)) {
		return;
	}
	r = session_take_patient(s, answer->body);
	if (r != VITALED_REASON_NONE) {
		session_end(s, r);
	} else {
		/* first on the line, while the other card works */
		session_ask_card(s, &s->patient_side, CARD_OP_KEEP_PEOPLE, VIEW_NULL, on_kept);
		if (!session_over(s)) {
			session_post_track(s, &s->patient_side, SESSION_EVENT_GO);
		}
	}
}

void session_read(struct session *s, struct side *side)
{
	if (side == &s->patient_side) {
		session_ask_card(s, side, CARD_OP_READ_PUBLIC, VIEW_NULL, on_patient_public);
		return;
	}
	session_ask_card(s, side, CARD_OP_READ_ROLE, VIEW_NULL, on_professional_role);
	if (!session_over(s)) {
		session_ask_card(
			s, side, CARD_OP_READ_PUBLIC, VIEW_NULL, on_professional_public);
	}
}

/* A life that was kept has read its card already; certificates may have expired since. */
void session_start_professional(struct session *s)
{
	const struct buf *identity = professional_identity(s->life);
	const struct buf *public = professional_public(s->life);
	enum session_event e = SESSION_EVENT_NEW;
	enum vitaled_reason r = VITALED_REASON_NONE;

	if (professional_is_open(s->life)) {
		e = SESSION_EVENT_HELD;
	}
	if (e == SESSION_EVENT_HELD && identity->len > 0 && public->len > 0) {
		e = SESSION_EVENT_KNOWN;
		r = take_identity(s, buf_view(identity));
		if (r == VITALED_REASON_NONE) {
			r = take_professional(s, buf_view(public));
		}
	}
	if (r != VITALED_REASON_NONE) {
		session_end(s, r);
	} else {
		session_post_track(s, &s->professional_side, e);
	}
}

/* -- when the cache was wrong --------------------------------------------------------------------- */

bool session_stale(struct session *s)
{
	if (s->reread || !s->life || !professional_cached(s->life)) {
		return false;
	}
	s->reread = true;
	cache_drop(s->all->cache, buf_view(&s->professional_side.serial));
	return true;
}

/* Files that are the same were not the fault, and another person is none whom anybody admitted. */
static enum vitaled_reason take_reread(struct session *s, struct view files)
{
	struct trust_person before = s->professional.person;
	struct trust_person *now = &s->professional.person;
	struct buf role = BUF_NULL(CVC_MAX);
	enum vitaled_reason r;
	bool same_role;

	if (view_equal(buf_view(professional_public(s->life)), files)) {
		return VITALED_REASON_PROOF_FAILED;
	}
	buf_put_view(&role, buf_view(&s->professional_side.certificate));
	r = take_public(s, files);
	same_role = view_equal(buf_view(&role), buf_view(&s->professional_side.certificate));
	buf_done(&role);
	if (r != VITALED_REASON_NONE) {
		return r;
	}
	if (strcmp(before.national_id, now->national_id) != 0 || before.nature != now->nature ||
		before.profession != now->profession || before.category != now->category ||
		before.card_type != now->card_type) {
		return VITALED_REASON_PROOF_FAILED;
	}
	/* the exchange that went before was with another key */
	return s->step == SESSION_STEP_REREAD && !same_role ? VITALED_REASON_PROOF_FAILED
							    : VITALED_REASON_NONE;
}

static void on_reread(void *user, struct link_frame *answer)
{
	_cleanup_(buf_done) struct buf files = BUF_NULL(CACHE_BODY_MAX);
	struct session *s = user;
	enum vitaled_reason r;

	if (!session_judge(s, &s->professional_side, answer)) {
		return;
	}
	put_files(answer->body, &files);
	r = buf_check(&files) < 0 ? VITALED_REASON_FAILED : take_reread(s, buf_view(&files));
	if (r != VITALED_REASON_NONE) {
		session_end(s, r);
	} else if (s->step == SESSION_STEP_REREAD) {
		session_post(s, SESSION_EVENT_GO);
	} else {
		session_post(s, SESSION_EVENT_MET);
	}
}

void session_reread(struct session *s)
{
	session_ask_card(s, &s->professional_side, CARD_OP_READ_PUBLIC, VIEW_NULL, on_reread);
}

void session_keep_public(struct session *s)
{
	_cleanup_(buf_done) struct buf stamp = BUF_NULL(CACHE_STAMP_MAX);

	if (!s->life || !professional_to_store(s->life)) {
		return;
	}
	put_stamp(buf_view(professional_identity(s->life)), &stamp);
	if (buf_check(&stamp) == 0) {
		cache_put(s->all->cache, buf_view(&s->professional_side.serial),
			buf_view(&stamp), buf_view(professional_public(s->life)));
	}
}
