/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * vitalectl readers: the readers that the service shows; with --usb what is plugged in, read from its
 * descriptors in plain words, to be attached to a bug report. That needs neither the service nor any
 * right; a serial number, which is a person's, is shown only with --serials.
 */
#include <stdio.h>
#include <string.h>

#include "client/ctl.h"
#include "client/lang.h"
#include "client/plugged.h"
#include "client/render.h"
#include "drivers/usb/words.h"

#define TEXT_MAX ((size_t)1024 * 1024)

struct report {
	struct ctl *ctl;
	bool serials;
	struct doctor_rules rules; /* whose the readers are */
	struct buf text;
};

/* -- in words ------------------------------------------------------------------------------------- */

static const char *say(const char *english)
{
	return gettext(english);
}

/* A device's own words without its serial number, which some makers put there. */
static const char *without_serial(const struct plugged *p, const char *words, bool serials)
{
	return serials || strlen(p->serial) < 4 || !strstr(words, p->serial) ? words : "";
}

static void put_line(struct buf *out, const char *label, const char *text)
{
	words_line(out, 2, say, label);
	buf_printf(out, "%s\n", text);
}

static const char *claim_of(const struct plugged *p)
{
	switch (p->claims) {
	case CLAIMS_PCSC:
		return _("leaves it to pcscd");
	case CLAIMS_AUTO:
		return _("takes it when pcscd does not hold it");
	case CLAIMS_USB:
		break;
	}
	return _("takes it");
}

/* Who drives it: pcscd's drivers, and vitaled-usb. */
static void put_drivers(const struct plugged *p, struct buf *out)
{
	_cleanup_(buf_done) struct buf name = BUF_NULL(TEXT_MAX);

	words_line(out, 2, say, N_("pcscd's driver"));
	if (p->libccid) {
		render_text(p->libccid, false, &name);
		buf_put_u8(&name, 0);
		buf_printf(out, _("claims it, as \"%s\""),
			name.failed ? "" : (const char *)name.data);
	} else if (p->known && strcmp(p->known->libccid, "no") != 0) {
		buf_printf(
			out, _("does not claim it; libccid does since %s"), p->known->libccid);
	} else {
		buf_put_str(out, _("does not claim it"));
	}
	buf_put_u8(out, '\n');
	words_line(out, 2, say, "vitaled-usb");
	if (p->told) {
		buf_printf(out, "%s [%s]\n", p->refused != 0 ? _("cannot use it") : claim_of(p),
			claims_word(p->claims));
	} else {
		buf_printf(out, "%s\n", p->refused != 0 ? _("cannot use it") : _("not known"));
	}
	if (p->driver[0]) {
		put_line(out, N_("driver in the kernel"),
			strcmp(p->driver, "usbfs") == 0 ? _("a program has it now (usbfs)")
							: p->driver);
	}
	if (p->blocked) {
		put_line(out, N_("note"), _("The system does not let this device in."));
	}
}

static void put_node(const struct plugged *p, struct buf *out)
{
	if (p->node[0] == '\0') {
		return;
	}
	words_line(out, 2, say, N_("device node"));
	buf_put_str(out, p->node);
	if (p->mode == 0) {
		buf_printf(out, ", %s\n", _("not there"));
		return;
	}
	buf_printf(out, " %03o %s:%s; %s; %s\n", p->mode, p->owner, p->group,
		p->mine ? _("this user may use it") : _("this user may not use it"),
		!p->has_service_group ? _("there is no group vitaled-usb")
		: p->service	      ? _("vitaled-usb may use it")
				      : _("vitaled-usb may not use it"));
}

static void tell_words(struct report *r, const struct plugged *p)
{
	const char *serial = r->serials ? p->serial : words_hidden;
	const struct words_device d = {.port = p->port,
		.vendor = p->vendor,
		.product = p->product,
		.release = p->release,
		.manufacturer = without_serial(p, p->manufacturer, r->serials),
		.model = without_serial(p, p->model, r->serials),
		.serial = p->serial[0] ? serial : NULL,
		.known = p->known,
		.readers = p->readers,
		.n_readers = p->n_readers,
		.refused = p->refused};

	buf_put_u8(&r->text, '\n');
	words_device(&d, say, &r->text);
	put_drivers(p, &r->text);
	put_node(p, &r->text);
}

