/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * Feeds of reimbursements: the signature (daemon/trust/feed/verify.h) and vitaled-feed from its link
 * (host.h). What openssl itself signs is played in tests/integration/test_feed.py.
 */
#include "base/tlv.h"
#include "daemon/limits.h"
#include "daemon/trust/feed/host.h"
#include "tests/unit/trust/pki.h"

// clang-format off
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#define CAISSE "Caisse"
#define LINE(id, nir)                                                                          \
	"{\"id\":\"" id "\",\"nir\":\"" nir "\",\"birth\":\"1985-07-12\",\"date\":"            \
	"\"2025-03-02\",\"kind\":\"act\",\"label\":\"Soin\",\"quantity\":1,\"amount\":100,"    \
	"\"reimbursed\":70,\"performer\":\"889900000038\"}\n"
#define HEADER(feeder, n)                                                                      \
	"{\"format\":1,\"feeder\":\"" feeder "\",\"made\":\"2025-11-20\",\"lines\":" #n "}\n"
#define CONTENT                                                                                \
	HEADER(CAISSE, 3)                                                                      \
	LINE("b", "2850775111223") LINE("a", "2850775111222") LINE("c", "2850775111223")

static const struct forged_extension none[] = {{NULL, NULL, false}};
/* extKeyUsage: id-kp-documentSigning; serverAuth; and bytes that are none */
static const struct forged_extension documents[] = {
	{"2.5.29.37", "300a06082b06010505070324", false}, {NULL, NULL, false}};
static const struct forged_extension server[] = {
	{"2.5.29.37", "300a06082b06010505070301", false}, {NULL, NULL, false}};
static const struct forged_extension broken[] = {
	{"2.5.29.37", "0500", false}, {NULL, NULL, false}};

static struct forged_x509 feeder(void)
{
	struct forged_x509 f = pki_doctor();

	f.cn = CAISSE;
	f.issuer = pki.root;
	f.issuer_key = pki.root_key;
	f.usage = "critical,digitalSignature";
	f.extensions = none;
	return f;
}

static void put_anchor(struct buf *out, enum nature nature, X509 *cert)
{
	size_t mark = tlv_open(out, FEED_TAG_ANCHOR);
	_cleanup_(buf_done) struct buf der = BUF_NULL(65536);

	forge_der(cert, &der);
	tlv_put_u8(out, FEED_TAG_NATURE, (uint8_t)nature);
	tlv_put(out, FEED_TAG_CERTIFICATE, buf_view(&der));
	tlv_close(out, mark);
}

static void anchors_of(struct buf *out)
{
	*out = BUF_NULL(65536);
	put_anchor(out, NATURE_REAL, pki.test_root);
	put_anchor(out, NATURE_SIMULATED, pki.root);
}

static void sign(
	X509 *cert, EVP_PKEY *key, const char *content, unsigned int flags, struct buf *out)
{
	BIO *bio = BIO_new_mem_buf(content, -1), *to = BIO_new(BIO_s_mem());
	CMS_ContentInfo *cms = CMS_sign(cert, key, NULL, bio, flags | CMS_BINARY);
	char *text = NULL;
	long n;

	/* with CMS_STREAM in pieces whose number is not known before */
	assert_int_equal(
		i2d_CMS_bio_stream(to, cms, bio, (int)((flags & CMS_STREAM) | CMS_BINARY)), 1);
	n = BIO_get_mem_data(to, &text);
	assert_true(n > 0);
	*out = BUF_NULL(1U << 20);
	buf_put(out, text, (size_t)n);
	CMS_ContentInfo_free(cms);
	BIO_free(bio);
	BIO_free(to);
}

