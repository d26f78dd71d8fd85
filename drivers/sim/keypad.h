/* SPDX-License-Identifier: EUPL-1.2 */
#pragma once
/*
 * The keypad of a simulated reader: PC/SC part 10 v2.02.09 §2.5 and §2.6, the structures as
 * <PCSC/reader.h> lays them out, numbers little endian.
 *
 *   verify  | bTimerOut | bTimerOut2 | bmFormatString | bmPINBlockString | bmPINLengthFormat |
 *           | wPINMaxExtraDigit 2 | bEntryValidationCondition | bNumberMessage | wLangId 2 |
 *           | bMsgIndex | bTeoPrologue 3 | ulDataLength 4 | abData ... |
 *   modify  the same with | bInsertionOffsetOld | bInsertionOffsetNew | after bmPINLengthFormat,
 *           bConfirmPIN before bEntryValidationCondition, and three bMsgIndex
 *
 * bmFormatString: bit 7 unit is bytes (else bits), bits 6-3 where the digits begin in the data
 * after Lc, bit 2 right justified, bits 1-0 binary, BCD or ASCII. bmPINBlockString: bits 7-4
 * size in bits of a length that is put in (0, 4 or 8), bits 3-0 bytes of the block (0: as long
 * as the digits, Lc follows). bmPINLengthFormat: bit 4 unit is bytes, bits 3-0 where the length
 * stands in the block.
 *
 * Digits come from the control socket and go into the command only; they are wiped when the
 * entry ends.
 */
#include "base/buf.h"

#define KEYPAD_CODES_MAX   3U /* current, new, new again */
#define KEYPAD_DIGITS_MIN  4U /* of a code, as the properties say */
#define KEYPAD_DIGITS_MAX  12U
#define KEYPAD_COMMAND_MAX 261U /* bytes of abData */
#define KEYPAD_TIMEOUT	   30U	/* seconds when bTimerOut is 0 */

/* PC/SC part 10 §2.2, as FEATURE_... of <PCSC/reader.h>. */
enum keypad_feature {
	KEYPAD_VERIFY = 0x06,
	KEYPAD_MODIFY = 0x07,
	KEYPAD_PROPERTIES = 0x0A,
	KEYPAD_TLV_PROPERTIES = 0x12,
};

/* What the reader itself answers, PC/SC part 10 §2.5.3. */
enum keypad_sw {
	KEYPAD_SW_LATE = 0x6400,
	KEYPAD_SW_CANCELLED = 0x6401,
	KEYPAD_SW_DIFFER = 0x6402,
	KEYPAD_SW_LENGTH = 0x6403,
	KEYPAD_SW_PARAMETER = 0x6B80,
};

/** struct keypad_entry - what a structure asks for, checked. */
struct keypad_entry {
	bool modify;
	bool asks_current; /* modify: a code before the new one */
	bool asks_again;   /* modify: the new one twice */
	bool right;	   /* justified */
	uint8_t encoding;  /* 0 binary, 1 BCD, 2 ASCII */
	uint8_t timeout_s;
	uint8_t min, max;	   /* digits */
	uint8_t block;		   /* bytes; 0: as many as the digits need */
	uint8_t length_bits;	   /* 0, 4 or 8 */
	size_t length_at;	   /* bits from where a block begins */
	size_t digits_at;	   /* bytes from where a block begins */
	size_t current_at, new_at; /* bytes of the data: where the blocks begin */
	struct buf command;	   /* header, Lc, data */
};

enum keypad_answer {
	KEYPAD_ANSWER_NONE, /* nobody has said anything */
	KEYPAD_ANSWER_CANCEL,
	KEYPAD_ANSWER_LATE, /* the time is up */
};

/** struct keypad - one slot's. What is typed or answered before an entry begins is for that
 *  entry. */
struct keypad {
	bool fitted;
	bool asking;
	struct keypad_entry entry;
	unsigned typed; /* codes */
	char codes[KEYPAD_CODES_MAX][KEYPAD_DIGITS_MAX + 1];
	enum keypad_answer answer;
};

enum keypad_outcome {
	KEYPAD_INVALID = 1, /* a structure that a reader refuses: 6B80 */
	KEYPAD_WAITS,	    /* more codes are needed */
	KEYPAD_FULL,	    /* all codes are typed already */
	KEYPAD_NO_CODE,	    /* not 1 to 12 digits */
};

/** keypad_init() - without anybody asked; @fitted: whether there is one. */
void keypad_init(struct keypad *k, bool fitted);
/** keypad_done() - end an entry and forget what was typed. */
void keypad_done(struct keypad *k);
/** keypad_begin() - a person is asked. Return: 0, a fault, or KEYPAD_INVALID (nobody is). */
int keypad_begin(
	struct keypad *k, enum keypad_feature feature, struct view structure) _must_check_;
/** keypad_type() - one code. Return: 0, KEYPAD_FULL or KEYPAD_NO_CODE. */
int keypad_type(struct keypad *k, const char *digits) _must_check_;
/** keypad_missing() - codes that the present entry still waits for. */
unsigned keypad_missing(const struct keypad *k);
/**
 * keypad_finish() - what became of the entry; it goes on only on KEYPAD_WAITS
 * @ret_sw:  0: @command is to be sent; else the reader's own status word
 * @command: receives the command with its digits
 *
 * Return: 0, a fault, or KEYPAD_WAITS.
 */
int keypad_finish(struct keypad *k, uint16_t *ret_sw, struct buf *command) _must_check_;
/** keypad_properties() - what the reader says of itself. Return: whether @feature tells
 *  anything. */
bool keypad_properties(enum keypad_feature feature, struct buf *out);
