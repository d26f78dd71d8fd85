/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * Where a Vitale's files are. Each has up to three places: a short identifier (the cheapest, one
 * command), an identifier under its folder, and what the card's own POINTERS says. A place that
 * holds something else counts as empty. Which folder is current is remembered to save commands.
 */
#include "base/tlv.h"
#include "drivers/card/vitale/vitale.h"

#define MF 0x3F00U

const struct vitale_generation *vitale_generation(const struct card *c)
{
	/* every driver of the family is the first member of its table */
	return (const struct vitale_generation *)(const void *)c->driver;
}

int vitale_enter_root(struct card *c)
{
	int r;

	if (c->df == CARD_DF_ROOT) {
		return 0;
	}
	r = iso7816_select_id(&c->apdu, c->driver->cla, MF);
	if (r == CARD_DONE) {
		card_selected(c, CARD_DF_ROOT, 0);
	}
	return trace(r);
}

static int select_name(struct card *c, struct view name, enum card_df df)
{
	int r;

	r = iso7816_select_name(&c->apdu, c->driver->cla, name);
	if (r == CARD_DONE) {
		card_selected(c, df, 0);
	}
	return trace(r);
}

int vitale_enter_application(struct card *c)
{
	if (c->df == CARD_DF_APPLICATION) {
		return 0;
	}
	return trace(select_name(c, vitale_generation(c)->application, CARD_DF_APPLICATION));
}

static int enter(struct card *c, enum card_df df)
{
	return trace(df == CARD_DF_ROOT ? vitale_enter_root(c) : vitale_enter_application(c));
}

/* -- one place ----------------------------------------------------------------------------- */

/* Whether a file of several objects is one of @tag, or holds nothing at all. */
static bool is_of(struct view content, uint32_t tag)
{
	struct reader r = reader_of(content);
	struct tlv t = {.tag = tag};
	int q;

	do {
		q = tlv_next_padded(&r, &t);
	} while (q == 0 && t.tag != tag);
	return t.tag == tag;
}

/* The current file (@sfi: that one). Return: CARD_ABSENT when it holds something else. */
static int read_place(struct card *c, enum vitale_file_id id, uint8_t sfi, struct buf *out)
{
	const struct vitale_file *f = &vitale_generation(c)->files[id];
	struct iso7816_file how = {.sfi = sfi, .guess = f->size, .tag = f->tag};
	uint32_t lesson = (uint32_t)id + 1;
	size_t start = out->len;
	int r;

	if (!f->several) {
		return trace(iso7816_read_object(&c->apdu, c->driver->cla, &how, out));
	}
	how.guess = card_lesson(c, lesson);
	r = iso7816_read_objects(&c->apdu, c->driver->cla, &how, out);
	if (r != CARD_DONE) {
		return trace(r);
	}
	if (!is_of(view_sub(buf_view(out), start, out->len), f->tag)) {
		return CARD_ABSENT;
	}
	card_learn(c, lesson, out->len - start);
	return 0;
}

static int by_sfi(struct card *c, enum vitale_file_id id, struct buf *out)
{
	const struct vitale_file *f = &vitale_generation(c)->files[id];
	int r;

	if (f->sfi == 0) {
		return CARD_ABSENT;
	}
	r = enter(c, f->df);
	return r == CARD_DONE ? trace(read_place(c, id, f->sfi, out)) : trace(r);
}

static int select_and_read(
	struct card *c, enum vitale_file_id id, uint16_t fid, struct buf *out)
{
	int r;

	r = iso7816_select_ef(&c->apdu, c->driver->cla, fid);
	if (r == CARD_DONE) {
		card_selected(c, c->df, fid);
		r = read_place(c, id, 0, out);
	}
	return trace(r);
}

static int by_identifier(struct card *c, enum vitale_file_id id, struct buf *out)
{
	const struct vitale_file *f = &vitale_generation(c)->files[id];
	int r;

	if (f->fid == 0) {
		return CARD_ABSENT;
	}
	r = enter(c, f->df);
	return r == CARD_DONE ? trace(select_and_read(c, id, f->fid, out)) : trace(r);
}

/* -- the card's own list ------------------------------------------------------------------- */

/* Into c->places, once; what is no list stays empty. */
static int load_pointers(struct card *c)
{
	int r;

	if (c->places.len > 0) {
		return 0;
	}
	r = by_sfi(c, VITALE_POINTERS, &c->places);
	if (r == CARD_ABSENT) {
		r = by_identifier(c, VITALE_POINTERS, &c->places);
	}
	if (r != CARD_DONE) {
		buf_reset(&c->places);
	}
	return trace(r);
}

static struct view name_of(const struct card *c, enum card_df df)
{
	const struct vitale_generation *g = vitale_generation(c);

	return df == CARD_DF_ROOT ? g->root : g->application;
}

static int enter_named(struct card *c, struct view name)
{
	if (view_equal(name, name_of(c, CARD_DF_ROOT))) {
		return trace(vitale_enter_root(c));
	}
	if (view_equal(name, name_of(c, CARD_DF_APPLICATION))) {
		return trace(vitale_enter_application(c));
	}
	return trace(select_name(c, name, CARD_DF_UNKNOWN));
}

static int by_pointers(struct card *c, enum vitale_file_id id, struct buf *out)
{
	const struct vitale_file *f = &vitale_generation(c)->files[id];
	struct pointer p;
	int r;

	if (!f->name) {
		return CARD_ABSENT;
	}
	r = load_pointers(c);
	if (r == CARD_DONE) {
		r = pointers_find(buf_view(&c->places), f->name, &p);
	}
	if (r == CARD_DONE && p.fid == f->fid && view_equal(p.aid, name_of(c, f->df))) {
		return CARD_ABSENT; /* there we have been */
	}
	if (r == CARD_DONE) {
		r = enter_named(c, p.aid);
	}
	return r == CARD_DONE ? trace(select_and_read(c, id, p.fid, out)) : trace(r);
}

/* Whether @r says something about one place only, so that the next may be tried. */
static bool elsewhere(int r, const struct vitale_file *f)
{
	return r == CARD_ABSENT || r == CARD_BROKEN || r == CARD_REFUSED ||
	       (r == CARD_DENIED && !f->guarded);
}

int vitale_read(struct card *c, enum vitale_file_id id, struct buf *out)
{
	static int (*const places[])(struct card * c, enum vitale_file_id id,
		struct buf * out) = {by_sfi, by_identifier, by_pointers};
	const struct vitale_file *f = &vitale_generation(c)->files[id];
	size_t start = out->len;
	int worst = CARD_ABSENT;

	for (size_t i = 0; i < ARRAY_LEN(places); i++) {
		int r = places[i](c, id, out);

		if (!elsewhere(r, f)) {
			return trace(r);
		}
		buf_truncate(out, start);
		worst = r == CARD_ABSENT ? worst : r;
	}
	return worst;
}
