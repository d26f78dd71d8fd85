/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * vitaled-feed: verifies and reads reimbursements for the broker (doc/feed.md). It lives as long as one
 * feed is being imported, knows no card, no key, no dossier and no record, and can open nothing: feed
 * and anchors come as descriptors over the link that is its fd 3.
 */
#include <errno.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "daemon/trust/feed/filter.h"
#include "daemon/trust/feed/host.h"

/* there only in builds that measure coverage: their counters are written on the way out */
extern void __gcov_dump(void) __attribute__((weak));

static int complain(int r)
{
	char text[512];

	fault_describe(text, sizeof(text));
	(void)dprintf(STDERR_FILENO, "<3>vitaled-feed: fault %d: %s\n", r, text);
	return 1;
}

/* All that OpenSSL looks for outside of the process it looks for now: no configuration is read. So
 * does the C library's calendar, with which OpenSSL compares times: the time zone's file. */
static int prepare(void)
{
	uint8_t hash[CRYPTO_SHA256];
	const time_t epoch = 0;
	struct tm tm;

	if (!gmtime_r(&epoch, &tm))
		return fault(-EINVAL);

	if (OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CONFIG | OPENSSL_INIT_NO_ATEXIT, NULL) !=
		1)
		return crypto_fault();
	return trace(crypto_sha256(NULL, 0, hash));
}

int main(void)
{
	struct host h;
	int r = filter_limits();

	json_setup();
	if (r == 0)
		r = prepare();
	if (r == 0 && VITALED_FILTER_LOGS)
		(void)dprintf(STDERR_FILENO,
			"<4>vitaled-feed: test build, the filter logs and does not kill\n");
	if (r == 0)
		r = filter_load();
	host_init(&h, LINK_CHILD_FD);
	while (r == 0)
		r = host_turn(&h);
	host_done(&h);
	if (__gcov_dump)
		__gcov_dump();
	_exit(r < 0 ? complain(r) : 0);
}
