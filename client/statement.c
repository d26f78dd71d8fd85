/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * The statement of a receipt in words. Which signatures there are is told from what the receipt
 * holds; whether they are true is said by `vitalectl receipt verify` only.
 */
#include "client/statement.h"

#include "client/lang.h"
#include "client/render.h"

void statement_text(const struct receipt *r, struct buf *out)
{
	buf_put_str(out, _("The statement:\n"));
	render(r->parsed, out);
	buf_put_str(out, _("\nSigned by:\n"));
	buf_put_str(out, r->cms.len > 0 ? _("  the professional's card\n")
					: _("  no professional's card\n"));
	buf_put_str(
		out, r->signature.len > 0
			     ? _("  the patient's card (it was present over this statement)\n")
			     : _("  no patient's card: only read, it proved nothing\n"));
}
