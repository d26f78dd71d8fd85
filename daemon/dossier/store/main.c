/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * vitaled-dossier: one dossier, one process. The broker starts it with one end of a link as fd 3,
 * tells it which file to open, and then it can open nothing more. Its keys come over the link after
 * that; whatever it knows dies with it, and it dies with the broker, with the link, and with the
 * session's lock.
 */
#include <stdio.h>
#include <unistd.h>

#include "base/json.h"
#include "daemon/dossier/seal.h"
#include "daemon/dossier/store/codes.h"
#include "daemon/dossier/store/filter.h"
#include "daemon/dossier/store/host.h"

static int complain(int r)
{
	char text[512];

	fault_describe(text, sizeof(text));
	(void)dprintf(STDERR_FILENO, "<3>vitaled-dossier: fault %d: %s\n", r, text);
	return 1;
}

static int serve(struct host *h)
{
	int r = 0;

	while (r == 0) {
		r = host_turn(h);
	}
	return trace(r);
}

int main(void)
{
	struct host h;
	int r;

	r = filter_limits();
	if (r < 0) {
		return complain(r);
	}
	if (VITALED_FILTER_LOGS) {
		(void)dprintf(STDERR_FILENO,
			"<4>vitaled-dossier: test build, the filter logs and does not kill\n");
	}
	json_setup();
	r = seal_setup();
	if (r == 0) {
		r = codes_setup();
	}
	if (r == 0) {
		r = export_setup();
	}
	if (r == 0) {
		r = filter_load_early();
	}
	if (r < 0) {
		return complain(r);
	}
	host_init(&h, LINK_CHILD_FD, filter_load);
	r = serve(&h);
	/* neither host_done() nor exit(): closing, SQLite would look at the file's name, which is
	   refused by now; what was committed is on the disk, and the rest dies with the process */
	_exit(r < 0 ? complain(r) : 0);
}
