/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * Readers that are plugged in (client/plugged.h): who is to drive each by the configuration, pcscd or
 * vitaled-usb, whether that one is there, and whether it has the reader: what pcscd's drivers claim, what
 * pcscd lists, what the service has, whether a program has it at all. Names of vitaled-usb's readers hold the port,
 * "... [usb 1-2.3] 00 00" (drivers/usb/names.h). Where the configuration may not be read, or is not good,
 * a reader is not judged by it: either may have it.
 */
#include <stdio.h>
#include <string.h>

#include "client/lang.h"
#include "client/plist.h"
#include "client/plugged.h"

#define DRIVERS_MAX 256U

/* -- drivers ----------------------------------------------------------------------------------- */

/* Drivers in @folder. Return: whether there was any. */
static bool read_drivers(struct doctor *d, const char *folder, json_t *claimed)
{
	_cleanup_json_ json_t *bundles = NULL;
	bool any = false;

	if (doctor_names(d, folder, DRIVERS_MAX, &bundles) < 0) {
		return false;
	}
	for (size_t i = 0; i < json_array_size(bundles); i++) {
		_cleanup_(buf_done) struct buf plist = BUF_NULL(DOCTOR_FILE_MAX);
		const char *name = json_string_value(json_array_get(bundles, i));
		char path[DOCTOR_PATH_MAX];
		int r;

		if (snprintf(path, sizeof(path), "%s/%s/Contents/Info.plist", folder, name) >=
			(int)sizeof(path)) {
			continue;
		}
		r = doctor_read(d, path, DOCTOR_FILE_MAX, &plist);
		if (r == 0) {
			r = plist_claimed(buf_view(&plist), claimed);
		} else if (r == DOCTOR_ABSENT) {
			continue; /* no bundle: serial/ holds drivers of other kinds */
		}
		any = true;
		if (r != 0) {
			doctor_found(d, VITALED_FINDING_DRIVER_BROKEN, path, NULL);
		}
	}
	return any;
}

json_t *doctor_claimed(struct doctor *d)
{
	json_t *claimed = json_object();
	bool any = false;

	if (claimed) {
		any = read_drivers(d, "/usr/lib/pcsc/drivers", claimed);
		any = read_drivers(d, "/usr/lib64/pcsc/drivers", claimed) || any;
		if (!any && !doctor_has_usb(d)) {
			doctor_found(
				d, VITALED_FINDING_NO_DRIVERS, "/usr/lib/pcsc/drivers", NULL);
		}
	}
	return claimed;
}

/* -- devices ----------------------------------------------------------------------------------- */

struct view doctor_attribute(
	const struct doctor *d, const char *device, const char *name, struct buf *buf)
{
	char path[DOCTOR_PATH_MAX];

	buf_reset(buf);
	if (snprintf(path, sizeof(path), DOCTOR_DEVICES "/%s/%s", device, name) >=
			(int)sizeof(path) ||
		doctor_read(d, path, DOCTOR_ATTRIBUTE_MAX, buf) != 0) {
		return VIEW_NULL;
	}
	if (view_equal(view_last(buf_view(buf), 1), VIEW_TEXT("\n"))) {
		buf_truncate(buf, buf->len - 1);
	}
	return buf_view(buf);
}

bool doctor_has_class(const struct doctor *d, const json_t *all, const char *device)
{
	_cleanup_(buf_done) struct buf buf = BUF_NULL(DOCTOR_ATTRIBUTE_MAX);
	size_t n = strlen(device);
	uint16_t class;

	for (size_t i = 0; i < json_array_size(all); i++) {
		const char *name = json_string_value(json_array_get(all, i));

		if (strncmp(name, device, n) == 0 && name[n] == ':' &&
			plist_hex(doctor_attribute(d, name, "bInterfaceClass", &buf), &class) &&
			class == 0x0B) {
			return true;
		}
	}
	return false;
}

/* -- who has it, and who is to have it ------------------------------------------------------------- */

