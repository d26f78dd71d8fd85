/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * A stand-in for libpcsclite.so.1, for the tests of the doctor: FAKE_PCSC in the environment is what it
 * answers. "error:HEX", "hang", "crash", "leave", or a list of readers "HEX=name;HEX=name" with the
 * state of each.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <winscard.h>

#include "base/fault.h"

static char text[4096]; /* the list, cut at its separators */
static size_t n_readers;
static const char *names[16];
static unsigned int states[16];

static void take_list(void)
{
	char *rest = text, *one;

	while (n_readers < ARRAY_LEN(names) && (one = strsep(&rest, ";")) != NULL) {
		const char *name = strchr(one, '=');

		if (name && sscanf(one, "%x", &states[n_readers]) == 1) {
			names[n_readers++] = name + 1;
		}
	}
}

LONG SCardEstablishContext(DWORD scope, LPCVOID r1, LPCVOID r2, LPSCARDCONTEXT context)
{
	const char *wish = getenv("FAKE_PCSC");
	unsigned int code;

	(void)scope;
	(void)r1;
	(void)r2;
	*context = 1;
	(void)snprintf(text, sizeof(text), "%s", wish ? wish : "");
	if (strcmp(text, "hang") == 0) {
		(void)pause();
	} else if (strcmp(text, "crash") == 0) {
		(void)raise(SIGKILL);
	} else if (strcmp(text, "leave") == 0) {
		_exit(3);
	} else if (sscanf(text, "error:%x", &code) == 1) {
		return (LONG)code;
	}
	take_list();
	return SCARD_S_SUCCESS;
}

LONG SCardListReaders(SCARDCONTEXT context, LPCSTR groups, LPSTR readers, LPDWORD size)
{
	char *to = readers;

	(void)context;
	(void)groups;
	if (n_readers == 0) {
		return SCARD_E_NO_READERS_AVAILABLE;
	}
	for (size_t i = 0; i < n_readers; i++) {
		to += snprintf(to, *size - (size_t)(to - readers), "%s", names[i]) + 1;
	}
	*to = '\0';
	return SCARD_S_SUCCESS;
}

LONG SCardGetStatusChange(
	SCARDCONTEXT context, DWORD timeout, SCARD_READERSTATE *readers, DWORD n)
{
	(void)context;
	(void)timeout;
	for (DWORD i = 0; i < n && i < n_readers; i++) {
		readers[i].dwEventState = states[i];
	}
	return SCARD_S_SUCCESS;
}
