# SPDX-License-Identifier: EUPL-1.2
"""Readers that leave voltage, parameters, clock and data rate to the driver: the emulated ones (tests/usb/rates.c) let a
card hear only what comes at the rate that it took by PPS. libccid 1.5.2 makes the PPS and tells such a reader nothing of
it (no SetDataRateAndClockFrequency), so its cards are mute there; where the list has the first rate alone it serves them, too:
test_usb_faults.py has that reader beside others."""
import pytest

from test_usb_faults import COMMANDS, Served
from usb_bench import DONE, RESET, TAG_ATR, TAG_PROTOCOL

CARDS = ("cps4-gp", "vitale-family")  # TA1 = 18 (129,032 bit/s) and 13 (43,010, which by-hand does not list)


@pytest.fixture
def served(build, personal):
    found = []

    def start(models):
        found.append(Served(build, personal, models, cards=CARDS * len(models.split(","))).__enter__())
        found[0].watcher, _ = found[0].watch()
        return found[0]
    yield start
    for s in found:
        s.__exit__(None, None, None)


def rates(s, slot):
    """(protocol, PPS1 that the card took or 11; the reader's kHz, bit/s, how often they were set since the reset)"""
    found = dict(w.split("=") for w in s.bed.orders("rates").split())[str(slot)].split("/")
    return int(found[0]), int(found[1], 16), *map(int, found[2:])


def session(s, slot):
    """What a session's worth of commands brings."""
    link = s.attached(slot)
    outcome, body = link.ask(RESET)
    assert outcome == DONE
    answers = [link.transmit(bytes.fromhex(c)) for _ in range(3) for c in COMMANDS[link.card]]
    assert {outcome for outcome, _ in answers} == {DONE}
    agreed = rates(s, slot)
    assert agreed[0] == body[TAG_PROTOCOL][0]
    assert s.transmits(link)
    link.socket.close()
    return agreed, (body[TAG_ATR], body[TAG_PROTOCOL], answers)


@pytest.mark.parametrize("model, found", [
    ("by-hand", [(0, 0x18, 4000, 129036, 1), (0, 0x12, 4000, 21506, 1), (1, 0x18, 4000, 129036, 1)]),
    ("one-rate", [(0, 0x11, 4000, 10752, 0), (0, 0x11, 4000, 10752, 0), (1, 0x11, 4000, 10752, 0)]),
    ("no-rate", [(0, 0x11, 4000, 10752, 0), (0, 0x11, 4000, 10752, 0), (1, 0x11, 4000, 10752, 0)])])
def test_a_reader_is_told_a_rate_of_its_list_and_the_card_by_pps(served, model, found):
    """T=0 and T=1; a reader that keeps pace by itself gets the same answers. One that refuses what it lists stays at the
    first rate, and so does its card."""
    s = served(f"{model},tpdu")
    for slot, agreed in ((0, found[0]), (1, found[1])):
        by_hand, answers = session(s, slot)
        assert by_hand == agreed
        assert session(s, 2 + slot)[1] == answers
    for slot in (0, 2):
        s.bed.orders(f"only-t1 {slot} on")
    by_hand, answers = session(s, 0)
    assert by_hand == found[2]
    assert session(s, 2)[1] == answers