struct look {
	struct doctor *d;
	const char *socket; /* of vitaled-usb, where nobody listens at it; or NULL */
	bool installed;	    /* vitaled-usb */
	bool taken;	    /* the one that is looked at: vitaled-usb's, and pcscd has it */
	json_t *meant; /* of each meant_key(): readers that pcscd is to have, or is found to have */
	json_t *counts; /* of each driver's name: devices so far that pcscd should list under it */
};

/* As the table names it, the driver of pcscd, or itself. New. */
static json_t *name_of(const struct plugged *p)
{
	if (p->known) {
		return json_string(p->known->name);
	}
	return json_string(p->libccid ? p->libccid : p->model);
}

/* What follows @driver's name in a name that pcscd gives, which ends in the reader's number and the slot's:
 * "KAPELSE KAP-LINK [interface] (serial number) 00 00"; NULL: of another driver's name, or not the first
 * slot. Where the service told the readers, those of vitaled-usb are among them. */
static const char *tail_of(const char *name, const char *driver)
{
	size_t n = strlen(name), m = strlen(driver);

	if (strncmp(name, driver, m) != 0 || name[m] != ' ' || strstr(name, " [usb ")) {
		return NULL;
	}
	return n > 3 && name[n - 3] == ' ' && strcmp(name + n - 2, "00") != 0 ? NULL : name + m;
}

/* How many of pcscd's readers have the name that the driver gives this id. */
static size_t listed(const struct doctor *d, const char *driver)
{
	size_t n = 0;

	for (size_t i = 0; i < json_array_size(d->readers); i++) {
		n += tail_of(json_string_value(json_array_get(d->readers, i)), driver) != NULL;
	}
	return n;
}

/* And how many of them with @serial, or with none when that is empty. */
static size_t listed_with(const struct doctor *d, const char *driver, const char *serial)
{
	char mark[PLUGGED_TEXT + 4];
	size_t n = 0;

	(void)snprintf(mark, sizeof(mark), " (%s) ", serial);
	for (size_t i = 0; i < json_array_size(d->readers); i++) {
		const char *tail =
			tail_of(json_string_value(json_array_get(d->readers, i)), driver);

		n += tail && (serial[0] ? strstr(tail, mark) != NULL : !strchr(tail, '('));
	}
	return n;
}

/* Whether vitaled-usb cannot use it, whatever it is told. */
static bool refused(const struct plugged *p)
{
	return p->described && p->refused != 0;
}

/* Whether the configuration lets pcscd not have it. */
static bool for_usb_alone(const struct plugged *p)
{
	return p->claims == CLAIMS_USB && !refused(p);
}

/* Whether pcscd lists this one too, besides those of its name before. */
static bool pcscd_lists(struct look *l, const struct plugged *p)
{
	json_int_t before;

	if (!p->libccid || for_usb_alone(p)) {
		return false;
	}
	before = json_integer_value(json_object_get(l->counts, p->libccid));
	return json_object_set_new(l->counts, p->libccid, json_integer(before + 1)) == 0 &&
	       (json_int_t)listed(l->d, p->libccid) > before;
}

/* Whether the service has a reader of vitaled-usb at this port. */
static bool served(const struct doctor *d, const struct plugged *p)
{
	char mark[64];
	int n = snprintf(mark, sizeof(mark), "[usb %s]", p->port);

	for (size_t i = 0; n < (int)sizeof(mark) && i < json_array_size(d->served); i++) {
		if (strstr(json_string_value(json_array_get(d->served, i)), mark)) {
			return true;
		}
	}
	return false;
}

/* Names of pcscd have the serial number or they have not: readers are counted under both. */
static void meant_key(const struct plugged *p, bool with_serial, char ret[DOCTOR_PATH_MAX])
{
	(void)snprintf(
		ret, DOCTOR_PATH_MAX, "%s (%s", p->libccid, with_serial ? p->serial : "");
}

