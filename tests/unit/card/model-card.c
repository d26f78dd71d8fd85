/* SPDX-License-Identifier: EUPL-1.2 */
/* What the model of a card does with each command: files, codes, security environment. */
/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */
#include "base/hex.h"
#include "tests/unit/card/model.h"

#define SW_DONE	  0x9000
#define SW_ABSENT 0x6A82

static bool same_hex(struct view v, const char *hex)
{
	_cleanup_(buf_done) struct buf b = BUF_NULL(64);

	return hex && hex_decode(&b, view_str(hex)) == 0 && view_equal(buf_view(&b), v);
}

static uint16_t select_file(struct model *m, const struct model_request *q)
{
	struct reader r = reader_of(q->data);
	uint16_t df = m->df;
	uint16_t fid = 0;
	struct model_file *f;

	if (q->p1 == 0x04) {
		for (size_t i = 0; i < ARRAY_LEN(m->names); i++) {
			if (same_hex(q->data, m->names[i])) {
				m->df = m->dfs[i];
				m->ef = NULL;
				return SW_DONE;
			}
		}
		return SW_ABSENT;
	}
	if (q->p1 == 0x09 || q->p1 == 0x00) {
		df = reader_u16(&r);
		if (df != MODEL_ROOT || (q->p1 == 0x00 && m->base.atr[1] != 0x75)) {
			return SW_ABSENT;
		}
		fid = r.left >= 2 ? reader_u16(&r) : 0;
		if (fid == MODEL_APP) {
			df = MODEL_APP;
			fid = r.left >= 2 ? reader_u16(&r) : 0;
		}
	} else {
		fid = reader_u16(&r);
	}
	f = fid ? model_find(m, df, fid) : NULL;
	if ((fid && !f) || r.left > 0 || r.failed) {
		return SW_ABSENT;
	}
	m->df = df;
	m->ef = f;
	m->n_sets = 0;
	return SW_DONE;
}

static uint16_t read_file(struct model *m, const struct model_request *q, struct buf *out)
{
	size_t offset = (size_t)q->p1 << 8 | q->p2;

	if (q->p1 & 0x80) {
		struct model_file *f = NULL;

		for (size_t i = 0; i < m->n_files; i++) {
			if (m->files[i].df == m->df && m->files[i].sfi == (q->p1 & 0x1F)) {
				f = &m->files[i];
			}
		}
		if (!f) {
			return SW_ABSENT;
		}
		m->ef = f;
		offset = q->p2;
	}
	if (!m->ef) {
		return 0x6986;
	}
	if ((m->ef->access == MODEL_PIN && !m->verified) ||
		(m->ef->access == MODEL_ROLE && !m->role) || m->ef->access == MODEL_NEVER) {
		return 0x6982;
	}
	if (offset >= m->ef->content.len) {
		return 0x6B00;
	}
	buf_put_view(out, view_sub(buf_view(&m->ef->content), offset, q->le));
	return SW_DONE;
}

/* PIN or PUK. */
static uint16_t compare(struct model *m, bool puk, struct view code)
{
	uint8_t *tries = puk ? &m->puk_tries : &m->tries;
	bool *right = puk ? &m->puk_verified : &m->verified;

	*right = false;
	if (*tries == 0 || (puk && m->puk_uses == 0)) {
		return 0x6983;
	}
	(*tries)--;
	m->puk_uses = (uint16_t)(m->puk_uses - (puk ? 1 : 0));
	if (!view_equal(code, view_str(puk ? m->puk : m->pin_now))) {
		return (uint16_t)(0x63C0 | *tries);
	}
	*tries = puk ? 10 : 3;
	*right = true;
	return SW_DONE;
}

static uint16_t verify(struct model *m, const struct model_request *q)
{
	bool puk = q->p2 == 2;
	uint8_t tries = puk ? m->puk_tries : m->tries;

	if (q->data.len > 0) {
		return compare(m, puk, q->data);
	}
	if (m->no_empty) {
		return 0x6700;
	}
	if (tries == 0) {
		return 0x6983;
	}
	return (puk ? m->puk_verified : m->verified) ? SW_DONE : (uint16_t)(0x63C0 | tries);
}

static uint16_t set_pin(struct model *m, struct view pin)
{
	if (pin.len != 4) {
		return 0x6700;
	}
	if (view_copy_str(pin, m->pin_now, sizeof(m->pin_now)) != 0) {
		return 0x6A80;
	}
	return SW_DONE;
}

