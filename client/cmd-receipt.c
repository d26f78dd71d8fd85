/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * vitalectl receipt: show, verify and take apart the receipt of a consent. Needs no service: a
 * receipt says all that is needed to check it, except whom to trust.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "client/content.h"
#include "client/ctl.h"
#include "client/keys.h"
#include "client/lang.h"
#include "client/render.h"
#include "client/statement.h"
#include "record/cvc.h"
#include "record/receipt-page.h"

#define ANCHORS	 "/etc/vitaled/anchors"
#define WORDINGS "/usr/share/vitaled/wordings"

static enum ctl_exit load(struct ctl *ctl, const char *path, struct receipt *ret)
{
	_cleanup_(content_done) struct content c = CONTENT_NULL;
	int r = content_file(path, &c);

	if (r != 0) {
		return ctl_usage(ctl, path, r < 0 ? strerror(-r) : content_explain(r));
	}
	r = c.size > RECEIPT_MAX ? RECEIPT_MALFORMED : receipt_parse(content_view(&c), ret);
	if (r < 0) {
		return ctl_fault(ctl, r);
	}
	return r > 0 ? ctl_usage(ctl, path, _("it is not a receipt")) : CTL_OK;
}

static const char *explain(int outcome)
{
	switch ((enum receipt_outcome)outcome) {
	case RECEIPT_MALFORMED:
		return _("the receipt is malformed");
	case RECEIPT_STATEMENT:
		return _("the statement is not what was signed");
	case RECEIPT_PROFESSIONAL:
		return _("the professional's signature does not verify");
	case RECEIPT_PATIENT:
		return _("the proof of the patient's card does not verify");
	case RECEIPT_AUDIT:
		return _("the record's entry or checkpoint does not verify");
	}
	return "";
}

/* -- show ------------------------------------------------------------------------------------ */

static void show_wording(int r, const char *folder, const struct buf *wording, struct buf *out)
{
	_cleanup_(buf_done) struct buf clean = BUF_NULL((size_t)64 * 1024);

	if (r == STATEMENT_NO_TEXT) {
		buf_put_str(out, _("\nThe patient was shown no text.\n"));
		return;
	}
	if (r == STATEMENT_NO_FILE) {
		buf_printf(out,
			_("\nThe text that the patient was shown is not in %s (--wordings "
			  "DIR).\n"),
			folder);
		return;
	}
	buf_put_view(&clean, buf_view(wording));
	buf_put_u8(&clean, 0);
	buf_put_str(out, _("\nThe text that the patient was shown (its hash agrees):\n"));
	render_text(buf_check(&clean) < 0 ? "" : (const char *)clean.data, true, out);
}

static enum ctl_exit show_json(
	struct ctl *ctl, const struct receipt *r, const struct buf *wording)
{
	json_t *acts = NULL;
	int k = statement_acts_json(r, &acts);

	if (k != 0) {
		return k < 0 ? ctl_fault(ctl, k)
			     : ctl_wrong(ctl, CTL_FALSE, "receipt", explain(k));
	}
	ctl_json(json_pack("{s:s, s:O, s:o, s:I, s:o}", "command", "receipt", "statement",
		r->parsed, "acts", acts, "omitted", (json_int_t)receipt_omitted(r), "wording",
		wording ? json_stringn((const char *)wording->data, wording->len)
			: json_null()));
	return CTL_OK;
}

/* The page for a printer; a new file, or - for standard output. */
static enum ctl_exit do_page(struct ctl *ctl, const struct receipt *r, const char *path)
{
	_cleanup_(buf_done) struct buf text = BUF_NULL(RECEIPT_PAGE_MAX);
	bool french = strcmp(_("en"), "fr") == 0; /* the catalogue says whose it is */
	int k = receipt_page(r, french, &text);

	if (k > 0) {
		return ctl_wrong(ctl, CTL_FALSE, path, explain(k));
	}
	if (k == 0 && strcmp(path, "-") != 0) {
		k = content_save(buf_view(&text), path);
	}
	if (k < 0) {
		return ctl_wrong(ctl, CTL_FAILED, path, strerror(-k));
	}
	if (strcmp(path, "-") == 0) {
		render_print(&text);
	} else if (ctl->json) {
		ctl_json(json_pack("{s:s, s:s}", "command", "receipt", "page", path));
	}
	return CTL_OK;
}