static json_int_t meant(const struct look *l, const char *key)
{
	return json_integer_value(json_object_get(l->meant, key));
}

static void add_meant(struct look *l, const char *key, const struct plugged *p)
{
	json_int_t n = p->n_readers > 0 ? (json_int_t)p->n_readers : 1;

	(void)json_object_set_new(l->meant, key, json_integer(meant(l, key) + n));
}

/* Counts what pcscd is to have: its names stand for these before they stand for another. */
static void count_meant(void *user, const struct plugged *p)
{
	struct look *l = user;
	char key[DOCTOR_PATH_MAX];

	if (!p->libccid || for_usb_alone(p) || p->blocked || served(l->d, p)) {
		return;
	}
	for (int i = 0; i <= (p->serial[0] != '\0'); i++) {
		meant_key(p, i == 1, key);
		add_meant(l, key, p);
	}
}

/* Whether pcscd has one that the configuration gives to vitaled-usb: a program has it, and pcscd lists more
 * readers of its name than it is to have. */
static bool pcscd_took(struct look *l, const struct plugged *p)
{
	char key[DOCTOR_PATH_MAX];

	if (!p->libccid || !for_usb_alone(p) || strcmp(p->driver, "usbfs") != 0) {
		return false;
	}
	for (int i = 0; i <= (p->serial[0] != '\0'); i++) {
		meant_key(p, i == 1, key);
		if ((json_int_t)listed_with(l->d, p->libccid, i == 1 ? p->serial : "") >
			meant(l, key)) {
			add_meant(l, key, p); /* these names stand for it */
			return true;
		}
	}
	return false;
}

/* -- what stands in the way ------------------------------------------------------------------------ */

/* @driver: who is to have it; NULL: nobody would */
static void found(const struct look *l, const struct plugged *p, enum vitaled_finding f,
	const char *driver)
{
	_cleanup_json_ json_t *name = name_of(p);
	char usb[10];

	plist_key(p->vendor, p->product, usb);
	doctor_found(l->d, f, json_string_value(name),
		json_pack("{s:O, s:s, s:s, s:s*, s:s*, s:s*, s:s*, s:s*}", "name", name, "usb",
			usb, "port", p->port, "driver", driver, "configured",
			p->told ? claims_word(p->claims) : NULL, "libccid",
			p->known ? p->known->libccid : NULL, "socket",
			f == VITALED_FINDING_READER_USB_SILENT ? l->socket : NULL, "reason",
			f == VITALED_FINDING_READER_REFUSED ? descriptor_reason(p->refused)
							    : NULL));
}

/* A reader in a mode of its own, which nobody can drive. */
static bool old_mode(const struct plugged *p)
{
	return p->known && (p->known->quirks & READER_QUIRK_NOT_CCID) && !p->class;
}

/* Its node, and whether a service that runs has it. @driver: of pcscd, where that claims it too */
static void judge_open(const struct look *l, const struct plugged *p, const char *driver)
{
	if (p->node[0] && !p->has_service_group) {
		doctor_found(l->d, VITALED_FINDING_USER_MISSING, "vitaled-usb", NULL);
	} else if (!p->told && !p->known && !driver) {
		return; /* where the configuration is hidden it may be nobody's */
	} else if (p->denied) {
		found(l, p, VITALED_FINDING_READER_DENIED, "vitaled-usb");
	} else if (l->d->runs) {
		found(l, p, VITALED_FINDING_READER_UNSEEN, driver ? driver : "vitaled-usb");
	}
}

