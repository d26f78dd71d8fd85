# SPDX-License-Identifier: EUPL-1.2
"""What goes wrong while a card gets power, its parameters are set, a code is typed, or a command is given up; by
vitaled-usb's socket alone. Each ends by its name, within a deadline (test_usb_faults.py), the slot and the reader
beside go on, and the slot is of use again."""
import time

import pytest

import usb_bench
from bed import wait_for
from test_usb_beside import Fingers
from test_usb_faults import (CHALLENGE, PROBES, again, next_card, readers, served,  # pylint: disable=unused-import
                             two)
from usb_bench import (CANCELLED, DONE, GONE, LIED, MUTE, READER_IN, RESET, SECURE, TAG_ATR, TAG_DATA, TAG_KEYPAD,
                       TAG_PROTOCOL, TRANSMIT, tlv)

POWER_ON, SET_PARAMETERS, KEYS, BLOCK = 0x62, 0x61, 0x69, 0x6F  # of commands (CCID 1.1 §6.1)
ENDS = {"type": LIED, "silence": MUTE, "stall-in": LIED, "stall-out": LIED,
        "unplug": GONE, "slot": MUTE, "sequence": MUTE, "extension": CANCELLED}
VERIFY = tlv(TAG_DATA, bytes.fromhex("0120000104FFFFFFFF")) + tlv(TAG_KEYPAD, bytes([4, 0, 0, 0]))


def begin(s, link, slot, moment):
    """What is under way when it goes wrong; the request. Whose fingers are on the keys, if any."""
    if moment == KEYS:
        assert s.transmits(link)
        link.send(SECURE, VERIFY)
        return Fingers(s.bed, slot, ["1234"])
    link.send(RESET)
    return None


def ends(s, link, slot, moment, fault):
    """How it does. A person has long to type, and nobody waits for a reader for ever: then the user gives up."""
    given_up = fault == "extension" or (moment == KEYS and ENDS[fault] == MUTE)
    if given_up:
        wait_for(lambda: s.met(slot))
        link.send(usb_bench.ABORT)
    assert link.answer(SECURE if moment == KEYS else RESET)[0] == (CANCELLED if given_up else ENDS[fault]), fault


def plugged_again(s, w, reader):
    s.bed.orders(f"plug {reader}")
    assert {next_card(w, READER_IN)[1] for _ in range(2)} == {s.name(2 * reader), s.name(2 * reader + 1)}


