/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * Loading of the anchors. All or nothing: a file that is no anchor, or an anchor that stands under
 * two natures, makes the whole load fail and is named, because a nature is worth as much as the
 * folder it comes from. Nothing is read again later.
 */
#include "daemon/trust/anchors.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "daemon/trust/revocation.h"

enum anchor_outcome {
	ANCHOR_BAD = 1, /* the file is no anchor */
};

static void fd_put(int *fd)
{
	if (*fd >= 0)
		(void)close(*fd);
}

static void dir_put(DIR **d)
{
	if (*d)
		(void)closedir(*d);
}

const char *nature_word(enum nature n)
{
	static const char *const words[] = {"unknown", "real", "test", "simulated"};

	return words[n];
}

unsigned int trust_count(const struct trust *t, enum nature n)
{
	return t->of[n].n_x509 + t->of[n].n_roots;
}

/* -- when they end --------------------------------------------------------------------------------- */

/* 0: a date that cannot be read, which is as good as none left */
static uint64_t x509_until(const X509 *cert)
{
	struct tm tm = {0};
	time_t t;

	if (ASN1_TIME_to_tm(X509_get0_notAfter(cert), &tm) != 1) {
		ERR_clear_error();
		return 0;
	}
	t = timegm(&tm);
	return t > 0 ? (uint64_t)t * USEC_PER_SEC : 0;
}

/* "391231": to the end of that day */
static uint64_t cvc_until(const char until[7])
{
	const int digits[] = {until[0] - '0', until[1] - '0', until[2] - '0', until[3] - '0',
		until[4] - '0', until[5] - '0'};
	struct tm tm = {.tm_year = 100 + digits[0] * 10 + digits[1],
		.tm_mon = digits[2] * 10 + digits[3] - 1,
		.tm_mday = digits[4] * 10 + digits[5] + 1};
	time_t t = timegm(&tm);

	return t > 0 ? (uint64_t)t * USEC_PER_SEC : 0;
}

void trust_tell(const X509 *cert, struct trust_anchor *a, trust_anchor_fn each, void *user)
{
	(void)X509_NAME_oneline(
		X509_get_subject_name(cert), a->subject, (int)sizeof(a->subject));
	a->until = x509_until(cert);
	each(user, a);
}

static void tell_x509(
	const struct trust_nature *of, struct trust_anchor *a, trust_anchor_fn each, void *user)
{
	const STACK_OF(X509_OBJECT) *all =
		of->store ? X509_STORE_get0_objects(of->store) : NULL;

	for (int i = 0; i < sk_X509_OBJECT_num(all); i++) {
		const X509 *cert = X509_OBJECT_get0_X509(sk_X509_OBJECT_value(all, i));

		if (cert)
			trust_tell(cert, a, each, user);
	}
}

void trust_anchors(const struct trust *t, trust_anchor_fn each, void *user)
{
	struct trust_anchor a;

	for (enum nature n = NATURE_REAL; n < NATURE_COUNT; n++) {
		a.nature = n;
		tell_x509(&t->of[n], &a, each, user);
		for (unsigned int i = 0; i < t->of[n].n_roots; i++) {
			const struct trust_root *root = &t->of[n].roots[i];

			bytes_copy(a.subject, sizeof(a.subject), root->car, sizeof(root->car));
			a.until = cvc_until(root->until);
			each(user, &a);
		}
	}
}

struct trust *trust_free(struct trust *t)
{
	if (!t)
		return NULL;
	for (size_t n = 0; n < NATURE_COUNT; n++)
		X509_STORE_free(t->of[n].store);
	for (size_t i = 0; i < t->n_feeders; i++)
		X509_free(t->feeders[i].cert);
	for (size_t i = 0; i < t->n_lists; i++)
		revocation_free(t->lists[i]);
	free(t);
	return NULL;
}

static void trust_put(struct trust **t)
{
	*t = trust_free(*t);
}

