/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * One entry as RFC 8785 JSON. A pseudonym or a hash that is not 64 hexadecimal digits is refused
 * here, so that no number of a person can ever slip into the record in their place.
 */
#include "daemon/audit/entry.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#define FORMAT	   1
#define HEX_DIGITS 64U

const char *audit_event_word(enum audit_event e)
{
	static const char *const words[] = {
#define X(id, word) word,
		AUDIT_EVENTS(X)
#undef X
	};

	assert((size_t)e < ARRAY_LEN(words));
	return words[e];
}

/* Absent members are left out; text that is not UTF-8 is refused. */
static int set_text(json_t *j, const char *name, const char *text)
{
	json_t *value;

	if (!text)
		return 0;
	value = json_string(text);
	if (!value)
		return fault(-EINVAL);
	return trace(json_set(j, name, value));
}

static int set_number(json_t *j, const char *name, int64_t n)
{
	return n < 0 ? 0 : trace(json_set(j, name, json_integer(n)));
}

static int set_digest(json_t *j, const char *name, const char *text)
{
	if (text &&
		(strlen(text) != HEX_DIGITS || strspn(text, "0123456789abcdef") != HEX_DIGITS))
		return fault(-EINVAL);
	return trace(set_text(j, name, text));
}

static int set_place(json_t *j, const struct entry_place *at)
{
	const struct {
		const char *name;
		uint64_t value;
	} numbers[] = {
		{"format", FORMAT},
		{"sequence", at->sequence},
		{"time", at->wall},
		{"boot-time", at->boot},
	};

	for (size_t i = 0; i < ARRAY_LEN(numbers); i++) {
		int r = set_number(j, numbers[i].name, (int64_t)(numbers[i].value & INT64_MAX));

		if (r < 0)
			return trace(r);
	}
	return trace(set_text(j, "boot-id", at->boot_id));
}

static int set_members(json_t *j, const struct audit_entry *e)
{
	const struct {
		const char *name;
		const char *text;
	} texts[] = {
		{"event", audit_event_word(e->event)},
		{"session", e->session},
		{"outcome", e->outcome},
		{"caller", e->caller},
		{"application", e->application},
		{"professional", e->professional},
		{"structure", e->structure},
		{"mode", e->mode},
		{"document", e->document},
		{"rule", e->rule},
	};

	int r;

	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		r = set_text(j, texts[i].name, texts[i].text);
		if (r < 0)
			return trace(r);
	}
	r = set_digest(j, "pseudonym", e->pseudonym);
	if (r == 0)
		r = set_digest(j, "dossier-hash", e->dossier_hash);
	if (r == 0)
		r = set_number(j, "caller-uid", e->caller_uid);
	if (r == 0)
		r = set_number(j, "dossier-version", e->dossier_version);
	return trace(r);
}

int entry_text(const struct audit_entry *e, const struct entry_place *at, struct buf *out)
{
	_cleanup_json_ json_t *j = json_object();
	int r;

	if (!j)
		return fault(-ENOMEM);
	if ((e->details && !json_is_object(e->details)) ||
		(e->dossier_hash && (e->dossier_version < 0 || !e->pseudonym)))
		return fault(-EINVAL);
	r = set_place(j, at);
	if (r == 0)
		r = set_members(j, e);
	if (r == 0 && e->details)
		r = json_set(j, "details", json_deep_copy(e->details));
	if (r == 0)
		r = json_canonical(j, out);
	return r > 0 ? fault(-EINVAL) : trace(r);
}

int entry_place_of(struct view text, struct entry_place *ret)
{
	_cleanup_json_ json_t *j = NULL;
	struct entry_place p = {0};
	int64_t sequence, wall, boot;
	const char *boot_id;
	int r;

	r = json_parse(text, &j);
	if (r != 0)
		return r < 0 ? trace(r) : ENTRY_MALFORMED;
	boot_id = json_get_str(j, "boot-id");
	if (!boot_id || view_copy_str(view_str(boot_id), p.boot_id, sizeof(p.boot_id)) < 0 ||
		json_get_int(j, "sequence", 0, INT64_MAX, &sequence) != 0 ||
		json_get_int(j, "time", 0, INT64_MAX, &wall) != 0 ||
		json_get_int(j, "boot-time", 0, INT64_MAX, &boot) != 0)
		return ENTRY_MALFORMED;
	p.sequence = (uint64_t)sequence;
	p.wall = (uint64_t)wall;
	p.boot = (uint64_t)boot;
	*ret = p;
	return 0;
}
