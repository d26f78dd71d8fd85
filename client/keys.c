/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * Keys and anchors of a checker. The PEM anchors of one nature are put one behind the other into a
 * memfd, because the checker of receipts takes one file.
 */
#include "client/keys.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "client/content.h"
#include "record/checkpoint.h"
#include "record/cvc.h"

#define ANCHOR_MAX (64U * 1024U) /* bytes of one anchor file */

/* name+8 hex digits+base64 (record/checkpoint.h) */
static bool looks_like_vkey(const char *text)
{
	_cleanup_(buf_done) struct buf pem = BUF_NULL(4096);

	return checkpoint_vkey_pem(text, &pem) == 0;
}

int keys_vkey(const char *given, char **ret)
{
	_cleanup_(content_done) struct content c = CONTENT_NULL;
	_cleanup_(buf_done) struct buf text = BUF_NULL(4096);
	char *copy = NULL;
	int r;

	if (looks_like_vkey(given)) {
		copy = strdup(given);
	} else {
		r = content_file(given, &c);
		if (r != 0) {
			return r < 0 ? trace(r) : KEYS_INVALID;
		}
		buf_put_view(&text, content_view(&c));
		copy = buf_take_str(&text);
	}
	if (!copy) {
		return KEYS_INVALID; /* larger than any key */
	}
	copy[strcspn(copy, "\r\n")] = '\0';
	if (!looks_like_vkey(copy)) {
		free(copy);
		return KEYS_INVALID;
	}
	*ret = copy;
	return 0;
}

void keys_anchors_done(struct keys_anchors *k)
{
	if (k->pem >= 0) {
		close(k->pem);
	}
	*k = KEYS_ANCHORS_NULL;
}

static bool ends_with(const char *name, const char *end)
{
	size_t n = strlen(name);
	size_t e = strlen(end);

	return n > e && strcmp(name + n - e, end) == 0;
}

static int add_pem(struct keys_anchors *k, struct view text)
{
	static const char newline = '\n';

	if (k->pem < 0) {
		k->pem = memfd_create("anchors", MFD_CLOEXEC);
		if (k->pem < 0) {
			return fault(-errno);
		}
		(void)snprintf(k->pem_path, sizeof(k->pem_path), "/proc/self/fd/%d", k->pem);
	}
	if (write(k->pem, text.data, text.len) != (ssize_t)text.len ||
		write(k->pem, &newline, 1) != 1) {
		return fault(-EIO);
	}
	return 0;
}

static void add_root(struct keys_anchors *k, struct view certificate, const char *car)
{
	struct cvc c;

	if (car && !k->has_root && cvc_parse(certificate, &c) == 0 && strcmp(c.chr, car) == 0) {
		bytes_copy(k->root, sizeof(k->root), c.point, CVC_POINT);
		k->has_root = true;
	}
}

static int add_file(struct keys_anchors *k, int dirfd, const char *name, const char *car)
{
	_cleanup_(content_done) struct content c = CONTENT_NULL;
	int fd = openat(dirfd, name, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	int r;

	if (fd < 0) {
		return fault(-errno);
	}
	r = content_read(fd, UINT64_MAX, &c);
	close(fd);
	if (r != 0 || c.size > ANCHOR_MAX) {
		return r < 0 ? trace(r) : fault(-EFBIG);
	}
	if (ends_with(name, ".pem")) {
		return trace(add_pem(k, content_view(&c)));
	}
	add_root(k, content_view(&c), car);
	return 0;
}

int keys_anchors(
	const char *folder, const char *nature, const char *car, struct keys_anchors *ret)
{
	_cleanup_(keys_anchors_done) struct keys_anchors k = KEYS_ANCHORS_NULL;
	const struct dirent *e;
	char path[1024];
	DIR *d;
	int r = 0;

	if (snprintf(path, sizeof(path), "%s/%s", folder, nature) >= (int)sizeof(path)) {
		return fault(-ENAMETOOLONG);
	}
	d = opendir(path);
	if (!d) {
		return errno == ENOENT ? KEYS_NONE : fault(-errno);
	}
	while (r == 0 && (e = readdir(d)) != NULL) {
		if (ends_with(e->d_name, ".pem") || ends_with(e->d_name, ".cvcert")) {
			r = add_file(&k, dirfd(d), e->d_name, car);
		}
	}
	(void)closedir(d);
	if (r < 0) {
		return trace(r);
	}
	if (k.pem < 0 && !k.has_root) {
		return KEYS_NONE;
	}
	*ret = k;
	k = KEYS_ANCHORS_NULL;
	return 0;
}
