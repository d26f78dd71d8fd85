/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * What a receipt proves, part by part: the statement is the canonical text that was signed; the
 * professional's card signed it under an anchor of the checker, judged at the statement's own time
 * (the record binds that time); the patient's card was present over it; the record holds an entry
 * with its hash under a signed checkpoint, and the session's acts under the same one. The first bad
 * part is named and nothing after it is looked at.
 */
#include <openssl/x509_vfy.h>
#include <string.h>

#include "base/clock.h"
#include "base/hex.h"
#include "record/checkpoint.h"
#include "record/cvc.h"
#include "record/receipt-parts.h"

#define AUTH_LEVEL 2 /* OpenSSL's: RSA of 2048 bits and no SHA-1 in the chain */
#define ENTRY_MAX  65536U

struct check {
	const struct receipt *r;
	const struct receipt_anchors *a;
	uint64_t time; /* of the statement, microseconds */
	json_t *entry; /* the consent's, owned */
	int64_t index; /* ... its number, then that of the act before */
	struct checkpoint head;
	const char *at;
};

/* The part at fault is @at. */
static int bad(struct check *c, int outcome, const char *at)
{
	c->at = at;
	return outcome;
}

/* Whether @text is the canonical form of @j. Return: 0 yes, 1 no, or a fault. */
static int differs(const json_t *j, struct view text)
{
	_cleanup_(buf_done) struct buf b = BUF_NULL(RECEIPT_MAX);
	int r = json_canonical(j, &b);

	return r != 0 ? trace(r) : !view_equal(buf_view(&b), text);
}

static int check_statement(struct check *c)
{
	const json_t *said = json_object_get(c->r->parsed, "patient");
	const json_t *shown = json_object_get(c->r->whole, "patient");
	const char *proof = json_get_str(said, "proof");
	int64_t time;
	int r = differs(c->r->parsed, buf_view(&c->r->statement));

	if (r != 0)
		return r < 0 ? trace(r) : bad(c, RECEIPT_STATEMENT, "statement");
	if (json_get_int(c->r->parsed, "time", 0, INT64_MAX, &time) != 0)
		return bad(c, RECEIPT_STATEMENT, "statement.time");
	if (!proof || strcmp(proof, json_get_str(shown, "proof")) != 0)
		return bad(c, RECEIPT_STATEMENT, "statement.patient.proof");
	c->time = (uint64_t)time;
	return 0;
}

/* -- the professional --------------------------------------------------------------------------- */

static bool signed_by_sha256(CMS_ContentInfo *cms)
{
	CMS_SignerInfo *si = sk_CMS_SignerInfo_value(CMS_get0_SignerInfos(cms), 0);
	X509_ALGOR *digest = NULL;

	CMS_SignerInfo_get0_algs(si, NULL, NULL, &digest, NULL);
	return OBJ_obj2nid(digest->algorithm) == NID_sha256;
}

/* Signature and chain, at the statement's time. Return: 0, a fault, RECEIPT_PROFESSIONAL. */
static int check_cms(const struct check *c, CMS_ContentInfo *cms)
{
	_cleanup_(crypto_bio_put) BIO *content =
		BIO_new_mem_buf(c->r->statement.data, (int)c->r->statement.len);
	/* CMS_verify() would copy one of memory, and lose the copy where memory runs out */
	_cleanup_(crypto_bio_put) BIO *through = BIO_new(BIO_f_null());
	_cleanup_(crypto_store_put) X509_STORE *store = X509_STORE_new();
	X509_VERIFY_PARAM *param;
	int r;

	if (!content || !through || !store || X509_STORE_load_file(store, c->a->x509_file) != 1)
		return crypto_fault();
	param = X509_STORE_get0_param(store);
	X509_VERIFY_PARAM_set_auth_level(param, AUTH_LEVEL);
	X509_VERIFY_PARAM_set_time(param, (time_t)(c->time / USEC_PER_SEC));
	(void)BIO_push(through, content);
	r = CMS_verify(cms, NULL, store, through, NULL, CMS_BINARY);
	(void)BIO_pop(through);
	if (r != 1)
		return trace(crypto_refused(RECEIPT_PROFESSIONAL));
	return 0;
}

/* Whether the statement names this certificate by its SHA-256. Return: 0 yes, 1 no, fault. */
static int other_certificate(const struct check *c, X509 *cert)
{
	const json_t *professional = json_object_get(c->r->parsed, "professional");
	_cleanup_(buf_done) struct buf hex = BUF_NULL(2 * (size_t)CRYPTO_SHA256);
	const char *named = json_get_str(professional, "certificate");
	uint8_t hash[CRYPTO_SHA256];
	unsigned char *der = NULL;
	struct view v;
	int len = i2d_X509(cert, &der), r;

	if (len < 0)
		return crypto_fault();
	v = view_of(der, (size_t)len);
	r = crypto_sha256(&v, 1, hash);
	OPENSSL_free(der);
	hex_encode(&hex, VIEW(hash));
	if (r == 0)
		r = buf_check(&hex);
	if (r < 0)
		return trace(r);
	return !named || !view_equal(view_str(named), buf_view(&hex));
}

