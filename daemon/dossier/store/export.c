/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * The ZIP (APPNOTE 6.3; libarchive writes it, and ZIP64 where it must). Names are ours and ASCII. What
 * is packed already is stored, the rest deflated. The index comes last, since only then it is known
 * what went in: a document that is deleted meanwhile stands in it as deleted. A ZIP that ends early has
 * no directory, which every program that reads one finds; its reader learns it that way.
 */
#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "daemon/dossier/store/export-inside.h"
#include "daemon/dossier/store/stream.h"

#define STEPS 16 /* writes of one step, so that no stream keeps the loop */

static const char readme[] =
	"CE DOSSIER\r\n"
	"==========\r\n"
	"\r\n"
	"Ceci est tout ce que contient votre dossier, et que vous pouvez voir.\r\n"
	"\r\n"
	"  documents/    vos documents, chacun sous son identifiant\r\n"
	"  index.json    ce que chacun est : titre, type, date, auteur, empreinte ; qui "
	"peut\r\n"
	"                ouvrir le dossier et qui ne le peut pas\r\n"
	"  history.json  qui a fait quoi dans votre dossier, et quand\r\n"
	"\r\n"
	"Les fichiers .json sont du texte (JSON, UTF-8) ; tout programme peut les lire. "
	"Leur\r\n"
	"format est publié : doc/export.md et export.schema.json de vitaled.\r\n"
	"Ce fichier ZIP n'est pas chiffré : gardez-le comme vous garderiez ces papiers.\r\n"
	"\r\n"
	"THIS DOSSIER\r\n"
	"============\r\n"
	"\r\n"
	"This is everything in your dossier that you may see.\r\n"
	"\r\n"
	"  documents/    your documents, each under its identifier\r\n"
	"  index.json    what each of them is: title, type, date, author, hash; who may "
	"open\r\n"
	"                the dossier and who may not\r\n"
	"  history.json  who did what in your dossier, and when\r\n"
	"\r\n"
	"The .json files are text (JSON, UTF-8); any program can read them. Their format is\r\n"
	"published: doc/export.md and export.schema.json of vitaled.\r\n"
	"This ZIP file is not encrypted: keep it as you would keep these papers.\r\n";

/* by media type; the first is for all that is in no other row */
static const struct kind {
	const char *mime;
	const char *extension;
	bool packed; /* deflating it would gain nothing */
} kinds[] = {
	{"application/octet-stream", "bin", false},
	{"application/pdf", "pdf", true},
	{"application/zip", "zip", true},
	{"image/jpeg", "jpg", true},
	{"image/png", "png", true},
	{"image/gif", "gif", true},
	{"image/tiff", "tif", false},
	{"application/dicom", "dcm", false},
	{"application/json", "json", false},
	{"application/fhir+json", "json", false},
	{"application/xml", "xml", false},
	{"application/rtf", "rtf", false},
	{"text/plain", "txt", false},
	{"text/markdown", "md", false},
	{"text/html", "html", false},
	{"text/csv", "csv", false},
	{"text/xml", "xml", false},
};

static uint8_t kind_of(const char *mime)
{
	for (uint8_t i = 1; mime && i < ARRAY_LEN(kinds); i++) {
		if (strcmp(kinds[i].mime, mime) == 0) {
			return i;
		}
	}
	return 0;
}

/* documents/<id>.<extension> */
int export_name(const char *id, uint8_t kind, char ret[EXPORT_NAME_MAX])
{
	_cleanup_(buf_done) struct buf name = BUF_NULL(EXPORT_NAME_MAX);
	int r;

	buf_printf(&name, "documents/%s.%s", id, kinds[kind].extension);
	r = buf_check(&name);
	return r < 0 ? trace(r) : trace(view_copy_str(buf_view(&name), ret, EXPORT_NAME_MAX));
}

/* -- the archive ------------------------------------------------------------------------------- */

static int archive_fault(struct archive *zip)
{
	int e = archive_errno(zip);

	return fault(e > 0 ? -e : -EIO);
}

/* What was broken off is finished for nobody. No memory shows at the end of the piece: an archive that is told
 * of a failure gives nothing back. */
static la_ssize_t on_made(struct archive *zip, void *user, const void *data, size_t len)
{
	struct export *x = user;

	(void)zip;
	if (x->fd >= 0) {
		buf_put(&x->made, data, len);
	}
	return (la_ssize_t)len;
}

/* A new entry; @size: bytes, or -1 when that is not known. */
int export_begin_entry(
	struct export *x, const char *name, int64_t size, uint64_t changed, bool packed)
{
	struct archive_entry *e = archive_entry_new2(x->zip);
	int r;

	if (!e) {
		return fault(-ENOMEM);
	}
	archive_entry_set_pathname(e, name);
	archive_entry_set_filetype(e, AE_IFREG);
	archive_entry_set_perm(e, 0600);
	archive_entry_set_mtime(e, (time_t)(changed / USEC_PER_SEC), 0);
	if (size >= 0) {
		archive_entry_set_size(e, size);
	}
	r = packed ? archive_write_zip_set_compression_store(x->zip)
		   : archive_write_zip_set_compression_deflate(x->zip);
	if (r == ARCHIVE_OK) {
		r = archive_write_header(x->zip, e);
	}
	archive_entry_free(e);
	x->entered = r == ARCHIVE_OK;
	return r == ARCHIVE_OK ? 0 : archive_fault(x->zip);
}

