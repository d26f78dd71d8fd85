/* SPDX-License-Identifier: EUPL-1.2 */
#pragma once
/*
 * The values of daemon/config.c, which alone includes this: each config_take_ returns whether it took the text
 * @value into @to, of @size bytes.
 */
#include <stdbool.h>
#include <stddef.h>

/** config_has_remark() - whether @value has what looks like a remark to a person and is none to inih: a #
 *  behind a blank. In names of readers (@name) a blank must follow it too: "Reader #2" is one. */
bool config_has_remark(const char *value, bool name);

bool config_take_text(void *to, size_t size, const char *value); /* a text that fits */
bool config_take_path(void *to, size_t size, const char *value); /* an absolute path */
bool config_take_proof(void *to, size_t size,
	const char *value); /* enum proof: read, active, mutual, locked */
bool config_take_seconds(
	void *to, size_t size, const char *value); /* uint32_t: "90", "90 s", "30 min", "4 h" */
/** config_take_days() - "1096 d", "3 y" (366 days each), "0": for ever. @to: uint32_t. */
bool config_take_days(void *to, size_t size, const char *value);
bool config_take_count(void *to, size_t size, const char *value); /* uint32_t: 0 to 100 */
bool config_take_user(void *to, size_t size, const char *value);  /* uid_t: a name or number */
bool config_take_role(void *to, size_t size, const char *value);  /* enum config_role */
bool config_take_sharing(void *to, size_t size, const char *value); /* enum card_share */
bool config_take_yes(void *to, size_t size, const char *value);	    /* bool: yes, no */
bool config_take_capability(
	void *to, size_t size, const char *value); /* a capability of agents */
/** config_take_word() - one of @words, by its place, as an enum of @size bytes. */
bool config_take_word(
	void *to, size_t size, const char *value, const char *const *words, size_t n);
/** config_take_driver() - enum config_usb_driver: pcsc, auto, usb */
bool config_take_driver(void *to, size_t size, const char *value);
