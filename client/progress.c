/* SPDX-License-Identifier: EUPL-1.2 */
/* See progress.h. Nothing is told of what takes less than a second. */
#include "client/progress.h"

#include <stdarg.h>
#include <unistd.h>

#include "base/clock.h"
#include "client/lang.h"

#define AFTER	 (1 * USEC_PER_SEC)
#define OFTEN	 (USEC_PER_SEC / 4)
#define SELDOM	 (10 * USEC_PER_SEC)
#define MEGABYTE 1000000.0

void progress_begin(struct progress *p, const struct ctl *ctl)
{
	*p = (struct progress){.to = stderr,
		.begun = clock_monotonic(),
		.quiet = ctl->json,
		.terminal = isatty(STDERR_FILENO) == 1};
	p->next = p->begun + (p->terminal ? AFTER : SELDOM);
}

bool progress_due(const struct progress *p)
{
	return !p->quiet && clock_monotonic() >= p->next;
}

void progress_tell(struct progress *p, const char *fmt, ...)
{
	va_list args;

	if (!progress_due(p)) {
		return;
	}
	p->next = clock_monotonic() + (p->terminal ? OFTEN : SELDOM);
	p->shown = true;
	(void)fputs(p->terminal ? "\r\033[K" : "", p->to);
	va_start(args, fmt);
	(void)vfprintf(p->to, fmt, args);
	va_end(args);
	(void)fputs(p->terminal ? "" : "\n", p->to);
	(void)fflush(p->to);
}

void progress_bytes(void *p, uint64_t size)
{
	progress_tell(p, "%s %.1f %s", _("Written:"), (double)size / MEGABYTE, _("MB"));
}

void progress_waiting(void *user)
{
	struct progress *p = user;

	progress_tell(p, "%s %u s", _("Waiting for the service:"),
		(unsigned int)((clock_monotonic() - p->begun) / USEC_PER_SEC));
}

void progress_end(const struct progress *p)
{
	if (p->shown && p->terminal) {
		(void)fputs("\r\033[K", p->to);
		(void)fflush(p->to);
	}
}
