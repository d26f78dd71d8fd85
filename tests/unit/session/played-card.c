/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * A card as vitaled-card would tell it: it checks certificates, draws challenges, counts tries and
 * signs with real keys; misdeeds are done on top of the good answer, so that a replayed or falsified
 * answer is otherwise right.
 */
#include "tests/unit/session/played-card.h"

// clang-format off
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on

#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/rng.h"
#include "record/cvc.h"

static struct view find(struct view in, uint32_t tag)
{
	struct tlv t;

	return tlv_find(in, tag, &t) == 0 ? t.value : VIEW_NULL;
}

/* -- good answers -------------------------------------------------------------------------------- */

static uint8_t do_open(struct played *p, struct view in, struct buf *out)
{
	(void)in;
	p->verified = false;
	p->role = false;
	tlv_put_str(out, LINK_TAG_KIND, p->kind);
	tlv_put_str(out, LINK_TAG_GENERATION, p->generation);
	if (p->advice) {
		tlv_put_str(out, LINK_TAG_ADVICE, p->advice);
	}
	if (p->pinpad) {
		tlv_put_u8(out, LINK_TAG_PINPAD, CARD_PINPAD_VERIFY);
	}
	return p->open_outcome;
}

static uint8_t do_identify(struct played *p, struct view in, struct buf *out)
{
	(void)in;
	tlv_put(out, LINK_TAG_SERIAL, VIEW(p->card->serial));
	buf_put_view(out, buf_view(&p->actua));
	return CARD_DONE;
}

static uint8_t do_public(struct played *p, struct view in, struct buf *out)
{
	(void)in;
	if (!p->card->rsa) {
		tlv_put(out, LINK_TAG_SERIAL, VIEW(p->card->serial));
	}
	if (!p->no_certificate) {
		tlv_put(out, LINK_TAG_CVC, buf_view(&p->card->cvc));
	}
	if (p->card->rsa) {
		tlv_put(out, LINK_TAG_CERT_SIG, buf_view(&p->card->sig));
		tlv_put(out, LINK_TAG_CERT_AUT, buf_view(&p->card->aut));
	}
	buf_put_view(out, buf_view(&p->extra));
	return CARD_DONE;
}

static uint8_t do_role(struct played *p, struct view in, struct buf *out)
{
	(void)in;
	if (!p->no_certificate) {
		tlv_put(out, LINK_TAG_CVC, buf_view(&(p->shows ? p->shows : p->card)->cvc));
	}
	return CARD_DONE;
}

static uint8_t do_people(struct played *p, struct view in, struct buf *out)
{
	(void)in;
	buf_put_view(out, buf_view(&p->people));
	return CARD_DONE;
}

static uint8_t do_pin_state(struct played *p, struct view in, struct buf *out)
{
	(void)in;
	tlv_put_u8(out, LINK_TAG_TRIES, p->tries);
	tlv_put_u8(out, LINK_TAG_VERIFIED, p->verified ? 1 : 0);
	return CARD_DONE;
}

static uint8_t verify(struct played *p, const struct link_frame *f, struct buf *out)
{
	bool keys = view_equal(find(f->body, LINK_TAG_PINPAD), VIEW_TEXT("\1"));
	char pin[16] = "";
	ssize_t n = f->n_fds == 1 && !keys ? read(f->fds[0], pin, sizeof(pin) - 1) : -1;

	if (keys && f->n_fds == 0 && p->pinpad) {
		if (p->keypad != CARD_DONE) {
			return p->keypad;
		}
		n = snprintf(pin, sizeof(pin), "%s", p->typed ? p->typed : p->pin);
	}
	if (n != 4) {
		return CARD_PIN_REFUSED;
	}
	if (p->tries == 1 && !view_equal(find(f->body, LINK_TAG_LAST_TRY), VIEW_TEXT("\1"))) {
		return CARD_PIN_LAST;
	}
	if (p->tries == 0) {
		return CARD_PIN_BLOCKED;
	}
	p->verified = strcmp(pin, p->pin) == 0;
	p->tries = p->verified ? 3 : (uint8_t)(p->tries - 1);
	tlv_put_u8(out, LINK_TAG_TRIES, p->tries);
	if (!p->verified) {
		return p->tries == 0 ? CARD_PIN_BLOCKED : CARD_PIN_WRONG;
	}
	return CARD_DONE;
}

