/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * Anchors of feeders as bytes (base/link-feed.h), so that two readings of the folder can be compared, and
 * so that an import is judged with the very ones that its feed was verified against.
 */
#include "daemon/session/crl-feeders.h"

#include "daemon/trust/feeders.h"

void crl_feeders_done(struct crl_feeders *f)
{
	buf_done(&f->taken);
	buf_done(&f->held);
}

/* Those of the import, or those that lie there: whether these are others is seen all the same.
 * Return: 0, a fault or an enum feeders_outcome. */
static int look(struct crl_feeders *f, const struct config *config, const struct trust *t,
	struct buf *out)
{
	char bad[256];
	int r = feeders_read(config->anchors, t, out, bad);

	if (!f->holding) {
		return trace(r);
	}
	f->missed = r != 0 || !view_equal(buf_view(out), buf_view(&f->held));
	buf_reset(out);
	buf_put_view(out, buf_view(&f->held));
	return trace(buf_check(out));
}

bool crl_feeders_take(struct crl_feeders *f, const struct config *config, struct trust *t)
{
	struct buf now = BUF_NULL(LIMIT_FEED_ANCHORS);

	if (look(f, config, t, &now) != 0 || view_equal(buf_view(&now), buf_view(&f->taken)) ||
		feeders_trust(t, buf_view(&now)) < 0) {
		buf_done(&now);
		return false;
	}
	buf_done(&f->taken);
	f->taken = now;
	return true;
}

int crl_feeders_hold(struct crl_feeders *f, struct view anchors)
{
	int r;

	buf_reset(&f->held);
	buf_put_view(&f->held, anchors);
	r = buf_check(&f->held);
	if (r < 0) {
		return trace(r);
	}
	f->holding = true;
	f->missed = false;
	return 0;
}

bool crl_feeders_held(const struct crl_feeders *f)
{
	return view_equal(buf_view(&f->held), buf_view(&f->taken));
}

bool crl_feeders_release(struct crl_feeders *f)
{
	f->holding = false;
	buf_done(&f->held);
	return f->missed;
}

bool crl_feeders_news(struct crl_feeders *f, struct view anchors)
{
	bool others = !view_equal(anchors, buf_view(f->holding ? &f->held : &f->taken));

	f->missed = f->missed || others;
	return others && !f->holding;
}