static int check_professional(struct check *c)
{
	bool expected = json_is_object(json_object_get(c->r->parsed, "professional"));
	_cleanup_(crypto_cms_put) CMS_ContentInfo *cms = NULL;
	_cleanup_(crypto_x509_put) X509 *cert = NULL;
	int r;

	if (expected != (c->r->cms.len > 0))
		return bad(c, RECEIPT_PROFESSIONAL, "professional");
	if (!expected)
		return 0;
	if (!c->a->x509_file)
		return bad(c, RECEIPT_PROFESSIONAL, "professional (no anchors)");
	r = receipt_cms(c->r, &cms);
	if (r == 0 && (CMS_is_detached(cms) != 1 || !signed_by_sha256(cms)))
		r = RECEIPT_PROFESSIONAL;
	if (r == 0)
		r = check_cms(c, cms);
	if (r == 0)
		r = receipt_signer(cms, &cert);
	if (r != 0)
		return r < 0 ? trace(r) : bad(c, RECEIPT_PROFESSIONAL, "professional.cms");
	r = other_certificate(c, cert);
	if (r != 0)
		return r < 0 ? trace(r)
			     : bad(c, RECEIPT_PROFESSIONAL,
				       "statement.professional.certificate");
	return 0;
}

/* -- the patient -------------------------------------------------------------------------------- */

/* A patient's card (FRV, role 00) of the checker's root, valid on that day, with the last four
 * digits of the serial that the statement names. Return: 0, a fault, RECEIPT_PATIENT. */
static int check_certificate(const struct check *c, struct cvc *ret)
{
	const json_t *said = json_object_get(c->r->parsed, "patient");
	const char *serial = json_get_str(said, "serial");
	struct cvc v;
	int r = cvc_parse(buf_view(&c->r->certificate), &v);

	if (r == 0 && c->a->cvc_root_key.len != CVC_POINT)
		return RECEIPT_PATIENT;
	if (r == 0)
		r = cvc_verify(&v, c->a->cvc_root_key.data);
	if (r != 0)
		return r < 0 ? trace(r) : RECEIPT_PATIENT;
	if (v.role != 0 || v.chr[2] != 'V' || !cvc_valid_at(v.from, v.until, c->time))
		return RECEIPT_PATIENT;
	if (serial && !view_equal(view_str(serial), view_sub(view_str(v.chr), 7, 4)))
		return RECEIPT_PATIENT;
	*ret = v;
	return 0;
}

static int check_patient(struct check *c)
{
	const json_t *shown = json_object_get(c->r->whole, "patient");
	bool strong = receipt_proof_strong(json_get_str(shown, "proof"));
	_cleanup_(buf_done) struct buf data = BUF_NULL(64);
	struct cvc v;
	int r;

	if (strong != (c->r->certificate.len > 0) || strong != (c->r->signature.len > 0))
		return bad(c, RECEIPT_PATIENT, "patient");
	if (!strong)
		return 0;
	r = check_certificate(c, &v);
	if (r != 0)
		return r < 0 ? trace(r) : bad(c, RECEIPT_PATIENT, "patient.certificate");
	r = receipt_signed_by_patient(c->r, &data);
	if (r == 0)
		r = cvc_check_signature(v.point, buf_view(&data), buf_view(&c->r->signature));
	if (r != 0)
		return r < 0 ? trace(r) : bad(c, RECEIPT_PATIENT, "patient.signature");
	return 0;
}

/* -- the record --------------------------------------------------------------------------------- */

/* @text as an entry: canonical, of number @index. Return: 0, a fault or RECEIPT_AUDIT. */
static int read_entry(struct view text, int64_t index, json_t **ret)
{
	_cleanup_json_ json_t *j = NULL;
	int64_t sequence;
	int r;

	r = json_parse(text, &j);
	if (r == 0)
		r = differs(j, text);
	if (r != 0)
		return r < 0 ? trace(r) : RECEIPT_AUDIT;
	if (json_get_int(j, "sequence", index, index, &sequence) != 0)
		return RECEIPT_AUDIT;
	*ret = j;
	j = NULL;
	return 0;
}

/* Whether the consent's entry holds the statement's hash. */
static int names_statement(const struct check *c)
{
	const json_t *details = json_object_get(c->entry, "details");
	_cleanup_(buf_done) struct buf hex = BUF_NULL(2 * (size_t)CRYPTO_SHA256);
	const struct view statement = buf_view(&c->r->statement);
	uint8_t hash[CRYPTO_SHA256];
	const char *named;
	int r = crypto_sha256(&statement, 1, hash);

	if (r < 0)
		return trace(r);
	hex_encode(&hex, VIEW(hash));
	named = json_get_str(details, "statement-sha256");
	if (!named || !view_equal(view_str(named), buf_view(&hex)))
		return RECEIPT_AUDIT;
	return trace(buf_check(&hex));
}