int export_put(struct export *x, struct view v)
{
	if (v.len == 0) {
		return 0;
	}
	return archive_write_data(x->zip, v.data, v.len) == (la_ssize_t)v.len
		       ? 0
		       : archive_fault(x->zip);
}

int export_end_entry(struct export *x)
{
	x->entered = false;
	return archive_write_finish_entry(x->zip) == ARCHIVE_OK ? 0 : archive_fault(x->zip);
}

static int make_archive(struct export *x)
{
	int r;

	x->zip = archive_write_new();
	if (!x->zip) {
		return fault(-ENOMEM);
	}
	r = archive_write_set_format_zip(x->zip);
	if (r == ARCHIVE_OK) {
		r = archive_write_set_bytes_per_block(x->zip, 0);
	}
	if (r == ARCHIVE_OK) {
		r = archive_write_open2(x->zip, x, NULL, on_made, NULL, NULL);
	}
	return r == ARCHIVE_OK ? 0 : archive_fault(x->zip);
}

/* -- parts ------------------------------------------------------------------------------------- */

static int make_readme(struct export *x)
{
	int r;

	r = export_begin_entry(x, "README.txt", (int64_t)sizeof(readme) - 1, x->now, false);
	if (r == 0) {
		r = export_put(x, VIEW_TEXT(readme));
	}
	if (r == 0) {
		r = export_end_entry(x);
	}
	x->stage = EXPORT_HISTORY;
	return trace(r);
}

static int begin_history(struct export *x)
{
	struct stat st;

	if (fstat(x->history, &st) < 0 || lseek(x->history, 0, SEEK_SET) < 0) {
		return fault(-errno);
	}
	return trace(export_begin_entry(x, "history.json", st.st_size, x->now, false));
}

static int make_history(struct export *x)
{
	uint8_t *to;
	ssize_t n;
	int r = 0;

	if (!x->entered) {
		return trace(begin_history(x));
	}
	buf_reset(&x->chunk);
	to = buf_extend(&x->chunk, STORE_CHUNK);
	if (!to) {
		return trace(buf_check(&x->chunk));
	}
	n = read(x->history, to, STORE_CHUNK);
	if (n < 0) {
		return errno == EINTR ? 0 : fault(-errno);
	}
	if (n > 0) {
		return trace(export_put(x, view_of(to, (size_t)n)));
	}
	r = export_end_entry(x);
	x->stage = EXPORT_CONTENTS;
	return trace(r);
}

int export_load(struct export *x, struct store *s, struct store_document *d, json_t **ret)
{
	const char *id = json_string_value(json_array_get(x->ids, x->at));
	int r;

	if (!id || !store_id_valid(id)) {
		return fault(-EBADMSG);
	}
	r = store_get(s, id, d);
	return r != 0 ? trace(r) : trace(document_parse(buf_view(&d->record), ret));
}

static int enter_content(
	struct export *x, struct store *s, const struct store_document *d, const json_t *record)
{
	const json_t *added = json_object_get(record, "added");
	uint8_t salt[DOCUMENT_SALT];
	char name[EXPORT_NAME_MAX];
	uint64_t version;
	uint64_t size;
	uint8_t kind;
	int r;

	r = document_content(record, salt, &version, &size);
	if (r != 0) {
		return trace(r);
	}
	/* all that it is stands in the index: a typed entry, a reimbursement */
	if (size == 0) {
		x->at++;
		return 0;
	}
	kind = kind_of(json_get_str(json_object_get(record, "metadata"), "mime"));
	x->n = store_chunks(size);
	x->number = 0;
	r = store_content_init(s, d->seq, d->id, version, VIEW(salt), &x->content);
	if (r == 0) {
		r = export_name(d->id, kind, name);
	}
	if (r == 0) {
		r = export_begin_entry(x, name, (int64_t)size,
			(uint64_t)json_integer_value(added), kinds[kind].packed);
	}
	if (r == 0) {
		x->kinds[x->at] = (uint8_t)(kind + 1);
	}
	return trace(r);
}

static int next_content(struct export *x, struct store *s)
{
	_cleanup_(store_document_done) struct store_document d = STORE_DOCUMENT_NULL;
	_cleanup_json_ json_t *record = NULL;
	int r;

	if (x->at == json_array_size(x->ids)) {
		x->at = 0;
		x->stage = EXPORT_INDEX;
		return 0;
	}
	r = export_load(x, s, &d, &record);
	if (r == DOSSIER_NO_DOCUMENT || (r == 0 && document_is(record, "deleted"))) {
		x->at++;
		return 0;
	}
	return r != 0 ? trace(r) : trace(enter_content(x, s, &d, record));
}