static enum ctl_exit do_show(struct ctl *ctl, const struct receipt *r, const struct args *a)
{
	const char *folder = args_flag(a, "wordings") ? args_value(a, "wordings") : WORDINGS;
	const char *page = args_flag(a, "page") ? args_value(a, "page") : NULL;
	_cleanup_(buf_done) struct buf wording = BUF_NULL((size_t)64 * 1024);
	_cleanup_(buf_done) struct buf text = BUF_NULL((size_t)4 * 1024 * 1024);
	int found;
	int k;

	if (page) {
		return do_page(ctl, r, page);
	}
	found = statement_wording(r, folder, &wording);
	if (found < 0) {
		return ctl_fault(ctl, found);
	}
	if (ctl->json) {
		return show_json(ctl, r, found == 0 ? &wording : NULL);
	}
	statement_text(r, &text);
	k = statement_acts(r, &text);
	if (k != 0) {
		return k < 0 ? ctl_fault(ctl, k)
			     : ctl_wrong(ctl, CTL_FALSE, a->words[1], explain(k));
	}
	show_wording(found, folder, &wording, &text);
	buf_put_str(
		&text, _("\nNo signature was verified here: vitalectl receipt verify FILE.\n"));
	render_print(&text);
	return CTL_OK;
}

/* -- verify ---------------------------------------------------------------------------------- */

struct verdict {
	int r;		    /* of receipt_verify(); -1 before the first trial */
	const char *at;	    /* name of the first bad part */
	const char *nature; /* of the anchors that verified it */
};

/* One trial with the anchors of one nature. Return: 0, or a fault. */
static int attempt(const struct receipt *receipt, const char *folder, const char *nature,
	const char *vkey, struct verdict *v)
{
	_cleanup_(keys_anchors_done) struct keys_anchors k = KEYS_ANCHORS_NULL;
	struct receipt_anchors anchors = {.vkey = vkey};
	struct cvc certificate;
	const char *car = NULL;
	const char *at = "";
	int r;

	if (receipt->certificate.len > 0 &&
		cvc_parse(buf_view(&receipt->certificate), &certificate) == 0) {
		car = certificate.car;
	}
	r = keys_anchors(folder, nature, car, &k);
	if (r != 0) {
		return r < 0 ? trace(r) : 0;
	}
	anchors.x509_file = k.pem_path[0] ? k.pem_path : NULL;
	anchors.cvc_root_key = k.has_root ? VIEW(k.root) : VIEW_NULL;
	r = receipt_verify(receipt, &anchors, &at);
	if (r < 0) {
		return trace(r);
	}
	/* of several failures the one that came furthest is told */
	if (r == 0 || v->r < 0 || r > v->r) {
		*v = (struct verdict){.r = r, .at = r == 0 ? "" : at, .nature = nature};
	}
	return 0;
}

static enum ctl_exit tell(
	struct ctl *ctl, const struct receipt *r, const struct verdict *v, bool own_key)
{
	const char *nature = v->nature && v->nature[0] ? v->nature : "unknown";

	if (ctl->json) {
		ctl_json(json_pack("{s:s, s:b, s:s, s:s, s:s, s:b, s:I, s:I}", "verify",
			"receipt", "ok", v->r == 0, "at", v->at, "why", explain(v->r), "nature",
			v->r == 0 ? nature : "", "own-key", own_key, "acts",
			(json_int_t)receipt_acts(r), "omitted",
			(json_int_t)receipt_omitted(r)));
		return v->r == 0 ? CTL_OK : CTL_FALSE;
	}
	if (v->r != 0) {
		(void)fprintf(stderr, _("The receipt does NOT hold: %s (%s).\n"), explain(v->r),
			v->at);
		return CTL_FALSE;
	}
	ctl_line(ctl, _("The receipt holds. Anchors: %s."), message_nature(nature));
	if (receipt_acts(r) > 0) {
		ctl_line(ctl, _("Acts of its session that are in the record too: %zu."),
			receipt_acts(r));
	}
	if (own_key) {
		ctl_note(ctl, "%s",
			_("The key of the record was taken from the receipt itself: compare it "
			  "with one that "
			  "you hold (--vkey)."));
	}
	return CTL_OK;
}