/* The people stay where they are; only since when the card is valid is told. */
static uint8_t do_keep(struct played *p, struct view in, struct buf *out)
{
	(void)in;
	if (p->valid_from) {
		tlv_put_str(out, LINK_TAG_VALID_FROM, p->valid_from);
	}
	return CARD_DONE;
}

static uint8_t do_activities(struct played *p, struct view in, struct buf *out)
{
	buf_reset(&p->directory);
	buf_put_view(&p->directory, find(in, LINK_TAG_DIRECTORY));
	if (!p->verified) {
		return CARD_DENIED;
	}
	buf_put_view(out, buf_view(&p->activities));
	return CARD_DONE;
}

static uint8_t do_certificate(struct played *p, struct view in, struct buf *out)
{
	struct cvc c;

	(void)out;
	if (cvc_parse(find(in, LINK_TAG_CVC), &c) != 0 ||
		!view_equal(find(in, LINK_TAG_CAR), view_str(c.car))) {
		return CARD_REFUSED;
	}
	bytes_copy(p->peer, sizeof(p->peer), c.point, sizeof(c.point));
	return CARD_DONE;
}

static uint8_t do_challenge(struct played *p, struct view in, struct buf *out)
{
	(void)in;
	assert_int_equal(rng_fill(p->challenge, sizeof(p->challenge)), 0);
	tlv_put(out, LINK_TAG_DATA, VIEW(p->challenge));
	return CARD_DONE;
}

static uint8_t do_prove(struct played *p, struct view in, struct buf *out)
{
	struct view data = find(in, LINK_TAG_DATA);
	uint8_t signature[64];

	if (p->card->rsa && !p->verified) {
		return CARD_DENIED;
	}
	if (data.len != 24 && data.len != 40) {
		return CARD_ABSENT;
	}
	forge_sign(p->card->key, data, signature);
	tlv_put(out, LINK_TAG_SIGNATURE, VIEW(signature));
	return CARD_DONE;
}

static uint8_t do_check(struct played *p, struct view in, struct buf *out)
{
	struct buf data = BUF_NULL(64);
	int r;

	(void)out;
	buf_put_view(&data, VIEW(p->challenge));
	buf_put_view(&data, view_last(VIEW(p->card->serial), 8));
	r = cvc_check_signature(p->peer, buf_view(&data), find(in, LINK_TAG_SIGNATURE));
	buf_done(&data);
	p->role = r == 0;
	return r == 0 ? CARD_DONE : CARD_REFUSED;
}

static uint8_t do_coverage(struct played *p, struct view in, struct buf *out)
{
	(void)in;
	if (!p->role) {
		return CARD_DENIED;
	}
	buf_put_view(out, buf_view(&p->coverage));
	return p->coverage.len > 0 ? CARD_DONE : CARD_ABSENT;
}

static uint8_t do_sign(struct played *p, struct view in, struct buf *out)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	struct view data = find(in, LINK_TAG_DATA);
	uint8_t signature[256];
	size_t len = sizeof(signature);

	if (!p->verified) {
		EVP_MD_CTX_free(ctx);
		return CARD_DENIED;
	}
	assert_int_equal(EVP_DigestSignInit(ctx, NULL, EVP_sha256(), NULL, p->card->rsa), 1);
	assert_int_equal(EVP_DigestSign(ctx, signature, &len, data.data, data.len), 1);
	EVP_MD_CTX_free(ctx);
	tlv_put(out, LINK_TAG_SIGNATURE, view_of(signature, len));
	return CARD_DONE;
}

