/* SPDX-License-Identifier: EUPL-1.2 */
/* See crl-scene.h. A reading has a tenth of its time here. */
#include "tests/unit/session/crl-scene.h"

#include "base/hex.h"
#include "daemon/limits.h"
#include "daemon/trust/revocation.h"

// clang-format off
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on

#include <errno.h>
#include <openssl/bn.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define LONGEST (10ULL * USEC_PER_SEC) /* deadlines above are a tenth of themselves here */

int __real_sd_event_source_set_time_relative(sd_event_source *s, uint64_t usec);
int __wrap_sd_event_source_set_time_relative(sd_event_source *s, uint64_t usec);

int __wrap_sd_event_source_set_time_relative(sd_event_source *s, uint64_t usec)
{
	if (usec == 3600 * USEC_PER_SEC && scene.hourly)
		usec = scene.hourly;
	else if (usec > LONGEST && usec < 60 * USEC_PER_SEC)
		usec /= 10;
	return __real_sd_event_source_set_time_relative(s, usec);
}

uint64_t __real_clock_monotonic(void);
uint64_t __wrap_clock_monotonic(void);

/* Those who measure how long something takes: from look to look, not by how fast this machine is. */
uint64_t __wrap_clock_monotonic(void)
{
	scene.passed += scene.pace;
	return __real_clock_monotonic() + scene.passed;
}

int __real_memfd_create(const char *name, unsigned int flags);
int __wrap_memfd_create(const char *name, unsigned int flags);

int __wrap_memfd_create(const char *name, unsigned int flags)
{
	if (scene.no_memfd > 0) {
		scene.no_memfd--;
		errno = EMFILE;
		return -1;
	}
	return __real_memfd_create(name, flags);
}

/* -- the scene ---------------------------------------------------------------------------------- */

struct scene scene;

static void on_taken(void *user)
{
	struct scene *s = user;

	s->taken++;
}

static void on_changed(void *user)
{
	struct scene *s = user;

	s->changes++;
}

static void on_read(void *user)
{
	struct scene *s = user;

	s->readings++;
}

int scene_prepare(void **state)
{
	int r = pki_prepare(state);
	struct forged_x509 f = pki_doctor();
	BIGNUM *n;
	char *text;

	scene.card = forge_x509(&f);
	scene.der = BUF_NULL(8192);
	forge_der(scene.card, &scene.der);
	n = ASN1_INTEGER_to_BN(X509_get0_serialNumber(scene.card), NULL);
	text = BN_bn2dec(n);
	assert_true(snprintf(scene.serial, sizeof(scene.serial), "%s", text) > 0);
	OPENSSL_free(text);
	BN_free(n);
	scene.now = (time_t)(clock_wall() / USEC_PER_SEC);
	return r;
}

int scene_clean(void **state)
{
	X509_free(scene.card);
	buf_done(&scene.der);
	return pki_clean(state);
}

void scene_start(const char *children)
{
	static const struct crls_ops ops = {
		.taken = on_taken, .changed = on_changed, .read = on_read};

	assert_true(snprintf(scene.config.children, sizeof(scene.config.children), "%s",
			    children) > 0);
	assert_int_equal(
		crls_new(scene.ev, &scene.config, pki.trust, &ops, &scene, &scene.crls), 0);
	assert_true(crls_reading(scene.crls));
}

int scene_set(void **state)
{
	(void)state;
	trust_free(pki.trust);
	pki.trust = NULL;
	assert_int_equal(trust_new(pki.folder, &pki.trust, NULL), 0);
	forge_folder(scene.base);
	assert_true(
		snprintf(scene.config.crl, sizeof(scene.config.crl), "%s/crl", scene.base) > 0);
	assert_int_equal(mkdir(scene.config.crl, 0700), 0);
	assert_true(sd_event_default(&scene.ev) >= 0);
	scene.changes = 0;
	scene.taken = 0;
	scene.readings = 0;
	scene.config.anchors[0] = '\0';
	scene.hourly = 0;
	scene.pace = 0;
	scene.no_memfd = 0;
	return 0;
}