static void tell_versions(struct report *r, const json_t *versions)
{
	static const char *const names[] = {"vitalectl", "kernel", "pcscd", "libccid"};

	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		const char *version = json_get_str(versions, names[i]);

		buf_printf(&r->text, "%s%s", names[i], _(": "));
		render_text(version ? version : _("not there"), false, &r->text);
		buf_put_u8(&r->text, '\n');
	}
	buf_printf(&r->text, "vitaled-usb%s%s\n", _(": "),
		json_get_bool(versions, "vitaled-usb") ? _("installed") : _("not there"));
}

/* Whether it could be read that says whose the readers are. */
static void tell_configuration(struct report *r)
{
	buf_printf(&r->text, "%s%s", message_label("configuration"), _(": "));
	if (r->rules.outcome == 0) {
		buf_put_str(&r->text, r->rules.there ? _("read") : _("not there: defaults"));
	} else if (r->rules.outcome == DOCTOR_DENIED) {
		buf_put_str(&r->text, _("may not be read by this user"));
	} else {
		buf_printf(&r->text, "%s%s", _("not good"), _(": "));
		render_text(r->rules.where, false, &r->text);
	}
	buf_put_u8(&r->text, '\n');
}

/* -- as JSON -------------------------------------------------------------------------------------- */

static json_t *tasks_of(const struct ccid_interface *c, bool by_reader)
{
	json_t *list = json_array();
	const struct words_task *t;
	bool reader;

	for (size_t i = 0; list && (t = words_task(c, i, &reader)) != NULL; i++) {
		if (reader == by_reader &&
			json_array_append_new(list, json_string(t->name)) < 0) {
			json_decref(list);
			return NULL;
		}
	}
	return list;
}

static const char *level_name(enum ccid_level level)
{
	switch (level) {
	case CCID_LEVEL_CHARACTER:
		return "character";
	case CCID_LEVEL_TPDU:
		return "tpdu";
	case CCID_LEVEL_SHORT_APDU:
		return "short-apdu";
	case CCID_LEVEL_EXTENDED_APDU:
		break;
	}
	return "extended-apdu";
}

static json_t *reader_of_interface(const struct ccid_interface *c)
{
	json_t *part = json_pack("{s:i, s:i, s:s, s:b, s:b, s:i, s:I, s:I, s:I, s:I, s:i}",
		"voltages", c->voltages, "display", c->display, "level", level_name(c->level),
		"t0", (int)(c->protocols & 1U), "t1", (int)(c->protocols >> 1U & 1U), "busy",
		c->busy, "clock", (json_int_t)c->clock, "clock-max", (json_int_t)c->clock_max,
		"rate", (json_int_t)c->rate, "rate-max", (json_int_t)c->rate_max, "rates",
		c->rates);
	json_t *j = json_pack(
		"{s:i, s:i, s:i, s:I, s:I, s:I, s:b, s:b, s:b, s:o, s:o, s:[i, i, i]}",
		"interface", c->number, "version", c->version, "slots", c->slots, "features",
		(json_int_t)c->features, "message", (json_int_t)c->message, "ifsd",
		(json_int_t)c->ifsd, "message-short", c->message_short, "pin-verify",
		(c->pin & CCID_PIN_VERIFY) != 0, "pin-change", (c->pin & CCID_PIN_MODIFY) != 0,
		"by-reader", tasks_of(c, true), "by-driver", tasks_of(c, false), "endpoints",
		c->bulk_out, c->bulk_in, c->interrupt_in);

	if (!j || !part || json_object_update(j, part) < 0) {
		json_decref(j);
		j = NULL;
	}
	json_decref(part);
	return j;
}

static json_t *configuration_of(const struct doctor_rules *rules)
{
	bool odd = rules->outcome != 0 && rules->outcome != DOCTOR_DENIED;
	_cleanup_json_ json_t *where = doctor_text(view_str(rules->where));

	return json_pack("{s:s, s:O*}", "state",
		odd				  ? "invalid"
		: rules->outcome == DOCTOR_DENIED ? "denied"
		: rules->there			  ? "read"
						  : "absent",
		"where", odd ? where : NULL);
}

