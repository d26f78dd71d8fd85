# SPDX-License-Identifier: EUPL-1.2
"""What vitaled-usb asks of a reader, counted where the reader is: no more than pcscd and libccid do for the same, and
nothing at all when there is nothing to do. Counts, not times."""
import time

import pytest

from bed import wait_for
from terminal import SHARED, T0, Terminal
from test_usb_faults import SELECT, Served
from usb_bench import DETACH, DONE, TAG_STATE, tlv

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


@pytest.mark.parametrize("attached", [False, True])
def test_at_rest_nothing_is_asked_of_a_reader(build, personal, attached):
    """Whoever asks from time to time never agrees with itself."""
    with Served(build, personal, "tpdu") as s:
        s.watcher, _ = s.watch()
        link = s.attached(1)
        if not attached:
            assert link.ask(DETACH, tlv(TAG_STATE, b"\1"))[0] == DONE

        def rests():
            before = bulk(s), s.bed.orders.counts()[0]["control"]
            time.sleep(3)
            return (bulk(s), s.bed.orders.counts()[0]["control"]) == before
        wait_for(rests, 30)
