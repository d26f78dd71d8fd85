/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * Loading the texts of consent, and what one patient is shown of them. What is not named as a text of
 * ours is left alone; what is, must be UTF-8 of a sensible size with markers that name acts that there
 * are, or the whole folder is refused: nobody is asked with a text that cannot be shown, and no
 * sentence is lost by a slip of the pen. The struct owns the texts.
 */
#include "daemon/consent/wording.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/hex.h"
#include "daemon/session/types.h"
#include "record/crypto.h"

static const char prefix[] = "consent-";
static const char suffix[] = ".txt";

/* "consent-1.fr.txt" as id and language. Return: whether it is such a name. */
static bool parse_name(const char *name, struct wording *w)
{
	struct view whole = view_str(name);
	const char *dot = strchr(name, '.');
	size_t id;
	struct view rest;

	if (strncmp(name, prefix, strlen(prefix)) != 0 || !dot) {
		return false;
	}
	id = (size_t)(dot - name);
	rest = view_last(whole, whole.len - id - 1);
	if (rest.len <= strlen(suffix) ||
		!view_equal(view_last(rest, strlen(suffix)), view_str(suffix))) {
		return false;
	}
	rest = view_sub(rest, 0, rest.len - strlen(suffix));
	return view_copy_str(view_sub(whole, 0, id), w->id, sizeof(w->id)) == 0 &&
	       view_copy_str(rest, w->language, sizeof(w->language)) == 0;
}

static int read_all(int folder, const char *name, struct buf *out)
{
	int fd = openat(folder, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	uint8_t block[1024];
	ssize_t n = 0;

	if (fd < 0) {
		return fault(-errno);
	}
	do {
		buf_put(out, block, (size_t)n);
		n = read(fd, block, sizeof(block));
	} while (n > 0 && !out->failed);
	close(fd);
	return n < 0 ? fault(-EIO) : trace(buf_check(out));
}

/* What a file speaks of; without sections it is of the time when there were three acts. */
static unsigned int covered(struct view file)
{
	unsigned int bits =
		SESSION_INTENT_CONSULT | SESSION_INTENT_FEED | SESSION_INTENT_CREATE;

	if (!sections_divided(file)) {
		return bits;
	}
	bits = 0;
	for (unsigned int i = 0; i < SESSION_INTENTS; i++) {
		if (sections_name(file, session_intent_word(i))) {
			bits |= 1U << i;
		}
	}
	return bits;
}

/* Of which acts it tells the patient that they also open without their card: what does not say so has
 * not told it. */
static unsigned int told(struct view file)
{
	unsigned int bits = 0;

	for (unsigned int i = 0; i < SESSION_INTENTS; i++) {
		if (sections_tell(file, session_intent_word(i))) {
			bits |= 1U << i;
		}
	}
	return bits;
}

static bool well_marked(struct view file)
{
	const char *known[SESSION_INTENTS + 1] = {NULL};

	for (unsigned int i = 0; i < SESSION_INTENTS; i++) {
		known[i] = session_intent_word(i);
	}
	return sections_check(file, known) == 0;
}

static int load_one(int folder, const char *name, struct wording *w)
{
	_cleanup_(buf_done) struct buf text = BUF_NULL(WORDING_MAX);
	struct view bytes;
	json_t *check;
	int r;

	r = read_all(folder, name, &text);
	if (r < 0) {
		return trace(r);
	}
	bytes = buf_view(&text);
	check = json_stringn(
		(const char *)bytes.data, bytes.len); /* refuses what is not UTF-8 */
	if (bytes.len == 0 || !check || memchr(bytes.data, 0, bytes.len) ||
		!well_marked(bytes)) {
		json_decref(check);
		return fault(-EBADMSG);
	}
	json_decref(check);
	w->covers = covered(bytes);
	w->tells = told(bytes);
	w->text = buf_take_str(&text);
	return w->text ? 0 : fault(-ENOMEM);
}

static int load_entries(DIR *dir, struct wordings *w)
{
	const struct dirent *e;
	int r = 0;

	while (r == 0 && (e = readdir(dir)) != NULL) {
		struct wording one = {0};

		if (!parse_name(e->d_name, &one)) {
			continue;
		}
		if (w->n == WORDINGS_MAX) {
			return fault(-EBADMSG);
		}
		r = load_one(dirfd(dir), e->d_name, &one);
		if (r == 0) {
			w->all[w->n++] = one;
		}
	}
	return trace(r);
}

int wordings_load(const char *folder, struct wordings *ret)
{
	struct wordings w = {0};
	DIR *dir = opendir(folder);
	int r;

	if (!dir) {
		return fault(-errno);
	}
	r = load_entries(dir, &w);
	closedir(dir);
	if (r == 0 && w.n == 0) {
		r = fault(-ENOENT);
	}
	if (r < 0) {
		wordings_done(&w);
		return trace(r);
	}
	*ret = w;
	return 0;
}

void wordings_done(struct wordings *w)
{
	for (size_t i = 0; i < w->n; i++) {
		free(w->all[i].text);
	}
	*w = (struct wordings){0};
}

/* consent-10 is newer than consent-9. */
static bool newer(const struct wording *a, const struct wording *b)
{
	size_t la = strlen(a->id);
	size_t lb = strlen(b->id);

	return la != lb ? la > lb : strcmp(a->id, b->id) > 0;
}

/* @language NULL: any. */
static const struct wording *newest(
	const struct wordings *w, const char *language, unsigned int intents)
{
	const struct wording *best = NULL;

	for (size_t i = 0; i < w->n; i++) {
		if ((w->all[i].covers & intents) != intents ||
			(language && strcmp(w->all[i].language, language) != 0)) {
			continue;
		}
		if (!best || newer(&w->all[i], best)) {
			best = &w->all[i];
		}
	}
	return best;
}

const struct wording *wordings_pick(
	const struct wordings *w, const char *language, unsigned int intents)
{
	const struct wording *best = newest(w, language, intents);

	return best ? best : newest(w, NULL, intents);
}

/* -- what is shown ------------------------------------------------------------------------------- */

int wording_show(const struct wording *w, const json_t *acts, struct wording_shown *ret)
{
	struct wording_shown shown = WORDING_SHOWN_NULL;
	_cleanup_(buf_done) struct buf hex = BUF_NULL(sizeof(shown.sha256));
	uint8_t hash[CRYPTO_SHA256];
	struct view bytes;
	int r = sections_compose(view_str(w->text), acts, &shown.text);

	if (r == 0) {
		r = buf_check(&shown.text);
	}
	bytes = buf_view(&shown.text);
	if (r == 0) {
		r = crypto_sha256(&bytes, 1, hash);
	}
	if (r == 0) {
		hex_encode(&hex, VIEW(hash));
		r = buf_check(&hex);
	}
	if (r == 0) {
		r = view_copy_str(buf_view(&hex), shown.sha256, sizeof(shown.sha256));
	}
	buf_put_u8(&shown.text, 0);
	if (r == 0) {
		r = buf_check(&shown.text);
	}
	if (r != 0) { /* malformed: it was looked at when it was loaded */
		buf_done(&shown.text);
		return r < 0 ? trace(r) : fault(-EBADMSG);
	}
	shown.of = w;
	*ret = shown;
	return 0;
}

void wording_shown_done(struct wording_shown *w)
{
	buf_done(&w->text);
	*w = WORDING_SHOWN_NULL;
}
