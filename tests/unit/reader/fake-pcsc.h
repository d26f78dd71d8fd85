/* SPDX-License-Identifier: EUPL-1.2 */
#pragma once
/* A libpcsclite of the tests that says what a test wants (linker wrap). */
#include <PCSC/winscard.h>

#include "drivers/reader/reader.h"

#define READER "Reader 00 00"

/* What the next calls return; a queue, its last entry stays. */
struct fake_pcsc {
	LONG establish;
	bool has_socket; /* establishing opens a descriptor, as libpcsclite does */
	int socket;
	uint64_t connect_usec; /* that every attempt to connect takes */
	LONG connect[8];
	unsigned connects;
	LONG status[8]; /* of the next looks; past them: the last one */
	unsigned looks;
	DWORD state;
	DWORD protocol;
	DWORD atr_len;
	LONG transmit[8];
	unsigned transmits;
	DWORD answer_len;
	const SCARD_IO_REQUEST *pci;
	LONG reconnect[8];
	DWORD reconnected_how[8];
	unsigned reconnects;
	DWORD state_after; /* a reconnection: the state from then on; 0: as before */
	LONG begin[8];
	unsigned begins;
	unsigned ends;
	LONG end;
	LONG control[8]; /* feature list, properties, TLV properties, codes */
	const char *controls[8];
	unsigned controlled;
	uint8_t sent[300];
	DWORD sent_len;
	DWORD sent_code;
	DWORD share;
	DWORD disposition; /* of the last disconnect; 99: none */
	unsigned released;
};

extern struct fake_pcsc fake;

void fake_reset(void); /* a card in the reader, good answers to everything, no keypad */
struct transport *new_transport(void);
struct transport *open_transport(void); /* after fake_reset(): connected, exclusively */
uint64_t soon(void);
