/* SPDX-License-Identifier: EUPL-1.2 */
/* Steps of fuzz-watch.c that make sense (records.h). */
#include "tests/fuzz/records.h"

const struct record_word record_words[] = {
	{0, 0, ""},
	{0, 7, ""},
	{0, 12, ""},
	{0, 13, ""},
	{0, 6, ""},
	{0x80, 0, ""},
	{0, 0, "412030302030300000"},		      /* "A 00 00" */
	{0, 0, "4120303020303000422030302030310000"}, /* and "B 00 01" */
	{0, 0, "4220303020303100"},
	{0, 0, "4120304720303000"},
	{0, 0, "00220109"}, /* a card, ATR of 9 */
	{0, 0, "00220309"},
	{0, 0, "0022010900220109"},
	{0, 0, "00120400"}, /* none */
	{0, 0, "02220500"}, /* a mute one */
	{0, 0, "00040000"}, /* unknown */
	{0, 0, "000C0000"},
	{0, 0, "002201FF"},
	{0, 3, "00220109"},
};
const size_t record_words_n = ARRAY_LEN(record_words);
