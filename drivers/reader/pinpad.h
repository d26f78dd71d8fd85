/* SPDX-License-Identifier: EUPL-1.2 */
#pragma once
/*
 * A code typed on the reader's own keys (PC/SC part 10, v2.02.08): what a reader can do, and the
 * structures by which it is asked. Pure: no PC/SC call. Numbers of two and four bytes are little
 * endian in the structures (drivers take that on every machine), big endian in the feature list.
 */
#include "drivers/reader/reader.h"

/* the largest structure: 24 bytes of PIN_MODIFY_STRUCTURE and one short command */
#define PINPAD_STRUCTURE_MAX (24U + 5U + 255U)

/** struct pinpad_quirk - what a reader wants otherwise than it says; the table is in pinpad.c. */
struct pinpad_quirk {
	const char *name;	 /* part of the reader's PC/SC name */
	uint8_t verify_messages; /* messages of a verify structure, 255: as anybody */
	uint8_t modify_messages;
	uint8_t min; /* digits of a code, 0: as the reader says */
	uint8_t max;
	bool key_only; /* takes "the validation key was pressed" alone as the end of an entry */
	uint16_t pause_ms; /* before the command: a key that is still down would cancel it */
};

/** struct pinpad - what the keypad of a connected reader can do. All zero: there is none. */
struct pinpad {
	uint32_t verify; /* control codes, 0: not offered */
	uint32_t modify;
	uint32_t properties; /* FEATURE_IFD_PIN_PROPERTIES */
	uint32_t tlv;	     /* FEATURE_GET_TLV_PROPERTIES */
	uint8_t min;	     /* digits of a code, 0: not said */
	uint8_t max;
	uint8_t validation; /* conditions that end an entry, bits of part 10; 0: not said */
	bool display_known;
	bool display;
	const struct pinpad_quirk *quirk; /* or NULL */
};

enum pinpad_outcome {
	PINPAD_BROKEN = 1, /* no feature list */
};

/**
 * pinpad_features() - the answer of CM_IOCTL_GET_FEATURE_REQUEST (part 10 §2.2)
 * @name:  of the reader, for its quirks
 * Return: 0, or PINPAD_BROKEN: a list that is none is as good as no keypad.
 */
int pinpad_features(struct view list, const char *name, struct pinpad *ret_p) _must_check_;
/** pinpad_properties() - the answer of FEATURE_IFD_PIN_PROPERTIES; of another length: ignored. */
void pinpad_properties(struct pinpad *p, struct view answer);
/** pinpad_tlv() - the answer of FEATURE_GET_TLV_PROPERTIES; what cannot be read is left out. */
void pinpad_tlv(struct pinpad *p, struct view answer);
/** pinpad_can() - TRANSPORT_PINPAD_*. */
uint8_t pinpad_can(const struct pinpad *p);

/**
 * pinpad_build() - the structure for a code (part 10 §2.5.2 and §2.5.3), appended to @out
 * @ret_code:  control code to send it by
 * Return: 0, or TRANSPORT_NO_PINPAD: not this command, not that many digits.
 */
int pinpad_build(const struct pinpad *p, const struct transport_pin *pin, struct buf *out,
	uint32_t *ret_code) _must_check_;

/** pinpad_answer() - whether @answer is the reader's own word (part 10 §2.5: 6400, 6401, ...).
 *  Return: 0: it is the card's; or a transport_outcome. */
int pinpad_answer(struct view answer) _must_check_;