static uint16_t change(struct model *m, const struct model_request *q)
{
	uint16_t sw;

	if (q->p1 == 1) {
		return m->verified || m->puk_verified ? set_pin(m, q->data) : 0x6982;
	}
	sw = compare(m, false, view_sub(q->data, 0, 4));
	return sw == SW_DONE ? set_pin(m, view_sub(q->data, 4, 8)) : sw;
}

static uint16_t unblock(struct model *m, const struct model_request *q)
{
	uint16_t sw = SW_DONE;

	if (!m->puk_verified) {
		return 0x6982;
	}
	if (q->p1 == 2) {
		sw = set_pin(m, q->data);
	}
	m->tries = sw == SW_DONE ? 3 : m->tries;
	return sw;
}

static uint16_t get_data(struct model *m, const struct model_request *q, struct buf *out)
{
	_cleanup_(buf_done) struct buf text = BUF_NULL(80);
	struct view ref = view_sub(q->data, 6, 1);

	if (!m->objects) {
		return 0x6D00;
	}
	if (m->df != MODEL_ROOT) {
		return 0x6A88;
	}
	if (view_equal(ref, VIEW_TEXT("\1"))) {
		buf_printf(
			&text, "7016BF810112A0109A01039B01%02XA1088C06F3000013FF00", m->tries);
	} else {
		buf_printf(&text, "701ABF810216A0149A010A9B01%02X9D02%04XA1088C06F3FF00FFFF00",
			m->puk_tries, m->puk_uses);
	}
	assert_int_equal(hex_decode(out, buf_view(&text)), 0);
	return SW_DONE;
}

static bool is_set(const struct model *m, uint8_t template)
{
	for (size_t i = 0; i < m->n_sets; i++) {
		if (m->sets[i] == template) {
			return true;
		}
	}
	return false;
}

static uint16_t set_environment(struct model *m, const struct model_request *q)
{
	if (!is_set(m, q->p2) && m->n_sets < sizeof(m->sets)) {
		m->sets[m->n_sets++] = q->p2;
	}
	return SW_DONE;
}

static void put_pattern(struct buf *out, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		buf_put_u8(out, (uint8_t)i);
	}
}

static uint16_t security(struct model *m, const struct model_request *q, struct buf *out)
{
	if (q->p1 == 0x90) {
		m->hashed = is_set(m, 0xAA);
		return m->hashed ? SW_DONE : 0x6985;
	}
	if (q->p1 == 0x00) {
		return is_set(m, 0xB6) ? SW_DONE : 0x6985;
	}
	if (!m->verified) {
		return 0x6982;
	}
	if (!is_set(m, 0xB6) || (q->data.len == 0 && !m->hashed)) {
		return 0x6985;
	}
	m->hashed = false;
	if (m->forgets_sets) {
		m->n_sets = 0;
	}
	put_pattern(out, 256);
	return SW_DONE;
}

static uint16_t authenticate(struct model *m, const struct model_request *q, struct buf *out)
{
	if (q->ins == APDU_GET_CHALLENGE) {
		put_pattern(out, q->le);
		return SW_DONE;
	}
	if (!is_set(m, 0xA4)) {
		return 0x6985;
	}
	if (q->ins == APDU_INTERNAL_AUTHENTICATE) {
		put_pattern(out, 64);
		if (m->forgets_sets) {
			m->n_sets = 0;
		}
	} else {
		m->role = true;
	}
	return SW_DONE;
}

uint16_t model_process(struct model *m, const struct model_request *q, struct buf *out)
{
	if (m->old_volet) {
		return q->cla != 0xA0 ? 0x6E00 : q->ins == APDU_SELECT ? 0x9F17 : 0x6D00;
	}
	if (q->cla != m->cla) {
		return 0x6E00;
	}
	switch (q->ins) {
	case APDU_SELECT:
		return select_file(m, q);
	case APDU_READ_BINARY:
		return read_file(m, q, out);
	case APDU_VERIFY:
		return verify(m, q);
	case APDU_CHANGE_REFERENCE_DATA:
		return change(m, q);
	case APDU_RESET_RETRY_COUNTER:
		return unblock(m, q);
	case APDU_GET_DATA:
		return get_data(m, q, out);
	case APDU_MSE:
		return set_environment(m, q);
	case APDU_PSO:
		return security(m, q, out);
	case APDU_GET_CHALLENGE:
	case APDU_INTERNAL_AUTHENTICATE:
	case APDU_EXTERNAL_AUTHENTICATE:
		return authenticate(m, q, out);
	}
	return 0x6D00;
}