/* What is said of @f's feed; "" when it is taken. */
static const char *judge(const struct forged_x509 *f, unsigned int flags)
{
	_cleanup_(feed_signed_done) struct feed_signed s = FEED_SIGNED_NULL;
	_cleanup_(buf_done) struct buf file = BUF_NULL(0), anchors = BUF_NULL(0);
	_cleanup_(crypto_x509_put) X509 *cert = forge_x509(f);
	const char *why = NULL;
	int r;

	sign(cert, f->key, CONTENT, flags, &file);
	anchors_of(&anchors);
	r = feed_verify(buf_view(&file), buf_view(&anchors), NOW_US, &s, &why);
	assert_true(r == 0 || r == FEED_REFUSED);
	if (r == 0) {
		_cleanup_(buf_done) struct buf chain = BUF_NULL(65536);

		forge_der(cert, &chain);
		forge_der(pki.root, &chain);
		assert_true(view_equal(buf_view(&s.chain), buf_view(&chain)));
		assert_int_equal(s.nature, NATURE_SIMULATED);
		assert_string_equal(s.signer, f->cn);
		assert_true(view_equal(s.content, VIEW_TEXT(CONTENT)));
	}
	return r == 0 ? "" : why;
}

static void who_may_sign_may(void **state)
{
	struct forged_x509 f = feeder();

	(void)state;
	assert_string_equal(judge(&f, 0), "");
	f.usage = "critical,nonRepudiation";
	assert_string_equal(judge(&f, 0), "");
	f.extensions = documents;
	assert_string_equal(judge(&f, 0), "");
}

static void a_chain_that_does_not_fit_is_refused(void **state)
{
	static char zeros[24001]; /* 12,000 bytes each */
	struct forged_extension large[] = {{"1.2.3.4.5", zeros, false},
		{"1.2.3.4.6", zeros, false}, {"1.2.3.4.7", zeros, false}, {NULL, NULL, false}};
	struct forged_x509 f = feeder();

	(void)state;
	memset(zeros, '0', sizeof(zeros) - 1);
	f.extensions = large;
	assert_string_equal(judge(&f, 0), "certificate");
	large[2] = (struct forged_extension){NULL, NULL, false};
	assert_string_equal(judge(&f, 0), "");
}

static void who_may_not_is_named(void **state)
{
	struct forged_x509 f = feeder();

	(void)state;
	f.until = NOW - YEAR / 2;
	assert_string_equal(judge(&f, 0), "expired");
	f = feeder();
	f.from = NOW + YEAR;
	assert_string_equal(judge(&f, 0), "not-yet-valid");
	f = feeder();
	f.issuer = pki.stranger;
	f.issuer_key = pki.stranger_key;
	assert_string_equal(judge(&f, 0), "stranger");
	f = feeder();
	f.issuer_key = pki.stranger_key; /* the anchor's name, another's signature */
	assert_string_equal(judge(&f, 0), "false");
	f = feeder();
	f.extensions = server;
	assert_string_equal(judge(&f, 0), "usage");
	f.extensions = broken;
	assert_string_not_equal(judge(&f, 0), "");
	f = feeder();
	f.usage = "critical,keyAgreement";
	assert_string_equal(judge(&f, 0), "usage");
	f.usage = NULL;
	assert_string_equal(judge(&f, 0), "usage");
	f = feeder();
	f.ca = true;
	f.usage = "critical,digitalSignature,keyCertSign";
	assert_string_equal(judge(&f, 0), "usage");
	f = feeder();
	f.twice = true;
	assert_string_equal(judge(&f, 0), "certificate");
}

static void a_form_that_is_none_is_named(void **state)
{
	struct forged_x509 f = feeder();

	(void)state;
	assert_string_equal(judge(&f, CMS_STREAM), "encoding"); /* BER */
	assert_string_equal(judge(&f, CMS_NOATTR), "attributes");
	assert_string_equal(judge(&f, CMS_NOCERTS), "certificate");
	assert_string_equal(judge(&f, CMS_DETACHED), "detached");
}

static const char *verify(struct view file, struct view anchors)
{
	_cleanup_(feed_signed_done) struct feed_signed s = FEED_SIGNED_NULL;
	const char *why = "";
	int r = feed_verify(file, anchors, NOW_US, &s, &why);

	assert_true(r == 0 || r == FEED_REFUSED);
	return r == 0 ? "" : why;
}

