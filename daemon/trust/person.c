/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * The IGC-Santé profile of a professional's certificate: subject (its name is one multi-valued
 * RDN) and the extensions below 1.2.250.1.71. Category and card number must be there: the one says
 * that this is a card at all, the other binds it to the chip. Card type (old cards: CPX), profession,
 * speciality, name and organisation may be absent (cards of directors and staff without a person's
 * name). Anything twice, of another type, too long or with control characters is malformed: nothing
 * is guessed. Codes that no table knows are no reason to refuse.
 */
#include <errno.h>
#include <openssl/objects.h>
#include <openssl/x509v3.h>

#include "base/tlv.h"
#include "daemon/trust/anchors.h"

#define DER_INTEGER	     0x02
#define DER_OCTET_STRING     0x04
#define DER_UTF8_STRING	     0x0c
#define DER_PRINTABLE_STRING 0x13

#define CATEGORY_CARD	   0x00 /* table G01 */
#define CATEGORY_TEST_CARD 0x80

enum field_outcome {
	FIELD_ABSENT = 1,
	FIELD_BROKEN,
};

static void object_put(ASN1_OBJECT **o)
{
	ASN1_OBJECT_free(*o);
}

/* Text without control characters that fits. */
static int take_text(struct view v, char *ret, size_t size)
{
	struct reader r = reader_of(v);

	while (r.left > 0) {
		uint8_t c = reader_u8(&r);

		if (c < 0x20 || c == 0x7f)
			return FIELD_BROKEN;
	}
	if (v.len >= size)
		return FIELD_BROKEN;
	return trace(view_copy_str(v, ret, size));
}

/* The one attribute @nid of the subject, in UTF-8. Return: 0, fault, FIELD_ABSENT, FIELD_BROKEN. */
static int subject(X509 *cert, int nid, char *ret, size_t size)
{
	const X509_NAME *name = X509_get_subject_name(cert);
	int at = X509_NAME_get_index_by_NID(name, nid, -1), len, r;
	unsigned char *text = NULL;

	if (at < 0)
		return FIELD_ABSENT;
	if (X509_NAME_get_index_by_NID(name, nid, at) >= 0)
		return FIELD_BROKEN;
	len = ASN1_STRING_to_UTF8(
		&text, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(name, at)));
	if (len < 0)
		return trace(crypto_refused(FIELD_BROKEN));
	r = len > 0 ? take_text(view_of(text, (size_t)len), ret, size) : FIELD_ABSENT;
	OPENSSL_free(text);
	return trace(r);
}

/* The one DER object in the one extension @oid. */
static int extension(X509 *cert, const char *oid, struct tlv *ret)
{
	_cleanup_(object_put) ASN1_OBJECT *object = OBJ_txt2obj(oid, 1);
	const ASN1_OCTET_STRING *data;
	struct reader r;
	struct tlv t;
	int at;

	if (!object)
		return crypto_fault();
	at = X509_get_ext_by_OBJ(cert, object, -1);
	if (at < 0)
		return FIELD_ABSENT;
	if (X509_get_ext_by_OBJ(cert, object, at) >= 0)
		return FIELD_BROKEN;
	data = X509_EXTENSION_get_data(X509_get_ext(cert, at));
	r = reader_of(view_of(ASN1_STRING_get0_data(data), (size_t)ASN1_STRING_length(data)));
	if (tlv_next(&r, &t) != 0 || r.left > 0)
		return FIELD_BROKEN;
	*ret = t;
	return 0;
}

/* A number of one byte: INTEGER 0..255, or one byte of OCTET STRING. */
static int extension_u8(X509 *cert, const char *oid, uint32_t tag, uint8_t *ret)
{
	struct tlv t;
	int r = extension(cert, oid, &t);
	struct reader in;
	uint8_t first, value;

	if (r != 0)
		return trace(r);
	in = reader_of(t.value);
	first = reader_u8(&in);
	value = in.left > 0 ? reader_u8(&in) : first;
	if (in.failed || in.left > 0 || t.tag != tag)
		return FIELD_BROKEN;
	if (t.value.len == 2 && (tag != DER_INTEGER || first != 0 || value < 0x80))
		return FIELD_BROKEN;
	if (t.value.len == 1 && tag == DER_INTEGER && value > 0x7f)
		return FIELD_BROKEN; /* a negative number */
	*ret = value;
	return 0;
}

