/* SPDX-License-Identifier: EUPL-1.2 */
#pragma once
/*
 * Configuration descriptors of readers that are sold, put together from what is published of them
 * (libccid's readers/KAPELSE_KAP-LINK.txt, AF_Care_Two_AFC2.txt, Ingenico_Leo.txt, GemPCTwin.txt, SCR3310.txt).
 * Not published, and made up here: endpoint addresses, packet sizes, intervals, string numbers.
 */
#include <stdint.h>

#define LE16(v) (uint8_t)((v)&0xFFU), (uint8_t)((v) >> 8U & 0xFFU)
#define LE32(v) LE16(v), LE16((v) >> 16U)

/* where things are in a device of one interface */
#define AT_TOTAL      2U
#define AT_INTERFACES 4U
#define AT_INTERFACE  9U
#define AT_CLASS      18U
#define AT_OUT	      72U
#define AT_IN	      79U
#define AT_INTERRUPT  86U
#define ONE_READER    93U /* bytes */

#define CONFIGURATION(total, interfaces) 9, 2, LE16(total), (interfaces), 1, 0, 0x80, 50
#define INTERFACE(number, endpoints)	 9, 4, (number), 0, (endpoints), 0x0B, 0, 0, 4
#define CLASS(version, index, voltages, protocols, clock, clock_max, rate, rate_max, rates,    \
	ifsd, features, message, echo, display, pin)                                           \
	54, 0x21, LE16(version), (index), (voltages), LE32(protocols), LE32(clock),            \
		LE32(clock_max), 0, LE32(rate), LE32(rate_max), (rates), LE32(ifsd), LE32(0U), \
		LE32(0U), LE32(features), LE32(message), (echo), (echo), LE16(display), (pin), \
		1
#define ENDPOINTS(out, in, interrupt)                                                          \
	7, 5, (out), 2, LE16(64U), 0, 7, 5, (in), 2, LE16(64U), 0, 7, 5, (interrupt), 3,       \
		LE16(8U), 24
#define KAP_CLASS                                                                              \
	CLASS(0x0110U, 0, 0x01, 3U, 4000U, 4000U, 10752U, 344064U, 0, 254U, 0x000100BAU, 271U, \
		0x00, 0U, 0)

/* Kapelse KAP-LINK, 2947:0101: two interfaces of one slot, TPDU level */
static const uint8_t kap_link[] = {CONFIGURATION(177U, 2), INTERFACE(0, 3), KAP_CLASS,
	ENDPOINTS(0x01, 0x81, 0x82), INTERFACE(1, 3), KAP_CLASS, ENDPOINTS(0x03, 0x83, 0x84)};

/* AF Care Two, 1C34:AFC2: two slots of one interface, short and extended APDUs */
static const uint8_t af_care[] = {CONFIGURATION(ONE_READER, 1), INTERFACE(0, 3),
	CLASS(0x0110U, 1, 0x07, 3U, 4000U, 4000U, 10752U, 200080U, 0, 254U, 0x0004047EU, 65554U,
		0xFF, 0U, 0),
	ENDPOINTS(0x01, 0x82, 0x83)};

/* Ingenico Leo, 0F14:003B: keypad and display, short APDUs */
static const uint8_t leo[] = {CONFIGURATION(ONE_READER, 1), INTERFACE(0, 3),
	CLASS(0x0110U, 0, 0x07, 3U, 4000U, 4000U, 9600U, 230400U, 11, 254U, 0x000204BAU, 356U,
		0xFF, 0x0210U, 3),
	ENDPOINTS(0x02, 0x82, 0x81)};

/* Gemalto GemPC Twin, 08E6:3437: parameters and PPS are the host's */
static const uint8_t gempc_twin[] = {CONFIGURATION(ONE_READER, 1), INTERFACE(0, 3),
	CLASS(0x0100U, 0, 0x07, 3U, 4000U, 4000U, 10752U, 344086U, 0, 254U, 0x00010230U, 271U,
		0x00, 0U, 0),
	ENDPOINTS(0x01, 0x82, 0x83)};

/* SCM SCR3310, 04E6:5116: a longest message that is eight bytes short */
static const uint8_t scr3310[] = {CONFIGURATION(ONE_READER, 1), INTERFACE(0, 3),
	CLASS(0x0100U, 0, 0x01, 3U, 4000U, 12000U, 9600U, 307200U, 0, 252U, 0x000100BAU, 263U,
		0xFF, 0U, 0),
	ENDPOINTS(0x01, 0x82, 0x83)};