int scene_strike(void **state)
{
	(void)state;
	scene.crls = crls_free(scene.crls);
	scene.ev = sd_event_unref(scene.ev);
	forge_remove(scene.base);
	return 0;
}

int scene_block_sigchld(void)
{
	sigset_t mask;

	sigemptyset(&mask);
	sigaddset(&mask, SIGCHLD);
	return sigprocmask(SIG_BLOCK, &mask, NULL);
}

/* Until no reading is under way or due. */
void scene_settle(void)
{
	uint64_t deadline = __real_clock_monotonic() + 60 * USEC_PER_SEC;

	do {
		assert_true(sd_event_run(scene.ev, 20 * USEC_PER_MS) >= 0);
		assert_true(__real_clock_monotonic() < deadline);
	} while (crls_reading(scene.crls));
}

/* Until @changes readings had news. */
void scene_await(unsigned int changes)
{
	uint64_t deadline = __real_clock_monotonic() + 60 * USEC_PER_SEC;

	while (scene.changes < changes || crls_reading(scene.crls)) {
		assert_true(sd_event_run(scene.ev, 100 * USEC_PER_MS) >= 0);
		assert_true(__real_clock_monotonic() < deadline);
	}
	assert_int_equal(scene.changes, changes);
}

void scene_path_of(char path[512], const char *name)
{
	assert_true(snprintf(path, 512, "%s/%s", scene.config.crl, name) < 512);
}

void scene_put_file(const char *name, struct view content)
{
	char path[512];

	scene_path_of(path, name);
	forge_file(path, content);
}

void scene_put_text(const char *name, const char *text)
{
	scene_put_file(name, view_str(text));
}

struct forged_list scene_list_of(const char *number, const char *const *serials)
{
	return (struct forged_list){.issuer = pki.ca,
		.key = pki.ca_key,
		.from = scene.now - 3600,
		.until = scene.now + 86400,
		.number = number,
		.serials = serials};
}

void scene_put_list(const char *name, const struct forged_list *f)
{
	struct buf der = BUF_NULL(LIMIT_CRL_BYTES);

	forge_list_der(f, &der);
	scene_put_file(name, buf_view(&der));
	buf_done(&der);
}

enum trust_revocation scene_ask_of(struct view der)
{
	enum trust_revocation answer = TRUST_REVOCATION_UNKNOWN;

	assert_int_equal(trust_revocation(pki.trust, der, clock_wall(), &answer), 0);
	return answer;
}

enum trust_revocation scene_ask(void)
{
	return scene_ask_of(buf_view(&scene.der));
}

void scene_note(void *user, const struct crl_finding *f)
{
	struct buf *text = user;

	buf_printf(text, "%s", f->name);
	if (f->nature)
		buf_printf(text, " %s", f->nature);
	if (f->authority)
		buf_printf(text, " %s", f->authority);
	if (f->file)
		buf_printf(text, " %s", f->file);
	if (f->reason)
		buf_printf(text, " %s", f->reason);
	buf_put_str(text, "\n");
}

void scene_finds_at(uint64_t now, const char *text)
{
	struct buf found = BUF_NULL(65536);

	crls_state(scene.crls, now, scene_note, &found);
	buf_put_u8(&found, 0);
	assert_string_equal((const char *)found.data, text);
	buf_done(&found);
}

void scene_finds(const char *text)
{
	scene_finds_at(clock_wall(), text);
}

/* A text for the false child: @word, and the name of our authority. */
void scene_put_order(const char *name, const char *word)
{
	struct buf text = BUF_NULL(128);
	uint8_t id[ISSUER_ID];

	assert_int_equal(issuer_id(pki.ca, id), 0);
	buf_printf(&text, "%-10s", word);
	hex_encode(&text, VIEW(id));
	scene_put_file(name, buf_view(&text));
	buf_done(&text);
}
