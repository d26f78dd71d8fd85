/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * vitalectl doctor: what keeps this computer from opening a dossier. The parts look (doctor-*.c), this
 * file tells: under a heading what was seen, then what was found, each with its name, a sentence for
 * the person, one for the technician, and a remedy. Nothing is changed, nothing leaves this computer.
 */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "client/ctl.h"
#include "client/doctor.h"
#include "client/lang.h"
#include "client/render.h"

#define STATE	"/var/lib/vitaled"
#define ANCHORS "/etc/vitaled/anchors"

struct report {
	struct ctl *ctl;
	enum ctl_exit worst;   /* the first finding's that is more than a remark */
	unsigned int findings; /* remarks not counted */
	const char *group;     /* the heading that was printed last */
};

static void heading(struct report *r, const char *group)
{
	static const struct {
		const char *group;
		const char *text;
	} headings[] = {
		{"service", N_("The service")},
		{"units", N_("Services of the system")},
		{"rights", N_("Rights of this user, here")},
		{"readers", N_("Readers and cards")},
		{"installation", N_("Installation and rights")},
		{"anchors", N_("Issuers of cards that are trusted")},
		{"feeders", N_("Feeders of reimbursements that are trusted")},
		{"store", N_("Data and disk")},
		{"clock", N_("Clock")},
	};

	if (r->group && strcmp(r->group, group) == 0) {
		return;
	}
	r->group = group;
	for (size_t i = 0; i < ARRAY_LEN(headings); i++) {
		if (strcmp(headings[i].group, group) == 0) {
			ctl_line(r->ctl, "%s", gettext(headings[i].text));
		}
	}
}

/* A fact's value for people: times as dates, sizes in MB, texts of ours translated. */
static void put_value(const char *name, const json_t *value, struct buf *out)
{
	const char *text = json_string_value(value);
	json_int_t number = json_integer_value(value);

	if (json_is_integer(value) && strcmp(name, "until") == 0 && number >= 0) {
		char when[28];

		clock_rfc3339((uint64_t)number, when);
		buf_printf(out, "%.10s", when);
	} else if (json_is_integer(value) && strcmp(name, "free") == 0) {
		buf_printf(out, "%lld MB", (long long)(number / 1000000));
	} else if (json_is_integer(value)) {
		buf_printf(out, "%lld", (long long)number);
	} else if (text) {
		render_text(text[0] ? gettext(text) : "-", false, out);
	} else {
		render(value, out);
	}
}

/* "    label: value" for each fact but the finding's own name */
static void put_facts(const char *finding, const json_t *facts, struct buf *out)
{
	const char *name;
	json_t *value;

	/* jansson's macro writes only to its two variables */
	json_object_foreach((json_t *)(uintptr_t)facts, name, value)
	{
		if (strcmp(name, "name") == 0 && json_string_value(value) &&
			strcmp(json_string_value(value), finding) == 0) {
			continue;
		}
		buf_put_str(out, "      ");
		render_text(message_label(name), false, out);
		buf_put_str(out, _(": "));
		put_value(name, value, out);
		if (out->len > 0 && out->data[out->len - 1] != '\n') {
			buf_put_u8(out, '\n');
		}
	}
}

static const struct message *sentences(const char *name)
{
	const struct message *m = message_finding(name);

	if (!m) {
		m = message_of_word(name);
	}
	return m || !strchr(name, '.') ? m : message_of_error(name);
}

