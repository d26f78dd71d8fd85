/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * Files of the CPS family: the MF and the application's DF, each file by its short identifier, as a
 * child of the current DF, or by its whole path, whichever costs least. What is current is only
 * remembered to save characters; after a path that failed nothing is taken for granted.
 */
#include "base/tlv.h"
#include "drivers/card/cps/cps.h"

static const uint8_t path_root[] = {0x3F, 0x00};
static const uint8_t path_application[] = {0x3F, 0x00, 0x00, 0x01};

const struct cps_generation *cps_generation(const struct card *c)
{
	/* every driver of the family is the first member of its table */
	return (const struct cps_generation *)(const void *)c->driver;
}

static struct view path_of(enum card_df df)
{
	return df == CARD_DF_ROOT ? VIEW(path_root) : VIEW(path_application);
}

static int select_path(struct card *c, struct view path, enum card_df df, uint16_t ef)
{
	int r;

	r = iso7816_select_path(&c->apdu, c->driver->cla, path);
	if (r == CARD_DONE) {
		card_selected(c, df, ef);
	} else {
		card_selected(c, CARD_DF_UNKNOWN, 0);
	}
	return trace(r);
}

int cps_enter(struct card *c, enum card_df df)
{
	if (c->df == df) {
		return 0;
	}
	return trace(select_path(c, path_of(df), df, 0));
}

int cps_enter_role(struct card *c)
{
	return trace(cps_enter(c, CARD_DF_APPLICATION));
}

int cps_select(struct card *c, enum card_df df, uint16_t fid)
{
	uint8_t path[sizeof(path_application) + 2];
	struct view at = path_of(df);
	int r;

	if (c->df == df) {
		r = iso7816_select_ef(&c->apdu, c->driver->cla, fid);
		card_selected(c, df, r == CARD_DONE ? fid : 0);
		return trace(r);
	}
	bytes_copy(path, sizeof(path), at.data, at.len);
	path[at.len] = (uint8_t)(fid >> 8);
	path[at.len + 1] = (uint8_t)(fid & 0xFF);
	return trace(select_path(c, view_of(path, at.len + 2), df, fid));
}

/* A path of the application's own is a child of it. */
int cps_select_path(struct card *c, struct view path)
{
	struct view at = VIEW(path_application);
	struct reader last = reader_of(view_last(path, 2));

	if (path.len == at.len + 2 && view_equal(view_sub(path, 0, at.len), at)) {
		return trace(cps_select(c, CARD_DF_APPLICATION, reader_u16(&last)));
	}
	return trace(select_path(c, path, CARD_DF_UNKNOWN, 0));
}

/* The object at @sfi, or of the current file. Return: CARD_ABSENT when it is another one. */
static int read_object(
	struct card *c, unsigned id, uint8_t sfi, uint32_t lesson, struct buf *whole)
{
	const struct cps_file *f = &cps_generation(c)->files[id];
	struct iso7816_file how = {.sfi = sfi, .guess = f->size, .tag = f->tag};
	size_t start = whole->len;
	int r;

	if (lesson != 0) {
		how.guess = card_lesson(c, lesson);
	}
	r = iso7816_read_object(&c->apdu, c->driver->cla, &how, whole);
	if (r != CARD_DONE) {
		buf_truncate(whole, start); /* a part that was read belongs to nothing */
	} else if (lesson != 0) {
		card_learn(c, lesson, whole->len - start);
	}
	return trace(r);
}

int cps_read_object(struct card *c, unsigned id, uint32_t lesson, struct buf *whole)
{
	int r;

	r = read_object(c, id, 0, lesson, whole);
	return r == CARD_ABSENT ? CARD_BROKEN : trace(r); /* it was selected: it is another's */
}

/* By its short identifier; a card without one says that the file is absent, or refuses the
 * form. */
static int read_short(struct card *c, unsigned id, struct buf *whole)
{
	const struct cps_file *f = &cps_generation(c)->files[id];
	int r;

	if (f->sfi == 0) {
		return CARD_ABSENT;
	}
	r = cps_enter(c, f->df);
	if (r != CARD_DONE) {
		return trace(r);
	}
	c->ef = 0;
	r = read_object(c, id, f->sfi, 0, whole);
	return r == CARD_REFUSED ? CARD_ABSENT : trace(r);
}

int cps_read_file(struct card *c, unsigned id, struct buf *whole)
{
	const struct cps_file *f = &cps_generation(c)->files[id];
	int r;

	r = read_short(c, id, whole);
	if (r != CARD_ABSENT) {
		return trace(r);
	}
	r = cps_select(c, f->df, f->fid);
	if (r != CARD_DONE) {
		return trace(r);
	}
	return trace(cps_read_object(c, id, 0, whole));
}
