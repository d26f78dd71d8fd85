/* SPDX-License-Identifier: EUPL-1.2 */
#pragma once
/*
 * USB devices that are card readers or ought to be, from sysfs: those with an interface of the smart card
 * class, those of the table (base/readers.h), and those that a driver of pcscd claims. Needs no rights, no
 * service and no libusb; nothing is opened. For `vitalectl readers --usb` and the doctor.
 */
#include "base/readers.h"
#include "client/doctor.h"
#include "drivers/usb/claims.h"
#include "drivers/usb/descriptor.h"

#define PLUGGED_TEXT 64U

/** struct plugged - one device; texts are printable ASCII. */
struct plugged {
	const char *port; /* "1-2.3"; borrowed, as libccid */
	uint16_t vendor, product, release;
	char manufacturer[PLUGGED_TEXT], model[PLUGGED_TEXT], serial[PLUGGED_TEXT];
	const struct reader_known *known;
	struct ccid_interface readers[DESCRIPTOR_INTERFACES_MAX];
	size_t n_readers;
	bool class;	/* the kernel shows an interface of the smart card class */
	bool described; /* its descriptors could be read, or began too long */
	enum descriptor_outcome refused; /* 0, or why it is of no use to vitaled-usb */
	bool blocked;		 /* the administrator does not let it in ("authorized") */
	const char *libccid;	 /* the name that a driver of pcscd gives it, or NULL */
	enum claims_mode claims; /* whose it is, by the configuration or without one */
	bool told;  /* the configuration could be read; else claims is CLAIMS_AUTO */
	bool given; /* a section of it says so */
	char driver
		[PLUGGED_TEXT]; /* of the kernel, of its first reader; "usbfs": a program has it */
	char node[48];		/* "/dev/bus/usb/001/005"; empty: not known */
	char owner[PLUGGED_TEXT], group[PLUGGED_TEXT];
	unsigned int mode;	/* of the node, its nine bits; 0: there is none */
	bool mine;		/* this user may read and write it */
	bool service;		/* vitaled-usb's group may */
	bool denied;		/* it may certainly not */
	bool has_service_group; /* there is such a group */
	bool shared;		/* users besides root may, too */
};

/** plugged_each() - @one for every such device, by port. Return: how many, or a fault. */
int plugged_each(struct doctor *d, const struct doctor_rules *rules,
	void (*one)(void *user, const struct plugged *p), void *user) _must_check_;
/** plugged_versions() - {"vitalectl", "kernel", "pcscd", "libccid"} of what is installed (absent: not
 *  known, or not there), and "vitaled-usb": whether it is. New; NULL: no memory. */
json_t *plugged_versions(const struct doctor *d);