static void tell_found(void *user, const char *group, const char *name, const char *detail,
	const json_t *facts)
{
	_cleanup_(buf_done) struct buf text = BUF_NULL(65536);
	struct report *r = user;
	const struct message *m = sentences(name);

	if (!m || m->exit != CTL_OK) {
		r->findings++;
		r->worst = r->worst != CTL_OK ? r->worst : m ? m->exit : CTL_FAILED;
	}
	if (r->ctl->json) {
		ctl_json(json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:O?}", "finding", name,
			"group", group, "detail", detail, "sentence",
			m ? gettext(m->person) : name, "technician",
			m ? gettext(m->technician) : "", "remedy", m ? gettext(m->remedy) : "",
			"facts", facts));
		return;
	}
	heading(r, group);
	buf_put_str(&text, m && m->exit == CTL_OK ? "  * " : "  ! ");
	render_text(name, false, &text);
	buf_put_str(&text, _(": "));
	buf_printf(&text, "%s\n", m ? gettext(m->person) : "");
	if (m) {
		buf_printf(&text, "      %s\n", gettext(m->technician));
		if (detail[0]) {
			buf_put_str(&text, "      ");
			render_text(detail, false, &text);
			buf_put_u8(&text, '\n');
		}
		buf_printf(&text, "      %s\n", gettext(m->remedy));
	}
	put_facts(name, facts, &text);
	render_print(&text);
}

static void tell_seen(void *user, const char *group, const char *what, const json_t *facts)
{
	_cleanup_(buf_done) struct buf text = BUF_NULL(65536);
	struct report *r = user;
	const char *name;
	json_t *value;
	size_t n = 0;

	if (r->ctl->json) {
		ctl_json(json_pack(
			"{s:s, s:s, s:O}", "seen", what, "group", group, "facts", facts));
		return;
	}
	heading(r, group);
	buf_printf(&text, "  %s%s", message_label(what), _(": "));
	json_object_foreach((json_t *)(uintptr_t)facts, name, value)
	{
		buf_put_str(&text, n++ > 0 ? ", " : "");
		put_value(name, value, &text);
	}
	buf_put_u8(&text, '\n');
	render_print(&text);
}

static void look(struct doctor *d, struct ctl *ctl)
{
	struct conn_failure f = {0};

	doctor_group(d, "service");
	if (conn_open(&ctl->conn, NULL, NULL, &f) == 0) {
		d->conn = &ctl->conn;
		doctor_bus(d);
		doctor_group(d, "units");
		doctor_units(d);
		doctor_group(d, "rights");
		doctor_rights(d);
		conn_close(&ctl->conn);
		d->conn = NULL;
	} else {
		doctor_found(d, VITALED_FINDING_BUS, f.detail, NULL);
	}
	doctor_group(d, "readers");
	doctor_pcsc(d);
	doctor_usb(d);
	doctor_group(d, "installation");
	doctor_files(d);
	doctor_group(d, "anchors");
	doctor_trust(d);
	doctor_group(d, "feeders");
	doctor_feeders(d);
	doctor_group(d, "store");
	doctor_store(d);
	doctor_group(d, "clock");
	doctor_clock(d);
}

static const struct args_option options[] = {
	{"anchors", 0, "DIR"},
	{"root", 0, "DIR"},
};

enum ctl_exit cmd_doctor(struct ctl *ctl, const struct args *line)
{
	struct report report = {.ctl = ctl};
	struct doctor d = {.root = "",
		.found = tell_found,
		.seen = tell_seen,
		.user = &report,
		.group = ""};
	struct args a;
	enum ctl_exit code = ctl_parse(ctl, options, ARRAY_LEN(options), line, 0, 0, &a);

	if (code != CTL_OK) {
		return code;
	}
	if (args_flag(&a, "root")) {
		d.root = args_value(&a, "root");
	}
	(void)snprintf(d.state, sizeof(d.state), "%s", STATE);
	(void)snprintf(d.anchors, sizeof(d.anchors), "%s", ANCHORS);
	if (args_flag(&a, "anchors")) {
		const char *given = args_value(&a, "anchors");

		if (strlen(given) >= sizeof(d.anchors)) {
			return ctl_usage(ctl, given, _("the path is too long"));
		}
		(void)snprintf(d.anchors, sizeof(d.anchors), "%s", given);
		d.anchors_given = true;
	}
	look(&d, ctl);
	json_decref(d.readers);
	json_decref(d.served);
	if (ctl->json) {
		ctl_json(json_pack("{s:i}", "findings", (int)report.findings));
	} else if (report.findings == 0) {
		ctl_line(ctl, "%s", _("Nothing stands in the way."));
	}
	return report.worst;
}