static void every_byte_that_is_another_is_found(void **state)
{
	_cleanup_(buf_done) struct buf file = BUF_NULL(0), anchors = BUF_NULL(0);
	struct forged_x509 f = feeder();
	_cleanup_(crypto_x509_put) X509 *cert = forge_x509(&f);

	(void)state;
	sign(cert, f.key, CONTENT, 0, &file);
	anchors_of(&anchors);
	assert_string_equal(verify(buf_view(&file), buf_view(&anchors)), "");
	assert_string_equal(verify(buf_view(&file), VIEW_NULL), "stranger");
	for (size_t n = 0; n < file.len; n += 7) {
		assert_string_not_equal(
			verify(view_sub(buf_view(&file), 0, n), buf_view(&anchors)), "");
	}
	for (size_t i = 0; i < file.len; i += 11) {
		uint8_t kept = file.data[i];
		_cleanup_(feed_signed_done) struct feed_signed s = FEED_SIGNED_NULL;
		const char *why = "";

		file.data[i] ^= 1;
		/* what no signature covers may differ, the content may not */
		if (feed_verify(buf_view(&file), buf_view(&anchors), NOW_US, &s, &why) == 0)
			assert_true(view_equal(s.content, VIEW_TEXT(CONTENT)));
		file.data[i] = kept;
	}
	buf_put_u8(&file, 0);
	assert_string_equal(verify(buf_view(&file), buf_view(&anchors)), "trailing");
}

/* -- vitaled-feed from its link ------------------------------------------------------------------ */

static int ends[2];
static struct host host;

static int memfd(struct view content)
{
	int fd = memfd_create("test", MFD_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, content.data, content.len), content.len);
	return fd;
}

static uint8_t request(uint8_t op, struct view body, const int *fds, size_t n,
	struct buf *storage, struct link_frame *answer)
{
	struct link_frame f = LINK_FRAME_NULL;

	f.kind = LINK_KIND_REQUEST;
	f.op = op;
	f.seq = 9;
	f.body = body;
	for (size_t i = 0; i < n; i++)
		f.fds[i] = fds[i];
	f.n_fds = n;
	assert_int_equal(link_send(ends[0], &f, true), 0);
	assert_int_equal(host_turn(&host), 0);
	assert_int_equal(link_recv(ends[0], storage, answer, true), 0);
	assert_int_equal(answer->op, op);
	assert_int_equal(answer->seq, 9);
	return answer->outcome;
}

static uint8_t read_at(uint64_t now, int feed, struct buf *storage, struct link_frame *answer)
{
	_cleanup_(buf_done) struct buf anchors = BUF_NULL(0), body = BUF_NULL(64);
	int fds[2] = {feed, -1};
	uint8_t outcome;

	anchors_of(&anchors);
	fds[1] = memfd(buf_view(&anchors));
	tlv_put_u64(&body, FEED_TAG_NOW, now);
	outcome = request(FEED_OP_READ, buf_view(&body), fds, 2, storage, answer);
	(void)close(fds[1]);
	return outcome;
}

static int signed_file(const char *content)
{
	_cleanup_(buf_done) struct buf file = BUF_NULL(0);
	struct forged_x509 f = feeder();
	_cleanup_(crypto_x509_put) X509 *cert = forge_x509(&f);

	sign(cert, f.key, content, 0, &file);
	return memfd(buf_view(&file));
}

static int open_link(void **state)
{
	(void)state;
	host_init(&host, -1);
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
		return -1;
	host.link = ends[1];
	return 0;
}

static int close_link(void **state)
{
	(void)state;
	host_done(&host);
	(void)close(ends[0]);
	return close(ends[1]);
}

static void next_is(const char *number, uint32_t wanted)
{
	_cleanup_(buf_done) struct buf storage = BUF_NULL(LINK_MAX_FRAME);
	struct link_frame answer;
	char said[32];
	uint32_t n;

	assert_int_equal(request(FEED_OP_NEXT, VIEW_NULL, NULL, 0, &storage, &answer), 0);
	if (!number) {
		assert_int_equal(answer.body.len, 0);
		return;
	}
	assert_int_equal(tlv_find_str(answer.body, FEED_TAG_NUMBER, said, sizeof(said)), 0);
	assert_string_equal(said, number);
	assert_int_equal(tlv_find_u32(answer.body, FEED_TAG_COUNT, &n), 0);
	assert_int_equal(n, wanted);
}