/* The hashes of "path", one after the other. */
static int decode_path(const json_t *path, struct buf *out)
{
	for (size_t i = 0; i < json_array_size(path); i++) {
		const char *text = json_string_value(json_array_get(path, i));
		size_t before = out->len;

		if (!text || i >= MERKLE_LEVELS || base64_decode(out, view_str(text)) != 0 ||
			out->len - before != MERKLE_HASH)
			return RECEIPT_AUDIT;
	}
	return trace(buf_check(out));
}

/* Whether @path leads from @entry, number @index, to the checkpoint. */
static int is_included(
	const struct check *c, struct view entry, int64_t index, const json_t *path)
{
	_cleanup_(buf_done) struct buf hashes =
		BUF_NULL(2 * (size_t)MERKLE_LEVELS * MERKLE_HASH);
	uint8_t leaf[MERKLE_HASH];
	int r = decode_path(path, &hashes);

	if (r == 0)
		r = merkle_leaf_hash(entry, leaf);
	if (r == 0)
		r = merkle_check(
			(uint64_t)index, c->head.size, leaf, buf_view(&hashes), c->head.root);
	return r > 0 ? RECEIPT_AUDIT : trace(r);
}

static int check_head(struct check *c)
{
	const json_t *audit = json_object_get(c->r->whole, "audit");
	const char *vkey = c->a->vkey ? c->a->vkey : json_get_str(audit, "vkey");
	struct view note = view_str(json_get_str(audit, "checkpoint"));
	int r = checkpoint_verify(note, vkey, &c->head);

	return r > 0 ? bad(c, RECEIPT_AUDIT, "audit.checkpoint") : trace(r);
}

static int check_audit(struct check *c)
{
	const json_t *audit = json_object_get(c->r->whole, "audit");
	_cleanup_(buf_done) struct buf entry = BUF_NULL(ENTRY_MAX);
	int r;

	r = receipt_decode(audit, "entry", &entry);
	if (r == 0)
		r = json_get_int(audit, "index", 0, INT64_MAX, &c->index);
	if (r == 0)
		r = read_entry(buf_view(&entry), c->index, &c->entry);
	if (r == 0)
		r = names_statement(c);
	if (r != 0)
		return r < 0 ? trace(r) : bad(c, RECEIPT_AUDIT, "audit.entry");
	r = check_head(c);
	if (r != 0)
		return trace(r);
	r = is_included(c, buf_view(&entry), c->index, json_object_get(audit, "path"));
	return r > 0 ? bad(c, RECEIPT_AUDIT, "audit.path") : trace(r);
}

/* -- what was done in the session ----------------------------------------------------------------- */

/* Whether both have the same text there. */
static bool same(const json_t *a, const json_t *b, const char *name)
{
	const char *text = json_get_str(a, name);

	return text && view_equal(view_str(text), view_str(json_get_str(b, name)));
}

/* An entry later than the one before, of the consent's session and dossier, under the checkpoint. */
static int check_act(struct check *c, size_t i)
{
	const json_t *acts = json_object_get(json_object_get(c->r->whole, "audit"), "acts");
	_cleanup_(buf_done) struct buf text = BUF_NULL(ENTRY_MAX);
	_cleanup_json_ json_t *entry = NULL;
	uint64_t index = 0;
	int r;

	r = receipt_act_at(c->r, i, &text, &index);
	if (r == 0 && (int64_t)index <= c->index)
		r = RECEIPT_AUDIT;
	if (r == 0)
		r = read_entry(buf_view(&text), (int64_t)index, &entry);
	if (r == 0 &&
		(!same(entry, c->entry, "session") || !same(entry, c->entry, "pseudonym")))
		r = RECEIPT_AUDIT;
	if (r == 0)
		r = is_included(c, buf_view(&text), (int64_t)index,
			json_object_get(json_array_get(acts, i), "path"));
	c->index = (int64_t)index;
	return r > 0 ? bad(c, RECEIPT_AUDIT, "audit.acts") : trace(r);
}

static int check_acts(struct check *c)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < receipt_acts(c->r); i++)
		r = check_act(c, i);
	return trace(r);
}

/* Where no professional takes part the patient's card has signed, or the receipt is nobody's. */
static int check_signers(struct check *c)
{
	return c->r->cms.len == 0 && c->r->signature.len == 0
		       ? bad(c, RECEIPT_PATIENT, "patient (nobody signed)")
		       : 0;
}

int receipt_verify(
	const struct receipt *r, const struct receipt_anchors *a, const char **ret_at)
{
	static int (*const checks[])(struct check *) = {check_statement, check_professional,
		check_patient, check_audit, check_acts, check_signers};
	struct check c = {.r = r, .a = a, .at = ""};
	int k = 0;

	for (size_t i = 0; k == 0 && i < ARRAY_LEN(checks); i++)
		k = checks[i](&c);
	json_put(&c.entry);
	if (k > 0 && ret_at)
		*ret_at = c.at;
	return trace(k);
}