/* One that vitaled-usb alone can have, or is to have. */
static void judge_ours(const struct look *l, const struct plugged *p)
{
	if (refused(p)) {
		found(l, p, VITALED_FINDING_READER_REFUSED, "vitaled-usb");
	} else if (!l->installed && p->claims == CLAIMS_USB) {
		found(l, p, VITALED_FINDING_READER_USB_MISSING, "vitaled-usb");
	} else if (!l->installed) {
		found(l, p, VITALED_FINDING_READER_UNCLAIMED, NULL);
	} else if (l->socket) {
		found(l, p, VITALED_FINDING_READER_USB_SILENT, "vitaled-usb");
	} else if (l->taken) {
		found(l, p, VITALED_FINDING_READER_HELD, p->libccid);
	} else {
		judge_open(l, p, NULL);
	}
}

/* One that a driver of pcscd claims, and that pcscd does not list. */
static void judge_unlisted(const struct look *l, const struct plugged *p)
{
	bool able = l->installed && !l->socket && !refused(p);

	if (p->claims == CLAIMS_AUTO && able) {
		judge_open(l, p, p->libccid);
	} else {
		found(l, p, VITALED_FINDING_READER_UNSEEN, p->libccid);
	}
}

/* One of pcscd's that no driver of it claims. */
static void judge_left(const struct look *l, const struct plugged *p)
{
	if (refused(p)) {
		found(l, p, VITALED_FINDING_READER_REFUSED, NULL);
	} else if (p->given && (p->n_readers > 0 || (p->known && p->class))) {
		found(l, p, VITALED_FINDING_READER_TO_PCSCD, NULL);
	} else {
		found(l, p, VITALED_FINDING_READER_UNCLAIMED, NULL);
	}
}

/* One that neither has. */
static void judge_missing(const struct look *l, const struct plugged *p)
{
	if (p->blocked) {
		found(l, p, VITALED_FINDING_READER_BLOCKED, p->libccid);
	} else if (old_mode(p) && !p->libccid) {
		found(l, p, VITALED_FINDING_READER_OLD_MODE, NULL);
	} else if (p->claims == CLAIMS_USB || (!p->libccid && p->claims == CLAIMS_AUTO)) {
		judge_ours(l, p);
	} else if (!p->libccid) {
		judge_left(l, p);
	} else if (l->d->readers) { /* else nobody told what pcscd has */
		judge_unlisted(l, p);
	}
}

static void judge(void *user, const struct plugged *p)
{
	struct look *l = user;
	_cleanup_json_ json_t *name = name_of(p);
	bool ours = served(l->d, p);
	bool theirs = !ours && !p->blocked && pcscd_lists(l, p);
	char usb[10];

	l->taken = !ours && !p->blocked && pcscd_took(l, p);
	plist_key(p->vendor, p->product, usb);
	doctor_seen(l->d, "usb-reader",
		json_pack("{s:O, s:s, s:s, s:s*, s:s*}", "name", name, "usb", usb, "port",
			p->port, "configured", p->told ? claims_word(p->claims) : NULL,
			"driver",
			ours		     ? "vitaled-usb"
			: theirs || l->taken ? "pcscd"
					     : NULL));
	if (!ours && !theirs) {
		judge_missing(l, p);
	}
	if (p->shared && l->installed && (ours || for_usb_alone(p))) {
		found(l, p, VITALED_FINDING_READER_SHARED, "vitaled-usb");
	}
}

void doctor_usb(struct doctor *d)
{
	struct doctor_rules rules;
	struct doctor quiet = *d;
	struct look l = {.d = d,
		.installed = doctor_has_usb(d),
		.meant = json_object(),
		.counts = json_object()};

	quiet.found = doctor_ignore;
	doctor_rules(d, &rules);
	l.socket = rules.socket[0] && doctor_silent(d, rules.socket) ? rules.socket : NULL;
	if (l.meant && l.counts && plugged_each(&quiet, &rules, count_meant, &l) >= 0 &&
		plugged_each(d, &rules, judge, &l) >= 0 &&
		doctor_there(d, DOCTOR_DEVICES) != 0) {
		doctor_seen(d, "usb-devices", json_pack("{s:s}", "state", N_("not there")));
	}
	json_decref(l.meant);
	json_decref(l.counts);
	doctor_rules_done(&rules);
}