static void lines_are(size_t wanted)
{
	_cleanup_(buf_done) struct buf storage = BUF_NULL(LINK_MAX_FRAME);
	_cleanup_json_ json_t *list = NULL;
	struct link_frame answer;

	assert_int_equal(request(FEED_OP_LINES, VIEW_NULL, NULL, 0, &storage, &answer), 0);
	assert_int_equal(answer.n_fds, 1);
	assert_int_equal(json_read_fd(answer.fds[0], LIMIT_FEED_JSON, &list), 0); /* sealed */
	assert_int_equal(json_array_size(list), wanted);
	link_frame_done(&answer);
}

static void a_feed_is_handed_over_person_by_person(void **state)
{
	_cleanup_(buf_done) struct buf storage = BUF_NULL(LINK_MAX_FRAME);
	int fd = signed_file(CONTENT);
	struct link_frame answer;
	char name[32];
	uint32_t n;

	(void)state;
	assert_int_equal(read_at(NOW_US, fd, &storage, &answer), FEED_DONE);
	assert_int_equal(tlv_find_str(answer.body, FEED_TAG_FEEDER, name, sizeof(name)), 0);
	assert_string_equal(name, CAISSE);
	assert_int_equal(tlv_find_str(answer.body, FEED_TAG_MADE, name, sizeof(name)), 0);
	assert_string_equal(name, "2025-11-20");
	assert_int_equal(tlv_find_u32(answer.body, FEED_TAG_COUNT, &n), 0);
	assert_int_equal(n, 3);
	assert_int_equal(tlv_find_u32(answer.body, FEED_TAG_PERSONS, &n), 0);
	assert_int_equal(n, 2);
	next_is("2850775111222", 1);
	next_is("2850775111223", 2); /* whose lines were not asked for is passed over */
	lines_are(2);
	next_is(NULL, 0);
	next_is(NULL, 0);
	lines_are(0);
	close(fd);
}

static void is_invalid(const char *content, const char *wanted)
{
	_cleanup_(buf_done) struct buf storage = BUF_NULL(LINK_MAX_FRAME);
	int fd = signed_file(content);
	struct link_frame answer;
	char why[64];

	assert_int_equal(read_at(NOW_US, fd, &storage, &answer), FEED_INVALID);
	assert_int_equal(tlv_find_str(answer.body, FEED_TAG_WHY, why, sizeof(why)), 0);
	assert_string_equal(why, wanted);
	close(fd);
	next_is(NULL, 0); /* nothing of it is left */
}

static void what_is_wrong_is_told_and_nothing_is_kept(void **state)
{
	(void)state;
	is_invalid(HEADER(CAISSE, 1) "{}\n", "line 2: id");
	is_invalid(HEADER("Another", 1) LINE("a", "2850775111222"), "line 1: feeder");
	is_invalid(HEADER(CAISSE, 2) LINE("a", "2850775111222"), "line 1: lines");
}

static void what_is_no_file_or_too_large_is_told_apart(void **state)
{
	_cleanup_(buf_done) struct buf storage = BUF_NULL(LINK_MAX_FRAME);
	int large = memfd_create("large", MFD_CLOEXEC), ends_of[2];
	struct link_frame answer;

	(void)state;
	assert_int_equal(ftruncate(large, (off_t)LIMIT_FEED_BYTES + 1), 0);
	assert_int_equal(read_at(NOW_US, large, &storage, &answer), FEED_LARGE);
	assert_int_equal(ftruncate(large, 0), 0);
	assert_int_equal(read_at(NOW_US, large, &storage, &answer), FEED_INVALID);
	close(large);
	assert_int_equal(pipe2(ends_of, O_CLOEXEC), 0);
	assert_int_equal(read_at(NOW_US, ends_of[0], &storage, &answer), FEED_NO_FILE);
	close(ends_of[0]);
	close(ends_of[1]);
}

