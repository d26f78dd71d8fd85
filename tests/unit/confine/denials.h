/* SPDX-License-Identifier: EUPL-1.2 */
#pragma once
/* A program whose confinement is tried from inside: denials.c has the one table for all of them. */
#include <stdbool.h>

enum program {
	PROGRAM_CARD = 1,
	PROGRAM_WATCH = 2,
	PROGRAM_CRL = 4,
	PROGRAM_OPENING = 8, /* vitaled-dossier until its file is open */
	PROGRAM_DOSSIER = 16,
	PROGRAM_FEED = 32,
	PROGRAM_WATCH_USB = 64, /* vitaled-watch over vitaled-usb */
	PROGRAM_CARD_USB = 128, /* vitaled-card for readers of vitaled-usb */
};

#define DENIALS_LINK                                                                           \
	3 /* as LINK_CHILD_FD; pcscd's socket, a pipe that somebody else has and vitaled-usb's follow */
#define DENIALS_PCSC  4
#define DENIALS_OTHER 5
#define DENIALS_USB   6

/** struct confined_program - how one of them confines itself, and what it has to do then. */
struct confined_program {
	enum program program;
	bool (*confine)(void); /* exactly what its main does; whether that worked */
	bool (*work)(void);    /* what must stay; whether it worked */
};

/** denials_run() - every row against @programs. Return: of main. */
int denials_run(const struct confined_program *programs, unsigned int n);
