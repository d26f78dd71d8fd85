/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * Whose the readers over USB are, by the configuration: read by the service's own parser, so that what
 * counts there counts here, and what stops the service's start is not half believed.
 */
#include <stdio.h>
#include <stdlib.h>

#include "client/doctor.h"
#include "daemon/config.h"

#define CONFIG	 "/etc/vitaled/vitaled.conf"
#define DEFAULTS "/dev/null" /* the configuration that says nothing */

void doctor_rules(const struct doctor *d, struct doctor_rules *ret)
{
	static struct config config; /* some kilobytes */
	_cleanup_(buf_done) struct buf text = BUF_NULL(DOCTOR_FILE_MAX);
	char path[DOCTOR_PATH_MAX] = DEFAULTS;
	char *where = NULL;

	*ret = (struct doctor_rules){.rules = BUF_NULL(DOCTOR_FILE_MAX)};
	ret->outcome = doctor_read(d, CONFIG, DOCTOR_FILE_MAX, &text);
	ret->there = ret->outcome != DOCTOR_ABSENT;
	if (ret->there) {
		(void)doctor_path(d, CONFIG, path); /* it fits: it was read */
	}
	(void)snprintf(ret->where, sizeof(ret->where), "%s", path);
	if (ret->outcome == DOCTOR_DENIED || ret->outcome == DOCTOR_ODD) {
		return; /* not a file, or of a size, that the parser should not see */
	}
	ret->outcome = DOCTOR_ODD;
	if (config_load(path, &config, &where) == 0) {
		config_usb_rules(&config, &ret->rules);
		(void)snprintf(ret->socket, sizeof(ret->socket), "%s", config.usb_socket);
		ret->outcome = buf_check(&ret->rules) == 0 ? 0 : DOCTOR_ODD;
	}
	if (where) {
		(void)snprintf(ret->where, sizeof(ret->where), "%s", where);
	}
	free(where);
}

void doctor_rules_done(struct doctor_rules *r)
{
	buf_done(&r->rules);
}