@pytest.mark.parametrize("moment", [POWER_ON, SET_PARAMETERS, KEYS], ids=["power", "parameters", "keys"])
@pytest.mark.parametrize("faults", [list(ENDS)[:4], list(ENDS)[4:]], ids="+".join)
def test_a_fault_in_the_middle_ends_with_its_name(served, moment, faults):
    """Each in a reader of its own."""
    slots = range(0, 8, 2)
    s = served(",".join(["keys" if moment == KEYS else "tpdu"] * 4), cards=("cps4-gp",) * 8,
               keypad=range(8) if moment == KEYS else ())
    w, _ = s.watch()
    links, beside = [s.attached(slot) for slot in slots], [s.attached(slot + 1) for slot in slots]
    for slot, fault in zip(slots, faults):
        if moment == SET_PARAMETERS:  # T=1 has some to set
            s.bed.orders(f"only-t1 {slot} on")
        s.bed.orders(f"fault {slot} {fault} 0 1 0 {moment}")
    fingers = [begin(s, link, slot, moment) for link, slot in zip(links, slots)]
    # an answer for the other slot may bear the number of just that one's command: nobody could tell
    assert all(s.transmits(link) for link, fault in zip(beside, faults) if fault not in ("unplug", "slot"))
    for slot, link, fault in zip(slots, links, faults):
        ends(s, link, slot, moment, fault)
        assert s.met(slot), fault
    for hands in fingers:
        if hands:
            hands.rest()
    for slot, link, other, fault in zip(slots, links, beside, faults):
        if fault == "unplug":
            assert other.transmit(CHALLENGE)[0] == GONE
            plugged_again(s, w, slot // 2)
            assert s.transmits(s.attached(slot))
        else:
            assert again(s, link, slot) and s.transmits(other), fault


@pytest.mark.parametrize("fault", ["silence", "extension"])
def test_an_abort_that_the_control_pipe_does_not_take_ends_all_the_same(two, fault):
    faulty, beside, other = (two.attached(slot) for slot in (1, 0, 2))
    two.bed.orders(f"fault 1 {fault}")
    faulty.send(TRANSMIT, tlv(TAG_DATA, CHALLENGE))
    wait_for(lambda: two.met(1))
    two.bed.orders("stall 1 control")
    faulty.send(usb_bench.ABORT)
    assert two.transmits(other)
    assert faulty.answer(TRANSMIT)[0] == CANCELLED
    assert two.met(1)  # it has stalled
    assert two.transmits(beside)
    faulty.socket.close()
    assert two.transmits(two.attached(1)) and two.transmits(beside) and two.transmits(other)


# after the deadline; for a slot that the reader does not have; before it
LATE = {"late 7000": MUTE, "slot": MUTE, "late 2500": DONE}


def test_answers_after_the_deadline_or_for_no_slot_are_nobodys(served):
    """T=1, whose deadline is the shortest. The next command has its own answer."""
    s = served("tpdu,tpdu,tpdu", cards=("cps4-gp",) * 6)
    s.watcher, _ = s.watch()
    slots = range(1, 6, 2)
    for slot in slots:
        s.bed.orders(f"only-t1 {slot} on")
    links, beside = [s.attached(slot) for slot in slots], [s.attached(slot - 1) for slot in slots]
    for slot, link, fault in zip(slots, links, LATE):
        assert link.ask(RESET)[1][TAG_PROTOCOL] == b"\1"
        s.bed.orders(f"fault {slot} {fault}")
        link.send(TRANSMIT, tlv(TAG_DATA, PROBES["cps4-gp"][0]))
    come = time.monotonic() + 8
    for link, fault in zip(links, LATE):
        outcome, body = link.answer(TRANSMIT)
        assert outcome == LATE[fault], fault
        assert outcome != DONE or (outcome, body[TAG_DATA]) == s.right["cps4-gp"][0]
    assert time.monotonic() < come - 1  # the late one is still to come
    for slot, link, other in zip(slots, links, beside):
        assert again(s, link, slot) and s.transmits(other) and s.met(slot)
    while time.monotonic() < come:
        assert s.transmits(links[0])


# what the reader is asked, and who asks: it is gone with the command on its way out
COMMANDS = {POWER_ON: (RESET,), SET_PARAMETERS: (RESET,), BLOCK: (TRANSMIT, tlv(TAG_DATA, CHALLENGE)),
            KEYS: (SECURE, VERIFY)}


def test_unplugged_at_every_byte_of_an_answer_to_reset_and_at_every_kind_of_command(served):
    s = served("tpdu,keys", cards=("cps4-gp", "vitale-family", "cps4-gp", "cps4-gp"), keypad=range(2, 4))
    w, _ = s.watch()
    other = s.attached(2)
    link = s.attached(0)
    whole = 10 + len(link.ask(RESET)[1][TAG_ATR])
    link.socket.close()
    for byte in range(whole):
        link = s.attached(0)
        s.bed.orders(f"fault 0 unplug {byte} 1 0 {POWER_ON}")
        assert link.ask(RESET)[0] == GONE
        assert s.met(0) and s.transmits(other)
        link.socket.close()
        plugged_again(s, w, 0)
    other.socket.close()
    beside = s.attached(1)
    for moment, asked in COMMANDS.items():
        s.bed.orders(f"only-t1 2 {'on' if moment == SET_PARAMETERS else 'off'}")
        link = s.attached(2)
        s.bed.orders(f"fault 2 unplug-out 0 1 0 {moment}")
        assert link.ask(*asked)[0] == GONE
        assert s.met(2) and s.transmits(beside)
        link.socket.close()
        plugged_again(s, w, 1)
    assert s.transmits(s.attached(2))