/* The next chunk, which is checked before any of it is packed. */
static int make_content(struct export *x, struct store *s)
{
	int r;

	if (!x->entered) {
		return trace(next_content(x, s));
	}
	r = store_get_chunk(s, &x->content, x->number, x->number + 1 == x->n, &x->chunk);
	if (r == 0) {
		r = export_put(x, buf_view(&x->chunk));
	}
	if (r != 0 || ++x->number < x->n) {
		return trace(r);
	}
	store_content_done(&x->content);
	x->at++;
	return trace(export_end_entry(x));
}

/* -- the pipe ---------------------------------------------------------------------------------- */

/* The next piece, which may be nothing yet. */
static int make(struct export *x, struct store *s)
{
	switch (x->stage) {
	case EXPORT_README:
		return trace(make_readme(x));
	case EXPORT_HISTORY:
		return trace(make_history(x));
	case EXPORT_CONTENTS:
		return trace(make_content(x, s));
	case EXPORT_INDEX:
		return trace(export_index(x, s));
	case EXPORT_CLOSE:
		x->stage = EXPORT_OVER;
		return archive_write_close(x->zip) == ARCHIVE_OK ? 0 : archive_fault(x->zip);
	case EXPORT_OVER:
		break;
	}
	return 0;
}

int export_setup(void)
{
	if (setenv("TZ", "UTC0", 1) < 0) {
		return fault(-errno);
	}
	tzset();
	return 0;
}

static int make_pipe(struct export *x, int *ret_fd)
{
	int ends[2];

	if (pipe2(ends, O_CLOEXEC) < 0) {
		return fault(-errno);
	}
	/* ours alone: the reader's end keeps waiting as readers expect */
	if (fcntl(ends[1], F_SETFL, O_WRONLY | O_NONBLOCK) < 0) {
		int r = fault(-errno);

		close(ends[0]);
		close(ends[1]);
		return r;
	}
	x->fd = ends[1];
	*ret_fd = ends[0];
	return 0;
}

int export_start(struct export *x, struct store *s, json_t *ids, int history, int *ret_fd)
{
	int r;

	(void)s;
	*x = EXPORT_NULL;
	x->ids = ids;
	x->history = history;
	x->now = clock_wall();
	x->deadline = clock_monotonic() + STREAM_STALL;
	x->kinds = calloc(json_array_size(ids) + 1, sizeof(*x->kinds));
	r = x->kinds ? make_pipe(x, ret_fd) : fault(-ENOMEM);
	if (r == 0) {
		r = make_archive(x);
		if (r < 0) {
			close(*ret_fd);
			*ret_fd = -1;
		}
	}
	if (r < 0) {
		export_done(x);
	}
	return trace(r);
}

/* Pieces until there is something to write. */
static int refill(struct export *x, struct store *s)
{
	int r = 0;

	if (x->sent < x->made.len) {
		return 0;
	}
	buf_reset(&x->made);
	x->sent = 0;
	for (int i = 0; i < STEPS && r == 0 && x->made.len == 0 && x->stage != EXPORT_OVER;
		i++) {
		r = make(x, s);
		r = r == 0 ? buf_check(&x->made) : r;
	}
	return trace(r);
}

static bool would_block(void)
{
	return errno == EAGAIN || errno == EINTR;
}

/* Return: whether there is a use in going on now. @ret_left: the reader has. */
static bool write_some(struct export *x, bool *ret_left)
{
	struct view left = view_last(buf_view(&x->made), x->made.len - x->sent);
	ssize_t n;

	if (left.len == 0) {
		return false;
	}
	n = write(x->fd, left.data, left.len);
	if (n < 0) {
		*ret_left = !would_block(); /* EPIPE: nobody reads any more */
		return false;
	}
	x->sent += (size_t)n;
	x->deadline = clock_monotonic() + STREAM_STALL;
	return true;
}

int export_step(struct export *x, struct store *s, bool *ret_done)
{
	bool left = false;
	bool more = true;
	int r = 0;

	if (x->gone) {
		*ret_done = true;
		return 0;
	}
	for (int i = 0; i < STEPS && more && r == 0; i++) {
		r = refill(x, s);
		more = r == 0 && write_some(x, &left);
	}
	if (r == 0) {
		*ret_done = left || (x->stage == EXPORT_OVER && x->sent == x->made.len);
	}
	return trace(r);
}

void export_check(struct export *x, struct store *s)
{
	uint32_t n = 0;

	if (x->fd >= 0 && x->stage == EXPORT_CONTENTS && x->entered &&
		(store_count_chunks(s, x->content.seq, &n) != 0 || n == 0)) {
		x->gone = true;
		x->deadline = 0;
	}
}

void export_done(struct export *x)
{
	if (x->fd >= 0) {
		close(x->fd);
		x->fd = -1;
	}
	if (x->zip) {
		(void)archive_write_free(x->zip);
	}
	if (x->history >= 0) {
		close(x->history);
	}
	json_put(&x->ids);
	free(x->kinds);
	store_content_done(&x->content);
	buf_done(&x->made);
	buf_done(&x->chunk);
	*x = EXPORT_NULL;
}