static enum ctl_exit do_verify(
	struct ctl *ctl, const struct receipt *receipt, const struct args *a)
{
	static const char *const natures[] = {"", "real", "test", "simulated"};
	const char *folder = args_flag(a, "anchors") ? args_value(a, "anchors") : ANCHORS;
	struct verdict v = {.r = -1, .at = ""};
	char *vkey = NULL;
	int r = 0;

	if (args_flag(a, "vkey")) {
		r = keys_vkey(args_value(a, "vkey"), &vkey);
	}
	if (r != 0) {
		return ctl_usage(ctl, args_value(a, "vkey"),
			r < 0 ? strerror(-r) : _("it is no public key of a record (vkey)"));
	}
	for (size_t i = 0; r == 0 && v.r != 0 && i < ARRAY_LEN(natures); i++) {
		r = attempt(receipt, folder, natures[i], vkey, &v);
	}
	free(vkey);
	if (r < 0) {
		return ctl_fault(ctl, r);
	}
	if (v.r < 0) {
		return ctl_usage(ctl, folder, _("it holds no anchors (--anchors DIR)"));
	}
	return tell(ctl, receipt, &v, !args_flag(a, "vkey"));
}

/* -- extract --------------------------------------------------------------------------------- */

static void print_commands(struct ctl *ctl, const struct receipt *r, const char *folder)
{
	const char *cms = "openssl cms -verify -binary -purpose any -inform DER -in "
			  "professional.cms -content "
			  "statement.json -CAfile ANCHORS.pem -out /dev/null";
	const char *presence = "openssl dgst -sha256 -verify presence.pem -signature "
			       "presence.sig presence.bin";
	bool has_cms = r->cms.len > 0;
	bool has_presence = r->signature.len > 0;

	if (ctl->json) {
		ctl_json(json_pack("{s:s, s:s, s:s?, s:s?}", "command", "extract", "out",
			folder, "professional", has_cms ? cms : NULL, "patient",
			has_presence ? presence : NULL));
		return;
	}
	ctl_line(ctl,
		_("The pieces are in %s. To check them without any program of ours, there:"),
		folder);
	if (has_cms) {
		ctl_line(ctl, "  %s", cms);
	}
	if (has_presence) {
		ctl_line(ctl, "  %s", presence);
		ctl_line(ctl, "%s",
			_("presence.bin is the SHA-256 of statement.json and the letters "
			  "VDCONS01."));
	}
}

static enum ctl_exit do_extract(
	struct ctl *ctl, const struct receipt *receipt, const struct args *a)
{
	const char *folder = args_flag(a, "out") ? args_value(a, "out") : ".";
	int dirfd;
	int r;

	if (mkdir(folder, 0700) < 0 && errno != EEXIST) {
		return ctl_wrong(ctl, CTL_FAILED, folder, strerror(errno));
	}
	dirfd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dirfd < 0) {
		return ctl_wrong(ctl, CTL_FAILED, folder, strerror(errno));
	}
	r = receipt_extract(receipt, dirfd);
	close(dirfd);
	if (r > 0) {
		return ctl_wrong(ctl, CTL_FALSE, folder, explain(r));
	}
	if (r < 0) {
		return ctl_wrong(ctl, CTL_FAILED, folder, strerror(-r));
	}
	print_commands(ctl, receipt, folder);
	return CTL_OK;
}

static const struct args_option options[] = {
	{"anchors", 0, "DIR"},
	{"vkey", 0, "TEXT|FILE"},
	{"out", 0, "DIR"},
	{"wordings", 0, "DIR"},
	{"page", 0, "FILE"},
};

enum ctl_exit cmd_receipt(struct ctl *ctl, const struct args *line)
{
	struct receipt receipt = {0};
	struct args a;
	enum ctl_exit code = ctl_parse(ctl, options, ARRAY_LEN(options), line, 2, 2, &a);

	if (code != CTL_OK) {
		return code;
	}
	code = load(ctl, a.words[1], &receipt);
	if (code != CTL_OK) {
		return code;
	}
	if (strcmp(a.words[0], "show") == 0) {
		code = do_show(ctl, &receipt, &a);
	} else if (strcmp(a.words[0], "verify") == 0) {
		code = do_verify(ctl, &receipt, &a);
	} else if (strcmp(a.words[0], "extract") == 0) {
		code = do_extract(ctl, &receipt, &a);
	} else {
		code = ctl_usage(ctl, a.words[0], _("show, verify or extract is needed"));
	}
	receipt_done(&receipt);
	return code;
}