/* Responsibility and future profession are known by their OIDs alone, no certificate with them is
 * public: a number as INTEGER or as one byte is read, any other form counts as absent, since they
 * say who somebody is and open nothing. */
static int extension_code(X509 *cert, const char *oid, uint8_t *ret)
{
	int r = extension_u8(cert, oid, DER_INTEGER, ret);

	if (r == FIELD_BROKEN)
		r = extension_u8(cert, oid, DER_OCTET_STRING, ret);
	return r < 0 ? trace(r) : 0;
}

static int extension_text(X509 *cert, const char *oid, char *ret, size_t size)
{
	struct tlv t;
	int r = extension(cert, oid, &t);

	if (r != 0)
		return trace(r);
	if ((t.tag != DER_PRINTABLE_STRING && t.tag != DER_UTF8_STRING) || t.value.len == 0)
		return FIELD_BROKEN;
	return trace(take_text(t.value, ret, size));
}

/* A required field becomes malformed by absence, an optional one does not. */
static int settle(int r, bool required)
{
	if (r == FIELD_ABSENT && !required)
		return 0;
	return r > 0 ? TRUST_MALFORMED : trace(r);
}

static int read_subject(X509 *cert, struct trust_person *p)
{
	const struct {
		int nid;
		char *to;
		size_t size;
		bool required;
	} fields[] = {
		{NID_commonName, p->national_id, sizeof(p->national_id), true},
		{NID_surname, p->surname, sizeof(p->surname), false},
		{NID_givenName, p->given, sizeof(p->given), false},
		{NID_organizationName, p->organisation, sizeof(p->organisation), false},
	};

	for (size_t i = 0; i < ARRAY_LEN(fields); i++) {
		int r = settle(subject(cert, fields[i].nid, fields[i].to, fields[i].size),
			fields[i].required);

		if (r != 0)
			return trace(r);
	}
	return 0;
}

static int read_extensions(X509 *cert, struct trust_person *p)
{
	const struct {
		const char *oid;
		uint32_t tag;
		uint8_t *to;
		bool required;
	} numbers[] = {
		{"1.2.250.1.71.1.2.2", DER_INTEGER, &p->card_type, false},
		{"1.2.250.1.71.1.2.5", DER_OCTET_STRING, &p->category, true},
		{"1.2.250.1.71.1.2.7", DER_INTEGER, &p->profession, false},
	};

	int r;

	p->card_type = TRUST_CARD_TYPE_NONE;
	for (size_t i = 0; i < ARRAY_LEN(numbers); i++) {
		r = settle(extension_u8(cert, numbers[i].oid, numbers[i].tag, numbers[i].to),
			numbers[i].required);
		if (r != 0)
			return trace(r);
	}
	if (p->category != CATEGORY_CARD && p->category != CATEGORY_TEST_CARD)
		return TRUST_MALFORMED; /* a security module, a software certificate: no card */
	r = extension_code(cert, "1.2.250.1.71.1.2.8", &p->future_profession);
	if (r == 0)
		r = extension_code(cert, "1.2.250.1.71.1.2.12", &p->responsibility);
	if (r != 0)
		return trace(r);
	r = settle(extension_text(
			   cert, "1.2.250.1.71.1.2.3", p->card_number, sizeof(p->card_number)),
		true);
	if (r != 0)
		return trace(r);
	return trace(settle(extension_text(cert, "1.2.250.1.71.4.2.5", p->speciality,
				    sizeof(p->speciality)),
		false));
}

/* keyUsage must be there and name the use: nonRepudiation for SIG, digitalSignature for AUT, so that
 * neither stands in for the other. A card's certificate signs no others. */
static bool usage_ok(X509 *cert, bool signing)
{
	uint32_t usage = X509_get_key_usage(cert);
	uint32_t wanted = signing ? KU_NON_REPUDIATION : KU_DIGITAL_SIGNATURE;

	return usage != UINT32_MAX && (usage & wanted) != 0 && X509_check_ca(cert) == 0;
}

int person_read(X509 *cert, bool signing, struct trust_person *ret)
{
	struct trust_person p = {0};
	int r;

	if (!usage_ok(cert, signing))
		return TRUST_MALFORMED;
	r = read_subject(cert, &p);
	if (r == 0)
		r = read_extensions(cert, &p);
	if (r == 0)
		*ret = p;
	return trace(r);
}
