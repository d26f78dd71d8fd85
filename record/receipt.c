/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * Reading of a receipt and its pieces as files. Parsing checks the form only; what the parts prove
 * is said by receipt-verify.c. The struct owns everything that was decoded.
 */
#include "record/receipt.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/pem.h>
#include <string.h>
#include <unistd.h>

#include "base/hex.h"
#include "record/cvc.h"
#include "record/receipt-parts.h"

/* -- parsing ------------------------------------------------------------------------------------ */

int receipt_decode(const json_t *object, const char *name, struct buf *out)
{
	const char *text = json_get_str(object, name);
	int r;

	if (!text)
		return RECEIPT_MALFORMED;
	r = base64_decode(out, view_str(text));
	if (r == 0)
		r = buf_check(out);
	return r > 0 ? RECEIPT_MALFORMED : trace(r);
}

/* As receipt_decode(), but null leaves @out empty. */
static int decode_or_null(const json_t *object, const char *name, struct buf *out)
{
	if (json_is_null(json_object_get(object, name)))
		return 0;
	return trace(receipt_decode(object, name, out));
}

bool receipt_proof_strong(const char *word)
{
	return strcmp(word, "active") == 0 || strcmp(word, "mutual") == 0;
}

static bool proof_known(const char *word)
{
	return word && (strcmp(word, "none") == 0 || strcmp(word, "read") == 0 ||
			       receipt_proof_strong(word));
}

/* An entry with its place. Its members are decoded when they are checked; here: they are there. */
static bool entry_shape(const json_t *j)
{
	int64_t index;

	return json_get_int(j, "index", 0, INT64_MAX, &index) == 0 &&
	       json_get_str(j, "entry") && json_is_array(json_object_get(j, "path"));
}

static bool acts_shape(const json_t *audit)
{
	const json_t *acts = json_object_get(audit, "acts");
	int64_t omitted;

	for (size_t i = 0; i < json_array_size(acts); i++)
		if (!entry_shape(json_array_get(acts, i)))
			return false;
	return !acts || (json_is_array(acts) &&
				json_get_int(audit, "omitted", 0, INT64_MAX, &omitted) == 0);
}

static bool audit_shape(const json_t *audit)
{
	return entry_shape(audit) && acts_shape(audit) && json_get_str(audit, "checkpoint") &&
	       json_get_str(audit, "vkey");
}

static int parse_parts(struct receipt *p)
{
	const json_t *professional = json_object_get(p->whole, "professional");
	const json_t *patient = json_object_get(p->whole, "patient");
	int64_t format;
	int r;

	if (json_get_int(p->whole, "format", 1, 1, &format) != 0 ||
		!proof_known(json_get_str(patient, "proof")) ||
		!audit_shape(json_object_get(p->whole, "audit")))
		return RECEIPT_MALFORMED;
	r = receipt_decode(p->whole, "statement", &p->statement);
	if (r == 0 && !json_is_null(professional))
		r = receipt_decode(professional, "cms", &p->cms);
	if (r == 0)
		r = decode_or_null(patient, "certificate", &p->certificate);
	if (r == 0)
		r = decode_or_null(patient, "signature", &p->signature);
	return trace(r);
}

int receipt_parse(struct view text, struct receipt *ret)
{
	_cleanup_(receipt_done) struct receipt p = {
		.statement = BUF_NULL(RECEIPT_MAX),
		.cms = BUF_NULL(RECEIPT_MAX),
		.certificate = BUF_NULL(RECEIPT_MAX),
		.signature = BUF_NULL(RECEIPT_MAX),
	};
	int r;

	if (text.len > RECEIPT_MAX)
		return RECEIPT_MALFORMED;
	r = json_parse(text, &p.whole);
	if (r == 0)
		r = parse_parts(&p);
	if (r == 0)
		r = json_parse(buf_view(&p.statement), &p.parsed);
	if (r != 0)
		return r < 0 ? trace(r) : RECEIPT_MALFORMED;
	if (!json_is_object(p.parsed))
		return RECEIPT_MALFORMED;
	*ret = p;
	p = (struct receipt){0};
	return 0;
}

void receipt_done(struct receipt *r)
{
	json_put(&r->whole);
	json_put(&r->parsed);
	buf_done(&r->statement);
	buf_done(&r->cms);
	buf_done(&r->certificate);
	buf_done(&r->signature);
}

int receipt_signed_by_patient(const struct receipt *r, struct buf *out)
{
	const struct view statement = buf_view(&r->statement);
	uint8_t hash[CRYPTO_SHA256];
	int k = crypto_sha256(&statement, 1, hash);

	if (k < 0)
		return trace(k);
	buf_put(out, hash, sizeof(hash));
	buf_put_str(out, "VDCONS01");
	return trace(buf_check(out));
}

/* -- extraction --------------------------------------------------------------------------------- */

enum piece {
	PIECE_STATEMENT,
	PIECE_CMS,
	PIECE_PROFESSIONAL,
	PIECE_SIGNED,
	PIECE_SIGNATURE,
	PIECE_KEY,
	PIECE_CHECKPOINT,
	PIECE_ENTRY,
	PIECE_COUNT
};

static const char *const names[PIECE_COUNT] = {
	[PIECE_STATEMENT] = "statement.json",
	[PIECE_CMS] = "professional.cms",
	[PIECE_PROFESSIONAL] = "professional.pem",
	[PIECE_SIGNED] = "presence.bin",
	[PIECE_SIGNATURE] = "presence.sig",
	[PIECE_KEY] = "presence.pem",
	[PIECE_CHECKPOINT] = "checkpoint.txt",
	[PIECE_ENTRY] = "entry.json",
};

