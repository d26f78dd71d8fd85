/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * Loading the texts of consent. What is not named as a text of ours is left alone; what is, must
 * be UTF-8 of a sensible size, or the whole folder is refused: nobody is asked with a text that
 * cannot be shown. The struct owns the texts.
 */
#include "daemon/consent/wording.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/hex.h"
#include "base/json.h"
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

static int load_one(int folder, const char *name, struct wording *w)
{
	_cleanup_(buf_done) struct buf text = BUF_NULL(WORDING_MAX);
	_cleanup_(buf_done) struct buf hex = BUF_NULL(sizeof(w->sha256));
	uint8_t hash[CRYPTO_SHA256];
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
	if (bytes.len == 0 || !check || memchr(bytes.data, 0, bytes.len)) {
		json_decref(check);
		return fault(-EBADMSG);
	}
	json_decref(check);
	r = crypto_sha256(&bytes, 1, hash);
	hex_encode(&hex, VIEW(hash));
	if (r == 0) {
		r = view_copy_str(buf_view(&hex), w->sha256, sizeof(w->sha256));
	}
	w->text = r == 0 ? buf_take_str(&text) : NULL;
	return r < 0 ? trace(r) : w->text ? 0 : fault(-ENOMEM);
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
static const struct wording *newest(const struct wordings *w, const char *language)
{
	const struct wording *best = NULL;

	for (size_t i = 0; i < w->n; i++) {
		if (language && strcmp(w->all[i].language, language) != 0) {
			continue;
		}
		if (!best || newer(&w->all[i], best)) {
			best = &w->all[i];
		}
	}
	return best;
}

const struct wording *wordings_pick(const struct wordings *w, const char *language)
{
	const struct wording *best = newest(w, language);

	return best ? best : newest(w, NULL);
}
