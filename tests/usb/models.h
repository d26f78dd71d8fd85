/* SPDX-License-Identifier: EUPL-1.2 */
#pragma once
/*
 * The readers that the bench can be: what their descriptors say. Numbers and names are those of real
 * readers, so that libccid takes them; levels and features are set for what the tests need (*stand-in*).
 */
#include "drivers/usb/descriptor.h"

#define MODELS_FACES_MAX 2U
#define MODELS_SLOTS_MAX 2U
#define MODELS_LIST_MAX	 4U
#define MODELS_CLOCK	 4000U /* kHz: dwDefaultClock */

/* what a model does otherwise than well behaved ones */
enum model_lie {
	MODEL_HONEST = 0,
	MODEL_LIE_LENGTH,    /* wTotalLength beyond what comes */
	MODEL_LIE_CLASS,     /* the class descriptor is cut short */
	MODEL_LIE_SLOTS,     /* 32 slots */
	MODEL_LIE_ENDPOINTS, /* no bulk-in */
	MODEL_LIE_SIZE,	     /* packets of no bytes */
	MODEL_LIE_MESSAGE,   /* longest message shorter than a header */
	MODEL_LIE_LEVELS,    /* two exchange levels at once */
	MODEL_LIE_PROTOCOLS, /* neither T=0 nor T=1 */
	MODEL_LIE_RATES,     /* it takes none of the rates that it lists */
	MODEL_LIE_MANY, /* 9 slots: one more than are served; no lie, but refused like one */
};

struct model {
	const char *name;
	uint16_t vendor, product;
	const char *maker, *text;
	unsigned faces, slots; /* interfaces; slots of each */
	enum ccid_level level;
	uint32_t features; /* enum ccid_feature, without the level */
	uint32_t message;  /* dwMaxCCIDMessageLength */
	unsigned busy;	   /* commands at a time, more are refused; 0: one a slot */
	uint32_t part;	   /* bytes of an answer in one message; 0: as many as fit */
	uint8_t pin;
	uint16_t lcd;	  /* lines and characters of its display; 0: none */
	uint8_t voltages; /* bVoltageSupport; with CCID_AUTO_VOLTAGE any is taken, else 3 V alone */
	bool silent;	  /* no interrupt endpoint */
	/* kHz and bit/s that the host may set, up to a 0: without CCID_AUTO_CLOCK and CCID_AUTO_RATE */
	uint32_t clocks[MODELS_LIST_MAX], rates[MODELS_LIST_MAX];
	enum model_lie lie;
};

/** models_find() - NULL: none of that name. */
const struct model *models_find(const char *name);
/** models_list() - all names, one a line. */
void models_list(struct buf *out);
/** models_out() - addresses of the endpoints of interface @face. */
uint8_t models_out(unsigned face);
uint8_t models_in(unsigned face);
uint8_t models_interrupt(const struct model *m, unsigned face);
/** models_descriptors() - the device's and then the configuration's, as sysfs has them. */
void models_descriptors(const struct model *m, bool serial, struct buf *out);
