# SPDX-License-Identifier: EUPL-1.2
"""What vitaled-usb asks of a reader, counted where the reader is: no more than pcscd and libccid do for the same, and
nothing at all when there is nothing to do. Counts, not times."""
import time

import pytest

from bed import wait_for
from terminal import SHARED, T0, Terminal
from test_usb_faults import SELECT, Served
from usb_bench import DONE

APDUS = 50


def bulk(s):
    """URBs of both bulk pipes of the reader so far; the last one may be counted after its answer was heard."""
    seen = []

    def settled():
        found = s.bed.orders.counts()[0]
        seen.append(found["out"][0] + found["in"][0])
        return len(seen) > 2 and seen[-1] == seen[-2] == seen[-3]
    wait_for(settled, every=0.02)
    return seen[-1]


def spent(s, send):
    """Bulk URBs of so many APDUs, after the first."""
    send()
    before = bulk(s)
    for _ in range(APDUS):
        send()
    return bulk(s) - before


@pytest.mark.parametrize("model", ["tpdu", "short", "extended", "character"])
def test_an_apdu_costs_no_more_transfers_than_by_pcscd(build, personal, model):
    with Served(build, personal, model, cards=(None, "vitale-family")) as s:
        s.watcher, _ = s.watch()
        link = s.attached(1)

        def ask():
            assert link.transmit(SELECT)[0] == DONE
        ours = spent(s, ask)
        assert ours >= 2 * APDUS  # they are seen
        s.bed.end("vitaled-usb")
        s.bed.start_pcscd()
        with Terminal(s.bed) as t:
            listed = wait_for(lambda: len(t.readers()) == 2 and sorted(t.readers()))
            t.connect(listed[1], SHARED, T0)
            theirs = spent(s, lambda: t.send(SELECT.hex()))
        s.bed.end("pcscd")
    assert ours <= theirs


QUIET = 15  # s; longer than anything that vitaled-usb does again


def asked(s):
    """URBs of the bulk and control pipes of all readers so far."""
    return [(face["out"][0], face["in"][0], face["control"]) for face in s.bed.orders.counts().values()]


def test_at_rest_nothing_is_asked_of_a_reader(build, personal):
    """One with a card that is used, and one that nobody uses; cards without a user have lost their power by then."""
    with Served(build, personal, "tpdu,tpdu", cards=("cps4-gp", "vitale-family", "cps4-gp", "vitale-family")) as s:
        s.watcher, _ = s.watch()
        link = s.attached(1)
        wait_for(lambda: s.bed.orders("powered").split() == ["0=0", "1=1", "2=0", "3=0"], 30)
        bulk(s)  # what was asked has been answered
        before = asked(s)
        time.sleep(QUIET)
        assert asked(s) == before
        assert s.transmits(link) and asked(s) != before