/* The whole of a regular file of at most TRUST_FILE_MAX bytes. Return: 0, fault, ANCHOR_BAD. */
static int read_file(int dirfd, const char *name, struct buf *out)
{
	_cleanup_(fd_put) int fd = openat(dirfd, name, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	struct stat st;
	ssize_t n;

	if (fd < 0 || fstat(fd, &st) < 0)
		return fault(-errno);
	if (!S_ISREG(st.st_mode) || st.st_size <= 0 || st.st_size > (off_t)TRUST_FILE_MAX)
		return ANCHOR_BAD;
	for (off_t left = st.st_size; left > 0; left -= n) {
		uint8_t piece[1024];

		n = read(fd, piece, sizeof(piece));
		if (n < 0)
			return fault(-errno);
		if (n == 0 || n > left)
			return ANCHOR_BAD; /* it changed under us */
		buf_put(out, piece, (size_t)n);
	}
	return trace(buf_check(out));
}

/* Whether @cert may sign certificates; a certificate signed by itself must say so truly. */
static bool is_anchor(X509 *cert)
{
	bool own = X509_NAME_cmp(X509_get_subject_name(cert), X509_get_issuer_name(cert)) == 0;
	bool ok = X509_check_ca(cert) == 1 && (!own || X509_self_signed(cert, 1) == 1);

	ERR_clear_error();
	return ok;
}

/* Whether another nature has this certificate as an anchor. */
static bool elsewhere(const struct trust *t, const struct trust_nature *own, X509 *cert)
{
	for (size_t n = 0; n < NATURE_COUNT; n++) {
		const struct trust_nature *o = &t->of[n];
		const STACK_OF(X509_OBJECT) *all =
			o->store ? X509_STORE_get0_objects(o->store) : NULL;

		for (int i = 0; o != own && i < sk_X509_OBJECT_num(all); i++) {
			X509 *other = X509_OBJECT_get0_X509(sk_X509_OBJECT_value(all, i));

			if (other && X509_cmp(other, cert) == 0)
				return true;
		}
	}
	return false;
}

/* An anchor has no password; OpenSSL would ask the terminal for one. */
static int no_password(char *to, int size, int writing, void *user)
{
	(void)to;
	(void)size;
	(void)writing;
	(void)user;
	return -1;
}

/* Return: 0, a fault or ANCHOR_BAD. */
static int load_pem(struct trust *t, struct trust_nature *of, struct view file)
{
	_cleanup_(crypto_bio_put) BIO *bio = BIO_new_mem_buf(file.data, (int)file.len);
	unsigned int before = of->n_x509;
	unsigned long e;

	if (!bio)
		return crypto_fault();
	for (;;) {
		_cleanup_(crypto_x509_put) X509 *cert =
			PEM_read_bio_X509(bio, NULL, no_password, NULL);

		if (!cert)
			break;
		if (of->n_x509 >= TRUST_ANCHOR_MAX || !is_anchor(cert) ||
			elsewhere(t, of, cert))
			return ANCHOR_BAD;
		if (X509_STORE_add_cert(of->store, cert) != 1)
			return crypto_fault();
		of->n_x509++;
	}
	e = ERR_peek_last_error();
	if (ERR_GET_LIB(e) != ERR_LIB_PEM || ERR_GET_REASON(e) != PEM_R_NO_START_LINE)
		return trace(crypto_refused(ANCHOR_BAD));
	ERR_clear_error();
	return of->n_x509 > before ? 0 : ANCHOR_BAD;
}

static bool same_root(const struct trust_root *r, const struct cvc *c)
{
	return strcmp(r->car, c->car) == 0 || memcmp(r->point, c->point, CVC_POINT) == 0;
}

/* Return: 0, a fault or ANCHOR_BAD. A name or key already known, here or elsewhere, is bad. */
static int load_cvc(struct trust *t, struct trust_nature *of, struct view file)
{
	struct trust_root *root;
	struct cvc c;
	int r = cvc_parse(file, &c);

	if (r == 0 && strcmp(c.car, c.chr) == 0)
		r = cvc_verify(&c, c.point);
	else if (r == 0)
		r = ANCHOR_BAD;
	if (r != 0)
		return r < 0 ? trace(r) : ANCHOR_BAD;
	for (size_t n = 0; n < NATURE_COUNT; n++) {
		for (unsigned int i = 0; i < t->of[n].n_roots; i++) {
			if (same_root(&t->of[n].roots[i], &c))
				return ANCHOR_BAD;
		}
	}
	if (of->n_roots >= TRUST_ANCHOR_MAX)
		return ANCHOR_BAD;
	root = &of->roots[of->n_roots++];
	bytes_copy(root->car, sizeof(root->car), c.car, sizeof(c.car));
	bytes_copy(root->from, sizeof(root->from), c.from, sizeof(c.from));
	bytes_copy(root->until, sizeof(root->until), c.until, sizeof(c.until));
	bytes_copy(root->point, sizeof(root->point), c.point, sizeof(c.point));
	return 0;
}

static bool ends_with(const char *name, const char *end)
{
	size_t n = strlen(name), m = strlen(end);

	return n > m && strcmp(name + n - m, end) == 0;
}

/* Return: 0, a fault or ANCHOR_BAD; files of other names are passed over. */
static int load_file(struct trust *t, struct trust_nature *of, int dirfd, const char *name)
{
	_cleanup_(buf_done) struct buf file = BUF_NULL(TRUST_FILE_MAX);
	bool pem = ends_with(name, ".pem");
	int r;

	if (!pem && !ends_with(name, ".cvcert"))
		return 0;
	r = read_file(dirfd, name, &file);
	if (r != 0)
		return trace(r);
	return trace(pem ? load_pem(t, of, buf_view(&file)) : load_cvc(t, of, buf_view(&file)));
}

/* @ret_bad as in trust_new(). */
static int load_folder(struct trust *t, enum nature nature, const char *folder, char **ret_bad)
{
	_cleanup_(buf_done) struct buf path = BUF_NULL(4096);
	_cleanup_(dir_put) DIR *dir = NULL;
	struct dirent *e;
	int r;

	buf_printf(&path, "%s/%s", folder, nature_word(nature));
	buf_put_u8(&path, 0);
	r = buf_check(&path);
	if (r < 0)
		return trace(r);
	dir = opendir((const char *)path.data);
	if (!dir)
		return errno == ENOENT ? 0 : fault(-errno);
	for (;;) {
		errno = 0;
		e = readdir(dir);
		if (!e)
			return errno ? fault(-errno) : 0;
		r = load_file(t, &t->of[nature], dirfd(dir), e->d_name);
		if (r < 0)
			return trace(r);
		if (r > 0) {
			buf_truncate(&path, path.len - 1);
			buf_printf(&path, "/%s", e->d_name);
			if (ret_bad)
				*ret_bad = buf_take_str(&path);
			return fault(-EBADMSG);
		}
	}
}

int trust_new(const char *folder, struct trust **ret_t, char **ret_bad)
{
	_cleanup_(trust_put) struct trust *t = calloc(1, sizeof(*t));
	int r;

	if (!t)
		return fault(-ENOMEM);
	for (enum nature n = NATURE_REAL; n < NATURE_COUNT; n++) {
		t->of[n].store = X509_STORE_new();
		if (!t->of[n].store)
			return crypto_fault();
		r = load_folder(t, n, folder, ret_bad);
		if (r < 0)
			return trace(r);
	}
	*ret_t = t;
	t = NULL;
	return 0;
}
