/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * The statement of a receipt in words. Which signatures there are is told from what the receipt
 * holds; whether they are true is said by `vitalectl receipt verify` only.
 */
#include "client/statement.h"

#include <string.h>

#include "client/lang.h"
#include "client/render.h"

static const char *patient_text(const struct receipt *r)
{
	const char *proof = json_get_str(json_object_get(r->parsed, "patient"), "proof");

	if (r->signature.len > 0) {
		return _("  the patient's card (it was present over this statement)\n");
	}
	if (proof && strcmp(proof, "none") == 0) {
		return _("  no patient's card: it was not there\n");
	}
	return _("  no patient's card: only read, it proved nothing\n");
}

void statement_text(const struct receipt *r, struct buf *out)
{
	buf_put_str(out, _("The statement:\n"));
	render(r->parsed, out);
	buf_put_str(out, _("\nSigned by:\n"));
	buf_put_str(out, r->cms.len > 0 ? _("  the professional's card\n")
					: _("  no professional's card\n"));
	buf_put_str(out, patient_text(r));
}