static uint8_t do_reset(struct played *p, struct view in, struct buf *out)
{
	(void)in;
	(void)out;
	p->verified = false;
	p->role = false;
	return CARD_DONE;
}

static uint8_t (*const good[PLAYED_OPS + 1])(struct played *, struct view, struct buf *) = {
	[CARD_OP_OPEN] = do_open,
	[CARD_OP_IDENTIFY] = do_identify,
	[CARD_OP_READ_PUBLIC] = do_public,
	[CARD_OP_KEEP_PEOPLE] = do_keep,
	[CARD_OP_READ_ROLE] = do_role,
	[CARD_OP_READ_PEOPLE] = do_people,
	[CARD_OP_PIN_STATE] = do_pin_state,
	[CARD_OP_READ_ACTIVITIES] = do_activities,
	[CARD_OP_CHECK_CERTIFICATE] = do_certificate,
	[CARD_OP_CHALLENGE] = do_challenge,
	[CARD_OP_INTERNAL_AUTHENTICATE] = do_prove,
	[CARD_OP_EXTERNAL_AUTHENTICATE] = do_check,
	[CARD_OP_READ_PROTECTED] = do_coverage,
	[CARD_OP_SIGN] = do_sign,
	[CARD_OP_RESET] = do_reset,
	[CARD_OP_CLOSE] = do_reset,
};

/* -- misdeeds ------------------------------------------------------------------------------------ */

/* Every value of an answer over-long: longer than any field of ours. */
static void put_long(struct buf *body)
{
	static const uint32_t tags[] = {LINK_TAG_SERIAL, LINK_TAG_CVC, LINK_TAG_SIGNATURE,
		LINK_TAG_DATA, LINK_TAG_CERT_SIG, LINK_TAG_CERT_AUT, LINK_TAG_PERSON,
		LINK_TAG_ACTIVITY, LINK_TAG_COVERAGE};
	static const uint8_t bytes[6000];

	buf_reset(body);
	for (size_t i = 0; i < ARRAY_LEN(tags); i++) {
		tlv_put(body, tags[i], VIEW(bytes));
	}
}

static enum misdeed do_wrong(struct played *p, uint8_t op, uint8_t *outcome, struct buf *body)
{
	switch (p->misdeed[op]) {
	case PLAY_WELL:
		break;
	case PLAY_OUTCOME:
		*outcome = p->value[op];
		break;
	case PLAY_EMPTY:
		*outcome = CARD_DONE;
		buf_reset(body);
		break;
	case PLAY_GARBAGE:
		*outcome = CARD_DONE;
		buf_reset(body);
		buf_put_str(body, "\x7f\x21\x84garbage");
		break;
	case PLAY_LONG:
		*outcome = CARD_DONE;
		put_long(body);
		break;
	case PLAY_FALSE:
		body->data[body->len - 1] ^= 1;
		break;
	case PLAY_REPLAY:
		*outcome = CARD_DONE;
		buf_reset(body);
		buf_put_view(body, buf_view(&p->recorded[op][p->n_replayed[op] > 0 ? 1 : 0]));
		p->n_replayed[op]++;
		break;
	case PLAY_SILENT:
	case PLAY_EXIT:
	case PLAY_CRASH:
	case PLAY_MALFORMED:
		return p->misdeed[op];
	}
	return PLAY_WELL;
}

static struct played *card_in(struct view reader)
{
	for (size_t i = 0; i < n_played; i++) {
		if (played[i].in && view_equal(reader, view_str(played[i].reader))) {
			return &played[i];
		}
	}
	return NULL;
}