static json_t *device_of(const struct report *r, const struct plugged *p)
{
	json_t *readers = json_array();
	const char *own = without_serial(p, p->model, r->serials);
	char usb[10];

	(void)snprintf(usb, sizeof(usb), "%04x:%04x", p->vendor, p->product);
	for (size_t i = 0; readers && i < p->n_readers; i++) {
		if (json_array_append_new(readers, reader_of_interface(&p->readers[i])) < 0) {
			json_decref(readers);
			readers = NULL;
		}
	}
	return json_pack(
		"{s:s, s:s, s:i, s:s, s:s, s:s*, s:s*, s:s*, s:s*, s:s*, s:b, s:s*, s:o, "
		"s:{s:s, s:i, s:s, s:s, s:b, s:b}}",
		"port", p->port, "usb", usb, "release", p->release, "manufacturer",
		without_serial(p, p->manufacturer, r->serials), "model", own, "name",
		p->known ? p->known->name : NULL, "serial",
		r->serials && p->serial[0] ? p->serial : NULL, "refused",
		p->refused != 0 ? descriptor_reason(p->refused) : NULL, "pcscd", p->libccid,
		"driver", p->told ? claims_word(p->claims) : NULL, "blocked", p->blocked,
		"kernel-driver", p->driver[0] ? p->driver : NULL, "readers", readers, "node",
		"path", p->node, "mode", (int)p->mode, "owner", p->owner, "group", p->group,
		"this-user", p->mine, "service", p->service);
}

/* -- the command --------------------------------------------------------------------------------- */

static void tell(void *user, const struct plugged *p)
{
	struct report *r = user;

	if (r->ctl->json) {
		ctl_json(device_of(r, p));
	} else {
		tell_words(r, p);
	}
}

static enum ctl_exit look_usb(struct ctl *ctl, const char *root, bool serials)
{
	struct report report = {.ctl = ctl, .serials = serials, .text = BUF_NULL(TEXT_MAX)};
	struct doctor d = {
		.root = root, .found = doctor_ignore, .user = &report, .group = "readers"};
	_cleanup_json_ json_t *versions = plugged_versions(&d);
	int n;

	doctor_rules(&d, &report.rules);
	if (ctl->json) {
		ctl_json(json_pack("{s:O, s:o}", "versions", versions, "configuration",
			configuration_of(&report.rules)));
	} else {
		tell_versions(&report, versions);
		tell_configuration(&report);
	}
	n = plugged_each(&d, &report.rules, tell, &report);
	doctor_rules_done(&report.rules);
	if (n < 0) {
		buf_done(&report.text);
		return ctl_fault(ctl, n);
	}
	if (n == 0 && !ctl->json) {
		buf_printf(&report.text, "\n%s\n", _("No card reader is plugged in."));
	}
	render_print(&report.text);
	buf_done(&report.text);
	return CTL_OK;
}

static json_t *readers_and_cards(json_t *objects)
{
	json_t *found = json_object();
	const char *path;
	json_t *one;

	json_object_foreach(objects, path, one)
	{
		if ((json_object_get(one, CONN_NAME ".Reader") ||
			    json_object_get(one, CONN_NAME ".Card")) &&
			json_object_set(found, path, one) < 0) {
			json_decref(found);
			return NULL;
		}
	}
	return found;
}

static enum ctl_exit look_service(struct ctl *ctl)
{
	_cleanup_(buf_done) struct buf text = BUF_NULL(TEXT_MAX);
	_cleanup_json_ json_t *objects = NULL;
	struct conn_failure f = {0};
	enum ctl_exit code = ctl_connect(ctl, NULL, NULL);
	int r;

	if (code != CTL_OK) {
		return code;
	}
	r = conn_objects(&ctl->conn, &f, &objects);
	conn_close(&ctl->conn);
	if (r != 0) {
		return ctl_result(ctl, r, &f);
	}
	if (ctl->json) {
		ctl_json(json_pack("{s:o}", "objects", readers_and_cards(objects)));
		return CTL_OK;
	}
	status_objects(objects, STATUS_CARDS, &text);
	if (text.len == 0) {
		buf_printf(&text, "%s\n", _("The service has no reader."));
	}
	render_print(&text);
	return CTL_OK;
}

static const struct args_option options[] = {
	{"usb", 0, NULL},
	{"serials", 0, NULL},
	{"root", 0, "DIR"},
};

enum ctl_exit cmd_readers(struct ctl *ctl, const struct args *line)
{
	struct args a;
	enum ctl_exit code = ctl_parse(ctl, options, ARRAY_LEN(options), line, 0, 0, &a);
	const char *root;

	if (code != CTL_OK) {
		return code;
	}
	root = args_value(&a, "root");
	if (args_flag(&a, "usb")) {
		return look_usb(ctl, root ? root : "", args_flag(&a, "serials"));
	}
	if (root || args_flag(&a, "serials")) {
		return ctl_usage(
			ctl, root ? "--root" : "--serials", _("this option goes with --usb"));
	}
	return look_service(ctl);
}
