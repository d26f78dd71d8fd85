/* SPDX-License-Identifier: EUPL-1.2 */
#pragma once
/*
 * A device with card readers in plain words: for `vitalectl readers --usb`, in the person's language, and for
 * `vitaled-usb --list`, in English. Pure. Every word and sentence here is English and goes through the
 * caller's translation on its own; numbers and their order do not depend on the language. Text that comes
 * from the device is printable ASCII already (usb-sysfs.c, names_model()).
 */
#include "base/readers.h"
#include "drivers/usb/descriptor.h"

/** words_fn - gettext(), or words_english(). */
typedef const char *(*words_fn)(const char *english);
const char *words_english(const char *english);

/** struct words_device - what is known of one; texts may be NULL or empty. */
struct words_device {
	const char *port; /* "1-2.3" */
	uint16_t vendor, product, release;
	const char *manufacturer, *model; /* its own words */
	const char *serial;		  /* NULL: has none; words_hidden: not to be shown */
	const struct reader_known *known; /* or NULL */
	const struct ccid_interface *readers;
	size_t n_readers;
	enum descriptor_outcome refused; /* 0: it can be used */
};

/** words_hidden - a serial number that the device has, and that is not to be shown. */
extern const char *const words_hidden;

/** words_device() - lines appended to @out: the device, then each of its readers, indented. */
void words_device(const struct words_device *d, words_fn say, struct buf *out);
/** words_refusal() - an English sentence: why a device is of no use. */
const char *words_refusal(enum descriptor_outcome o);
/** words_level() - an English word for the exchange level. */
const char *words_level(enum ccid_level level);
/** words_line() - "    label: " with @indent blanks before it, appended to @out. */
void words_line(struct buf *out, unsigned indent, words_fn say, const char *label);

/** struct words_task - something that either the reader or the driver does. */
struct words_task {
	const char *name;    /* stable: "voltage", "pps" */
	const char *english; /* in words */
};

/** words_task() - the i-th; @ret_reader: whether the reader does it. NULL past the last. */
const struct words_task *words_task(const struct ccid_interface *c, size_t i, bool *ret_reader);