struct pieces {
	struct buf of[PIECE_COUNT];
};

static void pieces_done(struct pieces *p)
{
	for (size_t i = 0; i < PIECE_COUNT; i++)
		buf_done(&p->of[i]);
}

int receipt_cms(const struct receipt *r, CMS_ContentInfo **ret)
{
	_cleanup_(crypto_cms_put) CMS_ContentInfo *cms = NULL;
	const unsigned char *at = r->cms.data;

	cms = d2i_CMS_ContentInfo(NULL, &at, (long)r->cms.len);
	if (!cms)
		return trace(crypto_refused(RECEIPT_PROFESSIONAL));
	if (at != r->cms.data + r->cms.len ||
		OBJ_obj2nid(CMS_get0_type(cms)) != NID_pkcs7_signed ||
		sk_CMS_SignerInfo_num(CMS_get0_SignerInfos(cms)) != 1)
		return trace(crypto_refused(RECEIPT_PROFESSIONAL));
	*ret = cms;
	cms = NULL;
	return 0;
}

int receipt_signer(CMS_ContentInfo *cms, X509 **ret)
{
	STACK_OF(X509) * signers;
	X509 *cert;

	if (CMS_set1_signers_certs(cms, NULL, 0) < 0) /* 0: a verification set them */
		return trace(crypto_refused(RECEIPT_PROFESSIONAL));
	signers = CMS_get0_signers(cms);
	cert = sk_X509_value(signers, 0);
	if (cert && X509_up_ref(cert) != 1)
		cert = NULL;
	sk_X509_free(signers);
	if (!cert)
		return trace(crypto_refused(RECEIPT_PROFESSIONAL));
	*ret = cert;
	return 0;
}

static int gather_professional(const struct receipt *r, struct pieces *p)
{
	_cleanup_(crypto_bio_put) BIO *bio = BIO_new(BIO_s_mem());
	_cleanup_(crypto_cms_put) CMS_ContentInfo *cms = NULL;
	_cleanup_(crypto_x509_put) X509 *cert = NULL;
	int k;

	if (r->cms.len == 0)
		return 0;
	k = receipt_cms(r, &cms);
	if (k == 0)
		k = receipt_signer(cms, &cert);
	if (k != 0)
		return trace(k);
	if (!bio || PEM_write_bio_X509(bio, cert) != 1)
		return crypto_fault();
	buf_put_view(&p->of[PIECE_CMS], buf_view(&r->cms));
	return trace(crypto_bio_take(bio, &p->of[PIECE_PROFESSIONAL]));
}

static int gather_patient(const struct receipt *r, struct pieces *p)
{
	struct cvc c;
	int k;

	if (r->certificate.len == 0 || r->signature.len != CVC_SIGNATURE)
		return r->certificate.len == 0 && r->signature.len == 0 ? 0 : RECEIPT_PATIENT;
	k = cvc_parse(buf_view(&r->certificate), &c);
	if (k != 0)
		return k < 0 ? trace(k) : RECEIPT_PATIENT;
	k = receipt_signed_by_patient(r, &p->of[PIECE_SIGNED]);
	if (k == 0)
		k = cvc_signature_der(buf_view(&r->signature), &p->of[PIECE_SIGNATURE]);
	if (k == 0)
		k = cvc_point_pem(c.point, &p->of[PIECE_KEY]);
	return trace(k);
}

static int gather(const struct receipt *r, struct pieces *p)
{
	const json_t *audit = json_object_get(r->whole, "audit");
	int k;

	buf_put_view(&p->of[PIECE_STATEMENT], buf_view(&r->statement));
	buf_put_str(&p->of[PIECE_CHECKPOINT], json_get_str(audit, "checkpoint"));
	k = gather_professional(r, p);
	if (k == 0)
		k = gather_patient(r, p);
	if (k == 0)
		k = receipt_decode(audit, "entry", &p->of[PIECE_ENTRY]);
	for (size_t i = 0; k == 0 && i < PIECE_COUNT; i++)
		k = buf_check(&p->of[i]);
	return trace(k);
}

int receipt_write(int dirfd, const char *name, struct view content)
{
	int fd =
		openat(dirfd, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	int r = 0;

	if (fd < 0)
		return fault(-errno);
	while (r == 0 && content.len > 0) {
		ssize_t n = write(fd, content.data, content.len);

		if (n > 0)
			content = view_last(content, content.len - (size_t)n);
		else if (errno != EINTR)
			r = fault(n < 0 ? -errno : -EIO);
	}
	if (close(fd) < 0 && r == 0)
		r = fault(-errno);
	if (r < 0)
		(void)unlinkat(dirfd, name, 0);
	return trace(r);
}

/* The first @n, ours, made just now. */
static void unlink_pieces(const struct pieces *p, int dirfd, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (p->of[i].len > 0)
			(void)unlinkat(dirfd, names[i], 0);
}

int receipt_extract(const struct receipt *r, int dirfd)
{
	_cleanup_(pieces_done) struct pieces p = {0};
	size_t n = 0;
	int k;

	for (size_t i = 0; i < PIECE_COUNT; i++)
		p.of[i] = BUF_NULL(RECEIPT_MAX);
	k = gather(r, &p);
	while (k == 0 && n < PIECE_COUNT) {
		if (p.of[n].len > 0)
			k = receipt_write(dirfd, names[n], buf_view(&p.of[n]));
		n += k == 0;
	}
	if (k == 0)
		k = receipt_write_acts(r, dirfd);
	if (k != 0)
		unlink_pieces(&p, dirfd, n);
	return trace(k);
}