static void what_is_no_request_ends_it(void **state)
{
	_cleanup_(buf_done) struct buf storage = BUF_NULL(LINK_MAX_FRAME);
	struct link_frame f = LINK_FRAME_NULL, answer;

	(void)state;
	assert_int_equal(
		request(FEED_OP_READ, VIEW_NULL, NULL, 0, &storage, &answer), FEED_FAULT);
	f.kind = LINK_KIND_REQUEST;
	f.op = 99;
	f.seq = 1;
	assert_int_equal(link_send(ends[0], &f, true), 0);
	assert_int_equal(host_turn(&host), HOST_ENDED);
	f.kind = LINK_KIND_EVENT;
	f.seq = 0;
	assert_int_equal(link_send(ends[0], &f, true), 0);
	assert_int_equal(host_turn(&host), HOST_ENDED);
	assert_int_equal(shutdown(ends[0], SHUT_RDWR), 0);
	assert_int_equal(host_turn(&host), HOST_ENDED);
}

/* -- a pinned signer --------------------------------------------------------------------------- */

/* What is said of a feed that @f signed, where @pinned is the anchor. */
static const char *judge_by(X509 *pinned, const struct forged_x509 *f)
{
	_cleanup_(buf_done) struct buf file = BUF_NULL(0), anchors = BUF_NULL(65536);
	_cleanup_(crypto_x509_put) X509 *cert = forge_x509(f);

	sign(cert, f->key, CONTENT, 0, &file);
	put_anchor(&anchors, NATURE_SIMULATED, pinned);
	return verify(buf_view(&file), buf_view(&anchors));
}

static const char *judge_pinned(const struct forged_x509 *f)
{
	_cleanup_(buf_done) struct buf file = BUF_NULL(0), anchors = BUF_NULL(65536);
	_cleanup_(crypto_x509_put) X509 *cert = forge_x509(f);

	sign(cert, f->key, CONTENT, 0, &file);
	put_anchor(&anchors, NATURE_SIMULATED, cert);
	return verify(buf_view(&file), buf_view(&anchors));
}

static void a_signer_may_be_pinned_and_is_the_only_one_then(void **state)
{
	_cleanup_(crypto_pkey_put) EVP_PKEY *key = forge_ec(), *other = forge_ec();
	struct forged_x509 f = pki_authority("FEEDERS", key), g;
	_cleanup_(crypto_x509_put) X509 *ca = forge_x509(&f), *leaf = NULL;

	(void)state;
	f = feeder();
	f.key = other;
	f.issuer = ca;
	f.issuer_key = key;
	leaf = forge_x509(&f);
	assert_string_equal(judge_pinned(&f), "");
	g = f; /* another of the same authority */
	g.key = pki.card_key;
	assert_string_equal(judge_by(leaf, &g), "stranger");
	g.issuer = leaf; /* one that the pinned one has issued */
	g.issuer_key = other;
	assert_string_not_equal(judge_by(leaf, &g), "");
	g = f;
	g.issuer = NULL; /* by itself alone */
	g.issuer_key = other;
	assert_string_equal(judge_pinned(&g), "");
	g.until = NOW - YEAR / 2; /* as every other */
	assert_string_equal(judge_pinned(&g), "expired");
	g = f;
	g.usage = "critical,keyAgreement";
	assert_string_equal(judge_pinned(&g), "usage");
}

int main(void)
{
#define L(f) cmocka_unit_test_setup_teardown(f, open_link, close_link)
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(who_may_sign_may),
		cmocka_unit_test(a_chain_that_does_not_fit_is_refused),
		cmocka_unit_test(who_may_not_is_named),
		cmocka_unit_test(a_form_that_is_none_is_named),
		cmocka_unit_test(every_byte_that_is_another_is_found),
		L(a_feed_is_handed_over_person_by_person),
		L(what_is_wrong_is_told_and_nothing_is_kept),
		L(what_is_no_file_or_too_large_is_told_apart),
		L(what_is_no_request_ends_it),
		cmocka_unit_test(a_signer_may_be_pinned_and_is_the_only_one_then),
	};

	json_setup();
	return cmocka_run_group_tests(tests, pki_prepare, pki_clean);
}
