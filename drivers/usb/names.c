/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * Names of slots. Guarantees: printable ASCII, single blanks, at most NAMES_MAX - 1 characters, and the
 * same words for the same device in the same plug. Two slots of one machine never have the same name:
 * port, interface and slot are never cut.
 */
#include "drivers/usb/names.h"

#include <stdio.h>
#include <string.h>

/* @text as one more word or words of @ret, which ends with a NUL within @size. */
static void append(char *ret, size_t size, const char *text)
{
	size_t n = strlen(ret);
	bool blank = n > 0; /* owed before the next character */

	for (const char *p = text ? text : ""; *p; p++) {
		bool visible = *p > ' ' && *p <= '~' && !strchr("()[]", *p);

		if (!visible) {
			blank = n > 0;
			continue;
		}
		if (n + (blank ? 2 : 1) >= size) {
			break;
		}
		if (blank) {
			ret[n++] = ' ';
		}
		ret[n++] = *p;
		blank = false;
	}
	ret[n] = '\0';
}

static bool begins_with(const char *text, const char *start)
{
	size_t n = strlen(start);

	return strncmp(text, start, n) == 0 && (text[n] == ' ' || text[n] == '\0');
}

static void put_model(const struct names_device *d, char *ret, size_t size)
{
	char model[NAMES_MAX] = "";

	ret[0] = '\0';
	if (d->known) {
		append(ret, size, d->known);
		return;
	}
	append(ret, size, d->manufacturer);
	append(model, sizeof(model), d->model);
	if (begins_with(model, ret)) { /* makers repeat themselves: "Gemalto Gemalto PC Twin" */
		ret[0] = '\0';
	}
	append(ret, size, model);
	if (ret[0] == '\0') {
		char id[16];

		(void)snprintf(id, sizeof(id), "USB %04x:%04x", d->vendor, d->product);
		append(ret, size, id);
	}
}

void names_model(const struct names_device *d, char ret[NAMES_MAX])
{
	put_model(d, ret, NAMES_MAX);
}

void names_of(const struct names_device *d, size_t reader, unsigned slot, char ret[NAMES_MAX])
{
	char serial[NAMES_SERIAL + 1] = "";
	char port[NAMES_PORT + 1] = "";
	char end[NAMES_MAX];
	int n;

	append(serial, sizeof(serial), d->serial);
	append(port, sizeof(port), d->port);
	n = snprintf(end, sizeof(end), "%s%s%s [usb %s] %02X %02X", serial[0] ? " (" : "",
		serial, serial[0] ? ")" : "", port, (unsigned)(reader & 0xFFU), slot & 0xFFU);
	put_model(d, ret, NAMES_MAX - (size_t)n);
	n = (int)strlen(ret);
	(void)snprintf(ret + n, NAMES_MAX - (size_t)n, "%s", end);
}
