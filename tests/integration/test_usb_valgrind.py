# SPDX-License-Identifier: EUPL-1.2
"""vitaled-usb under valgrind (the build without its limits and its filter): the whole main job of the demo, and what
readers do wrong. No error, no byte lost, no file left open at its end."""
import contextlib
import os
import re

import pytest

import demo
import scenes
from bed import ROOT, wait_for
from stage import CONFIG, READERS, USB, Stage
from test_usb_beside import CHECK, ENDS, keys_by_usb
from test_usb_faults import CHALLENGE, FAST, SELECT, Served, again
from usb_bench import (ABORT, CANCELLED, DONE, GONE, LIED, MUTE, RESET, SECURE, TAG_DATA, TAG_KEYPAD, TAG_PROTOCOL,
                       TRANSMIT, tlv)

VALGRIND = ["valgrind", "--error-exitcode=99", "--leak-check=full", "--track-fds=yes",
            "--suppressions=" + os.path.join(ROOT, "tests/usb/valgrind.supp")]
LOST = re.compile(r"(definitely|indirectly|possibly) lost: (?!0 bytes)")
OPEN = re.compile(r"==\d+== (Open .*)\n==\d+== +(.*)")


def is_clean(bed):
    """Ends vitaled-usb, and reads what valgrind says of it."""
    status, said = bed.end("vitaled-usb"), bed.log("usb-words")
    assert status == 0, said
    assert "ERROR SUMMARY: 0 errors" in said and not LOST.search(said), said
    assert "FILE DESCRIPTORS: " in said
    left = [name for name, whence in OPEN.findall(said) if whence != "<inherited from parent>"]
    assert left == [], said
    assert OPEN.search(said)  # its sockets (bed.py): they are seen


@pytest.mark.parametrize("models", [USB, *(pytest.param(f"{m},{m},{m},single", marks=pytest.mark.minutes)
                                           for m in ("character", "tpdu", "short", "extended"))])
def test_valgrind_finds_nothing_in_the_whole_main_job(make_bed, models):
    bed = make_bed("cps4-fund", None, "cps4-pharmacist", None, scenes.CARDS[0], readers=READERS, config=CONFIG,
                   usb=models, usb_program=VALGRIND)
    stage = Stage(bed, quiet=True)
    demo.play(stage)
    assert sorted(stage.receipts) == ["consultation", "creation", "delivery", "emergency", "visit"]
    is_clean(bed)


def test_valgrind_finds_nothing_in_what_is_typed_on_the_keypad(watched):
    """By short APDUs with T=0 and by blocks of ours: right, wrong, cancelled, late, too short; then abandoned."""
    cards = ("cps3-gp", None, "cps4-gp")
    s = watched("keys,leo", cards, keypad=[0, 2], only_t1=[2])
    for slot in (0, 2):
        assert {said for said, _, _ in keys_by_usb(s, slot, cards[slot][:4], slot == 2)} == ENDS
        link = s.link()
        assert link.attach(s.name(slot))[0] == DONE
        link.send(SECURE, tlv(TAG_DATA, bytes.fromhex(CHECK[cards[slot][:4]])) + tlv(TAG_KEYPAD, b"\4\0\0\0"))
        wait_for(lambda: s.bed.sim(f"keypad {slot}").startswith("asking"))
        link.socket.close()
    is_clean(s.bed)


@pytest.fixture
def watched(build, personal):
    """watched(models, cards): served under valgrind, with somebody who watches."""
    with contextlib.ExitStack() as stack:
        def make(models, cards, **more):
            s = stack.enter_context(Served(build, personal, models, cards=cards, usb_program=VALGRIND, **more))
            s.watcher, _ = s.watch()
            return s
        yield make


def test_valgrind_finds_nothing_in_answers_that_are_wrong(watched):
    """Every answer of the list that ends soon, and a card that lies in its blocks."""
    s = watched("tpdu,kap-link", ("cps4-gp", "vitale-family") * 2)
    link = s.attached(1)
    for fault in FAST:
        name, _, argument = fault.partition(" ")
        s.bed.orders(f"fault 1 {name} {argument or 0}")
        assert link.transmit(CHALLENGE)[0] == FAST[fault]
        assert again(s, link, 1) and s.met(1)
    s.bed.orders("only-t1 0 on")
    link = s.attached(0)
    assert link.ask(RESET)[1][TAG_PROTOCOL] == b"\1"
    for fault in ("checksum", "noise", "sequence", "nad", "unknown", "twice", "wtx 2", "ifs 20"):
        s.bed.orders(f"card 0 {fault}")
        assert s.transmits(link) and s.met(0), fault
    s.bed.orders("card 0 mute")
    assert link.transmit(SELECT)[0] == MUTE
    is_clean(s.bed)


def test_valgrind_finds_nothing_in_readers_that_leave_stall_and_hang(watched):
    """Unplugged inside a command and between two, stalled pipes, time asked for again and again, silence, a liar."""
    s = watched("tpdu,extended,tpdu", ("cps4-gp", "vitale-family") * 3)
    link, other = s.attached(1), s.attached(2)
    for byte in (0, 5, 12):
        s.bed.orders(f"fault 1 unplug {byte}")
        assert link.transmit(CHALLENGE)[0] == GONE
        assert s.met(1) and s.transmits(other)
        s.bed.orders("plug 0")
        link = s.attached(1)
    link.send(TRANSMIT, tlv(TAG_DATA, CHALLENGE))
    s.bed.sim("unplug 0")
    assert link.answer(TRANSMIT)[0] in (DONE, GONE)  # whichever was first
    s.bed.sim("plug 0")
    link = s.attached(1)
    for pipe in ("in", "out", "interrupt"):
        s.bed.orders(f"stall 0 {pipe}")
        assert link.transmit(CHALLENGE)[0] in (DONE, LIED)
        assert again(s, link, 1)
        wait_for(lambda: s.met(1))
    s.bed.orders("fault 1 extension")
    link.send(TRANSMIT, tlv(TAG_DATA, CHALLENGE))
    wait_for(lambda: s.met(1))
    link.send(ABORT)
    assert link.answer(TRANSMIT)[0] == CANCELLED and again(s, link, 1)
    s.bed.orders("fault 1 silence")  # its user does not wait, and is gone before the abort is over
    link.send(TRANSMIT, tlv(TAG_DATA, CHALLENGE))
    wait_for(lambda: s.met(1))
    link.socket.close()
    assert s.transmits(s.attached(1)) and s.transmits(other)
    faulty = s.attached(5)
    s.bed.orders("fault 5 old 40")
    assert faulty.transmit(CHALLENGE)[0] == LIED
    wait_for(lambda: "reader-broken: 1c34:afd0 at 1-3: reader-lied" in s.words())
    is_clean(s.bed)


@pytest.mark.minutes
def test_valgrind_finds_nothing_in_time_that_is_asked_for_for_ever(watched):
    s = watched("tpdu", ("cps4-gp", "vitale-family"))
    link = s.attached(1)
    s.bed.orders("fault 1 extension")
    assert link.transmit(CHALLENGE)[0] == LIED
    assert again(s, link, 1)
    is_clean(s.bed)