enum misdeed played_answer(struct played **card, const struct link_frame *f,
	uint8_t *ret_outcome, struct buf *body)
{
	struct played *p;
	uint8_t op = f->op;

	if (op == CARD_OP_OPEN) {
		*card = card_in(find(f->body, LINK_TAG_READER));
	}
	p = *card;
	if (!p || !p->in || op > PLAYED_OPS) {
		*ret_outcome = CARD_GONE;
		return PLAY_WELL;
	}
	p->asked[op]++;
	buf_put_u8(&p->order, op);
	*ret_outcome = CARD_DONE;
	if (op == CARD_OP_VERIFY) {
		*ret_outcome = verify(p, f, body);
	} else if (good[op]) {
		*ret_outcome = good[op](p, f->body, body);
	}
	if (p->misdeed[op] == PLAY_WELL || p->good_first[op] > 0) {
		p->good_first[op] -= p->good_first[op] > 0 ? 1 : 0;
		if (p->n_recorded[op] < 2) {
			buf_put_view(&p->recorded[op][p->n_recorded[op]++], buf_view(body));
		}
	} else {
		return do_wrong(p, op, ret_outcome, body);
	}
	tlv_put_u32(body, LINK_TAG_TPDUS, 10 * p->asked[op]);
	tlv_put_u32(body, LINK_TAG_CHARACTERS, 1000);
	return PLAY_WELL;
}

/* -- cards --------------------------------------------------------------------------------------- */

static struct played *play(
	const char *reader, const char *kind, const char *generation, struct forged_card *card)
{
	struct played *p = &played[n_played++];

	assert_true(n_played <= PLAYED_MAX);
	*p = (struct played){
		.kind = kind,
		.generation = generation,
		.card = card,
		.pin = "1234",
		.tries = 3,
		.people = BUF_NULL(32768),
		.activities = BUF_NULL(32768),
		.coverage = BUF_NULL(4096),
		.extra = BUF_NULL(4096),
		.actua = BUF_NULL(4096),
		.order = BUF_NULL(65536),
		.directory = BUF_NULL(64),
	};
	for (size_t i = 0; i < ARRAY_LEN(p->recorded); i++) {
		p->recorded[i][0] = BUF_NULL(LINK_MAX_FRAME);
		p->recorded[i][1] = BUF_NULL(LINK_MAX_FRAME);
	}
	assert_int_equal(view_copy_str(view_str(reader), p->reader, sizeof(p->reader)), 0);
	return p;
}

struct played *play_vitale(const char *reader, struct forged_card *card)
{
	return play(reader, "vitale", "vitale-2", card);
}

struct played *play_cps(const char *reader, struct forged_card *card)
{
	return play(reader, "cps", "cps4", card);
}

void played_done(struct played *p)
{
	buf_done(&p->people);
	buf_done(&p->activities);
	buf_done(&p->coverage);
	buf_done(&p->extra);
	buf_done(&p->actua);
	buf_done(&p->order);
	buf_done(&p->directory);
	for (size_t i = 0; i < ARRAY_LEN(p->recorded); i++) {
		buf_done(&p->recorded[i][0]);
		buf_done(&p->recorded[i][1]);
	}
}

void play_person(struct played *p, const char *surname, const char *given, const char *birth,
	const char *nir, uint8_t rank)
{
	size_t mark = tlv_open(&p->people, LINK_TAG_PERSON);

	tlv_put_str(&p->people, LINK_TAG_SURNAME, surname);
	tlv_put_str(&p->people, LINK_TAG_GIVEN, given);
	tlv_put_str(&p->people, LINK_TAG_BIRTH, birth);
	if (nir) {
		tlv_put_str(&p->people, LINK_TAG_NIR, nir);
	}
	if (rank > 0) {
		tlv_put_u8(&p->people, LINK_TAG_RANK, rank);
	}
	tlv_close(&p->people, mark);
}

void play_activity(struct played *p, uint8_t index, const char *name, const char *structure,
	const char *sector)
{
	size_t mark = tlv_open(&p->activities, LINK_TAG_ACTIVITY);

	tlv_put_u8(&p->activities, LINK_TAG_INDEX, index);
	tlv_put_str(&p->activities, LINK_TAG_NAME, name);
	tlv_put_str(&p->activities, LINK_TAG_STRUCTURE, structure);
	tlv_put_str(&p->activities, LINK_TAG_SECTOR, sector);
	tlv_close(&p->activities, mark);
}
