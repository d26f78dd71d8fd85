/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * The anchors and their dates: *.pem (X.509) and *.cvcert (role certificates) below real, test and
 * simulated; those of feeders (*.pem) below feeder. The service loads all or nothing, so a file that is
 * no anchor is a finding. Dates alone are judged here; whom an anchor may vouch for is the service's.
 */
#include <openssl/err.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "client/doctor.h"
#include "record/crypto.h"
#include "record/cvc.h"

#define ANCHORS_MAX 256U			   /* files of one nature */
#define FILE_MAX    65536U			   /* bytes */
#define SOON	    (30ULL * 86400 * USEC_PER_SEC) /* as LIMIT_ANCHOR_NOTICE of the service */

/* What is being looked at. */
struct look {
	struct doctor *d;
	const char *nature;
	char file[DOCTOR_PATH_MAX]; /* without root */
	uint64_t now;
	unsigned int anchors;
	bool feeders;
};

/* @begun: its first day has come; @until: seconds since 1970. */
static void judge(struct look *l, bool begun, time_t until)
{
	uint64_t end = until > 0 ? (uint64_t)until * USEC_PER_SEC : 0;
	bool valid = begun && end > l->now;
	bool soon = end <= l->now + SOON;
	json_t *facts = json_pack("{s:s, s:s, s:I}", "file", l->file, "nature", l->nature,
		"until", (json_int_t)end);

	l->anchors++;
	doctor_seen(l->d, l->feeders ? "feeder-anchor" : "anchor", json_incref(facts));
	if (!l->d->runs && !valid) {
		doctor_found(l->d,
			l->feeders ? VITALED_FINDING_FEEDER_ANCHOR_EXPIRED
				   : VITALED_FINDING_ANCHOR_EXPIRED,
			l->file, json_incref(facts));
	} else if (!l->d->runs && soon && !l->feeders) {
		doctor_found(l->d, VITALED_FINDING_ANCHOR_EXPIRES, l->file, json_incref(facts));
	}
	json_decref(facts);
}

static int no_password(char *to, int size, int writing, void *user)
{
	(void)to;
	(void)size;
	(void)writing;
	(void)user;
	return -1; /* OpenSSL would ask the terminal */
}

/* X509_cmp_time(): -1 before or at, 1 after, 0 no time at all. */
static void judge_x509(struct look *l, const X509 *cert)
{
	time_t now = (time_t)(l->now / USEC_PER_SEC);
	struct tm tm = {0};
	bool known = ASN1_TIME_to_tm(X509_get0_notAfter(cert), &tm) == 1;

	judge(l, X509_cmp_time(X509_get0_notBefore(cert), &now) < 0, known ? timegm(&tm) : 0);
}

/* Return: whether @file holds at least one certificate, and nothing of PEM that is none. */
static bool look_pem(struct look *l, struct view file)
{
	_cleanup_(crypto_bio_put) BIO *bio = BIO_new_mem_buf(file.data, (int)file.len);
	unsigned int before = l->anchors;
	unsigned long e;

	while (bio) {
		_cleanup_(crypto_x509_put) X509 *cert =
			PEM_read_bio_X509(bio, NULL, no_password, NULL);

		if (!cert) {
			break;
		}
		judge_x509(l, cert);
	}
	e = ERR_peek_last_error();
	ERR_clear_error();
	return l->anchors > before && ERR_GET_LIB(e) == ERR_LIB_PEM &&
	       ERR_GET_REASON(e) == PEM_R_NO_START_LINE;
}

/* The second after the day @yymmdd (UTC, 2000 to 2099; digits, cvc_parse() looked). */
static time_t end_of_day(const char yymmdd[7])
{
	struct tm tm = {0};

	if (sscanf(yymmdd, "%2d%2d%2d", &tm.tm_year, &tm.tm_mon, &tm.tm_mday) != 3) {
		return 0;
	}
	tm.tm_year += 100;
	tm.tm_mon -= 1;
	tm.tm_mday += 1;
	return timegm(&tm);
}

static bool look_cvc(struct look *l, struct view file)
{
	static const char never[] = "991231";
	struct cvc c;

	if (cvc_parse(file, &c) != 0) {
		return false;
	}
	judge(l, cvc_valid_at(c.from, never, l->now), end_of_day(c.until));
	return true;
}

static bool ends_with(const char *name, const char *end)
{
	size_t n = strlen(name), m = strlen(end);

	return n > m && strcmp(name + n - m, end) == 0;
}

/* A file of the folder; those of other names are passed over. */
static void look_file(struct look *l, const char *name)
{
	_cleanup_(buf_done) struct buf file = BUF_NULL(FILE_MAX);
	bool pem = ends_with(name, ".pem"), good;
	int r;

	if ((!pem && (l->feeders || !ends_with(name, ".cvcert"))) ||
		snprintf(l->file, sizeof(l->file), "%s%s/%s/%s", l->d->anchors,
			l->feeders ? "/feeder" : "", l->nature, name) >= (int)sizeof(l->file)) {
		return;
	}
	r = doctor_read(l->d, l->file, FILE_MAX, &file);
	if (r == DOCTOR_DENIED) {
		l->anchors++; /* it is there; its dates are not told */
		return;
	}
	good = r == 0 && (pem ? look_pem(l, buf_view(&file)) : look_cvc(l, buf_view(&file)));
	if (!good && !l->d->runs) {
		doctor_found(l->d,
			l->feeders ? VITALED_FINDING_FEEDER_ANCHORS
				   : VITALED_FINDING_ANCHOR_BROKEN,
			l->file, json_pack("{s:s, s:s}", "file", l->file, "nature", l->nature));
	}
}

/* Return: whether one of the folders may not be looked into. */
static bool look_folders(struct look *l)
{
	static const char *const natures[] = {"real", "test", "simulated"};
	bool hidden = false;

	for (size_t n = 0; n < ARRAY_LEN(natures); n++) {
		_cleanup_json_ json_t *names = NULL;
		char folder[DOCTOR_PATH_MAX];

		l->nature = natures[n];
		if (snprintf(folder, sizeof(folder), "%s%s/%s", l->d->anchors,
			    l->feeders ? "/feeder" : "", natures[n]) >= (int)sizeof(folder)) {
			continue;
		}
		hidden = doctor_names(l->d, folder, ANCHORS_MAX, &names) == DOCTOR_DENIED ||
			 hidden;
		for (size_t i = 0; i < json_array_size(names); i++) {
			look_file(l, json_string_value(json_array_get(names, i)));
		}
	}
	return hidden;
}

void doctor_trust(struct doctor *d)
{
	struct look l = {.d = d, .now = clock_wall()};

	if (!look_folders(&l) && l.anchors == 0 && !d->runs) {
		doctor_found(d, VITALED_FINDING_ANCHORS, d->anchors, NULL);
	}
}

void doctor_feeders(struct doctor *d)
{
	struct look l = {.d = d, .now = clock_wall(), .feeders = true};

	(void)look_folders(&l);
}
